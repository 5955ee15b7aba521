"""Hostile bytes at every door of the verifier, for as long as somebody waits.

    python -m tests.workbench.certificate.fuzz [--seconds 60] [--seed N]

Doors: envelope, statement, sums, evidence, whole bundles (signed again by their liar), archives,
row proofs, registry entries, policies, keys, and the reader of SMT-LIB. Whatever the bytes are, a
door opens, refuses with ``CertificateError`` (the SMT reader: ``SmtError``), or reports; any other
exception is a finding and is printed with the seed and what was fed. Exit 1 with findings.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from judge.sexpr import SmtError
from judge.smtlib import read as read_smt
from tests.workbench.certificate.sample import COMPANION, goal, payload_of, reseal, round_evidence
from workbench.certificate import CertificateError, SigningKey, issue, verify
from workbench.certificate.archive import pack, unpack
from workbench.certificate.bundle import open_bundle, parse_sums
from workbench.certificate.envelope import open_envelope
from workbench.certificate.files import read_evidence
from workbench.certificate.keys import load_public_key
from workbench.certificate.policy import read_policy
from workbench.certificate.proof import check_row, prove_row
from workbench.certificate.statement import read_statement
from workbench.registry.entry import read_entry, write_entry

REFUSALS = (CertificateError, SmtError)
PIECES = (
    b"NaN", b"1e400", b"-0", b"\\ud800", b"\\u0000", b"\x00", b"\xff", b"\xef\xbb\xbf", b"null",
    b"true", b"[]", b"{}", b"1" * 5000, b"[" * 3000, b'{"a":' * 2000, b"\n", b"\r\n", b"''", b'"',
    b",", b":", b"0.1", b"9007199254740993", b"\xed\xa0\x80", b"../", b"(", b")", b"|", b";",
    b"(check-sat)", b"(push 1)", b'(set-option :regular-output-channel "x")', b"(echo \"unsat\")",
    b"(let ((v.x 1))", b"(_ bv1 8)", b"#xff", b"(! ", b"0" * 300,
)  # fmt: skip

DETERMINED = ("evidence/examples.jsonl", "evidence/evaluation.jsonl")
"""Files of which nothing is the signer's word: changed in any way, they contradict the rest."""


