"""Refuting: what is found is real, small, and the contract's fault is told from the candidate's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from judge.contract import Budget, Case, Contract, Submission
from judge.refute import SearchReport, minimise, replay, search
from judge.refute.shapes import conforms
from judge.refute.subject import read_subject, read_words
from judge.refute.trial import Trial, Try
from judge.refute.values import Values
from judge.sandbox import Sandbox, open_sandbox

BUDGET = Budget(cases=600)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as box:
        yield box


def submission(code: str, *ensures: str, requires: tuple[str, ...] = (), **more: Any) -> Submission:
    contract = Contract(requires, ensures, more.pop("raises", ()), more.pop("helpers", ""))
    return Submission("s", "f", code, contract, **more)


def searched(sandbox: Sandbox, code: str, *ensures: str, **more: Any) -> SearchReport:
    return search(sandbox, submission(code, *ensures, **more), BUDGET)


CORRECT = [
    ("def f(x: int, lo: int, hi: int) -> int:\n    return max(lo, min(x, hi))",
     ("lo <= result <= hi",), ("lo <= hi",)),
    ("def f(xs: list[int]) -> list[int]:\n    return sorted(xs)",
     ("len(result) == len(xs)", "all(a <= b for a, b in zip(result, result[1:]))"), ()),
    ("def f(xs: list[int]) -> None:\n    xs.append(0)",
     ("len(xs) == len(old(xs)) + 1", "xs[:-1] == old(xs)"), ()),
    ("def f(s: str) -> str:\n    return s[::-1]", ("result[::-1] == s",), ()),
    ("def f(d: dict[str, int]) -> int:\n    return sum(d.values())",
     ("result == sum(d[k] for k in d)",), ()),
    ("def f(a: int, b: int) -> int:\n    return a // b", ("result * b <= a or b < 0",),
     ("b != 0",)),
    ("def f(x: float) -> float:\n    return abs(x)", ("result >= 0 or result != result",), ()),
]  # fmt: skip


@pytest.mark.parametrize(("code", "ensures", "requires"), CORRECT)
def test_a_correct_answer_is_not_refuted(
    sandbox: Sandbox, code: str, ensures: tuple[str, ...], requires: tuple[str, ...]
) -> None:
    report = searched(sandbox, code, *ensures, requires=requires)
    assert report.counterexample is None
    assert report.contract_error is None
    assert report.cases >= 100


NEEDLES = [
    ("def f(x: int) -> int:\n    return 0 if x == 48271 else x", ("result == x",), (48271,)),
    ("def f(s: str) -> str:\n    return '' if s == 'open sesame' else s", ("result == s",),
     ("open sesame",)),
    ("def f(a: int, b: int) -> int:\n    return a if a - b == 7 else a + b",
     ("result == a + b",), None),
    ("def f(xs: list[int]) -> int:\n    return len(xs) if len(xs) < 5 else 0",
     ("result == len(xs)",), ([0, 0, 0, 0, 0],)),
    ("def f(xs: list[int], t: int) -> bool:\n    return t in xs[:-1]", ("result == (t in xs)",),
     ([0], 0)),
    ("def f(b: bool, o: int | None) -> int:\n    return o + 1 if b else 0",
     ("result >= 0 or o < 0",), (True, None)),
    ("def f(x: float) -> float:\n    return x * 2 / 2", ("result == x or x != x",), None),
    ("def f(n: int) -> int:\n    assert n != 12\n    return n", (), (12,)),
    ("def f(s: str) -> int:\n    return int(s) if s.isdigit() else 0", (), ("²",)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "ensures", "smallest"), NEEDLES)
def test_a_wrong_answer_is_refuted_by_a_small_input(
    sandbox: Sandbox, code: str, ensures: tuple[str, ...], smallest: Any
) -> None:
    asked = submission(code, *ensures)
    report = search(sandbox, asked, Budget(cases=2000))
    assert report.counterexample is not None
    small = minimise(sandbox, asked, report.counterexample)
    again = replay(sandbox, asked, small.args).violation
    assert again == small
    if smallest is not None:
        assert small.args == smallest


def test_the_search_repeats_exactly(sandbox: Sandbox) -> None:
    code = "def f(xs: list[int]) -> int:\n    return max(xs) if sum(xs) != 9 else 0"
    asked = submission(code, "result in xs", requires=("len(xs) > 0",))
    assert search(sandbox, asked, BUDGET) == search(sandbox, asked, BUDGET)


def test_inputs_keep_to_the_precondition(sandbox: Sandbox) -> None:
    code = "def f(xs: list[int]) -> int:\n    assert xs == sorted(xs) and xs\n    return xs[0]"
    requires = ("len(xs) > 0", "all(xs[i] <= xs[i + 1] for i in range(len(xs) - 1))")
    report = searched(sandbox, code, "result == min(xs)", requires=requires)
    assert report.counterexample is None
    assert report.cases >= 200


def test_a_finite_domain_is_searched_to_its_end(sandbox: Sandbox) -> None:
    report = searched(
        sandbox, "def f(a: bool, b: bool) -> bool:\n    return a != b", "result == (a ^ b)"
    )
    assert (report.cases, report.exhausted) == (4, True)


def test_an_exception_that_is_not_allowed_refutes_and_one_that_is_does_not(
    sandbox: Sandbox,
) -> None:
    code = "def f(xs: list[int]) -> int:\n    return xs[0]"
    report = searched(sandbox, code)
    assert report.counterexample is not None
    assert (report.counterexample.args, report.counterexample.raised) == (([],), "IndexError")
    assert searched(sandbox, code, raises=("LookupError",)).counterexample is None
    assert searched(sandbox, code, raises=("ValueError",)).counterexample is not None


def test_the_limit_on_digits_in_a_clause_says_nothing_about_the_code(sandbox: Sandbox) -> None:
    huge = (10**5000,)
    in_clause = submission("def f(n: int) -> int:\n    return n", "len(str(result)) >= 1")
    seen = replay(sandbox, in_clause, huge)
    assert seen.violation is None
    assert seen.finding is not None
    assert "digits" in seen.finding
    in_code = submission("def f(n: int) -> int:\n    return len(str(n))", "result >= 1")
    assert replay(sandbox, in_code, huge).violation is not None


def test_running_out_of_resources_is_a_finding(sandbox: Sandbox) -> None:
    code = "def f(n: int) -> int:\n    return 0 if n == 0 else f(n - 1)"
    report = searched(sandbox, code, "result == 0")
    assert report.counterexample is None
    assert any("recursed deeper" in finding for finding in report.findings)


@pytest.mark.parametrize(
    ("ensures", "words"),
    [("1 // (x - x) == result", "ZeroDivisionError"), ("result == missing(x)", "NameError")],
)
def test_a_clause_that_raises_makes_the_contract_bad(
    sandbox: Sandbox, ensures: str, words: str
) -> None:
    report = searched(sandbox, "def f(x: int) -> int:\n    return x", ensures)
    assert report.counterexample is None
    assert report.contract_error is not None
    assert words in report.contract_error
    assert ensures in report.contract_error


def test_a_clause_that_is_not_python_makes_the_contract_bad(sandbox: Sandbox) -> None:
    report = searched(sandbox, "def f(x: int) -> int:\n    return x", "result ==")
    assert report.contract_error is not None
    assert "not a Python expression" in report.contract_error


def test_a_result_of_another_type_is_the_candidates_fault(sandbox: Sandbox) -> None:
    code = "def f(x: int) -> int:\n    if x > 3: return x"
    report = searched(sandbox, code, "result >= x or x <= 3")
    assert report.contract_error is None
    assert report.counterexample is not None
    lazy = "def f(xs: list[int]) -> list[int]:\n    return (x for x in xs)"
    found = searched(sandbox, lazy, "len(result) == len(xs)").counterexample
    assert found is not None
    assert "promises list[int]" in (found.violates or "")


def test_what_is_forbidden_ends_the_search(sandbox: Sandbox) -> None:
    code = "def f(x: int) -> int:\n    if x == 1: open('/etc/passwd')\n    return x"
    report = searched(sandbox, code, "result == x")
    assert report.unsafe is not None
    assert "f(1)" in report.unsafe


def test_a_candidate_cannot_bend_the_contract(sandbox: Sandbox) -> None:
    code = (
        "import builtins\nbuiltins.all = lambda xs: True\nbuiltins.len = lambda xs: 0\n"
        "class Yes(int):\n    def __eq__(self, other): return True\n"
        "def f(xs: list[int]) -> int:\n    return 1"
    )
    report = searched(sandbox, code, "result == len(xs)")
    assert report.counterexample is not None or report.unsafe is not None
    assert report.cases == 0


def test_helpers_of_task_and_answer_can_be_used(sandbox: Sandbox) -> None:
    code = (
        "import math\nLIMIT = 3\n@staticmethod\ndef noise(): pass\nraise_later = None\n"
        "def double(x: int) -> int:\n    return x * math.floor(2.5)\n"
        "def f(x: int) -> int:\n    return x + x"
    )
    helpers = "def small(x):\n    return x < LIMIT"
    report = searched(sandbox, code, "result == double(x) or small(x)", helpers=helpers)
    assert report.counterexample is None
    assert report.contract_error is None


def test_state_between_calls_does_not_make_a_counterexample_that_does_not_replay(
    sandbox: Sandbox,
) -> None:
    code = "seen = []\ndef f(x: int) -> int:\n    seen.append(x)\n    return x + (len(seen) > 40)"
    report = searched(sandbox, code, "result == x")
    assert report.counterexample is None
    assert any("keeps state" in finding for finding in report.findings)
    submission = Submission("s", "f", code, Contract(ensures=("result == x",)))
    hasty = search(sandbox, submission, Budget(confirm=False))
    assert hasty.counterexample is not None  # good for a reward, and for no verdict


def test_without_contract_but_with_tests_nothing_is_held_against_an_answer(
    sandbox: Sandbox,
) -> None:
    code = "def f(xs: list[int]) -> int:\n    return xs[0]"
    report = searched(sandbox, code, tests=(Case(([1],), 1),))
    assert (report.cases, report.counterexample) == (0, None)


def test_unannotated_parameters_are_guessed_and_a_type_error_is_not_held_against_them(
    sandbox: Sandbox,
) -> None:
    report = searched(sandbox, "def f(xs):\n    return sum(xs)", "result == sum(xs)")
    assert report.counterexample is None
    assert report.cases > 10


def test_parameters_that_no_plain_value_fits_are_said(sandbox: Sandbox) -> None:
    code = "from typing import Callable\ndef f(g: Callable[[int], int]) -> int:\n    return g(1)"
    report = searched(sandbox, code, "result == 1")
    assert report.cases == 0
    assert "cannot be made" in report.findings[0]


def test_replay_tells_the_three_cases_apart(sandbox: Sandbox) -> None:
    code = "def f(x: int) -> int:\n    while x == 5: pass\n    return -x"
    asked = submission(code, "result >= 0", requires=("x >= 0",))
    assert replay(sandbox, asked, (3,)).violation is not None
    assert replay(sandbox, asked, (-3,)).outside_precondition
    assert replay(sandbox, asked, (0,)) == type(replay(sandbox, asked, (0,)))()
    assert replay(sandbox, asked, (5,)).finding is not None


@pytest.mark.parametrize(
    "annotation",
    ["int", "bool", "str", "float", "None", "list[int]", "List[List[str]]", "tuple[int, str]",
     "Tuple[int, ...]", "dict[str, list[int]]", "Dict[int, bool]", "set[int]", "frozenset[str]",
     "Optional[int]", "int | str | None", "Union[int, float]", "Literal['a', 3]", "bytes",
     "Annotated[int, 'positive']", "Sequence[int]", "'list[int]'", "Vector", "complex",
     "typing.List[int]"],
)  # fmt: skip
def test_values_are_of_the_annotated_type(annotation: str) -> None:
    code = f"Vector = list[float]\ndef f(x: {annotation}) -> int:\n    return 3 if x == 7 else 1"
    asked = submission(code)
    subject = read_subject(asked)
    assert subject.unreadable is None
    values = Values(subject.shapes, read_words(asked), 0)
    made = [args for args, _ in zip(values.small(), range(60), strict=False)]
    made += [values.random(made) for _ in range(200)]
    assert len(made) > 1 or annotation == "None"
    for (value,) in made:
        assert conforms(value, subject.shapes[0]), value


def test_a_wrong_answer_to_the_first_inputs_waits_for_no_later_one_that_hangs(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    run = Trial.run_admitted

    def noting(trial: Trial, inputs: list[tuple[Any, ...]]) -> list[Try]:
        sizes.append(len(inputs))
        return run(trial, inputs)

    monkeypatch.setattr(Trial, "run_admitted", noting)
    code = "def f(n: int) -> int:\n    while abs(n) > 3:\n        pass\n    return n + (n == 0)\n"
    report = search(sandbox, Submission("h", "f", code, Contract(ensures=("result == n",))))
    assert report.counterexample is not None
    assert report.counterexample.args == (0,)
    assert max(sizes) <= 6
