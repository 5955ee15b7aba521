"""How found invariants are told."""

from __future__ import annotations

import pytest

from judge.contract import Budget, Contract, Submission
from judge.explain import proof as told
from judge.prove import prove
from judge.prove.wording import telling, tidy


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-1 != -1 or t not in xs[:lo]", "t not in xs[:lo]"),
        ("True == all(x > 0 for x in xs)", "all((x > 0 for x in xs))"),
        ("1 == 1 or y > 0", "True"),
        ("1 == True or x", "1 == True or x"),  # of two kinds: left as it is
        ("False == x", "False == x"),  # x may be 0, which is False and not `not x`
        ("d % d == 0", "d % d == 0"),
        ("not ( python", "not ( python"),
    ],
)
def test_what_is_decided_is_left_out(text: str, wanted: str) -> None:
    assert tidy(text) == wanted


def test_equations_come_before_bounds() -> None:
    assert telling(["line 3: k >= 0", "line 3: t == k * k"])[0] == "line 3: t == k * k"


def test_an_explanation_cites_the_law_of_the_loop() -> None:
    code = "def f(n: int) -> int:\n    t = 0\n    for i in range(n + 1):\n        t += i\n"
    code += "    return t\n"
    contract = Contract(("n >= 0",), ("2 * result == n * (n + 1)",))
    found = prove(code, "f", contract, Budget(rlimit=4_000_000))
    text = told(Submission("x", "f", code, contract), found, "confirmed")
    assert "after k rounds of a loop, line 3: " in text
    assert "2 * t" in text
