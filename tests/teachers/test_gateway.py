"""The gateway: nothing paid twice, caps that hold, circuits that open and close, no key shown."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from teachers import (
    Answer,
    Budget,
    Failure,
    FailureKind,
    Finish,
    Gateway,
    Identity,
    LedgerEntry,
    LimitBook,
    Limits,
    MemoryCache,
    MemoryLedger,
    Message,
    Price,
    PriceBook,
    Prompt,
    RemoteSocketError,
    Retry,
    Sampling,
    Specification,
    SqliteCache,
    SqliteLedger,
    Usage,
    no_remote_sockets,
    request_key,
)
from teachers.breaker import Breaker
from teachers.codec import answer_from_json, answer_to_json, specification_fields, specification_of
from tests.teachers.fault_server import FaultServer
from tests.teachers.test_faults import KEY, PROTOCOLS, teacher_for

HERE = Identity("here", "m", local=True)
FAR = Identity("far", "m", "https://example.invalid/v1")
QUICK = Retry(attempts=3, first=0.001, cap=0.002, deadline=1.0)
PROMPT = Prompt.of("hello")
SAMPLING = Sampling(max_tokens=100)


class Scripted:
    """A teacher of the tests: it answers from a function and counts its calls."""

    def __init__(self, identity: Identity, reply: Callable[[int], Answer]) -> None:
        self._identity, self._reply, self.calls = identity, reply, 0

    @property
    def name(self) -> str:
        return f"{self._identity.provider}:{self._identity.model}"

    @property
    def identity(self) -> Identity:
        return self._identity

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        self.calls += 1
        await asyncio.sleep(0.005)
        return self._reply(self.calls)

    async def close(self) -> None:
        return None


def good(identity: Identity = HERE, tokens: int = 50) -> Answer:
    """Return a whole answer."""
    usage = Usage(input_tokens=10, output_tokens=tokens)
    return Answer("text", Finish.STOP, identity.provider, identity.model, usage)


def bad(kind: FailureKind, identity: Identity = HERE, after: float | None = None) -> Answer:
    """Return a failed answer."""
    failure = Failure(kind, "planned", retry_after=after)
    return Answer("", Finish.FAILED, identity.provider, identity.model, failure=failure)


def gateway(**options: object) -> Gateway:
    """Return a gateway over memory with quick retries."""
    chosen: dict[str, object] = {"retry": QUICK, **options}
    return Gateway(MemoryCache(), MemoryLedger(), **chosen)  # type: ignore[arg-type]


def test_the_same_request_is_asked_once_and_samples_are_different_requests() -> None:
    teacher = Scripted(HERE, lambda n: good())
    door = gateway()

    async def run() -> list[Answer]:
        return [
            await door.ask(teacher, PROMPT, replace(SAMPLING, sample=sample))
            for sample in (0, 1, 2, 0, 1, 2)
        ]

    answers = asyncio.run(run())
    assert teacher.calls == 3
    assert [answer.cached for answer in answers] == [False] * 3 + [True] * 3


def test_equal_requests_in_flight_share_one_answer() -> None:
    teacher = Scripted(HERE, lambda n: good())
    door = gateway()

    async def run() -> list[Answer]:
        return await asyncio.gather(*(door.ask(teacher, PROMPT, SAMPLING) for _ in range(20)))

    answers = asyncio.run(run())
    assert teacher.calls == 1
    assert sum(not answer.cached for answer in answers) == 1


def test_every_field_of_a_request_is_in_its_key() -> None:
    specification = Specification("f", (("a", "int"),), examples=(((1,), 2),))
    base = request_key(FAR, PROMPT, SAMPLING)
    others = [
        request_key(replace(FAR, model="n"), PROMPT, SAMPLING),
        request_key(replace(FAR, base_url=None), PROMPT, SAMPLING),
        request_key(replace(FAR, provider="p"), PROMPT, SAMPLING),
        request_key(replace(FAR, version="2"), PROMPT, SAMPLING),
        request_key(FAR, Prompt.of("hello", system="s"), SAMPLING),
        request_key(FAR, Prompt((Message("assistant", "hello"),)), SAMPLING),
        request_key(FAR, replace(PROMPT, specification=specification), SAMPLING),
        *(
            request_key(FAR, PROMPT, replace(SAMPLING, **change))
            for change in (
                {"temperature": None}, {"temperature": 0.1}, {"top_p": 0.5}, {"max_tokens": 9},
                {"seed": 1}, {"stop": ("x",)}, {"reasoning_effort": "low"}, {"sample": 1},
            )
        ),
    ]  # fmt: skip
    assert len({base, *others}) == len(others) + 1


@pytest.mark.parametrize("finish", [Finish.REFUSAL, Finish.LENGTH, Finish.FILTERED])
def test_refusals_and_truncations_are_not_kept(finish: Finish) -> None:
    teacher = Scripted(HERE, lambda n: replace(good(), finish=finish))
    door = gateway()

    async def run() -> None:
        await door.ask(teacher, PROMPT, SAMPLING)
        await door.ask(teacher, PROMPT, SAMPLING)

    asyncio.run(run())
    assert teacher.calls == 2


def test_a_second_event_loop_goes_on_with_the_same_gateway() -> None:
    teacher = Scripted(HERE, lambda n: good())
    door = gateway(limits=Limits(requests_per_minute=6_000))
    asyncio.run(door.ask(teacher, PROMPT, SAMPLING))
    answer = asyncio.run(door.ask(teacher, PROMPT, replace(SAMPLING, sample=1)))
    assert answer.finish is Finish.STOP


def test_a_teacher_that_raises_is_a_failure_with_its_traceback() -> None:
    def broken(_: int) -> Answer:
        raise ZeroDivisionError("inside")

    answer = asyncio.run(gateway().ask(Scripted(HERE, broken), PROMPT, SAMPLING))
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.INTERNAL
    assert "ZeroDivisionError: inside" in answer.failure.detail
    assert "Traceback" not in answer.failure.message


def test_a_cancelled_question_can_be_asked_again() -> None:
    teacher = Scripted(HERE, lambda n: good())
    door = gateway()

    async def run() -> Answer:
        task = asyncio.ensure_future(door.ask(teacher, PROMPT, SAMPLING))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await door.ask(teacher, PROMPT, SAMPLING)

    assert asyncio.run(run()).finish is Finish.STOP


def test_a_cancelled_question_does_not_take_its_twin_along() -> None:
    teacher = Scripted(HERE, lambda n: good())
    door = gateway()

    async def run() -> Answer:
        first = asyncio.ensure_future(door.ask(teacher, PROMPT, SAMPLING))
        second = asyncio.ensure_future(door.ask(teacher, PROMPT, SAMPLING))
        await asyncio.sleep(0.001)
        first.cancel()
        return await second

    assert asyncio.run(run()).finish is Finish.STOP
    assert teacher.calls == 1


PRICES = PriceBook({("far", "m"): Price(Decimal("0.15"), Decimal("0.60"))})


def test_a_small_price_is_exact() -> None:
    teacher = Scripted(FAR, lambda n: good(FAR))
    answer = asyncio.run(gateway(prices=PRICES).ask(teacher, PROMPT, SAMPLING))
    assert answer.cost == Decimal("0.0000315")


def test_a_cap_stops_before_the_request_that_would_break_it() -> None:
    ledger = MemoryLedger()
    budget = Budget(per_run=Decimal("0.0002"))
    door = Gateway(MemoryCache(), ledger, retry=QUICK, budget=budget, prices=PRICES, run_id="r")
    teacher = Scripted(FAR, lambda n: good(FAR, tokens=100))

    async def run() -> list[Answer]:
        questions = (door.ask(teacher, PROMPT, replace(SAMPLING, sample=n)) for n in range(30))
        return await asyncio.gather(*questions)

    answers = asyncio.run(run())
    stopped = [each for each in answers if each.finish is Finish.FAILED]
    assert stopped
    assert all(each.failure and each.failure.kind is FailureKind.BUDGET for each in stopped)
    assert Decimal(0) < ledger.spent(run_id="r") <= Decimal("0.0002")
    assert teacher.calls == len(answers) - len(stopped)


def test_a_budget_needs_a_price_and_says_so() -> None:
    door = gateway(budget=Budget(per_run=Decimal(1)), prices=PriceBook({}))
    answer = asyncio.run(door.ask(Scripted(FAR, lambda n: good(FAR)), PROMPT, SAMPLING))
    assert answer.failure is not None
    assert "price file" in answer.failure.message


def test_what_earlier_runs_of_the_day_spent_counts() -> None:
    ledger = MemoryLedger()
    ledger.record(LedgerEntry("old", "far", "m", "k", cost=Decimal("0.99")))
    long_ago = datetime.now(UTC) - timedelta(days=3)
    ledger.record(LedgerEntry("old", "far", "m", "k", cost=Decimal(5), at=long_ago))
    budget = Budget(per_day=Decimal(1))
    door = Gateway(MemoryCache(), ledger, budget=budget, prices=PRICES, run_id="new")
    teacher = Scripted(FAR, lambda n: good(FAR))
    assert asyncio.run(door.ask(teacher, PROMPT, SAMPLING)).finish is Finish.STOP
    ledger.record(LedgerEntry("old", "far", "m", "k", cost=Decimal("0.01")))
    second = Gateway(MemoryCache(), ledger, budget=budget, prices=PRICES, run_id="newer")
    assert asyncio.run(second.ask(teacher, PROMPT, SAMPLING)).finish is Finish.FAILED


def test_a_wrong_key_opens_the_circuit_and_other_providers_go_on() -> None:
    door = gateway()
    locked = Scripted(FAR, lambda n: bad(FailureKind.AUTH, FAR))
    fine = Scripted(HERE, lambda n: good())

    async def run() -> list[Answer]:
        first = [await door.ask(locked, Prompt.of(str(n)), SAMPLING) for n in range(4)]
        return [*first, await door.ask(fine, PROMPT, SAMPLING)]

    *refused, last = asyncio.run(run())
    assert locked.calls == 1
    assert refused[-1].failure is not None
    assert refused[-1].failure.kind is FailureKind.BREAKER
    assert last.finish is Finish.STOP
    assert [circuit.provider for circuit in door.breaker.open_circuits()] == ["far"]


def test_a_probe_that_ends_in_another_trouble_lets_the_next_one_try() -> None:
    clock = [0.0]
    breaker = Breaker(lambda: clock[0])
    for _ in range(5):
        breaker.failure("p", FailureKind.SERVER, "500")
    for kind in (FailureKind.BAD_REQUEST, FailureKind.RATE, FailureKind.MALFORMED):
        clock[0] += 40
        assert breaker.blocked("p") is None, "the probe"
        waiting = breaker.blocked("p")
        assert waiting is not None
        assert breaker.is_probing(waiting)
        breaker.failure("p", kind, "something else")
        assert breaker.blocked("p") is None, "somebody else may probe now"
        breaker.release("p")


def test_two_servers_given_by_url_do_not_share_a_circuit() -> None:
    one, other = (Identity("compatible", "m", f"http://127.0.0.1:{port}/v1") for port in (1, 2))
    assert one.endpoint == "compatible@127.0.0.1:1" != other.endpoint
    assert Identity("openai", "m", "https://api.openai.com/v1").endpoint == "openai"


def test_a_circuit_lets_one_probe_through_and_closes_when_it_succeeds() -> None:
    clock = [0.0]
    breaker = Breaker(lambda: clock[0])
    for _ in range(5):
        assert breaker.blocked("p") is None
        breaker.failure("p", FailureKind.SERVER, "500")
    assert breaker.blocked("p") is not None
    clock[0] = 31.0
    assert breaker.blocked("p") is None, "half-open: the probe"
    assert breaker.blocked("p") is not None, "and only one"
    breaker.failure("p", FailureKind.SERVER, "500")
    assert breaker.blocked("p") is not None
    clock[0] = 62.0
    assert breaker.blocked("p") is None
    breaker.success("p")
    assert breaker.open_circuits() == []


def test_a_bad_request_says_nothing_about_the_provider() -> None:
    breaker = Breaker()
    for _ in range(50):
        breaker.failure("p", FailureKind.BAD_REQUEST, "400")
    assert breaker.blocked("p") is None


def test_requests_a_minute_are_limited() -> None:
    teacher = Scripted(HERE, lambda n: good())
    book = LimitBook(providers={"here": Limits(requests_per_minute=600)})
    door = gateway(limits=book)

    async def run() -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(
            *(door.ask(teacher, PROMPT, replace(SAMPLING, sample=n)) for n in range(14))
        )
        return loop.time() - started

    assert asyncio.run(run()) >= 0.3


def test_the_first_of_several_that_answers_serves_and_the_failures_are_told() -> None:
    down = Scripted(FAR, lambda n: bad(FailureKind.AUTH, FAR))
    up = Scripted(HERE, lambda n: good())
    answer, failures = asyncio.run(gateway().ask_first([down, up], PROMPT, SAMPLING))
    assert answer.provider == "here"
    assert [each.provider for each in failures] == ["far"]


def test_private_mode_refuses_a_remote_teacher() -> None:
    teacher = Scripted(FAR, lambda n: good(FAR))
    answer = asyncio.run(gateway(private=True).ask(teacher, PROMPT, SAMPLING))
    assert teacher.calls == 0
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.PRIVATE


def test_private_mode_blocks_the_socket_of_a_teacher_that_lies_about_being_local() -> None:
    import socket

    class Liar(Scripted):
        async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
            socket.create_connection(("192.0.2.1", 80), timeout=1).close()
            return good()

    answer = asyncio.run(gateway(private=True).ask(Liar(HERE, lambda n: good()), PROMPT, SAMPLING))
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.INTERNAL
    assert "RemoteSocketError" in answer.failure.detail


def test_the_guard_refuses_names_and_addresses_but_not_this_machine() -> None:
    import socket

    with no_remote_sockets():
        with pytest.raises(RemoteSocketError):
            socket.getaddrinfo("example.com", 443)
        with socket.socket() as plain, pytest.raises(RemoteSocketError):
            plain.connect(("192.0.2.1", 443))
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize("fault", ["ok", "401", "500", "broken json"])
def test_a_key_is_in_no_answer_cache_ledger_log_or_repr(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def run() -> None:
        cache, ledger = SqliteCache(tmp_path / "c.db"), SqliteLedger(tmp_path / "l.db")
        door = Gateway(cache, ledger, retry=QUICK)
        for protocol in PROTOCOLS:
            async with FaultServer(fault, fault, fault) as server:
                teacher = teacher_for(protocol, server.url)
                answer = await door.ask(teacher, PROMPT, SAMPLING)
                seen.extend(
                    [repr(answer), repr(teacher), str(teacher.__dict__), repr(teacher.identity)]
                )
                await teacher.close()
        cache.close()
        ledger.close()

    asyncio.run(run())
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert KEY.encode() not in stored
    assert KEY not in "".join(seen)
    assert KEY not in caplog.text


def test_sqlite_cache_and_ledger_outlive_their_process(tmp_path: Path) -> None:
    first, book = SqliteCache(tmp_path / "c.db"), SqliteLedger(tmp_path / "l.db")
    whole = replace(good(), cost=Decimal("0.000000150"), request_id="r")
    first.put("k", whole)
    first.put("k", replace(whole, text="another"))
    book.record(LedgerEntry("run", "p", "m", "k", whole.usage, whole.cost))
    book.record(LedgerEntry("run", "q", "m", "k", Usage(), None, status="rate"))
    first.close()
    book.close()
    again, ledger = SqliteCache(tmp_path / "c.db"), SqliteLedger(tmp_path / "l.db")
    assert again.get("k") == replace(whole, cached=True)
    assert again.get("other") is None
    assert len(again) == 1
    assert ledger.spent(run_id="run") == Decimal("0.00000015")
    assert ledger.spent(provider="q") == 0
    assert len(ledger) == 2
    again.close()
    ledger.close()


def test_the_cache_survives_a_kill_in_the_middle_of_writing(tmp_path: Path) -> None:
    import os
    import signal
    import subprocess
    import sys

    script = (
        "import sys\nfrom teachers import SqliteCache, Answer, Finish\n"
        "cache = SqliteCache(sys.argv[1])\nn = 0\n"
        "while True:\n    cache.put(str(n), Answer('t' * 500, Finish.STOP, 'p', 'm'))\n"
        "    print(n, flush=True)\n    n += 1\n"
    )
    path = tmp_path / "c.db"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = -1
    while told < 50:
        told = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    rest = process.stdout.read().split()
    process.stdout.close()
    last = max([told, *(int(each) for each in rest[:-1])])
    cache = SqliteCache(path)
    assert all(cache.get(str(n)) is not None for n in range(last + 1))
    cache.close()
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_answers_and_specifications_survive_their_json() -> None:
    failure = Failure(FailureKind.RATE, "slow", 429, 1.5)
    answer = replace(good(), cost=Decimal("0.1"), failure=failure, finish=Finish.FAILED)
    assert answer_from_json(answer_to_json(answer)) == answer
    specification = Specification(
        "f", (("xs", "list[int]"),), "int", ("xs",), ("result > 0",),
        ((([1, 2],), 3), (((1, "é"), {"k": None}, {1, 2}), True)), "h", (([5],),),
    )  # fmt: skip
    assert specification_of(specification_fields(specification)) == specification


def test_an_empty_prompt_is_not_sent() -> None:
    teacher = Scripted(HERE, lambda n: good(HERE))
    for text in ("", "  \n"):
        answer = asyncio.run(gateway().ask(teacher, Prompt.of(text), SAMPLING))
        assert answer.failure is not None
        assert answer.failure.message == "the prompt is empty; nothing was sent"
    assert teacher.calls == 0


@pytest.mark.parametrize(
    ("status", "text", "mend"),
    [
        (404, "The model `gpt-5-mni` does not exist", "check the model's name"),
        (400, "maximum context length is 8192 tokens", "shorten the prompt"),
        (400, "prompt is too long: 210000 tokens", "shorten the prompt"),
        (413, "", "shorten the prompt"),
    ],
)
def test_a_misspelt_model_and_a_prompt_too_long_name_their_mend(
    status: int, text: str, mend: str
) -> None:
    from teachers.wire import http_failure

    assert mend in http_failure(status, text, {}, None, "somebody").message


def test_a_cap_on_the_day_takes_in_what_another_process_spends_meanwhile() -> None:
    from teachers.budget import Purse

    ledger, clock = MemoryLedger(), [datetime(2026, 11, 21, 12, tzinfo=UTC)]
    purse = Purse(Budget(per_day=Decimal(10)), ledger, "mine", now=lambda: clock[0])
    ledger.record(LedgerEntry("other", "p", "m", "k", cost=Decimal(9), at=clock[0]))
    assert purse.reserve("p", Decimal(2)) is None, "not looked up yet"
    purse.settle("p", Decimal(2), Decimal(0))
    clock[0] += timedelta(seconds=31)
    refused = purse.reserve("p", Decimal(2))
    assert refused is not None
    assert "$9" in refused.sentence
    clock[0] += timedelta(days=1)
    assert purse.reserve("p", Decimal(2)) is None, "a new day"


def test_who_answered_before_a_restart_is_waited_for_also_after_it() -> None:
    """A circuit that was left open by the killed process does not cost the rest of the run."""

    async def ask(answered: tuple[str, ...]) -> tuple[Answer, int]:
        breaker = Breaker()
        for _ in range(5):
            breaker.failure("far", FailureKind.SERVER, "planned")
        breaker._circuits[("far", FailureKind.SERVER)].opened_at = time.time() - 29.8
        script = Scripted(FAR, lambda n: good(FAR))
        gateway = Gateway(MemoryCache(), MemoryLedger(), breaker=breaker, answered=answered)
        return await gateway.ask(script, Prompt.of("q"), Sampling()), script.calls

    refused, calls = asyncio.run(ask(()))
    assert (refused.finish, calls) == (Finish.FAILED, 0), "a stranger is reported at once"
    answer, calls = asyncio.run(ask(("far",)))
    assert (answer.finish, calls) == (Finish.STOP, 1)
