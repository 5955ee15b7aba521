"""``workbench init``: a home with its database, and a signing key. Safe to repeat."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.output import emit_json


def command(
    json: Annotated[bool, typer.Option("--json", help="Print what there is as JSON.")] = False,
) -> None:
    """Create a home and a signing key; what is already there stays as it is."""
    from workbench.certificate.keys import list_keys, new_key
    from workbench.settings import load_settings
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        database = store.describe()
    keys = list_keys()
    made = not keys
    key = keys[0] if keys else new_key()
    facts = {"home": str(settings.home), "database": database, "key": key.keyid, "new_key": made}
    if json:
        emit_json(facts)
        return
    typer.echo(f"home      {settings.home}")
    typer.echo(f"database  {database}")
    typer.echo(f"key       {key.keyid[:16]} ({'made now' if made else 'was there'})")
    typer.echo("Next: workbench demo, or workbench tasks import FILE")
