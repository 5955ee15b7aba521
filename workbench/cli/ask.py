"""``workbench ask``: let teachers and the student answer tasks, and judge what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from workbench.cli.live import listening
from workbench.cli.output import emit_lines, emit_table, note
from workbench.cli.spending import affordable, caps, money, with_prices

if TYPE_CHECKING:
    from teachers.model import Sampling
    from teachers.protocol import Teacher
    from teachers.routing import DatasetRouter
    from workbench.settings import Settings
    from workbench.stages.door import Door
    from workbench.stages.events import Reporter
    from workbench.stages.policies import PolicyReport
    from workbench.store.database import Store
    from workbench.tasks import Task

__all__ = ["affordable", "command", "money"]

Policy = Literal["all", "first", "local-first", "routed"]
_HOW = "How answers are drawn"
_MONEY = "Money"
_WHOM = "Whom to ask"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for, put together from the options."""

    tasks: Sequence[Task]
    teachers: Sequence[Teacher]
    sampling: Sampling
    samples: int
    system: str | None
    policy: Policy
    batch: bool
    wait: bool
    student: bool
    quiet: bool


def command(
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Task ids; without any, those of --split.")
    ] = None,
    teachers: Annotated[
        str,
        typer.Option(
            help="Comma-separated: synthesis,examples,openai:MODEL,student",
            rich_help_panel=_WHOM,
        ),
    ] = "synthesis,examples",
    policy: Annotated[
        str,
        typer.Option(
            help="all: everybody answers; first: in order until one answers; local-first: the "
            "same, this machine before others; routed: by cost of a proved answer.",
            rich_help_panel=_WHOM,
        ),
    ] = "all",
    batch: Annotated[
        bool,
        typer.Option("--batch", help="Batch interfaces: half price.", rich_help_panel=_WHOM),
    ] = False,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait",
            help="With --batch: send and leave; the same command later collects.",
            rich_help_panel=_WHOM,
        ),
    ] = False,
    private: Annotated[
        bool,
        typer.Option("--private", help="Nothing leaves this machine.", rich_help_panel=_WHOM),
    ] = False,
    split: Annotated[str, typer.Option(help="train, eval or none, when no id is given")] = "train",
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tasks.")] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Answers a task and teacher.", rich_help_panel=_HOW)
    ] = 1,
    first_sample: Annotated[
        int, typer.Option(min=0, help="Number of the first draw.", rich_help_panel=_HOW)
    ] = 0,
    temperature: Annotated[
        float, typer.Option(min=0.0, max=2.0, help="0 is sent as 0.", rich_help_panel=_HOW)
    ] = 0.0,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, rich_help_panel=_HOW)] = None,
    max_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=_HOW)] = 1024,
    seed: Annotated[
        int | None, typer.Option(help="Draw n gets seed + n.", rich_help_panel=_HOW)
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="End an answer here; repeat.", rich_help_panel=_HOW)
    ] = None,
    reasoning_effort: Annotated[
        str | None, typer.Option(help="low, medium or high.", rich_help_panel=_HOW)
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="A system prompt for teachers.", rich_help_panel=_HOW)
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(help="A picture to send with each task; repeat.", rich_help_panel=_HOW),
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(
            help="Most US dollars to spend; without it nothing is spent.", rich_help_panel=_MONEY
        ),
    ] = None,
    max_cost_day: Annotated[
        str | None, typer.Option(help="The same for today, all runs.", rich_help_panel=_MONEY)
    ] = None,
    max_cost_provider: Annotated[
        list[str] | None, typer.Option(help="PROVIDER=AMOUNT; repeat.", rich_help_panel=_MONEY)
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            help="PROVIDER:MODEL=INPUT/OUTPUT, dollars a million tokens; repeat.",
            rich_help_panel=_MONEY,
        ),
    ] = None,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Take no answer from the gateway's cache.", rich_help_panel=_MONEY
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before spending.", rich_help_panel=_MONEY)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Estimate tokens and cost, ask nobody.", rich_help_panel=_MONEY
        ),
    ] = False,
    judge: Annotated[bool, typer.Option("--judge/--no-judge", help="Judge the answers.")] = True,
    ask_hints: Annotated[
        str | None, typer.Option(help="Ask this teacher for the invariants of open proofs.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", help="Answer and judge on a Ray cluster: 'ray' for one here, or its address."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Ask tasks of teachers; what was asked before is not asked again.

    One line an answer: task, source, verdict, explanation. Exit status 1 when a request failed.
    Stopped at any moment, the same command goes on with what is missing.
    """
    from teachers.model import Sampling
    from workbench.cluster import address_of
    from workbench.pictures import check_teachers_see
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.ask import open_teachers
    from workbench.stages.door import Door
    from workbench.store.database import open_store

    settings = load_settings(
        overrides=PartialSettings(
            max_cost=money(max_cost),
            max_cost_day=money(max_cost_day, "--max-cost-day"),
            max_cost_provider=caps(max_cost_provider or []),
            private=private or None,
            cluster=address_of(on),
        )
    )
    names = _names(teachers)
    sampling = Sampling(
        temperature, top_p, max_tokens, seed, tuple(stop or ()), reasoning_effort, first_sample
    )
    with open_store(settings) as store:
        asked = Asked(
            tasks=_with_pictures(_tasks(store, tasks or [], split, category, limit), image or []),
            teachers=open_teachers([name for name in names if name != "student"], settings),
            sampling=sampling,
            samples=samples,
            system=system,
            policy=_policy(policy, batch),
            batch=batch,
            wait=not no_wait,
            student="student" in names,
            quiet=json,
        )
        check_teachers_see(asked.teachers, asked.tasks, student=asked.student)
        if batch:
            from workbench.stages.batches import check_batch_teachers

            check_batch_teachers(asked.teachers)
        book = with_prices(settings, price or [], [] if settings.private else asked.teachers)
        agreed = affordable(
            settings, asked.teachers, asked.tasks, sampling, samples,
            dry_run=dry_run, yes=yes, store=store, prices=book, system=system, batch=batch,
        )  # fmt: skip
        if not agreed:
            raise typer.Exit(0 if dry_run else 1)
        door = Door(prices=book, bypass_cache=no_cache)
        answers, failed = _ask(store, settings, asked, door)
        if judge:
            _judge(store, settings, answers, json)
        if judge and ask_hints is not None:
            _hints(store, settings, ask_hints, answers, door)
        _print(store, settings, answers, json)
    raise typer.Exit(1 if failed else 0)


def _names(said: str) -> list[str]:
    from workbench.errors import InputError

    names = [name.strip() for name in said.split(",") if name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{twice[0]} is named twice.", "Name each teacher once.")
    if not names:
        raise InputError("No teacher is named.", "See who can answer: workbench doctor")
    return names


def _policy(said: str, batch: bool) -> Policy:
    from typing import get_args

    from workbench.errors import InputError

    if said not in get_args(Policy):
        known = ", ".join(get_args(Policy))
        raise InputError(f"There is no policy {said!r}.", f"Known: {known}.")
    if batch and said != "all":
        raise InputError("Batches ask everybody.", "Leave --policy out, or --batch.")
    return cast("Policy", said)


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


def _with_pictures(tasks: list[Task], paths: list[Path]) -> list[Task]:
    """Return the tasks with the pictures of this command added to their own."""
    from workbench.pictures import read_pictures

    pictures = read_pictures(paths)
    return [replace(task, images=(*task.images, *pictures)) for task in tasks]


def _ask(store: Store, settings: Settings, asked: Asked, door: Door) -> tuple[list[int], int]:
    """Ask, and return the ids of the answers (new and old) and how many requests failed."""
    from workbench.stages.ask import known_answers
    from workbench.stages.events import Reporter

    ids: list[int] = []
    failed = 0
    with listening(quiet=asked.quiet) as listener:
        reporter = Reporter(store, listener)
        if asked.teachers:
            failed = _ask_teachers(store, settings, asked, door, reporter)
            ids += known_answers(
                store, asked.tasks, asked.teachers, asked.sampling, asked.samples, asked.system
            )
        if asked.student:
            ids += _ask_student(store, settings, asked, reporter)
    return ids, failed


def _ask_teachers(
    store: Store, settings: Settings, asked: Asked, door: Door, reporter: Reporter
) -> int:
    """Ask by the policy; return how many requests failed (or questions stayed open)."""
    from workbench.stages.ask import ask, run_name, task_questions
    from workbench.stages.policies import ask_first, ask_routed, local_first

    questions = task_questions(
        asked.tasks, asked.sampling, asked.samples, asked.system, store.blobs
    )
    if asked.batch:
        from workbench.stages.batches import ask_in_batches

        sent = ask_in_batches(
            store, settings, questions, asked.teachers,
            run_id=run_name([(teacher, questions) for teacher in asked.teachers]),
            reporter=reporter, door=door, wait=asked.wait,
        )  # fmt: skip
        return sent.failed + sent.held
    if asked.policy == "all":
        report = ask(
            store, settings, asked.tasks, asked.teachers,
            sampling=asked.sampling, samples=asked.samples, system=asked.system,
            reporter=reporter, door=door,
        )  # fmt: skip
        return report.failed
    if asked.policy == "routed":
        router = _router(store, settings, asked, door)
        chosen = ask_routed(
            store, settings, questions, asked.teachers, router, reporter=reporter, door=door
        )
    else:
        order = local_first(asked.teachers) if asked.policy == "local-first" else asked.teachers
        chosen = ask_first(store, settings, questions, order, reporter=reporter, door=door)
    _tell(chosen)
    return chosen.unanswered


def _router(store: Store, settings: Settings, asked: Asked, door: Door) -> DatasetRouter:
    from teachers.pricing import count_tokens
    from workbench.stages.prompts import teacher_prompt
    from workbench.stages.routing import dataset_router

    prompts = (teacher_prompt(task, asked.system, store.blobs) for task in asked.tasks)
    longest = max(count_tokens(prompt) for prompt in prompts)
    tokens = {teacher.name: (longest, asked.sampling.max_tokens) for teacher in asked.teachers}
    return dataset_router(store, settings, asked.teachers, tokens, door.book(settings))


def _tell(report: PolicyReport) -> None:
    note(report.sentence)
    if report.alert is not None:
        note(f"alert: {report.alert}")


def _ask_student(store: Store, settings: Settings, asked: Asked, reporter: Reporter) -> list[int]:
    from workbench.stages.live import student_in_use
    from workbench.stages.student import answer_tasks

    pupil = student_in_use(store, settings)
    answered = answer_tasks(
        store, settings, pupil, asked.tasks,
        role="student", max_tokens=min(asked.sampling.max_tokens, 256), reporter=reporter,
    )  # fmt: skip
    return list(answered.values())


def _judge(store: Store, settings: Settings, answers: Sequence[int], quiet: bool) -> None:
    from workbench.stages.alerts import check_quality
    from workbench.stages.events import Reporter
    from workbench.stages.judge import judge_answers

    with listening(quiet=quiet) as listener:
        judge_answers(store, settings, answers, reporter=Reporter(store, listener))
    for alert in check_quality(store, settings, answers):
        note(f"alert: {alert}")


def _hints(
    store: Store, settings: Settings, teacher: str, answers: Sequence[int], door: Door
) -> None:
    from workbench.stages.hinted import judge_with_hints

    report = judge_with_hints(store, settings, teacher, answers, door=door)
    for sentence in (*report.failed, report.sentence(teacher)):
        note(sentence)


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
