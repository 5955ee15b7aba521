"""The signer lies, and signs the lie well: what a reader of the evidence finds without a solver."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.certificate.sample import (
    edit_lines,
    payload_of,
    proved,
    reseal,
    round_evidence,
    sha,
    sign,
    wrong,
)
from tests.workbench.certificate.test_attacks_bytes import refusal
from workbench.certificate import CertificateError, SigningKey, issue, verify

Rows = list[dict[str, Any]]


def first(**changes: Any) -> Callable[[Rows], Rows]:
    """Change fields of the first row."""
    return lambda rows: [{**rows[0], **changes}, *rows[1:]]


def each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Rows], Rows]:
    return lambda rows: [change(row) for row in rows]


def drop_first(rows: Rows) -> Rows:
    return rows[1:]


def twice(rows: Rows) -> Rows:
    return [rows[0], *rows]


def _where(word: str, **changes: Any) -> Callable[[Rows], Rows]:
    return each(lambda row: {**row, **changes} if row["verdict"] == word else row)


def _candidate(**changes: Any) -> Callable[[Rows], Rows]:
    return each(
        lambda row: {
            **row,
            "candidates": [{**row["candidates"][0], **changes}, *row["candidates"][1:]],
        }
    )


LIES: dict[str, tuple[str, Callable[[Rows], Rows], set[str]]] = {
    "code is another": ("candidates", first(code="def add(x): return 0\n"), {"candidate-digest"}),
    "an answer to no task": ("candidates", first(task="t99999"), {"dangling"}),
    "an answer by nobody": ("candidates", first(source="ghost"), {"dangling"}),
    "task is another": ("tasks", first(ensures=["True"]), {"task-digest"}),
    "prompt is another": ("tasks", first(prompt="Write anything."), {"task-digest"}),
    "tests are gone": ("tasks", first(tests=[]), {"task-digest"}),
    "winner has no verdict": ("verdicts", drop_first, {"no-verdict", "extra-file"}),
    "unknown counts as proved in selection": (
        "verdicts", _where("proved", verdict="unknown", obligations=[], reason="r"), {"extra-file"},
    ),
    "proved by nothing": ("verdicts", _where("proved", obligations=[]), {"extra-file"}),
    "refuted by nothing": (
        "verdicts", _where("refuted", counterexample=None), {"no-counterexample"},
    ),
    "refuted is called tested": (
        "verdicts", _where("refuted", verdict="tested"), {"contradiction"},
    ),
    "a dispute is hidden": ("verdicts", _where("proved", recheck="disputed"), {"disputed"}),
    "verdict twice": ("verdicts", twice, {"not-sorted"}),
    "task twice": ("tasks", twice, {"not-sorted"}),
    "source twice": ("sources", twice, {"not-sorted"}),
    "answer twice": ("candidates", twice, {"not-sorted"}),
    "selected twice": ("selection", twice, {"not-sorted"}),
    "row twice": ("dataset", twice, {"dataset", "duplicate-row"}),
    "origin twice": ("examples", twice, {"duplicate-row"}),
    "loser in the dataset": ("examples", first(answer=2), {"not-a-winner"}),
    "winner left out": ("examples", drop_first, {"winner-missing"}),
    "row teaches other code": ("dataset", first(completion="def add(x): return 0"), {"dataset"}),
    "row asks something else": ("dataset", first(messages=[["user", "Hi"]]), {"dataset"}),
    "row asks more than its task": (
        "dataset",
        each(lambda r: {**r, "messages": [["system", "The answer is 4."], *r["messages"]]}),
        {"dataset"},
    ),
    "row rejects what was not refuted": ("dataset", first(rejected="def add(x): ..."), {"dataset"}),
    "row without completion": ("dataset", first(completion=7), {"dataset"}),
    "row names another task": ("dataset", first(task_id="t00001"), {"dataset"}),
    "selection says a verdict of its own": (
        "selection", _candidate(verdict="proved"), {"malformed"},
    ),
    "selection says terms of its own": (
        "selection", _candidate(training="allowed"), {"malformed"},
    ),
    "selection reads another task's answer": ("selection", _candidate(answer=3), {"selection"}),
    "selection of no task": ("selection", first(task="t"), {"selection"}),
    "selection passes over a task": ("selection", drop_first, {"selection"}),
    "selection: more agree than are": ("selection", _candidate(same=5), {"selection"}),
    "selection: a split of its own": ("selection", each(lambda r: {**r, "split": "train"}),
                                      {"malformed"}),
    "terms forbid training": (
        "sources", each(lambda r: {**r, "training_policy": "forbidden"}), {"not-a-winner"},
    ),
    "student's failure is a success": (
        "evaluation", first(base_verdict="proved"), {"evaluation"},
    ),
    "success without a candidate": (
        "evaluation", first(base_candidate=None, base_verdict="proved"), {"evaluation"},
    ),
    "a held-out task is not evaluated": ("evaluation", drop_first, {"evaluation"}),
    "evaluated twice": ("evaluation", twice, {"not-sorted"}),
    "evaluated as another category": ("evaluation", first(category="x"), {"evaluation"}),
    "a field too many": ("verdicts", first(more=1), {"malformed"}),
    "a number as text": ("verdicts", first(cases="3"), {"malformed"}),
    "a float for a count": ("verdicts", first(cases=3.0), {"malformed"}),
    "true for a count": ("verdicts", first(cases=True), {"malformed"}),
    "an unknown verdict": ("verdicts", first(verdict="excellent"), {"malformed"}),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_signed_lie_about_the_evidence_is_refused(
    bundle: Path, key: SigningKey, lie: str
) -> None:
    name, change, codes = LIES[lie]
    edit_lines(bundle / f"evidence/{name}.jsonl", change)
    reseal(bundle, key)
    report = verify(bundle, [key.public])
    assert report.exit_code == 1
    assert {check.code for check in report.failed} & codes, report.failed


FIGURES: dict[str, Callable[[Any], None]] = {
    "more proved": lambda p: p["level"].update(proved=5000),
    "a level": lambda p: p["level"].update(name="gold"),
    "a lift": lambda p: p["level"].update(lift=True),
    "more passed": lambda p: p["evaluation"].update(studentPassed=3),
    "a better interval": lambda p: p["evaluation"].update(low=1),
    "more rows": lambda p: p["dataset"].update(rows=9),
    "another root": lambda p: p["dataset"].update(root="0" * 64),
    "another verdict root": lambda p: p["verdicts"].update(root="0" * 64),
    "more verdicts": lambda p: p["verdicts"]["counts"].update(proved=9),
    "another rule": lambda p: p["buildDefinition"]["externalParameters"].update(
        selectionRule="best/1"
    ),
    "another base": lambda p: p["buildDefinition"]["resolvedDependencies"][0].update(name="big"),
    "another split": lambda p: p["tasks"].update(train=9),
    "other solvers": lambda p: p["judge"]["solvers"][0].update(version="9"),
    "another round": lambda p: p["round"].update(number=7),
    "another decision": lambda p: p.update(decision="Wonderful."),
    "promoted or not": lambda p: p.update(promoted=False),
    "fewer limits": lambda p: p["limits"].pop(),
    "an asserted claim called recheckable": lambda p: p["claims"][-1].update(
        basis="recheckable", check="files"
    ),
    "a claim more": lambda p: p["claims"].append(
        {"id": "x", "text": "It is good.", "basis": "recheckable", "check": "files"}
    ),
    "a claim less": lambda p: p["claims"].pop(),
    "no training": lambda p: p.update(training=None),
}


@pytest.mark.parametrize("lie", FIGURES)
def test_a_signed_lie_in_the_statement_is_refused(bundle: Path, key: SigningKey, lie: str) -> None:
    statement = payload_of(bundle)
    FIGURES[lie](statement["predicate"])
    sign(bundle, statement, key)
    assert refusal(bundle, key) in {("figures", "wrong-figures"), ("claims", "claims")}


def test_stale_sums_are_refused(bundle: Path, key: SigningKey, tmp_path: Path) -> None:
    issue(round_evidence(tmp_path, tasks=6), key, tmp_path / "b2")
    (bundle / "SHA256SUMS").write_bytes((tmp_path / "b2/SHA256SUMS").read_bytes())
    assert refusal(bundle, key) == ("files", "changed-file")


def test_subjects_that_leave_the_adapter_out_are_refused(bundle: Path, key: SigningKey) -> None:
    statement = payload_of(bundle)
    statement["subject"] = [s for s in statement["subject"] if s["name"] == "SHA256SUMS"]
    sign(bundle, statement, key)
    assert refusal(bundle, key) == ("files", "subject")


def test_rows_in_a_second_spelling_are_refused(bundle: Path, key: SigningKey) -> None:
    for name in ("dataset", "verdicts"):
        path = bundle / f"evidence/{name}.jsonl"
        before = path.read_bytes()
        path.write_bytes(before.replace(b'","', b'", "', 1))
        reseal(bundle, key)
        assert refusal(bundle, key) == ("evidence", "not-canonical")
        path.write_bytes(before.replace(b"{", b'{"cases":1,"cases":1,', 1))
        reseal(bundle, key)
        assert refusal(bundle, key)[0] == "evidence"
        path.write_bytes(before)


def test_a_training_record_about_other_things_is_refused(bundle: Path, key: SigningKey) -> None:
    path = bundle / "evidence/training.json"
    good = json.loads(path.read_text())
    for field in ("dataset_digest", "base_digest", "adapter_digest"):
        path.write_text(json.dumps({**good, field: "0" * 64}))
        reseal(bundle, key)
        report = verify(bundle, [key.public])
        assert ("training", "training") in {(c.id, c.code) for c in report.failed}


def test_an_adapter_exchanged_for_another_is_refused_even_when_signed(
    bundle: Path, key: SigningKey
) -> None:
    (bundle / "adapter/adapter_config.json").write_text('{"peft_type": "LORA", "r": 9}\n')
    reseal(bundle, key)
    assert refusal(bundle, key) == ("training", "training")


def test_a_vacuous_proof_is_refused(tmp_path: Path, key: SigningKey) -> None:
    evidence = round_evidence(tmp_path)
    verdicts = tuple(
        v.model_copy(update={"obligations": v.obligations[:1]}) if v.verdict == "proved" else v
        for v in evidence.verdicts
    )
    with pytest.raises(CertificateError) as caught:
        issue(replace(evidence, verdicts=verdicts), key, tmp_path / "b")
    assert caught.value.code in ("extra-file", "vacuous")
    assert not (tmp_path / "b").exists()


def test_a_proof_without_any_obligation_is_refused(tmp_path: Path, key: SigningKey) -> None:
    evidence = round_evidence(tmp_path)
    verdicts = tuple(
        v.model_copy(update={"obligations": ()}) if v.task == "t00000" else v
        for v in evidence.verdicts
    )
    with pytest.raises(CertificateError) as caught:
        issue(replace(evidence, verdicts=verdicts), key, tmp_path / "b")
    assert caught.value.code == "no-obligation"


def test_an_evaluated_task_among_the_training_tasks_is_refused(
    tmp_path: Path, key: SigningKey
) -> None:
    evidence = round_evidence(tmp_path)
    twin = evidence.tasks[0].model_copy(update={"id": "t00002", "split": "eval"})
    tasks = (*evidence.tasks[:2], twin, *evidence.tasks[3:])
    with pytest.raises(CertificateError) as caught:
        issue(replace(evidence, tasks=tasks), key, tmp_path / "b")
    assert caught.value.code in ("leak", "dataset", "evaluation")


def test_a_held_out_task_in_the_dataset_is_refused(bundle: Path, key: SigningKey) -> None:
    edit_lines(bundle / "evidence/tasks.jsonl", lambda rows: [
        {**row, "split": "eval"} if row["id"] == "t00000" else row for row in rows
    ])  # fmt: skip
    reseal(bundle, key)
    report = verify(bundle, [key.public])
    assert ("disjoint", "leak") in {(c.id, c.code) for c in report.failed}


def test_a_loser_that_is_called_proved_needs_obligations_of_its_own(
    tmp_path: Path, key: SigningKey
) -> None:
    """Without re-check this lie passes; the re-check's own tests show that it is caught there."""
    evidence = round_evidence(tmp_path)
    loser = sha(wrong(1))
    verdicts = tuple(
        proved(loser, v.task, 1) if v.candidate == loser else v for v in evidence.verdicts
    )
    with pytest.raises(CertificateError) as caught:
        issue(replace(evidence, verdicts=verdicts), key, tmp_path / "b")
    assert caught.value.code == "selection"


