"""Verify a certificate of this home and note what was found, check by check, where screens look.

The verification is the one that any stranger runs; what is added is memory: an event for each check
as it is decided, and at the end the checks in the certificate's row. Of a bundle that lies
elsewhere, or by somebody else's demands, nothing is noted: a changed copy says nothing about ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import select

from workbench.settings import Settings
from workbench.stages.events import Listener, Reporter
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import CertificateRow, now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.certificate import Check, PublicKey, Report

__all__ = ["known_certificate", "verify_known"]

STAGE = "verify"


def known_certificate(store: Store, folder: Path) -> CertificateRow | None:
    """Return the row whose bundle lies exactly in ``folder``."""
    whole = folder.resolve()
    with store.read() as session:
        for row in session.exec(select(CertificateRow)):
            if (store.home / row.path).resolve() == whole:
                return row
    return None


def verify_known(
    store: Store,
    settings: Settings,
    row: CertificateRow,
    trusted: Sequence[PublicKey],
    *,
    recheck: bool = False,
    revoked: frozenset[str] = frozenset(),
    listener: Listener | None = None,
) -> Report:
    """Verify the bundle of ``row`` by its signer's key among ``trusted``, and remember.

    Each decided check is an event of stage ``verify`` whose data holds it under ``check``; the
    event ``start`` counts them. A verification without re-check keeps the re-check there was.
    """
    from workbench.certificate.verify import CHECKS, verify

    reporter = Reporter(store, listener, row.round_id)
    asked = len(CHECKS) if recheck else sum(not name.startswith("recheck-") for name in CHECKS)
    reporter.start(STAGE, asked, f"Verifying certificate {row.id[:16]}")

    def tell(name: str, check: Check | None) -> None:
        if check is not None and (recheck or not name.startswith("recheck-")):
            detail = f": {check.detail}" if check.detail else ""
            reporter.note(STAGE, f"{check.status} {name}{detail}", {"check": check.to_json()})

    report = verify(
        settings.home / row.path, trusted, recheck=recheck, revoked=revoked, progress=tell
    )
    _remember(store, row, report)
    reporter.done(STAGE, report.sentence, {"exit": report.exit_code})
    return report


def _remember(store: Store, row: CertificateRow, report: Report) -> None:
    checks = {check.id: check.to_json() for check in report.checks}
    if report.exit_code == 0 and not report.recheck_asked:
        # The same bytes: what was solved and run again before still holds.
        earlier = {c["id"]: c for c in json.loads(row.checks_json) if c["status"] == "pass"}
        checks |= {name: c for name, c in earlier.items() if name.startswith("recheck-")}
    with store.write() as session:
        there = session.get(CertificateRow, row.id)
        if there is not None:
            there.checks_json = canonical(list(checks.values()))
            there.verified_at = now()
            session.add(there)
