"""The long soundness runs over the corpora, each of which may only end with "nothing found".

    python -m tests.judge.sweep truth     every true function is attacked with --inputs inputs
    python -m tests.judge.sweep proofs    all is judged; PROVED is attacked, REFUTED replayed
    python -m tests.judge.sweep mutants   all mutants of what is proved; a PROVED one is attacked

The attack is ``tests.judge.attack``, which shares nothing with the judge. What was done is kept in
``--results`` and not done again while neither the judge's code nor the item has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks._judge_engines import Finding, Runner
from judge.contract import Contract, Submission
from judge.mutate import mutants
from judge.plain import from_json
from tests.judge.attack import Claim, assault, limit_memory, replays

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CORPUS = HERE / "corpus"
PARTS = ("dev", "held", "untouched")
TASKS = ROOT / "data" / "tasks" / "handwritten.jsonl"
ALL_MUTANTS = 100_000


def corpus(parts: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], Claim]]:
    """The rows of the named parts; ``tasks`` are the hand-written tasks with their references."""
    for part in parts:
        path = TASKS if part == "tasks" else CORPUS / f"{part}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            row: dict[str, Any] = json.loads(line)
            if part == "tasks":
                row |= {"code": row["reference"], "expected": "holds"}
            yield row, Claim.from_row(row)


def submission(name: str, claim: Claim) -> Submission:
    """A claim as the judge is asked about it."""
    contract = Contract(claim.requires, claim.ensures, claim.raises, claim.helpers)
    return Submission(name, claim.entry, claim.code, contract)


def defect(
    name: str, claim: Claim, finding: Finding, holds: bool | None, inputs: int
) -> str | None:
    """What cannot be true of a verdict, or None. ``holds`` is None where the truth is unknown."""
    if finding.word in ("proved", "partial"):
        if holds is False and finding.word == "proved":
            return f"FALSE PROOF: {name} is violated and {finding.word}"
        found = assault(claim, inputs, seed=int(hashlib.sha256(name.encode()).hexdigest()[:8], 16))
        if found.broken is not None:
            return (
                f"FALSE PROOF: {name} is {finding.word}, and {found.broken} breaks it: {found.why}"
            )
    if finding.word == "refuted":
        if holds:
            return f"FALSE REFUTATION: {name} holds, and {finding.example} is said to break it"
        if finding.example is None:
            return f"NO EXAMPLE: {name} is refuted without one"
        if not replays(claim, tuple(from_json(arg) for arg in finding.example)):
            return f"NO REPLAY: {name} is refuted by {finding.example}, which breaks nothing"
    return None


def versions(claim: Claim, name: str) -> Iterator[tuple[str, Claim]]:
    """Every mutant of a claim's code."""
    for place, mutant in enumerate(mutants(claim.code, claim.entry, limit=ALL_MUTANTS)):
        yield f"{name}#{place} {mutant.change}", replace(claim, code=mutant.code)


class Done:
    """Names of what was checked with this judge, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        digest = hashlib.sha256()
        for file in sorted((ROOT / "judge").rglob("*.py")):
            digest.update(file.read_bytes())
        self._judge, self._path = digest.hexdigest()[:16], path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        self.known = {tuple(json.loads(line)["key"]): json.loads(line)["word"] for line in lines}

    def key(self, name: str, claim: Claim, inputs: int) -> tuple[str, ...]:
        """What makes a check another one."""
        spoken = hashlib.sha256(repr((name, claim, inputs)).encode()).hexdigest()[:24]
        return (self._judge, spoken)

    def add(self, key: tuple[str, ...], word: str) -> None:
        """Keep one at once."""
        self.known[key] = word
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "word": word}) + "\n")


def truth(options: argparse.Namespace) -> tuple[Counter[str], list[str]]:
    """Attack what is labelled true."""
    count: Counter[str] = Counter()
    defects = []
    for row, claim in corpus(options.part):
        if row["expected"] != "holds":
            continue
        found = assault(claim, options.inputs, seed=11)
        count["attacked"] += 1
        count["inputs"] += found.kept
        count["fewer inputs than asked"] += found.kept < options.inputs
        if found.broken is not None:
            defects.append(f"FALSE LABEL: {row['id']}: {found.broken} breaks it: {found.why}")
    return count, defects


def judged(options: argparse.Namespace) -> tuple[Counter[str], list[str]]:
    """Judge everything (with mutants where that is asked), and check every verdict."""
    count: Counter[str] = Counter()
    defects: list[str] = []
    runner, done, end = Runner("workbench", 5.0), Done(options.results), time.monotonic()
    end += 60 * options.minutes

    def check(name: str, claim: Claim, holds: bool | None) -> str:
        key = done.key(name, claim, options.inputs)
        if key in done.known:
            return done.known[key]
        finding = runner.run(submission(name, claim))
        wrong = defect(name, claim, finding, holds, options.inputs)
        if wrong is not None:
            defects.append(wrong)
            sys.stdout.write(f"{wrong}\n{claim.code}\n")
            sys.stdout.flush()
        else:
            done.add(key, finding.word)
        return finding.word

    for row, claim in corpus(options.part):
        if time.monotonic() > end:
            count["left for the next run"] += 1
            continue
        holds = row["expected"] == "holds"
        if options.what == "mutants" and not holds:
            continue
        word = check(row["id"], claim, holds)
        count[f"{'true' if holds else 'violated'}, {word}"] += 1
        if options.what == "mutants" and word == "proved":
            for name, mutant in versions(claim, row["id"]):
                if time.monotonic() > end:
                    count["mutants left"] += 1
                    continue
                count[f"mutant, {check(name, mutant, None)}"] += 1
    runner.close()
    return count, defects


def main() -> int:
    """Run one sweep; exit 1 when something was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["truth", "proofs", "mutants"])
    parser.add_argument("--part", action="append", choices=[*PARTS, "tasks", "false_contracts"])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--results", type=Path, default=ROOT / ".bench" / "sweep.jsonl")
    options = parser.parse_args()
    limit_memory()
    options.part = tuple(options.part or (*PARTS, "tasks"))
    count, defects = truth(options) if options.what == "truth" else judged(options)
    for word, number in sorted(count.items()):
        sys.stdout.write(f"{number:>7}  {word}\n")
    sys.stdout.write("".join(f"{text}\n" for text in defects) or "nothing found\n")
    return 1 if defects else 0


if __name__ == "__main__":
    raise SystemExit(main())
