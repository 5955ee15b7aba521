"""Merging: the merged model answers as base plus adapter do, or nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill import export
from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.student import Student
from distill.trainer import train


@pytest.fixture(scope="module")
def adapter(base: Path, rows: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = TrainingPlan(
        lora=LoraConfig(rank=8, alpha=16, embeddings=True),
        training=TrainConfig(epochs=3, batch=8, rate=5e-3),
    )
    return train(rows, base, plan, tmp_path_factory.mktemp("adapter")).adapter_dir


def test_the_merged_model_answers_as_base_plus_adapter(
    base: Path, adapter: Path, rows: list[Example], tmp_path: Path
) -> None:
    merged = export.merge(base, adapter, tmp_path / "merged")
    assert merged.difference < export.TOLERANCE
    assert merged.tokens > 20
    asked = [row.messages for row in rows[:12]]
    adapted, whole, plain = (
        [g.text for g in student.generate(asked, max_tokens=24)]
        for student in (
            Student.load(base, adapter),
            Student.load(merged.folder),
            Student.load(base),
        )
    )
    assert whole == adapted != plain


def test_a_folder_that_exists_is_not_overwritten(base: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(DistillError, match="exists already"):
        export.merge(base, adapter, tmp_path)


def test_a_merge_that_changes_answers_is_refused(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_untie", lambda model: None)
    with pytest.raises(DistillError, match="nothing was written"):
        export.merge(base, adapter, tmp_path / "merged")
    assert not list(tmp_path.iterdir())
