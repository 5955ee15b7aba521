"""``workbench contracts draft``: suggest contracts for tasks, and freeze what is agreed to."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_lines, note
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.stages.drafting import DraftedTask, Policy
    from workbench.tasks import Task


def draft(
    file: Annotated[Path, typer.Argument(help="A task file.")],
    teacher: Annotated[
        str | None, typer.Option(help="A teacher that reads the prompts; else examples only.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tasks.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also tasks that have a contract already.")
    ] = False,
    freeze: Annotated[
        Path | None, typer.Option(help="Write tasks whose draft is agreed to into this file.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who says yes; without it a policy decides.")
    ] = None,
    min_examples: Annotated[int, typer.Option(min=1, help="The policy's fewest examples.")] = 5,
    min_score: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The policy's share of mutants noticed.")
    ] = 0.9,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Suggest a contract for each task that has none, from its examples and by a teacher.

    A draft is not used for anything until it is frozen: with --by NAME you are asked about each,
    without it the policy decides. The frozen tasks are a task file like any other, so that code is
    asked for only after `workbench tasks import`. Exit status 3 when a draft was left open.
    """
    from workbench.stages.drafting import Policy, draft_tasks

    if by is not None and freeze is not None and not sys.stdin.isatty():
        raise InputError(
            "--by asks you about each draft, and this is no terminal.",
            "Leave --by out to let the policy decide.",
        )
    tasks = _chosen(file, every)[:limit]
    replies = _asked(teacher, tasks) if teacher is not None else {}
    drafts, failed = draft_tasks(tasks, replies, teacher)
    for sentence in failed:
        note(sentence)
    policy = Policy(min_examples, min_score)
    frozen: list[Task] = []
    for drafted in drafts:
        if json:
            emit_lines([_record(drafted, policy)])
        else:
            typer.echo(_text(drafted, policy))
        if freeze is not None and (task := _agreed(drafted, policy, by)) is not None:
            frozen.append(task)
    if freeze is not None:
        _write(freeze, frozen)
        note(f"{len(frozen)} of {len(drafts)} drafts frozen in {freeze}")
    left = len(drafts) - len(frozen)
    raise typer.Exit(3 if failed or (freeze is not None and left) else 0)


def _chosen(file: Path, every: bool) -> list[Task]:
    from workbench.task_files import read_task_file

    read = read_task_file(file)
    read.require_clean()
    tasks = [task for task in read.tasks if every or not task.ensures]
    if not tasks:
        raise InputError(f"Every task of {file} has a contract.", "Say --all to draft anew.")
    return tasks


def _asked(teacher: str, tasks: list[Task]) -> dict[str, dict[str, Any]]:
    from workbench.stages.drafting import ask_contracts
    from workbench.store.database import open_store

    with open_store() as store:
        replies, failed = ask_contracts(store, store.settings, teacher, tasks)
    for sentence in failed:
        note(sentence)
    return replies


def _agreed(drafted: DraftedTask, policy: Policy, by: str | None) -> Task | None:
    from workbench.stages.drafting import freeze

    if drafted.empty:
        return None
    if by is None:
        return None if drafted.objection(policy) else freeze(drafted, policy.sentence)
    return freeze(drafted, by) if typer.confirm("Freeze it?", err=True) else None


def _text(drafted: DraftedTask, policy: Policy) -> str:
    task, contract = drafted.task, drafted.draft.contract
    lines = [f"{task.id}: drafted by {drafted.by}: {drafted.draft.sentence}"]
    for word in ("requires", "ensures", "raises"):
        lines += [f"    {word:8} {clause}" for clause in getattr(contract, word)]
    lines += [f"    dropped  {d.clause}: {d.why}" for d in drafted.draft.dropped]
    if drafted.adequacy is not None:
        lines.append(f"    {drafted.adequacy.explanation}")
    objection = drafted.objection(policy)
    lines.append(
        "    the policy would freeze it" if objection is None else f"    open: {objection}"
    )
    return "\n".join(lines)


def _record(drafted: DraftedTask, policy: Policy) -> dict[str, Any]:
    contract, found = drafted.draft.contract, drafted.adequacy
    return {
        "id": drafted.task.id,
        "by": drafted.by,
        "requires": list(contract.requires),
        "ensures": list(contract.ensures),
        "raises": list(contract.raises),
        "examples": drafted.draft.examples,
        "dropped": [{"clause": d.clause, "why": d.why} for d in drafted.draft.dropped],
        "adequacy": None if found is None else found.verdict,
        "score": None if found is None else found.score,
        "open": drafted.objection(policy),
    }


def _write(path: Path, tasks: list[Task]) -> None:
    lines = []
    for task in tasks:
        row: dict[str, Any] = {
            "id": task.id, "prompt": task.prompt, "entry_point": task.entry_point,
            "signature": task.signature, **task.contract, "tests": list(task.tests),
            "test_code": task.test_code, "category": task.category, "family": task.family,
            "split": task.split, "source": task.source, "licence": task.licence,
            "reference": task.reference,
        }  # fmt: skip
        lines.append(json_module.dumps(row, ensure_ascii=False) + "\n")
    try:
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", "Name a file that you may write."
        ) from error
