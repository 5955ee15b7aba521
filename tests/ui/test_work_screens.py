"""The screens that start work: Train, Student, Contracts and the live side of Compare."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import Open
from tests.ui.reading import codes, frame, html, said, select_cell
from ui import jobs, recipe
from workbench.errors import InputError
from workbench.stages.live import _Told
from workbench.stages.round_config import RoundConfig, read_round_config
from workbench.store import Store
from workbench.store.tables import AdapterRow, OverrideRow, RoundRow, SettingRow, TaskRow
from workbench.store.views import live
from workbench.tasks import task_of

Started = list[tuple[str, ...]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Catch what would be started: these tests are about the screen, not about the command."""
    commands: Started = []

    def _start(home: Path, command: Sequence[str]) -> jobs.Job:
        commands.append(tuple(command))
        return jobs.Job(home, tuple(command), 0, time.time(), None)

    monkeypatch.setattr(jobs, "start", _start)
    return commands


def press(app: AppTest, label: str) -> AppTest:
    next(b for b in app.button if b.label == label).click()
    return app.run()


def ended(home: Path, command: Sequence[str], status: int, out: str = "", log: str = "") -> None:
    """Leave the folder of a job that has ended."""
    folder = home / "jobs" / f"{time.time_ns():020d}"
    folder.mkdir(parents=True)
    record = {"command": list(command), "pid": 2**22 + 5, "started": time.time()}
    (folder / "command.json").write_text(json.dumps(record))
    (folder / "out").write_text(out)
    (folder / "log").write_text(log)
    (folder / "status").write_text(f"{status}\n")


def untrain(home: Path) -> None:
    """Put round 1 back to before its training was finished."""
    with Store.open(home) as store, store.write() as session:
        session.delete(session.get(SettingRow, "promoted_student"))
        row = session.get(RoundRow, "r1")
        assert row is not None
        row.adapter_id, row.stage, row.state = None, "selected", "stopped"
        session.add(row)


# -- train ---------------------------------------------------------------------------------------


def test_train_shows_the_rows_the_recipe_and_the_loss(visit: Open, filled: Path) -> None:
    app = visit(filled, "train")
    assert "32 rows" in said(app) or "rows**, each with" in said(app)
    settings = dict(zip(frame(app)["setting"], frame(app)["value"], strict=True))
    assert settings["rank"] == "16"
    assert "at step 60" in said(app)
    assert next(b for b in app.button if b.label == "Trained already").disabled


def test_an_interrupted_training_is_offered_to_go_on(
    visit: Open, writable: Path, started: Started
) -> None:
    untrain(writable)
    app = press(visit(writable, "train"), "Resume")
    assert started == [("workbench", "train", "r1", "--json")]
    assert "workbench train r1" in codes(app)


def test_another_recipe_becomes_a_file_that_the_command_reads(
    visit: Open, writable: Path, started: Started
) -> None:
    app = visit(writable, "train")
    next(n for n in app.number_input if n.label == "rank").set_value(64)
    app = press(app, "Check this recipe")
    press(app, "Start this round")
    (command,) = started
    assert command[:4] == ("workbench", "rounds", "run", "--config")
    read = read_round_config(Path(command[4]))
    assert read.training["lora"]["rank"] == 64
    assert read.teachers == ("synthesis", "examples")


def test_a_recipe_that_cannot_be_is_refused_by_its_field(
    visit: Open, writable: Path, started: Started
) -> None:
    app = visit(writable, "train")
    next(n for n in app.number_input if n.label == "rate").set_value(-1.0)
    app = press(app, "Check this recipe")
    assert "training.rate = -1.0" in app.error[0].value
    assert not started
    assert not any(b.label == "Start this round" for b in app.button)


def test_an_estimate_is_shown_fact_by_fact(visit: Open, writable: Path) -> None:
    told = json.dumps({"round": "r1", "rows": 32, "steps": 120, "memory": None})
    ended(writable, ("workbench", "train", "r1", "--dry-run", "--json"), 0, told)
    app = visit(writable, "train")
    table = next(d.value for d in app.dataframe if "estimate" in d.value)
    assert dict(zip(table["estimate"], table["value"], strict=True))["steps"] == "120"


