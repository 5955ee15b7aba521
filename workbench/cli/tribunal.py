"""``workbench tribunal FILE``: teachers as jurors over answers that are not code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_lines, note
from workbench.errors import InputError

if TYPE_CHECKING:
    from judge.tribunal import Preference, Ruling
    from workbench.stages.tribunal import Plea


def command(
    file: Annotated[Path, typer.Argument(help="JSON Lines with question and answer.")],
    juror: Annotated[
        list[str] | None, typer.Option("--juror", help="A teacher that votes; repeat it.")
    ] = None,
    rubric: Annotated[Path | None, typer.Option(help="Another rubric, a JSON file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Judge answers by a rubric: every ballot is shown, dissent too, and nobody votes unasked.

    A line with `other` compares two answers, in both orders. With `label` (true or false) the
    agreement with people is told at the end. A ruling is an opinion and never becomes a verdict.
    Exit status 1 when an answer is rejected, 3 when one needs review or no quorum was reached.
    """
    from workbench.stages.tribunal import hold, read_pleas, read_rubric
    from workbench.store.database import open_store

    pleas = read_pleas(_text(file).splitlines(), str(file))
    rules = None if rubric is None else read_rubric(_text(rubric), str(rubric))
    with open_store() as store:
        session = hold(store, store.settings, pleas, juror or [], rules)
    words = []
    for plea, ruling in session.rulings:
        record = _record(plea, ruling)
        words.append(str(record["outcome"]))
        if json:
            emit_lines([record])
        else:
            typer.echo(_said(plea, ruling))
    _agreement(session.rulings)
    if "rejected" in words:
        raise typer.Exit(1)
    raise typer.Exit(3 if {"review", "no_quorum", "undecided"} & set(words) else 0)


def _record(plea: Plea, ruling: Ruling | Preference) -> dict[str, Any]:
    from dataclasses import asdict

    from judge.tribunal import Preference

    if isinstance(ruling, Preference):
        return {"id": plea.id, "outcome": ruling.choice or "undecided", **asdict(ruling)}
    return {"id": plea.id, **asdict(ruling)}


def _said(plea: Plea, ruling: Ruling | Preference) -> str:
    from judge.tribunal import Preference

    if isinstance(ruling, Preference):
        votes = ", ".join(f"{name}: {vote or 'abstains'}" for name, vote in ruling.votes)
        chosen = f"the {ruling.choice} answer" if ruling.choice else "undecided"
        return "\n".join([f"{plea.id}: {chosen} ({votes})", *(f"    {why}" for why in ruling.whys)])
    lines = [f"{plea.id}: {ruling.outcome}: {ruling.explanation}"]
    for ballot in ruling.ballots:
        scores = ", ".join(f"{name} {value:.2f}" for name, value in ballot.scores)
        total = "abstains" if ballot.total is None else f"{ballot.total:.2f} ({scores})"
        lines.append(f"    {ballot.juror}: {total}{': ' + ballot.why if ballot.why else ''}")
    return "\n".join(lines)


def _agreement(rulings: tuple[tuple[Plea, Ruling | Preference], ...]) -> None:
    from judge.tribunal import Ruling, agreement_with_people

    labelled = [(r, p.label) for p, r in rulings if p.label is not None and isinstance(r, Ruling)]
    if not labelled:
        return
    found = agreement_with_people([r for r, _ in labelled], [bool(label) for _, label in labelled])
    if found.share is None:
        note(f"agreement with people: none of {len(labelled)} labelled answers was decided")
        return
    kappa = "" if found.kappa is None else f", kappa {found.kappa:.2f}"
    note(
        f"agreement with people: {found.share:.0%} of {found.compared} decided"
        f"{kappa}; {found.left_out} left open"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Name a file.") from error
