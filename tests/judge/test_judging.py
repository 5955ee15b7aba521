"""From a submission to a verdict: every rung of the ladder that code and contract can reach."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import judge as door
from judge import Budget, Case, Contract, Judgement, Recheck, Submission, Verdict, to_record
from judge.judging import Bench

CLAMP = """def clamp(x: int, lo: int, hi: int) -> int:
    if x < lo:
        return lo
    if x > hi:
        return hi
    return x
"""
BAD_CLAMP = """def clamp(x: int, lo: int, hi: int) -> int:
    return min(x, hi)
"""
CLAMPED = Contract(("lo <= hi",), ("lo <= result <= hi", "result == x or x < lo or x > hi"))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as found:
        yield found


def judged(
    bench: Bench, code: str, contract: Contract | None = None, name: str = "f", **more: object
) -> Judgement:
    item = Submission("s", name, code, contract or Contract(), **more)  # type: ignore[arg-type]
    return bench.judge(item, Budget(cases=500))


def test_a_right_answer_is_proved_with_evidence(bench: Bench) -> None:
    found = judged(bench, CLAMP, CLAMPED, "clamp")
    assert found.verdict is Verdict.PROVED
    assert found.recheck is Recheck.CONFIRMED
    assert found.score == pytest.approx(1.0)
    assert dict(found.terms) == {"verification": pytest.approx(1.0)}
    assert {o.expected for o in found.obligations} == {"sat", "unsat"}
    assert "lo <= result <= hi" in found.explanation
    assert found.rlimit > 0
    assert found.identity is not None


def test_a_wrong_answer_is_refuted_by_the_smallest_call(bench: Bench) -> None:
    found = judged(bench, BAD_CLAMP, CLAMPED, "clamp")
    assert found.verdict is Verdict.REFUTED
    assert found.score == 0.0
    assert found.counterexample is not None
    assert found.counterexample.violates == "lo <= result <= hi"
    assert all(abs(a) <= 1 for a in found.counterexample.args if isinstance(a, int))
    assert found.explanation.startswith("clamp(")
    assert found.explanation.endswith("the contract asks lo <= result <= hi.")


def test_a_needle_that_search_cannot_find_is_refuted_by_the_solver(bench: Bench) -> None:
    code = "def f(x: int, y: int) -> int:\n    return 1 if 3 * x + 7 * y == 123457 * x else 0\n"
    found = judged(bench, code, Contract(("x > 1000", "y > 0"), ("result == 0",)))
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample is not None
    assert found.counterexample.result == 1


def test_an_exception_that_is_not_allowed_refutes(bench: Bench) -> None:
    code = "def f(a: int, b: int) -> int:\n    return a // b\n"
    found = judged(bench, code)
    assert found.verdict is Verdict.REFUTED
    assert "ZeroDivisionError" in found.explanation
    allowed = judged(bench, code, Contract(raises=("ZeroDivisionError",)))
    assert allowed.verdict is Verdict.PROVED


def test_a_failing_assert_refutes(bench: Bench) -> None:
    found = judged(bench, "def f(x: int) -> int:\n    assert x != 5\n    return x\n")
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample is not None
    assert found.counterexample.args == (5,)


def test_tests_alone_never_prove(bench: Bench) -> None:
    found = judged(bench, "def f(x: int) -> int:\n    return x\n", tests=(Case((1,), 1),))
    assert found.verdict is Verdict.TESTED
    assert found.cases == 1
    assert "1 test" in found.explanation


def test_a_failing_test_refutes_and_says_what_it_expects(bench: Bench) -> None:
    found = judged(bench, "def f(x: int) -> int:\n    return x\n", tests=(Case((1,), 2),))
    assert found.verdict is Verdict.REFUTED
    assert found.explanation == "f(1) returned 1; the test expects 2."


def test_running_out_of_time_on_its_own_test_is_a_failure(bench: Bench) -> None:
    code = "def f(x: int) -> int:\n    while x == 1:\n        pass\n    return x\n"
    found = judged(bench, code, tests=(Case((1,), 1),))
    assert found.verdict is Verdict.REFUTED
    assert "f(1)" in found.explanation


@pytest.mark.parametrize(("expected", "verdict"), [(3, "tested"), (4, "refuted")])
def test_a_harness_is_run(bench: Bench, expected: int, verdict: str) -> None:
    harness = f"def check(candidate):\n    assert candidate(2) == {expected}\n"
    found = judged(bench, "def f(x):\n    return x + 1\n", test_code=harness)
    assert found.verdict.word == verdict


def test_a_harness_that_is_broken_is_the_tasks_fault(bench: Bench) -> None:
    found = judged(bench, "def f(x):\n    return x\n", test_code="def check(candidate:\n")
    assert found.verdict is Verdict.BAD_CONTRACT


def test_forbidden_deeds_are_unsafe(bench: Bench) -> None:
    code = "import os\ndef f(x: int) -> int:\n    os.listdir('/')\n    return x\n"
    assert judged(bench, code, tests=(Case((1,), 1),)).verdict is Verdict.UNSAFE


@pytest.mark.parametrize("code", ["", "def f(x:", "def g(x):\n    return x\n", "(" * 5_000])
def test_code_without_the_function_is_malformed_with_a_sentence(bench: Bench, code: str) -> None:
    found = judged(bench, code)
    assert found.verdict is Verdict.MALFORMED
    assert found.reason


def test_a_precondition_that_nothing_satisfies_is_vacuous(bench: Bench) -> None:
    contract = Contract(("x > 3", "x < 2"), ("result == 99",))
    found = judged(bench, "def f(x: int) -> int:\n    return x\n", contract)
    assert found.verdict is Verdict.VACUOUS
    assert "x > 3 and x < 2" in found.explanation


@pytest.mark.parametrize("clause", ["result ===", "unknown > 0", "print(x)", "xs.append(1)"])
def test_a_contract_that_cannot_be_used_is_the_tasks_fault(bench: Bench, clause: str) -> None:
    found = judged(bench, "def f(x: int) -> int:\n    return x\n", Contract(ensures=(clause,)))
    assert found.verdict is Verdict.BAD_CONTRACT
    assert "ensures[1]" in found.explanation


def test_a_clause_that_raises_is_the_tasks_fault(bench: Bench) -> None:
    contract = Contract(ensures=("10 // x >= result",))
    found = judged(bench, "def f(x: int) -> int:\n    return 0\n", contract)
    assert found.verdict is Verdict.BAD_CONTRACT


def test_a_loop_is_proved_by_an_invariant_that_is_shown(bench: Bench) -> None:
    code = (
        "def f(xs: list[int]) -> int:\n    total = 0\n    for x in xs:\n        total += x\n"
        "    return total\n"
    )
    found = judged(bench, code, Contract(ensures=("result == sum(xs)",)))
    assert found.verdict is Verdict.PROVED
    assert found.invariants
    assert found.invariants[0] in found.explanation


def test_a_function_that_may_never_return_is_not_proved(bench: Bench) -> None:
    code = "def f(n: int) -> int:\n    return 91 if n == 91 else f(f(n + 1))\n"
    found = judged(bench, code, Contract(("n > 91",), ("result == 91",)))
    assert found.verdict is not Verdict.PROVED


def test_what_the_prover_cannot_read_is_tested_with_the_reason(bench: Bench) -> None:
    code = "def f(s: str) -> bool:\n    return s.expandtabs() == s.expandtabs(8)\n"
    found = judged(bench, code, Contract(ensures=("result or not result",)))
    assert found.verdict is Verdict.TESTED
    assert found.reason
    assert found.cases > 0


def test_the_signature_of_the_task_is_what_counts(bench: Bench) -> None:
    asked = "def f(x: int, y: int) -> int"
    swapped = judged(bench, "def f(y, x):\n    return y\n", signature=asked)
    assert swapped.verdict is Verdict.MALFORMED
    assert "the task calls it `x`" in swapped.explanation
    wrong = Contract(ensures=("result == y",))
    renamed = judged(bench, "def f(a, b):\n    return a\n", wrong, signature=asked)
    assert renamed.verdict is Verdict.REFUTED


def test_the_same_submission_gives_the_same_judgement(bench: Bench) -> None:
    first, second = (judged(bench, CLAMP, CLAMPED, "clamp") for _ in range(2))
    assert first.rlimit == second.rlimit
    assert [o.digest for o in first.obligations] == [o.digest for o in second.obligations]


def test_the_record_has_the_documented_keys_first(bench: Bench) -> None:
    record = to_record(judged(bench, BAD_CLAMP, CLAMPED, "clamp"))
    assert list(record)[:12] == [
        "id", "verdict", "method", "bound", "cases", "counterexample", "obligations", "recheck",
        "score", "rlimit", "seconds", "explanation",
    ]  # fmt: skip
    example = record["counterexample"]
    assert isinstance(example, dict)
    assert list(example)[:4] == ["args", "result", "raised", "violates"]
    json.dumps(record)


def test_an_unscored_verdict_has_no_score_in_the_record(bench: Bench) -> None:
    found = judged(bench, "def f(x: int): return x", Contract(ensures=("oops",)))
    assert to_record(found)["score"] is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: door.prove(3), "code is Python source"),
        (lambda: door.prove("def f(): pass", ["result"]), "contract is a judge.Contract"),
        (lambda: Contract((), "result > 0"), "ensures is a tuple of strings"),
    ],
)
def test_what_is_no_code_or_contract_at_all_is_a_mistake_with_a_sentence(
    call: Callable[[], object], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        call()


def test_one_line_proves() -> None:
    found = door.prove(CLAMP, CLAMPED)
    assert found.verdict is Verdict.PROVED
    from judge.prove import derive  # the package stays one

    assert callable(derive)
    assert door.prove("oops(", CLAMPED).verdict is Verdict.MALFORMED
    door.pool.close_idle()


def test_importing_the_judge_loads_no_solver() -> None:
    code = (
        "import sys, judge\nassert judge.Contract and judge.judge_many and judge.to_record\n"
        "heavy = {'z3', 'cvc5', 'bitwuzla', 'judge.sandbox'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


LATE = """
def total(xs: list[int]) -> int:
    t = 0
    for x in xs:
        if x == 1000:
            t -= 1
        t += x
    return t
"""


def late(ensures: str = "result == sum(xs)") -> Submission:
    contract = Contract(("all(0 <= x for x in xs)",), (ensures,))
    return Submission("late", "total", LATE, contract)


def test_a_long_search_for_a_proof_ends_when_an_input_that_breaks_the_contract_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("judge.judging.QUICK_CASES", 2)
    monkeypatch.setattr("judge.prove.solver.DOUBT", 0)
    with Bench() as bench:
        judged = bench.judge(late(), Budget(rlimit=4_000_000))
    assert judged.verdict is Verdict.REFUTED
    assert judged.method == "search"
    assert judged.rlimit < 100_000


def test_doubt_is_asked_once_and_a_contract_that_holds_is_proved_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("judge.prove.solver.DOUBT", 0)
    with Bench() as bench:
        judged = bench.judge(late("result <= sum(xs)"), Budget(rlimit=4_000_000, cases=100))
    assert judged.verdict is Verdict.PROVED
    assert judged.cases == 100
