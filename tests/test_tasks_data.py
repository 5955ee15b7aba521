"""The hand-written tasks: well formed, true of their references, and with contracts that bite."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from judge import BadLine, Budget, Contract, Submission, assess_many, pool, read_submissions
from judge.adequacy import Specimen
from judge.contract_check import contract_fault
from judge.reading import Fault, read_source, signature_of
from judge.sandbox import Sandbox, open_sandbox
from judge.tests import run_tests

FILE = Path(__file__).resolve().parents[1] / "data" / "tasks" / "handwritten.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
SAMPLE = ROWS[7::45]
"""A few tasks, the same ones each time; the slow test takes all."""


def contract(row: dict[str, Any]) -> Contract:
    return Contract(
        tuple(row["requires"]), tuple(row["ensures"]), tuple(row["raises"]), row.get("helpers", "")
    )


def specimen(row: dict[str, Any]) -> Specimen:
    return Specimen(contract(row), row["signature"], row["entry_point"], row["reference"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as found:
        yield found


def test_there_are_enough_of_every_category_and_none_twice() -> None:
    assert len(ROWS) >= 150
    counts = Counter(row["category"] for row in ROWS)
    assert set(counts) == {
        "integers", "booleans", "strings", "lists", "dicts", "recursion", "loops"
    }  # fmt: skip
    assert min(counts.values()) >= 10
    for field in ("id", "entry_point", "prompt"):
        assert max(Counter(row[field] for row in ROWS).values()) == 1


def test_source_licence_and_split_are_stated() -> None:
    for row in ROWS:
        assert row["source"] == "written for this project"
        assert row["licence"] == "Apache-2.0"
        assert row["split"] in ("train", "eval")
    assert 0.2 < sum(row["split"] == "eval" for row in ROWS) / len(ROWS) < 0.5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["entry_point"])
def test_contract_signature_and_reference_can_be_used(row: dict[str, Any]) -> None:
    shape = signature_of(row["signature"])
    assert not isinstance(shape, Fault)
    assert all(annotation for _, annotation in shape.parameters)
    source = read_source(row["reference"], row["entry_point"], row["signature"])
    assert not isinstance(source, Fault), source
    names = [name for name, _ in shape.parameters]
    assert contract_fault(contract(row), names) is None
    assert len(row["tests"]) >= 2


def test_every_reference_passes_its_tests(sandbox: Sandbox) -> None:
    for row in ROWS:
        line = {k: v for k, v in row.items() if k != "reference"}
        (item,) = read_submissions([json.dumps({**line, "code": row["reference"]})])
        assert not isinstance(item, BadLine), item
        report = run_tests(sandbox, item)
        assert report.clean, (item.id, report)


def adequate(rows: list[dict[str, Any]], budget: Budget) -> None:
    found = assess_many(map(specimen, rows), jobs=2, budget=budget)
    weak = {
        row["entry_point"]: adequacy.explanation
        for row, adequacy in zip(rows, found, strict=True)
        if adequacy.verdict != "ok"
    }
    pool.close_idle()
    assert weak == {}


def test_a_sample_of_the_contracts_is_adequate() -> None:
    adequate(SAMPLE, Budget(cases=100))


@pytest.mark.sweep
@pytest.mark.timeout(3_000)
def test_all_contracts_are_adequate() -> None:
    adequate(ROWS, Budget(cases=400, fuse_seconds=600))


def test_a_seeded_weak_contract_is_found_out() -> None:
    row = {**ROWS[0], "ensures": ["result >= 0"]}
    with pytest.raises(AssertionError, match="wrong versions"):
        adequate([row], Budget(cases=60))


def test_reading_a_line_gives_the_task_as_a_submission() -> None:
    row = ROWS[0]
    (item,) = read_submissions([json.dumps({**row, "code": row["reference"]})])
    assert isinstance(item, Submission)
    assert item.signature == row["signature"]
