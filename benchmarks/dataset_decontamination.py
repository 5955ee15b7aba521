"""Decontamination on a seeded set: how many of the known leaks are found, how many are not leaks.

    python -m benchmarks.dataset_decontamination --bench ../shared/bench [--tasks 60]

Leaks of HumanEval(+) and MBPP items, by kind: *quoted* (the prompt's text inside another request),
*renamed* (the reference with every name changed, under a neutral prompt), *rewritten* (the right
answer of another model, in its own hand, under a neutral prompt). Benign rows: functions of the
generated family, and QuixBugs programs; four of those do what a protected item asks for, and are
counted apart. The peer in the same run is what is used elsewhere: runs of
eight words. Behaviour is compared in the sandbox. The data is third-party and not part of this
repository.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distill.decontaminate import Protected
from distill.example import Example
from distill.family import generate
from workbench.stages.contamination import meetings, read_protected
from workbench.tasks import Task

ASKED_TOO = ("gcd", "get_factors", "mergesort", "quicksort")
"""QuixBugs programs that do what HumanEval/13, HumanEval/25 and MBPP/428 ask for, whoever wrote
them first: neither leaks nor benign, and counted apart."""
NEUTRAL = "Write the function that was agreed on, and nothing else."


@dataclass(frozen=True)
class Row:
    example: Example
    kind: str
    item: str | None
    """The leaked item; None for a benign row."""


class _Other(ast.NodeTransformer):
    """Changes every name that the code itself binds."""

    def __init__(self, names: set[str]) -> None:
        self.names = {name: f"other_{number}" for number, name in enumerate(sorted(names))}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.names.get(node.arg, node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node


def renamed(code: str) -> str:
    tree = ast.parse(code)
    names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    names |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    names |= {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    return ast.unparse(_Other(names).visit(tree))


def leaks(tasks: list[Task], answers: dict[str, list[str]], random: Random) -> Iterator[Row]:
    for task in tasks:
        quoted = f"My teacher asked for this, in these words. {task.prompt.strip()} Thanks!"
        yield row("quoted", f"q/{task.id}", quoted, "def f(a):\n    return a", task.id)
        if task.reference:
            yield row("renamed", f"r/{task.id}", NEUTRAL, renamed(task.reference), task.id)
        if answers.get(task.id):
            code = random.choice(answers[task.id])
            yield row("rewritten", f"w/{task.id}", NEUTRAL, without_docstring(code), task.id)


def benign(bench: Path, count: int) -> Iterator[Row]:
    for task in generate(11, count):
        yield row("family", task.id, task.prompt, task.reference, None)
    for record in lines(bench / "quixbugs_pairs.jsonl"):
        kind = "asked for too" if record["entry"] in ASKED_TOO else "quixbugs"
        yield row(kind, record["id"], record["description"], record["correct"], None)


def row(kind: str, name: str, ask: str, code: str, item: str | None) -> Row:
    return Row(Example(name, name, (("user", ask),), code, kind), kind, item)


def without_docstring(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        for line in stream:
            yield json.loads(line)


def right_answers(bench: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in lines(bench / "llm_answers_humaneval.jsonl.gz"):
        if record["base_pass"] and record["plus_pass"]:
            found.setdefault(record["task_id"], []).append(record["program"])
    for record in lines(bench / "llm_answers_mbpp_subset.jsonl.gz"):
        if record["passes"]:
            found.setdefault(record["task_id"], []).append(record["answer"])
    return found


def report(name: str, rows: list[Row], found: dict[int, str], seconds: float) -> None:
    """Print recall by kind, precision over all, and every false alarm."""
    hits = [place for place in found if rows[place].item is not None]
    alarms = [place for place in found if rows[place].kind in ("family", "quixbugs")]
    total = len(hits) + len(alarms)
    leaked = sum(one.item is not None for one in rows)
    benign_rows = sum(one.kind in ("family", "quixbugs") for one in rows)
    apart = [place for place, one in enumerate(rows) if one.kind == "asked for too"]
    print(f"{name}: precision {len(hits) / total if total else 1:.3f} ({len(alarms)} false alarms "
          f"among {benign_rows}), recall {len(hits) / leaked:.3f}; {seconds:.1f} CPU s "
          "here and below")  # fmt: skip
    print(
        f"   benign, but a protected item asks for the same function: "
        f"{sum(place in found for place in apart)} of {len(apart)} flagged, counted apart"
    )
    for kind in dict.fromkeys(one.kind for one in rows if one.item is not None):
        places = [place for place, one in enumerate(rows) if one.kind == kind]
        seen = sum(place in found for place in places)
        print(f"   {kind}: {seen} of {len(places)}")
    for place in alarms[:10]:
        print(f"   false alarm: {rows[place].example.id} for {found[place]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parents[2] / "shared" / "bench"
    parser.add_argument("--bench", type=Path, default=Path(os.environ.get("WORKBENCH_BENCH", here)))
    parser.add_argument("--tasks", type=int, default=60, help="leaked items of each benchmark")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if not (given.bench / "humaneval_plus.jsonl.gz").is_file():
        print(f"no benchmark files in {given.bench}; nothing measured")
        return
    files = [str(given.bench / name) for name in ("humaneval_plus.jsonl.gz", "mbpp_subset.jsonl")]
    protected = read_protected(files)
    random = Random(given.seed)
    answers = right_answers(given.bench)
    leaked = [
        task
        for prefix in ("HumanEval", "MBPP")
        for task in random.sample([t for t in protected if t.id.startswith(prefix)], given.tasks)
    ]
    rows = [*leaks(leaked, answers, random), *benign(given.bench, 3 * given.tasks)]
    print(f"{len(protected)} protected items, {len(rows)} rows, seed {given.seed}")
    examples = [one.example for one in rows]

    def cpu() -> float:
        spent = os.times()
        return spent.user + spent.system + spent.children_user + spent.children_system

    began = cpu()
    guard = Protected(n=8)
    for task in protected:
        guard.add(task.id, text=task.prompt)
    words = {one.index: one.item for one in guard.overlaps(examples)}
    report("runs of eight words (peer)", rows, words, cpu() - began)
    began = cpu()
    ours = {one.index: f"{one.item} by {one.kind}" for one in meetings(examples, protected)}
    report("words, code and behaviour", rows, ours, cpu() - began)
    missed = [one for place, one in enumerate(rows) if one.item is not None and place not in ours]
    for one in missed[:12]:
        print(f"   missed: {one.kind} {one.item}")


if __name__ == "__main__":
    main()
