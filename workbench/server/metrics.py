"""What ``/metrics`` shows, in Prometheus' text format. Labels are few and never a user's text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from distill.continuous import Piece
    from workbench.server.fleet import Served

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class _Queues(Collector):
    """Reads the engines when somebody looks, so that nothing has to be kept in step."""

    def __init__(self, served: Callable[[], Iterable[Served]]) -> None:
        self._served = served

    def collect(self) -> Iterable[GaugeMetricFamily]:
        running = GaugeMetricFamily("student_running", "Requests that get tokens", labels=["model"])
        waiting = GaugeMetricFamily("student_waiting", "Requests in the queue", labels=["model"])
        for one in self._served():
            running.add_metric([one.version.spec.name], one.running)
            waiting.add_metric([one.version.spec.name], one.waiting)
        return [running, waiting]


class Metrics:
    """The counters of one server; each server has a registry of its own."""

    def __init__(self, served: Callable[[], Iterable[Served]]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Queues(served))
        where = self.registry
        labels = ["model", "api"]
        self._requests = Counter(
            "student_requests", "Requests by how they ended", [*labels, "end"], registry=where
        )
        self._tokens = Counter("student_tokens", "Tokens", ["model", "kind"], registry=where)
        self._seconds = Histogram(
            "student_seconds",
            "Seconds to the end of an answer",
            labels,
            buckets=_SECONDS,
            registry=where,
        )
        self._first = Histogram(
            "student_first_token_seconds", "Seconds to the first token", labels, buckets=_SECONDS,
            registry=where,
        )  # fmt: skip
        self._refused = Counter("student_refused", "Requests refused", ["status"], registry=where)
        self._verdicts = Counter(
            "student_verdicts", "Verified answers", ["verdict", "answered_by"], registry=where
        )
        self._follow = Counter(
            "student_follow_failures", "Students in use that could not be swapped in",
            registry=where,
        )  # fmt: skip
        self._versions = Gauge(
            "student_version", "Version that a name serves", ["model"], registry=where
        )

    def ended(self, model: str, api: str, piece: Piece) -> None:
        """Count a request that ended by itself."""
        self._requests.labels(model, api, piece.finish).inc()
        self._tokens.labels(model, "input").inc(piece.input_tokens)
        self._tokens.labels(model, "output").inc(piece.output_tokens)
        self._seconds.labels(model, api).observe(piece.seconds)
        self._first.labels(model, api).observe(piece.waited)

    def dropped(self, model: str, api: str) -> None:
        """Count a request whose client went away or whose time was up."""
        self._requests.labels(model, api, "dropped").inc()

    def refused(self, status: int) -> None:
        """Count a request that was answered with an error."""
        self._refused.labels(str(status)).inc()

    def judged(self, verdict: str, answered_by: str) -> None:
        """Count a verified answer."""
        self._verdicts.labels(verdict, answered_by).inc()

    def follow_failed(self) -> None:
        """Count a student in use that could not be swapped in."""
        self._follow.inc()

    def version(self, model: str, number: int) -> None:
        """Note the version that a name serves."""
        self._versions.labels(model).set(number)

    def text(self) -> bytes:
        """Return the page."""
        return generate_latest(self.registry)
