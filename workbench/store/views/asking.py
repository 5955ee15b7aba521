"""What asking came to: money by source and day, circuits, alerts, batches, reliability, speed.

All amounts are exact sums of decimal strings, added here and not by the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from workbench.store.views.reading import maybe_moment, moment, one, rows, stored

NANO = "CAST(round(CAST(cost AS NUMERIC) * 1000000000) AS BIGINT)"
"""A cost in billionths of a dollar: integers add exactly in every database."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What the ledger says of one provider and model. ``unpriced`` requests have no known cost."""

    provider: str
    model: str
    channel: str
    requests: int
    failed: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    written_tokens: int
    reasoning_tokens: int
    cost: Decimal
    last: datetime


def spending(connection: Connection, since: datetime | None = None) -> tuple[Spending, ...]:
    """Return what was spent, the dearest first; ``since`` leaves out what came before."""
    where = "" if since is None else "WHERE created_at >= :since"
    values = {} if since is None else {"since": since}
    found = rows(
        connection,
        f"""SELECT provider, model, channel, count(*) AS requests,
            count(*) FILTER (WHERE status <> 'ok') AS failed,
            count(*) FILTER (WHERE cost IS NULL AND status = 'ok') AS unpriced,
            sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
            sum(cached_tokens) AS cached, sum(written_tokens) AS written,
            sum(reasoning_tokens) AS reasoning,
            sum({NANO}) AS nano, max(created_at) AS last
        FROM ledger {where} GROUP BY provider, model, channel
        ORDER BY sum({NANO}) DESC, provider, model""",
        **values,
    )
    return tuple(
        Spending(
            r["provider"],
            r["model"],
            r["channel"],
            int(r["requests"]),
            int(r["failed"]),
            int(r["unpriced"]),
            int(r["tokens_in"] or 0),
            int(r["tokens_out"] or 0),
            int(r["cached"] or 0),
            int(r["written"] or 0),
            int(r["reasoning"] or 0),
            Decimal(int(r["nano"] or 0)).scaleb(-9),
            moment(r["last"]),
        )
        for r in found
    )


@dataclass(frozen=True, slots=True)
class CircuitView:
    """One circuit that is not closed."""

    provider: str
    kind: str
    failures: int
    opened_at: datetime | None
    message: str
    state: str
    """Either "open" (nothing is sent) or "half-open" (the next request probes)."""
    seconds: float
    """Until it is half-open; 0 where it is."""

    @property
    def words(self) -> str:
        """Say the state."""
        if self.state == "half-open":
            return "half-open: the next request probes"
        return f"open: probed again in {self.seconds:.0f} s"


def circuits(connection: Connection) -> tuple[CircuitView, ...]:
    """Return the circuits that were left open, by provider."""
    found = rows(connection, "SELECT * FROM circuit ORDER BY provider, kind")
    return tuple(_circuit(r) for r in found)


def _circuit(row: Mapping[str, Any]) -> CircuitView:
    from teachers.breaker import state_at
    from teachers.model import FailureKind

    opened = maybe_moment(row["opened_at"])
    at = None if opened is None else opened.timestamp()
    state, seconds = state_at(FailureKind(row["kind"]), at, datetime.now(UTC).timestamp())
    count, message = int(row["failures"]), row["message"]
    return CircuitView(row["provider"], row["kind"], count, opened, message, state, seconds)


@dataclass(frozen=True, slots=True)
class Alert:
    """An objective that was missed; ``cleared_at`` is None while it still is."""

    id: int
    kind: str
    subject: str
    message: str
    value: float
    objective: float
    created_at: datetime
    cleared_at: datetime | None


