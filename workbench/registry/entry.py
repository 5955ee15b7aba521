"""What a registry says about a bundle: a record that anybody derives from the bundle again.

It is there so that a list needs no download. Nothing in it is signed and nothing in it is
believed: who pulls derives it from the verified bundle and compares. The one exception is
``licence``, the word of whoever added the bundle about the adapter and the rows as a whole.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from workbench.certificate import CertificateError, Report
from workbench.certificate.evidence import Count, Digest, Name
from workbench.certificate.files import Evidence
from workbench.certificate.statement import Signed
from workbench.certificate.strict import Strict, canonical, load_json, model_of
from workbench.registry.ledger import SHARE_RULE, Credit, ledger

__all__ = ["ENTRY_LIMIT", "Archive", "Entry", "Terms", "describe", "read_entry", "write_entry"]

ENTRY_LIMIT = 4 * 1024 * 1024

Licence = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .()+:-]{1,200}$")]
"""An SPDX expression such as ``Apache-2.0 AND CC-BY-4.0``."""


class Archive(Strict):
    """The zip file that holds the bundle."""

    sha256: Digest
    size: Count


class Terms(Strict):
    """What a source's terms say about training, as the certificate records it."""

    basis: str
    model: str
    provider: str
    rows: Count
    source: Name
    training: Literal["allowed", "forbidden", "unknown"]


class Entry(Strict):
    """One bundle as a registry lists it."""

    archive: Archive
    base_model: Name
    by_verdict: dict[str, Count]
    certificate: Digest
    format: Literal["registry-entry/v1"]
    gain: Signed
    """With ``low`` and ``high``: the paired lift in millionths of the held-out tasks."""
    high: Signed
    ledger: tuple[Credit, ...]
    level: Name
    licence: Licence | None
    lift: bool
    low: Signed
    number: Annotated[int, Field(ge=1)]
    promoted: bool | None
    round: Name
    rows: Count
    share_rule: Literal["largest-remainder/6"]
    task_licences: dict[str, Count]
    """Training rows by the licence of their task."""
    terms: tuple[Terms, ...]


def describe(report: Report, evidence: Evidence, archive: Archive, licence: str | None) -> Entry:
    """Derive the entry of a bundle that was verified; ``CertificateError`` for an odd licence."""
    assert report.statement is not None
    assert report.certificate_id is not None
    body = report.statement.predicate
    credits = ledger(evidence)
    licences = Counter(
        evidence.tasks[evidence.answers[number].task].licence for number in evidence.examples
    )
    terms = [
        {
            "basis": evidence.sources[credit.source].policy_basis,
            "model": credit.model,
            "provider": credit.provider,
            "rows": credit.rows,
            "source": credit.source,
            "training": evidence.sources[credit.source].training_policy,
        }
        for credit in credits
        if credit.rows
    ]
    value = {
        "archive": archive.model_dump(),
        "base_model": evidence.round.base_model,
        "by_verdict": body.dataset.by_verdict,
        "certificate": report.certificate_id,
        "format": "registry-entry/v1",
        "gain": body.evaluation.gain,
        "high": body.evaluation.high,
        "ledger": [credit.model_dump() for credit in credits],
        "level": body.level.name,
        "licence": licence,
        "lift": body.level.lift,
        "low": body.evaluation.low,
        "number": body.round.number,
        "promoted": body.promoted,
        "round": body.round.id,
        "rows": body.dataset.rows,
        "share_rule": SHARE_RULE,
        "task_licences": dict(sorted(licences.items())),
        "terms": terms,
    }
    return model_of(Entry, value, "the registry entry")


def write_entry(entry: Entry) -> bytes:
    """Return an entry's one spelling."""
    return (canonical(entry.model_dump(mode="json")) + "\n").encode()


def read_entry(data: bytes, identity: str) -> Entry:
    """Read what a registry says about ``identity``; it must be about that and well formed."""
    what = f"the registry's entry of {identity[:16]}"
    entry = model_of(Entry, load_json(data, what, limit=ENTRY_LIMIT), what)
    if entry.certificate != identity:
        raise CertificateError("registry-entry", f"{what} is about another certificate")
    return entry
