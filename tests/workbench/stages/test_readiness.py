"""Enough to train on: it is said once to whoever waits for it, and a student is handed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from sqlmodel import select

from workbench.cli import main
from workbench.errors import StageError
from workbench.settings import PartialSettings, load_settings
from workbench.stages.notify import notify
from workbench.stages.plan import plan_round
from workbench.stages.readiness import Demand, readiness
from workbench.stages.round_config import RoundConfig
from workbench.stages.rounds import result_of, run_round
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, EventRow, RoundRow, SnapshotRow

NOW = Demand(rows=1, per_category=0, held_out=0, duplicates=1.0)


@pytest.fixture
def home(tmp_path: Path, httpserver: HTTPServer) -> Iterator[tuple[Store, SnapshotRow]]:
    """A round with a snapshot of one row, and a webhook to tell."""
    from distill.example import Example
    from workbench.stages.select import canonical_line

    over = PartialSettings(webhook=httpserver.url_for("/hook"))
    settings = load_settings(overrides=over, env={"WORKBENCH_HOME": str(tmp_path / "home")})
    row = Example("a", "a", (("user", "ask"),), "def f(): ...", "source")
    with Store.open(settings) as store:
        digest = store.blobs.put_text(canonical_line(row))
        found = SnapshotRow(
            id="r1-s", round_id="r1", digest=digest, rows=1, rule="r", inputs_digest=digest,
            funnel_json="{}",
        )  # fmt: skip
        with store.write() as session:
            session.add(RoundRow(id="r1", number=1, config_json="{}"))
            session.flush()
            session.add(found)
            session.flush()
            session.expunge(found)
        yield store, found


def told(server: HTTPServer) -> list[str]:
    return [json.loads(request.data)["text"] for request, _ in server.log]


def test_that_a_dataset_is_ready_is_said_once(
    home: tuple[Store, SnapshotRow], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    store, snapshot = home
    assert not readiness(store, snapshot).ready
    assert told(httpserver) == []
    for _ in range(2):
        assert readiness(store, snapshot, NOW).ready
    assert told(httpserver) == ["r1-s is ready: 1 rows, 0 held out."]


def test_a_webhook_that_fails_stops_nothing_and_is_tried_again(
    home: tuple[Store, SnapshotRow], httpserver: HTTPServer
) -> None:
    httpserver.expect_ordered_request("/hook").respond_with_data("", status=500)
    httpserver.expect_ordered_request("/hook").respond_with_data("")
    store, snapshot = home
    for _ in range(3):
        assert readiness(store, snapshot, NOW).ready
    with store.read() as session:
        errors = session.exec(select(EventRow.message).where(EventRow.kind == "error")).all()
    assert errors == ["Nobody was told: the webhook answered 500."]
    assert len(told(httpserver)) == 2


@pytest.mark.slow
def test_start_trains_the_round_when_it_is_ready_and_not_before(
    small: RoundConfig,
    tmp_path: Path,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(f'webhook = "{httpserver.url_for("/hook")}"\njobs = 1\n')
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    with Store.open(load_settings()) as store:
        name = plan_round(store, store.settings, small)
        run_round(store, store.settings, name, until="selected")

    def start(*demands: str) -> tuple[int, str]:
        monkeypatch.setattr(
            "sys.argv", ["workbench", "dataset", "readiness", "--start", "--per-category", "0",
                         "--held-out", "4", "--duplicates", "1", *demands],
        )  # fmt: skip
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0), capsys.readouterr().out

    status, said = start("--rows", "100")
    assert (status, "is not ready" in said) == (1, True)
    assert told(httpserver) == []
    assert not (home / "rounds" / name / "adapter").exists()
    start("--rows", "5")
    with Store.open(load_settings()) as store:
        found = result_of(store, name)
        assert found.stage == "certified"
        assert found.figures is not None
        with store.read() as session:
            adapters = session.exec(select(AdapterRow)).all()
    assert [(home / one.path / "adapter_model.safetensors").exists() for one in adapters] == [True]
    (said,) = told(httpserver)
    assert "is ready:" in said


def test_in_private_mode_only_this_machine_is_told(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    over = PartialSettings(private=True, webhook="https://chat.example.org/hook")
    away = load_settings("/nowhere", env={}, overrides=over)
    assert "not on this machine" in str(notify(away, "hi"))
    assert notify(away.model_copy(update={"webhook": httpserver.url_for("/hook")}), "hi") is None
    assert notify(away.model_copy(update={"webhook": None}), "hi") is None
    dead = away.model_copy(update={"webhook": "http://127.0.0.1:1/hook"})
    assert "cannot be reached" in str(notify(dead, "hi"))


def test_a_server_is_given_the_student_that_was_promoted(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.cli.feedback import _reloaded

    httpserver.expect_oneshot_request(
        "/adapter/reload", method="POST", headers={"Authorization": "Bearer s3"}, json={}
    ).respond_with_json({"model": "student"})
    monkeypatch.setenv("WORKBENCH_SERVE_TOKEN", "s3")
    assert _reloaded(httpserver.url_for("/")).endswith("serves it now.")
    with pytest.raises(StageError, match=r"was promoted, but .* did not take it"):
        _reloaded("http://127.0.0.1:1")
