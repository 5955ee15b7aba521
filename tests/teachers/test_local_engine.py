"""Ollama's housekeeping, against a server of ours that answers as its documentation says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from teachers import TeacherError
from teachers.local_engine import LocalEngine, LocalModel, catalogue, recommend
from teachers.machine import free_memory

LISTED = {
    "models": [
        {
            "model": "coder:latest",
            "name": "coder:latest",
            "digest": "abc",
            "size": 1_000_000_000,
            "details": {"parameter_size": "1.5B", "quantization_level": "Q4_K_M"},
        }
    ]
}


@pytest.fixture
def engine(httpserver: HTTPServer) -> Iterator[LocalEngine]:
    found = LocalEngine({"OLLAMA_HOST": f"127.0.0.1:{httpserver.port}"})
    yield found
    found.close()


def test_models_are_listed_and_shown_with_digest_and_context(
    httpserver: HTTPServer, engine: LocalEngine
) -> None:
    httpserver.expect_request("/api/tags").respond_with_json(LISTED)
    shown = {"model_info": {"qwen2.context_length": 32768}, "capabilities": []}
    httpserver.expect_request("/api/show").respond_with_json(shown)
    (model,) = engine.models()
    assert (model.digest, model.quantisation, model.parameters) == ("abc", "Q4_K_M", "1.5B")
    assert engine.show("coder").context == 32768


def test_a_missing_model_names_the_line_that_gets_it(
    httpserver: HTTPServer, engine: LocalEngine
) -> None:
    httpserver.expect_request("/api/tags").respond_with_json({"models": []})
    with pytest.raises(TeacherError, match="ollama pull coder"):
        engine.show("coder")


def test_a_download_tells_its_progress(httpserver: HTTPServer, engine: LocalEngine) -> None:
    steps = [
        {"status": "pulling manifest"},
        {"status": "downloading", "digest": "sha256:1", "total": 100, "completed": 40},
        {"status": "success"},
    ]
    lines = "".join(json.dumps(step) + "\n" for step in steps)
    httpserver.expect_request("/api/pull").respond_with_data(lines)
    seen = list(engine.pull("coder"))
    assert [(step.status, step.completed) for step in seen][1] == ("downloading", 40)


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ('{"status": "downloading"}\n', "stopped at 'downloading'"),
        ('{"status": "downloading"}\n{"error": "no space left"}\n', "no space left"),
    ],
)
def test_a_download_that_breaks_off_is_said(
    httpserver: HTTPServer, engine: LocalEngine, lines: str, part: str
) -> None:
    httpserver.expect_request("/api/pull").respond_with_data(lines)
    with pytest.raises(TeacherError, match=part):
        list(engine.pull("coder"))


@pytest.mark.parametrize(
    ("installed", "mend"), [("/usr/bin/ollama", "ollama serve"), (None, "ollama.com/download")]
)
def test_no_server_is_said_with_the_line_that_mends_it(
    installed: str | None, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: installed)
    engine = LocalEngine({"OLLAMA_HOST": "127.0.0.1:9"}, timeout=2.0)
    with pytest.raises(TeacherError, match=mend):
        engine.models()
    engine.close()


def test_advice_goes_by_memory_and_by_measured_scores() -> None:
    models = [LocalModel(name, "d", size * 10**9) for name, size in
              (("big", 40), ("good", 4), ("unknown", 6), ("poor", 3))]  # fmt: skip
    advice = recommend(models, 8 * 10**9, {"good": 0.8, "poor": 0.1, "big": 0.9})
    assert [each.model.name for each in advice] == ["good", "poor", "unknown"]
    assert "80% proved" in advice[0].why


def test_free_memory_is_looked_up_and_unknown_is_not_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:    2000 kB\n")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert free_memory(meminfo).ram == 2_048_000
    nothing = free_memory(tmp_path / "absent")
    assert (nothing.ram, nothing.gpu, nothing.best) == (None, None, 0)
    assert "unknown" in nothing.sentence


def test_the_list_of_models_to_pull_has_a_date_and_sizes() -> None:
    date, models = catalogue()
    assert date[:2] == "20"
    assert all(model.size > 10**8 for model in models)
    assert recommend(models, 3 * 10**9, {})[0].model.name == "qwen2.5-coder:3b"
