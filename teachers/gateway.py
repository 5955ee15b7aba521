"""What stands between a stage and every teacher: cache, limits, retries, breaker, money, ledger.

One ``Gateway`` serves a run. ``ask`` never raises for trouble with a teacher: it returns an
``Answer`` whose ``failure`` says what happened. Nothing is asked twice: equal requests in flight
share one answer, and finished ones come from the cache.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from teachers.breaker import PASSING, Breaker, Circuit
from teachers.budget import Budget, Purse
from teachers.cache import AnswerCache, SqliteCache
from teachers.codec import request_key
from teachers.images import no_pictures, text_only
from teachers.ledger import Ledger, LedgerEntry, SqliteLedger
from teachers.limits import Gate, LimitBook, Limits
from teachers.model import Answer, Failure, FailureKind, Finish, Identity, Prompt, Sampling, Usage
from teachers.pricing import PriceBook, count_tokens, estimate_for
from teachers.private import no_remote_sockets
from teachers.protocol import Teacher
from teachers.together import Together

RETRIED = frozenset(
    {FailureKind.RATE, FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.NETWORK,
     FailureKind.MALFORMED}
)  # fmt: skip
"""Failures that a second attempt may mend. A wrong key, an empty account or a bad request stay."""

CACHED = frozenset({Finish.STOP, Finish.CANNOT})
"""What may be cached: whole answers, and a deterministic teacher's no. Never a refusal or a cut."""

Keep = Callable[[LedgerEntry, Answer | None], Awaitable[object] | None]
"""Stores a ledger entry, and under its key the answer when there is one to cache: both or none.
What it returns is awaited: the answer is handed on when it is stored, not before."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long. Waits double from ``first`` to ``cap`` seconds, with full jitter.

    A server's Retry-After is obeyed to the second, up to ``patience``; a longer one is a failure
    at once, because a run should not hang on it. ``deadline`` bounds one attempt. A provider that
    has answered in this run and then fails is waited for up to ``outage`` seconds; one that has
    not answered yet is reported at once.
    """

    attempts: int = 5
    first: float = 0.5
    cap: float = 20.0
    patience: float = 300.0
    deadline: float = 600.0
    outage: float = 1800.0


@dataclass(slots=True)
class _Flight:
    """A request that is being asked, and how many wait for its answer."""

    task: asyncio.Task[Answer]
    waiting: int = 0


