"""Ollama's housekeeping, against a server of ours that answers as its documentation says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from teachers import TeacherError
from teachers.local_engine import LocalEngine, LocalModel, recommend

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


def test_no_server_is_said_with_the_line_that_starts_it() -> None:
    engine = LocalEngine({"OLLAMA_HOST": "127.0.0.1:9"}, timeout=2.0)
    with pytest.raises(TeacherError, match="ollama serve"):
        engine.models()
    engine.close()


def test_advice_goes_by_memory_and_by_measured_scores() -> None:
    models = [LocalModel(name, "d", size * 10**9) for name, size in
              (("big", 40), ("good", 4), ("unknown", 6), ("poor", 3))]  # fmt: skip
    advice = recommend(models, 8 * 10**9, {"good": 0.8, "poor": 0.1, "big": 0.9})
    assert [each.model.name for each in advice] == ["good", "poor", "unknown"]
    assert "80% proved" in advice[0].why
