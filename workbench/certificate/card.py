"""The bundle's README.md: what a person reads first. Generated from the statement, never trusted.

A verifier takes nothing from it; it only renders the pages again and says whether they are these.
The page gives the commands by which a reader finds out without this project's software.
"""

from __future__ import annotations

import json
from typing import Protocol

from workbench.certificate.evidence import RoundRecord, TrainingRecord
from workbench.certificate.levels import Lift
from workbench.certificate.statement import Predicate

__all__ = [
    "BASES",
    "GENERATED",
    "SIGNATURE_COMMANDS",
    "VERIFY_COMMANDS",
    "Shown",
    "facts",
    "render_card",
    "render_model_card",
]

GENERATED = "Generated from certificate.json, which is what counts (rendering 3)."
"""The last line of both pages; the number changes whenever what is rendered changes."""

BASES = {
    "recheckable": "Anybody with this folder can check these again, on a CPU, in minutes.",
    "reproducible": "Checking these takes the model or the hardware.",
    "asserted": "These rest on the signer's word.",
}

VERIFY_COMMANDS = (
    ("Everything but the proofs, with two small libraries",
     "python -m workbench.certificate . SIGNER.pub"),
    ("The proofs, the counterexamples and the tests again",
     "workbench cert verify . --key SIGNER.pub --recheck"),
    ("The files alone, without our software", "sha256sum --check --strict SHA256SUMS"),
)  # fmt: skip

SIGNATURE_COMMANDS = (
    "T=$(mktemp -d)",
    r"""sed -n 's/^ "payload": "\(.*\)",$/\1/p' certificate.json | base64 -d > $T/payload""",
    r"""sed -n 's/^   "sig": "\(.*\)"$/\1/p' certificate.json | head -n 1 | base64 -d > $T/sig""",
    "{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' $(wc -c < $T/payload); "
    "cat $T/payload; } > $T/signed",
    "openssl pkeyutl -verify -pubin -inkey SIGNER.pub -rawin -in $T/signed -sigfile $T/sig",
)
"""The ed25519 signature by OpenSSL alone; a test runs these lines as they stand."""


class Shown(Protocol):
    """What pages show of the evidence beside the statement."""

    @property
    def round(self) -> RoundRecord: ...
    @property
    def training(self) -> TrainingRecord | None: ...


def facts(body: Predicate) -> list[tuple[str, str]]:
    """Return the certificate's figures as names and sentences, for people."""
    evaluation = body.evaluation
    measured = Lift(evaluation.gain, evaluation.low, evaluation.high)
    rows = body.dataset.rows or 1
    shares = ", ".join(
        f"{count:,} {word} ({100 * count / rows:.1f} %)"
        for word, count in body.dataset.by_verdict.items()
    )
    level = body.level.name if body.level.name != "none" else "none (below 1,000 proved)"
    words = ", ".join(f"{count} {word}" for word, count in body.verdicts.counts.items())
    return [
        ("Round", f"{body.round.number} ({body.round.id})"),
        ("Level", f"{level}; {body.level.proved:,} proved training examples"),
        ("Training rows", f"{body.dataset.rows:,}: {shares or 'none'}"),
        ("Verdicts", f"{words or 'none'}; {body.verdicts.obligations:,} obligations"),
        (
            "Held-out tasks",
            f"{evaluation.base_passed} of {evaluation.total} proved before, "
            f"{evaluation.student_passed} after; {evaluation.fixed} fixed, "
            f"{evaluation.broken} broken",
        ),
        ("Lift", measured.sentence if evaluation.total else "no lift: nothing was evaluated"),
        ("Selection", body.build_definition.external_parameters.selection_rule),
        ("Gate", body.decision or "no decision was recorded"),
        ("Previous certificate", body.round.previous_certificate or "none"),
        ("Issued", f"{body.round.issued_at} (the signer's clock)"),
    ]


def render_card(body: Predicate, evidence: Shown) -> str:
    """Return README.md."""
    lines = [f"# Distillation certificate, round {body.round.number}", ""]
    lines += [f"* **{name}:** {_inline(text)}" for name, text in facts(body)]
    lines += ["", f"Base model: `{_code(evidence.round.base_model)}`.", "", "## Check it", ""]
    for what, command in VERIFY_COMMANDS:
        lines += [f"{what}:", "", f"    {command}", ""]
    lines += ["The signature, with OpenSSL alone:", ""]
    lines += [*(f"    {command}" for command in SIGNATURE_COMMANDS), ""]
    lines += ["Get the signer's public key from the signer, not from this folder.", ""]
    lines += ["## What is claimed, and what it rests on", ""]
    for basis, explanation in BASES.items():
        lines += [f"### {basis.capitalize()}", "", explanation, ""]
        lines += [f"* {_inline(claim.text)}" for claim in body.claims if claim.basis == basis]
        lines.append("")
    lines += ["## What this does not say", ""]
    lines += [f"* {_inline(limit)}" for limit in body.limits]
    lines += ["", GENERATED, ""]
    return "\n".join(lines)


def render_model_card(body: Predicate, evidence: Shown) -> str:
    """Return the Hugging Face model card that lies beside the adapter: front matter, then facts."""
    front = {
        "base_model": evidence.round.base_model,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "distillation", "code", "formal-verification"],
    }
    # JSON values are YAML, so no text can break out of the front matter.
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", ""]
    lines += [f"# LoRA adapter of distillation round {body.round.number}", ""]
    lines += [f"* **{name}:** {_inline(text)}" for name, text in facts(body)]
    lines += ["", "The certificate and its evidence lie in the folder above.", ""]
    return "\n".join(lines)


def _inline(text: str) -> str:
    """Make a stranger's text harmless in Markdown: one line, no markup."""
    flat = " ".join(text.split())
    return "".join("\\" + c if c in "\\`*_{}[]<>#|" else c for c in flat)


def _code(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")
