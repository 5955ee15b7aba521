"""``workbench doctor``: what works here, what does not, and the line that mends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from workbench.cli.output import emit_json

GLYPHS = {"ok": "✓", "note": "·", "missing": "○", "broken": "✗"}


def command(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Also ask each configured provider for its models (free)."),
    ] = False,
) -> None:
    """Say what works here, what does not, and the line that mends it.

    Exit status 1 when something is broken that the demo needs; optional parts do not count.
    """
    from workbench.doctor import examine
    from workbench.settings import load_settings

    findings = examine(load_settings(), probe=probe)
    if json:
        emit_json([asdict(finding) for finding in findings])
    else:
        area = ""
        for finding in findings:
            if finding.area != area:
                area = finding.area
                typer.echo(f"\n{area}" if area != findings[0].area else area)
            typer.echo(f"  {GLYPHS[finding.state]} {finding.name:<18} {finding.detail}")
            if finding.mend:
                typer.echo(f"      → {finding.mend}")
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)
