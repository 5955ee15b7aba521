"""One training row with its inclusion proof: show one example and nothing else of the dataset.

A proof is a small JSON file that carries the signed envelope, the row's raw bytes as text, and the
audit path to the dataset's RFC 6962 root in the statement.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from workbench.certificate.bundle import CERTIFICATE, Bundle
from workbench.certificate.envelope import open_envelope, signers
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import Count, Digest
from workbench.certificate.files import DATASET
from workbench.certificate.keys import PublicKey
from workbench.certificate.merkle import inclusion_proof, verify_inclusion
from workbench.certificate.statement import read_statement
from workbench.certificate.strict import Strict, load_json, model_of, split_lines

__all__ = ["ProvenRow", "check_row", "prove_row"]

_LIMIT = 16 * 1024 * 1024


class _RowProof(Strict):
    format: Literal["row-proof/v1"]
    index: Count
    row: Annotated[str, StringConstraints(max_length=_LIMIT)]
    path: Annotated[tuple[Digest, ...], Field(max_length=64)]
    envelope: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProvenRow:
    """A row that a trusted key signed as part of a dataset. ``index`` counts from 0."""

    row: dict[str, Any]
    index: int
    rows: int
    round: int
    keyids: tuple[str, ...]


def prove_row(bundle: Bundle, index: int) -> bytes:
    """Return the proof of dataset row ``index``, counted from 0."""
    lines = split_lines(bundle.read(DATASET), DATASET)
    if not 0 <= index < len(lines):
        raise CertificateError(
            "no-row", f"there is no row {index}; the dataset has {len(lines)}, counted from 0"
        )
    envelope = load_json(bundle.read(CERTIFICATE, limit=_LIMIT), CERTIFICATE, limit=_LIMIT)
    proof = {
        "format": "row-proof/v1",
        "index": index,
        "row": lines[index].decode("utf-8"),
        "path": [step.hex() for step in inclusion_proof(lines, index)],
        "envelope": envelope,
    }
    return (json.dumps(proof, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def check_row(path: Path, trusted: Sequence[PublicKey]) -> ProvenRow:
    """Check a proof file against trusted keys; ``CertificateError`` when it proves nothing."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CertificateError("no-file", f"cannot read {path}: {error.strerror}") from None
    proof = model_of(_RowProof, load_json(data, str(path), limit=_LIMIT), str(path))
    envelope = open_envelope(json.dumps(proof.envelope).encode())
    found = signers(envelope, trusted)
    if not found:
        raise CertificateError("bad-signature", "no trusted key signed the proof's certificate")
    predicate = read_statement(envelope.payload).predicate
    steps = [bytes.fromhex(step) for step in proof.path]
    root = bytes.fromhex(predicate.dataset.root)
    leaf = proof.row.encode("utf-8")
    if not verify_inclusion(leaf, proof.index, predicate.dataset.rows, steps, root):
        raise CertificateError("not-included", "the row is not in the signed dataset")
    row = load_json(leaf, "the row", limit=_LIMIT)
    if not isinstance(row, dict):
        raise CertificateError("malformed", "the row is not a JSON object")
    keyids = tuple(key.keyid for key in found)
    return ProvenRow(row, proof.index, predicate.dataset.rows, predicate.round.number, keyids)