def alerts(connection: Connection, *, everything: bool = False) -> tuple[Alert, ...]:
    """Return the alerts that stand, newest first; with ``everything`` the cleared ones too."""
    where = "" if everything else "WHERE cleared_at IS NULL"
    found = rows(connection, f"SELECT * FROM alert {where} ORDER BY id DESC")
    return tuple(
        Alert(
            int(r["id"]),
            r["kind"],
            r["subject"],
            r["message"],
            float(r["value"]),
            float(r["objective"]),
            moment(r["created_at"]),
            maybe_moment(r["cleared_at"]),
        )
        for r in found
    )


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch job. ``state`` is "done", "sent" or "leaving" (its remote id is not known yet)."""

    id: str
    source: str
    requests: int
    remote_id: str | None
    state: str
    created_at: datetime
    updated_at: datetime


def batches(connection: Connection) -> tuple[BatchView, ...]:
    """Return the batch jobs, newest first."""
    found = rows(connection, "SELECT * FROM batch_job ORDER BY created_at DESC, id")
    return tuple(
        BatchView(
            r["id"],
            r["source_id"],
            len(stored(r["keys_json"])),
            r["remote_id"],
            "done" if r["done"] else "sent" if r["remote_id"] else "leaving",
            moment(r["created_at"]),
            moment(r["updated_at"]),
        )
        for r in found
    )


@dataclass(frozen=True, slots=True)
class ReliabilityBar:
    """One bar of the newest calibration of a source: predicted against observed pass rate."""

    source: str
    category: str
    low: float
    high: float
    count: int
    predicted: float
    observed: float


def reliability(connection: Connection, source: str | None = None) -> tuple[ReliabilityBar, ...]:
    """Return the bars of each source's newest calibration (or of ``source`` alone)."""
    newest = "SELECT max(id) FROM reliability GROUP BY source_id"
    where = "" if source is None else "AND source_id = :source"
    found = rows(
        connection,
        f"SELECT * FROM reliability WHERE fit_id IN "
        f"(SELECT fit_id FROM reliability WHERE id IN ({newest})) {where} "
        "ORDER BY source_id, category, low",
        **({} if source is None else {"source": source}),
    )
    return tuple(
        ReliabilityBar(
            r["source_id"],
            r["category"],
            float(r["low"]),
            float(r["high"]),
            int(r["count"]),
            float(r["predicted"]),
            float(r["observed"]),
        )
        for r in found
    )


@dataclass(frozen=True, slots=True)
class Speed:
    """Measured speed of one source over its answers that carry times."""

    source: str
    answers: int
    median_seconds: float
    slow_seconds: float
    """The 95th percentile."""
    first_token_seconds: float | None
    """Median over streamed answers; None where none was."""
    tokens_per_second: float | None


def speed(connection: Connection, source: str) -> Speed | None:
    """Return how fast ``source`` answered, over its last thousand answers; None without any."""
    found = rows(
        connection,
        "SELECT seconds, first_token_seconds, output_tokens FROM answer "
        "WHERE source_id = :source AND seconds > 0 ORDER BY id DESC LIMIT 1000",
        source=source,
    )
    if not found:
        return None
    seconds = sorted(float(r["seconds"]) for r in found)
    first = sorted(float(r["first_token_seconds"]) for r in found if r["first_token_seconds"])
    counted = [r for r in found if r["output_tokens"]]
    total = sum(float(r["seconds"]) for r in counted)
    return Speed(
        source,
        len(found),
        seconds[len(seconds) // 2],
        seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))],
        first[len(first) // 2] if first else None,
        sum(int(r["output_tokens"]) for r in counted) / total if total else None,
    )


def usual_tokens(connection: Connection, source: str) -> tuple[int, int, int] | None:
    """Return (answers, mean input tokens, mean output tokens) of ``source``, or None."""
    found = one(
        connection,
        "SELECT count(*) AS n, avg(input_tokens) AS tokens_in, avg(output_tokens) AS tokens_out "
        "FROM answer WHERE source_id = :source AND output_tokens IS NOT NULL "
        "AND input_tokens IS NOT NULL",
        source=source,
    )
    if found is None or not found["n"]:
        return None
    return int(found["n"]), round(float(found["tokens_in"])), round(float(found["tokens_out"]))


def fallback_rate(connection: Connection, policy: str, most: int = 200) -> tuple[int, int]:
    """Return (passed on, all) of the last ``most`` choices under ``policy``."""
    found = connection.execute(
        text(
            "SELECT count(*) AS n, count(*) FILTER (WHERE source_id <> wanted) AS moved FROM "
            "(SELECT source_id, wanted FROM route WHERE policy = :policy ORDER BY id DESC "
            "LIMIT :most) AS last"
        ),
        {"policy": policy, "most": most},
    ).one()
    return int(found.moved), int(found.n)
