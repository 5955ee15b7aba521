"""Ask, judge, repair, select over a real store and a real judge, with teachers written here."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from teachers.model import FailureKind, Finish, Prompt, Sampling
from tests.workbench.stages.scripted import Scripted, fenced
from workbench.errors import DiskFullError, StageError
from workbench.settings import Settings
from workbench.stages import ask as asking
from workbench.stages import repair as repairing
from workbench.stages.answers import round_answers
from workbench.stages.ask import ask, known_answers
from workbench.stages.check_snapshot import check_snapshot
from workbench.stages.events import Event, Reporter
from workbench.stages.judge import judge_answers, verdicts_of
from workbench.stages.repair import repair
from workbench.stages.select import SelectionPolicy, select_winners
from workbench.stages.train import snapshot_examples
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import (
    AnswerRow,
    EventRow,
    LedgerRow,
    ObligationRow,
    RoundRow,
    RoundTaskRow,
    SelectionRow,
    SnapshotRow,
    SourceRow,
    VerdictRow,
)
from workbench.tasks import Task, add_tasks

CLAMP = Task(
    id="clamp",
    prompt="Keep x between lo and hi.",
    entry_point="clamp",
    signature="def clamp(x: int, lo: int, hi: int) -> int",
    requires=("lo <= hi",),
    ensures=("lo <= result <= hi", "result == x or x < lo or x > hi"),
    tests=({"args": [5, 0, 3], "expected": 3},),
    split="train",
    category="integers",
    licence="Apache-2.0",
)
BIGGER = Task(
    id="bigger",
    prompt="The larger of a and b.",
    entry_point="bigger",
    signature="def bigger(a: int, b: int) -> int",
    ensures=("result == max(a, b)",),
    tests=({"args": [1, 2], "expected": 2},),
    split="train",
    category="integers",
    licence="Apache-2.0",
)
TASKS = (CLAMP, BIGGER)
RIGHT = {
    "clamp": "def clamp(x: int, lo: int, hi: int) -> int:\n    return max(lo, min(x, hi))\n",
    "bigger": "def bigger(a: int, b: int) -> int:\n    return a if a > b else b\n",
}
WRONG = {
    # Right on the task's only test, wrong elsewhere: the judge has to find it.
    "clamp": "def clamp(x: int, lo: int, hi: int) -> int:\n    return min(x, hi)\n",
    "bigger": "def bigger(a: int, b: int) -> int:\n    return b\n",
}


def which(prompt: Prompt) -> str:
    assert prompt.specification is not None
    return prompt.specification.entry_point


def right(prompt: Prompt, _: Sampling) -> str:
    return fenced(RIGHT[which(prompt)])


def learns(prompt: Prompt, _: Sampling) -> str:
    """Wrong at first, right once it was told so."""
    told = len(prompt.messages) > 1
    return fenced((RIGHT if told else WRONG)[which(prompt)])


@pytest.fixture
def round_id(store: Store) -> str:
    add_tasks(store, TASKS)
    with store.write() as session:
        session.add(RoundRow(id="r1", number=1, config_json="{}"))
        session.flush()
        for position, task in enumerate(TASKS):
            session.add(
                RoundTaskRow(round_id="r1", task_id=task.id, role="train", position=position)
            )
    return "r1"


def ids(store: Store, round_id: str) -> list[int]:
    return [r.id for r in round_answers(store, round_id, "teacher", "repair") if r.id is not None]


def words(store: Store) -> Counter[str]:
    with store.read() as session:
        return Counter(session.exec(select(VerdictRow.verdict)))


def test_answers_are_stored_with_everything_that_was_said(
    store: Store, settings: Settings, round_id: str
) -> None:
    teacher = Scripted("one", right)
    report = ask(store, settings, TASKS, [teacher], round_id=round_id)
    assert (report.asked, report.known, report.failed) == (2, 0, 0)
    assert teacher.closed
    rows = round_answers(store, round_id, "teacher")
    assert {row.task_id for row in rows} == {"clamp", "bigger"}
    row = rows[0]
    assert row.input_tokens == 10
    assert row.candidate_id is not None
    asked = parse(store.blobs.text(row.messages_digest))
    assert CLAMP.prompt in asked[0][1] or BIGGER.prompt in asked[0][1]


def test_nothing_is_asked_twice_in_this_run_or_the_next(
    store: Store, settings: Settings, round_id: str
) -> None:
    ask(store, settings, TASKS, [Scripted("one", right)], round_id=round_id)
    again = Scripted("one", right)
    report = ask(store, settings, TASKS, [again], round_id=round_id)
    assert (report.asked, report.known, again.asked) == (0, 2, [])
    other = Scripted("one", right)
    ask(store, settings, TASKS, [other], sampling=Sampling(temperature=0.7), round_id=round_id)
    assert len(other.asked) == 2


def test_repeated_samples_are_separate_answers(
    store: Store, settings: Settings, round_id: str
) -> None:
    teacher = Scripted("one", right)
    ask(store, settings, TASKS, [teacher], samples=3, round_id=round_id)
    assert sorted(sampling.sample for _, sampling in teacher.asked) == [0, 0, 1, 1, 2, 2]
    assert len(known_answers(store, TASKS, [teacher], Sampling(), 3)) == 6


def test_a_failure_is_no_answer_and_is_asked_again(
    store: Store, settings: Settings, round_id: str
) -> None:
    broken = Scripted("one", lambda *_: FailureKind.AUTH)
    seen: list[Event] = []
    report = ask(
        store, settings, TASKS, [broken], round_id=round_id,
        reporter=Reporter(store, seen.append, round_id),
    )  # fmt: skip
    assert report.failed == 2
    assert any(e.kind == "error" and "seeded failure" in e.message for e in seen)
    assert round_answers(store, round_id, "teacher") == []
    with store.read() as session:
        assert session.exec(select(func.count()).select_from(LedgerRow)).one() >= 1
    assert ask(store, settings, TASKS, [Scripted("one", right)], round_id=round_id).asked == 2


def test_a_full_disk_in_the_middle_is_one_sentence(
    store: Store, settings: Settings, round_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> list[int]:
        raise DiskFullError("The disk is full.")

    monkeypatch.setattr(asking, "save_answers", full)
    teacher = Scripted("one", right)
    with pytest.raises(DiskFullError, match="full"):
        ask(store, settings, TASKS, [teacher], round_id=round_id)
    assert teacher.closed


def test_a_judge_that_cannot_start_is_a_sentence(
    store: Store, settings: Settings, round_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from judge import pool

    def broken(*_: Any, **__: Any) -> Any:
        yield from ()
        raise pool.WorkerFailedError("a judge worker did not start: status 1\nTraceback ...")

    ask(store, settings, TASKS, [Scripted("one", right)], round_id=round_id)
    monkeypatch.setattr(pool, "judge_many", broken)
    with pytest.raises(StageError, match="did not start: status 1"):
        judge_answers(store, settings, ids(store, round_id))


@pytest.mark.parametrize("finish", [Finish.CANNOT, Finish.REFUSAL, Finish.LENGTH])
def test_an_answer_without_code_keeps_its_reason(
    store: Store, settings: Settings, round_id: str, finish: Finish
) -> None:
    ask(store, settings, [CLAMP], [Scripted("one", lambda *_: finish)], round_id=round_id)
    (row,) = round_answers(store, round_id, "teacher")
    assert (row.finish, row.candidate_id) == (finish.value, None)
    assert row.no_code_reason


def test_text_that_a_database_cannot_hold_is_kept_readable(
    store: Store, settings: Settings, round_id: str
) -> None:
    odd = "\ud800\x00" + fenced(RIGHT["clamp"])
    ask(store, settings, [CLAMP], [Scripted("one", lambda *_: odd)], round_id=round_id)
    (row,) = round_answers(store, round_id, "teacher")
    assert "\x00" not in row.text
    assert row.candidate_id is not None


def test_unread_terms_block_until_the_user_allows_the_source(
    store: Store, settings: Settings, round_id: str
) -> None:
    stranger = Scripted("stranger:x", right, provider="stranger")
    ask(store, settings, TASKS, [stranger], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    assert select_winners(store, settings, round_id).rows == 0
    with store.read() as session:
        reason = session.exec(select(SelectionRow.reason)).first()
    assert reason is not None
    assert "training on its answers is unknown" in reason
    allowed = settings.model_copy(update={"allow_training": ("stranger:x",)})
    ask(store, allowed, TASKS, [Scripted("stranger:x", right, provider="stranger")])
    with store.read() as session:
        source = session.get(SourceRow, "stranger:x")
    assert source is not None
    assert "allowed by the user" in source.policy_basis
    assert select_winners(store, allowed, round_id).rows == 2


def test_verdicts_come_with_their_obligations_as_blobs(
    store: Store, settings: Settings, round_id: str
) -> None:
    ask(store, settings, TASKS, [Scripted("one", right)], round_id=round_id)
    report = judge_answers(store, settings, ids(store, round_id))
    assert report.verdicts == Counter(proved=2)
    with store.read() as session:
        obligations = session.exec(select(ObligationRow)).all()
    assert obligations
    assert all(store.blobs.has(o.digest) for o in obligations)


def test_a_candidate_is_judged_once_under_one_identity(
    store: Store, settings: Settings, round_id: str
) -> None:
    teachers = [Scripted("one", right), Scripted("two", right)]
    ask(store, settings, TASKS, teachers, round_id=round_id)
    first = judge_answers(store, settings, ids(store, round_id))
    assert (first.judged, first.known) == (2, 0)
    again = judge_answers(store, settings, ids(store, round_id))
    assert (again.judged, again.known) == (0, 2)
    other = settings.model_copy(update={"rlimit": settings.rlimit + 1})
    assert judge_answers(store, other, ids(store, round_id)).judged == 2
    assert sum(words(store).values()) == 4


def test_an_error_of_the_judge_is_tried_again_and_replaced(
    store: Store, settings: Settings, round_id: str
) -> None:
    ask(store, settings, [CLAMP], [Scripted("one", right)], round_id=round_id)
    blown = settings.model_copy(update={"fuse_seconds": 0.0001})
    assert judge_answers(store, blown, ids(store, round_id)).verdicts == Counter(error=1)
    assert judge_answers(store, settings, ids(store, round_id)).verdicts == Counter(proved=1)
    assert words(store) == Counter(proved=1)


def test_a_refuted_answer_is_given_back_with_its_counterexample(
    store: Store, settings: Settings, round_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Scripted] = []

    def reopen(names: Any) -> list[Scripted]:
        opened.extend(Scripted(name, learns) for name in names)
        return opened

    monkeypatch.setattr(repairing, "open_teachers", reopen)
    ask(store, settings, TASKS, [Scripted("one", learns)], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    assert words(store) == Counter(refuted=2)
    report = repair(store, settings, TASKS, ["one"], round_id=round_id, cap=2)
    assert (report.attempts, report.repaired) == (2, 2)
    repaired = round_answers(store, round_id, "repair")
    assert {row.attempt for row in repaired} == {1}
    assert all(row.parent_id is not None for row in repaired)
    prompt, _ = opened[0].asked[0]
    assert [m.role for m in prompt.messages] == ["user", "assistant", "user"]
    assert "not right yet" in prompt.messages[2].content
    assert prompt.specification is not None
    assert len(prompt.specification.counterexamples) == 1
    again = repair(store, settings, TASKS, ["one"], round_id=round_id, cap=2)
    assert again.attempts == 0


def test_repair_stops_at_its_cap(
    store: Store, settings: Settings, round_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stubborn(prompt: Prompt, _: Sampling) -> str:
        return fenced(WRONG[which(prompt)] + f"# try {len(prompt.messages)}\n")

    monkeypatch.setattr(
        repairing, "open_teachers", lambda names: [Scripted(n, stubborn) for n in names]
    )
    ask(store, settings, [CLAMP], [Scripted("one", stubborn)], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    report = repair(store, settings, TASKS, ["one"], round_id=round_id, cap=2)
    assert (report.attempts, report.repaired) == (2, 0)
    attempts = sorted(row.attempt for row in round_answers(store, round_id, "teacher", "repair"))
    assert attempts == [0, 1, 2]


def test_winners_are_frozen_with_everything_the_rule_read(
    store: Store, settings: Settings, round_id: str
) -> None:
    wrong = Scripted("bad", lambda p, _: fenced(WRONG[which(p)]))
    ask(store, settings, TASKS, [Scripted("good", right), wrong], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    report = select_winners(store, settings, round_id)
    assert report.funnel["candidates"] == 4
    assert report.rows == 2
    with store.read() as session:
        snapshot = session.get(SnapshotRow, report.snapshot_id)
    assert snapshot is not None
    examples = snapshot_examples(store, snapshot)
    assert {e.source for e in examples} == {"good"}
    assert {e.messages[-1][1] for e in examples} == {t.prompt for t in TASKS}
    assert examples[0].facts["verdict"] == "proved"
    # A loser is data: the refuted answer to the same task is the other half of a pair.
    assert {e.rejected for e in examples} == {code.strip("\n") for code in WRONG.values()}
    inputs = parse(store.blobs.text(snapshot.inputs_digest))
    good = next(c for c in inputs["tasks"][0]["candidates"] if c["source"] == "good")
    assert (good["right"], good["wrong"], good["same"], good["others"]) == (2, 0, 0, 1)
    assert check_snapshot(store, snapshot) == []


def test_selecting_again_gives_the_same_snapshot(
    store: Store, settings: Settings, round_id: str
) -> None:
    ask(store, settings, TASKS, [Scripted("good", right)], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    first = select_winners(store, settings, round_id)
    assert select_winners(store, settings, round_id) == first
    with store.read() as session:
        assert session.exec(select(func.count()).select_from(SnapshotRow)).one() == 1


def test_a_changed_snapshot_is_noticed(store: Store, settings: Settings, round_id: str) -> None:
    ask(store, settings, TASKS, [Scripted("good", right)], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    report = select_winners(store, settings, round_id)
    with store.read() as session:
        snapshot = session.get(SnapshotRow, report.snapshot_id)
    assert snapshot is not None
    text = store.blobs.text(snapshot.digest)
    taught = store.blobs.put_text(text.replace("max(lo, min(x, hi))", "min(x, hi)"))
    found = check_snapshot(store, SnapshotRow(**{**snapshot.model_dump(), "digest": taught}))
    assert any("does not teach the code that won" in line for line in found)
    fewer = store.blobs.put_text(text.splitlines()[0] + "\n")
    found = check_snapshot(store, SnapshotRow(**{**snapshot.model_dump(), "digest": fewer}))
    assert any("says 2 rows and holds 1" in line for line in found)


def test_a_minimum_that_is_no_gate_is_a_sentence(
    store: Store, settings: Settings, round_id: str
) -> None:
    from workbench.errors import InputError

    with pytest.raises(InputError, match="'unknown' cannot be"):
        select_winners(store, settings, round_id, policy=SelectionPolicy(minimum="unknown"))


def test_a_round_without_tasks_is_a_sentence(store: Store, settings: Settings) -> None:
    with pytest.raises(StageError, match="no training tasks"):
        select_winners(store, settings, "r9")


def test_events_are_kept_for_whoever_looks_from_elsewhere(
    store: Store, settings: Settings, round_id: str
) -> None:
    ask(store, settings, TASKS, [Scripted("one", right)], round_id=round_id)
    with store.read() as session:
        rows = session.exec(select(EventRow).where(EventRow.round_id == round_id)).all()
    assert rows[0].kind == "start"
    assert rows[-1].kind == "done"


def test_an_answer_may_serve_a_second_round(
    store: Store, settings: Settings, round_id: str
) -> None:
    ask(store, settings, TASKS, [Scripted("one", right)], round_id=round_id)
    with store.write() as session:
        session.add(RoundRow(id="r2", number=2, config_json="{}"))
    report = ask(store, settings, TASKS, [Scripted("one", right)], round_id="r2")
    assert report.known == 2
    assert len(round_answers(store, "r2", "teacher")) == 2
    with store.read() as session:
        assert session.exec(select(func.count()).select_from(AnswerRow)).one() == 2


def test_verdicts_are_found_by_candidate_task_and_present_identity(
    store: Store, settings: Settings, round_id: str, tmp_path: Path
) -> None:
    ask(store, settings, [CLAMP], [Scripted("one", right)], round_id=round_id)
    judge_answers(store, settings, ids(store, round_id))
    (row,) = round_answers(store, round_id, "teacher")
    pair = (row.candidate_id or "", "clamp")
    assert set(verdicts_of(store, settings, [pair])) == {pair}
    other = settings.model_copy(update={"seed": 1})
    assert verdicts_of(store, other, [pair]) == {}
    assert set(verdicts_of(store, other, [pair], or_latest=True)) == {pair}
    judge_answers(store, other, ids(store, round_id))
    (present,) = verdicts_of(store, settings, [pair], or_latest=True).values()
    assert present.id == 1
    assert replace(CLAMP, id="x").digest == CLAMP.digest
