"""The prover against CrossHair: the same functions, contracts, machine and time for each.

    python benchmarks/judge_vs_crosshair.py --seconds 5 [--suite small] [--limit N]

Suites are JSON Lines of functions with contracts and a known truth. They are not part of the
repository: ``WORKBENCH_BENCH`` names their folder; without it the project's own samples are used
(their mutants are the violated ones). Each function is judged in a process of its own, one at a
time. ``wrong`` counts verdicts that contradict the known truth; a refutation counts only as a claim
here (the judge replays it).
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUITES = {
    "small": "small_contracts.jsonl",
    "deal": "deal_contracts.jsonl",
    "verina": "contracts_verina_clover.jsonl",
    "nagini": "contracts_humaneval_nagini_even.jsonl",
}
RESOURCES_A_SECOND = 3_000_000


@dataclass(frozen=True)
class Item:
    """One function with its contract and the known truth."""

    name: str
    code: str
    entry: str
    params: tuple[tuple[str, str], ...]
    returns: str | None
    requires: tuple[str, ...]
    ensures: tuple[str, ...]
    raises: tuple[str, ...]
    holds: bool

    @property
    def signature(self) -> str:
        """The task's signature as a line of Python."""
        params = ", ".join(f"{n}: {t}" for n, t in self.params)
        return f"def {self.entry}({params})" + (f" -> {self.returns}" if self.returns else "")


def read_suite(path: Path) -> list[Item]:
    """Items of a suite file; those whose truth is unknown are left out."""
    items = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["expected"] not in ("holds", "violated"):
            continue
        tree = ast.parse(row["source"])
        body = [
            n for n in tree.body if not (isinstance(n, ast.FunctionDef) and n.name == row["entry"])
        ]
        items.append(
            Item(
                row["id"],
                "\n".join(ast.unparse(n) for n in body),
                row["function"],
                tuple((n, t) for n, t in row["params"]),
                row.get("returns"),
                tuple(row["requires"]),
                tuple(row["ensures"]),
                tuple(row.get("raises_ok") or ()),
                row["expected"] == "holds",
            )
        )
    return items


def own_samples() -> list[Item]:
    """The samples of the tests, each with its mutant."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.judge.provable import LOOPS, RECURSION, STRAIGHT

    items = []
    for sample in [*STRAIGHT, *LOOPS, *RECURSION]:
        for holds, code in ((True, sample.code), (False, sample.broken)):
            functions = [n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)]
            spec = next(n for n in functions if n.name == "f")
            params = tuple(
                (a.arg, ast.unparse(a.annotation)) for a in spec.args.args if a.annotation
            )
            returns = ast.unparse(spec.returns) if spec.returns else None
            items.append(
                Item(
                    sample.name, code, "f", params, returns,
                    sample.requires, sample.ensures, sample.raises, holds,
                )
            )  # fmt: skip
    return items


# ---------------------------------------------------------------- the two engines


def judge_one(item: Item, seconds: float) -> str:
    """The prover's word: proved, refuted, or anything else as unknown."""
    from judge.contract import Budget, Contract
    from judge.prove import prove

    budget = Budget(rlimit=int(seconds * RESOURCES_A_SECOND))
    contract = Contract(item.requires, item.ensures, item.raises)
    return prove(item.code, item.entry, contract, budget, signature=item.signature).outcome


def crosshair_one(item: Item, seconds: float) -> str:
    """CrossHair's word on the same contract, written as a PEP 316 docstring."""
    import tempfile

    from crosshair.core_and_libs import analyze_function, run_checkables
    from crosshair.options import AnalysisKind, AnalysisOptionSet
    from crosshair.statespace import MessageType

    text = crosshair_source(item)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "subject_of_bench.py").write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)
        module = __import__("subject_of_bench")
        options = AnalysisOptionSet(
            analysis_kind=(AnalysisKind.PEP316,),
            per_condition_timeout=seconds,
            max_uninteresting_iterations=sys.maxsize,
            report_all=True,
        )
        messages = list(run_checkables(analyze_function(module.subject_of_bench, options)))
    states = {m.state for m in messages}
    if states & {MessageType.POST_FAIL, MessageType.EXEC_ERR, MessageType.POST_ERR}:
        return "refuted"
    return "proved" if states == {MessageType.CONFIRMED} else "unknown"


