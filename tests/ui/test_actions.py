"""What a person can do about a round, a student, a dataset and a source, screen by screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import Open
from tests.ui.reading import codes, frame, said
from tests.ui.test_work_screens import Started, ended, press, started  # noqa: F401 - a fixture
from workbench.store import Store
from workbench.store.tables import (
    AnswerRow,
    ExampleRow,
    RoundAnswerRow,
    RouteRow,
    SelectionRow,
    SettingRow,
)
from workbench.store.views import matrix

REASON = "It is better where it matters."


def nobody_in_use(home: Path) -> None:
    """Put the base model back in use, as a roll-back would."""
    with Store.open(home) as store, store.write() as session:
        session.delete(session.get(SettingRow, "promoted_student"))


# -- compare -------------------------------------------------------------------------------------


def answered(home: Path, task: str) -> set[str]:
    with Store.open(home, read_only=True) as store, store.engine.connect() as connection:
        return set(matrix.cells_of(connection, task))


def silence(home: Path, task: str, source: str) -> None:
    """Take a source's answers to a task away."""
    with Store.open(home) as store, store.write() as session:
        for row in session.exec(
            select(AnswerRow).where(AnswerRow.task_id == task, AnswerRow.source_id == source)
        ):
            for table in (SelectionRow, ExampleRow, RoundAnswerRow):
                for other in session.exec(select(table).where(table.answer_id == row.id)):
                    session.delete(other)
            session.flush()
            session.delete(row)


def chosen(app: AppTest) -> list[str]:
    return list(next(m for m in app.multiselect if m.label == "Answers of").value)


def test_compare_shows_those_who_answered_from_task_to_task(visit: Open, writable: Path) -> None:
    silence(writable, "clamp/00004", "synthesis")
    app = visit(writable, "compare", task="clamp/00000", in_search="clamp")
    assert "synthesis" in chosen(app)
    app = press(app, "Next")
    assert "clamp/00004" in said(app)
    assert chosen(app)
    assert set(chosen(app)) <= answered(writable, "clamp/00004")
    assert "Not asked" not in said(app)


# -- rounds and student --------------------------------------------------------------------------


@pytest.mark.parametrize("screen", ["rounds", "student"])
def test_a_student_that_was_rolled_back_is_put_in_use_again_with_a_reason(
    visit: Open,
    writable: Path,
    started: Started,  # noqa: F811 - the fixture
    screen: str,
) -> None:
    nobody_in_use(writable)
    app = visit(writable, screen)
    next(t for t in app.text_input if t.label == "Reason").set_value(REASON)
    app = press(app.run(), "Put it in use")
    assert started == [("workbench", "promote", "r1", "--override", REASON, "--json")]


def test_rounds_tell_which_settings_differ_from_another_round(visit: Open, filled: Path) -> None:
    app = visit(filled, "rounds")
    shown = [d.value for d in app.dataframe if "setting" in d.value]
    assert shown, "two rounds differ"
    assert {"round 1", "round 2"} <= set(shown[0].columns)


def test_student_says_how_a_running_server_loads_it(visit: Open, filled: Path) -> None:
    assert "/adapter/reload" in codes(visit(filled, "student"))


# -- dataset -------------------------------------------------------------------------------------


def test_rows_are_proved_again_by_a_command(
    visit: Open,
    writable: Path,
    started: Started,  # noqa: F811 - the fixture
) -> None:
    press(visit(writable, "dataset"), "Prove every row again")
    assert started == [("workbench", "dataset", "verify", "s1", "--json")]


def test_what_proving_again_found_is_said(visit: Open, writable: Path) -> None:
    command = ("workbench", "dataset", "verify", "s1", "--json")
    told = {"ok": True, "problems": [], "proved_again": {"proved": 12}}
    ended(writable, command, 0, json.dumps(told))
    assert any("12 ✓ proved" in str(s.value) for s in visit(writable, "dataset").success)
    told = {"ok": False, "problems": ["row 3 is refuted now"], "proved_again": {}}
    ended(writable, command, 1, json.dumps(told))
    app = visit(writable, "dataset")
    assert any("not what they were" in str(e.value) for e in app.error)
    assert "row 3 is refuted now" in codes(app)


def test_what_went_is_no_step_of_what_is_left(visit: Open, filled: Path) -> None:
    assert "removed" not in list(frame(visit(filled, "dataset"))["step"])


# -- sources -------------------------------------------------------------------------------------


def test_a_calibration_is_a_command(
    visit: Open,
    writable: Path,
    started: Started,  # noqa: F811 - the fixture
) -> None:
    press(visit(writable, "sources"), "Calibrate the student in use")
    assert started == [("workbench", "route", "calibrate", "--json")]


def test_sources_say_whom_questions_went_to_and_why(visit: Open, writable: Path) -> None:
    with Store.open(writable) as store, store.write() as session:
        for n, source in enumerate(("student:r1", "synthesis", "synthesis")):
            session.add(
                RouteRow(
                    run_id="serve",
                    policy="confidence",
                    task_id=f"t{n}",
                    category="lists",
                    source_id=source,
                    wanted="student:r1",
                    chance=0.4,
                    why=f"reason {n}",
                )
            )
    app = visit(writable, "sources")
    table = next(d.value for d in app.dataframe if "went to" in d.value)
    assert list(table["questions"]) == [2, 1]
    assert list(table["of them passed on"]) == [2, 0]
    newest = next(d.value for d in app.dataframe if "why" in d.value)
    assert list(newest["why"]) == ["reason 2", "reason 1", "reason 0"]


def test_each_pair_of_sources_stands_once_in_who_agrees(visit: Open, filled: Path) -> None:
    app = visit(filled, "sources")
    table = app.dataframe[-1].value
    cells = [str(v) for column in table.columns[1:] for v in table[column]]
    assert "None" not in cells
    assert any(" of " in cell for cell in cells)
