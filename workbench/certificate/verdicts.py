"""One pass over the verdicts: what each word needs is there, and what remains of them is small.

Needs nothing but the verdicts and the list of obligation files, so that it can run beside the pass
over the rest of the evidence. Which answers the verdicts are about is compared afterwards, by the
digest of all their keys.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from workbench.certificate.bundle import Bundle, obligation_name
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import VerdictRecord
from workbench.certificate.files import VERDICTS
from workbench.certificate.merkle import leaf_hash, root_of
from workbench.certificate.stream import Stream
from workbench.certificate.strict import each_row

__all__ = ["Fault", "VerdictFacts", "keys_digest", "read_verdicts"]

Fault = tuple[str, str]
"""Code and message of a refusal; plain, so that it crosses from one process to another."""


@dataclass(slots=True)
class VerdictFacts:
    """What is kept of the verdicts. ``words`` are in the order of the file."""

    digest: str = ""
    malformed: Fault | None = None
    fault: Fault | None = None
    """The first verdict that does not carry what its word needs."""
    obligations: Fault | None = None
    """The first obligation that is missing, or that belongs to no verdict."""
    words: list[str] = field(default_factory=list)
    keys: bytes = b""
    root: bytes = b""
    counts: Counter[str] = field(default_factory=Counter)
    named: int = 0
    """How many obligations the verdicts name, each counted once."""
    encoders: set[str] = field(default_factory=set)
    solvers: set[tuple[str, str]] = field(default_factory=set)
    rlimit: int = 0
    companions: bool = True
    """Whether every proof has an obligation that shows that its precondition can hold."""


def read_verdicts(bundle: Bundle) -> VerdictFacts:
    """Read the verdicts of a bundle once."""
    facts = VerdictFacts()
    stream = Stream(bundle, VERDICTS)
    try:
        _read(stream, facts, set(bundle.obligations))
    except CertificateError as error:
        facts.malformed = (error.code, error.message)
    try:
        facts.digest = stream.digest
    finally:
        stream.close()
    return facts


def keys_digest(keys: Iterable[tuple[str, str]]) -> bytes:
    """Return the digest of (task, candidate) pairs in their order."""
    # With lengths before them, no other pairs run together to the same text.
    text = "".join(f"{len(task)} {candidate} {task}" for task, candidate in keys)
    return hashlib.sha256(text.encode()).digest()


def _read(stream: Stream, facts: VerdictFacts, there: set[str]) -> None:
    leaves: list[bytes] = []
    identities: set[tuple[str, int, tuple[tuple[str, str], ...]]] = set()
    named: set[str] = set()
    running = hashlib.sha256()
    last: tuple[str, str] = ("", "")
    words = facts.words
    for row, line in each_row(stream.blocks(), VerdictRecord, VERDICTS):
        key = (row.task, row.candidate)
        if not last < key:
            raise CertificateError(
                "not-sorted", f"{VERDICTS}, line {len(words) + 1} is out of order or appears twice"
            )
        last = key
        running.update(f"{len(row.task)} {row.candidate} {row.task}".encode())
        leaves.append(leaf_hash(line))
        words.append(row.verdict)
        identity = row.identity
        identities.add((identity.encoder, identity.rlimit, identity.solvers))
        for obligation in row.obligations:
            named.add(obligation.digest)
        if row.verdict == "proved" and not _has_companion(row):
            facts.companions = False
        if facts.fault is None and (problem := shape_fault(row)) is not None:
            facts.fault = problem
    facts.keys = running.digest()
    facts.root = root_of(leaves)
    facts.counts = Counter(words)
    facts.named = len(named)
    facts.encoders = {encoder for encoder, _, _ in identities}
    facts.solvers = {pair for _, _, solvers in identities for pair in solvers}
    facts.rlimit = max((rlimit for _, rlimit, _ in identities), default=0)
    facts.obligations = _files_fault(named, there)


def _files_fault(named: set[str], there: set[str]) -> Fault | None:
    if missing := named - there:
        return "missing-file", f"{obligation_name(min(missing))} is missing"
    if stray := there - named:
        return "extra-file", f"{obligation_name(min(stray))} belongs to no verdict"
    return None


def _has_companion(verdict: VerdictRecord) -> bool:
    return any(obligation.expected == "sat" for obligation in verdict.obligations)


def shape_fault(verdict: VerdictRecord) -> Fault | None:
    """Return what a verdict lacks or has too much for its word."""
    word = verdict.verdict
    if verdict.recheck == "disputed" and word != "error":
        return "disputed", f"the verdict on {_who(verdict)} is disputed"
    if word in ("proved", "partial"):
        # Goals may be none: what the encoder itself reduces to true is left to the derivation.
        if not verdict.obligations:
            return "no-obligation", f"{_who(verdict)} is {word} by no obligation"
        if not _has_companion(verdict):
            return "vacuous", f"nothing shows that the precondition of {_who(verdict)} can hold"
    if word == "bounded" and verdict.bound is None:
        return "no-bound", f"{_who(verdict)} is bounded without a bound"
    if verdict.counterexample is None:
        if word == "refuted" and not verdict.reason:
            # Meeting a limit on the task's own tests refutes with a reason instead of an input.
            return "no-counterexample", f"{_who(verdict)} is refuted without a counterexample"
    elif word in ("proved", "bounded", "partial", "tested"):
        return "contradiction", f"{_who(verdict)} is {word} and has a counterexample"
    return None


def _who(verdict: VerdictRecord) -> str:
    return f"candidate {verdict.candidate[:12]} of {verdict.task}"
