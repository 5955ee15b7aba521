"""Verifying a bundle, step by step; nothing that is signed is read before its signature holds.

Steps without re-check need only ``cryptography`` and ``pydantic``. Whatever the bytes are, the
outcome is a ``Report``; ``CertificateError`` is raised only when there is nothing to verify (no
such folder, no trusted key).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from workbench.certificate.adapter import adapter_digest, check_adapter
from workbench.certificate.algorithms import ED25519
from workbench.certificate.asks import CLAIMS, TIMESTAMP
from workbench.certificate.beside import Half, start_half
from workbench.certificate.bundle import (
    ADAPTER,
    CERTIFICATE,
    OBLIGATIONS,
    SUMS,
    UNSIGNED,
    Bundle,
    Sums,
    open_bundle,
    parse_sums,
)
from workbench.certificate.card import GENERATED, render_card
from workbench.certificate.envelope import Envelope, open_envelope, signers
from workbench.certificate.errors import CertificateError
from workbench.certificate.figures import predicate
from workbench.certificate.files import Evidence, SignedFiles
from workbench.certificate.keys import PublicKey
from workbench.certificate.layout import CARD, PAGE, check_layout
from workbench.certificate.page import render_page
from workbench.certificate.policy import Policy, check_policy
from workbench.certificate.reading import survey
from workbench.certificate.recheck import CLAIMS as RECHECK_CLAIMS
from workbench.certificate.recheck import run_recheck, skip_recheck
from workbench.certificate.report import Checks, Progress, Report
from workbench.certificate.statement import Predicate, Statement, read_statement
from workbench.certificate.strict import many_objects
from workbench.certificate.survey import Survey

if TYPE_CHECKING:
    from cryptography import x509

    from workbench.certificate.recheck import Rechecker

__all__ = ["CHECKS", "verify", "verify_evidence"]

_ENVELOPE_LIMIT = 4 * 1024 * 1024
_SUMS_LIMIT = 1024 * 1024 * 1024

CHECKS: Mapping[str, str] = {**CLAIMS, **RECHECK_CLAIMS}
"""Every check that a report can hold, by id, with what it asks; in the order of a verification."""


def verify(
    folder: Path,
    trusted: Sequence[PublicKey],
    *,
    policy: Policy | None = None,
    recheck: bool = False,
    rechecker: Rechecker | None = None,
    revoked: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    authorities: Sequence[x509.Certificate] = (),
) -> Report:
    """Verify the bundle in ``folder`` against explicitly trusted keys.

    ``revoked`` holds keyids that count for nothing. With ``recheck`` the proofs are derived and
    solved again and the counterexamples run, by ``rechecker`` (default: the judge beside us).
    ``progress`` is told of each check as it begins and as it is decided. ``authorities`` are roots
    of time-stamping authorities; with any, an RFC 3161 time stamp of the payload must hold.
    """
    run = _run(folder, trusted, policy, recheck, revoked, progress, authorities)
    with many_objects():
        run.go(rechecker)
        return run.report()


def verify_evidence(
    folder: Path,
    trusted: Sequence[PublicKey],
    *,
    policy: Policy | None = None,
    recheck: bool = False,
    rechecker: Rechecker | None = None,
    revoked: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    authorities: Sequence[x509.Certificate] = (),
) -> tuple[Report, Evidence | None]:
    """Do as ``verify``, and return the evidence too, as whole records.

    Each table is read once more when it is first asked for, and only what has the signed digest is
    returned, so the folder must still be there. The evidence is None unless it could be read;
    believe it only when nothing failed.
    """
    run = _run(folder, trusted, policy, recheck, revoked, progress, authorities)
    with many_objects():
        run.go(rechecker)
        evidence = run.tables() if run.survey is not None else None
        return run.report(), evidence


def _run(
    folder: Path,
    trusted: Sequence[PublicKey],
    policy: Policy | None,
    recheck: bool,
    revoked: frozenset[str],
    progress: Progress | None,
    authorities: Sequence[x509.Certificate],
) -> _Verification:
    keys = [key for key in trusted if key.keyid not in revoked]
    if trusted and not keys:
        raise CertificateError(
            "no-key", f"the key {trusted[0].keyid[:16]} is revoked, and no other was given"
        )
    if not keys:
        raise CertificateError(
            "no-key", "no trusted key was given; name the signer's public key with --key K.pub"
        )
    checks = Checks(progress=progress)
    return _Verification(Path(folder), keys, policy or Policy(), checks, recheck, authorities)


class _Verification:
    """The state of one verification."""

    def __init__(
        self,
        folder: Path,
        keys: Sequence[PublicKey],
        policy: Policy,
        checks: Checks,
        recheck: bool,
        authorities: Sequence[x509.Certificate],
    ) -> None:
        self.authorities = authorities
        self.folder = folder
        self.keys = keys
        self.policy = policy
        self.checks = checks
        self.recheck = recheck
        self.bundle: Bundle | None = None
        self.envelope: Envelope | None = None
        self.statement: Statement | None = None
        self.signers: list[PublicKey] = []
        self.survey: Survey | None = None
        self.malformed: CertificateError | None = None
        self.sums = Sums({}, ())
        self.unsigned: list[str] = []
        self.found: Predicate | None = None

    def go(self, rechecker: Rechecker | None) -> None:
        """Run the steps; a step whose ground is missing is skipped with the reason."""
        steps = (
            ("envelope", self._envelope),
            ("signature", self._signature),
            ("statement", self._statement),
        )
        for name, step in steps:
            if not self.checks.run(name, CLAIMS[name], step):
                self._skip_from(name, f"not read, because {name} failed")
                return
        self.checks.run("policy", CLAIMS["policy"], self._policy)
        if self.authorities:
            self.checks.run("timestamp", TIMESTAMP, self._timestamp)
        if not self.checks.run("files", CLAIMS["files"], self._files):
            self.survey = None
            self._skip_from("files", "not read, because the files are not those signed")
            return
        assert self.bundle is not None
        bundle = self.bundle
        self.checks.run("adapter", CLAIMS["adapter"], lambda: check_adapter(bundle))
        if not self.checks.run("evidence", CLAIMS["evidence"], self._evidence):
            self._skip_from("evidence", "not read, because the evidence is malformed")
            return
        self._consistency()
        self._recheck(rechecker)

    def report(self) -> Report:
        """Return what was found."""
        return Report(
            checks=tuple(self.checks.done),
            certificate_id=(
                hashlib.sha256(self.envelope.payload).hexdigest() if self.statement else None
            )
            if self.envelope
            else None,
            statement=self.statement,
            keyids=tuple(key.keyid for key in self.signers),
            unsigned_files=tuple(self.unsigned),
            recheck_asked=self.recheck,
        )

    def _skip_from(self, failed: str, why: str) -> None:
        names = list(CLAIMS)
        done = {check.id for check in self.checks.done}
        for name in names[names.index(failed) + 1 :]:
            if name not in done:
                self.checks.skip(name, CLAIMS[name], why)

    def _envelope(self) -> str:
        self.bundle = open_bundle(self.folder)
        self.envelope = open_envelope(self.bundle.read(CERTIFICATE, limit=_ENVELOPE_LIMIT))
        count = len(self.envelope.signatures)
        return f"{count} signature{'s' if count > 1 else ''}"

    def _signature(self) -> str:
        assert self.envelope is not None
        found = signers(self.envelope, self.keys)
        # A second signature of the same person must not pass for a second person's.
        persons = sum(key.algorithm == ED25519 for key in found)
        if persons < self.policy.threshold:
            raise CertificateError(
                "bad-signature",
                f"{persons} trusted keys signed this, {self.policy.threshold} must have",
            )
        if self.policy.require_post_quantum and len(found) == persons:
            raise CertificateError("bad-signature", "no trusted ML-DSA key signed this")
        self.signers = found
        return "signed by " + ", ".join(f"{key.name or 'key'} {key.keyid[:16]}" for key in found)

    def _statement(self) -> str:
        assert self.envelope is not None
        statement = read_statement(self.envelope.payload)
        self.statement = statement
        record = statement.predicate.round
        return f"round {record.number} ({record.id})"

    def _policy(self) -> str:
        assert self.statement is not None
        return check_policy(self.policy, self.statement.predicate)

    def _timestamp(self) -> str:
        from workbench.certificate.timestamp import check_stamps

        assert self.bundle is not None
        assert self.envelope is not None
        stamp = check_stamps(self.bundle, self.envelope.payload, self.authorities)
        return f"{stamp.name} of {stamp.moment:%Y-%m-%dT%H:%M:%SZ}"

    def _files(self) -> str:
        assert self.bundle is not None
        assert self.statement is not None
        subjects = {s.name: s.digest.sha256 for s in self.statement.subject}
        data = self.bundle.read(SUMS, limit=_SUMS_LIMIT)
        if hashlib.sha256(data).hexdigest() != subjects.get(SUMS):
            raise CertificateError("changed-file", f"{SUMS} is not the one that was signed")
        half = start_half(self.bundle)
        try:
            return self._held_to(data, subjects, half)
        finally:
            half.close()

    def _held_to(self, data: bytes, subjects: dict[str, str], half: Half) -> str:
        """Hold the files to the sums, whose digest is a subject."""
        assert self.bundle is not None
        self.sums = parse_sums(data)
        self.unsigned = [name for name in self.bundle.files if name.startswith(UNSIGNED)]
        self._listed()
        check_layout(self.sums.files)
        expected = {SUMS} | {name for name in self.sums.files if name.startswith(ADAPTER)}
        if set(subjects) != expected:
            raise CertificateError("subject", "the subjects are not the sums and the adapter")
        self._contents(subjects, half)
        return f"{len(self.sums.files) + len(self.sums.obligations)} files"

    def _listed(self) -> None:
        """Refuse a file that is missing or was not signed."""
        assert self.bundle is not None
        sums, bundle = self.sums, self.bundle
        there = set(bundle.files) - {CERTIFICATE, SUMS} - set(self.unsigned)
        if there == set(sums.files) and bundle.obligations == sums.obligations:
            return
        there = set(bundle.names) - {CERTIFICATE, SUMS} - set(self.unsigned)
        if missing := sums.names - there:
            raise CertificateError("missing-file", f"{min(missing)} is missing")
        if extra := there - sums.names:
            raise CertificateError("extra-file", f"{min(extra)} was not signed")

    def _contents(self, subjects: dict[str, str], half: Half) -> None:
        """Hash every file; the evidence is read meanwhile, and believed only if all is signed."""
        assert self.bundle is not None
        sums = self.sums.files
        self.survey, self.malformed, digests = survey(self.bundle, adapter_digest(sums), half)
        done = half.hashed()
        digests = {**done.digests, **digests}
        for name, digest in sums.items():
            found = digests.get(name) or self.bundle.digest(name)
            if found != digest or subjects.get(name, digest) != digest:
                raise CertificateError("changed-file", f"{name} is not the one that was signed")
            if name.startswith(OBLIGATIONS) and name != f"{OBLIGATIONS}{digest}.smt2":
                raise CertificateError("renamed", f"{name} is not named by its digest")
        if done.changed is not None:
            raise CertificateError(*done.changed)

    def _evidence(self) -> str:
        if self.malformed is not None:
            raise self.malformed
        assert self.survey is not None
        return f"{len(self.survey.tasks)} tasks, {self.survey.rows} training rows"

    def tables(self) -> Evidence:
        """Return the evidence as whole records, each table read when it is first asked for."""
        assert self.bundle is not None
        return Evidence(SignedFiles(self.bundle, self.sums.files))

    def _consistency(self) -> None:
        found = self.survey
        assert found is not None
        if not self.checks.run(
            "identities", CLAIMS["identities"], lambda: found.outcome("identities")
        ):
            self._skip_from("identities", "not asked, because names dangle or deceive")
            return
        for name in ("verdicts", "selection", "dataset", "disjoint", "evaluation", "training"):
            self.checks.run(name, CLAIMS[name], partial(found.outcome, name))
        self.checks.run("figures", CLAIMS["figures"], self._figures)
        self.checks.run("claims", CLAIMS["claims"], self._claims)
        self._pages()

    def _computed(self) -> tuple[Predicate, Predicate]:
        """Return the stated predicate and the one that the evidence gives, computed once."""
        assert self.statement is not None
        assert self.survey is not None
        stated = self.statement.predicate
        if self.found is None:
            try:
                self.found = predicate(self.survey, stated.round.issued_at)
            except ValidationError as error:
                first = error.errors()[0]
                raise CertificateError(
                    "wrong-figures",
                    f"the evidence cannot be stated: {first['loc']}: {first['msg']}",
                ) from error
        return stated, self.found

    def _figures(self) -> str:
        stated, found = self._computed()
        for field in type(found).model_fields:
            if field != "claims" and getattr(found, field) != getattr(stated, field):
                part = stated.model_dump(by_alias=True)
                name = next(k for k in part if k.replace("_", "").lower() == field.replace("_", ""))
                raise CertificateError(
                    "wrong-figures", f"{name} in the statement is not what the evidence gives"
                )
        return "all recomputed"

    def _pages(self) -> None:
        """Render the pages for people again; those of another rendering are not vouched for."""
        assert self.bundle is not None
        assert self.survey is not None
        found = self.found
        if found is None:
            self.checks.skip("pages", CLAIMS["pages"], "not rendered, because figures failed")
            return
        changed: list[str] = []
        for name, render in ((CARD, render_card), (PAGE, render_page)):
            if name not in self.sums.files:
                continue
            there = self.bundle.read(name)
            if there != render(found, self.survey).encode():
                if GENERATED.encode() not in there:
                    why = f"{name} was rendered by another version; believe this report instead"
                    self.checks.skip("pages", CLAIMS["pages"], why)
                    return
                changed.append(name)

        def outcome() -> str:
            if changed:
                raise CertificateError("pages", f"{changed[0]} says other than the evidence")
            return "rendered again"

        self.checks.run("pages", CLAIMS["pages"], outcome)

    def _claims(self) -> str:
        stated, found = self._computed()
        if found.claims != stated.claims:
            raise CertificateError(
                "claims", "the claims or their bases are not those of the format"
            )
        return f"{len(stated.claims)} claims"

    def _recheck(self, rechecker: Rechecker | None) -> None:
        assert self.bundle is not None
        if not self.recheck:
            skip_recheck(self.checks, "not asked for")
        elif any(check.status == "fail" for check in self.checks.done):
            skip_recheck(self.checks, "not done, because a check before it failed")
        else:
            run_recheck(self.checks, self.bundle, self.tables(), rechecker)
