"""The prover where things go wrong: fuses that burn, models of nothing, hints out of bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from judge.contract import Budget, Contract, Submission
from judge.judging import Bench
from judge.prove import Proof, prove
from judge.prove.fuse import FUSE, Fuse
from judge.prove.solver import Z3
from judge.verdict import Verdict

BUDGET = Budget(rlimit=6_000_000)
SQUARE = "def f(x: int) -> int:\n    return x * x\n"


def test_a_call_that_spends_no_resources_is_interrupted_by_processor_time() -> None:
    fuse, heard = Fuse(), []
    with fuse.watch(lambda: heard.append(True), seconds=0.05):
        until = time.process_time() + 5
        while not heard and time.process_time() < until:
            pass
    assert heard
    assert fuse.burnt


def test_waiting_burns_no_fuse() -> None:
    fuse, heard = Fuse(), []
    with fuse.watch(lambda: heard.append(True), seconds=0.5):
        time.sleep(1.2)
    assert not heard
    assert not fuse.burnt


def test_a_burnt_fuse_is_told_with_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Z3.check

    def burning(self: Z3, *args: object) -> object:
        self.burnt += 1
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Z3, "check", burning)
    monkeypatch.setattr(Z3, "together", lambda *_: [])
    proof = prove(SQUARE, "f", Contract(ensures=("result >= 0",)), BUDGET)
    assert proof.outcome == "proved"
    assert any("fuse" in text for text in proof.findings)


def test_a_goal_with_the_text_of_its_companion_is_not_taken_for_it() -> None:
    contract = Contract(("x == 3",), ("result != 9",))
    code = "def f(x: int) -> int:\n    return 9\n"
    assert prove(code, "f", contract, BUDGET).outcome == "refuted"


def test_a_solver_out_of_memory_is_unknown_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(self: Z3, *_: object, **__: object) -> object:
        raise self.z3.Z3Exception(b"out of memory")

    monkeypatch.setattr(Z3, "solver", full)
    monkeypatch.setattr(Z3, "together", lambda *_: [])
    proof = prove(SQUARE, "f", Contract(ensures=("result >= 0",)), BUDGET)
    assert proof.outcome == "unknown"
    assert proof.reason == "the solver gave up: out of memory"


def test_what_burns_the_fuse_is_charged_so_that_the_budget_ends() -> None:
    solver = Z3(4_000_000)
    solver.burnt = 0
    FUSE.burnt = True
    assert solver._burnt() >= 4_000_000
    assert solver.burnt == 1
    FUSE.burnt = False
    assert solver._burnt() == 0


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as one:
        yield one


@pytest.mark.parametrize("certain", [False, True])
def test_a_model_that_does_not_replay_is_a_finding_or_a_defect(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, certain: bool
) -> None:
    claim = Proof("refuted", "bounded", args=(3,), certain=certain, reason="safety: result >= 0")
    monkeypatch.setattr("judge.prove.prove", lambda *args, **more: claim)
    submission = Submission("x", "f", SQUARE, Contract(ensures=("result >= 0",)))
    found = bench.judge(submission, Budget(cases=50))
    told = " ".join((*found.findings, found.reason or ""))
    if certain:
        assert found.verdict is Verdict.UNKNOWN
        assert "defect" in told
    else:
        assert found.verdict is Verdict.TESTED
        assert "defect" not in told
        assert "f(3)" in told


@pytest.mark.parametrize(
    "hint",
    [
        "t == 2 ** (2 ** (2 ** (2 ** (2 ** 9))))",
        "all(all(all(t >= 0 for a in range(10**9)) for b in range(10**9)) for c in range(10**9))",
        "[0] * 10**12 == xs",
        "t << (1 << 40) >= 0",
        "((((t" + " * 2) * 2) * 2) * 2" + " ** 99999) >= t",
        "(" * 90 + "t" + ")" * 90 + " >= 0",
        "__import__('os').system('true') == 0",
        "no python",
    ],
)
def test_a_monstrous_hint_does_no_harm(hint: str) -> None:
    code = (
        "def f(xs: list[int]) -> int:\n    t = 0\n    for x in xs:\n        t += x\n    return t\n"
    )
    proof = prove(code, "f", Contract(ensures=("result == sum(xs)",)), BUDGET, hints=(hint,))
    assert proof.outcome == "proved", proof.reason


def test_a_silly_guess_is_dropped_without_a_warning() -> None:
    code = (
        "def f(n: int) -> int:\n    t = 0\n    for i in range(n):\n        t += 1\n    return t\n"
    )
    hints = ("None[0] == t", "1 is t", "'a'() == t")
    proof = prove(code, "f", Contract(("n >= 0",), ("result == n",)), BUDGET, hints=hints)
    assert proof.outcome == "proved", proof.reason


def test_what_holds_within_a_bound_says_why_it_is_not_proved_beyond() -> None:
    code = (
        "def f(n: int) -> int:\n    x = 3\n    for _ in range(n):\n        x = x * x % 1009 + 1\n"
    )
    code += "    return x\n"
    proof = prove(code, "f", Contract(("n >= 0",), ("result != 8",)), BUDGET)
    assert proof.outcome == "bounded"
    assert "no invariant was found" in (proof.reason or "")


def test_numbers_that_square_themselves_take_no_time() -> None:
    code = (
        "def f(n: int) -> int:\n    x = 7\n    y = n\n    for _ in range(16):\n        x = x * x\n"
        "        y = y * y\n    return x + y\n"
    )
    for ensures in ("result > 0", "result < 0"):
        assert prove(code, "f", Contract(ensures=(ensures,)), Budget(rlimit=300_000))
