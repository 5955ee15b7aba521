"""Issuing and verifying certificates beside ``sha256sum`` over the same bytes.

    python -m benchmarks.certificate [--rows 1000 10000 100000] [--obligations 1000]

Two limits stand in the same run. ``sha256sum --check``: nobody who reads every byte once is faster.
``from_json``: what pydantic-core alone takes to parse the rows, without looking at them; whoever
reads them strictly adds types, spelling and meaning to that. CPU seconds count all processes and
change little on a busy machine; wall seconds mean something on an idle one only. The verifier uses
two processes where it may. Memory is the largest resident size of one process of the standalone
verifier, and for issuing what the peak grew by beyond the records that it was given. The re-check
solves real obligations of straight-line functions by Z3 and cvc5 side by side; its seconds are wall
clock.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic_core import from_json

from tests.workbench.certificate.sample import right, round_evidence, task
from workbench.certificate import SigningKey, issue, verify


class Times(NamedTuple):
    """Seconds of one call: of processors, here and in the children waited for, and by the wall."""

    cpu: float
    wall: float


def timed(work: Callable[[], object]) -> Times:
    """Time one call."""
    started = os.times()
    work()
    ended = os.times()
    return Times(sum(ended[:4]) - sum(started[:4]), ended.elapsed - started.elapsed)


def best(work: Callable[[], object], runs: int = 3) -> Times:
    """Return the least of several runs, each column on its own."""
    found = [timed(work) for _ in range(runs)]
    return Times(min(t.cpu for t in found), min(t.wall for t in found))


def bundle_row(rows: int, megabytes: int, key: SigningKey) -> None:
    """Issue, verify and hash one bundle of ``rows`` training rows; print a line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evidence = round_evidence(
            folder, tasks=rows + rows // 10, train=rows, weights=megabytes * 1024 * 1024
        )
        bundle = folder / "bundle"
        before = _peak()
        issued = timed(partial(issue, evidence, key, bundle))
        grown = _peak() - before
        del evidence
        gc.collect()
        copied = timed(lambda: shutil.copytree(bundle, folder / "copy"))
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        files = sum(1 for path in bundle.rglob("*") if path.is_file())
        hashed = best(lambda: _sha256sum(bundle))
        parsed = best(lambda: _parse(bundle))
        report = verify(bundle, [key.public])
        assert report.exit_code == 0, report.sentence
        verified = best(lambda: verify(bundle, [key.public]))
        memory = _memory(bundle, key, folder / "signer.pub")
    cells = [
        issued.cpu, copied.cpu, verified.cpu, hashed.cpu, parsed.cpu,
        verified.cpu / hashed.cpu, verified.cpu / (hashed.cpu + parsed.cpu),
        verified.wall, hashed.wall, verified.wall / hashed.wall,
    ]  # fmt: skip
    shown = " ".join(f"{cell:>7.2f}" for cell in cells)
    print(
        f"{rows:>8,} {files:>8,} {size / 1e6:>7.1f} {shown} {memory:>7.0f} {grown:>7.0f}",
        flush=True,
    )


def _peak() -> float:
    """Return the most MiB that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _parse(bundle: Path) -> None:
    """Parse every row and look at none."""
    for path in sorted((bundle / "evidence").glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                from_json(line)


def _memory(bundle: Path, key: SigningKey, public: Path) -> float:
    """Return the peak in MiB of the standalone verifier in a process of its own."""
    public.write_bytes(key.public.pem)
    program = (
        "import sys\n"
        "from workbench.certificate.__main__ import main\n"
        "status = main(sys.argv[1:])\n"
        # Not ru_maxrss, which remembers what the process was before it became this program.
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
        "print(peak[0].split()[1])\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle), str(public)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1]) / 1024


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
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    groups = (
        ("", 26),
        ("| CPU seconds", 40),
        ("| times", 16),
        ("| wall seconds", 24),
        ("| MiB", 0),
    )
    print("".join(title.ljust(width) for title, width in groups))
    names = (
        "issue", "copy", "verify", "sha256", "parse", "sha256", "both", "verify", "sha256",
        "times", "verify", "issue",
    )  # fmt: skip
    print(f"{'rows':>8} {'files':>8} {'MB':>7} " + " ".join(f"{name:>7}" for name in names))
    for rows in options.rows:
        bundle_row(rows, options.adapter_mb, key)
    if options.obligations:
        recheck_line(options.obligations)


if __name__ == "__main__":
    main()
