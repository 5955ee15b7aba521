"""Results of several parts and contracts over bits: proved, readable, or an honest no."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from teachers.formal import bits
from teachers.formal.read import OutsideError
from teachers.formal.search import CannotError, solve
from teachers.formal.smt import Problem
from teachers.formal.solve import synthesise
from teachers.formal.term import Term, evaluate, integer, var
from teachers.formal.tuples import tuple_types
from teachers.model import Specification

TWO = (("a", "int"), ("b", "int"))
BYTE = ("0 <= a < 256", "0 <= b < 256")


def contract(
    returns: str,
    *ensures: str,
    parameters: tuple[tuple[str, str], ...] = TWO,
    requires: tuple[str, ...] = (),
    examples: tuple[Any, ...] = (),
) -> Specification:
    return Specification("f", parameters, returns, requires, ensures, examples)


def run(source: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(source, scope)
    found: Callable[..., Any] = scope["f"]
    return found


def holds(specification: Specification, source: str, inputs: Any) -> bool:
    """Whether the answer meets its contract on every one of ``inputs``, by CPython itself."""
    answer = run(source)
    names = [name for name, _ in specification.parameters]
    for args in inputs:
        env = dict(zip(names, args, strict=True))
        if all(eval(each, {}, env) for each in specification.requires):
            env["result"] = answer(*args)
            if not all(eval(each, {}, env) for each in specification.ensures):
                return False
    return True


SMALL = list(product(range(-6, 7), repeat=2))


@pytest.mark.parametrize(
    "ensures",
    [
        ("result == (min(a, b), max(a, b))",),
        ("result[0] <= result[1]", "result == (a, b) or result == (b, a)"),
        ("result[0] + result[1] == a", "result[0] >= b", "result[0] <= b"),
        ("result[0] == a - b and result[-1] == abs(a - b)",),
        ("len(result) == 2", "result[0] == b", "result[1] == a"),
    ],
)
def test_parts_that_stand_alone_and_parts_that_are_tied(ensures: tuple[str, ...]) -> None:
    task = contract("tuple[int, int]", *ensures)
    code, _ = synthesise(task, rlimit=2_000_000)
    assert holds(task, code, SMALL), code
    assert "_let" not in code
    assert all(len(line) <= 100 for line in code.splitlines())


def test_a_condition_shared_by_the_parts_is_asked_once() -> None:
    swapped = "result == (a, b) if a <= b else result == (b, a)"
    either = "result[0] == a and result[1] == b or result[0] == b and result[1] == a"
    task = contract("tuple[int, int]", "result[0] <= result[1]", either)
    code, _ = synthesise(task, rlimit=2_000_000)
    assert code.count("if ") == 1, code
    assert holds(contract("tuple[int, int]", swapped), code, SMALL)


def test_parts_of_different_types_and_a_precondition() -> None:
    task = contract(
        "tuple[int, bool]", "result[0] == min(a, b)", "result[1] == (a < b)", requires=("a >= 0",)
    )
    code, _ = synthesise(task, rlimit=2_000_000)
    assert run(code)(3, 5) == (3, True)
    assert holds(task, code, SMALL)


@pytest.mark.parametrize(
    ("ensures", "reason"),
    [
        (("result[0] == a",), r"result\[1\]"),
        (("sum(result) == a",), "as a whole"),
        (("result == (a, b, a)",), "no postcondition says"),
        (("result[0] == a", "result[1] == a ** b"), "Pow"),
    ],
)
def test_what_a_tuple_contract_does_not_say_is_an_honest_no(
    ensures: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CannotError, match=reason):
        synthesise(contract("tuple[int, int]", *ensures), rlimit=500_000)


def test_a_tuple_from_examples_alone() -> None:
    examples = tuple(((a, b), (min(a, b), max(a, b), a == b)) for a, b in SMALL[::5])
    code = solve(contract("tuple[int, int, bool]", examples=examples))
    assert all(run(code)(*args) == result for args, result in examples)
    ragged = (((1, 2), (1, 2)), ((1, 3), (1, 2, 3)))
    with pytest.raises(CannotError, match="no tuple of 2"):
        solve(contract("tuple[int, int]", examples=ragged))


def test_only_tuples_of_a_fixed_length_have_parts() -> None:
    assert tuple_types("tuple[int, bool]") == ("int", "bool")
    assert tuple_types("Tuple[int, list[int]]") == ("int", "list[int]")
    assert tuple_types("tuple[int, ...]") is None
    assert tuple_types("int") is None


BYTES = [(a, b) for a in range(0, 256, 5) for b in range(0, 256, 7)]


@pytest.mark.parametrize(
    ("returns", "ensures"),
    [
        ("int", ("result == a & 15",)),
        ("int", ("result & a == 0", "result | (a & b) == b")),
        ("int", ("result == (a ^ b) & 255",)),
        ("bool", ("result == (a & (a - 1) == 0)",)),
        ("int", ("result == (a << 4 | a >> 4) & 255",)),
        ("int", ("result == ~a + (b >> 2) % 3",)),
        ("tuple[int, int]", ("result[0] == a & b", "result[1] == a | b")),
    ],
)
def test_contracts_over_bits(returns: str, ensures: tuple[str, ...]) -> None:
    task = contract(returns, *ensures, requires=BYTE)
    code, _ = synthesise(task, rlimit=2_000_000)
    assert holds(task, code, BYTES), code


@pytest.mark.parametrize(
    ("requires", "ensures", "reason"),
    [
        ((), "result == a & 15", "0 <= a < 256"),
        (BYTE, "result == a << b", "no literal between"),
        (("0 <= a < 2000000000", "b == 0"), "result == a * a * a * a & 1", "more than 64 bits"),
        (BYTE, "result == (a & 3) // b", "positive literal"),
    ],
)
def test_bits_that_cannot_be_asked_about_say_why(
    requires: tuple[str, ...], ensures: str, reason: str
) -> None:
    with pytest.raises(CannotError, match=reason):
        synthesise(contract("int", ensures, requires=requires), rlimit=200_000)


@pytest.mark.parametrize(
    ("returns", "requires", "ensures"),
    [
        # Some single bit of a: many results are right, and examples of them fit no short program.
        ("int", ("0 <= a < 256", "b == 0"),
         ("result & a == result", "result & (result - 1) == 0", "a == 0 or result != 0")),
        ("int", BYTE, ("result == a or result == b", "result & 1 == (a & 1) | (b & 1)")),
        ("int", ("0 <= a < 1024", "b == 0"),
         ("result & 7 == 0", "a - result <= 7", "result <= a")),
    ],
)  # fmt: skip
def test_a_contract_over_bits_that_allows_many_results_is_met(
    returns: str, requires: tuple[str, ...], ensures: tuple[str, ...]
) -> None:
    wanted = contract(returns, *ensures, requires=requires)
    source, note = synthesise(wanted, rlimit=300_000)
    assert note == "proved by the solver"
    assert "_let" not in source
    inputs = [(a, b) for a in range(0, 256, 3) for b in (0, 1, 7, 128, 254)]
    assert holds(wanted, source, inputs)


def test_bits_that_no_result_meets_are_an_honest_no() -> None:
    wanted = contract("int", "result & 1 == 1", "result & 3 == 0", requires=BYTE)
    with pytest.raises(CannotError, match="no short program over bits"):
        synthesise(wanted, rlimit=300_000)


def test_what_the_engine_proposes_over_bits_is_right_wherever_it_is_said_to_be() -> None:
    """Random contracts: whatever is answered holds in CPython, on every input."""
    generator = random.Random(20261121)
    clauses = (
        "result & a == 0", "result | b == a | b", "result ^ a <= 255", "result & b == result",
        "result >= a & b", "result <= a | b", "result & 3 == a & 3", "result != a ^ b",
        "result >> 2 == b >> 2", "result & -result == result",
    )  # fmt: skip
    met = 0
    for _ in range(12):
        chosen = generator.sample(clauses, 2)
        wanted = contract("int", *chosen, requires=("0 <= a < 16", "0 <= b < 16"))
        try:
            source, _ = synthesise(wanted, rlimit=100_000)
        except CannotError:
            continue
        met += 1
        assert holds(wanted, source, product(range(16), repeat=2)), (chosen, source)
    assert met >= 3


def test_bits_are_searched_from_examples_where_the_task_speaks_of_bits() -> None:
    examples = tuple(((a, b), a ^ b) for a, b in BYTES[::97])
    code = solve(contract("int", examples=examples), "The bitwise xor of a and b.")
    assert all(run(code)(a, b) == a ^ b for a, b in BYTES)


def _random_term(generator: random.Random, depth: int) -> Term:
    if depth == 0:
        return generator.choice([var("a"), var("b"), integer(generator.randint(-3, 9))])
    op = generator.choice(["&", "|", "^", "~", "<<", ">>", "+", "-", "*", "//", "%", "neg",
                           "abs", "min", "max", "if"])  # fmt: skip
    inner = _random_term(generator, depth - 1)
    if op in ("~", "neg", "abs"):
        return Term(op, (inner,))
    if op in ("<<", ">>", "//", "%"):
        return Term(op, (inner, integer(generator.randint(1, 3))))
    other = _random_term(generator, depth - 1)
    if op == "if":
        return Term("if", (Term("<", (inner, other)), other, inner))
    return Term(op, (inner, other))


def test_vectors_mean_what_python_means() -> None:
    """Two random programs are the same by vectors exactly when CPython says so on every input."""
    generator = random.Random(7)
    inputs = list(product(range(-4, 5), range(0, 6)))
    low = [Term("<=", (integer(-4), var("a"))), Term("<", (var("a"), integer(5)))]
    high = [Term("<=", (integer(0), var("b"))), Term("<", (var("b"), integer(6)))]
    same = 0
    for number in range(120):
        one = _random_term(generator, 1 + number % 3)
        # Half of them against themselves written another way: x | y is x + y - (x & y).
        other = Term("-", (Term("+", (one, integer(1))), integer(1))) if number % 2 else (
            _random_term(generator, 1 + number % 3))  # fmt: skip
        wanted = Term("==", (var("result"), one))
        problem = Problem((("a", "int"), ("b", "int")), "int", (*low, *high), (wanted,))
        wrong = [
            point for point in inputs
            if evaluate(one, dict(zip("ab", point, strict=True)))
            != evaluate(other, dict(zip("ab", point, strict=True)))
        ]  # fmt: skip
        try:
            found = bits.refute(problem, other, 3_000_000)
        except OutsideError:
            continue
        if isinstance(found, str):
            continue
        assert (found is None) == (not wrong), (one, other, found)
        assert found is None or found in wrong
        same += found is None
    assert same > 40
