"""The page about homes, settings and rounds names every setting and field there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.settings import PartialSettings, Settings
from workbench.stages.round_config import RoundConfig

PAGE = (Path(__file__).parents[2] / "docs" / "rounds.md").read_text("utf-8")


@pytest.mark.parametrize("name", [*PartialSettings.model_fields, *RoundConfig.model_fields])
def test_every_setting_and_field_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", ["jobs", "concurrency", "rlimit", "cases", "seed", "memory_mb"])
def test_defaults_on_the_page_are_those_of_the_code(name: str) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert line.split("|")[2].strip() == str(Settings.model_fields[name].default)


def test_what_may_be_said_may_also_be_decided() -> None:
    assert set(PartialSettings.model_fields) == set(Settings.model_fields) - {"home"}
