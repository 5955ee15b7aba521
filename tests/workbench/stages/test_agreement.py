"""Agreement is about functions: another text may agree, a like-looking wrong one may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from workbench.stages.agreement import Answerer, agreement_of, names_result, normal_form
from workbench.tasks import Task

if TYPE_CHECKING:
    from judge.sandbox import Sandbox

TASK = Task(
    id="t",
    prompt="the larger",
    entry_point="f",
    signature="def f(a: int, b: int) -> int",
    ensures=("result >= a", "result >= b"),
)
ONE = "def f(a: int, b: int) -> int:\n    return max(a, b)\n"
TWO = "def f(a: int, b: int) -> int:\n    if a > b:\n        return a\n    return b\n"
WRONG = "def f(a: int, b: int) -> int:\n    return a\n"
PROBES: list[tuple[object, ...]] = [(1, 2), (2, 1), (0, 0), (-3, 4)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    from judge.sandbox import open_sandbox

    with open_sandbox() as opened:
        yield opened


def answer(source: str, code: str, verdict: str = "unknown") -> Answerer:
    return Answerer(source, normal_form(source + code), code, verdict)


def agreed(sandbox: Sandbox | None, *answers: Answerer, task: Task = TASK) -> list[tuple[int, int]]:
    found = agreement_of(task, answers, PROBES, sandbox)
    return [found[(a.source, a.candidate)] for a in answers]


def test_names_layout_hints_and_docstrings_do_not_matter() -> None:
    other = 'def f(x, y):\n    """Doc."""\n    z: int = 3\n    return max(x, y)\n'
    same = "def f(p: int, q: int) -> int:\n    w = 3\n    return max( p,q )\n"
    assert normal_form(other) == normal_form(same)
    assert normal_form(ONE) != normal_form(TWO)


def test_code_that_does_not_parse_stands_for_itself() -> None:
    assert normal_form("def (") != normal_form("def )")


def test_different_code_with_the_same_behaviour_agrees(sandbox: Sandbox) -> None:
    assert agreed(sandbox, answer("a", ONE), answer("b", TWO)) == [(1, 1), (1, 1)]


def test_a_different_function_does_not_agree(sandbox: Sandbox) -> None:
    found = agreed(sandbox, answer("a", ONE), answer("b", TWO), answer("c", WRONG))
    assert found == [(1, 2), (1, 2), (0, 2)]


def test_a_refuted_answer_does_not_agree_with_a_right_one_that_looks_alike() -> None:
    assert agreed(None, answer("a", ONE, "proved"), answer("b", WRONG, "refuted")) == [
        (0, 1),
        (0, 1),
    ]


def test_two_proofs_of_the_same_named_result_agree_without_running() -> None:
    task = replace(TASK, ensures=("result == max(a, b)",))
    found = agreed(None, answer("a", ONE, "proved"), answer("b", TWO, "proved"), task=task)
    assert found == [(1, 1), (1, 1)]


def test_two_proofs_of_a_loose_contract_do_not_agree_by_proof() -> None:
    assert agreed(None, answer("a", ONE, "proved"), answer("b", TWO, "proved")) == [(0, 1), (0, 1)]


def test_a_candidate_that_hangs_agrees_with_nobody(sandbox: Sandbox) -> None:
    hangs = "def f(a: int, b: int) -> int:\n    while True:\n        pass\n"
    found = agreed(sandbox, answer("a", ONE), answer("b", hangs))
    assert found == [(0, 1), (0, 1)]


def test_one_source_with_many_answers_is_one_source() -> None:
    first, second = answer("a", ONE), answer("a", ONE + "\n# again\n")
    assert agreed(None, first, second) == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("clause", "named"),
    [
        ("result == max(a, b)", True),
        ("a + b == result", True),
        ("result >= a", False),
        ("result == result", False),
        ("result == f(result, 1)", False),
        ("0 <= result == a", False),
        ("result ==", False),
    ],
)
def test_whether_a_clause_names_the_result(clause: str, named: bool) -> None:
    assert names_result(replace(TASK, ensures=(clause,))) is named