def crosshair_source(item: Item) -> str:
    """The function wrapped so that contract and types are where CrossHair reads them."""
    params = ", ".join(f"{n}: {t}" for n, t in item.params)
    names = ", ".join(n for n, _ in item.params)
    lines = ["from typing import *", item.code, f"def subject_of_bench({params}):", '    """']
    lines += [f"    pre: {r}" for r in item.requires]
    body = " and ".join(f"({e})" for e in item.ensures) or "True"
    lines += ["    post: True", f"    raises: {', '.join(item.raises)}" if item.raises else ""]
    olds = "".join(f"    old_{n} = __import__('copy').deepcopy({n})\n" for n, _ in item.params)
    for name, _ in item.params:
        body = body.replace(f"old({name})", f"old_{name}")
    call = f"    result = {item.entry}({names})\n    assert {body}\n    return result\n"
    return "\n".join([*lines, '    """', olds + call])


Engine = Callable[[Item, float], str]


def _child(engine: Engine, item: Item, seconds: float, out: Any) -> None:
    start = time.process_time()
    word = engine(item, seconds)
    out.send((word, time.process_time() - start))


def run(engine: Engine, item: Item, seconds: float) -> tuple[str, float]:
    """One function in a process of its own: (word, CPU seconds)."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_child, args=(engine, item, seconds, theirs))
    process.start()
    theirs.close()
    answer: tuple[str, float] = ("unknown", seconds)
    if ours.poll(seconds * 4 + 20):
        try:
            answer = ours.recv()
        except EOFError:
            answer = ("crash", 0.0)
    process.kill()
    process.join()
    return answer


def report(name: str, items: list[Item], seconds: float) -> int:
    """Judge a suite with both engines, print the table; returns the prover's wrong verdicts."""
    true = sum(i.holds for i in items)
    print(f"\n{name}: {true} true, {len(items) - true} violated, {seconds:g} s each")
    print(f"{'':<12}{'proved':>12}{'refuted':>12}{'wrong':>8}{'median ms':>12}")
    wrong_here = 0
    engines: list[tuple[str, Engine]] = [("prover", judge_one), ("CrossHair", crosshair_one)]
    for label, engine in engines:
        answers = [(i, *run(engine, i, seconds)) for i in items]
        proved = sum(i.holds and w == "proved" for i, w, _ in answers)
        refuted = sum(not i.holds and w == "refuted" for i, w, _ in answers)
        wrong = [i.name for i, w, _ in answers if w == ("refuted" if i.holds else "proved")]
        times = [t for i, w, t in answers if i.holds and w == "proved"]
        median = f"{1000 * statistics.median(times):.0f}" if times else "-"
        print(
            f"{label:<12}{f'{proved}/{true}':>12}{f'{refuted}/{len(items) - true}':>12}"
            f"{len(wrong):>8}{median:>12}"
        )
        if wrong:
            print(f"{'':<12}wrong: {', '.join(wrong[:8])}")
        if label == "prover":
            wrong_here = len(wrong)
    return wrong_here


def main() -> int:
    """Run the suites that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--suite", choices=[*SUITES, "own"], action="append")
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("WORKBENCH_BENCH", root.parent / "shared" / "bench"))
    wanted = options.suite or [n for n, f in SUITES.items() if (folder / f).exists()] or ["own"]
    wrong = 0
    for name in wanted:
        items = own_samples() if name == "own" else read_suite(folder / SUITES[name])
        wrong += report(name, items[: options.limit or None], options.seconds)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