class Gateway:
    """The one door to all teachers for one run.

    ``private=True`` makes a request to anything but this machine impossible: such a teacher is
    refused, and while a request runs no socket may leave the loopback interface.
    """

    def __init__(
        self,
        cache: AnswerCache,
        ledger: Ledger,
        *,
        limits: LimitBook | Limits | None = None,
        retry: Retry | None = None,
        budget: Budget | None = None,
        private: bool = False,
        run_id: str = "",
        prices: PriceBook | None = None,
        breaker: Breaker | None = None,
        bypass_cache: bool = False,
        keep: Keep | None = None,
        answered: Iterable[str] = (),
    ) -> None:
        self._cache = cache
        self._keep = keep or _together(cache, ledger) or self._keep_apart
        self._ledger = ledger
        self._limits = LimitBook(limits) if isinstance(limits, Limits) else limits or LimitBook()
        self._retry = retry or Retry()
        self._purse = None if budget is None or budget.empty else Purse(budget, ledger, run_id)
        self._private = private
        self._run_id = run_id
        self._bypass = bypass_cache
        self.prices = prices or PriceBook()
        self.breaker = breaker or Breaker()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gates: dict[str, Gate] = {}
        self._flying: dict[str, _Flight] = {}
        self._healthy: set[str] = set(answered)
        """Endpoints that have answered in this run, and providers that did before a restart."""

    async def ask(self, teacher: Teacher, prompt: Prompt, sampling: Sampling) -> Answer:
        """Return the answer of ``teacher``: from the cache, from a twin in flight, or asked now."""
        identity = teacher.identity
        key = request_key(identity, prompt, sampling)
        if not self._bypass:
            known = self._cache.get(key)
            if known is not None:
                return known
        self._bind_loop()
        flight = self._flying.get(key)
        if flight is None:
            task = asyncio.ensure_future(self._fresh(teacher, identity, prompt, sampling, key))
            flight = self._flying[key] = _Flight(task)
            task.add_done_callback(partial(self._landed, key, flight))
        first = flight.waiting == 0
        flight.waiting += 1
        try:
            answer = await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            if flight.waiting == 1:
                flight.task.cancel()  # nobody is left who wants it
                self._landed(key, flight)  # at once: the next question must not board it
            raise
        finally:
            flight.waiting -= 1
        return answer if first else replace(answer, cached=True)

    def _landed(self, key: str, flight: _Flight, _task: object = None) -> None:
        """Forget ``flight``, unless a later one has taken its place."""
        if self._flying.get(key) is flight:
            del self._flying[key]

    async def ask_first(
        self, teachers: Sequence[Teacher], prompt: Prompt, sampling: Sampling
    ) -> tuple[Answer, tuple[Answer, ...]]:
        """Ask in order until one answers; return its answer and the failures before it.

        This is a policy for getting *one* answer. It is no way to say that all were asked.
        """
        failures: list[Answer] = []
        for teacher in teachers:
            answer = await self.ask(teacher, prompt, sampling)
            if answer.finish is Finish.STOP:
                return answer, tuple(failures)
            failures.append(answer)
        if not failures:
            raise ValueError("ask_first needs at least one teacher")
        return failures[-1], tuple(failures[:-1])

    async def _fresh(
        self, teacher: Teacher, identity: Identity, prompt: Prompt, sampling: Sampling, key: str
    ) -> Answer:
        if self._private and not identity.local:
            return _failed(
                identity,
                FailureKind.PRIVATE,
                f"{teacher.name} is not on this machine and private mode is on; choose a local "
                "teacher or turn private mode off",
            )
        if not any(each.content.strip() or each.images for each in prompt.messages):
            return _failed(
                identity, FailureKind.BAD_REQUEST, "the prompt is empty; nothing was sent"
            )
        if any(each.images for each in prompt.messages) and text_only(
            identity.provider, identity.model
        ):
            return _failed(identity, FailureKind.BAD_REQUEST, no_pictures(teacher.name))
        gate = self._gate(identity)
        async with gate.slot():
            policy = self._retry
            retrying = AsyncRetrying(
                stop=stop_after_attempt(policy.attempts),
                wait=lambda state: _wait(policy, state),
                retry=retry_if_result(self._again),
                retry_error_callback=_last,
            )
            answer: Answer = await retrying(
                self._attempt, teacher, identity, prompt, sampling, key, gate
            )
            statistics = retrying.statistics.get("attempt_number", 1)
        return replace(answer, attempts=int(statistics))

    async def _attempt(
        self,
        teacher: Teacher,
        identity: Identity,
        prompt: Prompt,
        sampling: Sampling,
        key: str,
        gate: Gate,
    ) -> Answer:
        blocked = await self._wait_for(identity.endpoint, identity.provider)
        if blocked is not None:
            return self._set_aside(identity, blocked)
        most, refusal = self._reserve(identity, prompt, sampling)
        if refusal is not None:
            self.breaker.release(identity.endpoint)
            return _failed(identity, FailureKind.BUDGET, refusal)
        answer: Answer | None = None
        try:
            await gate.admit(count_tokens(prompt) + sampling.max_tokens)
            answer = await self._call(teacher, identity, prompt, sampling)
        finally:
            if answer is None:
                # Cancelled in flight: the provider may still charge, so the dearest case stands.
                self.breaker.release(identity.endpoint)
                self._settle(identity, most, most)
        if answer.cost is None:
            answer = replace(answer, cost=self.prices.cost(identity, answer.usage))
        self._learn(identity, answer, gate)
        kept = self._account(identity, answer, key, most)
        if kept is not None:
            await kept
        return answer

    async def _wait_for(self, endpoint: str, provider: str) -> Circuit | None:
        """Return None when ``endpoint`` may be asked, else the circuit that forbids it.

        Who answered before is waited for: a minute of trouble at night must not cost
        the rest of the run.
        """
        while True:
            blocked = self.breaker.blocked(endpoint)
            if blocked is not None and self.breaker.is_probing(blocked):
                await asyncio.sleep(0.02)  # another request finds out right now
                continue
            waits = bool(self._healthy & {endpoint, provider})
            if blocked is None or blocked.kind not in PASSING or not waits:
                return blocked
            if self.breaker.seconds_open(blocked) >= self._retry.outage:
                return blocked
            await asyncio.sleep(min(max(self.breaker.seconds_left(blocked), 0.2), 5.0))

    def _set_aside(self, identity: Identity, circuit: Circuit) -> Answer:
        return _failed(
            identity,
            FailureKind.BREAKER,
            f"{identity.endpoint} is set aside after {circuit.failures} failures "
            f"({circuit.kind.value}: {circuit.message}); it is probed again in "
            f"{self.breaker.seconds_left(circuit):.0f} s",
        )

    async def _call(
        self, teacher: Teacher, identity: Identity, prompt: Prompt, sampling: Sampling
    ) -> Answer:
        guard: AbstractContextManager[None] = (
            no_remote_sockets() if self._private else nullcontext()
        )
        deadline = self._retry.deadline
        try:
            with guard:
                async with asyncio.timeout(deadline):
                    return await teacher.answer(prompt, sampling)
        except TimeoutError:
            return _failed(identity, FailureKind.TIMEOUT, f"no answer within {deadline:g} s")
        except Exception as error:  # noqa: BLE001  the border: a teacher may fail in any way
            failed = _failed(
                identity,
                FailureKind.INTERNAL,
                f"{teacher.name} failed inside: {type(error).__name__}",
            )
            assert failed.failure is not None
            detail = "".join(traceback.format_exception(error))
            return replace(failed, failure=replace(failed.failure, detail=detail))

    def _reserve(
        self, identity: Identity, prompt: Prompt, sampling: Sampling
    ) -> tuple[Decimal, str | None]:
        if self._purse is None:
            return Decimal(0), None
        estimate = estimate_for(identity, [prompt], sampling, self.prices)
        if estimate.cost is None:
            return Decimal(0), (
                f"no price is known for {identity.provider}:{identity.model}, so the budget cannot "
                "hold; name its price in a price file or run without a budget"
            )
        refused = self._purse.reserve(identity.provider, estimate.cost)
        return estimate.cost, None if refused is None else refused.sentence

    def _settle(self, identity: Identity, reserved: Decimal, actual: Decimal) -> None:
        if self._purse is not None:
            self._purse.settle(identity.provider, reserved, actual)

    def _account(
        self, identity: Identity, answer: Answer, key: str, reserved: Decimal
    ) -> Awaitable[object] | None:
        failure = answer.failure
        if failure is not None:
            actual = answer.cost or Decimal(0)
        else:
            # A server that forgot to say its usage is charged at the dearest it could be.
            actual = reserved if answer.cost is None else answer.cost
        self._settle(identity, reserved, actual)
        entry = LedgerEntry(
            run_id=self._run_id,
            provider=identity.provider,
            model=identity.model,
            key=key,
            usage=answer.usage,
            cost=answer.cost,
            status="ok" if failure is None else failure.kind.value,
            request_id=answer.request_id,
        )
        whole = answer.finish in CACHED and (answer.finish is not Finish.CANNOT or identity.local)
        return self._keep(entry, answer if whole else None)

    def _keep_apart(self, entry: LedgerEntry, answer: Answer | None) -> None:
        # The answer first: a crash between the two then loses a line of the bill, not an answer.
        if answer is not None:
            self._cache.put(entry.key, answer)
        self._ledger.record(entry)

    def _learn(self, identity: Identity, answer: Answer, gate: Gate) -> None:
        failure = answer.failure
        if failure is None:
            self._healthy.add(identity.endpoint)
            self.breaker.success(identity.endpoint)
            gate.answered()
            return
        self.breaker.failure(identity.endpoint, failure.kind, failure.message)
        if failure.kind is FailureKind.RATE:
            after = failure.retry_after
            patient = after is None or after <= self._retry.patience
            gate.slow_down(after if patient else None)

    def _again(self, answer: Answer) -> bool:
        failure = answer.failure
        if failure is None or failure.kind not in RETRIED:
            return False
        return failure.retry_after is None or failure.retry_after <= self._retry.patience

    def _gate(self, identity: Identity) -> Gate:
        name = identity.endpoint
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = Gate(self._limits.of(name, identity.provider))
        return gate

    def _bind_loop(self) -> None:
        # Locks and buckets belong to an event loop; a second asyncio.run gets new ones.
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._gates, self._flying = loop, {}, {}


