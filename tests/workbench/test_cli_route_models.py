"""Routing and the local engine from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.teachers.fault_server import TEXT, reply
from tests.workbench.test_cli_ask import Run, Served, configure, rows, run, task, tasks
from workbench.settings import Settings
from workbench.stages.alerts import check_fallback, check_quality, dismiss
from workbench.stages.policies import order_for
from workbench.stages.routing import dataset_router, stored_router, stored_runs
from workbench.store.database import Store
from workbench.store.tables import (
    AlertRow,
    AnswerRow,
    CandidateRow,
    CircuitRow,
    ReliabilityRow,
    RouteRow,
    SourceRow,
    VerdictRow,
)
from workbench.store.views import asking
from workbench.tasks import Task, add_tasks

__all__ = ["run", "tasks"]


def put_answers(store: Store, source: str, outcomes: list[bool], cost: str) -> list[int]:
    """Store one judged answer of ``source`` to each task, proved or refuted as told."""
    from workbench.stages.judge import identity_of
    from workbench.store.canonical import canonical, digest

    identity = identity_of(store.settings)
    ids = []
    with store.write() as session:
        session.add(
            SourceRow(id=source, kind="teacher", provider=source, model="m", local=cost == "0")
        )
        session.flush()
        for number, right in enumerate(outcomes):
            code = f"{source}{number}"
            session.add(CandidateRow(id=code, code=code))
            session.flush()
            row = AnswerRow(
                task_id=f"t{number:02}", source_id=source, prompt_digest="p", sampling_digest="s",
                sampling_json="{}", text="", finish="stop", candidate_id=code, cost=cost,
            )  # fmt: skip
            session.add(row)
            session.add(
                VerdictRow(
                    candidate_id=code, task_id=f"t{number:02}",
                    identity_digest=digest(canonical(identity)), identity_json="{}",
                    verdict="proved" if right else "refuted", method="m", explanation="",
                )
            )  # fmt: skip
            session.flush()
            assert row.id is not None
            ids.append(row.id)
    return ids


@pytest.fixture
def judged(store: Store) -> Store:
    """60 tasks: a free source right on a third of them, a dear one on all."""
    add_tasks(store, [task(n) for n in range(60)])
    put_answers(store, "free", [n % 3 == 0 for n in range(60)], "0")
    put_answers(store, "dear", [True] * 60, "0.01")
    return store


def test_a_replay_compares_the_router_with_asking_everybody(run: Run, judged: Store) -> None:
    done = run("route", "simulate", "--json", "--seeds", "3")
    assert done.status == 0, done.err
    *routed, everybody = (json.loads(line) for line in done.out.splitlines())
    assert (everybody["asked"], everybody["proved"]) == (120, 60)
    assert Decimal(everybody["cost"]) == 60 * Decimal("0.01") + 120 * Decimal("0.0005")
    for record in routed:
        assert record["proved"] == 60
        assert Decimal(record["cost"]) < Decimal(everybody["cost"])
    only = run("route", "simulate", "--json", "--sources", "free", "--seeds", "1")
    assert json.loads(only.out.splitlines()[-1])["proved"] == 20


def test_nothing_to_replay_is_a_sentence(run: Run) -> None:
    done = run("route", "simulate")
    assert done.status == 2
    assert "workbench ask" in done.err


def test_a_router_starts_with_what_earlier_answers_cost_and_proved(judged: Store) -> None:
    from teachers.model import Identity
    from teachers.pricing import PriceBook
    from tests.workbench.stages.scripted import Scripted

    class Named(Scripted):
        @property
        def identity(self) -> Identity:
            return Identity(self._name, "m", local=self._name == "free")

    opened = [Named(name, lambda p, s: "x") for name in ("free", "dear")]
    router = dataset_router(judged, judged.settings, opened, {}, PriceBook())
    assert router.price == {"free": Decimal(0), "dear": Decimal("0.01")}
    assert router.records[("free", "integers")].proved == 20
    assert len(stored_runs(judged, judged.settings)) == 60


def test_quality_below_its_objective_alerts_once_and_heals(judged: Store) -> None:
    settings = judged.settings.model_copy(update={"min_quality": 0.6})
    with judged.read() as session:
        from sqlmodel import select

        ids = [row.id for row in session.exec(select(AnswerRow)) if row.id is not None]
    for _ in range(2):
        [message] = check_quality(judged, settings, ids)
        assert "free proved 20 of 60 answers" in message
    with judged.engine.connect() as connection:
        assert [alert.subject for alert in asking.alerts(connection)] == ["free"]
    assert check_quality(judged, settings, ids[:3]) == [], "a handful says nothing"
    lenient = settings.model_copy(update={"min_quality": 0.2})
    assert check_quality(judged, lenient, ids) == []
    with judged.engine.connect() as connection:
        assert asking.alerts(connection) == ()


def test_a_dismissed_alert_stays_in_the_record(run: Run, settings: Settings, store: Store) -> None:
    with store.write() as session:
        for number in range(30):
            session.add(
                RouteRow(
                    run_id="r", policy="confidence", task_id=f"t{number}", category="c",
                    source_id="other", wanted="student", why="w",
                )
            )  # fmt: skip
    assert check_fallback(store, settings, "confidence") is not None
    assert run("sources", "alerts").status == 1
    dismiss(store, 1)
    assert run("sources", "alerts").status == 0
    assert "cleared" in run("sources", "alerts", "--all").out
    assert run("sources", "dismiss", "7").status == 2
    assert [row.cleared_at is not None for row in rows(settings, AlertRow)] == [True]


def test_a_category_goes_to_its_own_teachers(settings: Settings) -> None:
    from tests.workbench.stages.scripted import Scripted

    one, two = (Scripted(name, lambda p, s: "x") for name in ("one", "two"))
    routes = {"integers": ("two",), "system": ("one",)}
    routed = settings.model_copy(update={"routes": routes})
    assert order_for(task(1), [one, two], settings) == [one, two]
    assert order_for(task(1), [one, two], routed) == [two]
    restart = Task(
        id="s", prompt="Restart the service, its cpu usage is too high.", entry_point="f",
        signature="def f(x: int) -> int", category="other",
    )  # fmt: skip
    assert order_for(restart, [one, two], routed) == [one]


def test_a_kind_comes_with_its_confidence_and_can_be_overridden(
    run: Run, settings: Settings
) -> None:
    configure(settings, '[routes]\ncode = ["examples"]\n')
    code = json.loads(run("route", "kind", "Write a Python function", "--json").out)
    assert code["kind"] == "code"
    assert code["teachers"] == ["examples"]
    assert 0.5 < code["confidence"] < 1
    mine = json.loads(run("route", "kind", "Write a Python function", "--as", "chat", "--json").out)
    assert (mine["kind"], mine["confidence"]) == ("chat", 1.0)


def test_trust_needs_a_calibration_and_goes_by_the_newest(store: Store, run: Run) -> None:
    from workbench.errors import InputError

    with pytest.raises(InputError, match="workbench route calibrate"):
        stored_router(store, "student:base", 0.8)
    with store.write() as session:
        for fit, observed in (("old", 0.0), ("new", 1.0)):
            session.add(
                ReliabilityRow(
                    fit_id=fit, source_id="student:base", category="", low=0.9, high=1.0,
                    count=50, predicted=1.0, observed=observed,
                )
            )  # fmt: skip
            session.flush()
        session.add(
            ReliabilityRow(
                fit_id="new", source_id="student:base", category="lists", low=0.9, high=1.0,
                count=30, predicted=1.0, observed=0.1,
            )
        )  # fmt: skip
    router = stored_router(store, "student:base", 0.8)
    assert router.student_answers(1.0)
    assert not router.student_answers(0.3), "where nothing was measured, nothing is trusted"
    assert not router.student_answers(1.0, "lists"), "a category of its own goes by its own"
    assert router.student_answers(1.0, "integers")


def test_a_circuit_says_whether_it_is_open_or_lets_a_probe_through(store: Store, run: Run) -> None:
    moment = datetime.now(UTC)
    with store.write() as session:
        for provider, seconds in (("fresh", 5), ("rested", 60)):
            opened = moment - timedelta(seconds=seconds)
            session.add(
                CircuitRow(
                    provider=provider, kind="server", failures=5, opened_at=opened,
                    message="HTTP 503",
                )
            )  # fmt: skip
    said = run("sources").err
    assert "fresh is set aside (server, 5 failures; open: probed again in 2" in said
    assert "rested is set aside (server, 5 failures; half-open: the next request probes)" in said
    found = {f["name"]: f["detail"] for f in json.loads(run("doctor", "--json").out)}
    assert found["rested"].startswith("set aside (server; half-open: the next request probes)")
    circuits = json.loads(run("sources", "--json").out)["circuits"]
    states = {each["provider"]: each["state"] for each in circuits}
    assert states == {"fresh": "open", "rested": "half-open"}


DETAILS = {"parameter_size": "1B", "quantization_level": "Q4_0"}
CODER = {"model": "coder:1b", "name": "coder:1b", "digest": "abc", "size": 10**9}
TAGS = {"models": [{**CODER, "details": DETAILS}]}


def test_the_local_engine_is_listed_shown_pulled_and_tried(
    run: Run, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{httpserver.port}")
    httpserver.expect_request("/api/tags").respond_with_json(TAGS)
    shown = {"model_info": {"llama.context_length": 4096}, "capabilities": []}
    httpserver.expect_request("/api/show").respond_with_json(shown)
    broken = {"status": "downloading", "digest": "sha256:1", "total": 100, "completed": 40}
    steps = iter([[broken], [broken, {"status": "success"}]])

    def pull(request: Request) -> Response:
        return Response("".join(json.dumps(step) + "\n" for step in next(steps)))

    httpserver.expect_request("/api/pull").respond_with_handler(pull)
    media, stream = reply("/api/chat", TEXT, "stop", stream=True)
    httpserver.expect_request("/api/chat").respond_with_data(stream, content_type=media)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert "coder:1b\t1B\tQ4_0\t1.0" in run("models", "list").out
    assert json.loads(run("models", "show", "coder:1b", "--json").out)["context"] == 4096
    pulled = run("models", "pull", "coder:1b")
    assert pulled.status == 0
    assert "attempt 1 of 5" in pulled.err, "it broke off once and went on"
    tried = json.loads(run("models", "try", "coder:1b", "--json").out)
    assert tried["text"] == TEXT
    assert tried["tokens_per_second"] > 0
    assert tried["first_token_seconds"] is not None
    advice = json.loads(run("models", "recommend", "--json").out)
    assert {"coder:1b"} <= {m["name"] for m in advice["models"] if m["here"]} or not advice["ram"]


def test_a_missing_engine_and_a_missing_model_name_their_mend(
    run: Run, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    gone = run("models", "list")
    assert gone.status == 2
    assert "ollama" in gone.err
    assert run("models", "recommend").status == 0, "what would fit can be said without it"
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{httpserver.port}")
    httpserver.expect_request("/api/tags").respond_with_json({"models": []})
    assert "ollama pull nothing" in run("models", "show", "nothing").err
    assert "workbench models recommend" in run("models", "list").err


def test_a_paid_teacher_is_not_tried_past_the_bill(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    done = run("models", "try", "openai:gpt-4o-mini")
    assert done.status == 2
    assert "keeps the bill" in done.err


def test_prices_are_kept_shown_and_used(run: Run, settings: Settings, tasks: list[Task]) -> None:
    assert run("sources", "price", "compatible:m", "0.15", "0.60").status == 0
    listed = json.loads(run("sources", "price", "--json").out)
    assert listed == {"provider": "compatible", "model": "m", "input": "0.15", "output": "0.60"}
    assert "price file of" in run("sources", "price", "compatible:m").out
    unknown = run("sources", "price", "nobody:x")
    assert unknown.status == 2
    assert "INPUT OUTPUT" in unknown.err
    assert run("sources", "price", "compatible:m", "cheap", "1").status == 2
    with Served() as served:
        args = ("ask", "t00", "--teachers", served.name, "--no-judge", "--yes", "--max-cost", "1")
        assert run(*args).status == 0
    bill = json.loads(run("sources", "cost", "--json").out)
    assert bill["cost"] == str(Decimal("11") * Decimal("0.15") / 10**6 + Decimal("0.0000042"))
