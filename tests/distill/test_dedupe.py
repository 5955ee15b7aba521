"""Duplicates and contamination: found under renaming, not found where there are none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distill.decontaminate import Protected, without
from distill.dedupe import exact, near, normalised
from distill.errors import DistillError
from distill.example import Example

CODE = "def total(xs: list[int]) -> int:\n    return sum(x for x in xs if x > 3)"
RENAMED = 'def f(values):\n    """Sum."""\n    return sum(v for v in values if v > 3)  # big'
ASK = "Add up all the numbers of the list that are larger than three and give the result back."


def row(completion: str, ask: str = ASK) -> Example:
    return Example("r", "t", (("user", ask),), completion, "source")


def test_renaming_and_layout_do_not_make_another_function() -> None:
    assert normalised(CODE) == normalised(RENAMED)
    assert normalised(CODE) != normalised(CODE.replace("> 3", "> 4"))
    assert normalised("def f(:  x") == "def f(: x"


def test_builtins_and_attributes_keep_their_names() -> None:
    assert "sum" in normalised(CODE)
    assert normalised("def f(a):\n    return max(a)") != normalised("def f(a):\n    return min(a)")


def test_exact_duplicates_need_the_same_question() -> None:
    found = exact([row(CODE), row(RENAMED), row(CODE, "Something else.")])
    assert [(one.index, one.kept) for one in found] == [(1, 0)]


def test_near_duplicates_are_confirmed_by_their_true_similarity() -> None:
    near_miss = ASK.replace("give the result back", "return the result")
    rows = [row(CODE), row(CODE, near_miss), row("def g(a, b):\n    return a - b", "Subtract.")]
    found = near(rows, threshold=0.6)
    assert [(one.index, one.kept) for one in found] == [(1, 0)]
    assert 0.6 <= found[0].similarity < 1
    assert near(rows, threshold=0.99) == []
    with pytest.raises(DistillError, match="between 0 and 1"):
        near(rows, threshold=1.5)


def test_a_renamed_solution_and_a_quoted_prompt_are_contamination() -> None:
    protected = Protected(n=8)
    protected.add("bench/1", text=ASK, code=CODE)
    protected.add("bench/2", text="Reverse a string")
    rows = [
        row(RENAMED, "Quite another question."),
        row("def g(): ...", f"Please: {ASK.upper()}"),
        row("def g(): ...", "Now reverse  a   string, please."),
        row("def h(a):\n    return a", "Give a back."),
    ]
    found = protected.overlaps(rows)
    assert [(one.index, one.item, one.kind) for one in found] == [
        (0, "bench/1", "code"),
        (1, "bench/1", "words"),
        (2, "bench/2", "words"),
    ]
    assert without(rows, [one.index for one in found]) == [rows[3]]


def test_benign_rows_pass_and_senseless_runs_are_refused() -> None:
    protected = Protected(n=10)
    protected.add("bench/1", text=ASK, code=CODE)
    other = replace(row("def g(a):\n    return a + 1"), messages=(("user", "Add one to a."),))
    assert protected.overlaps([other]) == []
    with pytest.raises(ValueError, match="too short"):
        Protected(n=1)
