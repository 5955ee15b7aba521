"""What a doctor learns of a provider without spending anything: reached, let in, models, limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from teachers import TeacherError, available, no_remote_sockets
from teachers.keys import Secret, environment, find_key
from teachers.probe import limits_in, probe_models
from teachers.providers import TeacherStatus

KEY = "sk-secret-0123456789"
MODELS = {"object": "list", "data": [{"id": "m"}, {"id": "n"}]}


def line(provider: str, env: dict[str, str], *, probe: bool = True) -> TeacherStatus:
    (found,) = [each for each in available(env, probe=probe) if each.provider == provider]
    return found


def test_a_key_that_is_taken_shows_models_and_limits(httpserver: HTTPServer) -> None:
    def models(request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        reply = Response('{"data": [{"id": "m"}, {"id": "n"}]}', content_type="application/json")
        reply.headers["x-ratelimit-limit-requests"] = "500"
        reply.headers["x-ratelimit-limit-tokens"] = "30000"
        return reply

    httpserver.expect_request("/v1/models").respond_with_handler(models)
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": httpserver.url_for("/v1")}
    found = line("openai", env)
    assert found.state == "ready"
    assert found.models == ("m", "n")
    assert found.facts[1:] == (
        "reachable", "authorised", "2 models", "limits 500 requests and 30,000 tokens a minute",
    )  # fmt: skip
    assert KEY not in repr(found)


def test_a_refused_key_and_an_absent_server_are_told_apart(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/models").respond_with_json({"error": KEY}, status=401)
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": httpserver.url_for("/v1")}
    refused = line("openai", env)
    assert refused.state == "key refused"
    assert "set OPENAI_API_KEY" in refused.mend
    assert KEY not in repr(refused)
    absent = line("openai", {**env, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert absent.state == "not reachable"
    assert "check the network" in absent.mend


def test_anthropic_is_asked_in_its_own_way(httpserver: HTTPServer) -> None:
    def models(request: Request) -> Response:
        assert request.headers["x-api-key"] == KEY
        return Response('{"data": [{"id": "claude-x"}]}', content_type="application/json")

    httpserver.expect_request("/v1/models").respond_with_handler(models)
    env = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": httpserver.url_for("").rstrip("/")}
    found = line("anthropic", env)
    assert found.models == ("claude-x",)
    assert "no limits told" in found.facts


def test_a_hosted_profile_is_asked_at_its_own_address(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/models").respond_with_json(MODELS)
    env = {"GROQ_API_KEY": KEY, "GROQ_BASE_URL": httpserver.url_for("/v1")}
    assert line("groq", env).models == ("m", "n")


def test_without_probing_nobody_is_asked(httpserver: HTTPServer) -> None:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": httpserver.url_for("/v1")}
    assert line("openai", env, probe=False).facts == ()
    assert httpserver.log == []


def test_a_probe_in_private_mode_reaches_nobody() -> None:
    with no_remote_sockets():
        found = probe_models("https://192.0.2.1/v1/models", {}, Secret(KEY))
    assert not found.reachable


@pytest.mark.parametrize(("status", "body"), [(500, "down"), (200, "no json"), (200, "[1, 2]")])
def test_a_strange_answer_is_no_verdict_on_the_key(
    httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request("/v1/models").respond_with_data(body, status=status)
    found = probe_models(httpserver.url_for("/v1/models"), {}, Secret(KEY))
    assert (found.reachable, found.authorised) == (True, None)


def test_limits_are_read_in_both_forms_and_never_made_up() -> None:
    assert limits_in({"anthropic-ratelimit-requests-limit": "50"}) == "limits 50 requests a minute"
    assert limits_in({"x-ratelimit-limit-requests": "soon"}) == ""
    assert limits_in({}) == ""


def test_a_key_is_found_in_the_environment_then_the_file_then_the_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys
    import types

    for name in ("OPENAI_API_KEY", "WORKBENCH_KEYRING"):
        monkeypatch.delenv(name, raising=False)
    asked: list[tuple[str, str]] = []

    def get_password(service: str, name: str) -> str:
        asked.append((service, name))
        return "from-the-keyring"

    ring = types.ModuleType("keyring")
    ring.get_password = get_password  # type: ignore[attr-defined]
    ring.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "keyring", ring)

    def key() -> str | None:
        found = find_key("OPENAI_API_KEY", environment(tmp_path))
        return None if found is None else found.reveal()

    assert key() is None, "the keyring is asked only when the person said so"
    monkeypatch.setenv("WORKBENCH_KEYRING", "1")
    assert key() == "from-the-keyring"
    assert asked == [("distillation-workbench", "OPENAI_API_KEY")]
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-the-file\n")
    assert key() == "from-the-file"
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    assert key() == "from-the-environment"
    monkeypatch.setenv("OPENAI_API_KEY", "two\nlines")
    with pytest.raises(TeacherError, match="line break"):
        key()
