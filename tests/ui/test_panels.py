"""The panels of a student at work and of a dataset that repeats itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ui.conftest import Open
from tests.ui.reading import codes, html, said
from tests.ui.test_work_screens import Started, ended, press, started  # noqa: F401 - a fixture
from workbench.stages import schedule
from workbench.stages.repeats import Group, Member, Met, Repeats, repeats_key
from workbench.store import Store
from workbench.store.canonical import canonical
from workbench.store.tables import ScheduleRow, ScheduleRunRow, ServedRow, SettingRow

START = datetime(2026, 11, 20, tzinfo=UTC)


def serve(home: Path, count: int, verdict: str = "proved", *, passed_on: int = 0) -> None:
    """Leave ``count`` kept requests, of which teachers answered ``passed_on``."""
    with Store.open(home) as store, store.write() as session:
        for n in range(count):
            session.add(
                ServedRow(
                    model="student",
                    version_digest="a" * 64,
                    prompt=f"Write <b>number</b> {n}.",
                    contract_json="{}" if n == 0 else None,
                    category="lists",
                    finish="stop",
                    characters=40,
                    answered_by="synthesis" if n < passed_on else "student",
                    verdict=verdict,
                    created_at=START + timedelta(minutes=n),
                )
            )


# -- served requests -----------------------------------------------------------------------------


def test_a_student_that_was_never_served_names_the_command(visit: Open, filled: Path) -> None:
    app = visit(filled, "student")
    assert "workbench serve --keep" in codes(app)


def test_what_was_served_is_counted_by_who_answered(visit: Open, writable: Path) -> None:
    serve(writable, 8, passed_on=2)
    app = visit(writable, "student")
    figures = {m.label: m.value for m in app.metric}
    assert figures["Kept requests"] == "8"
    assert figures["Answered by the student"] == "75 %"
    assert figures["Proved"] == "100 %"
    assert "student aaaaaaaa → synthesis" in html(app)
    assert "too few kept requests" in said(app)
    asked = next(d.value for d in app.dataframe if "asked" in d.value)
    assert asked["asked"][0] == "Write <b>number</b> 7."


def test_questions_with_a_contract_become_tasks_by_a_command(
    visit: Open,
    writable: Path,
    started: Started,  # noqa: F811 - the fixture
) -> None:
    serve(writable, 3)
    app = visit(writable, "student")
    press(app, "Make tasks of the 1 with a contract")
    assert started == [("workbench", "feedback", "tasks", "--json")]


def test_what_drifted_is_said(visit: Open, writable: Path) -> None:
    serve(writable, 200, "proved")
    serve(writable, 200, "refuted")
    app = visit(writable, "student")
    assert any("proved rate went from 100% to 0%" in str(w.value) for w in app.warning)
    table = next(d.value for d in app.dataframe if "figure" in d.value)
    assert dict(zip(table["figure"], table[""], strict=True))["proved rate"] == "! moved"


# -- schedules -----------------------------------------------------------------------------------


def test_without_a_schedule_the_command_of_a_nightly_round_is_named(
    visit: Open, filled: Path
) -> None:
    app = visit(filled, "runs")
    assert "workbench schedule add nightly '30 2 * * *' -- feedback round" in codes(app)


def test_a_schedule_shows_when_it_runs_and_how_it_ended(visit: Open, writable: Path) -> None:
    with Store.open(writable) as store:
        schedule.add(store, "nightly", "30 2 * * *", ["feedback", "round"])
        with store.write() as session:
            session.add(
                ScheduleRunRow(
                    name="nightly",
                    attempt=1,
                    leader="host:1",
                    status=1,
                    output="Not ready: 20 rows of 1,000.",
                    due_at=START,
                    started_at=START,
                    ended_at=START,
                )
            )
    app = visit(writable, "runs")
    table = next(d.value for d in app.dataframe if "when (UTC)" in d.value)
    assert table["command"][0] == "workbench feedback round"
    assert table["last"][0].startswith("✗ ended with no")
    assert "Not ready" in codes(app)


def test_a_schedule_is_added_on_the_screen(visit: Open, writable: Path) -> None:
    app = visit(writable, "runs")
    boxes = {t.label: t for t in app.text_input}
    boxes["Name"].set_value("nightly")
    boxes["When, in UTC: minute hour day month weekday"].set_value("30 2 * * *")
    app = press(app, "Keep it")
    assert not app.exception
    with Store.open(writable, read_only=True) as store, store.read() as session:
        row = session.get(ScheduleRow, "nightly")
        assert row is not None
        assert row.command_json == canonical(["feedback", "round"])


@pytest.mark.parametrize(
    ("cron", "command", "told"),
    [
        ("never", "rounds next", "no cron expression"),
        ("30 2 * * *", "rounds 'next", "cannot be read"),
        ("30 2 * * *", "", "no command"),
    ],
)
def test_a_schedule_that_cannot_be_is_a_sentence(
    visit: Open, writable: Path, cron: str, command: str, told: str
) -> None:
    app = visit(writable, "runs")
    boxes = {t.label: t for t in app.text_input}
    boxes["Name"].set_value("x")
    boxes["When, in UTC: minute hour day month weekday"].set_value(cron)
    boxes["Command, after “workbench”"].set_value(command)
    app = press(app, "Keep it")
    assert any(told in str(e.value) for e in app.error)


# -- repeats -------------------------------------------------------------------------------------


def keep(home: Path, found: Repeats) -> None:
    with Store.open(home) as store:
        digest = store.blobs.put_text(canonical(asdict(found)))
        with store.write() as session:
            session.merge(SettingRow(key=repeats_key(found.snapshot), value=digest))


def test_looking_for_repeats_is_a_command(
    visit: Open,
    writable: Path,
    started: Started,  # noqa: F811 - the fixture
) -> None:
    press(visit(writable, "dataset"), "Look for repeated functions")
    assert started == [("workbench", "dataset", "duplicates", "s1", "--json")]


def test_groups_of_one_function_are_shown_with_how_it_is_known(visit: Open, writable: Path) -> None:
    one = Member(1, "clamp/00000", "first", "def a(x: int) -> int:\n    return x + 1")
    other = Member(2, "clamp/00004", "proved", "def b(y: int) -> int:\n    return 1 + y")
    keep(writable, Repeats("s1", 12, 11, (Group((one, other)),), ()))
    app = visit(writable, "dataset")
    figures = {m.label: m.value for m in app.metric}
    assert figures["Different functions"] == "11"
    assert figures["Rows that repeat one"] == "1"
    assert figures["Rows that meet a held-out task"] == "✓ 0"
    assert "return 1 + y" in codes(app)
    chosen = next(s for s in app.selectbox if s.label == "Rows that teach the same function")
    assert chosen.options == ["2 rows, 1 of them by proof: def a(x: int) -> int:"]


def test_a_row_that_meets_a_held_out_task_is_a_warning_and_no_mishap(
    visit: Open, writable: Path
) -> None:
    keep(writable, Repeats("s1", 1, 1, (), (Met(1, "clamp/00000", "does what held asks"),)))
    ended(writable, ("workbench", "dataset", "duplicates", "s1", "--json"), 1, "{}")
    app = visit(writable, "dataset")
    assert any("worth less" in str(w.value) for w in app.warning)
    assert "ended with no" not in said(app)
