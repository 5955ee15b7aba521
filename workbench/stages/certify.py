"""Certify: issue the signed certificate of a round, verify it at once, and note both.

A round that failed its gate is certified as well: the certificate then says so. The signing key is
the user's first; where there is none, one is made.
"""

from __future__ import annotations

from sqlmodel import select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.evidence import round_evidence
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import CertificateRow, now

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
    from workbench.certificate.issue import issue
    from workbench.certificate.keys import list_keys, load_signing_key, new_key, trusted_keys
    from workbench.certificate.verify import verify

    reporter = reporter or Reporter(store, None, round_id)
    with store.read() as session:
        query = select(CertificateRow).where(CertificateRow.round_id == round_id)
        known = session.exec(query).first()
    if known is not None and not again:
        return known
    reporter.start("certify", None, f"Round {round_id}")
    evidence = round_evidence(store, settings, round_id)
    try:
        if not list_keys():
            made = new_key()
            reporter.note("certify", f"Made a signing key: {made.keyid[:16]}.")
        signing = load_signing_key(key)
        folder = settings.certificates / round_id
        certificate_id = issue(evidence, signing, folder)
        report = verify(folder, trusted_keys())
    except CertificateError as error:
        raise StageError(
            f"The certificate of round {round_id} was not issued: {error}.",
            f"Mend it and run: workbench cert issue {round_id}",
        ) from error
    row = CertificateRow(
        id=certificate_id,
        round_id=round_id,
        path=str(folder.relative_to(store.home)),
        keyid=signing.keyid,
        previous=evidence.previous,
        checks_json=canonical(
            [
                {"id": c.id, "claim": c.claim, "status": c.status, "detail": c.detail}
                for c in report.checks
            ]
        ),
        verified_at=now(),
    )
    with store.write() as session:
        if session.get(CertificateRow, row.id) is None:
            session.add(row)
    failed = [c.id for c in report.checks if c.status == "fail"]
    if failed:
        raise StageError(
            f"The certificate of round {round_id} does not verify: {', '.join(failed)}.",
            "This is a defect of the workbench; please report it with the certificate.",
        )
    reporter.done("certify", f"Certificate {certificate_id[:16]}.", {"certificate": certificate_id})
    return row
