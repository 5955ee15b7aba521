"""``workbench train`` on another machine by one command; a script stands in for Modal's program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill.tiny import Recipe, pretrain
from workbench.cli import main
from workbench.settings import PartialSettings, load_settings
from workbench.stages.plan import plan_round
from workbench.stages.round_config import RoundConfig
from workbench.stages.rounds import run_round
from workbench.stages.train import replan
from workbench.store.database import Store
from workbench.store.tables import RoundRow

SMALL = {"lora": {"rank": 2, "alpha": 4}, "training": {"epochs": 1, "batch": 4}}
# Runs the job where it lies, as the volume's container would; the first time it is preempted.
MODAL = """#!{python}
import pathlib, subprocess, sys
said, script, *flags = sys.argv[1:]
assert said == "run" and script.endswith("modal_app.py")
folder = pathlib.Path(script).parent
mark = folder.parent / "preempted"
if not flags and not mark.exists():
    mark.touch()
    sys.exit(7)
print("noise on the terminal")
sys.exit(subprocess.run([sys.executable, str(folder / "run.py"), *flags]).returncode)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("home")
    recipe = Recipe(hidden=32, layers=1, heads=2, intermediate=64, vocabulary=640, steps=5, batch=8)
    base = pretrain(recipe, folder / "base")
    settings = load_settings(
        overrides=PartialSettings(jobs=1), env={"WORKBENCH_HOME": str(folder / "home")}
    )
    config = RoundConfig.model_validate(
        {"family": {"seed": 5, "train": 4, "held_out": 2}, "base": str(base),
         "student_tokens": 16, "repair": 0, "training": SMALL}
    )  # fmt: skip
    with Store.open(settings) as store:
        name = plan_round(store, settings, config)
        run_round(store, settings, name, until="selected")
        yield store


def train(home: Store, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("WORKBENCH_HOME", str(home.home))
    monkeypatch.setattr(sys, "argv", ["workbench", "train", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_without_the_program_there_is_a_sentence(
    home: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert train(home, monkeypatch, "--on", "modal") == 2
    assert "pip install modal" in capsys.readouterr().err
    for words in (["--test-only"], ["--on", "modal", "--test-only", "--merge-only"]):
        assert train(home, monkeypatch, *words) == 2
        assert "exclude each other" in capsys.readouterr().err


def test_a_dry_run_changes_nothing_of_the_round(
    home: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "t.yaml").write_text("adapter: nowhere\n")
    given = ("--training-config", str(tmp_path / "t.yaml"), "--dry-run")
    assert train(home, monkeypatch, *given) != 0
    assert "no adapter folder nowhere" in capsys.readouterr().err
    (tmp_path / "t.yaml").write_text("epochs: 7\n")
    assert train(home, monkeypatch, *given, "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 7
    assert train(home, monkeypatch, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 1


def test_a_setting_that_fails_leaves_the_round_open(
    home: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "t.yaml").write_text("adapter: nowhere\n")
    assert train(home, monkeypatch, "--training-config", str(tmp_path / "t.yaml")) != 0
    assert "no adapter folder nowhere" in capsys.readouterr().err
    with home.read() as session:
        row = session.get(RoundRow, "r1")
        assert row is not None
        assert (row.state, row.stage) == ("open", "selected")
    replan(home, "r1", SMALL)


@pytest.mark.slow
def test_a_round_is_trained_elsewhere_goes_on_after_a_preemption_and_comes_back(
    home: Store, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = tmp_path / "modal"
    program.write_text(MODAL.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert train(home, monkeypatch, "--on", "modal", "--test-only") == 2
    assert "was not trained on Modal yet" in capfd.readouterr().err
    assert train(home, monkeypatch, "--on", "modal") != 0
    assert "Modal ended with status 7" in capfd.readouterr().err
    assert train(home, monkeypatch, "--on", "modal", "--json") == 0
    said = capfd.readouterr()
    told = json.loads(said.out)
    assert (told["round"], told["examples"]) == ("r1", 4)
    assert "noise on the terminal" in said.err
    with home.read() as session:
        row = session.get(RoundRow, "r1")
        assert row is not None
        assert row.adapter_id == told["adapter"]
    assert train(home, monkeypatch, "--on", "modal", "--test-only") == 0
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(answers) == 4
    assert set(answers[0]) == {"prompt", "answer", "wanted"}
    assert train(home, monkeypatch, "--on", "modal", "--merge-only") == 0
    assert (Path(capfd.readouterr().out.strip()) / "model.safetensors").is_file()
    rows = home.home / "jobs" / "r1" / "rows.jsonl"
    rows.write_text(rows.read_text() + "\n")
    assert train(home, monkeypatch, "--on", "modal", "--merge-only") == 2
    assert "not what job.json says" in capfd.readouterr().err
