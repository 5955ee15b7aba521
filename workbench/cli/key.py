"""``workbench key``: signing keys and whom you trust. Secrets never reach stdout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import emit_json, emit_table, note
from workbench.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Make, list, export, trust and revoke signing keys.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What to call it.")] = "default",
    passphrase: Annotated[
        bool,
        typer.Option(
            "--passphrase", help="Ask for one (or take WORKBENCH_KEY_PASSPHRASE) and encrypt."
        ),
    ] = False,
    post_quantum: Annotated[
        bool, typer.Option("--pq", help="Make an ML-DSA-65 half too; it then signs as well.")
    ] = False,
    json: Json = False,
) -> None:
    """Make an ed25519 signing key, readable by you alone, and trust its public half."""
    from workbench.certificate.keys import new_key

    secret = None
    if passphrase:
        secret = os.environ.get("WORKBENCH_KEY_PASSPHRASE") or typer.prompt(
            "Passphrase", hide_input=True, confirmation_prompt=True, err=True
        )
    with _mistakes():
        made = new_key(
            name, passphrase=secret.encode() if secret else None, post_quantum=post_quantum
        )
    if json:
        emit_json({"name": made.name, "keyid": made.keyid, "path": str(made.path)})
        return
    typer.echo(f"{made.name}  {made.keyid}")
    note(f"the secret is in {made.path}; give others: workbench key export {made.name}")


@app.command("list")
def list_(json: Json = False) -> None:
    """List your signing keys and the public keys that you trust."""
    from workbench.certificate.keys import list_keys, trusted_keys

    with _mistakes():
        own, trusted = list_keys(), trusted_keys()
    rows = [
        {
            "name": key.name,
            "keyid": key.keyid,
            "kind": "signing",
            "algorithm": "ed25519 + ml-dsa-65" if key.post_quantum else "ed25519",
            "state": "revoked" if key.revoked else "encrypted" if key.encrypted else "open",
        }
        for key in own
    ]
    rows += [
        {
            "name": key.name,
            "keyid": key.keyid,
            "kind": "trusted",
            "algorithm": key.algorithm,
            "state": "",
        }
        for key in trusted
    ]
    if json:
        emit_json(rows)
    elif rows:
        columns = ("kind", "name", "keyid", "algorithm", "state")
        emit_table(columns, [[row[name] for name in columns] for row in rows])
    else:
        note("no keys yet; make one: workbench key new")


@app.command()
def export(
    name: Annotated[str | None, typer.Argument(help="Which key; else your first.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write here, not to stdout.")] = None,
    post_quantum: Annotated[bool, typer.Option("--pq", help="The ML-DSA half.")] = False,
) -> None:
    """Print a key's public half, for those who verify."""
    from workbench.certificate.keys import export_key

    with _mistakes():
        key = export_key(name, post_quantum=post_quantum)
    if out is None:
        typer.echo(key.pem.decode(), nl=False)
        return
    try:
        out.write_bytes(key.pem)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}.") from None
    note(f"{key.keyid} is in {out}")


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="A public key you had from its owner.")],
    name: Annotated[str | None, typer.Option(help="What to call it; else the file's name.")] = None,
) -> None:
    """Trust what a public key signs, from now on."""
    from workbench.certificate.keys import trust_key

    with _mistakes():
        key = trust_key(file, name=name)
    typer.echo(f"{key.name}  {key.keyid}")
    note("compare this keyid with the owner over another way than the one the file came by")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="A keyid, or the name of one of your keys.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the list.")] = "",
) -> None:
    """Refuse what a key signs, from now on; verify honours the list."""
    from workbench.certificate.keys import list_keys, revoke_key, trusted_keys

    with _mistakes():
        named = {k.name: k.keyid for k in trusted_keys()}
        named |= {k.name: k.keyid for k in list_keys()}
        halves = [named[half] for half in (key, f"{key}.pq") if half in named] or [key]
        for keyid in halves:
            revoke_key(keyid, reason)
    for keyid in halves:
        typer.echo(f"revoked {keyid}")


@contextmanager
def _mistakes() -> Iterator[None]:
    from workbench.certificate import CertificateError

    try:
        yield
    except CertificateError as error:
        raise InputError(f"{error}.") from None
