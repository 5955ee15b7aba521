"""On a sample of recorded answers, our test verdicts are those of the recorded harnesses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.refute_suites import SUITES as CONTRACTS
from benchmarks.refute_suites import submission
from benchmarks.sandbox_agreement import SUITES, agree, folder, read
from judge.contract import Budget
from judge.refute import search
from judge.sandbox import Sandbox, open_sandbox

PLACE = folder()
pytestmark = pytest.mark.skipif(
    PLACE is None, reason="the suites are not here; WORKBENCH_BENCH names their folder"
)
EVERY = {
    "canonical": 23,
    "humaneval": 97,
    "check": 131,
    "mbpp": 41,
    "quixbugs": 9,
    "canaicode": 401,
}
EXPLAINED = {
    "HumanEval/129 gpt-4-1106-preview 0",  # exponential; the recorded harness let it run longer
    "HumanEval/38 gpt-3.5-turbo-0613 0",  # lacks the prompt's helper, which check() calls
    "HumanEval/50 gpt-3.5-turbo-0613 0",
    "HumanEval/95 gpt-3.5-turbo-0613 0",  # fails a case of check() that the base tests dropped
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as box:
        yield box


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_verdicts_on_tests_agree(sandbox: Sandbox, suite: str) -> None:
    assert PLACE is not None
    apart = []
    for item in list(SUITES[suite](PLACE))[:: EVERY[suite]]:
        same, report = agree(sandbox, item)
        if not same and item.name not in EXPLAINED:
            apart.append((item.name, item.said, report))
    assert apart == []


@pytest.mark.parametrize("suite", ["small", "verina", "nagini", "deal"])
def test_nothing_that_holds_is_refuted(sandbox: Sandbox, suite: str) -> None:
    """Violated ones may be missed in so few cases; holding ones may never be refuted."""
    assert PLACE is not None
    mutated = (
        "ver-7590fadcfb"  # its check hands over a copy; a contract here speaks of the argument
    )
    digits = "ver-2e5be6b870"  # refuted by the digit '²': the label is wrong
    for item in read(PLACE / CONTRACTS[suite])[::13]:
        if item["expected"] == "holds" and item["id"] not in (mutated, digits):
            report = search(sandbox, submission(item), Budget(cases=150))
            assert report.counterexample is None, (item["id"], report)
            assert report.contract_error is None, (item["id"], report)
