"""Drafts from examples: what is suggested, what is sifted out and why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from judge import Case, Contract
from judge.drafting import Draft, contract_in, from_examples, sift
from judge.reading.source import Fault
from judge.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as box:
        yield box


def drafted(signature: str, *rows: tuple[object, ...]) -> Contract:
    found = from_examples(signature, [Case(row[:-1], row[-1]) for row in rows])
    assert isinstance(found, Contract)
    return found


def test_a_linear_function_is_recognised() -> None:
    rows = [(a, b, 2 * a - b + 1) for a, b in ((1, 2), (3, 4), (0, 0), (5, 1), (2, 2))]
    assert drafted("def f(a: int, b: int) -> int", *rows).ensures == ("result == 2 * a - b + 1",)


def test_an_equation_needs_examples_to_spare() -> None:
    rows = [(1, 2), (2, 5), (3, 8)]
    assert "result == 3 * a - 1" not in drafted("def f(a: int) -> int", *rows).ensures


def test_the_strongest_clause_stands_alone() -> None:
    rows = [([3, 1, 2], [1, 2, 3]), ([], []), ([5, 5], [5, 5])]
    assert drafted("def f(xs: list[int]) -> list[int]", *rows).ensures == ("result == sorted(xs)",)


def test_a_clause_that_needs_an_element_asks_for_one() -> None:
    found = drafted("def f(xs: list[int]) -> int", ([3, 1], 3), ([-4], -4), ([0, 5], 5))
    assert found == Contract(("len(xs) > 0",), ("result == max(xs)",))


def test_too_few_examples_draft_nothing() -> None:
    assert drafted("def f(a: int) -> int", (1, 1), (2, 2)).empty


def test_a_signature_that_is_none_is_a_fault() -> None:
    assert isinstance(from_examples("f of x", []), Fault)


def test_what_others_suggest_is_sifted_by_the_examples(sandbox: Sandbox) -> None:
    cases = [Case(([3, 1, 2],), 3), Case(([4],), 4)]
    suggested = Contract(
        ("len(xs) > 0", "xs[0] > 3"),
        ("result in xs", "result >= 4", "result == mx(xs)", "xs.pop() > 0", "1 // 0"),
    )
    found = sift(sandbox, "f", "def f(xs: list[int]) -> int", suggested, cases)
    assert isinstance(found, Draft)
    assert found.contract == Contract(("len(xs) > 0",), ("result in xs",))
    why = {dropped.clause: dropped.why for dropped in found.dropped}
    assert "f([3, 1, 2]) is 3 breaks it" in why["result >= 4"]
    assert "`mx`" in why["result == mx(xs)"]
    assert "changes its object" in why["xs.pop() > 0"]
    assert "ZeroDivisionError" in why["1 // 0"]


def test_a_reply_of_the_wrong_shape_is_a_fault() -> None:
    assert contract_in({"ensures": ["result > 0"]}) == Contract((), ("result > 0",))
    assert isinstance(contract_in({"ensures": "result > 0"}), Fault)
