"""Contracts that are false in CPython for a reason that is easy to forget: none is ever proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.plain import from_json
from judge.prove import prove
from tests.judge.attack import Claim, replays

FILE = Path(__file__).parent / "corpus" / "false_contracts.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"].removeprefix("false/"))
def test_a_false_contract_is_broken_by_its_witness_and_never_proved(row: dict[str, Any]) -> None:
    if "witness" in row:
        assert replays(Claim.from_row(row), tuple(from_json(row["witness"])))
    else:
        assert row["never_returns"]
    contract = Contract(tuple(row["requires"]), tuple(row["ensures"]), (), row.get("helpers", ""))
    proof = prove(row["code"], row["entry_point"], contract, Budget(rlimit=1_500_000))
    assert proof.outcome != "proved", proof.invariants
    if "witness" in row:
        assert proof.outcome != "partial", proof.invariants


def test_there_are_many() -> None:
    assert len(ROWS) >= 100


def test_a_recursive_call_may_raise_a_subclass_of_what_the_contract_allows() -> None:
    code = (
        "def f(x: int) -> int:\n"
        "    if x <= 0:\n        raise KeyError(x)\n"
        "    try:\n        return f(x - 1)\n    except KeyError:\n        return -1\n"
    )
    contract = Contract(ensures=("result >= 0",), raises=("LookupError",))
    assert prove(code, "f", contract, Budget(rlimit=1_000_000)).outcome not in ("proved", "partial")
