"""Rule verified-first/2 and rows that a filter took out, as a verifier reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workbench.certificate.sample import (
    edit_lines,
    proved,
    reseal,
    right,
    round_evidence,
    sha,
)
from workbench.certificate import (
    CertificateError,
    RoundEvidence,
    SelectionPolicy,
    SigningKey,
    issue,
    verify,
)
from workbench.certificate.evidence import SelectionRecord
from workbench.certificate.rules import rule_of
from workbench.certificate.size import program_size

POLICY = {
    "accept": ["proved"],
    "weights": {"verification": 0.5, "agreement": 0.3, "history": 0.2},
    "margin": 0.05,
}


def longer(number: int) -> str:
    return right(number).replace("    return y\n", "    z = y\n    return z\n")


def contest(folder: Path, *, removed: str | None = None) -> RoundEvidence:
    """Two proved answers to the first task: a longer one of better record, and a shorter one."""
    evidence = round_evidence(folder)
    first = evidence.answers[1].model_copy(update={"code": longer(1), "candidate": sha(longer(1))})
    answers = (evidence.answers[0], first, *evidence.answers[2:])
    loser = evidence.answers[1].candidate
    verdicts = tuple(
        proved(first.candidate, v.task, 1) if v.candidate == loser and v.task == "t00000" else v
        for v in evidence.verdicts
    )
    codes = {answer.answer: answer.code for answer in answers}
    selected: list[SelectionRecord] = []
    for record in evidence.selected:
        candidates = []
        for c in record.candidates:
            update: dict[str, Any] = {
                "size": program_size(codes[c.answer]), "all_right": 3, "all_wrong": 1,
            }  # fmt: skip
            if c.answer == first.answer:
                update |= {"candidate": first.candidate, "verdict": "proved",
                           "characters": len(first.code), "right": 4}  # fmt: skip
            candidates.append(c.model_copy(update=update))
        out = removed if record.task == "t00001" else None
        selected.append(record.model_copy(update={"candidates": tuple(candidates), "removed": out}))
    evidence = replace(
        evidence, answers=answers, verdicts=verdicts, selected=tuple(selected),
        selection=SelectionPolicy(rule="verified-first/2", policy=POLICY),
    )  # fmt: skip
    if removed is None:
        return evidence
    dataset = evidence.dataset.splitlines(keepends=True)[0]
    assert evidence.training is not None
    training = evidence.training.model_copy(update={"dataset_digest": sha(dataset)})
    return replace(evidence, dataset=dataset, examples=evidence.examples[:1], training=training)


def test_the_simpler_of_two_near_scores_wins_and_the_bundle_verifies(
    tmp_path: Path, key: SigningKey
) -> None:
    evidence = contest(tmp_path)
    issue(evidence, key, tmp_path / "b")
    report = verify(tmp_path / "b", [key.public])
    assert report.exit_code == 0, report.sentence
    detail = next(check.detail for check in report.checks if check.id == "selection")
    assert "verified-first/2" in detail
    other = replace(evidence, examples=(2, *evidence.examples[1:]))
    with pytest.raises(CertificateError) as caught:
        issue(other, key, tmp_path / "c")
    assert caught.value.code == "not-a-winner"


LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a smaller size": lambda c: c.update(size=1),
    "no size": lambda c: c.update(size=None),
    "size nothing": lambda c: c.update(size=0),
    "no record": lambda c: c.update(all_right=None),
    "no failures": lambda c: c.update(all_wrong=None),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_the_second_rule_reads_cannot_be_made_up(
    tmp_path: Path, key: SigningKey, lie: str
) -> None:
    issue(contest(tmp_path), key, tmp_path / "b")

    def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        LIES[lie](rows[0]["candidates"][1])
        return rows

    edit_lines(tmp_path / "b/evidence/selection.jsonl", change)
    reseal(tmp_path / "b", key)
    report = verify(tmp_path / "b", [key.public])
    assert ("selection", "selection") in {(c.id, c.code) for c in report.failed}


@pytest.mark.parametrize(
    "policy",
    [
        {k: v for k, v in POLICY.items() if k != "margin"},
        {**POLICY, "margin": -0.1},
        {**POLICY, "margin": True},
        {**POLICY, "margin": "0.05"},
        {**POLICY, "more": 1},
    ],
)
def test_a_policy_of_the_second_rule_is_strict(policy: dict[str, Any]) -> None:
    with pytest.raises(CertificateError) as caught:
        rule_of("verified-first/2", policy)
    assert caught.value.code == "selection"


def test_a_row_that_a_filter_took_out_is_recorded_and_the_claim_says_so(
    tmp_path: Path, key: SigningKey
) -> None:
    issue(contest(tmp_path, removed="secrets: holds a key"), key, tmp_path / "b")
    report = verify(tmp_path / "b", [key.public])
    assert report.exit_code == 0, report.sentence
    assert report.statement is not None
    claims = {claim.id: claim.text for claim in report.statement.predicate.claims}
    assert "less those that a filter took out" in claims["selection"]
    assert "less those" in (tmp_path / "b/README.md").read_text()


def test_a_row_left_out_without_a_word_and_a_word_without_a_row_are_refused(
    tmp_path: Path, key: SigningKey
) -> None:
    quiet = contest(tmp_path, removed="")
    with pytest.raises(CertificateError) as caught:
        issue(replace(quiet, selected=contest(tmp_path).selected), key, tmp_path / "b")
    assert caught.value.code == "winner-missing"
    kept = replace(contest(tmp_path), selected=contest(tmp_path, removed="licence: none").selected)
    with pytest.raises(CertificateError) as caught:
        issue(kept, key, tmp_path / "b")
    assert caught.value.code == "not-a-winner"
    nobody = [record.model_copy(update={"candidates": ()}) for record in quiet.selected]
    with pytest.raises(CertificateError, match="no winner to take out"):
        issue(replace(quiet, selected=tuple(nobody)), key, tmp_path / "b")


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ("def f(a: int) -> int:\n    return a\n", 1),
        ('def f(a):\n    """Say a."""\n    return a + 1\n', 3),
        ("def f(xs: list[int], k: int = 3) -> int:\n    return sum(x for x in xs)\n", 7),
        ("@d(1)\ndef f():\n    g: int = 2\n    return lambda x, y=1: x\n", 5),
        ("def f(:", 7),
        ("", 1),
        ("def f(x):\n    return x" + " + x" * 2000 + "\n", 4001),
    ],
)
def test_the_size_of_a_program(code: str, size: int) -> None:
    assert program_size(code) == size


READ: dict[str, dict[str, Any]] = {
    "candidate": {"candidate": "0" * 64},
    "source": {"source": "bad"},
    "attempt": {"attempt": 1},
    "length": {"characters": 1},
    "verdict": {"verdict": "bounded"},
    "training policy": {"training": "unknown"},
}


@pytest.mark.parametrize("what", READ)
def test_a_selection_on_other_facts_than_the_evidence_is_not_issued(
    tmp_path: Path, key: SigningKey, what: str
) -> None:
    evidence = round_evidence(tmp_path)
    first = evidence.selected[0]
    changed = first.candidates[0].model_copy(update=READ[what])
    told = first.model_copy(update={"candidates": (changed, *first.candidates[1:])})
    other = replace(evidence, selected=(told, *evidence.selected[1:]))
    with pytest.raises(CertificateError, match=f"another {what} of answer 1") as caught:
        issue(other, key, tmp_path / "b")
    assert caught.value.code == "selection"


@pytest.mark.parametrize("change", [{"split": "eval"}, {"category": "x"}, {"task": "t9"}])
def test_a_selection_about_another_task_is_not_issued(
    tmp_path: Path, key: SigningKey, change: dict[str, str]
) -> None:
    evidence = round_evidence(tmp_path)
    told = evidence.selected[0].model_copy(update=change)
    with pytest.raises(CertificateError, match="other than the task says"):
        issue(replace(evidence, selected=(told, *evidence.selected[1:])), key, tmp_path / "b")


def test_a_selection_of_an_answer_that_is_not_there_is_not_issued(
    tmp_path: Path, key: SigningKey
) -> None:
    evidence = round_evidence(tmp_path)
    first = evidence.selected[0]
    ghost = first.candidates[0].model_copy(update={"answer": 99})
    told = first.model_copy(update={"candidates": (ghost,)})
    with pytest.raises(CertificateError, match="unknown answer"):
        issue(replace(evidence, selected=(told, *evidence.selected[1:])), key, tmp_path / "b")


names = st.sampled_from("abxy")
expressions: Any = st.recursive(
    names | st.integers(0, 9).map(str),
    lambda e: st.one_of(
        st.tuples(e, st.sampled_from(["+", "*", "<", "and"]), e).map(" ".join),
        e.map("[{0} for a in x if {0}]".format),
        e.map("lambda x=1: ({})".format),
        st.tuples(e, e, e).map(lambda p: "({} if {} else {})".format(*p)),
    ).map("({})".format),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(expressions, min_size=1, max_size=3), st.booleans())
def test_two_independent_counters_agree(parts: list[str], documented: bool) -> None:
    from workbench.stages.selection_rule import program_size as theirs

    doc = '    """Text."""\n' if documented else ""
    body = "".join(f"    if {part}:\n        return {part}\n" for part in parts)
    code = f"def f(a: int, b, x=(1, 2), *, y: list[int]) -> int:\n{doc}{body}    pass\n"
    assert program_size(code) == theirs(code)
