"""The re-check with the real judge: what only deriving, solving and running again can find."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judge.contract import Budget, Contract
from judge.prove import ENCODER_VERSION, prove
from judge.verdict import Obligation
from tests.workbench.certificate.sample import (
    edit_lines,
    payload_of,
    proved,
    refuted,
    reseal,
    right,
    round_evidence,
    sha,
    wrong,
)
from workbench.certificate import (
    Report,
    RoundEvidence,
    SigningKey,
    TaskRecord,
    VerdictRecord,
    issue,
    verify,
)
from workbench.certificate.judge_rechecker import JudgeRechecker
from workbench.certificate.recheck import CLAIMS

BUDGET = Budget(rlimit=4_000_000)
Rows = list[dict[str, Any]]


ASSUMPTIONS: dict[str, tuple[str, ...]] = {}
"""By plan, what each proof in this file assumes."""


def proof_of(code: str, task: TaskRecord) -> tuple[str, tuple[Obligation, ...]]:
    contract = Contract(task.requires, task.ensures, task.raises, task.helpers)
    proof = prove(code, task.entry_point, contract, BUDGET, signature=task.signature)
    assert proof.outcome == "proved", proof.reason
    ASSUMPTIONS[proof.plan] = proof.assumptions
    return proof.plan, proof.obligations


def with_proofs(evidence: RoundEvidence) -> RoundEvidence:
    """Put real obligations in the place of the sample's."""
    tasks = {task.id: task for task in evidence.tasks}
    codes = {answer.candidate: answer.code for answer in evidence.answers}
    texts: dict[str, str] = {}
    verdicts: list[VerdictRecord] = []
    for verdict in evidence.verdicts:
        if verdict.verdict == "proved":
            plan, found = proof_of(codes[verdict.candidate], tasks[verdict.task])
            texts |= {o.digest: o.smt2 for o in found}
            verdict = stated(verdict, plan, found)
        verdicts.append(verdict)
    return replace(evidence, verdicts=tuple(verdicts), obligations=texts)


def stated(verdict: VerdictRecord, plan: str, obligations: tuple[Obligation, ...]) -> VerdictRecord:
    rows = [
        {"digest": o.digest, "kind": o.kind, "text": o.text, "logic": o.logic,
         "expected": o.expected, "line": o.line}
        for o in obligations
    ]  # fmt: skip
    changed = {
        **verdict.model_dump(mode="json"),
        "plan": plan,
        "obligations": rows,
        "assumptions": list(ASSUMPTIONS[plan]),
        "identity": {"encoder": ENCODER_VERSION, "rlimit": 4_000_000},
    }
    import json

    return VerdictRecord.model_validate_json(json.dumps(changed))


@pytest.fixture(scope="module")
def rechecker() -> Iterator[JudgeRechecker]:
    """One rechecker for the whole file: its processes are slow to start."""
    shared = JudgeRechecker()
    yield shared
    shared.close()


