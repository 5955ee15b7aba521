"""A task's own tests: cases, checkers, and the faults of other harnesses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from judge.contract import Case, Submission
from judge.sandbox import Limits, Sandbox, open_sandbox
from judge.tests import TestReport, run_tests

SHORT = Limits(cpu_seconds=0.3, wall_seconds=1.0, memory_mb=128)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as box:
        yield box


def judged(sandbox: Sandbox, code: str, *cases: Case, check: str | None = None) -> TestReport:
    return run_tests(sandbox, Submission("t", "f", code, tests=cases, test_code=check), SHORT)


def case(expected: Any, *args: Any) -> Case:
    return Case(args, expected)


def test_right_answers_pass(sandbox: Sandbox) -> None:
    report = judged(sandbox, "def f(a, b):\n    return a + b", case(3, 1, 2), case("ab", "a", "b"))
    assert report.clean
    assert (report.passed, report.failed, report.total) == (2, 0, 2)


def test_the_first_wrong_answer_is_the_counterexample(sandbox: Sandbox) -> None:
    report = judged(sandbox, "def f(a):\n    return abs(a)", case(1, 1), case(-2, -2), case(-3, -3))
    assert (report.passed, report.failed) == (1, 2)
    assert report.counterexample is not None
    found = report.counterexample
    assert (found.args, found.result, found.expected) == ((-2,), 2, -2)


@pytest.mark.parametrize("result", ["[1, 2]", "[1, 2, 3, 4]", "[]", "(1, 2, 3)"])
def test_a_shorter_or_longer_answer_is_not_right(sandbox: Sandbox, result: str) -> None:
    """Harnesses that pair results up by position accept a prefix."""
    assert not judged(sandbox, f"def f():\n    return {result}", case([1, 2, 3])).clean


def test_one_case_that_hangs_does_not_end_the_batch(sandbox: Sandbox) -> None:
    code = "def f(n):\n    while n == 1: pass\n    return n"
    report = judged(sandbox, code, *(case(n, n) for n in range(6)))
    assert (report.passed, report.failed) == (5, 1)
    assert report.resource is not None
    assert "f(1)" in report.resource
    assert report.counterexample is None


def test_expected_exceptions(sandbox: Sandbox) -> None:
    code = "def f(n):\n    if n < 0: raise KeyError(n)\n    return n"
    assert judged(sandbox, code, Case((-1,), raises="LookupError")).clean
    assert not judged(sandbox, code, Case((-1,), raises="ValueError")).clean
    assert not judged(sandbox, code, Case((1,), raises="KeyError")).clean


def test_floats_have_a_tolerance_and_integers_none(sandbox: Sandbox) -> None:
    assert judged(sandbox, "def f():\n    return 0.1 + 0.2", case(0.3)).clean
    assert not judged(sandbox, "def f():\n    return 10**20 + 1", case(10**20)).clean


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(:", "does not parse"),
        ("def g(n):\n    return n", "no function f"),
        ("raise ValueError('no')", "raised ValueError: no (line 1)"),
        ("import numpy", "numpy"),
        ("", "no function f"),
    ],
)
def test_unusable_code_is_malformed(sandbox: Sandbox, code: str, words: str) -> None:
    report = judged(sandbox, code, case(1, 1))
    assert report.malformed is not None
    assert words in report.malformed


CHECK = """
METADATA = {"author": "x"}

def check(candidate):
    assert candidate(1) == 2
    for n in range(10):
        assert candidate(n) == n + 1, n
    try:
        candidate("a")
    except TypeError:
        pass
    else:
        raise AssertionError("a string must not be taken")
