"""``workbench cert``: issue, verify, show and pack certificates; prove one row of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.bundles import mistakes, read_file, trusted, unpacked, write_file
from workbench.cli.output import emit_json, emit_table, note
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.certificate import PublicKey, Report

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Issue, show and verify distillation certificates.",
)

Bundle = Annotated[Path, typer.Argument(help="The bundle's folder, or a .zip of one.")]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="A public key to trust (repeatable); else your trusted keys."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SOURCE_COLUMNS = (
    "source", "rows", "share", "answers", "input_tokens", "output_tokens", "seconds", "cost",
    "unpriced",
)  # fmt: skip
_EXAMPLE_COLUMNS = (
    "row", "task", "source", "answer", "input_tokens", "output_tokens", "seconds", "cost",
)  # fmt: skip
GLYPHS = {"pass": "✓ pass", "fail": "✗ fail", "skipped": "- skipped"}


@app.command()
def issue(
    round_id: Annotated[str, typer.Argument(metavar="ROUND", help="The round to certify.")],
    key: Annotated[str | None, typer.Option(help="Name of the signing key.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Issue another one beside the one there is.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the signed bundle of a round into the home."""
    from workbench.settings import load_settings
    from workbench.stages.certify import certify_round
    from workbench.store.database import open_store

    settings = load_settings()
    with open_store(settings) as store:
        row = certify_round(store, settings, round_id, key=key, again=again)
    folder = settings.home / row.path
    if json:
        emit_json({"certificate": row.id, "path": str(folder), "keyid": row.keyid})
        return
    typer.echo(f"certificate  {row.id}")
    typer.echo(f"folder       {folder}")
    typer.echo(f"Next: workbench cert verify {folder} --recheck")


@app.command()
def verify(
    bundle: Bundle,
    key: Keys = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Derive, solve and run everything again.")
    ] = False,
    policy: Annotated[
        Path | None, typer.Option(help="Your demands as a TOML file (see the format).")
    ] = None,
    min_round: Annotated[int | None, typer.Option(help="Refuse older rounds.")] = None,
    threshold: Annotated[int | None, typer.Option(help="Distinct keys that must sign.")] = None,
    revoked: Annotated[
        Path | None, typer.Option(help="A further revocation list: a keyid begins each line.")
    ] = None,
    tsa: Annotated[
        Path | None, typer.Option(help="Root of a time-stamping authority (PEM): demand its stamp.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a bundle: exit 0 accepted, 1 refused, 2 usage, 3 intact but not all re-checked."""
    from workbench.certificate import Policy, read_policy
    from workbench.certificate import verify as check
    from workbench.certificate.keys import revoked_keyids
    from workbench.certificate.timestamp import load_roots

    with mistakes(), unpacked(bundle) as folder:
        authorities = load_roots(tsa) if tsa is not None else ()
        demands = read_policy(policy) if policy is not None else Policy()
        given = {"min_round": min_round, "threshold": threshold}
        changes = {name: value for name, value in given.items() if value is not None}
        if changes:
            demands = Policy.model_validate({**demands.model_dump(exclude_unset=True), **changes})
        refused = revoked_keyids() | (revoked_keyids(revoked) if revoked else frozenset())
        if recheck:
            note("re-checking: deriving, solving by Z3 and cvc5, running counterexamples and tests")
        keys = trusted(key)
        report = None
        if not demands.model_fields_set and not authorities:
            report = _remembered(folder, keys, recheck, refused)
        if report is None:
            report = check(
                folder, keys, policy=demands, recheck=recheck, revoked=refused,
                authorities=authorities,
            )  # fmt: skip
    if json:
        emit_json(report.to_json())
    else:
        _print(report)
    raise typer.Exit(report.exit_code)


@app.command()
def show(bundle: Bundle, key: Keys = None, json: Json = False) -> None:
    """Say what a certificate claims, in three groups by what each claim rests on."""
    from workbench.certificate import verify as check

    with mistakes(), unpacked(bundle) as folder:
        report = check(folder, trusted(key))
    statement = report.statement
    if statement is None:
        # Nothing of an unsigned statement is shown: it could say anything.
        _print(report)
        raise typer.Exit(1)
    if json:
        emit_json(statement.to_json())
    else:
        from workbench.certificate.card import BASES, facts

        for name, text in facts(statement.predicate):
            typer.echo(f"{name:21} {text}")
        for basis, explanation in BASES.items():
            typer.echo(f"\n{basis}: {explanation}")
            for claim in statement.predicate.claims:
                if claim.basis == basis:
                    typer.echo(f"  {claim.text}")
        typer.echo(f"\n{report.sentence}")
    raise typer.Exit(report.exit_code)


@app.command("prove-row")
def prove_row(
    bundle: Bundle,
    row: Annotated[int, typer.Argument(help="The dataset row, counted from 0.")],
    out: Annotated[Path | None, typer.Option(help="Write the proof here, not to stdout.")] = None,
) -> None:
    """Take one training row out with its inclusion proof, to show it and nothing else."""
    from workbench.certificate.bundle import open_bundle
    from workbench.certificate.proof import prove_row as prove

    with mistakes(), unpacked(bundle) as folder:
        proof = prove(open_bundle(folder), row)
    if out is None:
        typer.echo(proof.decode(), nl=False)
    else:
        write_file(out, proof)
        note(f"wrote {out}; check it: workbench cert check-row {out} --key SIGNER.pub")


@app.command("check-row")
def check_row(
    proof: Annotated[Path, typer.Argument(help="What prove-row wrote.")],
    key: Keys = None,
    json: Json = False,
) -> None:
    """Check that a row is in a signed dataset."""
    from workbench.certificate.proof import check_row as check

    with mistakes(1):
        found = check(proof, trusted(key))
    if json:
        emit_json({"row": found.row, "index": found.index, "rows": found.rows})
        return
    typer.echo(f"Row {found.index} of {found.rows} in the dataset of round {found.round}.")


@app.command()
def chain(
    bundles: Annotated[list[Path], typer.Argument(help="The bundles' folders, in any order.")],
    key: Keys = None,
    json: Json = False,
) -> None:
    """Check that the rounds' certificates follow each other, and print a checkpoint over them."""
    from workbench.certificate.chain import check_chain

    with mistakes():
        found = check_chain(bundles, trusted(key))
    rows = [
        {
            "round": link.number,
            "certificate": link.identity,
            "previous": link.previous,
            "folder": str(link.folder),
            "problem": link.problem,
        }
        for link in found.links
    ]
    if json:
        emit_json({"holds": found.holds, "links": rows, "checkpoint": found.checkpoint})
    else:
        emit_table(("round", "certificate", "previous", "folder", "problem"), [
            tuple(row.values()) for row in rows
        ])  # fmt: skip
        if found.holds:
            typer.echo(found.checkpoint, nl=False)
    raise typer.Exit(0 if found.holds else 1)


@app.command()
def timestamp(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    url: Annotated[str | None, typer.Option(help="Ask this RFC 3161 authority.")] = None,
    request: Annotated[
        Path | None, typer.Option(help="Write the query here, to send it yourself.")
    ] = None,
    response: Annotated[Path | None, typer.Option(help="Store this answer.")] = None,
) -> None:
    """Add a trusted time stamp over the signed payload: ask for one, or carry it by hand."""
    from workbench.certificate import timestamp as stamps
    from workbench.certificate.bundle import open_bundle

    if sum(option is not None for option in (url, request, response)) != 1:
        raise InputError("Say where the time stamp comes from.", "--url, --request or --response.")
    with mistakes():
        opened = open_bundle(bundle)
        payload = stamps.payload_of(opened)
        if request is not None:
            write_file(request, stamps.query(payload))
            note(f"wrote {request}; then: workbench cert timestamp {bundle} --response ANSWER.tsr")
            return
        if response is not None:
            data = read_file(response)
        else:
            assert url is not None
            data = stamps.ask_authority(url, payload)
        name = stamps.store_stamp(opened, data)
    typer.echo(name)
    note(f"check it: workbench cert verify {bundle} --tsa ROOT.pem")


@app.command()
def ledger(
    bundle: Bundle,
    key: Keys = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="One line a training example, not one a source.")
    ] = False,
    json: Json = False,
) -> None:
    """Say who wrote the training examples, what that took, and the shares; no payments."""
    from workbench.certificate.verify import verify_evidence
    from workbench.registry import example_credits
    from workbench.registry import ledger as credits

    with mistakes(), unpacked(bundle) as folder:
        report, evidence = verify_evidence(folder, trusted(key))
        if report.failed or evidence is None:
            _print(report)
            raise typer.Exit(1)
        records = example_credits(evidence) if examples else credits(evidence)
    rows = [record.model_dump(mode="json") for record in records]
    if json:
        emit_json(rows)
    else:
        columns = _EXAMPLE_COLUMNS if examples else _SOURCE_COLUMNS
        emit_table(columns, [[row[name] for name in columns] for row in rows])