def _together(cache: AnswerCache, ledger: Ledger) -> Keep | None:
    """Return what writes to our own files many at a time and beside the loop; None for others."""
    if not isinstance(cache, SqliteCache) or not isinstance(ledger, SqliteLedger):
        return None

    def write(pairs: Sequence[tuple[LedgerEntry, Answer | None]]) -> Sequence[None]:
        # The answers first: a crash between the two loses lines of the bill, and no answer.
        cache.put_all([(entry.key, answer) for entry, answer in pairs if answer is not None])
        ledger.record_all([entry for entry, _ in pairs])
        return [None] * len(pairs)

    group: Together[tuple[LedgerEntry, Answer | None], None] = Together(write)
    return lambda entry, answer: group.put((entry, answer))


def _failed(identity: Identity, kind: FailureKind, message: str) -> Answer:
    return Answer(
        text="",
        finish=Finish.FAILED,
        provider=identity.provider,
        model=identity.model,
        usage=Usage(),
        failure=Failure(kind, message),
    )


def _wait(policy: Retry, state: RetryCallState) -> float:
    answer = state.outcome.result() if state.outcome is not None else None
    failure = answer.failure if isinstance(answer, Answer) else None
    if failure is not None and failure.retry_after is not None:
        return failure.retry_after
    longest = min(policy.cap, policy.first * 2 ** (state.attempt_number - 1))
    return random.uniform(longest / 2, longest)


def _last(state: RetryCallState) -> Answer:
    assert state.outcome is not None
    answer = state.outcome.result()
    assert isinstance(answer, Answer)
    return answer
