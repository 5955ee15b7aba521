"""The judge on every suite, and CrossHair on the same functions with the same budget.

    python benchmarks/judge_vs_crosshair.py [--suite NAME] [--limit N] [--jobs N] [--minutes M]

One line a suite: what holds by verdict, what is violated by verdict, what is wrong, CPU times, and
the share of proofs that a second solver confirmed. ``wrong`` counts verdicts that contradict the
known truth; it is the exit status. CrossHair is run on an evenly spread sample, and the judge's own
figures on that same sample stand above it. What was judged is kept in ``--results`` and not judged
again while the judge's code stays the same, so a run that was cut short goes on where it stopped.

The suites that are not the project's own lie in the folder that ``WORKBENCH_BENCH`` names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import queue
import re
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import _judge_engines as engines  # noqa: E402
from benchmarks import _judge_suites as suites  # noqa: E402
from benchmarks._judge_engines import Finding, Runner  # noqa: E402
from benchmarks._judge_suites import Item  # noqa: E402

RIGHT = ("proved", "partial", "bounded", "tested", "unknown")
Answer = tuple[Item, Finding]


# ---------------------------------------------------------------- what was judged before


class Results:
    """Findings by key, in a file that only grows."""

    def __init__(self, path: Path, *, seconds: float, keep: bool) -> None:
        self._path, self._lock = path, threading.Lock()
        self._version = {"workbench": "any" if keep else code_digest(ROOT / "judge")}
        self._seconds = seconds
        self.found: dict[str, Finding] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                key = row["any" if keep and row["engine"] == "workbench" else "key"]
                self.found[key] = Finding.of(row["finding"])

    def keys(self, engine: str, item: Item) -> tuple[str, str]:
        """The key of a finding, and the key that does not depend on the judge's version."""
        spoken = repr((engine, self._seconds, item.suite, item.submission))
        any_version = hashlib.sha256(spoken.encode()).hexdigest()[:24]
        version = self._version.get(engine) or peer_version(engine)
        if version == "any":
            return any_version, any_version
        return hashlib.sha256(f"{version} {spoken}".encode()).hexdigest()[:24], any_version

    def get(self, engine: str, item: Item) -> Finding | None:
        """What was found before, or None."""
        return self.found.get(self.keys(engine, item)[0])

    def put(self, engine: str, item: Item, finding: Finding) -> None:
        """Keep a finding at once."""
        key, any_version = self.keys(engine, item)
        row = {"key": key, "any": any_version, "engine": engine, "suite": item.suite,
               "id": item.id, "finding": finding.record()}  # fmt: skip
        with self._lock:
            self.found[key] = finding
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def code_digest(folder: Path) -> str:
    """A digest of all Python files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def peer_version(engine: str) -> str:
    """The installed version of a peer."""
    from importlib.metadata import version

    return version({"CrossHair": "crosshair-tool"}[engine])


# ---------------------------------------------------------------- judging


def judge(
    engine: str, items: Sequence[Item], results: Results, options: argparse.Namespace, until: float
) -> list[Answer]:
    """Judge the items that were not judged before, until time is over; return what is known."""
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        if results.get(engine, item) is None:
            waiting.put(item)

    def work() -> None:
        runner = Runner(engine, options.seconds)
        while time.monotonic() < until:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                break
            results.put(engine, item, runner.run(item.submission))
        runner.close()

    threads = [threading.Thread(target=work) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [(item, found) for item in items if (found := results.get(engine, item)) is not None]


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one engine on one suite."""

    holds: Counter[str]
    violated: Counter[str]
    wrong: list[str]
    prove_ms: list[float]
    refute_ms: list[float]
    confirmed: int
    proofs: int

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Line:
        """Count the answers of one engine."""
        proofs = [f for _, f in answers if f.word == "proved"]
        return cls(
            Counter(f.word for i, f in answers if i.holds),
            Counter(f.word for i, f in answers if not i.holds),
            [f"{i.id} ({f.word})" for i, f in answers if is_wrong(i, f)],
            [1000 * f.cpu for i, f in answers if i.holds and f.word == "proved"],
            [1000 * f.cpu for i, f in answers if not i.holds and f.word == "refuted"],
            sum(f.recheck == "confirmed" for f in proofs),
            sum(f.recheck != "" for f in proofs),
        )


def is_wrong(item: Item, finding: Finding) -> bool:
    """Whether the verdict contradicts the truth."""
    if item.id in suites.DISPUTED:
        return False
    if item.holds:
        return finding.word in ("refuted", "unsafe", "malformed", "vacuous", "bad_contract")
    if not item.returns:
        return finding.word in ("proved", "bounded")
    return finding.word in ("proved", "partial")


HEAD = (
    f"{'suite':<11}{'':<11}{'holds':>6}{'proved':>9}{'partial':>8}{'bounded':>8}{'tested':>7}"
    f"{'unkn.':>6} |{'viol.':>6}{'refuted':>9}{'left':>5} |{'WRONG':>6}{'error':>6} |"
    f"{'prove ms: med':>14}{'p95':>7}{'refute ms: med':>15}{'p95':>7}{'cvc5':>10}"
)


