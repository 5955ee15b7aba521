"""What invariant hints are worth: the proofs of a corpus without them, and with them.

    python benchmarks/judge_hints.py [--suite dev --suite held] [--hints FILE] [--rlimit N]

Every true function of the suites is put to the prover once. Those that stay open and have hints in
the file, lines of ``{"id": ..., "hints": [...]}``, are tried once more with them. The file beside
this command was written by hand, as a teacher would who reads the function and its contract. Then
the same hints go to the wrong versions of those functions: each of them must stay unproved, which
is the exit status. What it is not: a measure of any teacher.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import _judge_suites as suites  # noqa: E402
from benchmarks._judge_suites import Item  # noqa: E402
from judge.contract import Budget  # noqa: E402
from judge.prove import Proof, prove  # noqa: E402

HINTS = Path(__file__).with_suffix(".jsonl")


@dataclass(slots=True)
class Tally:
    """How many true functions of a suite were proved."""

    true: int = 0
    alone: int = 0
    hinted: int = 0
    gained: int = 0


def attempt(item: Item, rlimit: int, hints: Sequence[str] = ()) -> tuple[Proof, float]:
    """One proof and the processor seconds it took."""
    submission, started = item.submission, time.process_time()
    proof = prove(
        submission.code,
        submission.entry_point,
        submission.contract,
        Budget(rlimit=rlimit),
        signature=submission.signature,
        hints=tuple(hints),
    )
    return proof, time.process_time() - started


def measure(name: str, known: dict[str, list[str]], rlimit: int) -> tuple[Tally, int]:
    """Prove the true ones without and with hints, then try to prove the wrong ones with them."""
    tally, wrong = Tally(), 0
    for item in suites.load(name):
        hints = known.get(item.id)
        if not item.holds:
            hints = known.get(f"{item.submission.entry_point}/good")
            if hints and attempt(item, rlimit // 4, hints)[0].outcome in ("proved", "partial"):
                wrong += 1
                print(f"  WRONG   {item.id} is proved with hints")
            continue
        tally.true += 1
        proof, seconds = attempt(item, rlimit)
        if proof.outcome == "proved":
            tally.alone += 1
            continue
        if hints is None:
            print(f"  open    {item.id}: {proof.reason} ({seconds:.1f} s)")
            continue
        tally.hinted += 1
        again, seconds = attempt(item, rlimit, hints)
        gained = again.outcome == "proved"
        tally.gained += gained
        word = "gained" if gained else again.outcome
        print(f"  {word:7} {item.id}: {again.reason or 'by hints'} ({seconds:.1f} s)", flush=True)
    return tally, wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a suite: points without and with hints, and wrong versions that were proved."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", action="append", choices=suites.NAMES)
    parser.add_argument("--hints", type=Path, default=HINTS)
    parser.add_argument("--rlimit", type=int, default=20_000_000)
    given = parser.parse_args(arguments)
    known: dict[str, list[str]] = {}
    for line in given.hints.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        known[row["id"]] = row["hints"]
    status = 0
    for name in given.suite or ("dev", "held"):
        if name in suites.SECRET:
            parser.error(f"{name} is not looked at, so nobody can hint at it")
        tally, wrong = measure(name, known, given.rlimit)
        points = 100 * tally.gained / max(1, tally.true)
        print(
            f"{name}: {tally.alone} of {tally.true} proved without hints, "
            f"{tally.alone + tally.gained} with ({points:+.1f} points; {tally.hinted} had hints); "
            f"wrong versions proved: {wrong}",
            flush=True,
        )
        status = status or int(wrong > 0)
    return status


if __name__ == "__main__":
    sys.exit(main())
