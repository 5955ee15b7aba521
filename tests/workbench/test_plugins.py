"""Plug-ins: a stranger's task format is used, a broken one is named and stops nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.plugins import TASK_FORMATS, plugins
from workbench.task_files import read_task_file

MODULE = """
def read(record):
    if "question" not in record:
        return None
    return {"id": record["key"], "prompt": record["question"], "entry_point": "f",
            "signature": "def f(x: int) -> int"}
number = 3
"""
POINTS = f"""[{TASK_FORMATS}]
broken = stranger_formats:nothing_here
missing = no_such_module_anywhere:read
number = stranger_formats:number
questions = stranger_formats:read
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of somebody else, installed for one test."""
    (tmp_path / "stranger_formats.py").write_text(MODULE, "utf-8")
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.cache_clear()
    yield
    plugins.cache_clear()
    sys.modules.pop("stranger_formats", None)


@pytest.mark.usefixtures("stranger")
def test_a_strangers_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"key": "q1", "question": "Give back x."}) + '\n{"a": 1}\n', "utf-8")
    read = read_task_file(path)
    assert [task.id for task in read.tasks] == ["q1"]
    assert "no known format" in read.bad[0].message


@pytest.mark.usefixtures("stranger")
def test_a_broken_plug_in_is_named_with_its_reason() -> None:
    problems = {p.name: p.problem for p in plugins(TASK_FORMATS) if p.package == "stranger"}
    assert problems["questions"] is None
    assert "nothing_here" in str(problems["broken"])
    assert "no_such_module_anywhere" in str(problems["missing"])
    assert "not callable" in str(problems["number"])
