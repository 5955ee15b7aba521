"""The memory of solvers' answers: shared by meaning, never by luck, and given up when in doubt."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from judge import answers as module
from judge.answers import VARIABLE, Answers, canonical, shared_answers
from judge.contract import Budget, Contract
from judge.prove import prove
from judge.prove.solver import Z3
from judge.recheck import check
from judge.verdict import Recheck

ONE = "(set-logic ALL)\n(declare-const v.x Int)\n(assert (< v.x v.x))\n(check-sat)\n"
TWO = ONE.replace("v.x", "v.y~20.z")
OTHER = ONE.replace("(< v.x v.x)", "(< v.x 3)")
CODE = "def f(x: int) -> int:\n    return x * x\n"
CONTRACT = Contract(ensures=("result >= 0",))
BUDGET = Budget(rlimit=4_000_000)


def test_names_do_not_matter_and_their_places_do() -> None:
    assert canonical(ONE) == canonical(TWO)
    swapped = "(declare-const v.a Int)(declare-const v.b Int)(assert (< v.a v.b))"
    assert canonical(swapped) != canonical(swapped.replace("(< v.a v.b)", "(< v.b v.a)"))
    assert canonical("v.xs v.x") == "v.0 v.1"


def test_only_decided_answers_are_kept_and_each_solver_has_its_own() -> None:
    known = Answers()
    known.put("z3", ONE, "unknown", 7)
    assert known.get("z3", ONE) is None
    known.put("z3", ONE, "unsat", 7)
    assert known.get("z3", TWO) == ("unsat", 7)
    assert known.get("cvc5", ONE) is None
    assert known.get("z3", OTHER) is None


def test_a_file_is_the_owners_alone_and_read_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "home" / "answers.db"
    first = Answers(path)
    first.put("z3", ONE, "unsat", 7)
    first.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = Answers(path)
    assert second.get("z3", TWO) == ("unsat", 7)
    second.close()


def test_another_version_of_a_solver_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "answers.db"
    first = Answers(path)
    first.put("z3", ONE, "unsat", 7)
    first.close()
    monkeypatch.setattr(module, "solver_versions", lambda: (("z3", "0.0.1"),))
    second = Answers(path)
    assert second.get("z3", ONE) is None
    second.close()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to look at", b""])
def test_a_broken_file_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "answers.db"
    path.write_bytes(content)
    known = Answers(path)
    known.put("z3", ONE, "unsat", 7)
    assert known.get("z3", ONE) == ("unsat", 7)
    known.close()
    assert Answers(tmp_path).get("z3", ONE) is None  # a folder


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(module, "_shared", {})
    monkeypatch.delenv(VARIABLE, raising=False)
    return shared_answers()


def test_a_second_proof_asks_no_solver_and_costs_the_same(
    remembering: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prove(CODE, "f", CONTRACT, BUDGET)
    monkeypatch.setattr(Z3, "check", None)
    monkeypatch.setattr(Z3, "together", None)
    renamed = CODE.replace("x", "n")
    assert prove(CODE, "f", CONTRACT, BUDGET) == first
    assert prove(renamed, "f", CONTRACT, BUDGET).rlimit == first.rlimit
    assert first.outcome == "proved"


def test_a_remembered_answer_does_not_outrun_the_budget(remembering: Answers) -> None:
    dear = prove(CODE, "f", CONTRACT, BUDGET).rlimit
    assert prove(CODE, "f", CONTRACT, Budget(rlimit=max(1, dear // 50))).outcome == "unknown"


def test_a_wrong_answer_in_the_file_is_not_what_a_certificate_is_checked_with(
    remembering: Answers,
) -> None:
    proof = prove(CODE, "f", CONTRACT, BUDGET)
    for one in proof.obligations:
        remembering.put("cvc5", one.smt2, "sat" if one.expected == "unsat" else "unsat", 1)
    assert check(proof.obligations).outcome is Recheck.CONFIRMED
