"""The half of a verification that another process can do meanwhile: verdicts, and hashing.

They are the larger part of a big bundle and need nothing of the rest. Where this process has one
thread and the system can fork, a child does that half and sends back the little that is kept;
elsewhere, and for small bundles, it is done here. The outcome is the same either way.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from dataclasses import dataclass

from workbench.certificate.bundle import ADAPTER, Bundle
from workbench.certificate.errors import CertificateError
from workbench.certificate.verdicts import Fault, VerdictFacts, read_verdicts

__all__ = ["Half", "HalfDone", "start_half"]

_FEWEST = 4_000
"""Obligations below which a second process would cost more than it saves."""

_AS_THEY_ARE = (
    "digest", "malformed", "fault", "obligations", "words", "named", "rlimit", "companions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HalfDone:
    """What the half found: a file that is not the signed one, the verdicts, the adapter."""

    changed: Fault | None
    verdicts: VerdictFacts
    digests: dict[str, str]
    """SHA-256 of each file of the adapter."""


def do_half(bundle: Bundle) -> HalfDone:
    """Hash obligations and adapter and read the verdicts, here and now."""
    digests: dict[str, str] = {}
    try:
        bundle.same_obligations()
        digests |= {name: bundle.digest(name) for name in bundle.files if name.startswith(ADAPTER)}
    except CertificateError as error:
        return HalfDone((error.code, error.message), VerdictFacts(), digests)
    try:
        return HalfDone(None, read_verdicts(bundle), digests)
    except CertificateError as error:
        # No such file, or none that opens: that is the other half's to say.
        return HalfDone(None, VerdictFacts(malformed=(error.code, error.message)), digests)


class Half:
    """The half under way; ``result`` waits for it, once."""

    def __init__(self, bundle: Bundle, child: int, pipe: int) -> None:
        self._bundle = bundle
        self._child = child
        self._pipe = pipe
        self._done: HalfDone | None = None

    def result(self) -> HalfDone:
        """Return what was found; a child that died is replaced by doing it here."""
        if self._done is None:
            data = self._received() if self._child else b""
            self._done = _unpacked(data) if data else do_half(self._bundle)
        assert self._done is not None
        return self._done

    def _received(self) -> bytes:
        child, self._child = self._child, 0
        with os.fdopen(self._pipe, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(child, 0)
        return data if status == 0 else b""

    def close(self) -> None:
        """Wait for a child that nobody asked, so that none is left behind."""
        if self._child:
            self._received()


def start_half(bundle: Bundle) -> Half:
    """Begin the half in a child where that pays, else leave it to ``result``."""
    if len(bundle.obligations) < _FEWEST or not _may_fork():
        return Half(bundle, 0, -1)
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return Half(bundle, child, reader)
    status = 1
    try:
        os.close(reader)
        data = _packed(do_half(bundle))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data)
        status = 0
    finally:
        # Nothing of the parent's, buffers and handlers included, is run or flushed here.
        os._exit(status)


def _may_fork() -> bool:
    """Whether a fork is safe and of use: Linux, one thread, and a second processor to run on."""
    return (
        sys.platform == "linux"
        and threading.active_count() == 1
        and len(os.sched_getaffinity(0)) > 1
    )


def _packed(done: HalfDone) -> bytes:
    found = done.verdicts
    facts = {name: getattr(found, name) for name in _AS_THEY_ARE}
    facts |= {"keys": found.keys.hex(), "root": found.root.hex()}
    facts |= {"encoders": sorted(found.encoders), "solvers": sorted(found.solvers)}
    return json.dumps([done.changed, facts, done.digests]).encode()


def _unpacked(data: bytes) -> HalfDone:
    changed, facts, digests = json.loads(data)
    for name in ("malformed", "fault", "obligations"):
        facts[name] = _fault(facts[name])
    for name in ("keys", "root"):
        facts[name] = bytes.fromhex(facts[name])
    facts["encoders"] = set(facts["encoders"])
    facts["solvers"] = set(map(tuple, facts["solvers"]))
    facts["counts"] = Counter(facts["words"])
    return HalfDone(_fault(changed), VerdictFacts(**facts), digests)


def _fault(value: list[str] | None) -> Fault | None:
    return None if value is None else (value[0], value[1])
