"""A base model that takes a second to make, and a round small enough to run in a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.stages.round_config import FamilyChoice, RoundConfig


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from distill.tiny import Recipe, pretrain

    torch.set_num_threads(1)
    recipe = Recipe(
        hidden=32, layers=1, heads=2, intermediate=64, vocabulary=640, steps=20, batch=8
    )
    return pretrain(recipe, tmp_path_factory.mktemp("base"))


@pytest.fixture
def small(base: Path) -> RoundConfig:
    """A whole round in seconds: the real teachers, judge and trainer over a handful of tasks."""
    return RoundConfig(
        family=FamilyChoice(seed=5, train=6, held_out=4),
        base=str(base),
        student_tokens=24,
        repair=1,
        training={"lora": {"rank": 2, "alpha": 4}, "training": {"epochs": 1, "batch": 4}},
    )
