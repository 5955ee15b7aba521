"""The loop by itself: it waits until there is enough, says so once, trains, and hands over."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlmodel import func, select

from workbench.cli import main
from workbench.errors import InputError
from workbench.settings import PartialSettings, Settings, load_settings
from workbench.stages.improve import improve
from workbench.stages.notify import notify
from workbench.stages.readiness import Demand
from workbench.stages.round_config import FamilyChoice, RoundConfig
from workbench.stages.rounds import RoundResult, run_round
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, EventRow, RoundRow, ServedRow
from workbench.tasks import add_tasks, from_family

LATER = Demand(rows=100, per_category=0, held_out=0, duplicates=1.0)
NOW = Demand(rows=2, per_category=0, held_out=1, duplicates=1.0)


@pytest.fixture
def hooked(tmp_path: Path, httpserver: HTTPServer) -> Settings:
    over = PartialSettings(jobs=1, webhook=httpserver.url_for("/hook"))
    return load_settings(overrides=over, env={"WORKBENCH_HOME": str(tmp_path / "home")})


@pytest.fixture
def home(hooked: Settings) -> Iterator[Store]:
    from distill.family import generate

    with Store.open(hooked) as store:
        add_tasks(store, from_family(generate(5, 3, held_out=2)))
        yield store


@pytest.fixture
def config(base: Path) -> RoundConfig:
    return RoundConfig(
        base=str(base), student_tokens=24, repair=0,
        training={"lora": {"rank": 2, "alpha": 4}, "training": {"epochs": 1, "batch": 4}},
    )  # fmt: skip


def kept(store: Store, name: str = "add") -> None:
    """A request that the server kept, with its contract."""
    held = {
        "entry_point": name,
        "signature": f"def {name}(a: int, b: int) -> int",
        "contract": {"requires": [], "ensures": ["result == a + b"], "raises": [], "helpers": ""},
        "tests": [],
    }
    with store.write() as session:
        session.add(
            ServedRow(
                model="student", version_digest="d", prompt=f"Write {name}: the sum.",
                contract_json=canonical(held), category="integers", finish="stop", characters=9,
                answered_by="student",
            )
        )  # fmt: skip


def answers(store: Store) -> int:
    with store.read() as session:
        return session.exec(select(func.count()).select_from(AnswerRow)).one()


def told(server: HTTPServer) -> list[dict[str, str]]:
    return [json.loads(request.data) for request, _ in server.log]


def test_kept_questions_become_rows_and_a_training_when_there_is_enough(
    home: Store, config: RoundConfig, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    settings = home.settings
    kept(home)
    first = improve(home, settings, config, LATER)
    assert [name.startswith("served/") for name in first.tasks] == [True]
    assert (first.round_id, first.result) == ("r1", None)
    assert "r1 waits" in first.sentence
    assert "4 rows of 100." in first.sentence
    asked = answers(home)
    # Nothing is new: the same round waits, nobody is asked again, and nobody was told.
    again = improve(home, settings, config, LATER)
    assert (again.round_id, again.tasks, answers(home)) == ("r1", (), asked)
    assert told(httpserver) == []
    # One more question: a round over all of them takes the place of the one that waits.
    kept(home, "plus")
    second = improve(home, settings, config, LATER)
    assert second.round_id == "r2"
    assert answers(home) - asked == 2
    with home.read() as session:
        old = session.get(RoundRow, "r1")
        assert old is not None
        assert (old.state, old.decision) == (
            "stopped", "Not trained: round r2 has its tasks and newer ones."
        )  # fmt: skip
    # Enough: it is said once, and the round is trained and gated.
    ready = improve(home, settings, config, NOW)
    assert ready.round_id == "r2"
    assert ready.result is not None
    assert ready.result.stage == "certified"
    assert ready.result.promoted is False
    (message,) = told(httpserver)
    assert "is ready: 5 rows, 2 held out." in message["text"]
    assert improve(home, settings, config, NOW).sentence == "Nothing new to learn from."


def test_the_serving_side_gets_the_student_only_when_it_was_promoted(
    home: Store, config: RoundConfig, httpserver: HTTPServer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from workbench.cli import rounds

    httpserver.expect_oneshot_request(
        "/adapter/reload", method="POST", headers={"Authorization": "Bearer s3"}, json={}
    ).respond_with_json({"model": "student"})
    monkeypatch.setenv("WORKBENCH_SERVE_TOKEN", "s3")
    assert rounds._reloaded(httpserver.url_for("/")).endswith("serves it now.")
    file = tmp_path / "round.toml"
    file.write_text(f'base = "{config.base}"\nstudent_tokens = 24\nrepair = 0\n')
    monkeypatch.setenv("WORKBENCH_HOME", str(home.home))
    monkeypatch.setenv("WORKBENCH_JOBS", "1")
    command = ["workbench", "rounds", "improve", "--config", str(file), "--rows", "100"]
    monkeypatch.setattr(sys, "argv", [*command, "--reload", httpserver.url_for("/"), "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code  # nothing to do yet is no failure: a schedule would try again
    said = json.loads(capsys.readouterr().out)
    assert (said["round"], said["result"], said["served"]) == ("r1", None, None)
    assert said["readiness"]["rows"] == 3


def test_generated_tasks_are_no_loop(home: Store, config: RoundConfig) -> None:
    drawn = config.model_copy(update={"family": FamilyChoice(train=1, held_out=1)})
    with pytest.raises(InputError, match="draws generated ones"):
        improve(home, home.settings, drawn, NOW)


def test_a_webhook_that_fails_stops_nothing_and_is_tried_again(
    home: Store, config: RoundConfig, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.stages import improve as module

    def only_selecting(*given: Any, **more: Any) -> RoundResult:
        return run_round(*given, **{**more, "until": "selected"})

    monkeypatch.setattr(module, "run_round", only_selecting)
    httpserver.expect_ordered_request("/hook").respond_with_data("", status=500)
    httpserver.expect_ordered_request("/hook").respond_with_data("")
    improve(home, home.settings, config, NOW)
    with home.read() as session:
        errors = session.exec(select(EventRow.message).where(EventRow.kind == "error")).all()
    assert errors == ["Nobody was told: the webhook answered 500."]
    for _ in range(2):
        improve(home, home.settings, config, NOW)
    assert len(told(httpserver)) == 2


def test_in_private_mode_only_this_machine_is_told(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    over = PartialSettings(private=True, webhook="https://chat.example.org/hook")
    away = load_settings("/nowhere", env={}, overrides=over)
    assert "not on this machine" in str(notify(away, "hi"))
    assert notify(away.model_copy(update={"webhook": httpserver.url_for("/hook")}), "hi") is None
    assert notify(away.model_copy(update={"webhook": None}), "hi") is None
    dead = away.model_copy(update={"webhook": "http://127.0.0.1:1/hook"})
    assert "cannot be reached" in str(notify(dead, "hi"))
