"""What is known about the tasks' contracts: whether each is worth proving against, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.reading import count, like, rows, stored

WORDS = ("ok", "weak", "vacuous", "bad", "unknown", "not assessed")
"""What a contract's assessment can say, the best first."""

_WORD = "coalesce({json}, 'not assessed')"


@dataclass(frozen=True, slots=True)
class Survivor:
    """A wrong version that the contract accepts: its code, the change, an input that differs."""

    change: str
    example: str
    code: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an assessment found; ``None`` in a field means that it was not asked."""

    word: str
    explanation: str
    satisfiable: str | None
    total: bool | None
    holds_for_reference: bool | None
    deterministic: bool | None
    mutants: int
    killed: int
    equivalent: int
    hung: int
    survivors: tuple[Survivor, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One task in the list of contracts."""

    task_id: str
    category: str
    split: str
    clauses: tuple[str, ...]
    assessment: Assessment | None

    @property
    def word(self) -> str:
        """One of ``WORDS``."""
        return self.assessment.word if self.assessment else "not assessed"


def assessment_of(record: Mapping[str, Any] | None) -> Assessment | None:
    """Return an assessment from its stored form, or None where there is none."""
    if not record:
        return None
    return Assessment(
        word=str(record.get("verdict", "unknown")),
        explanation=str(record.get("explanation", "")),
        satisfiable=record.get("satisfiable"),
        total=record.get("total"),
        holds_for_reference=record.get("holds_for_reference"),
        deterministic=record.get("deterministic"),
        mutants=int(record.get("mutants") or 0),
        killed=int(record.get("killed") or 0),
        equivalent=int(record.get("equivalent") or 0),
        hung=int(record.get("hung") or 0),
        survivors=tuple(
            Survivor(s.get("change", ""), s.get("example", ""), s.get("code", ""))
            for s in record.get("survivors") or ()
        ),
    )


def _word(connection: Connection) -> str:
    """Return SQL for the word of a task's assessment."""
    if connection.dialect.name == "sqlite":
        return _WORD.format(json="json_extract(adequacy_json, '$.verdict')")
    return _WORD.format(json="adequacy_json::json ->> 'verdict'")


def counts(connection: Connection) -> dict[str, int]:
    """Return how many tasks there are of each word."""
    found = rows(
        connection, f"SELECT {_word(connection)} AS word, count(*) AS n FROM task GROUP BY 1"
    )
    return {r["word"]: r["n"] for r in found}


def page(
    connection: Connection, word: str = "", search: str = "", *, number: int = 1, size: int = 50
) -> tuple[tuple[Line, ...], int]:
    """Return one page of tasks, the weakest contracts first, and how many fit the filter."""
    said = _word(connection)
    narrowed = f"""FROM task WHERE (:word = '' OR {said} = :word) AND (:search = ''
        OR lower(id) LIKE :search ESCAPE '\\' OR lower(prompt) LIKE :search ESCAPE '\\')"""
    values: dict[str, object] = {"word": word, "search": like(search) if search else ""}
    total = count(connection, f"SELECT count(*) AS n {narrowed}", **values)
    order = " ".join(
        f"WHEN '{w}' THEN {n}"
        for n, w in enumerate(("bad", "vacuous", "weak", "unknown", "not assessed", "ok"))
    )
    found = rows(
        connection,
        f"""SELECT id, category, split, contract_json, adequacy_json {narrowed}
        ORDER BY CASE {said} {order} ELSE 9 END, id LIMIT :size OFFSET :skip""",
        size=size,
        skip=(number - 1) * size,
        **values,
    )
    return tuple(
        Line(
            r["id"],
            r["category"],
            r["split"],
            tuple((stored(r["contract_json"]) or {}).get("ensures", ())),
            assessment_of(stored(r["adequacy_json"])),
        )
        for r in found
    ), total


def answered(connection: Connection, task_id: str) -> int:
    """Return how many answers a task has: its contract was frozen before the first of them."""
    return count(connection, "SELECT count(*) AS n FROM answer WHERE task_id = :task", task=task_id)


def reference(connection: Connection, task_id: str) -> str | None:
    """Return the reference solution that a task's contract is measured with, if there is one."""
    found = rows(connection, "SELECT reference FROM task WHERE id = :task", task=task_id)
    return found[0]["reference"] if found else None
