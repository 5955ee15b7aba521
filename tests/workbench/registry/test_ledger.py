"""Shares are exact and sum to one; tokens, time and money are those of the evidence."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workbench.certificate.sample import round_evidence
from workbench.certificate.evidence import RoundEvidence
from workbench.certificate.files import Evidence, evidence_files, read_evidence
from workbench.registry import example_credits, ledger, shares


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.integers(0, 10**9), max_size=40))
def test_shares_sum_to_exactly_one_and_are_nowhere_a_millionth_off(counts: dict[str, int]) -> None:
    found = shares(counts)
    total = sum(counts.values())
    assert set(found) == set(counts)
    assert sum(map(Decimal, found.values())) == (1 if total else 0)
    for name, count in counts.items():
        exact = Fraction(count, total) if total else Fraction(0)
        assert abs(Fraction(found[name]) - exact) < Fraction(1, 10**6)


def test_the_rounding_rule_is_the_stated_one() -> None:
    assert shares({"b": 1, "a": 1, "c": 1}) == {"a": "0.333334", "b": "0.333333", "c": "0.333333"}
    assert shares({"a": 2, "b": 1}) == {"a": "0.666667", "b": "0.333333"}
    assert shares({"a": 0, "b": 5}) == {"a": "0.000000", "b": "1.000000"}
    assert shares({"a": 0}) == {"a": "0.000000"}


def read(evidence: RoundEvidence) -> Evidence:
    return read_evidence(dict(evidence_files(evidence)))


def test_money_and_time_add_up_exactly(tmp_path: Path) -> None:
    evidence = round_evidence(tmp_path, tasks=20, train=20)
    costs = ["0.1", "0.2", "123456789012.000000000000000001", None]
    answers = tuple(
        answer.model_copy(
            update={
                "cost": costs[i % 4],
                "seconds": f"0.{i:03}",
                "input_tokens": i,
                "output_tokens": None if i % 3 else 10,
            }
        )
        for i, answer in enumerate(evidence.answers)
    )
    credits = {c.source: c for c in ledger(read(replace(evidence, answers=answers)))}
    assert credits["good"].cost == "1234567890121.000000000000000010"
    assert credits["bad"].cost == "2.0"
    assert credits["bad"].unpriced == 10
    assert (credits["good"].rows, credits["bad"].rows) == (20, 0)
    assert (credits["good"].share, credits["bad"].share) == ("1.000000", "0.000000")
    assert credits["good"].input_tokens == sum(range(0, 40, 2))
    assert Decimal(credits["good"].seconds) == sum(Decimal(i) / 1000 for i in range(0, 40, 2))


def test_each_row_names_its_author(tmp_path: Path) -> None:
    evidence = read(round_evidence(tmp_path, tasks=6, train=4))
    credits = example_credits(evidence)
    assert [(c.row, c.task, c.source) for c in credits] == [
        (i, f"t{i:05}", "good") for i in range(4)
    ]
    assert [c.answer for c in credits] == evidence.examples
    assert {c.cost for c in credits} == {"0.0012"}


def test_an_empty_dataset_has_no_shares(tmp_path: Path) -> None:
    evidence = replace(round_evidence(tmp_path), examples=(), dataset=b"")
    assert {c.share for c in ledger(read(evidence))} == {"0.000000"}


@pytest.mark.parametrize("count", [1, 7, 10**6 + 1])
def test_a_single_source_has_everything(count: int) -> None:
    assert shares({"only": count}) == {"only": "1.000000"}
