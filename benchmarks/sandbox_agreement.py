"""Do our test verdicts equal those of the recorded harnesses, on the answers of real models?

    python benchmarks/sandbox_agreement.py [--suite NAME] [--every N] [--show N]

Reads the suites from the folder in ``WORKBENCH_BENCH`` (or ``../shared/bench`` beside the project)
and runs every recorded answer through ``judge.tests.run_tests``. The peers are the harnesses whose
labels are recorded; the limit is complete agreement, with each disagreement printed for a person to
explain. It is no measure of speed (``sandbox_overhead.py`` is).
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge.contract import Case, Submission
from judge.sandbox import Limits, Sandbox, open_sandbox
from judge.tests import TestReport, run_tests
from workbench.task_formats import given_helpers

_SLACK = Limits(cpu_seconds=10.0, wall_seconds=20.0, total_seconds=60.0)


@dataclass(frozen=True)
class Item:
    """One recorded answer, its tests, and the label of the harness that ran it first."""

    suite: str
    name: str
    submission: Submission
    passes: bool
    said: str


def folder() -> Path | None:
    """Return the folder with the suites, or None when it is not there."""
    named = os.environ.get("WORKBENCH_BENCH")
    place = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "bench"
    return place if (place / "humaneval_plus.jsonl.gz").is_file() else None


def read(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines, compressed or not."""
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def canonical(place: Path) -> Iterator[Item]:
    """HumanEval+: the canonical solution against base and plus cases; all must pass."""
    for task in read(place / "humaneval_plus.jsonl.gz"):
        cases = (*_cases(task["base_tests"]), *_cases(task["mini_plus_tests"]))
        code = task["prompt"] + task["canonical_solution"]
        yield Item(
            "humaneval+ canonical", task["task_id"],
            Submission(task["task_id"], task["entry_point"], code, tests=cases,
                       test_code=task["test"]),
            True, "canonical",
        )  # fmt: skip


def humaneval(place: Path) -> Iterator[Item]:
    """HumanEval answers against the task's own ``check``; the label is that of the base tests."""
    tasks = {task["task_id"]: task for task in read(place / "humaneval_plus.jsonl.gz")}
    for answer in read(place / "llm_answers_humaneval.jsonl.gz"):
        task = tasks[answer["task_id"]]
        name = f"{answer['task_id']} {answer['model']} {answer['run']}"
        submission = Submission(
            name, task["entry_point"], answer["program"], tests=_cases(task["base_tests"])
        )
        said = f"{answer['outcome']} {answer['exc'] or ''}".strip()
        yield Item("humaneval answers", name, submission, answer["base_pass"], said)


def humaneval_check(place: Path) -> Iterator[Item]:
    """The same answers against HumanEval's own ``check`` function."""
    tasks = {task["task_id"]: task for task in read(place / "humaneval_plus.jsonl.gz")}
    for answer in read(place / "llm_answers_humaneval.jsonl.gz"):
        task = tasks[answer["task_id"]]
        name = f"{answer['task_id']} {answer['model']} {answer['run']}"
        check = given_helpers(task["prompt"], task["entry_point"]) + task["test"]
        submission = Submission(name, task["entry_point"], answer["program"], test_code=check)
        said = f"{answer['outcome']} {answer['exc'] or ''}".strip()
        yield Item("humaneval check()", name, submission, answer["base_pass"], said)


def mbpp(place: Path) -> Iterator[Item]:
    """MBPP answers against the task's asserts."""
    tasks = {task["task_id"]: task for task in read(place / "mbpp_subset.jsonl")}
    for answer in read(place / "llm_answers_mbpp_subset.jsonl.gz"):
        task = tasks[answer["task_id"]]
        name = f"{answer['task_id']} {answer['model']}"
        submission = Submission(name, task["entry_point"], answer["answer"], test_code=task["test"])
        yield Item("mbpp answers", name, submission, answer["passes"], answer["outcome"])