class _Borrowed:
    """Lends the shared rechecker out; closing it is the fixture's."""

    def __init__(self, lent: JudgeRechecker) -> None:
        self._lent = lent

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name == "close" else getattr(self._lent, name)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    folder = tmp_path_factory.mktemp("proven")
    issue(with_proofs(round_evidence(folder)), key, folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def truthful(proven: Path, tmp_path: Path) -> Path:
    shutil.copytree(proven, tmp_path / "bundle")
    return tmp_path / "bundle"


Again = Callable[[Path], Report]


@pytest.fixture
def again(rechecker: JudgeRechecker, key: SigningKey) -> Again:
    def run(folder: Path) -> Report:
        lent: Any = _Borrowed(rechecker)
        return verify(folder, [key.public], recheck=True, rechecker=lent)

    return run


def test_a_truthful_bundle_is_confirmed_in_every_part(truthful: Path, again: Again) -> None:
    report = again(truthful)
    assert report.exit_code == 0, [c for c in report.checks if c.status != "pass"]
    done = {c.id: c.status for c in report.checks}
    assert {name: done[name] for name in CLAIMS} == dict.fromkeys(CLAIMS, "pass")
    assert "everything recheckable" in report.sentence


def codes_of(report: Report) -> set[str]:
    assert report.exit_code == 1, report.sentence
    return {check.code for check in report.failed}


def swap_obligation(bundle: Path, key: SigningKey, text: bytes) -> None:
    """Replace the first goal of the first proof by another text, everywhere it is named."""
    state: dict[str, str] = {}

    def change(rows: Rows) -> Rows:
        for row in rows:
            for o in row["obligations"]:
                if o["expected"] == "unsat":
                    state.setdefault("old", o["digest"])
                    if o["digest"] == state["old"]:
                        o["digest"] = sha(text)
        return rows

    edit_lines(bundle / "evidence/verdicts.jsonl", change)
    folder = bundle / "evidence/obligations"
    (folder / f"{state['old']}.smt2").unlink()
    (folder / f"{sha(text)}.smt2").write_bytes(text)
    resealed_figures(bundle, key)


def resealed_figures(bundle: Path, key: SigningKey) -> None:
    """Sign again with every figure and page recomputed: the most careful liar there is."""
    from workbench.certificate.bundle import open_bundle
    from workbench.certificate.card import render_card
    from workbench.certificate.figures import predicate
    from workbench.certificate.page import render_page
    from workbench.certificate.reading import survey

    read, malformed, _ = survey(open_bundle(bundle), None)
    assert read is not None, malformed
    issued = payload_of(bundle)["predicate"]["round"]["issuedAt"]
    body = predicate(read, issued)
    (bundle / "README.md").write_text(render_card(body, read))
    (bundle / "report.html").write_text(render_page(body, read))

    def change(statement: Any) -> None:
        statement["predicate"] = body.model_dump(mode="json", by_alias=True)

    reseal(bundle, key, change)


FALSE = b"(set-logic ALL)\n(assert false)\n(check-sat)\n"


def test_an_obligation_replaced_by_false_is_not_the_derived_one(
    truthful: Path, key: SigningKey, again: Again
) -> None:
    swap_obligation(truthful, key, FALSE)
    assert verify(truthful, [key.public]).exit_code == 0
    assert codes_of(again(truthful)) == {"recheck-derivation"}


@pytest.mark.parametrize(
    "text",
    [
        b'(set-logic ALL)\n(echo "unsat")\n(check-sat)\n',
        b"(set-logic ALL)\n(push 1)\n(assert false)\n(check-sat)\n(pop 1)\n(check-sat)\n",
        b'(set-logic ALL)\n(set-option :regular-output-channel "TARGET")\n(check-sat)\n',
        b'(set-logic ALL)\n(set-option :diagnostic-output-channel "TARGET")\n(check-sat)\n',
        b"(set-logic ALL)\n(check-sat-assuming (false))\n",
        b"(set-logic ALL)\n(assert true)\x00(assert false)\n(check-sat)\n",
        b"(set-logic ALL)\n(define-fun-rec f.f ((n Int)) Int (f.f n))\n(check-sat)\n",
        b"",
    ],
)
def test_smt_text_that_is_a_program_reaches_no_solver(
    truthful: Path, key: SigningKey, again: Again, tmp_path: Path, text: bytes
) -> None:
    target = tmp_path / "written"
    swap_obligation(truthful, key, text.replace(b"TARGET", str(target).encode()))
    report = again(truthful)
    assert codes_of(report) == {"recheck-grammar"}
    assert {c.id for c in report.checks if c.status == "skipped"} == {
        "recheck-derivation",
        "recheck-solvers",
    }
    assert not target.exists()


def test_a_missing_property_is_found(truthful: Path, key: SigningKey, again: Again) -> None:
    def change(rows: Rows) -> Rows:
        row = next(row for row in rows if row["verdict"] == "proved")
        goals = [o for o in row["obligations"] if o["expected"] == "unsat"]
        row["obligations"].append(goals[0])
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    resealed_figures(truthful, key)
    assert codes_of(again(truthful)) == {"recheck-derivation"}


def test_a_property_weaker_than_the_task_s_is_found(
    tmp_path: Path, key: SigningKey, again: Again
) -> None:
    evidence = round_evidence(tmp_path)
    honest = with_proofs(evidence)
    task = honest.tasks[0]
    weak = task.model_copy(update={"ensures": ("result >= 0",)})
    plan, obligations = proof_of(right(1), weak)
    verdicts = tuple(
        stated(v, plan, obligations) if v.verdict == "proved" and v.task == task.id else v
        for v in honest.verdicts
    )
    named = {o.digest for v in verdicts for o in v.obligations}
    texts = {**honest.obligations, **{o.digest: o.smt2 for o in obligations}}
    lie = replace(
        honest, verdicts=verdicts, obligations={d: t for d, t in texts.items() if d in named}
    )
    issue(lie, key, tmp_path / "b")
    assert codes_of(again(tmp_path / "b")) == {"recheck-derivation"}


def test_a_wrong_candidate_called_proved_is_found(
    tmp_path: Path, key: SigningKey, again: Again
) -> None:
    """Its obligations are honestly derived, so only the solvers and the tests can tell."""
    from judge.prove import derive

    evidence = with_proofs(round_evidence(tmp_path))
    task = evidence.tasks[2]
    assert task.split == "eval"
    loser = sha(wrong(3))
    plan, _ = proof_of(right(3), task)
    contract = Contract(task.requires, task.ensures)
    found = derive(wrong(3), "add", contract, plan, signature=task.signature)
    verdicts = tuple(
        stated(proved(loser, v.task, 3), plan, found) if v.candidate == loser else v
        for v in evidence.verdicts
    )
    evaluation = tuple(
        e.model_copy(update={"base_verdict": "proved"}) if e.task == task.id else e
        for e in evidence.evaluation
    )
    texts = {**evidence.obligations, **{o.digest: o.smt2 for o in found}}
    lie = replace(evidence, verdicts=verdicts, evaluation=evaluation, obligations=texts)
    issue(lie, key, tmp_path / "b")
    assert codes_of(again(tmp_path / "b")) == {"recheck-solvers", "recheck-tests"}


def test_a_precondition_that_nothing_meets_is_found(
    tmp_path: Path, key: SigningKey, again: Again
) -> None:
    from judge.prove import derive
    from workbench.certificate.strict import canonical

    evidence = with_proofs(round_evidence(tmp_path))
    old = evidence.tasks[0]
    contract = {"requires": ["x > 0", "x < 0"], "ensures": ["result == 7"], "raises": [],
                "helpers": ""}  # fmt: skip
    asked = {"prompt": old.prompt, "entry_point": "add", "signature": old.signature,
             "contract": contract, "tests": [], "test_code": None}  # fmt: skip
    task = old.model_copy(
        update={"requires": ("x > 0", "x < 0"), "ensures": ("result == 7",), "tests": (),
                "digest": sha(canonical(asked))}
    )  # fmt: skip
    plan, _ = proof_of(right(1), old)
    found = derive(
        right(1), "add", Contract(task.requires, task.ensures), plan, signature=task.signature
    )
    verdicts = tuple(
        stated(v, plan, found) if v.verdict == "proved" and v.task == task.id else v
        for v in evidence.verdicts
        if not (v.verdict == "refuted" and v.task == task.id)
    )
    verdicts += (
        refuted(sha(wrong(1)), task.id).model_copy(update={"counterexample": None, "reason": "r"}),
    )
    named = {o.digest for v in verdicts for o in v.obligations}
    texts = {**evidence.obligations, **{o.digest: o.smt2 for o in found}}
    lie = replace(
        evidence,
        tasks=(task, *evidence.tasks[1:]),
        verdicts=verdicts,
        obligations={d: t for d, t in texts.items() if d in named},
    )
    issue(lie, key, tmp_path / "b")
    report = again(tmp_path / "b")
    assert codes_of(report) == {"recheck-solvers"}
    assert "(sat)" in report.failed[0].detail


def test_a_counterexample_on_which_nothing_fails_is_found(
    truthful: Path, key: SigningKey, again: Again
) -> None:
    # The wrong candidate is right for no input but the sum that takes away nothing; so lie the
    # other way round: call the right one refuted.
    def change(rows: Rows) -> Rows:
        for row in rows:
            if row["verdict"] == "proved" and row["task"] == "t00002":
                row.update(
                    verdict="refuted",
                    obligations=[],
                    plan="",
                    counterexample={"args": [1], "result": 0, "raised": None, "message": None,
                                    "violates": "result >= 0", "expected": None},
                )  # fmt: skip
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    edit_lines(
        truthful / "evidence/evaluation.jsonl",
        lambda rows: [
            {**row, "student_verdict": "refuted"} if row["task"] == "t00002" else row
            for row in rows
        ],
    )
    named = (truthful / "evidence/verdicts.jsonl").read_text()
    for path in (truthful / "evidence/obligations").iterdir():
        if path.stem not in named:
            path.unlink()
    resealed_figures(truthful, key)
    assert codes_of(again(truthful)) == {"recheck-counterexamples"}


def test_another_encoder_s_proofs_are_not_vouched_for(
    truthful: Path, key: SigningKey, again: Again
) -> None:
    def change(rows: Rows) -> Rows:
        for row in rows:
            row["identity"]["encoder"] = "from-the-future"
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    resealed_figures(truthful, key)
    report = again(truthful)
    assert report.exit_code == 3
    skipped = [c for c in report.checks if c.status == "skipped"]
    assert [c.id for c in skipped] == ["recheck-derivation"]
    assert "another encoder" in skipped[0].detail


@pytest.mark.parametrize("plan", ["", "{}", "[]", "not json", '{"strategy":1}', "[" * 100_000])
def test_a_plan_that_fits_no_proof_is_found(
    truthful: Path, key: SigningKey, again: Again, plan: str
) -> None:
    def change(rows: Rows) -> Rows:
        next(row for row in rows if row["verdict"] == "proved")["plan"] = plan
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    resealed_figures(truthful, key)
    assert codes_of(again(truthful)) == {"recheck-derivation"}


def test_a_bounded_exploration_called_proved_is_found(
    truthful: Path, key: SigningKey, again: Again
) -> None:
    """Of code without loops the obligations are the same; the plan says how little they prove."""
    import json

    def change(rows: Rows) -> Rows:
        for row in rows:
            if row["verdict"] == "proved":
                plan = {**json.loads(row["plan"]), "strategy": "bounded", "bound": {"rounds": 3}}
                row["plan"] = json.dumps(plan, sort_keys=True, separators=(",", ":"))
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    resealed_figures(truthful, key)
    report = again(truthful)
    assert codes_of(report) == {"recheck-derivation"}
    assert "its plan is bounded" in report.failed[0].detail


def test_a_proof_that_leaves_termination_open_is_only_partial(
    rechecker: JudgeRechecker, tmp_path: Path
) -> None:
    import json

    task = round_evidence(tmp_path).tasks[2].model_copy(update={"ensures": ("result >= 0",)})
    code = "def add(x: int) -> int:\n    y = x\n    while y < 0:\n        y = y + 1\n    return y\n"
    plan, _ = proof_of(code, task)
    total = rechecker.derive(task, code, plan)
    assert not isinstance(total, str)
    assert total.strength == "proved"
    assert total.assumptions
    weaker = json.loads(plan)
    assert weaker["loops"]
    for loop in weaker["loops"].values():
        loop["measure"] = None
    partial = rechecker.derive(task, code, json.dumps(weaker))
    assert not isinstance(partial, str)
    assert partial.strength == "partial"


def test_a_hidden_assumption_is_found(truthful: Path, key: SigningKey, again: Again) -> None:
    def change(rows: Rows) -> Rows:
        next(row for row in rows if row["verdict"] == "proved")["assumptions"] = []
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    resealed_figures(truthful, key)
    report = again(truthful)
    assert codes_of(report) == {"recheck-derivation"}
    assert "assumption" in report.failed[0].detail


def test_a_starved_budget_is_cannot_tell_not_yes(
    truthful: Path, key: SigningKey, again: Again
) -> None:
    hard = (
        b"(set-logic ALL)\n(declare-const v.x Int)\n(declare-const v.y Int)\n"
        b"(declare-const v.z Int)\n(assert (> v.x 100))\n"
        b"(assert (= (+ (* v.x v.x v.x) (* v.y v.y v.y) (* v.z v.z v.z)) 42))\n(check-sat)\n"
    )
    swap_obligation(truthful, key, hard)

    def change(rows: Rows) -> Rows:
        for row in rows:
            row["identity"]["rlimit"] = 200_000
        return rows

    edit_lines(truthful / "evidence/verdicts.jsonl", change)
    resealed_figures(truthful, key)
    report = again(truthful)
    solvers = next(c for c in report.checks if c.id == "recheck-solvers")
    assert solvers.status == "skipped"
    assert "could not be told" in solvers.detail


def test_re_checking_is_not_done_on_what_is_already_refused(
    truthful: Path, key: SigningKey, again: Again
) -> None:
    (truthful / "README.md").write_text("x")
    report = again(truthful)
    assert report.exit_code == 1
    assert not [c for c in report.checks if c.id in CLAIMS and c.status == "pass"]
