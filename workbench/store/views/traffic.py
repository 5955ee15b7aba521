"""What went over the wire lately: requests by provider, failures by kind, and the waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workbench.store.views.reading import moment, rows


@dataclass(frozen=True, slots=True)
class Traffic:
    """One provider and model: how many requests went, and how those ended that failed."""

    provider: str
    model: str
    requests: int
    failures: tuple[tuple[str, int], ...]
    """(failure kind, how often), the commonest first. "rate" means that the provider asked to wait;
    the request was sent again after the pause."""
    last: datetime

    @property
    def failed(self) -> int:
        """How many requests brought no answer; each was tried again where that can help."""
        return sum(n for _, n in self.failures)

    @property
    def waits(self) -> int:
        """How often the provider asked to wait."""
        return dict(self.failures).get("rate", 0)


def traffic(connection: Connection, *, since: datetime | None = None) -> tuple[Traffic, ...]:
    """Return the ledger by provider and model, the busiest first."""
    where = "" if since is None else "WHERE created_at >= :since"
    values: dict[str, object] = {} if since is None else {"since": since}
    found = rows(
        connection,
        f"""SELECT provider, model, status, count(*) AS n, max(created_at) AS last
        FROM ledger {where} GROUP BY provider, model, status""",
        **values,
    )
    grouped: dict[tuple[str, str], list[tuple[str, int, datetime]]] = {}
    for r in found:
        line = (str(r["status"]), int(r["n"]), moment(r["last"]))
        grouped.setdefault((r["provider"], r["model"]), []).append(line)
    lines = [
        Traffic(
            provider,
            model,
            sum(n for _, n, _ in seen),
            tuple(sorted(((s, n) for s, n, _ in seen if s != "ok"), key=lambda f: (-f[1], f[0]))),
            max(at for _, _, at in seen),
        )
        for (provider, model), seen in grouped.items()
    ]
    return tuple(sorted(lines, key=lambda t: (-t.requests, t.provider, t.model)))
