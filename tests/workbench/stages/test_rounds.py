"""Rounds: whole, resumed at every arrow, killed for real, refused twice, and without winners."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import func, select

from workbench.errors import BusyError, InputError, NotFoundError, StageError
from workbench.settings import Settings
from workbench.stages.events import Event
from workbench.stages.plan import find_round, plan_round
from workbench.stages.promote import override_gate, promoted_student, roll_back
from workbench.stages.round_config import FamilyChoice, RoundConfig, checked_config
from workbench.stages.rounds import STAGES, config_of, latest_round, result_of, run_round
from workbench.store.database import Store
from workbench.store.tables import (
    AdapterRow,
    AnswerRow,
    CertificateRow,
    EvaluationRow,
    RoundRow,
    SnapshotRow,
    VerdictRow,
)

SCRIPT = (
    "import sys\n"
    "from workbench.settings import load_settings\n"
    "from workbench.stages.rounds import run_round\n"
    "from workbench.store.database import Store\n"
    "with Store.open() as store:\n"
    "    run_round(store, store.settings, sys.argv[1],\n"
    "              on_event=lambda e: print(e.stage, e.kind, e.done, flush=True))\n"
)


def counts(store: Store) -> dict[str, int]:
    tables = (AnswerRow, VerdictRow, SnapshotRow, AdapterRow, EvaluationRow, CertificateRow)
    with store.read() as session:
        return {
            str(table.__tablename__): session.exec(select(func.count()).select_from(table)).one()
            for table in tables
        }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_runs_from_its_tasks_to_its_certificate(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    seen: list[Event] = []
    round_id = plan_round(store, settings, small)
    result = run_round(store, settings, round_id, on_event=seen.append)
    assert (result.stage, result.state) == ("certified", "done")
    assert result.figures is not None
    assert result.figures.overall.n == 4
    assert result.certificate_id is not None
    assert result.promoted is False
    found = counts(store)
    assert (found["snapshot"], found["adapter"], found["certificate"]) == (1, 1, 1)
    assert {e.stage for e in seen} >= {"baseline", "ask", "judge", "select", "train", "evaluate"}
    assert any(e.kind == "loss" for e in seen)
    # A finished round returns at once and adds nothing.
    heard = len(seen)
    assert run_round(store, settings, round_id, on_event=seen.append) == result
    assert len(seen) == heard
    assert counts(store) == found
    assert find_round(store, small) == round_id


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_goes_on_at_every_arrow(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    round_id = plan_round(store, settings, small)
    for stage in STAGES[1:]:
        result = run_round(store, settings, round_id, until=stage)
        assert result.stage == stage
        # Going back one arrow and doing the stage again changes nothing that was kept.
        before = counts(store)
        with store.write() as session:
            row = session.get(RoundRow, round_id)
            assert row is not None
            row.stage, row.state = STAGES[STAGES.index(stage) - 1], "open"
            session.add(row)
        assert run_round(store, settings, round_id, until=stage).stage == stage
        assert counts(store) == before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_killed_anywhere_goes_on(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    round_id = plan_round(store, settings, small)
    env = {**os.environ, "WORKBENCH_HOME": str(settings.home), "OMP_NUM_THREADS": "1"}
    for moment in ("baseline progress", "ask progress", "judge progress", "select progress",
                   "train loss", "evaluate progress"):  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, round_id], env=env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(moment):
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL, moment
        process.stdout.close()
    result = run_round(store, settings, round_id)
    assert (result.stage, result.state) == ("certified", "done")
    found = counts(store)
    assert (found["snapshot"], found["adapter"], found["evaluation"]) == (1, 1, 4)
    with store.read() as session:
        # Nothing was answered or judged twice.
        distinct = session.exec(
            select(func.count()).select_from(
                select(AnswerRow.source_id, AnswerRow.task_id, AnswerRow.prompt_digest)
                .distinct()
                .subquery()
            )
        ).one()
    assert distinct == found["answer"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_without_winners_stops_with_the_reason(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    # The synthesis teacher alone says "cannot" to tasks over lists; with a cap of one task that
    # it cannot do, nobody wins.
    config = small.model_copy(
        update={"family": None, "categories": ("words",), "teachers": ("synthesis",)}
    )
    from workbench.tasks import Task, add_tasks

    made = [
        Task(
            id=f"w/{split}",
            prompt=f"Say it {split}.",
            entry_point="say",
            signature="def say(s: str) -> str",
            ensures=("result == s",),
            category="words",
            split=split,
        )
        for split in ("train", "eval")
    ]
    add_tasks(store, made)
    result = run_round(store, settings, plan_round(store, settings, config))
    assert (result.stage, result.state) == ("selected", "stopped")
    assert result.decision is not None
    assert "no winners" in result.decision
    assert find_round(store, config) is None


def test_a_second_runner_is_told_so(store: Store, settings: Settings, small: RoundConfig) -> None:
    round_id = plan_round(store, settings, small)
    with store.lock("round", "A round"), pytest.raises(BusyError, match="already going on"):
        run_round(store, settings, round_id)


def test_a_plan_freezes_configuration_and_tasks(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    round_id = plan_round(store, settings, small)
    assert config_of(store, round_id) == small
    assert latest_round(store) == round_id
    assert result_of(store, round_id).stage == "planned"
    assert plan_round(store, settings, small) == "r2"


def test_a_round_with_nothing_to_learn_from_is_a_sentence(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    empty = small.model_copy(update={"family": None})
    with pytest.raises(StageError, match="no task to train on"):
        plan_round(store, settings, empty)
    with store.read() as session:
        assert session.exec(select(RoundRow)).all() == []


def test_unknown_rounds_and_stages_are_sentences(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    with pytest.raises(NotFoundError, match="no round yet"):
        latest_round(store)
    round_id = plan_round(store, settings, small)
    with pytest.raises(NotFoundError, match="Close to it: r1"):
        run_round(store, settings, "r11")
    with pytest.raises(NotFoundError, match="stage 'tranied'"):
        run_round(store, settings, round_id, until="tranied")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"techers": []}, "unknown field 'techers'"),
        ({"teachers": []}, "at least one teacher"),
        ({"teachers": ["a", "a"]}, "named twice"),
        ({"repair": 9}, "repair = 9"),
        ({"minimum": "refuted"}, "minimum = 'refuted'"),
        ({"family": {"train": 0, "held_out": 1}}, "family.train = 0"),
    ],
)
def test_a_bad_configuration_is_a_sentence(table: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_config(table, "round.toml")
    assert said in str(caught.value)
    assert "round.toml" in str(caught.value)


def test_a_bad_training_setting_is_named_before_anything_is_planned(
    store: Store, settings: Settings, small: RoundConfig
) -> None:
    bad = small.model_copy(update={"training": {"training": {"epochs": -1}}})
    with pytest.raises(InputError, match=r"training\.epochs = -1"):
        plan_round(store, settings, bad)


def test_rolling_back_walks_through_the_students_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill.gate import Decision
    from workbench.stages import promote
    from workbench.stages.promote import promote_round

    # The rows below have no weights behind them; that such are refused is tested elsewhere.
    monkeypatch.setattr(promote, "_fit_for_use", lambda store, round_id, decision: decision)
    with pytest.raises(StageError, match="nothing to roll back"):
        roll_back(store)
    for number in (1, 2):
        with store.write() as session:
            session.add(
                AdapterRow(
                    id=f"a{number}", path="p", digest="d", base="b", base_digest="e",
                    config_json="{}",
                )
            )  # fmt: skip
            session.flush()
            session.add(
                RoundRow(id=f"r{number}", number=number, config_json="{}", adapter_id=f"a{number}")
            )
        assert promote_round(store, f"r{number}", Decision(True, "better", ()))
        # Twice is once.
        promote_round(store, f"r{number}", Decision(True, "better", ()))
    assert promoted_student(store).adapter_id == "a2"
    assert promoted_student(store).previous == (None, "a1")
    assert roll_back(store).adapter_id == "a1"
    assert roll_back(store).adapter_id is None
    with pytest.raises(StageError, match="nothing to roll back"):
        roll_back(store)


def test_a_no_from_the_gate_moves_no_pointer(store: Store) -> None:
    from distill.gate import Decision
    from workbench.stages.promote import promote_round

    with store.write() as session:
        session.add(
            AdapterRow(id="a1", path="p", digest="d", base="b", base_digest="e", config_json="{}")
        )
        session.flush()
        session.add(RoundRow(id="r1", number=1, config_json="{}", adapter_id="a1"))
    assert not promote_round(store, "r1", Decision(False, "Not promoted: worse.", ()))
    assert promoted_student(store).adapter_id is None
    # A person may still, with a reason; the round keeps the gate's word.
    with pytest.raises(StageError, match="only with a reason"):
        override_gate(store, "r1", reason=" ", author="ada")
    assert override_gate(store, "r1", reason="Shadow run.", author="ada").adapter_id == "a1"
    assert promoted_student(store).override == "ada: Shadow run."
    assert roll_back(store).adapter_id is None
    assert promoted_student(store).override is None
    with store.read() as session:
        row = session.get(RoundRow, "r1")
    assert row is not None
    assert row.decision == "Not promoted: worse."


def test_the_demonstration_is_a_valid_round() -> None:
    from workbench.stages.round_config import demo_config

    config = demo_config(7)
    assert config.family == FamilyChoice(
        seed=7, train=config.family.train if config.family else 0,
        held_out=config.family.held_out if config.family else 0,
    )  # fmt: skip
    assert config.teachers == ("synthesis", "examples")
    assert isinstance(Path(__file__), Path)
