"""``workbench demo``: one whole round on this machine, told as it happens.

Nothing in it is staged: the stages are those of ``workbench rounds run``, and every line of the
story is read back from the store. Run again, it goes on where it stopped, or tells what is there.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import console, emit_json, progress
from workbench.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from workbench.settings import Settings
    from workbench.stages.events import Event
    from workbench.stages.round_config import RoundConfig
    from workbench.stages.rounds import RoundResult
    from workbench.store.database import Store


def command(
    seed: Annotated[int, typer.Option(min=0, help="Other tasks, other figures, same story.")] = 0,
    teachers: Annotated[
        str, typer.Option(help="Teachers to join, comma-separated: openai:MODEL,ollama:MODEL")
    ] = "",
    max_cost: Annotated[
        str | None, typer.Option(help="Most US dollars to spend on the teachers that join.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Spend what is estimated without asking.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="An eighth of the tasks: a minute or two, and a student not as good."
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, no story.")
    ] = False,
) -> None:
    """Run the whole loop: ask, judge, repair, select, train, evaluate, promote, certify.

    Works with no key, no GPU and no network. A second run goes on where the first one stopped.
    Exit status 0 when the student got better and was promoted, else 1.
    """
    from workbench.settings import load_settings
    from workbench.stages.ask import open_teachers
    from workbench.stages.round_config import demo_config
    from workbench.stages.rounds import find_round, plan_round
    from workbench.store.database import open_store

    joined = tuple(name.strip() for name in teachers.split(",") if name.strip())
    settings = _with_budget(load_settings(), max_cost)
    config = demo_config(seed, joined, quick=quick)
    open_teachers(joined)  # a misspelt name or a missing key is told before anything is planned
    with open_store(settings) as store:
        _have_key()
        round_id = find_round(store, config) or plan_round(store, settings, config)
        if joined and not _agreed(store, settings, round_id, joined, yes):
            raise typer.Exit(1)
        if not json:
            _introduce(settings, round_id, config)
        result = _tell(store, settings, round_id, quiet=json)
        if json:
            emit_json(_summary(result))
        else:
            _conclude(store, settings, result)
    raise typer.Exit(0 if result.promoted else 1)


def _with_budget(settings: Settings, max_cost: str | None) -> Settings:
    if max_cost is None:
        return settings
    try:
        amount = Decimal(max_cost)
    except ArithmeticError:
        raise InputError(f"--max-cost {max_cost!r} is no amount.", "Write it like 2.50.") from None
    return settings.model_copy(update={"max_cost": amount})


def _have_key() -> None:
    """Make a signing key for the certificate when there is none."""
    from workbench.certificate.keys import list_keys, new_key

    if not list_keys():
        new_key()


def _agreed(
    store: Store, settings: Settings, round_id: str, names: Sequence[str], yes: bool
) -> bool:
    """Show what the joining teachers will cost at most, and ask before anything is sent."""
    from teachers import estimate
    from teachers.model import Sampling
    from workbench.stages.ask import open_teachers
    from workbench.stages.prompts import teacher_prompt
    from workbench.stages.rounds import config_of
    from workbench.stages.select import train_tasks

    prompts = [teacher_prompt(task) for task in train_tasks(store, round_id)]
    sampling = Sampling(max_tokens=config_of(store, round_id).max_tokens)
    paid = False
    for teacher in open_teachers(names):
        expected = estimate(teacher, prompts, sampling)
        typer.echo(expected.sentence, err=True)
        paid = paid or expected.cost is None or expected.cost > 0
    if not paid or yes:
        return True
    typer.echo(f"At most ${settings.max_cost} will be spent (--max-cost).", err=True)
    return typer.confirm("Go on?", err=True)


def _introduce(settings: Settings, round_id: str, config: RoundConfig) -> None:
    family = config.family
    assert family is not None  # the demo draws from the family
    typer.echo(
        f"The whole loop, round {round_id}, seed {config.seed}. Home: {_short(settings.home)}"
    )
    typer.echo(
        f"{family.train} tasks to learn from, {family.held_out} held out. "
        f"Teachers: {', '.join(config.teachers)}."
    )


def _short(path: Path) -> str:
    """Return ``path`` as a person would write it from here."""
    for start, name in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(start):
            return f"{name}{path.relative_to(start)}" or "."
    return str(path)


def _tell(store: Store, settings: Settings, round_id: str, *, quiet: bool) -> RoundResult:
    """Run the round stage by stage and tell each one from the store."""
    from workbench.cli.story import HEADINGS, TELL
    from workbench.stages.rounds import STAGES, result_of, run_round

    result = result_of(store, round_id)
    for number, stage in enumerate(STAGES[1:], start=1):
        if result.state == "stopped":
            break
        began = time.monotonic()
        known = STAGES.index(result.stage) >= STAGES.index(stage)
        if not quiet:
            typer.echo(f"\n{number}  {HEADINGS[stage]}")
        if not known:
            with progress() as bars:
                result = run_round(store, settings, round_id, on_event=Bars(bars), until=stage)
        if quiet or stage not in TELL or result.state == "stopped":
            continue
        for line in TELL[stage](store, round_id):
            typer.echo(f"   {line}" if line else "")
        took = "done before" if known else f"{time.monotonic() - began:.0f} s"
        console().print(f"   [dim]({took})[/dim]")
    return result


class Bars:
    """Turns events into progress bars; one bar a stage and phase."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.current: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "start":
            self.current = self.bars.add_task(
                f"   {event.stage}", total=event.total, note=event.message
            )
        elif event.kind in ("progress", "loss"):
            if self.current is None:
                self.current = self.bars.add_task(f"   {event.stage}", total=event.total, note="")
            note = f"loss {event.data['loss']:.3f}" if event.kind == "loss" else event.message
            self.bars.update(self.current, completed=event.done, total=event.total, note=note)
        elif event.kind == "error":
            self.bars.console.print(f"   {event.message}", style="yellow", markup=False)


def _summary(result: RoundResult) -> dict[str, object]:
    figures = result.figures.overall if result.figures else None
    return {
        "round": result.round_id,
        "stage": result.stage,
        "state": result.state,
        "promoted": result.promoted,
        "decision": result.decision,
        "held_out": figures.n if figures else None,
        "before": figures.before_rate if figures else None,
        "after": figures.after_rate if figures else None,
        "gain": figures.gain if figures else None,
        "interval": [figures.low, figures.high] if figures else None,
        "fixed": figures.fixed if figures else None,
        "broken": figures.broken if figures else None,
        "certificate": result.certificate_id,
    }


def _conclude(store: Store, settings: Settings, result: RoundResult) -> None:
    """Name the certificate, how a stranger checks it, and where to look next."""
    from sqlmodel import col, select

    from workbench.store.tables import CertificateRow

    if result.state == "stopped":
        typer.echo(f"\nThe round stopped: {result.decision}")
        return
    with store.read() as session:
        row = session.exec(
            select(CertificateRow)
            .where(CertificateRow.round_id == result.round_id)
            .order_by(col(CertificateRow.created_at).desc())
        ).first()
    if row is not None:
        bundle = _short(settings.home / row.path)
        typer.echo(f"   signed by key {row.keyid[:16]}, bundle {bundle}")
        typer.echo("   A stranger with the folder and your public key checks it with:")
        installed = shutil.which("workbench") or sys.argv[0] == "-c"
        me = "workbench" if installed else _short(Path(sys.argv[0]).absolute())
        typer.echo(f"     {me} key export > signer.pub")
        typer.echo(f"     {me} cert verify {bundle} --key signer.pub --recheck")
    typer.echo("\nLook at everything: make ui")
