"""What a stranger can check: the certificates of a home and their latest verification."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.reading import maybe_moment, moment, one, rows, stored


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a verification: what was claimed and whether it holds."""

    id: str
    claim: str
    status: str
    """One of "pass", "fail" or "skipped"."""
    detail: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate; ``path`` is the bundle's folder, relative to the home."""

    id: str
    round_id: str
    round_number: int
    path: str
    keyid: str
    previous: str | None
    checks: tuple[Check, ...]
    verified_at: datetime | None
    created_at: datetime

    @property
    def state(self) -> str:
        """ "issued" (never verified here), "verified", "failed", "intact" or "incomplete".

        "intact": everything holds, and the proofs were not solved again; "incomplete": something
        else was skipped.
        """
        if self.verified_at is None or not self.checks:
            return "issued"
        if any(c.status == "fail" for c in self.checks):
            return "failed"
        skipped = [c for c in self.checks if c.status == "skipped"]
        if not skipped:
            return "verified"
        return "intact" if all(c.id.startswith("recheck") for c in skipped) else "incomplete"


_SELECT = """SELECT c.*, r.number AS round_number FROM certificate c
    JOIN round r ON r.id = c.round_id"""


def certificates(connection: Connection) -> tuple[Certificate, ...]:
    """Return the certificates, the newest first."""
    return tuple(_read(r) for r in rows(connection, f"{_SELECT} ORDER BY c.created_at DESC"))


def find(connection: Connection, certificate_id: str) -> Certificate | None:
    """Return the certificate whose id is or begins with ``certificate_id``, or None."""
    found = [c for c in certificates(connection) if c.id.startswith(certificate_id)]
    return found[0] if len(found) == 1 else None


def of_round(connection: Connection, round_id: str) -> Certificate | None:
    """Return the newest certificate of a round, or None."""
    r = one(
        connection,
        f"{_SELECT} WHERE c.round_id = :round ORDER BY c.created_at DESC LIMIT 1",
        round=round_id,
    )
    return _read(r) if r else None


def _read(r: Mapping[str, Any]) -> Certificate:
    return Certificate(
        r["id"],
        r["round_id"],
        r["round_number"],
        r["path"],
        r["keyid"],
        r["previous"],
        tuple(check_of(c) for c in stored(r["checks_json"]) or ()),
        maybe_moment(r["verified_at"]),
        moment(r["created_at"]),
    )


def verifying(connection: Connection, round_id: str) -> tuple[tuple[Check, ...], int, bool]:
    """Return what the newest verification has decided so far: (checks, of how many, is it over).

    The last decision on a check stands; nothing was ever verified gives ((), 0, True).
    """
    found = rows(
        connection,
        """SELECT kind, total, data_json FROM event WHERE round_id = :round AND stage = 'verify'
        AND id >= (SELECT max(id) FROM event WHERE round_id = :round AND stage = 'verify'
            AND kind = 'start') ORDER BY id""",
        round=round_id,
    )
    if not found:
        return (), 0, True
    checks = {
        c["id"]: check_of(c)
        for r in found
        if (c := (stored(r["data_json"]) or {}).get("check")) is not None
    }
    over = any(r["kind"] == "done" for r in found)
    return tuple(checks.values()), int(found[0]["total"] or 0), over


def check_of(record: Mapping[str, Any]) -> Check:
    """Read one check as a verification writes it down."""
    return Check(
        str(record.get("id", "")),
        str(record.get("claim", "")),
        str(record.get("status", "skipped")),
        str(record.get("detail", "")),
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of a certificate and its basis: recheckable, reproducible or asserted."""

    basis: str
    text: str
    check: str | None = None
    """The id of the check that decides it, where one does."""


def claims(folder: Path) -> tuple[Claim, ...]:
    """Read the claims out of a bundle, without checking them; nothing when it is not there.

    What a check found is in :attr:`Certificate.checks`; this only says what is claimed.
    """
    try:
        envelope = json.loads((folder / "certificate.json").read_bytes())
        statement = json.loads(base64.b64decode(envelope["payload"]))
        found = statement["predicate"]["claims"]
        return tuple(
            Claim(str(c["basis"]), str(c["text"]), str(c["check"]) if c.get("check") else None)
            for c in found
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()
