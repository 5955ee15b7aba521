"""A repeatable slice of the sweeps, and proof that each check fails on seeded bad input."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from benchmarks._judge_engines import Finding
from judge.judging import Bench
from judge.plain import to_json
from tests.judge.attack import Claim
from tests.judge.sweep import corpus, defect, submission, versions

INPUTS = 1_000


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as open_bench:
        yield open_bench


def judged(bench: Bench, name: str, claim: Claim) -> Finding:
    found = bench.judge(submission(name, claim))
    example = found.counterexample
    args = None if example is None else [to_json(arg) for arg in example.args]
    return Finding(found.verdict.word, 0.0, 0.0, example=args)


@pytest.mark.slow
def test_verdicts_on_a_slice_of_the_corpus_survive(bench: Bench) -> None:
    for row, claim in islice(corpus(("dev",)), 0, None, 13):
        found = judged(bench, row["id"], claim)
        assert defect(row["id"], claim, found, row["expected"] == "holds", INPUTS) is None


@pytest.mark.slow
def test_no_mutant_that_an_attack_breaks_is_proved(bench: Bench) -> None:
    for row, claim in islice(corpus(("dev",)), 0, None, 17):
        if row["expected"] == "holds":
            for name, mutant in islice(versions(claim, row["id"]), 0, None, 9):
                found = judged(bench, name, mutant)
                assert defect(name, mutant, found, None, INPUTS) is None


RIGHT = Claim("f", "def f(x: int) -> int:\n    return x + 1\n", (), ("result > x",))
WRONG = Claim("f", "def f(x: int) -> int:\n    return x - (x == 7)\n", (), ("result >= x",))


@pytest.mark.parametrize(
    ("claim", "finding", "holds", "said"),
    [
        (WRONG, Finding("proved", 0, 0), False, "FALSE PROOF"),
        (WRONG, Finding("proved", 0, 0), None, "FALSE PROOF"),
        (WRONG, Finding("partial", 0, 0), None, "FALSE PROOF"),
        (RIGHT, Finding("refuted", 0, 0, example=[1]), True, "FALSE REFUTATION"),
        (WRONG, Finding("refuted", 0, 0), False, "NO EXAMPLE"),
        (WRONG, Finding("refuted", 0, 0, example=[1]), False, "NO REPLAY"),
    ],
)
def test_a_seeded_mistake_is_seen(
    claim: Claim, finding: Finding, holds: bool | None, said: str
) -> None:
    told = defect("seeded", claim, finding, holds, INPUTS)
    assert told is not None
    assert told.startswith(said)


def test_what_is_right_is_let_through() -> None:
    assert defect("right", RIGHT, Finding("proved", 0, 0), True, INPUTS) is None
    assert defect("right", WRONG, Finding("refuted", 0, 0, example=[7]), False, INPUTS) is None
