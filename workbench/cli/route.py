"""``workbench route``: whom to ask, by kind, by confidence, by cost of a proved answer."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.live import listening
from workbench.cli.output import emit_json, emit_lines, emit_table, note
from workbench.cli.spending import affordable, money, with_prices

if TYPE_CHECKING:
    from teachers.routing import Simulation, Stored
    from workbench.store.database import Store
    from workbench.tasks import Task

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threshold = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="The student answers when its chance is at least this."),
]


@app.command()
def kind(
    prompt: Annotated[str, typer.Argument(help="What somebody asks.")],
    override: Annotated[str | None, typer.Option("--as", help="Your own word for it.")] = None,
    image: Annotated[bool, typer.Option("--image", help="A picture comes with it.")] = False,
    json: Json = False,
) -> None:
    """Say what kind of prompt this is (code, vision, system, chat), how sure, and who gets it."""
    from teachers.routing import categorise
    from workbench.settings import load_settings

    found = categorise(prompt, has_image=image, override=override)
    goes_to = list(load_settings().routes.get(found.name, ()))
    record = {
        "kind": found.name,
        "confidence": found.confidence,
        "cues": list(found.cues),
        "teachers": goes_to,
    }
    if json:
        emit_json(record)
        return
    cues = f" ({', '.join(found.cues)})" if found.cues else ""
    route = ", ".join(goes_to) or "no route of its own: [routes] in config.toml gives it one"
    emit_table(("kind", "sure", "goes to"), [(found.name, f"{found.confidence:.0%}", route)])
    note(f"{found.name}{cues}")


@app.command()
def simulate(
    sources: Annotated[
        str | None, typer.Option(help="Only these, comma-separated; else all that were judged.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Tries a task.")] = 3,
    overhead: Annotated[
        str, typer.Option(help="US dollars that asking and judging cost in any case, an answer.")
    ] = "0.0005",
    seeds: Annotated[int, typer.Option(min=1, help="Replays, each with a seed of its own.")] = 5,
    json: Json = False,
) -> None:
    """Replay the stored answers under the cost router and under "ask everybody".

    Nothing is sent. The router starts knowing nothing, as it would have then. A task that a source
    was not asked cannot be asked of it in the replay either.
    """
    from workbench.errors import InputError
    from workbench.settings import load_settings
    from workbench.stages.routing import stored_runs
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        runs = stored_runs(store, settings)
    wanted = None if sources is None else {s.strip() for s in sources.split(",") if s.strip()}
    runs = _only(runs, wanted)
    if not runs:
        raise InputError(
            "There is no judged answer to replay.", "Ask and judge some: workbench ask"
        )
    each = money(overhead, "--overhead") or Decimal(0)
    results = [_replay(runs, each, seed, most) for seed in range(seeds)]
    everybody = results[0][1]
    routed = [first for first, _ in results]
    records = [_record(f"routed, seed {n}", r) for n, r in enumerate(routed)]
    records.append(_record("everybody", everybody))
    if json:
        emit_lines(records)
        return
    emit_table(
        ("policy", "asked", "proved", "cost $", "$ per proved"),
        ((r["policy"], r["asked"], r["proved"], r["cost"], r["cost_per_proved"]) for r in records),
    )
    proved = sorted(r.proved for r in routed)[len(routed) // 2]
    cost = sorted(r.cost for r in routed)[len(routed) // 2]
    share = f"{cost / everybody.cost:.0%}" if everybody.cost else "all"
    note(
        f"Over {len(runs)} tasks the router proves {proved} of the {everybody.proved} that "
        f"everybody together proves, for {share} of the cost (medians of {seeds} seeds)."
    )


def _only(runs: list[Stored], wanted: set[str] | None) -> list[Stored]:
    from dataclasses import replace

    if wanted is None:
        return runs
    kept = [
        replace(run, outcomes={k: v for k, v in run.outcomes.items() if k in wanted})
        for run in runs
    ]
    return [run for run in kept if run.outcomes]


def _replay(
    runs: list[Stored], overhead: Decimal, seed: int, most: int
) -> tuple[Simulation, Simulation]:
    from random import Random

    from teachers.routing import DatasetRouter
    from teachers.routing import simulate as replay

    paid: dict[str, list[Decimal]] = {}
    for run in runs:
        for source, (_, cost) in run.outcomes.items():
            paid.setdefault(source, []).append(cost)
    prices = {source: sum(costs, Decimal(0)) / len(costs) for source, costs in paid.items()}
    order = list(runs)
    Random(seed).shuffle(order)
    return replay(order, DatasetRouter(prices, overhead, seed), most=most)


def _record(policy: str, found: Simulation) -> dict[str, Any]:
    per = found.cost_per_proved
    return {
        "policy": policy,
        "asked": found.asked,
        "proved": found.proved,
        "cost": f"{found.cost:f}",
        "cost_per_proved": None if per is None else f"{per:.6f}",
    }


@app.command()
def calibrate(
    threshold: Threshold = 0.8,
    limit: Annotated[int, typer.Option(min=1, help="At most so many held-out tasks.")] = 100,
    json: Json = False,
) -> None:
    """Measure how far the student can be trusted: its agreement with itself against verdicts.

    A category with twenty tasks or more is measured for itself; the others go by all together.
    The held-out tasks are answered by the student in use and judged; the bars of the reliability
    plot are stored and ``workbench route ask`` goes by them.
    """
    from workbench.settings import load_settings
    from workbench.stages.events import Reporter
    from workbench.stages.routing import calibrate_student, student_in_use
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store, listening(quiet=json) as listener:
        tasks = _held_out(store, limit)
        pupil = student_in_use(store, settings)
        found = calibrate_student(
            store, settings, pupil, tasks,
            threshold=threshold, reporter=Reporter(store, listener),
        )  # fmt: skip
    sets = {"": found.router.bins, **found.router.by_category}
    bars: list[dict[str, Any]] = [
        {
            "category": category or "all", "low": b.low, "high": b.high, "count": b.count,
            "predicted": b.predicted, "observed": b.observed,
            "chance": found.router.chance(b.low, category),
        }
        for category, its in sets.items()
        for b in its
    ]  # fmt: skip
    if json:
        emit_json({"source": found.source, "tasks": found.tasks, "passed": found.passed,
                   "bars": bars})  # fmt: skip
        return
    emit_table(
        ("category", "agreement", "answers", "right", "the student answers"),
        (
            (
                b["category"], f"{b['low']:.1f} to {b['high']:.1f}", b["count"],
                f"{b['observed']:.0%}",
                "yes" if float(b["chance"]) >= threshold else "no",
            )
            for b in bars
        ),
    )  # fmt: skip
    note(f"{found.source}: {found.passed} of {found.tasks} proved; threshold {threshold:.0%}.")


def _held_out(store: Store, limit: int) -> list[Task]:
    from sqlmodel import col, select

    from workbench.errors import InputError
    from workbench.store.tables import TaskRow
    from workbench.tasks import task_of

    with store.read() as session:
        query = select(TaskRow).where(TaskRow.split == "eval").order_by(col(TaskRow.id))
        rows = session.exec(query.limit(limit)).all()
    if not rows:
        raise InputError(
            "There is no held-out task to measure on.",
            "Generate some: workbench tasks generate, or import them with split eval.",
        )
    return [task_of(row) for row in rows]


@app.command()
def ask(
    task: Annotated[str, typer.Argument(help="A task's id.")],
    teachers: Annotated[
        str, typer.Option(help="Who answers when the student is not sure, in order.")
    ] = "synthesis,examples",
    threshold: Threshold = 0.8,
    max_cost: Annotated[str | None, typer.Option(help="Most US dollars to spend.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1)] = 1024,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before spending.")] = False,
    json: Json = False,
) -> None:
    """Answer one task: the student where it is sure enough, else a teacher, within the budget."""
    from teachers.model import Sampling
    from workbench.cli.tasks import find_tasks
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.ask import open_teachers
    from workbench.stages.door import Door
    from workbench.stages.events import Reporter
    from workbench.stages.routing import answer_live, stored_router, student_in_use
    from workbench.store.database import open_store
    from workbench.store.tables import AnswerRow

    settings = load_settings(overrides=PartialSettings(max_cost=money(max_cost)))
    names = [name.strip() for name in teachers.split(",") if name.strip()]
    sampling = Sampling(max_tokens=max_tokens)
    with open_store(settings) as store, listening(quiet=True) as listener:
        [wanted] = find_tasks(store, [task])
        opened = open_teachers(names)
        pupil = student_in_use(store, settings)
        router = stored_router(store, pupil.source_id, threshold)
        book = with_prices(settings, (), opened)
        if not affordable(
            settings, opened, [wanted], sampling, 1,
            dry_run=False, yes=yes, store=store, prices=book,
        ):  # fmt: skip
            raise typer.Exit(1)
        found = answer_live(
            store, settings, pupil, wanted, opened, router,
            sampling=sampling, reporter=Reporter(store, listener), door=Door(prices=book),
        )  # fmt: skip
        with store.read() as session:
            row = session.get(AnswerRow, found.answer_id) if found.answer_id else None
    text = row.text if row is not None else ""
    if json:
        emit_json({"source": found.source, "score": found.score, "chance": found.chance,
                   "why": found.why, "answer": found.answer_id, "text": text})  # fmt: skip
    else:
        typer.echo(text)
        note(f"answered by {found.source} ({found.why})")
    if found.alert is not None:
        note(f"alert: {found.alert}")
    raise typer.Exit(0 if row is not None else 1)
