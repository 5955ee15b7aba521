"""Floats that are only compared, and floats in containers, where NaN goes by identity."""

from __future__ import annotations

import math
from itertools import product

import pytest

from judge.contract import Budget, Contract
from judge.prove import portfolio, prove
from judge.recheck import check
from judge.solve import Solvers
from judge.symbolic import term as T
from judge.symbolic.float_order import by_order, place_of
from judge.symbolic.floats import SORT, constant
from judge.verdict import Recheck

BUDGET = Budget(rlimit=4_000_000)
SMALL = Budget(rlimit=600_000)
FLOATS = [
    -math.inf, -1.7976931348623157e308, -1.5, -5e-324, -0.0, 0.0, 5e-324, 2.2250738585072014e-308,
    0.1, 1.0, 1.0000000000000002, 1e16, 1.7976931348623157e308, math.inf, math.nan,
]  # fmt: skip


@pytest.fixture(autouse=True)
def at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only proofs at any size are at stake here."""
    monkeypatch.setattr(portfolio.bounded, "prove", lambda session: None)
    monkeypatch.setattr(portfolio.paths, "prove", lambda session: None)


def test_places_are_in_the_order_of_the_floats() -> None:
    for a, b in product(FLOATS[:-1], repeat=2):
        assert (place_of(a) < place_of(b)) == (a < b)
        assert (place_of(a) == place_of(b)) == (a == b)
    for number in (1.0, -1.0, 0.0, 5e-324):
        assert place_of(math.nextafter(number, math.inf)) == place_of(number) + 1


def test_comparisons_of_literals_mean_the_same_by_places() -> None:
    plain = {
        "fp.lt": lambda a, b: a < b, "fp.leq": lambda a, b: a <= b, "fp.eq": lambda a, b: a == b,
    }  # fmt: skip
    with T.fresh_table():
        k = T.bvar("k")
        some = T.quantify("exists", [k], T.lt(k, T.var("n")))
        for (a, b), (op, test) in product(product(FLOATS, repeat=2), plain.items()):
            for first, x in ((constant(a), a), (T.node("fp.neg", (constant(a),), SORT), -a)):
                compared = T.node(op, (first, constant(b)), T.BOOL)
                assert T.literal(by_order([compared, some])[0]) is test(x, b), (op, x, b)
        for a in FLOATS:
            size = T.node("fp.abs", (constant(a),), SORT)
            zero = T.node("fp.isZero", (size,), T.BOOL)
            lost = T.node("fp.isNaN", (size,), T.BOOL)
            assert [T.literal(t) for t in by_order([zero, lost, some])[:2]] == [a == 0, a != a]


def test_where_there_is_arithmetic_or_no_quantifier_the_bits_stay() -> None:
    with T.fresh_table():
        x = T.var("x", SORT)
        less = T.node("fp.lt", (x, constant(1.0)), T.BOOL)
        assert by_order([less]) == [less]
        k = T.bvar("k")
        some = T.quantify("exists", [k], T.lt(k, T.var("n")))
        more = T.node("fp.lt", (x, T.node("fp.add", (x, x), SORT)), T.BOOL)
        assert by_order([less, more, some]) == [less, more, some]


LARGEST = (
    "def f(xs: list[float]) -> float:\n    best = xs[0]\n    for x in xs:\n"
    "        if x > best:\n            best = x\n    return best\n"
)


def test_the_largest_of_a_list_is_proved_and_confirmed() -> None:
    contract = Contract(
        ("len(xs) > 0", "all(x == x for x in xs)"), ("result in xs", "all(x <= result for x in xs)")
    )
    proof = prove(LARGEST, "f", contract, BUDGET)
    assert proof.outcome == "proved"
    with Solvers(fuse_seconds=30.0) as pool:
        assert check(proof.obligations, pool=pool).outcome is Recheck.CONFIRMED
    wrong = LARGEST.replace("x > best", "x < best")
    assert prove(wrong, "f", contract, SMALL).outcome != "proved"


def test_with_nan_the_first_may_stay_the_largest() -> None:
    contract = Contract(("len(xs) > 0",), ("all(x <= result for x in xs)",))
    assert prove(LARGEST, "f", contract, SMALL).outcome != "proved"


def outcome(parameters: str, body: str, requires: str = "True") -> str:
    code = f"def f({parameters}) -> bool:\n    return {body}\n"
    return prove(code, "f", Contract((requires,), ("result",)), SMALL).outcome


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ("x: float", "[x] == [x]"),
        ("x: float", "x in [x]"),
        ("xs: list[float]", "xs == xs[:]"),
        ("xs: list[float]", "all(x in xs for x in xs)"),
        ("x: float", "x != x or x + 0.0 in [x, 1.0]"),
        ("x: float, y: float", "x == y or y == y or x not in [y] or x != x"),
    ],
)
def test_what_holds_of_floats_in_lists_is_proved(parameters: str, body: str) -> None:
    assert outcome(parameters, body) == "proved"


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ("", "[float('nan')] == [float('nan')]"),
        ("", "float('nan') not in [float('nan')] and False"),
        ("x: float", "[x + 0.0] == [x + 0.0]"),
        ("x: float", "(x + 0.0,) == (x + 0.0,)"),
        ("x: float", "(x + 0.0) in [x + 0.0]"),
        ("x: float, y: float", "x == y or x not in [y]"),
        ("x: float, y: float", "(x in [y]) == (y in [x]) or x == y"),
        ("xs: list[float]", "[-x for x in xs] == [-x for x in xs]"),
        ("xs: list[float]", "[x + 0.0 for x in xs] == [x + 0.0 for x in xs]"),
        ("x: float", "max([x + 0.0], [x + 0.0]) == [x + 0.0]"),
        ("x: float", "x == x"),
    ],
)
def test_nan_is_itself_only_where_it_is_one_object(parameters: str, body: str) -> None:
    assert outcome(parameters, body) != "proved"
