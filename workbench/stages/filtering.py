"""The filter pipeline of a round: its rules, the judge they borrow, and how the funnel is kept.

What a pipeline took is recorded beside what the selection rule read: ``filters`` says how many rows
came into and went out of each rule, ``removed`` names every row that went, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import select

from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import SnapshotRow, TaskRow
from workbench.tasks import Task, task_of

if TYPE_CHECKING:
    from distill.dedupe import Duplicate
    from distill.example import Example
    from distill.filter_config import ContaminationRule, Filters
    from distill.filters import Filtered, Tools
    from workbench.stages.behaviour import Subject

__all__ = [
    "STANDARD",
    "contaminated",
    "filter_rows",
    "filtered_inputs",
    "funnel_steps",
    "parse_filters",
    "read_filter_file",
    "removed_rows",
    "semantic_duplicates",
]

STANDARD: tuple[dict[str, Any], ...] = (
    {"rule": "truncation"},
    {"rule": "secrets"},
    {"rule": "personal"},
    {"rule": "exact"},
    {"rule": "contamination"},
)
"""What every round's dataset goes through unless its configuration says otherwise."""


def parse_filters(given: Sequence[Mapping[str, Any]], where: str = "filters") -> Filters:
    """Return rules as a pipeline; an ``InputError`` names the rule or field that is wrong."""
    from distill.errors import DistillError
    from distill.filter_config import checked_filters

    try:
        return checked_filters({"filter": [dict(rule) for rule in given]}, where)
    except DistillError as error:
        raise InputError(f"{error}.", "Correct it or leave it out.") from error


def read_filter_file(path: Path) -> tuple[dict[str, Any], ...]:
    """Read a pipeline's rules from a TOML or YAML file, defaults filled in."""
    from distill.errors import DistillError
    from distill.filter_config import read_filters

    try:
        found = read_filters(path)
    except DistillError as error:
        raise InputError(f"{error}.", "Correct the file.") from error
    return tuple(rule.model_dump(mode="json") for rule in found.filter)


def filter_rows(
    store: Store,
    settings: Settings,
    examples: Sequence[Example],
    filters: Filters | None,
    tasks: Sequence[Task],
    *,
    kept: Mapping[str, str],
) -> Filtered:
    """Apply a pipeline (the standard one if None) to the winners' rows.

    Raises ``StageError`` with the mend when a rule cannot be applied here.
    """
    from distill.errors import DistillError
    from distill.filters import run_filters

    by_id = {task.id: task for task in tasks}
    rules = filters if filters is not None else parse_filters(STANDARD)
    try:
        return run_filters(examples, rules, tools=_tools(store, settings, by_id), kept=kept)
    except DistillError as error:
        raise StageError(f"{error}.", "Install it, or leave the rule out.") from error


def filtered_inputs(filtered: Filtered) -> dict[str, Any]:
    """Return the funnel as it is kept beside what the selection rule read."""
    return {
        "filters": [
            {
                "rule": step.rule,
                "settings": dict(step.settings),
                "before": step.before,
                "after": step.after,
            }
            for step in filtered.steps
        ],
        "removed": [
            {"task": one.task_id, "rule": one.rule, "reason": one.reason}
            for one in filtered.removed
        ],
    }


def funnel_steps(store: Store, snapshot: SnapshotRow) -> list[dict[str, Any]]:
    """Return the funnel of a snapshot: rule, settings, rows before and after; [] for old ones."""
    steps: list[dict[str, Any]] = parse(store.blobs.text(snapshot.inputs_digest)).get("filters", [])
    return steps


def removed_rows(store: Store, snapshot: SnapshotRow) -> list[dict[str, str]]:
    """Return the winners that a filter kept out: task, rule and reason."""
    rows: list[dict[str, str]] = parse(store.blobs.text(snapshot.inputs_digest)).get("removed", [])
    return rows


def semantic_duplicates(
    examples: Sequence[Example], tasks: Mapping[str, Task], *, jobs: int
) -> list[Duplicate]:
    """Find rows that teach a function which an earlier row already teaches."""
    from distill.semantic import semantic
    from workbench.stages.behaviour import probe_apart, same_all

    def probe(rows: Sequence[Example]) -> list[str | None]:
        return probe_apart([_subject(row, tasks) for row in rows], jobs=jobs)

    def same(pairs: Sequence[tuple[Example, Example]]) -> list[bool | None]:
        return same_all([(_subject(a, tasks), _subject(b, tasks)) for a, b in pairs], jobs=jobs)

    return semantic(examples, probe, same)


def _subject(row: Example, tasks: Mapping[str, Task]) -> Subject | None:
    from workbench.stages.behaviour import subject_of

    task = tasks.get(row.task_id)
    if task is None:
        return subject_of(row.completion)
    return subject_of(row.completion, task.entry_point, task.signature, task.requires)


def contaminated(
    store: Store,
    settings: Settings,
    rows: Sequence[Example],
    rule: ContaminationRule,
    tasks: Mapping[str, Task],
) -> dict[int, str]:
    """Return for each row that meets what must not be trained on a sentence saying what it meets.

    Keys are places in ``rows``. The home's own held-out tasks are always protected.
    """
    from workbench.stages.contamination import meetings, read_protected, reasons

    own = _held_out(store)
    prompts = {_words(task.prompt): task.id for task in own}
    asked = {place: prompts.get(_words(row.messages[-1][1])) for place, row in enumerate(rows)}
    found = {
        place: f"asks what the held-out task {name} asks"
        for place, name in asked.items()
        if name is not None
    }
    protected = [*read_protected(rule.files), *(replace(task, prompt="") for task in own)]
    subjects = {place: _subject(row, tasks) for place, row in enumerate(rows)}
    met = meetings(
        rows, protected, subjects, n=rule.n, by_behaviour=rule.behaviour, jobs=settings.jobs
    )
    return reasons(met) | found


def _tools(store: Store, settings: Settings, tasks: Mapping[str, Task]) -> Tools:
    from distill.filters import Tools

    return Tools(
        semantic=lambda rows: semantic_duplicates(rows, tasks, jobs=settings.jobs),
        contaminated=lambda rows, rule: contaminated(store, settings, rows, rule, tasks),
    )


def _held_out(store: Store) -> list[Task]:
    """Return the home's held-out tasks.

    Prompts of one project share phrases, so these are compared by their whole prompt, not by runs
    of words; and by what their functions do.
    """
    with store.read() as session:
        rows = session.exec(select(TaskRow).where(TaskRow.split == "eval")).all()
    return [task_of(row) for row in rows]


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.lower()))
