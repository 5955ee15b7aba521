"""Certify: issue the signed certificate of a round, verify it at once, and note both.

A round that failed its gate is certified as well: the certificate then says so. The signing key is
the user's first; where there is none, one is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.evidence import round_evidence
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import CertificateRow, now

if TYPE_CHECKING:
    from workbench.certificate.evidence import RoundEvidence
    from workbench.certificate.keys import SigningKey

__all__ = ["certify_round"]


def certify_round(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    key: str | None = None,
    again: bool = False,
    reporter: Reporter | None = None,
) -> CertificateRow:
    """Issue and verify the round's certificate, or return the one it has unless ``again``."""
    from workbench.certificate import CertificateError

    reporter = reporter or Reporter(store, None, round_id)
    with store.read() as session:
        query = select(CertificateRow).where(CertificateRow.round_id == round_id)
        known = session.exec(query).first()
    if known is not None and not again:
        return known
    reporter.start("certify", None, f"Round {round_id}")
    evidence = round_evidence(store, settings, round_id)
    try:
        signing = _signing_keys(key, reporter)
        folder = _folder(settings.certificates, round_id, again)
        certificate_id, checks = _issued(evidence, signing, folder)
    except CertificateError as error:
        raise StageError(
            f"The certificate of round {round_id} was not issued: {error}.",
            f"Mend it and run: workbench cert issue {round_id}",
        ) from error
    row = CertificateRow(
        id=certificate_id,
        round_id=round_id,
        path=str(folder.relative_to(store.home)),
        keyid=signing[0].keyid,
        previous=evidence.previous,
        checks_json=canonical(checks),
        verified_at=now(),
    )
    with store.write() as session:
        if session.get(CertificateRow, row.id) is None:
            session.add(row)
    reporter.done("certify", f"Certificate {certificate_id[:16]}.", {"certificate": certificate_id})
    return row


def _signing_keys(name: str | None, reporter: Reporter) -> list[SigningKey]:
    from workbench.certificate.keys import list_keys, load_signing_keys, new_key

    if not list_keys():
        made = new_key()
        reporter.note("certify", f"Made a signing key: {made.keyid[:16]}.")
    return load_signing_keys(name)


def _folder(parent: Path, round_id: str, again: bool) -> Path:
    """Return the bundle's folder: the round's own, or one with the next number behind it."""
    folder = parent / round_id
    number = 2
    while again and folder.exists():
        folder = parent / f"{round_id}-{number}"
        number += 1
    return folder


def _issued(
    evidence: RoundEvidence, keys: list[SigningKey], folder: Path
) -> tuple[str, list[dict[str, str]]]:
    """Issue into ``folder``, or take what an interrupted run left there whole; verify either."""
    from workbench.certificate import CertificateError
    from workbench.certificate.issue import issue
    from workbench.certificate.verify import verify

    if not folder.exists():
        issue(evidence, keys, folder)
    report = verify(folder, [key.public for key in keys])
    if report.failed or report.certificate_id is None:
        names = ", ".join(check.id for check in report.failed) or "signature"
        raise CertificateError("not-valid", f"the bundle in {folder} does not verify: {names}")
    return report.certificate_id, [check.to_json() for check in report.checks]
