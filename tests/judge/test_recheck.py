"""Two solvers in killable children: what they agree on, dispute, and cannot answer."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from judge.recheck import check
from judge.smtlib import Script, read
from judge.solve import Answer, SolverName, Solvers, _logic
from judge.verdict import Obligation, Recheck

HEAD = "(set-logic ALL)\n(declare-const v.x Int)\n(declare-const v.y Int)\n"
TRUE_GOAL = HEAD + "(assert (not (<= (ite (< v.x v.y) v.x v.y) v.x)))\n(check-sat)\n"
FALSE_GOAL = HEAD + "(assert (not (<= v.x v.y)))\n(check-sat)\n"
HARD = (
    HEAD
    + "(declare-const v.z Int)\n(assert (> v.x 100))\n"
    + "(assert (= (+ (* v.x v.x v.x) (* v.y v.y v.y) (* v.z v.z v.z)) 42))\n(check-sat)\n"
)


def obligation(smt2: str, expected: str = "unsat") -> Obligation:
    digest = hashlib.sha256(smt2.encode()).hexdigest()
    return Obligation("safety", "a clause", smt2, digest, "ALL", expected)


@pytest.fixture(scope="module")
def solvers() -> Iterator[Solvers]:
    with Solvers(fuse_seconds=30.0) as pool:
        yield pool


def test_both_solvers_confirm_a_valid_goal(solvers: Solvers) -> None:
    report = check([obligation(TRUE_GOAL)], solvers=("z3", "cvc5"), pool=solvers)
    assert report.outcome is Recheck.CONFIRMED
    assert [a.result for a in report.rows[0].answers] == ["unsat", "unsat"]
    assert report.rlimit > 0


def test_a_false_goal_is_disputed_by_either_solver(solvers: Solvers) -> None:
    for names in (("z3", "cvc5"), ("cvc5",)):
        report = check(
            [obligation(TRUE_GOAL), obligation(FALSE_GOAL)],
            solvers=names,
            pool=solvers,
        )
        assert report.outcome is Recheck.DISPUTED
        assert report.disputed[0].obligation.smt2 == FALSE_GOAL


def test_a_companion_that_is_unsat_disputes(solvers: Solvers) -> None:
    impossible = HEAD + "(assert (< v.x v.y))\n(assert (< v.y v.x))\n(check-sat)\n"
    assert check([obligation(impossible, "sat")], pool=solvers).outcome is Recheck.DISPUTED
    assert check([obligation(FALSE_GOAL, "sat")], pool=solvers).outcome is Recheck.CONFIRMED


def test_a_goal_that_only_the_prover_solved_is_single(solvers: Solvers) -> None:
    report = check([obligation(TRUE_GOAL), obligation(HARD)], rlimit=800_000, pool=solvers)
    assert report.outcome is Recheck.SINGLE
    assert report.rows[1].answers[0].reason == "RESOURCEOUT"


def test_a_goal_that_neither_solves_confirms_nothing(solvers: Solvers) -> None:
    report = check([obligation(HARD)], rlimit=800_000, solvers=("z3", "cvc5"), pool=solvers)
    assert report.outcome is Recheck.NONE


def test_no_obligations_are_none(solvers: Solvers) -> None:
    assert check([], pool=solvers).outcome is Recheck.NONE


def test_answers_and_resources_do_not_depend_on_what_was_asked_before(solvers: Solvers) -> None:
    for name in ("z3", "cvc5"):
        first = solvers.solve(name, TRUE_GOAL, rlimit=100_000)
        solvers.solve(name, HARD, rlimit=400_000)
        again = solvers.solve(name, TRUE_GOAL, rlimit=100_000)
        assert (first.result, first.rlimit) == (again.result, again.rlimit)


@pytest.mark.parametrize(
    "text",
    [
        '(set-logic ALL)\n(set-option :regular-output-channel "{path}")\n(check-sat)',
        '(set-logic ALL)\n(echo "unsat")\n(check-sat)',
        "(set-logic ALL)\n(check-sat)\x00(assert false)",
    ],
)
def test_a_text_outside_the_grammar_never_reaches_a_solver(
    solvers: Solvers, text: str, tmp_path: Path
) -> None:
    target = tmp_path / "written"
    for name in ("z3", "cvc5"):
        answer = solvers.solve(
            name,
            text.replace("{path}", str(target)),
            rlimit=100_000,
        )
        assert answer.result == "error"
        assert "not an obligation" in answer.reason
    assert not target.exists()


def test_a_type_error_is_an_error_not_an_answer(solvers: Solvers) -> None:
    text = HEAD + "(assert (and v.x true))\n(check-sat)\n"
    for name in ("z3", "cvc5"):
        assert solvers.solve(name, text, rlimit=100_000).result == "error"


def test_a_blown_fuse_is_an_error_and_the_next_question_is_answered() -> None:
    with Solvers(fuse_seconds=0.3) as pool:
        assert pool.solve("cvc5", TRUE_GOAL, rlimit=100_000).result == "unsat"
        late = pool.solve("cvc5", HARD, rlimit=10**12)
        assert late.result == "error"
        assert "0.3 s" in late.reason
        pool.fuse_seconds = 30.0
        assert pool.solve("cvc5", TRUE_GOAL, rlimit=100_000).result == "unsat"


def test_processor_time_ends_what_counts_no_resources() -> None:
    with Solvers(cpu_seconds=0.3) as pool:
        late = pool.solve("cvc5", HARD, rlimit=10**12)
        assert late.result == "error"
        assert "0.3 s of processor time" in late.reason
        assert pool.solve("cvc5", TRUE_GOAL, rlimit=100_000).result == "unsat"


def test_a_batch_gives_the_same_answers_and_leaves_the_hard_ones_open() -> None:
    texts = [TRUE_GOAL, FALSE_GOAL, HARD, TRUE_GOAL.replace("v.x Int", "v.x Real")]
    with Solvers() as pool:
        found = pool.solve_batch([read(t) for t in texts], rlimit=100_000)
        assert [a.result if a else None for a in found[:3]] == ["unsat", "sat", None]
        assert pool.solve_batch([], rlimit=100_000) == []


def test_a_dispute_in_a_batch_is_asked_about_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a batch confirms counts; a contradiction must come from a fresh solver."""
    with Solvers() as pool:
        monkeypatch.setattr(
            pool, "solve_batch", lambda scripts, rlimit: [Answer("cvc5", "", "sat")] * len(scripts)
        )
        report = check([obligation(TRUE_GOAL)], pool=pool)
    assert report.outcome is Recheck.CONFIRMED


