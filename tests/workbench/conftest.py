"""A fresh home for each test; the user's own home and keys are never touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.settings import Settings, load_settings
from workbench.store.database import Store


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    return load_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings) as opened:
        yield opened
