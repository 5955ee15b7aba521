"""The functions with a known truth on which the judge is measured, suite by suite.

The project's own corpora lie in ``tests/judge/corpus``. The others are third-party data that is not
part of the repository; ``WORKBENCH_BENCH`` names their folder. It measures nothing itself.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.sandbox_agreement import canonical, folder, quixbugs, read
from judge.contract import Contract, Submission

OWN = Path(__file__).resolve().parents[1] / "tests" / "judge" / "corpus"
FILES = {"false": "false_contracts.jsonl"}
GIVEN = {
    "small": "small_contracts.jsonl",
    "verina": "contracts_verina_clover.jsonl",
    "nagini": "contracts_humaneval_nagini_even.jsonl",
    "pairs": "pairs_humaneval_contract_x_llm_even.jsonl",
    "deal": "deal_contracts.jsonl",
    "semantics": "deal_semantics.jsonl.gz",
}
TESTED = {"quixbugs": quixbugs, "canonical": canonical}
NEVER_RETURNS = frozenset({"small/mc91/b"})
DISPUTED = {
    "ver-2e5be6b870": "labelled true, and '²'.isdigit() is",
}
"""Items whose label was looked at and does not hold for what is asked here."""
NAMES = ("dev", "held", "untouched", "false", *GIVEN, *TESTED)
SECRET = frozenset({"untouched"})
"""Suites of which only totals are printed, so that nothing is tuned on them."""


@dataclass(frozen=True, slots=True)
class Item:
    """One submission with the truth about it."""

    suite: str
    submission: Submission
    holds: bool
    returns: bool = True
    """False when it is violated by never returning: a proof for calls that return is no mistake."""

    @property
    def id(self) -> str:
        """The submission's name within its suite."""
        return self.submission.id


def available(name: str) -> bool:
    """Whether the suite's data is on this machine."""
    own = OWN / FILES.get(name, f"{name}.jsonl")
    return own.is_file() or (name in (*GIVEN, *TESTED) and folder() is not None)


def load(name: str) -> list[Item]:
    """Return the suite's items; those whose truth is not known are left out."""
    if (own := OWN / FILES.get(name, f"{name}.jsonl")).is_file():
        return list(_own(name, own))
    place = folder()
    if place is None:
        return []
    if name in TESTED:
        return [Item(name, item.submission, item.passes) for item in TESTED[name](place)]
    make = _closed if name == "semantics" else _given
    rows = [row for row in read(place / GIVEN[name]) if row["expected"] in ("holds", "violated")]
    return [
        Item(name, make(row), row["expected"] == "holds", row["id"] not in NEVER_RETURNS)
        for row in rows
    ]


def _own(name: str, path: Path) -> Iterator[Item]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        contract = Contract(
            tuple(row["requires"]), tuple(row["ensures"]), tuple(row["raises"]),
            row.get("helpers", ""),
        )  # fmt: skip
        submission = Submission(row["id"], row["entry_point"], row["code"], contract)
        yield Item(name, submission, row["expected"] == "holds", "never_returns" not in row)


_CHANGING = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove",
             "reverse", "setdefault", "sort", "update"}  # fmt: skip


def _given(row: dict[str, Any]) -> Submission:
    """The function under test with its contract split out; ``check`` stays as dead code.

    Where ``check`` hands a copy over and the function changes it, the contract speaks of what the
    argument was, so its names become ``old(name)``.
    """
    parameters = ", ".join(f"{name}: {kind}" for name, kind in row["params"])
    returns = f" -> {row['returns']}" if row.get("returns") else ""
    contract = Contract(
        tuple(row["requires"]), tuple(_of_entry(row)), tuple(row.get("raises_ok") or ()),
        row.get("spec_helpers") or "",
    )  # fmt: skip
    signature = f"def {row['function']}({parameters}){returns}:"
    return Submission(row["id"], row["function"], row["source"], contract, signature=signature)


def _of_entry(row: dict[str, Any]) -> list[str]:
    """The postconditions, with changed copies told apart from what was given."""
    functions = {
        n.name: n for n in ast.walk(ast.parse(row["source"])) if isinstance(n, ast.FunctionDef)
    }
    check, changed = functions.get("check"), _changed(functions[row["function"]])
    lost: set[str] = set()
    for node in ast.walk(check) if check is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == row["function"]:
            for own, given in zip(functions[row["function"]].args.args, node.args, strict=False):
                if own.arg in changed and isinstance(given, ast.Call) and len(given.args) == 1:
                    lost.add(ast.unparse(given.args[0]))
    ensures: list[str] = row["ensures"]
    return [_with_old(clause, lost) for clause in ensures] if lost else ensures


def _changed(function: ast.FunctionDef) -> set[str]:
    """Names whose objects the function may change."""
    found: set[str] = set()
    for node in ast.walk(function):
        stored = isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)
        if stored or (isinstance(node, ast.Attribute) and node.attr in _CHANGING):
            assert isinstance(node, (ast.Subscript, ast.Attribute))
            found.add(ast.unparse(node.value))
        elif isinstance(node, ast.AugAssign):
            found.add(ast.unparse(node.target))
    return found


class _Entry(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return node if ast.unparse(node.func) == "old" else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self._names:
            return node
        return ast.Call(ast.Name("old", ast.Load()), [node], [])


def _with_old(clause: str, names: set[str]) -> str:
    return ast.unparse(_Entry(names).visit(ast.parse(clause, mode="eval")))


def _closed(row: dict[str, Any]) -> Submission:
    """A closed program: ``check`` returns without raising."""
    named = [name for name in row.get("raises_ok") or () if name.replace(".", "").isidentifier()]
    contract = Contract(raises=tuple(named))  # one row says `lambda: 0`, which is no name
    return Submission(row["id"], row["entry"], row["source"], contract)


def spread(items: list[Item], most: int) -> list[Item]:
    """Up to ``most`` items, evenly spread over the suite; half of them true where that is so."""
    if most <= 0 or len(items) <= most:
        return items
    true, false = [i for i in items if i.holds], [i for i in items if not i.holds]
    half = min(len(true), max(most // 2, most - len(false)))
    chosen = {id(i) for part, n in ((true, half), (false, most - half)) for i in _evenly(part, n)}
    return [item for item in items if id(item) in chosen]


def _evenly(items: list[Item], count: int) -> list[Item]:
    return [items[place * len(items) // count] for place in range(count)]