@pytest.mark.skipif(find_spec("bitwuzla") is None, reason="the extra verify is not installed")
def test_bitwuzla_decides_floats_in_a_child() -> None:
    text = (
        "(set-logic ALL)\n(declare-const v.a Float64)\n"
        "(assert (not (fp.leq (fp.mul RNE v.a v.a) (fp.abs (fp.mul RNE v.a v.a)))))\n"
        "(assert (not (fp.isNaN v.a)))\n(check-sat)\n"
    )
    with Solvers() as pool:
        assert pool.solve("bitwuzla", text, rlimit=0).result == "unsat"
        assert pool.solve("bitwuzla", TRUE_GOAL, rlimit=0).result == "error"  # it has no integers


def test_a_killed_child_is_an_error_and_is_replaced() -> None:
    with Solvers() as pool:
        assert pool.solve("z3", TRUE_GOAL, rlimit=100_000).result == "unsat"
        child = pool._children[(os.getpid(), "z3")]
        child.process.kill()
        assert pool.solve("z3", TRUE_GOAL, rlimit=100_000).result in ("unsat", "error")
        assert pool.solve("z3", TRUE_GOAL, rlimit=100_000).result == "unsat"


def test_quantified_goals_are_tried_again_with_enumerative_instantiation(solvers: Solvers) -> None:
    text = (
        "(set-logic ALL)\n(declare-fun f.f (Int) Int)\n"
        "(assert (forall ((v.i Int)) (> (f.f (+ v.i (f.f v.i))) (f.f v.i))))\n"
        "(assert (forall ((v.i Int) (v.j Int)) (=> (< v.i v.j)"
        " (= (f.f (* v.i v.j)) (+ (f.f v.i) (f.f v.j))))))\n(check-sat)\n"
    )
    assert read(text).quantified
    assert solvers.solve("cvc5", text, rlimit=2_000_000).result == "unsat"


