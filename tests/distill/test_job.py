"""A job folder trains elsewhere what would be trained here, and what comes back is checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from distill import job
from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.trainer import train

PLAN = TrainingPlan(
    lora=LoraConfig(rank=4, alpha=8),
    training=TrainConfig(epochs=1, batch=8, rate=5e-3, checkpoint=0.05, completion_tokens=256),
)


@pytest.fixture(scope="module")
def folder(base: Path, rows: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("jobs") / "r1"
    job.write(place, "r1", rows, base, PLAN)
    return place


def elsewhere(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the folder's own script where nothing of ours can be imported but what it carries."""
    return subprocess.run(
        [sys.executable, "-P", str(place / "run.py"), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_a_job_run_elsewhere_gives_the_adapter_that_would_be_trained_here(
    folder: Path, base: Path, rows: list[Example], tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    done = elsewhere(moved)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
    assert told[-1]["kind"] == "done"
    assert any("loss" in event for event in told)
    name, record = job.read_result(moved)
    here = train(rows, base, PLAN, tmp_path / "here")
    assert (name.name, record.losses) == ("r1", here.losses)
    assert record.adapter_digest == here.adapter_digest
    asked = job.answer(moved, str(base), 2)
    assert [one["wanted"] for one in asked] == [row.completion for row in rows[:2]]
    assert job.main([str(moved), "--merge-only"]) == 0
    assert (moved / "result" / "merged" / "config.json").is_file()


def test_the_folder_says_all_that_is_needed(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "README.md", "base", "code", "job.json", "lora_config.yaml", "requirements.txt",
        "rows.jsonl", "run.py", "training_config.yaml",
    }  # fmt: skip
    assert "torch==" in (folder / "requirements.txt").read_text()
    assert not list(folder.rglob("__pycache__"))


def test_what_is_not_whole_or_was_changed_is_refused(
    folder: Path, base: Path, rows: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(DistillError, match="exists already"):
        job.write(folder, "r1", rows, base, PLAN)
    with pytest.raises(DistillError, match="is not finished"):
        job.read_result(folder)
    with pytest.raises(DistillError, match="no whole job folder"):
        job.read(tmp_path)
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    with (changed / "rows.jsonl").open("a") as stream:
        stream.write("\n")
    with pytest.raises(DistillError, match=r"not what job\.json says"):
        job.read(changed)
    shutil.copy(folder / "rows.jsonl", changed)
    facts = json.loads((changed / "job.json").read_text())
    (changed / "job.json").write_text(json.dumps({**facts, "base_digest": "0" * 64}))
    with pytest.raises(DistillError, match="not the base model of this job"):
        job.run(changed)
    (changed / "job.json").write_text(json.dumps({**facts, "format": 9}))
    with pytest.raises(DistillError, match="newer version"):
        job.read(changed)


def test_a_method_that_needs_the_judge_stays_here(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    plan = TrainingPlan(training=TrainConfig(method="grpo", batch=8))
    with pytest.raises(DistillError, match="cannot leave this machine"):
        job.write(tmp_path / "job", "r1", rows, base, plan)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_several_processes_share_the_rows(base: Path, rows: list[Example], tmp_path: Path) -> None:
    plan = TrainingPlan(
        lora=LoraConfig(rank=4), training=TrainConfig(epochs=1, batch=6, processes=2)
    )
    place = tmp_path / "job"
    job.write(place, "r1", rows, base, plan)
    done = elsewhere(place)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [event["step"] for event in events if event["kind"] == "done"] == [2]
    _, record = job.read_result(place)
    assert record.steps == 2
    assert record.losses[-1][0] == 2
