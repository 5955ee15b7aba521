"""What each screen says: on an empty home, on a filled one, by link, and after a click."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from tests.ui.conftest import Open
from tests.ui.reading import codes, frame, html, said, select_cell
from workbench.store import Store
from workbench.store.tables import CandidateRow, ObligationRow, OverrideRow, VerdictRow

SCREENS = (
    "overview",
    "matrix",
    "compare",
    "proof",
    "rounds",
    "dataset",
    "sources",
    "certificates",
    "runs",
    "train",
    "student",
    "contracts",
)


@pytest.mark.parametrize("screen", SCREENS)
def test_an_empty_home_names_the_one_command_that_fills_it(
    visit: Open, tmp_path: Path, screen: str
) -> None:
    app = visit(tmp_path / "nothing", screen)
    assert not app.exception
    assert codes(app).splitlines()[0] == "workbench demo"
    assert not (tmp_path / "nothing").exists(), "looking makes nothing"


def test_the_first_visit_can_start_the_demonstration(
    visit: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr("ui.jobs.start", lambda _, command: commands.append(tuple(command)))
    app = visit(tmp_path / "nothing")
    next(b for b in app.button if b.label == "A quick look").click().run()
    assert commands == [("workbench", "demo", "--quick")]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_filled_home_shows_without_an_error(visit: Open, filled: Path, screen: str) -> None:
    app = visit(filled, screen)
    assert not app.exception
    assert not app.error


def test_a_database_that_is_no_database_gets_a_sentence(visit: Open, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "workbench.db").write_text("this is not a database, whatever its name says " * 99)
    app = visit(home)
    assert not app.exception
    assert "damaged" in app.error[0].value


def test_a_bad_settings_file_gets_a_sentence(visit: Open, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text("jobs = 'many'\n")
    app = visit(home)
    assert not app.exception
    assert "jobs" in app.error[0].value


# -- overview ------------------------------------------------------------------------------------


def test_overview_says_whether_the_student_is_better_and_what_comes_next(
    visit: Open, filled: Path
) -> None:
    app = visit(filled)
    assert "made the student better" in html(app)
    assert {m.label: m.value for m in app.metric}["Fixed"] == "▲ 13"
    assert "workbench rounds resume r2" in codes(app)
    assert "48 of 48** proofs confirmed by a second solver" in said(app)
    assert "no key in the environment" in said(app)
    assert "with a proof in no dataset yet; the newest dataset has" in said(app)


# -- matrix --------------------------------------------------------------------------------------


def test_matrix_modes_narrow_the_tasks(visit: Open, filled: Path) -> None:
    every = visit(filled, "matrix")
    refuted = visit(filled, "matrix", mode="refuted")
    table = frame(refuted)
    assert len(frame(every)) == 48
    assert 0 < len(table) < 48
    assert table.apply(lambda row: "✗ refuted" in row.to_list(), axis=1).all()


def test_matrix_says_glyph_and_word_and_not_asked_is_not_wrong(visit: Open, filled: Path) -> None:
    shown = set(frame(visit(filled, "matrix"))["synthesis"])
    assert {"✓ proved", "– cannot"} <= shown


def test_matrix_search_and_category_come_from_the_link(visit: Open, filled: Path) -> None:
    app = visit(filled, "matrix", search="numbers in the list", category="lists")
    assert set(frame(app)["category"]) == {"lists"}
    assert app.text_input[0].value == "numbers in the list"


def test_matrix_filters_that_fit_nothing_can_be_cleared(visit: Open, filled: Path) -> None:
    app = visit(filled, "matrix", search="no such words")
    assert app.info[0].value == "No task fits these filters."
    app.button[0].click().run()
    assert len(frame(app)) == 48


def test_a_new_filter_starts_at_the_first_page(
    visit: Open, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.screens.matrix.SIZE", 10)
    app = visit(filled, "matrix")
    app.session_state["page"] = 4
    app.text_input[0].set_value("clamp").run()
    assert app.session_state["page"] == 1


def test_a_page_past_the_end_shows_the_last_one(visit: Open, filled: Path) -> None:
    assert len(frame(visit(filled, "matrix", page="9"))) == 48


def test_a_mode_that_does_not_exist_shows_everything(visit: Open, filled: Path) -> None:
    assert len(frame(visit(filled, "matrix", mode="nonsense"))) == 48


def test_a_baseline_counts_both_directions(visit: Open, filled: Path) -> None:
    app = visit(filled, "matrix", baseline="student:base")
    assert "Against student:base" in said(app)
    table = frame(app)
    base, newest = table["student:base"] == "✓ proved", table["student:r1"] == "✓ proved"
    assert f"student:r1 ▲ {(newest & ~base).sum()} ▼ {(base & ~newest).sum()}" in said(app)


def test_a_cell_leads_to_its_answer_beside_a_different_one(visit: Open, filled: Path) -> None:
    app = visit(filled, "matrix", mode="refuted", search="clamp")
    row = frame(app)["examples"].to_list().index("✗ refuted")
    task = frame(app)["task"][row]
    app = select_cell(app, row, "examples")
    assert app.title[0].value == "Compare"
    assert app.query_params["task"] == [task] or app.query_params["task"] == task
    assert "✗ the contract asks" in codes(app)


# -- compare -------------------------------------------------------------------------------------


def test_compare_shows_the_failing_call(visit: Open, filled: Path) -> None:
    app = visit(filled, "compare", task="clamp/00004")
    assert "clamp(0, 1, 1)\n→ returned 0\n✗ the contract asks lo <= result <= hi" in codes(app)


def test_compare_in_blind_mode_names_nobody(visit: Open, filled: Path) -> None:
    app = visit(filled, "compare", task="clamp/00004", blind="true")
    assert "Answer A" in said(app)
    assert "tokens" not in said(app)
    assert "student:base" not in said(app)


def test_compare_steps_within_the_filter(visit: Open, filled: Path) -> None:
    app = visit(filled, "compare", task="clamp/00004", in_search="clamp")
    assert not app.exception
    app.button[1].click().run()
    assert "clamp/00008" in said(app)


def test_an_unknown_task_gets_a_sentence_and_a_way_back(visit: Open, filled: Path) -> None:
    app = visit(filled, "compare", task="no/such")
    assert "There is no task “no/such”" in said(app)


def test_what_a_model_wrote_stays_inert_text(visit: Open, writable: Path) -> None:
    hostile = "<script>alert(1)</script> ![x](http://example.invalid/x.png)\n```\n:red[x]"
    with Store.open(writable) as store, store.write() as session:
        for candidate in session.exec(select(CandidateRow)).all():
            candidate.code = hostile
            session.add(candidate)
        for verdict in session.exec(select(VerdictRow)).all():
            verdict.explanation = hostile
            session.add(verdict)
    app = visit(writable, "compare", task="clamp/00004")
    assert not app.exception
    assert hostile in [c.value for c in app.code]
    assert hostile in [t.value for t in app.text]
    assert "example.invalid" not in html(app)
    assert not any("example.invalid" in str(m.value) for m in app.markdown)


def test_a_person_can_disagree_and_take_it_back(visit: Open, writable: Path) -> None:
    app = visit(writable, "compare", task="clamp/00004")
    _decide(app, "reject", "The prompt means something else.")
    assert "☒ rejected by a person" in said(app)
    _decide(app, "clear", "")
    assert "by a person" not in said(app)
    with Store.open(writable, read_only=True) as store, store.read() as session:
        rows = session.exec(select(OverrideRow)).all()
    assert [r.decision for r in rows] == ["reject", "clear"], "append-only"


def test_disagreeing_needs_a_reason(visit: Open, writable: Path) -> None:
    app = visit(writable, "compare", task="clamp/00004")
    _decide(app, "accept", " ")
    assert "needs a reason" in app.error[0].value


def _decide(app: object, decision: str, reason: str) -> None:
    from streamlit.testing.v1 import AppTest

    assert isinstance(app, AppTest)
    form = [b for b in app.button if b.label == "Record it"]
    decisions = [c for c in app.get("button_group") if c.label == "Decision"]
    decisions[1].set_value(decision)
    [t for t in app.text_input if t.label == "Reason"][1].set_value(reason)
    form[1].click()
    app.run()


# -- proof, rounds, dataset, certificates --------------------------------------------------------


def test_proof_shows_the_obligations_and_their_formula(visit: Open, filled: Path) -> None:
    app = visit(filled, "proof", verdict="1")
    assert list(frame(app)["must be"]) == ["unsat", "unsat", "sat"]
    assert "(check-sat)" in codes(app)
    assert "z3 " in codes(app)


@pytest.mark.parametrize("verdict", ["999999", "-1", "one", "9" * 40])
def test_a_verdict_that_does_not_exist_gets_a_sentence(
    visit: Open, filled: Path, verdict: str
) -> None:
    app = visit(filled, "proof", verdict=verdict)
    assert not app.exception
    assert "There is no verdict" in said(app)


def test_a_damaged_formula_is_said_to_be_damaged(visit: Open, writable: Path) -> None:
    with Store.open(writable) as store:
        with store.read() as session:
            found = session.exec(select(ObligationRow)).first()
        assert found is not None
        store.blobs.path(found.digest).write_text("(assert true)")
    app = visit(writable, "proof", verdict=str(found.verdict_id))
    assert not app.exception
    assert "have changed" in app.error[0].value


def test_rounds_lists_what_changed_first(visit: Open, filled: Path) -> None:
    app = visit(filled, "rounds", round="r1")
    assert frame(app)["change"][0] == "▲ fixed"
    fixed = visit(filled, "rounds", round="r1", change="fixed")
    assert set(frame(fixed)["change"]) == {"▲ fixed"}
    assert len(frame(fixed)) == 13


def test_a_flip_leads_to_both_students(visit: Open, filled: Path) -> None:
    app = select_cell(visit(filled, "rounds", round="r1"), 0, "task")
    assert app.title[0].value == "Compare"
    assert "**student:base**" in said(app)
    assert "**student:r1**" in said(app)


def test_an_open_round_says_how_far_it_is(visit: Open, filled: Path) -> None:
    app = visit(filled, "rounds", round="r2")
    assert "not evaluated yet" in app.info[0].value
    assert "workbench rounds resume r2" in codes(app)


def test_dataset_rows_carry_their_reason_and_no_held_out_task(visit: Open, filled: Path) -> None:
    app = visit(filled, "dataset")
    assert {m.label: m.value for m in app.metric}["Held-out rows"] == "✓ 0"
    rows = next(d.value for d in app.dataframe if "score" in d.value)
    assert set(rows["because"]) == {"Proved; ahead by agreement."}


def test_certificates_list_checks_and_ways_to_check_elsewhere(visit: Open, filled: Path) -> None:
    app = visit(filled, "certificates")
    assert "every file has its digest" in html(app)
    assert "sha256sum --check SHA256SUMS" in codes(app)
    assert "workbench.certificate" in codes(app)


def test_sources_stand_by_their_proved_share(visit: Open, filled: Path) -> None:
    table = frame(visit(filled, "sources"))
    assert list(table["proved"]) == sorted(table["proved"], reverse=True)


def test_doctor_puts_what_is_broken_on_top(
    visit: Open, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.doctor import Finding

    found = [
        Finding("machine", "disk", "broken", "0.1 GiB free", "Make room."),
        Finding("parts", "torch", "missing", "not installed", "pip install torch"),
    ]
    monkeypatch.setattr("workbench.doctor.examine", lambda *_, **__: found)
    app = visit(filled, "doctor")
    assert not app.exception
    assert app.error[0].value == "1 thing that the workbench needs does not work: disk."
    assert "→ Make room." in html(app)
