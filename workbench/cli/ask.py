"""``workbench ask``: let teachers and the student answer tasks, and judge what they say."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.live import listening
from workbench.cli.output import emit_lines, emit_table, note

if TYPE_CHECKING:
    from teachers.model import Sampling
    from teachers.protocol import Teacher
    from workbench.settings import Settings
    from workbench.store.database import Store
    from workbench.tasks import Task


def command(
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Task ids; without any, those of --split.")
    ] = None,
    teachers: Annotated[
        str, typer.Option(help="Comma-separated: synthesis,examples,openai:MODEL,student")
    ] = "synthesis,examples",
    split: Annotated[str, typer.Option(help="train, eval or none, when no id is given")] = "train",
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tasks.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers a task and teacher.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0)] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1)] = 1024,
    max_cost: Annotated[
        str | None, typer.Option(help="Most US dollars to spend; without it nothing is spent.")
    ] = None,
    judge: Annotated[bool, typer.Option("--judge/--no-judge", help="Judge the answers.")] = True,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate tokens and cost, ask nobody.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Ask tasks of teachers; what was asked before is not asked again.

    One line an answer: task, source, verdict, explanation. Exit status 1 when a request failed.
    """
    from teachers.model import Sampling
    from workbench.settings import PartialSettings, load_settings
    from workbench.store.database import open_store

    cost = money(max_cost)
    settings = load_settings(overrides=PartialSettings(max_cost=cost))
    names = [name.strip() for name in teachers.split(",") if name.strip()]
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    with open_store(settings) as store:
        chosen = _tasks(store, tasks or [], split, category, limit)
        from workbench.stages.ask import open_teachers

        opened = open_teachers([name for name in names if name != "student"])
        if not affordable(
            settings, opened, chosen, sampling, samples, dry_run=dry_run, yes=yes or json
        ):
            raise typer.Exit(1 if not dry_run else 0)
        answers, failed = _ask(store, settings, chosen, opened, sampling, samples, names, json)
        if judge:
            _judge(store, settings, answers, json)
        _print(store, settings, answers, json)
    raise typer.Exit(1 if failed else 0)


def money(text: str | None) -> Decimal | None:
    """Return the amount that a person typed behind ``--max-cost``; ``InputError`` if it is none."""
    from workbench.errors import InputError

    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise InputError(f"--max-cost {text!r} is no amount.", "Write it like 2.50.") from None
    if not amount.is_finite() or amount < 0:
        raise InputError(f"--max-cost {text!r} is no amount.", "Write it like 2.50.")
    return amount


def _tasks(
    store: Store, names: list[str], split: str, category: str | None, limit: int | None
) -> list[Task]:
    from sqlmodel import col, select

    from workbench.cli.tasks import find_tasks
    from workbench.errors import InputError
    from workbench.store.tables import TaskRow
    from workbench.tasks import task_of

    if names:
        return find_tasks(store, names)[:limit]
    query = select(TaskRow).where(TaskRow.split == split)
    if category is not None:
        query = query.where(TaskRow.category == category)
    with store.read() as session:
        rows = session.exec(query.order_by(col(TaskRow.id)).limit(limit)).all()
    if not rows:
        where = f" in category {category!r}" if category else ""
        raise InputError(
            f"There is no task with split {split!r}{where}.",
            "Import some (workbench tasks import FILE) or generate them "
            "(workbench tasks generate).",
        )
    return [task_of(row) for row in rows]


def affordable(
    settings: Settings,
    teachers: Sequence[Teacher],
    tasks: Sequence[Task],
    sampling: Sampling,
    samples: int,
    *,
    dry_run: bool,
    yes: bool,
) -> bool:
    """Show what it may cost; say whether to go on (nothing is shown for free teachers)."""
    from teachers import estimate
    from workbench.stages.prompts import teacher_prompt

    prompts = [teacher_prompt(task) for task in tasks for _ in range(samples)]
    paid = False
    for teacher in teachers:
        expected = estimate(teacher, prompts, sampling)
        costs = expected.cost is None or expected.cost > 0
        paid = paid or costs
        if costs or dry_run:
            note(f"{teacher.name}: {len(prompts)} questions. {expected.sentence}")
    if dry_run:
        return False
    if not paid:
        return True
    if settings.max_cost == 0:
        from workbench.errors import InputError

        raise InputError(
            "These teachers cost money and nothing may be spent.",
            "Allow an amount: --max-cost 1.00",
        )
    note(f"At most ${settings.max_cost} will be spent.")
    return yes or typer.confirm("Go on?", err=True)


def _ask(
    store: Store,
    settings: Settings,
    tasks: Sequence[Task],
    teachers: Sequence[Teacher],
    sampling: Sampling,
    samples: int,
    names: Sequence[str],
    quiet: bool,
) -> tuple[list[int], int]:
    """Ask, and return the ids of the answers (new and old) and how many requests failed."""
    from workbench.stages.ask import ask, known_answers
    from workbench.stages.events import Reporter
    from workbench.stages.student import answer_tasks, load_student
    from workbench.stages.train import shipped_base

    ids: list[int] = []
    failed = 0
    with listening(quiet=quiet) as listener:
        reporter = Reporter(store, listener)
        if teachers:
            report = ask(
                store, settings, tasks, teachers,
                sampling=sampling, samples=samples, reporter=reporter,
            )  # fmt: skip
            failed = report.failed
            ids += known_answers(store, tasks, teachers, sampling, samples)
        if "student" in names:
            pupil = load_student(store, settings.base or shipped_base())
            answered = answer_tasks(
                store, settings, pupil, tasks,
                role="student", max_tokens=min(sampling.max_tokens, 256), reporter=reporter,
            )  # fmt: skip
            ids += answered.values()
    return ids, failed


def _judge(store: Store, settings: Settings, answers: Sequence[int], quiet: bool) -> None:
    from workbench.stages.events import Reporter
    from workbench.stages.judge import judge_answers

    with listening(quiet=quiet) as listener:
        judge_answers(store, settings, answers, reporter=Reporter(store, listener))


def _print(store: Store, settings: Settings, answers: Sequence[int], json: bool) -> None:
    from sqlmodel import col, select

    from workbench.stages.judge import verdicts_of
    from workbench.store.tables import AnswerRow, CandidateRow

    with store.read() as session:
        rows = [
            row
            for begin in range(0, len(answers), 500)
            for row in session.exec(
                select(AnswerRow)
                .where(col(AnswerRow.id).in_(answers[begin : begin + 500]))
                .order_by(col(AnswerRow.task_id), col(AnswerRow.source_id), col(AnswerRow.id))
            )
        ]
        codes = {
            row.id: candidate.code
            for row in rows
            if row.candidate_id is not None
            and (candidate := session.get(CandidateRow, row.candidate_id)) is not None
        }
    found = verdicts_of(store, settings, [(r.candidate_id or "", r.task_id) for r in rows])
    records: list[dict[str, Any]] = []
    for row in rows:
        verdict = found.get((row.candidate_id or "", row.task_id))
        records.append(
            {
                "answer": row.id,
                "task": row.task_id,
                "source": row.source_id,
                "finish": row.finish,
                "verdict": verdict.verdict if verdict else None,
                "explanation": verdict.explanation if verdict else row.no_code_reason,
                "code": codes.get(row.id),
            }
        )
    if json:
        emit_lines(records)
        return
    emit_table(
        ("task", "source", "verdict", "explanation"),
        ((r["task"], r["source"], r["verdict"] or r["finish"], r["explanation"]) for r in records),
    )
