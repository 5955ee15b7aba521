"""A circuit breaker for each provider and kind of failure: stop asking who cannot answer.

Kinds are kept apart because they mend differently: a wrong key will not heal in a minute, a busy
server may. After the cooldown one request probes (half-open); success closes the circuit. A memory
lets circuits outlive the process; without one they live as long as the breaker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from teachers.model import FailureKind

_TRIPS = {
    FailureKind.AUTH: (1, 300.0),
    FailureKind.QUOTA: (1, 300.0),
    FailureKind.RATE: (8, 30.0),
    FailureKind.SERVER: (5, 30.0),
    FailureKind.NETWORK: (3, 30.0),
    FailureKind.TIMEOUT: (5, 60.0),
}
"""Kind -> (failures in a row that open the circuit, seconds until a probe)."""

PASSING = frozenset(
    {FailureKind.RATE, FailureKind.SERVER, FailureKind.NETWORK, FailureKind.TIMEOUT}
)
"""Kinds that may heal by themselves; a wrong key or an empty account needs a person."""

_REFRESH_SECONDS = 2.0


@dataclass(slots=True)
class Circuit:
    """The state of one provider and kind: how many failures in a row, and until when it is open.

    Times are seconds of the breaker's clock. ``since`` is when it first opened in this outage.
    """

    provider: str
    kind: FailureKind
    failures: int = 0
    opened_at: float | None = None
    since: float | None = None
    probing: bool = False
    message: str = ""

    def state(self, now: float) -> str:
        """Return "closed", "open" or "half-open"."""
        return state_at(self.kind, self.opened_at, now)[0]


def state_at(kind: FailureKind, opened_at: float | None, now: float) -> tuple[str, float]:
    """Return "closed", "open" or "half-open", and the seconds until a request may probe."""
    if opened_at is None or kind not in _TRIPS:
        return "closed", 0.0
    left = opened_at + _TRIPS[kind][1] - now
    return ("open", left) if left > 0 else ("half-open", 0.0)


class CircuitMemory(Protocol):
    """Where circuits are kept between processes."""

    def load(self) -> Sequence[Circuit]:
        """Return what is kept."""
        ...

    def save(self, circuit: Circuit) -> None:
        """Keep a circuit that has just opened."""
        ...

    def forget(self, provider: str | None) -> None:
        """Forget the circuits of ``provider``, or all."""
        ...


class Breaker:
    """All circuits of one gateway. ``clock`` returns seconds, the same in every process."""

    def __init__(
        self, clock: Callable[[], float] = time.time, memory: CircuitMemory | None = None
    ) -> None:
        self._clock = clock
        self._memory = memory
        self._circuits: dict[tuple[str, FailureKind], Circuit] = {}
        self._read_at = clock()
        for circuit in () if memory is None else memory.load():
            if circuit.kind not in _TRIPS:
                continue
            if circuit.kind not in PASSING:
                # Whoever starts a run again may have mended the key or paid: one request finds out.
                circuit.opened_at = clock() - _TRIPS[circuit.kind][1]
            self._circuits[(circuit.provider, circuit.kind)] = circuit

    def blocked(self, provider: str) -> Circuit | None:
        """Return the circuit that forbids a request now; a half-open one lets one probe pass."""
        found = self._blocked(provider)
        if found is not None and self._forgotten(found):
            found = self._blocked(provider)
        return found

    def _blocked(self, provider: str) -> Circuit | None:
        now = self._clock()
        for kind in _TRIPS:
            circuit = self._circuits.get((provider, kind))
            if circuit is None:
                continue
            state = circuit.state(now)
            if state == "open" or (state == "half-open" and circuit.probing):
                return circuit
            if state == "half-open":
                circuit.probing = True
        return None

    def _forgotten(self, circuit: Circuit) -> bool:
        """Whether somebody reset the circuit in the memory meanwhile (looked up now and then)."""
        if self._memory is None or self._clock() - self._read_at < _REFRESH_SECONDS:
            return False
        self._read_at = self._clock()
        kept = {(each.provider, each.kind) for each in self._memory.load()}
        key = (circuit.provider, circuit.kind)
        if key in kept:
            return False
        self._circuits.pop(key, None)
        return True

    def is_probing(self, circuit: Circuit) -> bool:
        """Whether one request is finding out whether ``circuit`` may close."""
        return circuit.probing and circuit.state(self._clock()) == "half-open"

    def seconds_left(self, circuit: Circuit) -> float:
        """Return the seconds until ``circuit`` lets a probe through."""
        opened = circuit.opened_at if circuit.opened_at is not None else self._clock()
        return state_at(circuit.kind, opened, self._clock())[1]

    def seconds_open(self, circuit: Circuit) -> float:
        """Return for how many seconds this outage has lasted, its failed probes included."""
        return 0.0 if circuit.since is None else max(0.0, self._clock() - circuit.since)

    def success(self, provider: str) -> None:
        """Close every circuit of ``provider``: it answered."""
        found = [self._circuits.pop((provider, kind), None) for kind in _TRIPS]
        was_open = any(c is not None and c.opened_at is not None for c in found)
        if was_open and self._memory is not None:
            self._memory.forget(provider)

    def failure(self, provider: str, kind: FailureKind, message: str) -> None:
        """Count a failure; kinds that say nothing about the provider's health are ignored."""
        if kind not in _TRIPS:
            self.release(provider)
            return
        circuit = self._circuits.setdefault((provider, kind), Circuit(provider, kind))
        circuit.failures += 1
        circuit.message = message
        if circuit.probing or circuit.failures >= _TRIPS[kind][0]:
            circuit.opened_at = self._clock()
            circuit.since = circuit.since if circuit.since is not None else circuit.opened_at
            if self._memory is not None:
                self._memory.save(replace(circuit, probing=False))
        self.release(provider)

    def release(self, provider: str) -> None:
        """Give a probe back that ended without telling anything (a cancelled request)."""
        for kind in _TRIPS:
            circuit = self._circuits.get((provider, kind))
            if circuit is not None:
                circuit.probing = False

    def open_circuits(self) -> list[Circuit]:
        """Return the circuits that are not closed, for a screen."""
        now = self._clock()
        return [c for c in self._circuits.values() if c.state(now) != "closed"]

    def reset(self, provider: str | None = None) -> None:
        """Close all circuits, or those of ``provider``."""
        for key in [key for key in self._circuits if provider in (None, key[0])]:
            del self._circuits[key]
        if self._memory is not None:
            self._memory.forget(provider)
