"""Drafts of contracts for tasks that have none, and what it takes to freeze one.

Clauses come from a task's own examples and, where one is named, from a teacher that reads the
prompt. Both are sifted by the examples and held to the task's reference where there is one. A draft
is no contract yet: a person says yes to it, or a policy that is written down with it, before any
code is asked for. What it is not: a way to change the contract of a task that is in the store.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.stages.ask import open_teachers
from workbench.stages.door import Door
from workbench.stages.sources import register_teacher
from workbench.store.database import Store
from workbench.tasks import Task, submission

if TYPE_CHECKING:
    from judge.adequacy import Adequacy
    from judge.drafting import Draft
    from teachers.model import Prompt

__all__ = ["DraftedTask", "Policy", "ask_contracts", "draft_prompt", "draft_tasks", "freeze"]

_SYSTEM = (
    "You write contracts for Python functions. Read the task and answer with one JSON object and "
    'nothing else: {"requires": [...], "ensures": [...], "raises": [...]}. Each clause is one '
    "Python boolean expression over the parameters; in ensures also `result`, and old(x) for a "
    "parameter's value on entry. Use pure builtins only. Say as much as the task says: together "
    "the clauses should admit no wrong result. requires holds only what the task promises about "
    "its inputs; raises names the exceptions that the task asks for."
)


@dataclass(frozen=True, slots=True)
class Policy:
    """When a draft may be frozen without a person: written into the task's source."""

    examples: int = 5
    score: float = 0.9
    """Share of the reference's mutants that the contract must notice."""

    @property
    def sentence(self) -> str:
        """How it is written down."""
        return f"a policy: at least {self.examples} examples, {self.score:.0%} of mutants noticed"


@dataclass(frozen=True, slots=True)
class DraftedTask:
    """A task with a drafted contract, where the clauses came from, and what they are worth."""

    task: Task
    by: str
    draft: Draft
    adequacy: Adequacy | None = None
    """None where nothing was drafted."""

    @property
    def empty(self) -> bool:
        """Whether no clause about the result was found."""
        return not self.draft.contract.ensures

    def objection(self, policy: Policy) -> str | None:
        """Why the policy does not freeze this draft, or None when it does."""
        if self.empty or self.adequacy is None:
            return "nothing about the result was drafted"
        if self.draft.examples < policy.examples:
            return f"it was held against {self.draft.examples} examples only"
        if self.adequacy.verdict in ("bad", "vacuous"):
            return self.adequacy.explanation
        if self.adequacy.score is None:
            return "without a reference it is not known which mistakes it notices"
        if self.adequacy.score < policy.score:
            return f"it notices {self.adequacy.score:.0%} of the reference's mutants"
        return None


def draft_prompt(task: Task) -> Prompt:
    """The question to a teacher: the task's words, its signature and its examples."""
    from teachers.model import Prompt

    shown = [json.dumps(test, ensure_ascii=False) for test in task.tests[:8]]
    examples = "\n".join(["Examples:", *shown]) if shown else "There are no examples."
    text = f"Task: {task.prompt.strip()}\n\nSignature: {task.signature}\n\n{examples}"
    return Prompt.of(text, system=_SYSTEM)


def ask_contracts(
    store: Store, settings: Settings, teacher: str, tasks: Sequence[Task], door: Door | None = None
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Ask a teacher about each task: (JSON objects by task id, sentences about what failed).

    Requests go through the same door as all others: cache, caps, limits, private mode.
    """
    return asyncio.run(_ask(store, settings, teacher, tasks, door or Door()))


async def _ask(
    store: Store, settings: Settings, name: str, tasks: Sequence[Task], door: Door
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    from teachers.errors import TeacherError
    from teachers.model import Finish, Sampling

    (teacher,) = open_teachers([name])
    register_teacher(store, settings, teacher)
    gateway = door.gateway(store, settings, f"contracts:{name}")
    found: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    try:
        for task in tasks:
            try:
                answer = await gateway.ask(teacher, draft_prompt(task), Sampling())
            except TeacherError as error:
                failed.append(f"{name} was not asked: {error}")
                break
            if answer.finish in (Finish.FAILED, Finish.CANNOT):
                said = answer.failure.message if answer.failure is not None else answer.text
                failed.append(f"{task.id}: {name} gave no contract: {said}")
            elif (reply := _object_in(answer.text)) is None:
                failed.append(f"{task.id}: no JSON object in what {name} answered")
            else:
                found[task.id] = reply
    finally:
        await teacher.close()
    return found, failed


def _object_in(text: str) -> dict[str, Any] | None:
    """The first JSON object in a reply that speaks of a contract."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            value = None
        if isinstance(value, dict) and {"requires", "ensures"} & set(value):
            return value
        start = text.find("{", start + 1)
    return None


def draft_tasks(
    tasks: Sequence[Task], replies: dict[str, dict[str, Any]], teacher: str | None = None
) -> tuple[list[DraftedTask], list[str]]:
    """Draft a contract for each task: (drafts, sentences about tasks that got none)."""
    from judge.sandbox import open_sandbox

    found: list[DraftedTask] = []
    failed: list[str] = []
    with open_sandbox() as sandbox:
        for task in tasks:
            drafted = _draft(sandbox, task, replies.get(task.id), teacher)
            if isinstance(drafted, str):
                failed.append(f"{task.id}: {drafted}")
            else:
                found.append(drafted)
    return _assessed(found), failed


def _draft(
    sandbox: Any, task: Task, reply: dict[str, Any] | None, teacher: str | None
) -> DraftedTask | str:
    from judge.drafting import contract_in, from_examples, sift
    from judge.reading.source import Fault

    cases = submission(task, "", task.id).tests
    seen = from_examples(task.signature, cases)
    if isinstance(seen, Fault):
        return str(seen)
    said = seen if reply is None else contract_in(reply)
    if isinstance(said, Fault):
        return f"the answer of {teacher} cannot be used: {said}"
    both = replace(
        said,
        ensures=tuple(dict.fromkeys((*said.ensures, *seen.ensures))),
        raises=tuple(dict.fromkeys((*said.raises, *seen.raises))),
        helpers=task.helpers,
    )
    draft = sift(sandbox, task.entry_point, task.signature, both, cases)
    if isinstance(draft, Fault):
        return str(draft)
    by = "examples" if reply is None else f"{teacher} and examples"
    contract = draft.contract
    drafted = replace(
        task, requires=contract.requires, ensures=contract.ensures, raises=contract.raises
    )
    return DraftedTask(drafted, by, draft)


def _assessed(drafts: list[DraftedTask]) -> list[DraftedTask]:
    from judge.adequacy import Specimen, assess_many

    worth = [drafted for drafted in drafts if not drafted.empty]
    specimens = [
        Specimen(d.draft.contract, d.task.signature, d.task.entry_point, d.task.reference)
        for d in worth
    ]
    known = {
        d.task.id: found for d, found in zip(worth, assess_many(specimens, jobs=1), strict=True)
    }
    return [replace(drafted, adequacy=known.get(drafted.task.id)) for drafted in drafts]


def freeze(drafted: DraftedTask, by: str) -> Task:
    """The task with its contract settled: who drafted it and who said yes is in its source."""
    if drafted.empty:
        raise InputError(
            f"{drafted.task.id} has no clause about the result.", "Write one, or leave it out."
        )
    source = f"{drafted.task.source}; contract drafted by {drafted.by}, frozen by {by}"
    return replace(drafted.task, source=source)
