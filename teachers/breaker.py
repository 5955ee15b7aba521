"""A circuit breaker for each provider and kind of failure: stop asking who cannot answer.

Kinds are kept apart because they mend differently: a wrong key will not heal in a minute, a busy
server may. After the cooldown one request probes (half-open); success closes the circuit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(slots=True)
class Circuit:
    """The state of one provider and kind: how many failures in a row, and until when it is open."""

    provider: str
    kind: FailureKind
    failures: int = 0
    opened_at: float | None = None
    probing: bool = False
    message: str = ""

    def state(self, now: float) -> str:
        """Return "closed", "open" or "half-open"."""
        if self.opened_at is None:
            return "closed"
        return "half-open" if now - self.opened_at >= _TRIPS[self.kind][1] else "open"


class Breaker:
    """All circuits of one gateway. ``clock`` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._circuits: dict[tuple[str, FailureKind], Circuit] = {}

    def blocked(self, provider: str) -> Circuit | None:
        """Return the circuit that forbids a request now; a half-open one lets one probe pass."""
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

    def seconds_left(self, circuit: Circuit) -> float:
        """Return the seconds until ``circuit`` lets a probe through."""
        opened = circuit.opened_at if circuit.opened_at is not None else self._clock()
        return max(0.0, opened + _TRIPS[circuit.kind][1] - self._clock())

    def success(self, provider: str) -> None:
        """Close every circuit of ``provider``: it answered."""
        for kind in _TRIPS:
            self._circuits.pop((provider, kind), None)

    def failure(self, provider: str, kind: FailureKind, message: str) -> None:
        """Count a failure; kinds that say nothing about the provider's health are ignored."""
        if kind not in _TRIPS:
            return
        circuit = self._circuits.setdefault((provider, kind), Circuit(provider, kind))
        circuit.failures += 1
        circuit.message = message
        if circuit.probing or circuit.failures >= _TRIPS[kind][0]:
            circuit.opened_at = self._clock()
        circuit.probing = False

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
