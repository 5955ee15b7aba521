"""``workbench proof``: ask both solvers again about everything that a stored verdict rests on."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note


def command(
    verdict: Annotated[int, typer.Argument(min=1, help="A verdict's number (Proof screen).")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Solve a verdict's obligations again with Z3 and cvc5, from their stored bytes.

    Exit status 0 when both agree with what was claimed, 1 when one contradicts it, 3 when a solver
    could not tell or the verdict rests on no obligation.
    """
    from workbench.stages.recheck import recheck_verdict
    from workbench.store.database import open_store

    with open_store() as store:
        found = recheck_verdict(store, verdict)
    if json:
        emit_json(found.as_json())
    else:
        emit_table(
            ("kind", "says", "must be", "z3", "cvc5", "outcome"),
            (
                (
                    row.obligation.kind,
                    row.obligation.text,
                    row.obligation.expected,
                    *(answer.result for answer in row.answers),
                    row.outcome.value,
                )
                for row in found.report.rows
            ),
        )
        note(f"{found.task_id}, {found.word}: {found.report.outcome.value}")
    raise typer.Exit({"confirmed": 0, "disputed": 1}.get(found.report.outcome.value, 3))
