"""The commands of tasks, ask, rounds and datasets: data on stdout, sentences on stderr, status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from workbench.cli import main
from workbench.settings import Settings
from workbench.stages.round_config import FamilyChoice, RoundConfig
from workbench.store.database import Store
from workbench.store.tables import AnswerRow
from workbench.tasks import Task, add_tasks


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]

TASK = Task(
    id="numbers/bigger",
    prompt="The larger of a and b.",
    entry_point="bigger",
    signature="def bigger(a: int, b: int) -> int",
    ensures=("result == max(a, b)",),
    tests=({"args": [1, 2], "expected": 2},),
    split="train",
    category="integers",
)


@pytest.fixture
def run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    def call(*args: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["workbench", *args])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        caught = capsys.readouterr()
        assert "Traceback" not in caught.err
        return Done(status, caught.out, caught.err)

    return call


@pytest.fixture
def filled(settings: Settings) -> None:
    with Store.open(settings) as store:
        add_tasks(store, [TASK])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("tasks", "list"), "workbench tasks import"),
        (("rounds", "list"), "workbench demo"),
        (("dataset", "list"), "workbench demo"),
    ],
)
def test_an_empty_home_names_the_command_that_fills_it(
    run: Run, args: tuple[str, ...], said: str
) -> None:
    done = run(*args)
    assert done.status == 0
    assert said in done.err


@pytest.mark.parametrize(
    "args",
    [
        ("rounds", "show"),
        ("rounds", "resume"),
        ("select",),
        ("train",),
        ("evaluate",),
        ("promote",),
        ("dataset", "show"),
        ("dataset", "verify"),
        ("dataset", "export"),
        ("promote", "--rollback"),
        ("ask",),
    ],
)
def test_what_needs_something_that_is_not_there_says_so(run: Run, args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.status == 2
    assert done.out == ""
    assert "workbench:" in done.err


@pytest.mark.usefixtures("filled")
def test_an_unknown_id_is_a_sentence_with_near_matches(run: Run) -> None:
    for args in (("tasks", "show", "numbers/biger"), ("ask", "numbers/biger")):
        done = run(*args)
        assert done.status == 2
        assert "Close to it: numbers/bigger." in done.err


@pytest.mark.usefixtures("filled")
def test_tasks_are_listed_shown_and_searched(run: Run) -> None:
    assert run("tasks", "list").out.splitlines()[1].startswith("numbers/bigger\ttrain\tintegers")
    assert run("tasks", "list", "--json").json["total"] == 1
    assert run("tasks", "list", "--search", "LARGER", "--json").json["total"] == 1
    assert run("tasks", "list", "--search", "100%", "--json").json["total"] == 0
    shown = run("tasks", "show", "numbers/bigger")
    assert "result == max(a, b)" in shown.out
    assert run("tasks", "show", "numbers/bigger", "--json").json["digest"] == TASK.digest


def test_tasks_are_imported_once_and_bad_lines_are_named(run: Run, tmp_path: Path) -> None:
    line = {
        "id": "a", "prompt": "p", "entry_point": "f", "signature": "def f(x: int) -> int",
    }  # fmt: skip
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(line) + '\n{"id": \n', "utf-8")
    done = run("tasks", "import", str(path))
    assert done.status == 2
    assert "Line 2" in done.err
    assert run("tasks", "list", "--json").json["total"] == 0
    assert run("tasks", "import", str(path), "--skip-bad", "--json").json == {"new": 1, "known": 0}
    assert run("tasks", "import", str(path), "--skip-bad", "--json").json == {"new": 0, "known": 1}
    assert run("tasks", "import", str(tmp_path / "none.jsonl")).status == 2


def test_a_dry_run_changes_nothing(run: Run, tmp_path: Path) -> None:
    assert run("tasks", "generate", "--train", "5", "--held-out", "2", "--dry-run").status == 0
    assert run("tasks", "list", "--json").json["total"] == 0
    assert run("rounds", "run", "--dry-run").json["teachers"] == ["synthesis", "examples"]
    assert run("rounds", "list", "--json").json == []


def test_generated_tasks_are_the_same_for_the_same_seed(run: Run) -> None:
    args = ("tasks", "generate", "--seed", "3", "--train", "5", "--held-out", "2", "--json")
    assert run(*args).json == {"new": 7, "known": 0}
    assert run(*args).json == {"new": 0, "known": 7}


@pytest.mark.usefixtures("filled")
def test_asking_prints_a_verdict_for_each_answer_and_asks_once(run: Run) -> None:
    done = run("ask", "--teachers", "synthesis", "--json")
    assert done.status == 0
    (record,) = [json.loads(line) for line in done.out.splitlines()]
    assert (record["task"], record["source"], record["verdict"]) == (
        "numbers/bigger", "synthesis", "proved",
    )  # fmt: skip
    assert "def bigger" in record["code"]
    again = run("ask", "--teachers", "synthesis")
    assert "0 new answers, 1 already here" in again.err
    assert again.out.splitlines()[1].startswith("numbers/bigger\tsynthesis\tproved\t")


@pytest.mark.usefixtures("filled")
def test_a_dry_ask_estimates_and_asks_nobody(run: Run) -> None:
    done = run("ask", "--teachers", "synthesis", "--dry-run")
    assert done.status == 0
    assert "1 questions" in done.err
    assert "0 answers" in Store.open().describe()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("ask", "--teachers", "nosuch"), "nosuch"),
        (("ask", "--split", "eval"), "no task with split 'eval'"),
        (("ask", "--max-cost", "much"), "'much' is no amount"),
        (("ask", "--max-cost", "NaN"), "'NaN' is no amount"),
        (("tasks", "list", "--split", "test"), "'test' is no split"),
        (("rounds", "run", "--config", "none.toml"), "cannot be read"),
        (("rounds", "run", "--teachers", ","), "at least one teacher"),
        (("contracts", "check", "none.jsonl"), "no file"),
    ],
)
def test_bad_arguments_are_sentences_with_status_two(
    run: Run, args: tuple[str, ...], said: str
) -> None:
    done = run(*args)
    assert done.status == 2
    assert said in done.err


def test_a_home_that_cannot_be_written_is_a_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "file" / "home"))
    done = run("tasks", "list")
    assert done.status == 2
    assert "cannot be written" in done.err
    assert "WORKBENCH_HOME" in done.err


def test_contracts_are_checked_before_anybody_answers(run: Run, tmp_path: Path) -> None:
    strong = {
        "id": "strong", "prompt": "p", "entry_point": "f", "signature": "def f(a: int) -> int",
        "ensures": ["result == a + 1"], "reference": "def f(a: int) -> int:\n    return a + 1\n",
    }  # fmt: skip
    weak = {**strong, "id": "weak", "ensures": ["result > a - 10"]}
    empty = {**strong, "id": "empty", "requires": ["a > 0", "a < 0"]}
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(x) + "\n" for x in (strong, weak, empty)), "utf-8")
    done = run("contracts", "check", str(path), "--json")
    assert done.status == 1
    verdicts = {r["id"]: r["verdict"] for r in map(json.loads, done.out.splitlines())}
    assert verdicts == {"strong": "ok", "weak": "weak", "empty": "vacuous"}
    path.write_text(json.dumps(strong) + "\n", "utf-8")
    assert run("contracts", "check", str(path)).status == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_stages_as_commands(run: Run, tmp_path: Path, settings: Settings) -> None:
    from distill.tiny import Recipe, pretrain

    recipe = Recipe(
        hidden=32, layers=1, heads=2, intermediate=64, vocabulary=640, steps=20, batch=8
    )
    base = pretrain(recipe, tmp_path / "base")
    config = RoundConfig(
        family=FamilyChoice(seed=5, train=4, held_out=3),
        base=str(base),
        student_tokens=16,
        repair=1,
        training={"lora": {"rank": 2, "alpha": 4}, "training": {"epochs": 1, "batch": 4}},
    )
    from workbench.stages.plan import plan_round

    with Store.open(settings) as store:
        assert plan_round(store, settings, config) == "r1"
    selected = run("select", "--json")
    assert selected.status == 0
    assert all(json.loads(line)["reason"] for line in selected.out.splitlines())
    assert run("train", "--dry-run", "--json").json["rows"] > 0
    assert run("train", "--json").json["steps"] >= 1
    judged = run("evaluate", "--json")
    assert judged.json["held_out"] == 3
    assert run("promote", "--json").status == 1
    finished = run("rounds", "resume", "--json")
    assert finished.json["stage"] == "certified"
    assert run("rounds", "show", "r1").out.startswith("Round r1: certified (done)")
    assert run("rounds", "show", "r2").status == 2
    assert run("dataset", "verify").status == 0
    first = run("dataset", "export", "--format", "chat")
    assert json.loads(first.out.splitlines()[0])["messages"][-1]["role"] == "assistant"
    out = tmp_path / "rows.jsonl"
    assert run("dataset", "export", "r1", "--format", "chat", "--out", str(out)).status == 0
    assert out.read_text("utf-8") == first.out
    assert run("dataset", "export", "--format", "nosuch").status == 2
    assert run("dataset", "show", "--limit", "1").status == 0
    assert run("promote", "--show").out.startswith("In use: the base model")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ctrl_c_ends_with_130_and_keeps_what_was_done(settings: Settings, run: Run) -> None:
    run("tasks", "generate", "--train", "800", "--held-out", "1")
    env = {**os.environ, "WORKBENCH_HOME": str(settings.home)}
    process = subprocess.Popen(
        [sys.executable, "-c", "from workbench.cli import main; main()", "ask", "--json"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while answers(settings) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert answers(settings) >= 3


def answers(settings: Settings) -> int:
    with Store.open(settings) as store, store.read() as session:
        return session.exec(select(func.count()).select_from(AnswerRow)).one()


def test_contracts_of_the_store_are_assessed_and_kept(run: Run, tmp_path: Path) -> None:
    weak = {
        "id": "weak", "prompt": "p", "entry_point": "f", "signature": "def f(a: int) -> int",
        "ensures": ["result > a - 10"], "reference": "def f(a: int) -> int:\n    return a + 1\n",
    }  # fmt: skip
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(weak) + "\n", "utf-8")
    assert run("tasks", "import", str(path)).status == 0
    done = run("contracts", "assess", "--json")
    assert done.status == 1
    assert json.loads(done.out)["weak"]["survivors"][0]["code"].startswith("def f(a")
    again = run("contracts", "assess", "--json")
    assert (again.status, json.loads(again.out)) == (0, {})