def test_a_training_that_failed_says_why(visit: Open, writable: Path) -> None:
    untrain(writable)
    why = "workbench: Round r1 has no winners to train on."
    ended(writable, ("workbench", "train", "r1", "--json"), 2, log=why)
    assert why in codes(visit(writable, "train"))


def test_a_configuration_survives_its_file(tmp_path: Path) -> None:
    config = RoundConfig(
        teachers=("synthesis", 'odd "name"\\'), training={"lora": {"rank": 8}}, base="a\tb"
    )
    (tmp_path / "c.toml").write_text(recipe.toml(config))
    assert read_round_config(tmp_path / "c.toml") == config


def test_the_form_refuses_an_unknown_base_field() -> None:
    with pytest.raises(InputError, match="rank"):
        recipe.changed({"teachers": ["synthesis"]}, {("lora", "rank"): 0}, "")


# -- student -------------------------------------------------------------------------------------


def test_student_says_who_is_in_use_and_how_it_did(visit: Open, filled: Path) -> None:
    app = visit(filled, "student")
    assert "student:r1" in html(app)
    assert "held-out tasks proved" in html(app)
    assert frame(app)[""][0] == "● in use"


def test_rolling_back_is_a_command(visit: Open, writable: Path, started: Started) -> None:
    app = press(visit(writable, "student"), "Roll back")
    assert started == [("workbench", "promote", "--rollback", "--json")]
    assert "workbench promote --rollback" in codes(app)


def test_without_a_student_before_there_is_no_way_back(visit: Open, writable: Path) -> None:
    untrain(writable)
    app = visit(writable, "student")
    assert "The base model" in html(app)
    assert next(b for b in app.button if b.label == "Roll back").disabled


def test_trying_the_student_asks_it_and_nobody_else(
    visit: Open, writable: Path, started: Started
) -> None:
    press(visit(writable, "student", task="clamp/00004"), "Ask them")
    assert started == [("workbench", "compare", "clamp/00004", "--teachers", "student", "--json")]


def test_a_student_whose_adapter_row_is_gone_is_not_invented(visit: Open, writable: Path) -> None:
    with Store.open(writable) as store, store.write() as session:
        row = session.get(RoundRow, "r1")
        assert row is not None
        row.adapter_id = None
        session.add(row)
        session.flush()
        session.delete(session.get(AdapterRow, "a1"))
    app = visit(writable, "student")
    assert not app.exception
    assert "The base model" in html(app)


# -- contracts -----------------------------------------------------------------------------------


def test_contracts_puts_the_weak_ones_first(visit: Open, filled: Path) -> None:
    table = frame(visit(filled, "contracts"))
    assert table["assessment"][0] == "~ weak"
    assert table["mutants killed"][0] == "8 of 9"


def test_a_survivor_is_shown_as_code_with_its_input(visit: Open, filled: Path) -> None:
    app = select_cell(visit(filled, "contracts"), 0, "task")
    assert "xs if x >= {k}" in codes(app)
    assert "became" in "".join(str(e.label) for e in app.expander)
    assert "Frozen: 5 answers" in said(app)


def test_contracts_are_assessed_by_a_command(visit: Open, writable: Path, started: Started) -> None:
    press(visit(writable, "contracts"), "Assess the next 46")
    press(visit(writable, "contracts", task="clamp/00000"), "Assess it again")
    assert started[0] == ("workbench", "contracts", "assess", "--limit", "100", "--json")
    assert started[1][3] == "clamp/00000"


def test_an_edited_contract_is_a_draft_until_it_is_frozen(
    visit: Open, writable: Path, started: Started
) -> None:
    app = visit(writable, "contracts", task="clamp/00000")
    next(t for t in app.text_area if t.label.startswith("Ensures")).set_value("result <= hi")
    app = press(app, "Assess the draft")
    (check,) = started
    assert check[:3] == ("workbench", "contracts", "check")
    written = json.loads(Path(check[3]).read_text())
    assert written["ensures"] == ["result <= hi"]
    assert written["id"].startswith("clamp/00000@")
    with Store.open(writable, read_only=True) as store, store.read() as session:
        row = session.get(TaskRow, "clamp/00000")
        assert row is not None
        assert len(task_of(row).ensures) == 2, "the stored contract is untouched"
    press(app, "Freeze it as a task")
    assert started[1] == ("workbench", "tasks", "import", check[3], "--json")