@app.command()
def pdf(
    bundle: Bundle,
    out: Annotated[Path, typer.Argument(help="The new .pdf file.")],
    key: Keys = None,
) -> None:
    """Put a certificate that verifies on one page of paper."""
    from workbench.certificate.pdf import render_pdf
    from workbench.certificate.verify import verify_evidence

    with mistakes(), unpacked(bundle) as folder:
        report, evidence = verify_evidence(folder, trusted(key))
        if report.failed or evidence is None:
            _print(report)
            raise typer.Exit(1)
        write_file(out, render_pdf(report, evidence))
    typer.echo(str(out))


@app.command()
def pack(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    out: Annotated[Path, typer.Argument(help="The new .zip file.")],
) -> None:
    """Put a bundle into one .zip file for the way; verify reads it as it is."""
    from workbench.certificate.archive import pack as write

    with mistakes():
        write(bundle, out)
    typer.echo(f"{out} ({out.stat().st_size:,} bytes)")


@app.command()
def verifier(
    out: Annotated[Path, typer.Argument(help="The new file, for example verifier.pyz.")],
) -> None:
    """Write the verifier as one small file, for somebody who will not install the workbench."""
    from workbench.certificate.carry import write_verifier

    with mistakes():
        write_verifier(out)
    typer.echo(str(out))
    note(f"pip install cryptography pydantic; python {out.name} BUNDLE SIGNER.pub")


def _remembered(
    folder: Path, keys: list[PublicKey], recheck: bool, revoked: frozenset[str]
) -> Report | None:
    """Verify a bundle of this home and note the outcome there; None when it is none of ours."""
    from workbench.settings import load_settings

    settings = load_settings()
    if not folder.resolve().is_relative_to(settings.certificates.resolve()):
        return None
    from workbench.stages.verifying import known_certificate, verify_known
    from workbench.store.database import open_store

    with open_store(settings) as store:
        row = known_certificate(store, folder)
        if row is None or row.keyid not in {k.keyid for k in keys if k.keyid not in revoked}:
            return None
        return verify_known(store, settings, row, keys, recheck=recheck, revoked=revoked)


def _print(report: Report) -> None:
    emit_table(
        ("status", "check", "claim", "detail"),
        [(GLYPHS[c.status], c.id, c.claim, c.detail) for c in report.checks],
    )
    for name in report.unsigned_files:
        note(f"unsigned: {name}")
    typer.echo(report.sentence)