def test_constant_arrays_and_quantified_arrays_are_both_answered(solvers: Solvers) -> None:
    constant = (
        "(set-logic ALL)\n(declare-const v.i Int)\n"
        "(assert (= (select ((as const (Array Int Int)) 0) v.i) 1))\n(check-sat)\n"
    )
    # With cvc5's experimental array solver this one never ends.
    quantified = (
        "(set-logic ALL)\n(declare-const v.n Int)\n(declare-const v.a (Array Int Int))\n"
        "(declare-const v.b Int)\n(define-fun d.0 () Int (select v.a v.n))\n(assert (<= 0 v.n))\n"
        "(assert (forall ((b.q Int)) (or (not (and (<= 0 b.q) (<= (+ b.q 1) v.n)))"
        " (<= (select v.a b.q) v.b))))\n"
        "(assert (exists ((b.q Int)) (not (or (not (and (<= 0 b.q) (<= b.q v.n)))"
        " (<= (select v.a b.q) (ite (<= (+ v.b 1) d.0) d.0 v.b))))))\n(check-sat)\n"
    )
    for text in (constant, quantified):
        assert solvers.solve("cvc5", text, rlimit=2_000_000).result == "unsat"


class Undecided(Solvers):
    """Decides nothing together; what it is asked alone is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.alone: list[str] = []

    def solve_batch(self, scripts: Sequence[Script], *, rlimit: int) -> list[Answer | None]:
        return [None] * len(scripts)

    def solve(
        self,
        solver: SolverName,
        script: Script | str | bytes,
        *,
        rlimit: int,
        cpu_seconds: float | None = None,
    ) -> Answer:
        assert isinstance(script, str)
        self.alone.append(script)
        return Answer(solver, "1", "unsat" if script == TRUE_GOAL else "sat")


def test_after_the_prover_an_undecided_companion_is_not_asked_about_alone_but_goals_are() -> None:
    pool = Undecided()
    report = check([obligation(FALSE_GOAL, "sat"), obligation(TRUE_GOAL)], pool=pool)
    assert pool.alone == [TRUE_GOAL]
    assert report.outcome is Recheck.CONFIRMED


def test_a_verifier_asks_both_solvers_about_a_companion() -> None:
    pool = Undecided()
    check([obligation(FALSE_GOAL, "sat")], solvers=("z3", "cvc5"), pool=pool)
    assert pool.alone == [FALSE_GOAL, FALSE_GOAL]


@pytest.mark.parametrize(
    ("body", "logic"),
    [
        ("(assert (< (* 3 v.x) (+ v.y 1)))", "QF_LIA"),
        ("(assert (< (* (- 1) v.x) (div v.y 2)))", "QF_LIA"),
        ("(assert (= (mod (+ v.x v.y) 7) 0))", "QF_LIA"),
        ("(assert (< (* v.x v.y) 0))", "ALL"),
        ("(assert (< (* 2 v.x v.y) 0))", "ALL"),
        ("(assert (= (mod 7 v.x) 0))", "ALL"),
        ("(assert (= (div 7 (+ v.x 1)) 0))", "ALL"),
        ("(assert (forall ((b.z Int)) (< b.z v.x)))", "ALL"),
    ],
)
def test_only_what_is_linear_is_called_so(body: str, logic: str) -> None:
    assert _logic(read(f"{HEAD}{body}\n(check-sat)\n")) == logic
