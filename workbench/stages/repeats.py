"""What a frozen dataset repeats: rows that teach one function, rows that meet a held-out task.

The filters looked before the rows were frozen; this looks at the rows as they are, whatever rules
they went through. Nothing is removed here. What was found is kept beside the snapshot, so that a
screen can show it without doing the work again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from workbench.stages.events import Reporter
from workbench.stages.filtering import contaminated, semantic_duplicates
from workbench.stages.training_rows import snapshot_examples
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import SettingRow, SnapshotRow, TaskRow
from workbench.tasks import Task, task_of

if TYPE_CHECKING:
    from distill.example import Example
    from workbench.settings import Settings

__all__ = ["Group", "Member", "Met", "Repeats", "find_repeats", "kept_repeats", "repeats_key"]

_STAGE = "repeats"


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a group and why it is there."""

    row: int
    """Its place in the dataset, counted from 1."""
    task: str
    basis: str
    """One of first, form (the same code under renaming), proved (equal for every input) or probes
    (equal on every input that was tried)."""
    code: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that teach one function, the one that came first in front."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Met:
    """A row that meets a held-out task, and how."""

    row: int
    task: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Repeats:
    """What one snapshot repeats: the largest groups first."""

    snapshot: str
    rows: int
    functions: int
    """How many different functions the rows teach."""
    groups: tuple[Group, ...]
    met: tuple[Met, ...]

    @property
    def sentence(self) -> str:
        """Say it."""
        repeated = self.rows - self.functions
        return (
            f"{self.rows} rows teach {self.functions} functions ({repeated} repeat one, in"
            f" {len(self.groups)} groups); {len(self.met)} meet a held-out task."
        )


def find_repeats(
    store: Store, settings: Settings, snapshot: SnapshotRow, reporter: Reporter | None = None
) -> Repeats:
    """Run, compare and prove until it is known which rows repeat what; keep what was found."""
    from distill.filter_config import ContaminationRule

    reporter = reporter or Reporter(store, round_id=snapshot.round_id)
    rows = snapshot_examples(store, snapshot)
    tasks = _tasks(store, rows)
    reporter.start(_STAGE, 2, f"{len(rows)} rows of {snapshot.id} against each other")
    duplicates = semantic_duplicates(rows, tasks, jobs=settings.jobs)
    reporter.progress(_STAGE, 1, 2, "against held-out tasks")
    met = contaminated(store, settings, rows, ContaminationRule(), tasks)
    places: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for one in duplicates:
        places[one.kept].append((one.index, one.basis))
    groups = [
        Group(
            tuple(
                Member(place + 1, rows[place].task_id, basis, rows[place].completion)
                for place, basis in ((first, "first"), *others)
            )
        )
        for first, others in places.items()
    ]
    found = Repeats(
        snapshot.id,
        len(rows),
        len(rows) - len(duplicates),
        tuple(sorted(groups, key=lambda g: (-len(g.members), g.members[0].row))),
        tuple(Met(p + 1, rows[p].task_id, sentence) for p, sentence in sorted(met.items())),
    )
    _keep(store, found)
    reporter.done(_STAGE, found.sentence)
    return found


def repeats_key(snapshot: str) -> str:
    """Return the setting that names the blob of what was found for a snapshot."""
    return f"repeats/{snapshot}"


def kept_repeats(store: Store, snapshot: str) -> Repeats | None:
    """Return what was found earlier for a snapshot, or None when nobody has looked."""
    with store.read() as session:
        row = session.get(SettingRow, repeats_key(snapshot))
    return None if row is None else _read(parse(store.blobs.text(row.value)))


def _keep(store: Store, found: Repeats) -> None:
    name = store.blobs.put_text(canonical(asdict(found)))
    with store.write() as session:
        session.merge(SettingRow(key=repeats_key(found.snapshot), value=name))


def _read(written: Mapping[str, Any]) -> Repeats:
    return Repeats(
        written["snapshot"],
        written["rows"],
        written["functions"],
        tuple(Group(tuple(Member(**m) for m in g["members"])) for g in written["groups"]),
        tuple(Met(**m) for m in written["met"]),
    )


def _tasks(store: Store, rows: list[Example]) -> dict[str, Task]:
    names = sorted({row.task_id for row in rows})
    found: dict[str, Task] = {}
    with store.read() as session:
        for begin in range(0, len(names), 500):
            query = select(TaskRow).where(col(TaskRow.id).in_(names[begin : begin + 500]))
            found |= {row.id: task_of(row) for row in session.exec(query)}
    return found
