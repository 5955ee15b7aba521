"""Tasks: what is asked. Values, their digest, and the way into and out of the store.

Files are read by ``workbench.task_files``; here a task is already a checked value. A task in the
store never changes: an edited one needs a new id, so that old verdicts stay true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.pictures import Picture

if TYPE_CHECKING:
    from sqlmodel import Session

    from distill.family.tasks import FamilyTask
    from judge.contract import Submission
    from workbench.store.database import Store
    from workbench.store.tables import TaskRow

__all__ = [
    "Imported",
    "Task",
    "add_tasks",
    "from_family",
    "off_the_other_side",
    "submission",
    "task_of",
]

SPLITS = ("train", "eval", "none")


@dataclass(frozen=True, slots=True)
class Task:
    """One task. ``tests`` hold plain values in the judge's JSON encoding, as files do."""

    id: str
    prompt: str
    entry_point: str
    signature: str
    requires: tuple[str, ...] = ()
    ensures: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    helpers: str = ""
    tests: tuple[dict[str, Any], ...] = ()
    """``{"args": [...], "expected": ...}`` or ``{"args": [...], "raises": "ValueError"}``."""
    test_code: str | None = None
    category: str = "general"
    family: str | None = None
    split: str = "none"
    source: str = "unknown"
    licence: str = "unknown"
    reference: str | None = field(default=None, repr=False)
    images: tuple[Picture, ...] = ()
    """Pictures that belong to the prompt; for those who take them."""

    @property
    def contract(self) -> dict[str, Any]:
        """The contract as its JSON column holds it."""
        return {
            "requires": list(self.requires),
            "ensures": list(self.ensures),
            "raises": list(self.raises),
            "helpers": self.helpers,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked and what is checked; id, split and origin are not in it."""
        from workbench.store.canonical import digest

        pictures = {"images": [each.digest for each in self.images]} if self.images else {}
        return digest(
            {
                **pictures,
                "prompt": self.prompt,
                "entry_point": self.entry_point,
                "signature": self.signature,
                "contract": self.contract,
                "tests": list(self.tests),
                "test_code": self.test_code,
            }
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the tasks that were handed in."""

    new: int
    known: int

    @property
    def sentence(self) -> str:
        """Say it."""
        return f"{self.new} new, {self.known} already here."


def add_tasks(store: Store, tasks: Iterable[Task]) -> Imported:
    """Store ``tasks`` in one transaction; repeating it changes nothing.

    Raises ``InputError`` when an id is taken by another task, or when the same task is already
    here on the other side of the split; then nothing is stored.
    """
    from workbench.store.tables import TaskRow

    new = known = 0
    seen: dict[str, Task] = {}
    with store.write() as session:
        sides = _sides(session)
        for task in tasks:
            _check_sides(task, sides)
            old = session.get(TaskRow, task.id)
            if old is None and task.id not in seen:
                for picture in task.images:
                    if picture.data is not None:
                        store.blobs.put(picture.data)
                session.add(_row(task))
                seen[task.id] = task
                new += 1
            elif (old.digest if old is not None else seen[task.id].digest) == task.digest:
                known += 1
            else:
                raise InputError(
                    f"Task {task.id!r} is already here with another content.",
                    "A task never changes; give the edited one a new id.",
                )
    return Imported(new, known)


def off_the_other_side(store: Store, tasks: Sequence[Task]) -> list[Task]:
    """Leave out tasks that are here on the other side of the split (or twice among ``tasks``).

    For generated tasks, of which there are always more; a person's file is refused instead.
    """
    with store.read() as session:
        sides = _sides(session)
    return [
        task
        for task in tasks
        if task.split == "none"
        or sides.setdefault(task.digest, (task.split, task.id))[0] == task.split
    ]


def _sides(session: Session) -> dict[str, tuple[str, str]]:
    """Return digest -> (split, id) of the tasks that stand on a side of the split."""
    from sqlmodel import col, select

    from workbench.store.tables import TaskRow

    query = select(TaskRow.digest, TaskRow.split, TaskRow.id).where(col(TaskRow.split) != "none")
    return {digest: (split, name) for digest, split, name in session.exec(query)}


def _check_sides(task: Task, sides: dict[str, tuple[str, str]]) -> None:
    if task.split == "none":
        return
    split, name = sides.setdefault(task.digest, (task.split, task.id))
    if split != task.split:
        raise InputError(
            f"Task {task.id!r} ({task.split}) is the same as {name!r} ({split}).",
            "A task cannot be trained on and held out; leave one of them away.",
        )


def _row(task: Task) -> TaskRow:
    from workbench.store.canonical import canonical
    from workbench.store.tables import TaskRow

    return TaskRow(
        id=task.id,
        digest=task.digest,
        prompt=task.prompt,
        entry_point=task.entry_point,
        signature=task.signature,
        contract_json=canonical(task.contract),
        tests_json=canonical(list(task.tests)),
        test_code=task.test_code,
        category=task.category,
        family=task.family,
        split=task.split,
        source=task.source,
        licence=task.licence,
        reference=task.reference,
        images_json=canonical([[p.media_type, p.digest] for p in task.images])
        if task.images
        else None,
    )


def task_of(row: TaskRow) -> Task:
    """Return the task that a row holds."""
    from workbench.store.canonical import parse

    contract = parse(row.contract_json)
    return Task(
        id=row.id,
        prompt=row.prompt,
        entry_point=row.entry_point,
        signature=row.signature,
        requires=tuple(contract["requires"]),
        ensures=tuple(contract["ensures"]),
        raises=tuple(contract["raises"]),
        helpers=contract["helpers"],
        tests=tuple(parse(row.tests_json)),
        test_code=row.test_code,
        category=row.category,
        family=row.family,
        split=row.split,
        source=row.source,
        licence=row.licence,
        reference=row.reference,
        images=tuple(Picture(kind, name) for kind, name in parse(row.images_json or "[]")),
    )


def submission(task: Task, code: str, name: str) -> Submission:
    """Return ``code`` as an answer to ``task``, ready for the judge, under the id ``name``."""
    from judge.contract import Case, Contract, Submission
    from judge.plain import from_json

    cases = tuple(
        Case(
            args=tuple(from_json(arg) for arg in test["args"]),
            expected=from_json(test.get("expected")),
            raises=test.get("raises"),
        )
        for test in task.tests
    )
    return Submission(
        id=name,
        entry_point=task.entry_point,
        code=code,
        contract=Contract(task.requires, task.ensures, task.raises, task.helpers),
        tests=cases,
        test_code=task.test_code,
        signature=task.signature or None,
    )


def from_family(generated: Sequence[FamilyTask]) -> list[Task]:
    """Return generated tasks as tasks; the id ends with the content's digest, so it is stable."""
    from dataclasses import replace

    from judge.plain import to_json

    tasks = [
        Task(
            id=made.id,
            prompt=made.prompt,
            entry_point=made.entry_point,
            signature=made.signature,
            requires=tuple(made.requires),
            ensures=tuple(made.ensures),
            tests=tuple(
                {"args": [to_json(arg) for arg in args], "expected": to_json(expected)}
                for args, expected in made.examples
            ),
            category=made.category,
            family=made.family,
            split=made.split,
            source=made.source,
            licence=made.licence,
            reference=made.reference,
        )
        for made in generated
    ]
    # Drawing more tasks from the same seed may number them differently.
    return [replace(task, id=f"{task.id}-{task.digest[:6]}") for task in tasks]