class Fuzzer:
    """One run: a good specimen for each door, and hostile copies of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.key = SigningKey(Ed25519PrivateKey.generate(), "liar")
        issue(round_evidence(folder), self.key, folder / "good")
        self.good = folder / "good"
        pack(self.good, folder / "good.zip")
        self.names = sorted(
            str(p.relative_to(self.good)) for p in self.good.rglob("*") if p.is_file()
        )
        evidence = {n: (self.good / n).read_bytes() for n in self.names if n.startswith("evidence")}
        certificate = (self.good / "certificate.json").read_bytes()
        self.doors: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
            "envelope": (certificate, open_envelope),
            "statement": (open_envelope(certificate).payload, read_statement),
            "sums": ((self.good / "SHA256SUMS").read_bytes(), parse_sums),
            "smt": ((goal(3) + COMPANION).encode(), read_smt),
            "smt goal": (goal(7).encode(), read_smt),
            "archive": ((folder / "good.zip").read_bytes(), self._archive),
            "row proof": (prove_row(open_bundle(self.good), 1), self._row),
            "registry entry": (self._entry(), lambda data: read_entry(data, "0" * 64)),
            "policy": (b'threshold = 1\nmin_round = 3\nsolvers = {z3 = ["5.4.0"]}\n', self._policy),
            "public key": (self.key.public.pem, self._key),
        }
        for name, data in evidence.items():
            self.doors[name] = (data, lambda d, name=name: read_evidence({**evidence, name: d}))
            self.doors["signed " + name] = (data, lambda d, name=name: self._signed(name, d))

    def once(self) -> tuple[str, bytes, str | None]:
        """Try one door; return its name, what it was fed, and a traceback if it broke."""
        name = self.random.choice(list(self.doors))
        specimen, door = self.doors[name]
        data = self._mutated(specimen)
        try:
            door(data)
        except REFUSALS:
            return name, data, None
        except BaseException:  # noqa: BLE001  whatever escapes is what is looked for
            return name, data, traceback.format_exc()
        return name, data, None

    def _mutated(self, data: bytes) -> bytes:
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 8))):
            at = self.random.randrange(len(data) + 1)
            kind = self.random.randrange(6)
            if kind == 0:
                data = data[:at] + bytes([self.random.randrange(256)]) + data[at + 1 :]
            elif kind == 1:
                data = data[:at] + self.random.choice(PIECES) + data[at:]
            elif kind == 2:
                data = data[:at] + self.random.choice(PIECES) + data[at + 4 :]
            elif kind == 3:
                data = data[:at] + data[at + self.random.randrange(1, 40) :]
            elif kind == 4:
                size, to = self.random.randrange(1, 200), self.random.randrange(len(data) + 1)
                data = data[:to] + data[at : at + size] + data[to:]
            else:
                data = self._value(data)
        return data

    def _value(self, data: bytes) -> bytes:
        """Exchange one value somewhere in the JSON of one line for another."""
        lines = data.split(b"\n")
        at = self.random.randrange(len(lines))
        try:
            value = json.loads(lines[at])
        except (ValueError, RecursionError):
            return data
        changed = self._elsewhere(value)
        lines[at] = json.dumps(
            changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode("utf-8", "surrogatepass")
        return b"\n".join(lines)

    def _elsewhere(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            name = self.random.choice(list(value))
            return {**value, name: self._elsewhere(value[name])}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            at = self.random.randrange(len(value))
            return [*value[:at], self._elsewhere(value[at]), *value[at + 1 :]]
        return self.random.choice(
            [
                None,
                True,
                -1,
                0,
                2**63,
                2**53,
                1.5,
                "",
                "x" * 600,
                [],
                {},
                [[]],
                {"$tuple": 1},
                value,
            ]
        )

    def _signed(self, name: str, data: bytes) -> None:
        path = self.good / name
        before = path.read_bytes()
        statement = (self.good / "certificate.json").read_bytes()
        sums = (self.good / "SHA256SUMS").read_bytes()
        try:
            path.write_bytes(data)
            reseal(self.good, self.key)
            report = verify(self.good, [self.key.public])
            if data != before and report.exit_code == 0 and name in DETERMINED:
                raise AssertionError(f"{name} was changed, signed and accepted")
        finally:
            path.write_bytes(before)
            (self.good / "certificate.json").write_bytes(statement)
            (self.good / "SHA256SUMS").write_bytes(sums)

    def _archive(self, data: bytes) -> None:
        target = self.folder / "unpacked"
        target.mkdir()
        try:
            (self.folder / "bad.zip").write_bytes(data)
            unpack(self.folder / "bad.zip", target)
            verify(target, [self.key.public])
        finally:
            shutil.rmtree(target)

    def _through(self, data: bytes, door: Callable[[Path], object]) -> None:
        (self.folder / "file").write_bytes(data)
        door(self.folder / "file")

    def _row(self, data: bytes) -> None:
        self._through(data, lambda path: check_row(path, [self.key.public]))

    def _policy(self, data: bytes) -> None:
        self._through(data, read_policy)

    def _key(self, data: bytes) -> None:
        self._through(data, load_public_key)

    def _entry(self) -> bytes:
        from workbench.certificate.verify import verify_evidence
        from workbench.registry.entry import Archive, describe

        report, evidence = verify_evidence(self.good, [self.key.public])
        assert evidence is not None
        entry = describe(report, evidence, Archive(sha256="0" * 64, size=1), None)
        return write_entry(entry).replace(entry.certificate.encode(), b"0" * 64)


def main() -> int:
    """Fuzz for a while and say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tried: Counter[str] = Counter()
    findings = 0
    with tempfile.TemporaryDirectory() as name:
        fuzzer = Fuzzer(Path(name), options.seed)
        assert payload_of(fuzzer.good)
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            door, data, trouble = fuzzer.once()
            tried[door] += 1
            if trouble is not None:
                findings += 1
                print(f"{door}: {data[:2000]!r}\n{trouble}", flush=True)
    print(f"{sum(tried.values()):,} tries at {len(tried)} doors, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