# -- compare, live -------------------------------------------------------------------------------


def test_asking_now_names_the_sources_and_spends_nothing_by_default(
    visit: Open, writable: Path, started: Started
) -> None:
    press(visit(writable, "compare", task="clamp/00004", way="live"), "Ask them")
    (command,) = started
    assert command[:4] == ("workbench", "compare", "clamp/00004", "--teachers")
    assert "--max-cost" not in command


def test_an_amount_allows_to_spend_it(visit: Open, writable: Path, started: Started) -> None:
    app = visit(writable, "compare", task="clamp/00004", way="live")
    next(t for t in app.text_input if t.label.startswith("May cost")).set_value("0.50")
    press(app.run(), "Ask them")
    assert started[0][-4:] == ("--max-cost", "0.50", "--yes", "--json")


def test_the_text_so_far_is_shown_while_the_job_runs(
    visit: Open, writable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(writable) as store:
        with store.read() as session:
            row = session.get(TaskRow, "clamp/00004")
        assert row is not None
        told = _Told(store, task_of(row), None)
        told.start(["synthesis", "examples", "student"])
        told.say("synthesis", "writing", "def clamp(x, lo, hi):\n    return")
        with store.engine.connect() as connection:
            newest = {p.source: p for p in live.pieces(connection, "clamp/00004")}
    assert newest["synthesis"].text.startswith("def clamp")
    assert newest["student"].state == "asked"
    monkeypatch.setattr(jobs.Job, "state", "running")
    command = ("workbench", "compare", "clamp/00004", "--teachers", "synthesis,examples,student")
    ended(writable, (*command, "--json"), 0)
    app = visit(writable, "compare", task="clamp/00004", way="live")
    assert "def clamp(x, lo, hi):\n    return" in codes(app)


def test_a_question_of_ones_own_becomes_a_task(visit: Open, writable: Path) -> None:
    app = visit(writable, "compare", task="clamp/00004", way="live")
    areas = {t.label: t for t in app.text_area}
    areas["What is asked"].set_value("Return the larger number.")
    areas["Ensures, one clause a line"].set_value("result >= a and result >= b")
    next(t for t in app.text_input if t.label == "Signature").set_value(
        "def larger(a: int, b: int) -> int"
    )
    app = press(app, "Keep it as a task")
    assert not app.exception
    with Store.open(writable, read_only=True) as store, store.read() as session:
        rows = session.exec(select(TaskRow).where(TaskRow.category == "own")).all()
    assert [r.entry_point for r in rows] == ["larger"]
    assert rows[0].id in said(app)


def test_a_question_without_a_signature_gets_a_sentence(visit: Open, writable: Path) -> None:
    app = visit(writable, "compare", task="clamp/00004", way="live")
    next(t for t in app.text_area if t.label == "What is asked").set_value("Anything.")
    app = press(app, "Keep it as a task")
    assert "needs a prompt and a signature" in app.error[0].value


# -- proof, rounds -------------------------------------------------------------------------------


def test_a_proof_is_checked_again_by_a_command_and_both_answers_are_shown(
    visit: Open, writable: Path, started: Started
) -> None:
    press(visit(writable, "proof", verdict="1"), "Ask both solvers")
    command = ("workbench", "proof", "1", "--json")
    assert started == [command]
    answers = [
        {"solver": s, "version": "1", "result": "unsat", "reason": "", "rlimit": 9, "seconds": 0.1}
        for s in ("z3", "cvc5")
    ]
    row = {"kind": "safety", "expected": "unsat", "outcome": "confirmed", "answers": answers}
    ended(writable, command, 0, json.dumps({"outcome": "confirmed", "obligations": [row]}))
    app = visit(writable, "proof", verdict="1")
    table = next(d.value for d in app.dataframe if "z3 1" in d.value)
    assert list(table["cvc5 1"]) == ["unsat"]


def test_a_round_that_stands_still_can_go_on(visit: Open, writable: Path, started: Started) -> None:
    press(visit(writable, "rounds", round="r2"), "Go on with this round")
    press(visit(writable, "rounds", round="r1"), "Roll back to the student before")
    assert started == [
        ("workbench", "rounds", "resume", "r2", "--json"),
        ("workbench", "promote", "--rollback", "--json"),
    ]


def test_a_preset_fills_the_form(visit: Open, filled: Path) -> None:
    app = visit(filled, "train")
    control = next(c for c in app.get("button_group") if c.label == "Preset by memory")
    app = control.set_value("laptop").run()
    assert not app.exception
    assert next(n for n in app.number_input if n.label == "max length").value == 1024
    assert next(t for t in app.toggle if t.label == "gradient checkpointing").value is True


# -- sources, runs -------------------------------------------------------------------------------


def test_runs_count_failed_requests_and_waits(visit: Open, writable: Path) -> None:
    from workbench.store.tables import LedgerRow

    with Store.open(writable) as store, store.write() as session:
        for n, status in enumerate(("ok", "ok", "rate", "server")):
            session.add(
                LedgerRow(
                    run_id="r", provider="openai", model="gpt-5-mini", key=f"{n}", status=status
                )
            )
    table = next(d.value for d in visit(writable, "runs").dataframe if "asked to wait" in d.value)
    assert table["asked to wait"][0] == 1
    assert table["failed, then tried again"][0] == 2
    assert table["failures by kind"][0] == "1 rate, 1 server"


def test_a_stopped_job_can_go_on(visit: Open, writable: Path, started: Started) -> None:
    command = ("workbench", "train", "r1", "--json")
    ended(writable, command, 130)
    app = visit(writable, "runs")
    [b for b in app.button if b.label == "Go on"][-1].click()
    app.run()
    assert started == [command]


# -- dataset -------------------------------------------------------------------------------------


def test_dataset_says_what_filters_took_and_what_repeats(visit: Open, filled: Path) -> None:
    app = visit(filled, "dataset")
    assert "filter length" in list(frame(app)["step"])
    taken = next(d.value for d in app.dataframe if "rule" in d.value)
    assert taken["because"][0] == "It has 512 tokens."
    assert "workbench dataset restore clamp/00004 s1" in codes(app)
    assert any("same code" in str(e.label) for e in app.expander)
    assert {m.label: m.value for m in app.metric}["Twins of held-out tasks"] == "✓ 0"


def test_a_row_is_kept_out_with_a_reason_and_stays_where_it_was(
    visit: Open, writable: Path
) -> None:
    app = visit(writable, "dataset")
    number = next(
        n for n, d in enumerate(app.dataframe) if "because" in d.value and "row" in d.value
    )
    app = select_cell(app, 0, "task", number)
    next(t for t in app.text_input if t.label == "Reason").set_value("A trick, not the lesson.")
    app = press(app, "Keep it out")
    assert not app.exception
    with Store.open(writable, read_only=True) as store, store.read() as session:
        said_by_people = session.exec(select(OverrideRow)).all()
    assert [(o.decision, o.reason) for o in said_by_people] == [
        ("reject", "A trick, not the lesson.")
    ]


def test_a_dataset_is_exported_in_the_form_that_was_chosen(
    visit: Open, writable: Path, started: Started
) -> None:
    app = visit(writable, "dataset")
    next(s for s in app.selectbox if s.label == "Format").set_value("kto")
    press(app.run(), "Export")
    assert started[0][:6] == ("workbench", "dataset", "export", "s1", "--format", "kto")


def test_readiness_says_what_is_missing(visit: Open, writable: Path) -> None:
    told = json.dumps({"ready": False, "missing": ["20 rows of 1,000."]})
    ended(writable, ("workbench", "dataset", "readiness", "s1", "--json"), 1, told)
    app = visit(writable, "dataset")
    assert app.info[0].value == "20 rows of 1,000."
