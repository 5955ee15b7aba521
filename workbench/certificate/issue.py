"""Issuing: evidence to a signed bundle, written aside, verified like a stranger's, then named.

A bundle that would not pass its own verification is not signed into the world: the folder appears
under its name only when everything held, so a crash leaves no half certificate.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from workbench.certificate.adapter import adapter_digest, may_be_in_adapter
from workbench.certificate.bundle import (
    ADAPTER,
    CERTIFICATE,
    SUMS,
    Bundle,
    obligation_name,
    open_bundle,
    render_sums,
)
from workbench.certificate.card import render_card, render_model_card
from workbench.certificate.envelope import seal
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import RoundEvidence
from workbench.certificate.figures import predicate
from workbench.certificate.files import evidence_files
from workbench.certificate.keys import SigningKey
from workbench.certificate.layout import CARD, PAGE
from workbench.certificate.page import render_page
from workbench.certificate.reading import survey
from workbench.certificate.report import Report
from workbench.certificate.selection import check_inputs
from workbench.certificate.statement import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    DigestSet,
    Statement,
    Subject,
)
from workbench.certificate.verify import verify

__all__ = ["issue"]


def issue(evidence: RoundEvidence, key: SigningKey | Sequence[SigningKey], out_dir: Path) -> str:
    """Write a signed bundle to ``out_dir``, which must not exist, and return its id.

    The id is the SHA-256 of the signed payload. Raises ``CertificateError`` when the evidence
    contradicts itself; then there is no bundle.
    """
    keys = [key] if isinstance(key, SigningKey) else list(key)
    out_dir = Path(out_dir)
    if out_dir.exists():
        raise CertificateError("exists", f"{out_dir} exists; a bundle is never written over")
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".issuing-", dir=out_dir.parent))
    try:
        _write(_Draft(draft), evidence, keys)
        report = verify(draft, [k.public for k in keys])
        _must_hold(report)
        draft.chmod(0o755)
        os.rename(draft, out_dir)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    assert report.certificate_id is not None
    return report.certificate_id


@dataclass(frozen=True, slots=True)
class _Draft:
    """The folder that is being filled, and which folders it has."""

    folder: Path
    made: set[str] = field(default_factory=set)

    def _make(self, name: str) -> None:
        if name not in self.made:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            self.made.add(name)

    def put(self, name: str, data: bytes) -> str:
        """Write one file and return its digest."""
        if "/" in name:
            self._make(name.rpartition("/")[0])
        with open(f"{self.folder}/{name}", "wb") as file:
            file.write(data)
        return hashlib.sha256(data).hexdigest()


def _write(draft: _Draft, evidence: RoundEvidence, keys: Sequence[SigningKey]) -> None:
    check_inputs(evidence)
    sums = {name: draft.put(name, data) for name, data in evidence_files(evidence)}
    sums |= _obligations(draft, evidence)
    if evidence.adapter_dir is not None:
        sums |= _adapter(draft, evidence.adapter_dir)
    read, malformed, _ = survey(open_bundle(draft.folder), adapter_digest(sums))
    if malformed is not None or read is None:
        raise malformed or CertificateError("malformed", "the evidence cannot be read")
    body = predicate(read, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    model_card = ADAPTER + CARD
    if evidence.adapter_dir is not None and model_card not in sums:
        sums[model_card] = draft.put(model_card, render_model_card(body, read).encode())
    sums[CARD] = draft.put(CARD, render_card(body, read).encode())
    sums[PAGE] = draft.put(PAGE, render_page(body, read).encode())
    sums_digest = draft.put(SUMS, render_sums(sums))
    subjects = {SUMS: sums_digest} | {n: d for n, d in sums.items() if n.startswith(ADAPTER)}
    statement = Statement.model_validate(
        {
            "_type": STATEMENT_TYPE,
            "subject": tuple(
                Subject(name=name, digest=DigestSet(sha256=digest))
                for name, digest in sorted(subjects.items())
            ),
            "predicateType": PREDICATE_TYPE,
            "predicate": body,
        }
    )
    payload = json.dumps(statement.to_json(), indent=1, ensure_ascii=False).encode()
    draft.put(CERTIFICATE, seal(payload, keys))


def _obligations(draft: _Draft, evidence: RoundEvidence) -> dict[str, str]:
    """Write the obligations that verdicts name; each name must be the digest of its text."""
    sums: dict[str, str] = {}
    for verdict in evidence.verdicts:
        for obligation in verdict.obligations:
            name = obligation_name(obligation.digest)
            if name in sums:
                continue
            text = evidence.obligations.get(obligation.digest)
            if text is None:
                raise CertificateError(
                    "missing-file", f"the text of obligation {obligation.digest[:12]} is missing"
                )
            sums[name] = draft.put(name, text.encode("utf-8"))
    return sums


def _adapter(draft: _Draft, folder: Path) -> dict[str, str]:
    """Copy the adapter's files that may be in a bundle; weights are streamed."""
    sums: dict[str, str] = {}
    (draft.folder / ADAPTER).mkdir(exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and may_be_in_adapter(path.name):
            name = ADAPTER + path.name
            shutil.copyfile(path, draft.folder / name)
            sums[name] = Bundle(draft.folder, (name,)).digest(name)
    return sums


def _must_hold(report: Report) -> None:
    failed = report.failed
    if failed:
        first: Mapping[str, str] = failed[0].to_json()
        raise CertificateError(
            first["code"] or first["id"],
            f"no certificate: {first['detail']} ({first['id']}; {len(failed)} checks failed)",
        )
