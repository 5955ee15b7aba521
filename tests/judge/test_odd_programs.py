"""Odd little programs, each pinned to an input: the proof says what CPython says, or nothing.

The programs are in ``corpus/odd_programs.txt``: scopes, orders of evaluation, second holders,
exceptions on their way, iterators, texts. CPython runs each; that it does *not* return what it
returns must never be proved, and that it does must never be refuted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

FILE = Path(__file__).parent / "corpus" / "odd_programs.txt"
PROGRAMS = FILE.read_text("utf-8").split("\n---\n")
SLICES = 8

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")


def truth(code: str, a: int) -> tuple[str, str]:
    """Whether CPython returns or raises on ``a``, and what."""
    space: dict[str, Any] = {}
    exec(compile(code, "odd", "exec"), space)
    try:
        return "returns", repr(space["f"](a))
    except Exception as error:  # noqa: BLE001 whatever the program raises is its outcome
        return "raises", type(error).__name__


def outcome(code: str, a: int, clause: str) -> str:
    contract = Contract((f"a == {a}",), (clause,), (), "")
    return prove(code, "f", contract, Budget(rlimit=4_000_000)).outcome


@pytest.mark.parametrize("part", range(SLICES))
def test_nothing_false_is_proved_and_nothing_true_is_refuted(part: int) -> None:
    proved = 0
    for code in PROGRAMS[part::SLICES]:
        for a in (0, 1):
            how, what = truth(code, a)
            false = f"result != {what}" if how == "returns" else "True"
            assert outcome(code, a, false) not in ("proved", "partial"), (code, a, what)
            if how == "returns":
                found = outcome(code, a, f"result == {what}")
                assert found != "refuted", (code, a, what)
                proved += found == "proved"
    assert proved >= 10  # most of them are inside the subset: the test says something
