"""Nothing wrong is ever PROVED: the references of the tasks, their mutants, and attacks on both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judge import Budget, Contract, Judgement, Submission, Verdict, judge_many, pool
from judge.mutate import mutants
from judge.refute import search
from judge.sandbox import Sandbox, open_sandbox

FILE = Path(__file__).resolve().parents[2] / "data" / "tasks" / "handwritten.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
BUDGET = Budget(cases=600, rlimit=8_000_000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as found:
        yield found
    pool.close_idle()


def reference(row: dict[str, Any]) -> Submission:
    contract = Contract(
        tuple(row["requires"]), tuple(row["ensures"]), tuple(row["raises"]), row.get("helpers", "")
    )
    return Submission(
        row["id"], row["entry_point"], row["reference"], contract, signature=row["signature"]
    )


def versions(rows: list[dict[str, Any]], limit: int) -> list[Submission]:
    """Each reference and up to ``limit`` mutants of it."""
    found: list[Submission] = []
    for row in rows:
        item = reference(row)
        found.append(item)
        found += [
            replace(item, id=f"{item.id}: {mutant.change}", code=mutant.code)
            for mutant in mutants(item.code, item.entry_point, limit=limit)
        ]
    return found


def defects(sandbox: Sandbox, items: list[Submission], jobs: int, cases: int) -> list[str]:
    """Judge everything, attack what was proved, and list what cannot both be true."""
    found: list[str] = []
    judged = judge_many(items, jobs=jobs, budget=BUDGET)
    for item, judgement in zip(items, judged, strict=True):
        found += _defects(sandbox, item, judgement, cases)
    return found


def _defects(sandbox: Sandbox, item: Submission, judged: Judgement, cases: int) -> list[str]:
    if judged.verdict in (Verdict.PROVED, Verdict.PARTIAL, Verdict.BOUNDED):
        attack = search(sandbox, item, Budget(cases=cases, seed=1))
        if attack.counterexample is not None and judged.verdict is not Verdict.BOUNDED:
            return [f"{item.id} is {judged.verdict.word}, and {attack.counterexample} breaks it"]
    if judged.verdict in (Verdict.VACUOUS, Verdict.BAD_CONTRACT, Verdict.MALFORMED):
        return [f"{item.id} is {judged.verdict.word}: {judged.reason}"]
    if judged.verdict is Verdict.REFUTED and ": " not in item.id:
        return [f"the reference {item.id} is refuted: {judged.explanation}"]
    return []


def test_a_few_tasks_and_their_mutants(sandbox: Sandbox) -> None:
    assert defects(sandbox, versions(ROWS[3::54], 6), jobs=2, cases=1_000) == []


def test_the_attack_sees_a_seeded_false_proof(sandbox: Sandbox) -> None:
    wrong = replace(reference(ROWS[0]), code="def parking_fee(hours: int) -> int:\n    return 0\n")
    claim = Judgement(wrong.id, Verdict.PROVED, "seeded", "seeded")
    assert _defects(sandbox, wrong, claim, 200) != []


@pytest.mark.sweep
@pytest.mark.timeout(7_200)
def test_all_tasks_and_all_their_mutants(sandbox: Sandbox) -> None:
    assert defects(sandbox, versions(ROWS, 40), jobs=2, cases=10_000) == []
