"""The half of a verification that another process can do meanwhile.

It is to read the verdicts, to look for training tasks among the held-out ones, and to hash
obligations and adapter: half of the work on a big bundle, and none of it needs the rest. Where this
process has one thread and the system can fork, a child does it and sends back the little that is
kept, in the order in which it is waited for; elsewhere, and for small bundles, each part is done
here when somebody asks. The outcome is the same either way.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO

from workbench.certificate.bundle import ADAPTER, Bundle
from workbench.certificate.errors import CertificateError
from workbench.certificate.leak import Leak, find_leak
from workbench.certificate.verdicts import Fault, VerdictFacts, read_verdicts

__all__ = ["Half", "Hashed", "start_half"]

_FEWEST = 4_000
"""Obligations below which a second process would cost more than it saves."""

_AS_THEY_ARE = (
    "digest", "malformed", "fault", "obligations", "words", "named", "rlimit", "companions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hashed:
    """What hashing found: an obligation that is not the signed one, and the adapter's digests."""

    changed: Fault | None = None
    digests: dict[str, str] = field(default_factory=dict)


def judged(bundle: Bundle) -> VerdictFacts:
    """Read the verdicts, here and now."""
    try:
        return read_verdicts(bundle)
    except CertificateError as error:
        # No such file, or none that opens.
        return VerdictFacts(malformed=(error.code, error.message))


def hashed(bundle: Bundle) -> Hashed:
    """Hash obligations and adapter, here and now."""
    try:
        bundle.same_obligations()
        names = (name for name in bundle.files if name.startswith(ADAPTER))
        return Hashed(None, {name: bundle.digest(name) for name in names})
    except CertificateError as error:
        return Hashed((error.code, error.message))


class Half:
    """The half under way. What a child should have said and did not is found out here.

    Each part is asked once at most: the verdicts, then the leak, then the hashes.
    """

    def __init__(self, bundle: Bundle, child: int = 0, pipe: BinaryIO | None = None) -> None:
        self._bundle = bundle
        self._child = child
        self._pipe = pipe
        self._told = 0

    def verdicts(self) -> VerdictFacts:
        """Wait for the verdicts."""
        line = self._line(1)
        return _facts(line) if line else judged(self._bundle)

    def leak(self) -> Leak:
        """Wait for the comparison of tasks; ``CertificateError`` where they cannot be read."""
        line = self._line(2)
        if line:
            digest, fault = json.loads(line)
            return Leak(digest, _fault(fault))
        return find_leak(self._bundle)

    def hashed(self) -> Hashed:
        """Wait for the hashes."""
        line = self._line(3)
        return _hashes(line) if line else hashed(self._bundle)

    def close(self) -> None:
        """End the child, so that none is left behind."""
        if self._pipe is not None:
            self._pipe.close()
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._pipe = None

    def _line(self, number: int) -> bytes:
        """Return a line of the child by its number, or nothing where it did not say it."""
        line = b""
        while self._pipe is not None and self._told < number:
            line = self._pipe.readline()
            self._told += 1
            if not line.endswith(b"\n"):
                self.close()
                line = b""
        return line


def start_half(bundle: Bundle) -> Half:
    """Begin the half in a child where that pays, else leave it to whoever asks."""
    if len(bundle.obligations) < _FEWEST or not _may_fork():
        return Half(bundle)
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return Half(bundle, child, os.fdopen(reader, "rb"))
    try:
        os.close(reader)
        _serve(bundle, writer)
    finally:
        # Nothing of the parent's, buffers and handlers included, is run or flushed here. What is
        # missing in the pipe then is found out by the parent.
        os._exit(0)


def _serve(bundle: Bundle, writer: int) -> None:
    with os.fdopen(writer, "wb") as pipe:
        found = judged(bundle)
        facts = {name: getattr(found, name) for name in _AS_THEY_ARE}
        facts |= {"keys": found.keys.hex(), "root": found.root.hex()}
        facts |= {"encoders": sorted(found.encoders), "solvers": sorted(found.solvers)}
        pipe.write(json.dumps(facts).encode() + b"\n")
        pipe.flush()
        leak = find_leak(bundle)
        pipe.write(json.dumps([leak.digest, leak.fault]).encode() + b"\n")
        pipe.flush()
        files = hashed(bundle)
        pipe.write(json.dumps([files.changed, files.digests]).encode() + b"\n")


def _may_fork() -> bool:
    """Whether a fork is safe and of use: Linux, one thread, and a second processor to run on."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    try:
        # The system's own count: a library's threads are not Python's.
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _facts(line: bytes) -> VerdictFacts:
    facts = json.loads(line)
    for name in ("malformed", "fault", "obligations"):
        facts[name] = _fault(facts[name])
    for name in ("keys", "root"):
        facts[name] = bytes.fromhex(facts[name])
    facts["encoders"] = set(facts["encoders"])
    facts["solvers"] = set(map(tuple, facts["solvers"]))
    facts["counts"] = Counter(facts["words"])
    return VerdictFacts(**facts)


def _hashes(line: bytes) -> Hashed:
    changed, digests = json.loads(line)
    return Hashed(_fault(changed), digests)


def _fault(value: list[str] | None) -> Fault | None:
    return None if value is None else (value[0], value[1])
