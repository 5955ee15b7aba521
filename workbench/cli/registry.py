"""``workbench registry``: bundles in a folder, an object store or an OCI registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.bundles import mistakes, trusted, unpacked
from workbench.cli.output import emit_json, emit_table, note

if TYPE_CHECKING:
    from workbench.registry import Entry, Trust

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Keep certificate bundles where others find them; verified in and out.",
)

Location = Annotated[
    str,
    typer.Argument(help="A folder, s3://BUCKET/PREFIX (or gs://, az://), oci://HOST/REPOSITORY."),
]
Certificate = Annotated[str, typer.Argument(help="The certificate's identity, or how it begins.")]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="A public key to trust (repeatable); else your trusted keys."),
]
Recheck = Annotated[bool, typer.Option("--recheck", help="Re-check the proofs as well.")]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="Your demands as a TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    location: Location,
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder, or a .zip of one.")],
    key: Keys = None,
    licence: Annotated[
        str | None, typer.Option(help="SPDX expression for adapter and rows; your word.")
    ] = None,
    recheck: Recheck = False,
    policy: PolicyFile = None,
    json: Json = False,
) -> None:
    """Verify a bundle and store it under its digest."""
    from workbench.registry import add_bundle, open_shelf

    with mistakes():
        trust = _trust(key, policy, recheck)
    with mistakes(1), unpacked(bundle) as folder:
        entry, new = add_bundle(open_shelf(location), folder, trust, licence=licence)
    if json:
        emit_json({**entry.model_dump(mode="json"), "new": new})
        return
    typer.echo(entry.certificate)
    note("verified and stored" if new else "it was there already, the same")


@app.command("list")
def list_(location: Location, json: Json = False) -> None:
    """List what a registry says it has; nothing of it is verified before you pull."""
    from workbench.registry import Entry, list_entries, open_shelf

    found = list_entries(open_shelf(location))
    entries = [entry for entry in found if isinstance(entry, Entry)]
    if json:
        emit_json([entry.model_dump(mode="json") for entry in entries])
    elif entries:
        emit_table(
            ("certificate", "round", "base", "rows", "level", "lift", "licence"),
            [
                (e.certificate[:16], e.round, e.base_model, e.rows, e.level, _lift(e), e.licence)
                for e in entries
            ],
        )
    for broken in found:
        if not isinstance(broken, Entry):
            note(f"passed over: {broken}")
    if not found:
        note("the registry is empty; add to it: workbench registry add LOCATION BUNDLE")


@app.command()
def show(location: Location, certificate: Certificate, json: Json = False) -> None:
    """Show one entry: licence, teachers' terms, and who wrote which share."""
    from workbench.registry import open_shelf, show_entry

    with mistakes(1):
        entry = show_entry(open_shelf(location), certificate)
    if json:
        emit_json(entry.model_dump(mode="json"))
        return
    for name, text in _facts(entry):
        typer.echo(f"{name:14} {text}")
    typer.echo("")
    emit_table(
        ("source", "training", "basis", "rows", "share"),
        [
            (t.source, t.training, t.basis, t.rows, c.share)
            for t in entry.terms
            for c in entry.ledger
            if c.source == t.source
        ],
    )
    typer.echo("")
    columns = ("source", "answers", "input_tokens", "output_tokens", "seconds", "cost", "unpriced")
    emit_table(columns, [[getattr(credit, name) for name in columns] for credit in entry.ledger])
    note("as the registry says; workbench registry pull verifies it")


@app.command()
def pull(
    location: Location,
    certificate: Certificate,
    out: Annotated[Path, typer.Argument(help="The new folder for the bundle.")],
    key: Keys = None,
    recheck: Recheck = False,
    policy: PolicyFile = None,
    json: Json = False,
) -> None:
    """Fetch a bundle and verify it by your own keys; the folder appears only if it holds."""
    from workbench.registry import open_shelf, pull_bundle

    with mistakes():
        trust = _trust(key, policy, recheck)
    with mistakes(1):
        entry, report = pull_bundle(open_shelf(location), certificate, out, trust)
    for name in report.unsigned_files:
        note(f"unsigned: {name}")
    if json:
        emit_json({"certificate": entry.certificate, "path": str(out), "report": report.to_json()})
        return
    typer.echo(str(out))
    note(report.sentence)


def _trust(key: list[Path] | None, policy: Path | None, recheck: bool) -> Trust:
    from workbench.certificate import read_policy
    from workbench.certificate.keys import revoked_keyids
    from workbench.registry import Trust

    demands = read_policy(policy) if policy is not None else None
    return Trust(trusted(key), demands, revoked_keyids(), recheck)


def _lift(entry: Entry) -> str:
    from workbench.certificate.levels import Lift

    return Lift(entry.gain, entry.low, entry.high).sentence


def _facts(entry: Entry) -> list[tuple[str, str]]:
    licences = ", ".join(f"{n} {name}" for name, n in entry.task_licences.items())
    counts = ", ".join(f"{n} {word}" for word, n in entry.by_verdict.items())
    return [
        ("certificate", entry.certificate),
        ("round", f"{entry.number} ({entry.round})"),
        ("base", entry.base_model),
        ("rows", f"{entry.rows:,}: {counts or 'none'}"),
        ("level", entry.level),
        ("lift", _lift(entry)),
        ("licence", f"{entry.licence or 'not stated'} (the word of whoever added it)"),
        ("task licences", licences or "none"),
        ("archive", f"{entry.archive.size:,} bytes, sha256 {entry.archive.sha256}"),
    ]
