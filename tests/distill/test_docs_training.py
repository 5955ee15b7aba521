"""The page about training names every field, method, preset and arm there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.config import BETAS, LoraConfig, TrainConfig
from distill.presets import PRESETS

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")


@pytest.mark.parametrize("name", [*LoraConfig.model_fields, *TrainConfig.model_fields, *BETAS])
def test_every_field_and_method_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_on_the_page(name: str) -> None:
    assert name in PAGE
