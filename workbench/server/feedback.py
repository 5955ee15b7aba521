"""What is asked in production becomes tomorrow's tasks: kept by consent, without personal data.

Nothing is kept unless the server was started with ``--keep``; a request can still say no with
``"store": false`` (OpenAI's own field). Lines with secrets or personal data are taken out before
anything is written, and what was taken out is named. Answers are not kept: they are asked anew.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from workbench.errors import MissingPartError
from workbench.store.canonical import canonical, digest, parse
from workbench.store.database import Store
from workbench.store.tables import ServedRow, TaskRow
from workbench.tasks import Task, add_tasks

__all__ = ["Keeper", "Removed", "Seen", "make_tasks", "without_personal_data"]

_CUT = "[removed: {}]"
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Removed:
    """A text without the lines that held personal data or secrets, and what kinds they held."""

    text: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one served request when it has been answered."""

    model: str
    version_digest: str
    prompt: str
    finish: str
    characters: int
    answered_by: str
    task: Task | None = None
    """The question with its contract, where there was one."""
    verdict: str | None = None


def without_personal_data(text: str) -> Removed:
    """Take out each line in which the detectors find something; see ``distill.privacy``."""
    from distill.errors import DistillError
    from distill.privacy import personal, secrets

    try:
        found = [*secrets(text), *personal(text)]
    except DistillError as error:
        raise MissingPartError.extra("Keeping served requests", "privacy") from error
    if not found:
        return Removed(text, ())
    kinds: dict[int, set[str]] = {}
    for one in found:
        kinds.setdefault(one.line, set()).add(one.kind)
    lines = text.splitlines()
    for number, names in kinds.items():
        lines[number - 1] = _CUT.format(", ".join(sorted(names)))
    return Removed("\n".join(lines), tuple(sorted({one.kind for one in found})))


class Keeper:
    """Writes what may be kept. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        without_personal_data("")  # a missing detector is told at the start, not at a request

    def keep(self, seen: Seen) -> None:
        """Write one request down, without what must not be kept."""
        from teachers.routing import categorise

        clean = without_personal_data(seen.prompt[:_LONGEST])
        contract = None
        if seen.task is not None:
            task = seen.task
            contract = canonical(
                {
                    "entry_point": task.entry_point,
                    "signature": task.signature,
                    "contract": task.contract,
                    "tests": list(task.tests),
                }
            )
            if without_personal_data(contract).kinds:
                contract = None  # a contract with a hole is no contract
        row = ServedRow(
            model=seen.model,
            version_digest=seen.version_digest,
            prompt=clean.text,
            removed_json=canonical(list(clean.kinds)),
            contract_json=contract,
            category=categorise(clean.text).name,
            finish=seen.finish,
            characters=seen.characters,
            answered_by=seen.answered_by,
            verdict=seen.verdict,
        )
        with self._lock, self._store.write() as session:
            session.add(row)


def make_tasks(store: Store, *, split: str = "train", limit: int | None = None) -> list[Task]:
    """Turn kept requests that had a contract into tasks, each once; return the new ones.

    A question that a held-out task asks already stays out, whatever its split would be.
    """
    with store.read() as session:
        query = (
            select(ServedRow)
            .where(col(ServedRow.contract_json).is_not(None), col(ServedRow.task_id).is_(None))
            .order_by(col(ServedRow.id))
            .limit(limit or 100_000)
        )
        rows = list(session.exec(query))
        held_out = {
            _plain(prompt)
            for prompt in session.exec(select(TaskRow.prompt).where(TaskRow.split == "eval"))
        }
    made: dict[str, Task] = {}
    of_row: dict[int, str] = {}
    for row in rows:
        if _plain(row.prompt) in held_out or row.id is None:
            continue
        task = _task(row, split)
        made.setdefault(task.id, task)
        of_row[row.id] = task.id
    add_tasks(store, list(made.values()))
    _mark(store, of_row)
    return list(made.values())


def _task(row: ServedRow, split: str) -> Task:
    held = parse(row.contract_json or "{}")
    contract = held["contract"]
    name = digest([row.prompt, held])[:16]
    return Task(
        id=f"served/{name}",
        prompt=row.prompt,
        entry_point=held["entry_point"],
        signature=held["signature"],
        requires=tuple(contract["requires"]),
        ensures=tuple(contract["ensures"]),
        raises=tuple(contract["raises"]),
        helpers=contract["helpers"],
        tests=tuple(json.loads(json.dumps(held["tests"]))),
        category=row.category,
        split=split,
        source="served",
        licence="private",
    )


def _mark(store: Store, of_row: dict[int, str]) -> None:
    numbers: Sequence[int] = sorted(of_row)
    for begin in range(0, len(numbers), 500):
        with store.write() as session:
            for number in numbers[begin : begin + 500]:
                row = session.get(ServedRow, number)
                if row is not None:
                    row.task_id = of_row[number]
                    session.add(row)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