"""


def test_a_checker_accepts_the_right_and_refuses_the_wrong(sandbox: Sandbox) -> None:
    assert judged(sandbox, "def f(n):\n    return n + 1", check=CHECK).clean
    report = judged(sandbox, "def f(n):\n    return n + 1 - n // 7", check=CHECK)
    assert report.counterexample is not None
    found = report.counterexample
    assert (found.args, found.result) == ((7,), 7)
    assert found.violates == "the test asks assert candidate(n) == n + 1, n"


@pytest.mark.parametrize(
    "check",
    [
        "assert f(1) == 2\nassert f(2) == 3",
        "def check(candidate):\n    assert f(1) == 2\ncheck(f)",
        "def check(candidate):\n    xs = [3, 1]\n    assert candidate(len(xs) - 1) == 2",
        "def check(candidate):\n    assert math.sqrt(candidate(3)) == 2.0",
    ],
)
def test_checkers_come_in_several_forms(sandbox: Sandbox, check: str) -> None:
    assert judged(sandbox, "def f(n):\n    return n + 1", check=check).clean
    assert not judged(sandbox, "def f(n):\n    return n", check=check).clean


def test_changes_of_arguments_reach_the_checker(sandbox: Sandbox) -> None:
    check = (
        "def check(c):\n    xs = [3, 1]\n    d = {1: 2}\n    c(xs, d)\n"
        "    assert xs == [1, 3] and d == {}"
    )
    assert judged(sandbox, "def f(xs, d):\n    xs.sort()\n    d.clear()", check=check).clean


def test_other_functions_of_the_answer_can_be_called(sandbox: Sandbox) -> None:
    code = "def encode(s):\n    return s[::-1]\ndef f(s):\n    return s[::-1]"
    check = "def check(candidate):\n    assert candidate(encode('ab')) == 'ab'"
    assert judged(sandbox, code, check=check).clean
    report = judged(sandbox, "def f(s):\n    return s", check=check)
    assert report.malformed == "The code defines no function encode."


def test_iterators_can_be_walked_by_the_checker(sandbox: Sandbox) -> None:
    check = "def check(c):\n    assert list(c()) == [1, 2]\n    assert c() != [1, 2]"
    assert judged(sandbox, "def f():\n    yield 1\n    yield 2", check=check).clean


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nfor m in list(sys.modules.values()):\n    m.check = print\ndef f(n): return 0",
        "def check(candidate): pass\ndef f(n): return 0",
        "class Y:\n    def __eq__(self, o): return True\ndef f(n): return Y()",
        "import builtins\nbuiltins.AssertionError = KeyError\ndef f(n): return 0",
        "import os\ndef f(n): os._exit(0)",
        "import sys\ndef f(n): sys.exit(0)",
        "def f(n): raise SystemExit(0)",
        "def f(n):\n    import gc\n    for o in gc.get_objects():\n"
        "        if getattr(o, '__name__', '') == 'check': o.__code__ = f.__code__\n"
        "    return 0",
        "def f(n): raise StopIteration",
        "def f(n): raise GeneratorExit",
    ],
)
def test_a_checker_cannot_be_forged_from_the_answer(sandbox: Sandbox, code: str) -> None:
    assert not judged(sandbox, code, check=CHECK).clean


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("def check(:", "does not parse"),
        ("raise RuntimeError('x')", "RuntimeError"),
        ("def check(c):\n    c(lambda: 1)", "not plain"),
    ],
)
def test_a_checker_at_fault_is_told_apart(sandbox: Sandbox, check: str, words: str) -> None:
    limits = Limits(cpu_seconds=0.2, wall_seconds=0.5)
    submission = Submission("t", "f", "def f(x):\n    return x", test_code=check)
    report = run_tests(sandbox, submission, limits)
    assert not report.clean
    assert report.broken is not None
    assert words in report.broken


def test_an_attempt_during_a_check_is_unsafe_even_when_swallowed(sandbox: Sandbox) -> None:
    code = (
        "def f(n):\n    try: open('/etc/passwd')\n    except BaseException: pass\n    return n + 1"
    )
    report = judged(sandbox, code, check="def check(c):\n    assert c(1) == 2")
    assert report.unsafe is not None


def test_a_task_without_tests_passes_nothing(sandbox: Sandbox) -> None:
    assert not judged(sandbox, "def f():\n    return 1").clean
