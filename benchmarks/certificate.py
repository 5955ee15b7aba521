"""Issuing and verifying certificates beside ``sha256sum`` over the same bytes.

    python -m benchmarks.certificate [--rows 1000 10000] [--obligations 1000] [--adapter-mb 20]

``sha256sum --check`` in the same run is the limit: nobody who reads every byte once is faster. CPU
seconds, so that a busy machine changes little. The re-check solves real obligations of
straight-line functions by Z3 and cvc5 side by side; its seconds are wall clock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.workbench.certificate.sample import right, round_evidence, task
from workbench.certificate import SigningKey, issue, verify


def timed(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, here and in the children that it waited for."""
    started = os.times()
    work()
    ended = os.times()
    return sum(ended[:4]) - sum(started[:4])


def bundle_row(rows: int, megabytes: int, key: SigningKey) -> None:
    """Issue, verify and hash one bundle of ``rows`` training rows; print a line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evidence = round_evidence(
            folder, tasks=rows + rows // 10, train=rows, weights=megabytes * 1024 * 1024
        )
        bundle = folder / "bundle"
        issued = timed(lambda: issue(evidence, key, bundle))
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        files = sum(1 for path in bundle.rglob("*") if path.is_file())
        hashed = min(timed(lambda: _sha256sum(bundle)) for _ in range(3))
        report = verify(bundle, [key.public])
        assert report.exit_code == 0, report.sentence
        verified = min(timed(lambda: verify(bundle, [key.public])) for _ in range(3))
    print(
        f"{rows:>8,} {files:>8,} {size / 1e6:>8.1f} {issued:>8.2f} {verified:>8.2f}"
        f" {hashed:>10.2f} {verified / hashed:>8.2f}",
        flush=True,
    )


def _sha256sum(bundle: Path) -> None:
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=bundle, check=True
    )


def recheck_line(count: int) -> None:
    """Solve at least ``count`` obligations of straight-line functions by both solvers."""
    from judge.contract import Budget, Contract
    from judge.prove import prove
    from workbench.certificate.judge_rechecker import JudgeRechecker

    jobs: list[tuple[str, str, int]] = []
    number = 0
    while len(jobs) < count:
        number += 1
        asked = task(f"t{number}", number, "train")
        contract = Contract(asked.requires, asked.ensures)
        proof = prove(right(number), "add", contract, Budget(), signature=asked.signature)
        jobs += [(o.smt2, o.expected, 20_000_000) for o in proof.obligations]
    rechecker = JudgeRechecker()
    try:
        rechecker.solve(jobs[:1])  # start the children before the clock
        started = time.perf_counter()
        found = rechecker.solve(jobs)
        seconds = time.perf_counter() - started
    finally:
        rechecker.close()
    confirmed = sum(finding.holds is True for finding in found)
    print(
        f"re-check: {len(jobs):,} obligations by Z3 and cvc5 in {seconds:.1f} s, "
        f"{1000 * seconds / len(jobs):.1f} ms each, {confirmed:,} confirmed"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--obligations", type=int, default=1_000)
    parser.add_argument("--adapter-mb", type=int, default=20)
    options = parser.parse_args()
    key = SigningKey(Ed25519PrivateKey.generate(), "benchmark")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU seconds")
    print("    rows    files       MB    issue   verify  sha256sum    ratio")
    for rows in options.rows:
        bundle_row(rows, options.adapter_mb, key)
    if options.obligations:
        recheck_line(options.obligations)


if __name__ == "__main__":
    main()
