"""``workbench receipt``: check a served answer's receipt offline, and judge the answer again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_json, note
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.certificate.receipt import Receipt

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Check receipts of served answers.",
)


@app.callback()
def _root() -> None:
    """Keep ``verify`` a word of its own."""


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The receipt, or a whole response that holds one.")],
    key: Annotated[
        list[Path] | None, typer.Option(help="A public key to trust; else your trusted keys.")
    ] = None,
    answer: Annotated[
        Path | None, typer.Option(help="The answer's text; else the one in the response.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Judge the answer against the contract again.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Exit 0 when the receipt holds (and the verdict, with --judge), 1 when not."""
    from workbench.certificate.errors import CertificateError
    from workbench.certificate.receipt import read_receipt

    envelope, text = _read(file, answer)
    try:
        receipt = read_receipt(envelope, _trusted(key))
    except CertificateError as error:
        _say([("signature", False, str(error))], {}, json)
        raise typer.Exit(1) from None
    names = ", ".join(one.name or one.keyid[:16] for one in receipt.signed_by)
    checks = [("signature", True, f"signed by {names}")]
    if text is not None:
        covered = receipt.covers(text)
        said = "is" if covered else "is NOT"
        checks.append(("answer", covered, f"this {said} the answer that was signed"))
    if judge:
        checks.append(_judged(receipt, text))
    _say(checks, dict(receipt.predicate), json)
    if not all(held for _, held, _ in checks):
        raise typer.Exit(1)


def _read(file: Path, answer: Path | None) -> tuple[bytes, str | None]:
    import json

    try:
        data = file.read_bytes()
        text = None if answer is None else answer.read_bytes().decode("utf-8")
        value = json.loads(data)
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{answer or file} is not UTF-8 text.") from error
    except ValueError as error:
        raise InputError(f"{file} is not JSON: {error}.", "Give the receipt as it came.") from error
    if not isinstance(value, dict):
        raise InputError(f"{file} holds no receipt.", "Give the receipt or the whole response.")
    if "payload" in value:
        return data.strip(), text
    held = value.get("workbench")
    if not isinstance(held, dict) or not isinstance(held.get("receipt"), dict):
        raise InputError(f"{file} holds no receipt.", 'Ask for one: "receipt": true')
    return json.dumps(held["receipt"]).encode(), text if text is not None else _said(value)


def _said(response: Any) -> str | None:
    """Return the answer in a response of OpenAI's, Anthropic's or Ollama's form, or None."""
    places: tuple[tuple[str | int, ...], ...] = (
        ("choices", 0, "message", "content"), ("content", 0, "text"),
        ("message", "content"), ("response",),
    )  # fmt: skip
    for place in places:
        value = response
        try:
            for step in place:
                value = value[step]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(value, str):
            return value
    return None


def _trusted(files: list[Path] | None) -> list[Any]:
    from workbench.certificate.errors import CertificateError
    from workbench.certificate.keys import load_public_key, revoked_keyids, trusted_keys

    try:
        keys = [load_public_key(path) for path in files] if files else trusted_keys()
        revoked = revoked_keyids()
    except CertificateError as error:
        raise InputError(str(error)) from error
    if not keys:
        raise InputError("No key is trusted here.", "Give one with --key, or: workbench key trust")
    return [one for one in keys if one.keyid not in revoked]


def _judged(receipt: Receipt, text: str | None) -> tuple[str, bool, str]:
    """Judge the answer by the contract in the receipt: no model and no trust needed."""
    from judge import Contract, Submission, judge_many
    from teachers import extract_code

    contract, claimed = receipt.predicate["contract"], receipt.predicate["verdict"]
    if contract is None or text is None:
        return "verdict", False, "there is no contract or no answer to judge again"
    code = extract_code(text, contract["entry_point"], contract["signature"]).code
    if code is None:
        return "verdict", claimed == "malformed", f"no code in the answer; signed as {claimed}"
    submission = Submission(
        "receipt",
        contract["entry_point"],
        code,
        Contract(
            tuple(contract["requires"]), tuple(contract["ensures"]), tuple(contract["raises"]),
            contract["helpers"],
        ),
        signature=contract["signature"],
    )  # fmt: skip
    (found,) = judge_many([submission])
    return "verdict", found.verdict.word == claimed, f"{found.explanation} Signed as {claimed}."


def _say(checks: list[tuple[str, bool, str]], predicate: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "checks": [
                    {"name": name, "holds": held, "detail": detail} for name, held, detail in checks
                ],
                "receipt": predicate,
            }
        )
        return
    for name, held, detail in checks:
        typer.echo(f"{'pass' if held else 'FAIL'}  {name}: {detail}")
    if predicate:
        note(
            "The key's holder vouches that this model said it; the verdict can be had again "
            "without trust: --judge."
        )
