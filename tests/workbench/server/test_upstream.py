"""Real llama.cpp behind our door: the same answers; cancelled, lost, and found by address."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.workbench.server.conftest import Running
from workbench.errors import InputError, MissingPartError
from workbench.server.fleet import Fleet, Spec
from workbench.server.service import Service, Wanted
from workbench.stages.train import shipped_base

pytest.importorskip("xllamacpp", reason="llama.cpp is an extra: 'distillation-workbench[export]'")
ASK = "Write def add(a: int, b: int) -> int. It returns a plus b."


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    one = Fleet(batch=4, queue=8, device="cpu")
    one.load(Spec("here", shipped_base()))
    one.load(Spec("llama", shipped_base(), engine="llamacpp"))
    yield one
    one.close()


def say(fleet: Fleet, name: str, **ask: object) -> tuple[str, str, int]:
    import asyncio

    from distill.continuous import Ask
    from workbench.server.metrics import Metrics

    service = Service(fleet, Metrics(fleet.all))
    wanted = Wanted((("user", ASK),), Ask(**ask), name)  # type: ignore[arg-type]
    done = asyncio.run(service.whole(wanted))
    return done.text, done.finish, done.input_tokens


def test_the_engine_says_what_the_student_says(fleet: Fleet) -> None:
    assert say(fleet, "llama", max_tokens=40) == say(fleet, "here", max_tokens=40)
    text, finish, _ = say(fleet, "llama", max_tokens=2)
    assert finish == "length"
    assert text


def test_health_and_lists_know_it(fleet: Fleet) -> None:
    version = fleet.get("llama").version
    assert version.facts["device"] == "llamacpp"
    assert version.base_digest == fleet.get("here").version.base_digest
    assert fleet.get("llama").engine.alive


def test_an_engine_at_an_address_is_fronted(running: Running) -> None:
    fleet = Fleet(batch=4, queue=8)
    fleet.load(Spec("fronted", shipped_base(), engine=f"{running.url}/v1"))
    try:
        assert fleet.get("fronted").engine.alive
        found, direct = say(fleet, "fronted", max_tokens=30), say(running.service.fleet, "student",
                                                                  max_tokens=30)  # fmt: skip
        assert found == direct
    finally:
        fleet.close()


def test_an_engine_that_dies_is_unhealthy_and_its_requests_fail_in_a_sentence() -> None:
    import asyncio

    from distill.continuous import Ask
    from workbench.server.metrics import Metrics
    from workbench.server.service import FailedError

    fleet = Fleet(batch=2, queue=4)
    fleet.load(Spec("llama", shipped_base(), engine="llamacpp"))
    engine = fleet.get("llama").engine
    child = engine._process.child  # type: ignore[union-attr]
    assert child is not None
    child.kill()
    child.wait()
    try:
        assert not engine.alive
        service = Service(fleet, Metrics(fleet.all))
        with pytest.raises(FailedError, match="engine does not answer"):
            asyncio.run(service.whole(Wanted((("user", ASK),), Ask(5), "llama")))
        assert engine.drain(5)
    finally:
        fleet.close()


def test_a_cancelled_request_frees_its_place(fleet: Fleet) -> None:
    from distill.continuous import Ask, Piece

    heard: list[Piece] = []
    engine = fleet.get("llama").engine
    engine.submit("def f(", Ask(5000, temperature=1.5, seed=1), heard.append).cancel()
    deadline = time.monotonic() + 20
    while not any(piece.finish for piece in heard):
        assert time.monotonic() < deadline, json.dumps([p.text for p in heard])
        time.sleep(0.02)
    assert heard[-1].finish in ("cancelled", "stop", "length")
    assert engine.running == 0


def test_what_is_not_there_is_a_sentence() -> None:
    with pytest.raises(MissingPartError, match="pip install vllm"):
        Fleet().load(Spec("x", shipped_base(), engine="vllm"))
    with pytest.raises(InputError, match="no engine 'vlm'"):
        Fleet().load(Spec("x", shipped_base(), engine="vlm"))
    with pytest.raises(InputError, match=r"answers at http://127.0.0.1:1/v1"):
        Fleet().load(Spec("x", shipped_base(), engine="http://127.0.0.1:1/v1"))
