"""A home with rows for reading, made once; a copy of it for tests that write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.ui.store_builder import build

APP = Path(__file__).resolve().parents[2] / "ui" / "app.py"
Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled") / "home"
    build(home).close()
    return home


@pytest.fixture
def writable(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a screen of a home, as its address would: ``visit(home, "matrix", mode="refuted")``."""

    def _visit(home: Path, screen: str = "overview", **query: str) -> AppTest:
        monkeypatch.setenv("WORKBENCH_HOME", str(home))
        app = AppTest.from_file(str(APP), default_timeout=60)
        if screen != "overview":
            app.run()
            app.switch_page(f"screens/{screen}.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        return app

    return _visit
