"""The sentences people read: facts only, and no ambiguity between clauses."""

from __future__ import annotations

from judge import explain
from judge.contract import Contract, Submission
from judge.verdict import Counterexample


def submission(contract: Contract) -> Submission:
    return Submission("s", "f", "", contract)


def test_clauses_are_joined_without_changing_their_meaning() -> None:
    assert explain.conjunction(["a or b", "c"]) == "(a or b) and c"
    assert explain.conjunction(["a or b"]) == "a or b"
    assert explain.conjunction(["a if b else c", "d"]) == "(a if b else c) and d"
    assert explain.conjunction(["oral > 1", "iffy"]) == "oral > 1 and iffy"


def test_a_broken_clause_is_cited_with_the_call() -> None:
    item = submission(Contract(ensures=("result > x",)))
    text = explain.refutation(item, Counterexample((1, "a"), result=1, violates="result > x"))
    assert text == "f(1, 'a') returned 1; the contract asks result > x."


def test_an_exception_is_named_with_what_is_allowed() -> None:
    raised = Counterexample((0,), raised="KeyError", message="'a'\nmore")
    assert explain.refutation(submission(Contract()), raised) == (
        "f(0) raised KeyError: 'a'; no exception is allowed."
    )
    item = submission(Contract(raises=("ValueError", "TypeError")))
    assert explain.refutation(item, raised).endswith("only ValueError and TypeError may be raised.")


def test_a_test_says_what_it_expects() -> None:
    found = Counterexample((2,), result=3, expected=[4])
    assert explain.refutation(submission(Contract()), found) == (
        "f(2) returned 3; the test expects [4]."
    )


def test_counts_agree_in_number() -> None:
    assert explain.tested(1, 0, None) == "Nothing wrong in 1 test."
    assert explain.tested(2, 1, "why.") == (
        "Nothing wrong in 2 tests and 1 searched input. Not proved: why."
    )


def test_a_finding_that_is_the_reason_is_not_said_twice() -> None:
    assert explain.joined(["a", "b", "a"], "b") == ("a",)
