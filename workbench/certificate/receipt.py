"""A signed receipt for one served answer: which model said what to which prompt, and the verdict.

An in-toto Statement in a DSSE envelope, like a certificate, with a predicate type of its own. It
proves that the holder of the key vouches for these digests and this verdict. It does not prove that
the model made the answer (the signer's word), nor the verdict by itself: re-judge the answer
against the contract in the receipt, which needs no model and no trust.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.certificate.envelope import open_envelope, seal, signers
from workbench.certificate.errors import CertificateError
from workbench.certificate.keys import PublicKey, SigningKey
from workbench.certificate.strict import load_json

__all__ = ["PREDICATE_TYPE", "Receipt", "make_receipt", "prompt_digest", "read_receipt"]

PREDICATE_TYPE = "https://distillation-workbench.dev/receipt/v1"
_STATEMENT = "https://in-toto.io/Statement/v1"
_LIMIT = 1024 * 1024
_FIELDS = {"answered_by", "model", "prompt", "sampling", "contract", "verdict", "obligations",
           "issued_at"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt whose signature holds: who signed it, and what it says."""

    signed_by: tuple[PublicKey, ...]
    answer_sha256: str
    predicate: Mapping[str, Any]

    def covers(self, answer: str) -> bool:
        """Whether it is about this answer, byte for byte in UTF-8."""
        return text_digest(answer) == self.answer_sha256

    def asked(self, prompt: Sequence[tuple[str, str]] | str) -> bool:
        """Whether it is about this prompt."""
        return bool(self.predicate["prompt"]["sha256"] == prompt_digest(prompt))


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prompt_digest(prompt: Sequence[tuple[str, str]] | str) -> str:
    """Return the SHA-256 of a prompt: of its text, or of its turns as canonical JSON."""
    if isinstance(prompt, str):
        return text_digest(prompt)
    turns = [[role, content] for role, content in prompt]
    return text_digest(json.dumps(turns, separators=(",", ":"), ensure_ascii=False))


def make_receipt(answer: str, predicate: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the envelope, as the JSON object that a response carries."""
    full = {**predicate, "issued_at": datetime.now(UTC).isoformat(timespec="seconds")}
    if set(full) != _FIELDS:
        raise ValueError(f"a receipt has the fields {', '.join(sorted(_FIELDS))}")
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": "answer", "digest": {"sha256": text_digest(answer)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": full,
    }
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    envelope: dict[str, Any] = json.loads(seal(payload, [key]))
    return envelope


def read_receipt(data: bytes, trusted: Sequence[PublicKey]) -> Receipt:
    """Check a receipt offline; raises ``CertificateError`` with a code when it does not hold."""
    envelope = open_envelope(data)
    signed_by = signers(envelope, trusted)
    if not signed_by:
        raise CertificateError("signature", "no trusted key has signed this receipt")
    statement = load_json(envelope.payload, "the receipt", limit=_LIMIT)
    _shape(statement)
    return Receipt(
        tuple(signed_by), statement["subject"][0]["digest"]["sha256"], statement["predicate"]
    )


def _shape(statement: Any) -> None:
    if not isinstance(statement, dict) or set(statement) != {
        "_type", "subject", "predicateType", "predicate",
    }:  # fmt: skip
        raise CertificateError("malformed", "the receipt is no in-toto statement")
    if statement["_type"] != _STATEMENT or statement["predicateType"] != PREDICATE_TYPE:
        raise CertificateError("predicate-type", f"the statement is not of type {PREDICATE_TYPE}")
    subject = statement["subject"]
    sound = (
        isinstance(subject, list)
        and len(subject) == 1
        and isinstance(subject[0], dict)
        and isinstance(subject[0].get("digest"), dict)
        and isinstance(subject[0]["digest"].get("sha256"), str)
    )
    if not sound:
        raise CertificateError("malformed", "the receipt does not have exactly one subject")
    predicate = statement["predicate"]
    if not isinstance(predicate, dict) or set(predicate) != _FIELDS:
        raise CertificateError("malformed", "the receipt does not have exactly its fields")
    prompt = predicate["prompt"]
    if not isinstance(prompt, dict) or not isinstance(prompt.get("sha256"), str):
        raise CertificateError("malformed", "the receipt does not say which prompt it is about")
