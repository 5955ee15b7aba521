"""The outcome of a verification: a list of checks, never a bare yes, and its exit status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.certificate.errors import CertificateError
from workbench.certificate.statement import Statement

__all__ = ["Check", "Checks", "Progress", "Report"]

Status = Literal["pass", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question that was asked of a bundle. ``code`` names the kind of a failure."""

    id: str
    claim: str
    status: Status
    detail: str = ""
    code: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the check as ``--json`` prints it."""
        return {
            "id": self.id,
            "claim": self.claim,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one verification. ``statement`` is None unless a trusted key signed it."""

    checks: tuple[Check, ...]
    certificate_id: str | None = None
    statement: Statement | None = None
    keyids: tuple[str, ...] = ()
    unsigned_files: tuple[str, ...] = ()
    recheck_asked: bool = False

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "fail")

    @property
    def exit_code(self) -> int:
        """0 all passed, 1 something failed, 3 intact but part of the re-check was skipped."""
        if self.failed or self.statement is None:
            return 1
        skipped = any(
            check.status == "skipped" and check.id.startswith("recheck-") for check in self.checks
        )
        return 3 if self.recheck_asked and skipped else 0

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if self.failed:
            first = self.failed[0]
            more = f" ({len(self.failed) - 1} more failed)" if len(self.failed) > 1 else ""
            return f"Refused by {first.id}: {first.detail or first.claim}{more}."
        if self.exit_code == 3:
            return "Intact, but a part of the re-check could not be done here."
        if self.recheck_asked:
            return "Accepted: intact, and everything recheckable was checked again."
        return "Accepted: intact and consistent; the proofs were not solved again (--recheck)."

    def to_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` prints it."""
        return {
            "certificate": self.certificate_id,
            "exit": self.exit_code,
            "sentence": self.sentence,
            "keyids": list(self.keyids),
            "unsigned_files": list(self.unsigned_files),
            "checks": [check.to_json() for check in self.checks],
        }


Progress = Callable[[str, Check | None], None]
"""Told while a verification runs: a check's id with None when it begins, with the check when it
is decided. A check that is skipped has no beginning."""


@dataclass(slots=True)
class Checks:
    """Collects checks while verifying; a ``CertificateError`` becomes a failed one."""

    done: list[Check] = field(default_factory=list)
    progress: Progress | None = None

    def run(self, name: str, claim: str, ask: Callable[[], str | None]) -> bool:
        """Run one check: it raises to fail and returns a detail to pass."""
        if self.progress is not None:
            self.progress(name, None)
        try:
            detail = ask() or ""
        except CertificateError as error:
            self._decided(Check(name, claim, "fail", error.message, error.code))
            return False
        self._decided(Check(name, claim, "pass", detail))
        return True

    def skip(self, name: str, claim: str, why: str) -> None:
        """Note a check that was not done, and why."""
        self._decided(Check(name, claim, "skipped", why))

    def _decided(self, check: Check) -> None:
        self.done.append(check)
        if self.progress is not None:
            self.progress(check.id, check)
