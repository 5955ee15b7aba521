"""The corpora say the truth: witnesses break what is violated, an attack does not what holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge.plain import from_json
from tests.judge.attack import Claim, assault, replays

FOLDER = Path(__file__).parent / "corpus"
PARTS = ("dev", "held", "untouched")


def rows(part: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{part}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("part", PARTS)
def test_every_witness_breaks_its_contract(part: str) -> None:
    for row in rows(part):
        if row["expected"] == "violated":
            assert replays(Claim.from_row(row), tuple(from_json(row["witness"]))), row["id"]


@pytest.mark.parametrize("part", PARTS)
def test_nothing_breaks_what_holds(part: str) -> None:
    for row in rows(part):
        if row["expected"] == "holds":
            found = assault(Claim.from_row(row), inputs=40, seed=7)
            assert found.broken is None, (row["id"], found)
            assert found.kept >= 20, (row["id"], found)


def test_an_attack_breaks_a_claim_that_is_seeded_wrong() -> None:
    for row in rows("dev")[:40]:
        if row["expected"] == "violated":
            assert assault(Claim.from_row(row), inputs=20_000, seed=1).broken is not None, row["id"]


def test_the_parts_are_apart_and_each_true_one_has_a_wrong_one() -> None:
    names = {part: {row["entry_point"] for row in rows(part)} for part in PARTS}
    assert not names["dev"] & names["held"]
    assert not (names["dev"] | names["held"]) & names["untouched"]
    for part in PARTS:
        wrong = {row["entry_point"] for row in rows(part) if row["expected"] == "violated"}
        assert wrong == names[part]
        assert len(names[part]) >= 50