def print_line(suite: str, engine: str, answers: Sequence[Answer]) -> None:
    """Print the figures of one engine on one suite."""
    line = Line.of(answers)
    held, lost = line.holds, line.violated
    true, false = sum(held.values()), sum(lost.values())
    errors = sum(f.word in ("error", "killed", "crash") for _, f in answers)
    cells = [f"{share(held['proved'], true):>9}", f"{held['partial']:>8}", f"{held['bounded']:>8}"]
    cells += [f"{held['tested']:>7}", f"{held['unknown']:>6} |", f"{false:>6}"]
    cells += [f"{share(lost['refuted'] + lost['unsafe'], false):>9}"]
    cells += [f"{false - lost['refuted'] - lost['unsafe']:>5} |", f"{len(line.wrong):>6}"]
    cells += [f"{errors:>6} |", f"{middle(line.prove_ms):>14}", f"{p95(line.prove_ms):>7}"]
    cells += [f"{middle(line.refute_ms):>15}", f"{p95(line.refute_ms):>7}"]
    cells += [f"{share(line.confirmed, line.proofs):>10}"]
    print(f"{suite:<11}{engine:<11}{true:>6}{''.join(cells)}", flush=True)
    for item, found in answers:
        if why := suites.DISPUTED.get(item.id):
            print(f"{'':<11}label disputed: {item.id} ({found.word}): {why}")
    if line.wrong and suite not in suites.SECRET:
        print(f"{'':<11}WRONG: {', '.join(line.wrong)}")


def share(part: int, whole: int) -> str:
    """``12 80%``, or a dash."""
    return f"{part} {100 * part // whole}%" if whole else "-"


def middle(values: Sequence[float]) -> str:
    """The median, or a dash."""
    return f"{statistics.median(values):.0f}" if values else "-"


def p95(values: Sequence[float]) -> str:
    """The 95th percentile, or a dash."""
    return f"{sorted(values)[int(0.95 * (len(values) - 1))]:.0f}" if values else "-"


def construct(reason: str) -> str:
    """A reason without the names, numbers and lines of one program."""
    text = re.sub(r"`[^`]*`|'[^']*'", "`…`", reason.strip().split("\n", 1)[0])
    text = re.sub(r"\bon line \d+|\(?line \d+\)?:?", "", text)
    return re.sub(r"\d+", "n", text).strip(" .:")[:110]


def print_reasons(answers: Sequence[Answer], most: int) -> None:
    """Print why true ones were not proved and wrong ones not refuted, by construct."""
    reasons: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for item, found in answers:
        settled = "proved" if item.holds else "refuted"
        if found.word == settled or item.suite in suites.SECRET or is_wrong(item, found):
            continue
        why = f"{found.word}: {construct(found.reason)}"
        reasons[why] += 1
        examples.setdefault(why, []).append(item.id)
    print("\nnot settled, by reason:")
    for why, count in reasons.most_common(most):
        print(f"{count:>5}  {why}\n       {', '.join(examples[why][:5])}")


def main() -> int:
    """Run the suites and print the table; returns the number of wrong verdicts, at most 1."""
    options = parse()
    until = time.monotonic() + 60 * options.minutes
    results = Results(options.results, seconds=options.seconds, keep=options.keep)
    peers = [e for e in engines.ENGINES if e != "workbench" and engines.installed(e)]
    names = options.suite or [n for n in suites.NAMES if suites.available(n)]
    print(f"budget {options.seconds:g} s a function, peers on {options.sample} a suite, CPU times")
    print(HEAD)
    everything: list[Answer] = []
    for place, name in enumerate(names):
        wanted = [i for i in suites.load(name) if chosen(i.id, options.only)]
        items = suites.spread(wanted, options.limit)
        fair = time.monotonic() + max(0.0, until - time.monotonic()) / (len(names) - place)
        answers = judge("workbench", items, results, options, fair)
        everything += answers
        print_line(name, f"{len(answers)} of {len(items)}", answers)
        with_contract = [i for i in items if not (i.submission.tests or i.submission.test_code)]
        sample = suites.spread(with_contract, options.sample) if options.sample else []
        for peer in peers if sample else ():
            heard = judge(peer, sample, results, options, fair + 10 * options.seconds)
            same = {item.id for item, _ in heard}
            print_line("", "  sample", [a for a in answers if a[0].id in same])
            print_line("", f"  {peer}", heard)
    print_reasons(everything, options.reasons)
    wrong = [a for a in everything if is_wrong(*a)]
    print(f"\n{len(wrong)} wrong verdicts in {len(everything)}")
    return 1 if wrong else 0


def chosen(name: str, only: Sequence[str]) -> bool:
    """Whether an item was asked for."""
    return not only or any(name.startswith(start) for start in only)


HOW_LONG = """
How long, without peers, in minutes of one idle core (they are divided by --jobs):
  deal, semantics, quixbugs, canonical   under 0.5 each
  small, false                           0.5 each
  verina, dev                            1.5 each
  held, untouched                        3 each
  nagini, pairs                          6 to 10 each
CrossHair takes up to 10 seconds for each item of its --sample. A run that --minutes cuts
short keeps what it has in --results; the same command goes on from there.
"""


def parse() -> Any:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog=HOW_LONG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suite", choices=suites.NAMES, action="append")
    parser.add_argument("--only", nargs="+", default=[], help="ids of items, or how they begin")
    parser.add_argument("--seconds", type=float, default=5.0, help="the budget of one function")
    parser.add_argument("--limit", type=int, default=0, help="items a suite, evenly spread")
    parser.add_argument(
        "--sample", type=int, default=8, help="items a suite for the peers; 0: none"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=28.0, help="when to stop asking for more")
    parser.add_argument("--reasons", type=int, default=15, help="how many reasons to list")
    parser.add_argument("--results", type=Path, default=ROOT / ".bench" / "judge.jsonl")
    parser.add_argument("--keep", action="store_true", help="use findings of older code too")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
