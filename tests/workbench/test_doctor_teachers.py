"""The doctor on teachers: each finding is one thing, with the line that mends it."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from workbench.doctor import Finding, examine
from workbench.prices import set_price
from workbench.settings import Settings
from workbench.store.database import Store
from workbench.store.tables import SourceRow


@pytest.fixture
def found(
    settings: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, str], Finding]:
    monkeypatch.setenv("GROQ_API_KEY", "sk-0123456789")
    monkeypatch.setenv("GROQ_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": "llama-70b"}]})
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    with Store.open(settings) as store, store.write() as session:
        for model in ("llama-70b", "llama-7Ob"):
            name = f"compatible:groq:{model}"
            session.add(SourceRow(id=name, kind="teacher", provider="groq", model=model))
        name = "compatible:mistral:x"
        session.add(SourceRow(id=name, kind="teacher", provider="mistral", model="x"))
    return {(each.area, each.name): each for each in examine(settings, probe=True)}


def test_a_model_that_is_there_and_one_that_is_misspelt(
    found: dict[tuple[str, str], Finding],
) -> None:
    assert found[("models", "compatible:groq:llama-70b")].state == "ok"
    wrong = found[("models", "compatible:groq:llama-7Ob")]
    assert wrong.state == "missing"
    assert "did you mean llama-70b?" in wrong.mend


def test_a_provider_without_a_key_names_the_variable(
    found: dict[tuple[str, str], Finding],
) -> None:
    assert "MISTRAL_API_KEY" in found[("models", "compatible:mistral:x")].mend
    assert "authorised" in found[("teachers", "compatible:groq:MODEL")].detail


def test_a_price_file_with_a_typo_is_broken_and_named(settings: Settings) -> None:
    from teachers.pricing import spoken_price

    set_price(settings, *spoken_price("openai:m=1/2"))
    path = settings.home / "prices.json"
    assert [f.name for f in examine(settings) if f.area == "asking"] == ["prices"]
    path.write_text(path.read_text().replace('"input"', '"imput"'))
    (broken,) = [f for f in examine(settings) if f.name == "prices"]
    assert broken.state == "broken"
    assert "'imput'" in broken.detail
