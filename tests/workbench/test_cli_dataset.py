"""The commands about datasets: why rows are there, in and out, verify, export, split."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.stages.scripted import Scripted
from tests.workbench.stages.test_ask_judge_repair import BIGGER, CLAMP, TASKS, ids, learns
from workbench.cli import main
from workbench.settings import Settings
from workbench.stages import repair as repairing
from workbench.stages.ask import ask
from workbench.stages.judge import judge_answers
from workbench.stages.repair import repair
from workbench.stages.round_config import RoundConfig
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import RoundRow, RoundTaskRow, SnapshotRow, TaskRow
from workbench.tasks import add_tasks


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    def call(*args: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["workbench", *args])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capsys.readouterr()
        return Done(status, said.out, said.err)

    monkeypatch.setenv("WORKBENCH_HOME", str(settings.home))
    return call


@pytest.fixture
def judged(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A round up to its repair: every answer was wrong at first and right when it was told why."""
    add_tasks(store, TASKS)
    with store.write() as session:
        config = canonical(RoundConfig(teachers=("learner",)).as_json())
        session.add(RoundRow(id="r1", number=1, stage="repaired", config_json=config))
        session.flush()
        for place, task in enumerate(TASKS):
            session.add(RoundTaskRow(round_id="r1", task_id=task.id, role="train", position=place))
    teacher = Scripted("learner", learns)
    ask(store, settings, TASKS, [teacher], round_id="r1")
    judge_answers(store, settings, ids(store, "r1"))
    monkeypatch.setattr(repairing, "open_teachers", lambda names: [teacher])
    repair(store, settings, TASKS, ["learner"], round_id="r1")
    return store


def test_a_dataset_from_its_funnel_to_its_files(judged: Store, run: Run, tmp_path: Path) -> None:
    assert run("select").status == 0
    steps = run("dataset", "funnel", "--json").json
    assert steps["selection"]["winners"] == 2
    assert [step["rule"] for step in steps["filters"]] == [
        "truncation", "secrets", "personal", "exact", "contamination"
    ]  # fmt: skip
    assert "exact\t2\t2" in run("dataset", "funnel").out
    assert run("dataset", "removed", "--json").out == ""
    found = run("dataset", "verify", "--json")
    assert found.status == 0
    assert found.json["proved_again"] == {"proved": 2}
    for form, count in (("repair", 2), ("preference", 2), ("kto", 4), ("openai", 2)):
        out = tmp_path / f"{form}.jsonl"
        assert run("dataset", "export", "--format", form, "--out", str(out)).status == 0
        assert len(out.read_text().splitlines()) == count
    row = json.loads((tmp_path / "repair.jsonl").read_text().splitlines()[0])
    assert "the contract asks" in row["prompt"][-1]["content"]
    assert run("dataset", "export", "--out", str(tmp_path / "folder")).status == 0
    assert "Accepted verdicts: proved" in (tmp_path / "folder" / "README.md").read_text()
    assert run("dataset", "export", "--out", str(tmp_path / "folder")).status == 2
    assert "def " in run("dataset", "export", "--format", "alpaca").out


def test_filters_from_a_file_are_the_round_s_own_until_it_is_trained(
    judged: Store, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "f.toml").write_text("[[filter]]\nrule = 'length'\nmost = 70\n")
    done = run("select", "--filters", str(tmp_path / "f.toml"))
    assert done.status == 0
    gone = run("dataset", "removed", "--json")
    assert [json.loads(line)["task"] for line in gone.out.splitlines()] == ["clamp"]
    assert run("dataset", "restore", "clamp", "--reason", "short enough").status == 0
    assert run("select", "--again").status == 0
    assert run("dataset", "removed", "--json").out == ""
    (tmp_path / "bad.toml").write_text("[[filter]]\nrule = 'poetry'\n")
    bad = run("select", "--filters", str(tmp_path / "bad.toml"))
    assert bad.status == 2
    assert "no rule 'poetry'" in bad.err
    with judged.write() as session:
        row = session.get(RoundRow, "r1")
        assert row is not None
        before, row.stage = row.snapshot_id, "trained"
        session.add(row)
    (tmp_path / "none.yaml").write_text("filter: [{rule: score, above: 1.0}]\n")
    assert "1 filtered out" in run("select", "--filters", str(tmp_path / "none.yaml")).err
    with judged.read() as session:
        row = session.get(RoundRow, "r1")
        assert row is not None
        assert row.snapshot_id == before


def test_a_row_is_excluded_with_a_reason_and_comes_back(judged: Store, run: Run) -> None:
    run("select")
    out = ("dataset", "exclude", "clamp", "--author", "jo")
    assert run(*out, "--reason", "reads badly").status == 0
    run("select", "--again")
    assert run("dataset", "funnel", "--json").json["rows"] == 1
    assert "rejected by a person (reads badly)" in run("select", "--losers").out
    assert run("dataset", "restore", "clamp").status == 0
    run("select", "--again")
    assert run("dataset", "funnel", "--json").json["rows"] == 2
    unknown = run("dataset", "exclude", "nosuch", "--reason", "x")
    assert unknown.status == 2
    assert "'nosuch' has no winner" in unknown.err
    assert "needs a reason" in run("dataset", "exclude", "clamp", "--reason", " ").err


