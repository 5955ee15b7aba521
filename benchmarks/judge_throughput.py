"""How many straight-line candidates a second the judge settles, end to end.

    python benchmarks/judge_throughput.py [--candidates N] [--jobs 1 2] [--no-recheck]

The candidates are the loop-free references of the repository's own tasks and their mutants, half
of each, every one judged as ``workbench judge`` does it: read, searched in the sandbox, proved,
re-checked by cvc5. ``JUDGE_ANSWERS=off`` asks the solvers anew for what they answered before. The
limit in the same run is the sandbox's bare fork: one process for the same code and one input, with
nothing looked at. Processor time is that of the workers with all that
they started; on a busy machine trust it and not the wall clock.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from judge import Budget, Contract, Submission, judge_many
from judge.mutate import mutants
from judge.pool import close_idle
from judge.sandbox import Call, open_sandbox

TASKS = Path(__file__).resolve().parents[1] / "data" / "tasks" / "handwritten.jsonl"
LOOPING = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


def straight(code: str, name: str) -> bool:
    """Whether the code has no loop, comprehension or recursion."""
    nodes = list(ast.walk(ast.parse(code)))
    calls = {n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return name not in calls and not any(isinstance(n, LOOPING) for n in nodes)


def candidates(wanted: int) -> list[Submission]:
    """Right and wrong answers in turn, each another text."""
    rows = [json.loads(line) for line in TASKS.read_text(encoding="utf-8").splitlines()]
    rows = [r for r in rows if straight(r["reference"], r["entry_point"]) and r["ensures"]]
    right = ((row, f"{row['reference']}# {turn}\n") for turn in itertools.count() for row in rows)
    wrong = itertools.cycle(
        [(row, m.code) for row in rows for m in mutants(row["reference"], row["entry_point"])[:4]]
    )
    mixed: Iterator[tuple[dict[str, object], str]] = itertools.chain.from_iterable(
        zip(right, wrong, strict=False)
    )
    return [
        _submission(n, row, code) for n, (row, code) in enumerate(itertools.islice(mixed, wanted))
    ]


def _submission(number: int, row: dict[str, object], code: str) -> Submission:
    clauses = {k: tuple(map(str, row[k])) for k in ("requires", "ensures", "raises")}  # type: ignore[call-overload]
    contract = Contract(**clauses, helpers=str(row.get("helpers", "")))
    return Submission(
        f"{row['id']}#{number}", str(row["entry_point"]), code, contract,
        signature=str(row["signature"]),
    )  # fmt: skip


def processor_seconds() -> float:
    """Processor time of this process and everything below it, ended children included."""
    ticks: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    ours, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, (parent, _) in ticks.items() if parent in ours} - ours
        ours |= more
        grown = bool(more)
    return sum(ticks[pid][1] for pid in ours if pid in ticks) / os.sysconf("SC_CLK_TCK")


def measured(work: Callable[[], object], count: int) -> tuple[float, float]:
    """(candidates a wall second, milliseconds of processor time a candidate)."""
    used, started = processor_seconds(), time.perf_counter()
    work()
    wall = time.perf_counter() - started
    return count / wall, 1000 * (processor_seconds() - used) / count


def bare_fork(items: list[Submission]) -> None:
    """Run each candidate once on nothing, and look at no result."""
    with open_sandbox() as box:
        for item in items:
            box.run(item.code, [Call(item.entry_point, ())])


def main() -> int:
    """Print the table; exit status 1 when the judge failed on a candidate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--candidates", type=int, default=400)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--no-recheck", action="store_true", help="leave cvc5 out")
    options = parser.parse_args()
    items = candidates(options.candidates)
    budget = Budget(recheck=not options.no_recheck)
    failed = 0
    print(f"{len(items)} straight-line candidates, load average {os.getloadavg()[0]:.1f}")
    print(f"{'':<28}{'a wall second':>14}{'CPU ms each':>13}")
    for jobs in options.jobs:
        list(judge_many(items[: 4 * jobs], jobs=jobs, budget=budget))  # solvers are warm
        words: Counter[str] = Counter()

        def work(jobs: int = jobs, words: Counter[str] = words) -> None:
            words.update(j.verdict.word for j in judge_many(items, jobs=jobs, budget=budget))

        rate, cost = measured(work, len(items))
        told = ", ".join(f"{n} {word}" for word, n in words.most_common())
        print(f"{f'judged, {jobs} job' + 's' * (jobs > 1):<28}{rate:>14.1f}{cost:>13.1f}  {told}")
        failed += words["error"]
    rate, cost = measured(lambda: bare_fork(items), len(items))
    print(f"{'bare fork, 1 job (limit)':<28}{rate:>14.1f}{cost:>13.1f}")
    close_idle()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