def quixbugs(place: Path) -> Iterator[Item]:
    """QuixBugs: the correct program passes its tests, the buggy one does not.

    Its harness turns generators into lists, does not tell tuples from lists and gives the square
    root a tolerance; so does the check.
    """
    for pair in read(place / "quixbugs_pairs.jsonl"):
        calls = "".join(
            f"    assert alike({pair['entry']}(*{test['args']!r}), {test['expected']!r})\n"
            for test in pair["tests"]
        )
        check = (
            "def plain(x):\n"
            "    lists = not isinstance(x, (str, bytes, dict)) and hasattr(x, '__iter__')\n"
            "    return [plain(y) for y in x] if lists else x\n"
            "def alike(x, y):\n"
            "    near = isinstance(x, float) and abs(x - y) <= 0.01\n"
            "    return near or plain(x) == plain(y)\n"
            f"def check(candidate):\n{calls}"
        )
        for key in ("correct", "buggy"):
            name = f"{pair['id']} {key}"
            submission = Submission(name, pair["entry"], pair[key], test_code=check)
            yield Item("quixbugs", name, submission, key == "correct", key)


def canaicode(place: Path) -> Iterator[Item]:
    """can-ai-code: every check of the interview; names and arity are read off the code."""
    problems = {
        p["problem"]: p for p in read(place / "llm_answers_canaicode_junior_problems.jsonl")
    }
    for answer in read(place / "llm_answers_canaicode_junior.jsonl.gz"):
        problem = problems[answer["problem"]]
        code = answer["extracted_code"]
        entry, parameters = _function(code, problem["signature"].partition("(")[0])
        if entry is None:
            continue
        lines = [f"    assert {_check(check, entry, parameters)}\n" for check in problem["checks"]]
        name = f"{answer['problem']} {answer['model']}"
        submission = Submission(
            name, entry, code, test_code="def check(candidate):\n" + "".join(lines)
        )
        said = f"{answer['recheck'] or answer['recorded_passed']}"
        yield Item("can-ai-code", name, submission, answer["all_checks_pass"], said)


def _function(code: str, wanted: str) -> tuple[str | None, list[str]]:
    """Return name and parameters of the wanted function, or of the first where it is not there."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return None, []
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    found.sort(key=lambda node: node.name != wanted)
    return (found[0].name, [arg.arg for arg in found[0].args.args]) if found else (None, [])


def _check(check: dict[str, Any], entry: str, parameters: list[str]) -> str:
    text = check["assert"].replace("f.call(", "candidate(")
    text = text.replace("f.name", repr(entry)).replace("f.args)", f"{parameters!r})")
    for place, name in enumerate(parameters):
        text = text.replace(f"f.args[{place}].name", repr(name))
    if "eq-any" in check:
        return f"({text}) in {check['eq-any']!r}"
    return f"({text}) == {check['eq']!r}"


def _cases(tests: list[dict[str, str]]) -> tuple[Case, ...]:
    return tuple(Case(tuple(_value(t["args"])), _value(t["expected"])) for t in tests)


def _value(text: str) -> Any:
    """Read a Python literal in which nan and inf may stand."""
    tree = ast.parse(text, mode="eval")

    class Named(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.copy_location(ast.Constant(float(node.id)), node)

    return ast.literal_eval(ast.fix_missing_locations(Named().visit(tree)))


SUITES: dict[str, Callable[[Path], Iterator[Item]]] = {
    "canonical": canonical,
    "humaneval": humaneval,
    "check": humaneval_check,
    "mbpp": mbpp,
    "quixbugs": quixbugs,
    "canaicode": canaicode,
}


def agree(sandbox: Sandbox, item: Item) -> tuple[bool, TestReport]:
    """Run one item; whether our verdict is the label, and our report."""
    report = run_tests(sandbox, item.submission, _SLACK)
    return report.clean == item.passes, report


def main() -> None:
    """Print a table of agreement, and the disagreements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--suite", choices=sorted(SUITES), action="append")
    parser.add_argument("--every", type=int, default=1, help="take every N-th answer")
    parser.add_argument("--show", type=int, default=50, help="disagreements to print")
    options = parser.parse_args()
    place = folder()
    if place is None:
        raise SystemExit("the suites are not here; set WORKBENCH_BENCH to their folder")
    with open_sandbox() as sandbox:
        print(f"layers: {', '.join(sandbox.layers)}")
        for name in options.suite or SUITES:
            began, total = time.monotonic(), 0
            apart: list[tuple[Item, TestReport]] = []
            for item in list(SUITES[name](place))[:: options.every]:
                total += 1
                same, report = agree(sandbox, item)
                if not same:
                    apart.append((item, report))
            seconds = time.monotonic() - began
            print(f"{name:10} {total - len(apart)} of {total} as recorded, {seconds:.0f} s")
            for item, report in apart[: options.show]:
                print(f"    {item.name}: recorded {item.said!r} ({item.passes}); ours {report}")


if __name__ == "__main__":
    main()
