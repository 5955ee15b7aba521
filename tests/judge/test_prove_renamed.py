"""Parameters under other names: proved when renaming changes nothing, else left alone."""

from __future__ import annotations

import pytest

from judge import Budget, Contract
from judge.prove import Proof, derive
from judge.prove import prove as prove_code

SIGNATURE = "def f(x: int, y: int) -> int"
FLOOR = Contract(("y > 0",), ("result * y <= x < (result + 1) * y",))


def proved(code: str, contract: Contract = FLOOR, signature: str = SIGNATURE) -> Proof:
    return prove_code(code, "f", contract, Budget(), signature=signature)


def test_other_names_are_proved_and_derived_to_the_same_bytes() -> None:
    code = "def f(a: int, b: int) -> int:\n    q = a // b\n    return q\n"
    found = proved(code)
    assert found.outcome == "proved"
    again = derive(code, "f", FLOOR, found.plan, signature=SIGNATURE)
    assert [o.digest for o in again] == [o.digest for o in found.obligations]


def test_a_wrong_answer_under_other_names_is_not_proved() -> None:
    assert proved("def f(a, b):\n    return a // b + 1\n").outcome == "refuted"
    assert proved("def f(a, b):\n    return b // a if a else 0\n").outcome != "proved"


def test_loops_and_comprehensions_follow() -> None:
    code = "def f(items):\n    n = 0\n    for i in items:\n        n += i\n    return n\n"
    found = proved(code, Contract(ensures=("result == sum(xs)",)), "def f(xs: list[int]) -> int")
    assert found.outcome == "proved"


@pytest.mark.parametrize(
    "code",
    [
        "def f(a, b):\n    x = a // b\n    return x\n",  # the task's name is a local here
        "def f(y, x):\n    return y // x\n",  # swapped
        "def f(a, b):\n    return a // b if b < 9 else f(a=a, b=b)\n",  # called by name
        "x = 3\ndef f(a, b):\n    return a // b + x - 3\n",  # the task's name is a constant here
        "def f(a, b):\n    try:\n        return a // b\n    except KeyError as x:\n        pass\n",
        "def y(n):\n    return n\ndef f(a, b):\n    return y(a) // b\n",
    ],
)
def test_where_names_would_collide_nothing_is_proved(code: str) -> None:
    found = proved(code)
    assert found.outcome != "proved"
    assert found.args is None