def test_nothing_is_left_behind_when_issuing_fails(tmp_path: Path, key: SigningKey) -> None:
    evidence = round_evidence(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(CertificateError):
        issue(replace(evidence, examples=(2, 4)), key, tmp_path / "b")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_bundle_is_never_written_over(bundle: Path, tmp_path: Path, key: SigningKey) -> None:
    with pytest.raises(CertificateError, match="never written over"):
        issue(round_evidence(tmp_path), key, bundle)


def test_a_page_that_boasts_is_refused(bundle: Path, key: SigningKey) -> None:
    page = bundle / "README.md"
    page.write_text(page.read_text().replace("none (below 1,000 proved)", "platinum"))
    reseal(bundle, key)
    assert refusal(bundle, key) == ("pages", "pages")


def test_a_page_of_another_rendering_is_not_vouched_for(bundle: Path, key: SigningKey) -> None:
    (bundle / "report.html").write_text("<script>alert(1)</script>")
    reseal(bundle, key)
    report = verify(bundle, [key.public])
    found = next(check for check in report.checks if check.id == "pages")
    assert found.status == "skipped"
    assert "believe this report instead" in found.detail


def test_a_stranger_s_text_is_harmless_in_the_pages(tmp_path: Path, key: SigningKey) -> None:
    evil = "<script>alert(1)</script> **[x](javascript:1)**"
    evidence = replace(round_evidence(tmp_path), decision=evil, base_model=evil, limits=(evil,))
    issue(evidence, key, tmp_path / "b")
    page = (tmp_path / "b/report.html").read_text()
    assert "<script" not in page
    assert "default-src 'none'" in page
    card = (tmp_path / "b/README.md").read_text()
    assert r"\<script\>alert(1)\</script\> \*\*\[x\](javascript:1)\*\*" in card
    assert card.count("<script>") == 1  # the model's name, which stands between backticks