def test_rows_that_no_longer_hold_fail_the_verification(judged: Store, run: Run) -> None:
    run("select")
    with judged.write() as session:
        row = session.get(TaskRow, "bigger")
        assert row is not None
        row.contract_json = row.contract_json.replace("max(a, b)", "min(a, b)")
        session.add(row)
    found = run("dataset", "verify", "--json")
    assert found.status == 1
    assert any("(bigger) is now refuted" in line for line in found.json["problems"])
    assert run("dataset", "verify", "--quick").status == 0


def test_a_held_out_row_is_never_exported(judged: Store, run: Run, tmp_path: Path) -> None:
    run("select")
    with judged.write() as session:
        row = session.get(TaskRow, "clamp")
        assert row is not None
        row.split = "eval"
        session.add(row)
    for out in ("rows.jsonl", "rows.parquet", "folder"):
        done = run("dataset", "export", "--out", str(tmp_path / out))
        assert done.status != 0
        assert "held-out task 'clamp'" in done.err
        assert not (tmp_path / out).is_file()
    assert run("dataset", "verify", "--quick").status == 1


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet", "folder"])
def test_a_place_that_cannot_be_written_is_a_sentence(
    judged: Store, run: Run, tmp_path: Path, name: str
) -> None:
    run("select")
    (tmp_path / "file").write_text("")
    done = run("dataset", "export", "--out", str(tmp_path / "file" / name))
    assert done.status == 2
    assert "cannot be written" in done.err
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_readiness_names_what_is_missing_and_is_told_as_an_event(judged: Store, run: Run) -> None:
    run("select")
    bare = run("dataset", "readiness")
    assert bare.status == 1
    for part in ("2 rows of 1000", "Fewer than 20 rows in: integers 2", "0 held-out tasks of 100"):
        assert part in bare.out
    easy = ("--rows", "2", "--per-category", "1", "--held-out", "0")
    assert run("dataset", "readiness", *easy).status == 0
    assert run("dataset", "readiness", *easy, "--json").json["ready"] is True
    assert run("dataset", "readiness", "--rows", "0").status == 2
    assert run("dataset", "readiness", "--duplicates", "7").status == 2


def test_the_mask_of_a_row_is_shown(judged: Store, run: Run) -> None:
    run("select")
    pieces = run("dataset", "mask", "--json").json
    assert [piece["trained"] for piece in pieces] == [False, True]
    assert "def " in pieces[1]["text"]
    assert "trained on" in run("dataset", "mask", "--row", "2").out
    assert run("dataset", "mask", "--row", "3").status == 2
    model = str(Path(__file__).parents[2] / "data" / "models" / "tiny")
    counts = run("dataset", "statistics", "--tokenizer", model).json
    assert counts["rows"] == counts["methods"]["dpo"]["rows"] == 2
    assert counts["methods"]["sft"]["tokens"] > counts["methods"]["sft"]["trained"] > 10
    assert run("dataset", "statistics").json["methods"]["sft"] == {"rows": 2}
    assert run("dataset", "statistics", "--tokenizer", "/nowhere").status == 2


def test_tasks_are_divided_once_by_group_and_by_function(store: Store, run: Run) -> None:
    loose = [
        replace(
            BIGGER, id=f"t{n:02d}", split="none", prompt=f"Ask {n}.", tests=(),
            ensures=(f"result == a + b + {n // 2}",),
            reference=f"def bigger(a: int, b: int) -> int:\n    return {('a + b', 'b + a')[n % 2]} "
            f"+ {n // 2}",
        )
        for n in range(20)
    ]  # fmt: skip
    add_tasks(store, loose)
    done = run("dataset", "split", "--share", "0.3")
    assert done.status == 0
    assert "6 tasks held out, 14 to learn from; 10 groups" in done.out
    with store.read() as session:
        sides = {n: session.get(TaskRow, f"t{n:02d}").split for n in range(20)}  # type: ignore[union-attr]
    assert all(sides[n] == sides[n + 1] for n in range(0, 20, 2))
    again = run("dataset", "split")
    assert again.status != 0
    assert "divided before" in again.err


def test_there_is_nothing_to_divide_without_tasks_or_after_a_round(judged: Store, run: Run) -> None:
    assert "There is a round already" in run("dataset", "split").err


def test_a_home_without_tasks_or_with_one_cannot_be_divided(store: Store, run: Run) -> None:
    assert "no task without a side" in run("dataset", "split").err
    add_tasks(store, [replace(CLAMP, split="none")])
    assert "nothing can be held out" in run("dataset", "split").err
    assert "between 0 and 1" in run("dataset", "split", "--share", "1.5").err


def test_snapshots_are_only_added(judged: Store, run: Run) -> None:
    run("select")
    run("dataset", "exclude", "clamp", "--reason", "no")
    run("select", "--again")
    with judged.read() as session:
        from sqlmodel import select

        rows = session.exec(select(SnapshotRow)).all()
    assert sorted(row.rows for row in rows) == [1, 2]
