"""What the served student was asked lately, how it went, and what runs by itself and when.

Only requests that server and client agreed to keep are rows (``serve --keep``); counters of all
requests are the server's own ``/metrics``. Whether something has moved is ``stages.drift``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.reading import maybe_moment, moment, rows, stored


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """One kept request. ``verdict`` is None where nobody asked for one."""

    id: int
    model: str
    version_digest: str
    """Digest of the adapter that was served, else of the base."""
    prompt: str
    removed: tuple[str, ...]
    """Kinds of personal data and secrets that were taken out of the question."""
    has_contract: bool
    category: str
    finish: str
    characters: int
    answered_by: str
    """The served name when the student answered, else the teacher that did."""
    verdict: str | None
    task_id: str | None
    """The task that was made of it, once it was."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ServedCount:
    """How many kept requests one version of a served name had, by who answered and the verdict."""

    model: str
    version_digest: str
    answered_by: str
    verdict: str | None
    requests: int
    with_contract: int
    made_tasks: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A command that runs by itself, and how its newest attempt ended."""

    name: str
    cron: str
    command: tuple[str, ...]
    attempts: int
    enabled: bool
    due: datetime
    running: bool
    """Whether an attempt has begun and not ended."""
    last_status: int | None
    """Exit status of the newest attempt that ended; -9 when its leader was killed."""
    last_ended: datetime | None


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One attempt. ``status`` None: it goes on. ``output`` is the last of what it wrote."""

    id: int
    name: str
    attempt: int
    leader: str
    status: int | None
    output: str
    due: datetime
    started: datetime
    ended: datetime | None


def served(
    connection: Connection, *, before: int | None = None, size: int = 50, model: str | None = None
) -> tuple[ServedRequest, ...]:
    """Return the newest kept requests; ``before`` is the id where the page before this ended."""
    wheres = []
    values: dict[str, Any] = {"size": size}
    if before is not None:
        wheres.append("id < :before")
        values["before"] = before
    if model is not None:
        wheres.append("model = :model")
        values["model"] = model
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    found = rows(
        connection,
        f"""SELECT id, model, version_digest, prompt, removed_json,
            contract_json IS NOT NULL AS has_contract, category, finish, characters, answered_by,
            verdict, task_id, created_at
        FROM served {where} ORDER BY id DESC LIMIT :size""",
        **values,
    )
    return tuple(
        ServedRequest(
            int(r["id"]), r["model"], r["version_digest"], r["prompt"],
            tuple(stored(r["removed_json"]) or ()), bool(r["has_contract"]), r["category"],
            r["finish"], int(r["characters"]), r["answered_by"], r["verdict"], r["task_id"],
            moment(r["created_at"]),
        )
        for r in found
    )  # fmt: skip


def served_counts(
    connection: Connection, *, since: datetime | None = None
) -> tuple[ServedCount, ...]:
    """Return the kept requests counted, the commonest first."""
    where = "" if since is None else "WHERE created_at >= :since"
    values: dict[str, Any] = {} if since is None else {"since": since}
    found = rows(
        connection,
        f"""SELECT model, version_digest, answered_by, verdict, count(*) AS requests,
            count(contract_json) AS with_contract, count(task_id) AS made_tasks,
            min(created_at) AS first_at, max(created_at) AS last_at
        FROM served {where} GROUP BY model, version_digest, answered_by, verdict
        ORDER BY count(*) DESC, model, answered_by""",
        **values,
    )
    return tuple(
        ServedCount(
            r["model"], r["version_digest"], r["answered_by"], r["verdict"], int(r["requests"]),
            int(r["with_contract"]), int(r["made_tasks"]), moment(r["first_at"]),
            moment(r["last_at"]),
        )
        for r in found
    )  # fmt: skip


def schedules(connection: Connection) -> tuple[Scheduled, ...]:
    """Return what runs by itself, the next to run first."""
    found = rows(
        connection,
        """SELECT s.*, (SELECT count(*) FROM schedule_run r WHERE r.name = s.name
                AND r.ended_at IS NULL) AS open_runs,
            (SELECT r.status FROM schedule_run r WHERE r.name = s.name
                AND r.ended_at IS NOT NULL ORDER BY r.id DESC LIMIT 1) AS last_status,
            (SELECT max(r.ended_at) FROM schedule_run r WHERE r.name = s.name) AS last_ended
        FROM schedule s ORDER BY s.due_at, s.name""",
    )
    return tuple(
        Scheduled(
            r["name"], r["cron"], tuple(stored(r["command_json"]) or ()), int(r["attempts"]),
            bool(r["enabled"]), moment(r["due_at"]), bool(r["open_runs"]), r["last_status"],
            maybe_moment(r["last_ended"]),
        )
        for r in found
    )  # fmt: skip


def scheduled_runs(
    connection: Connection, *, name: str | None = None, size: int = 50
) -> tuple[ScheduledRun, ...]:
    """Return the newest attempts, of one schedule or of all."""
    where = "" if name is None else "WHERE name = :name"
    values: dict[str, Any] = {"size": size} if name is None else {"size": size, "name": name}
    found = rows(
        connection,
        f"SELECT * FROM schedule_run {where} ORDER BY id DESC LIMIT :size",
        **values,
    )
    return tuple(
        ScheduledRun(
            int(r["id"]), r["name"], int(r["attempt"]), r["leader"], r["status"], r["output"],
            moment(r["due_at"]), moment(r["started_at"]), maybe_moment(r["ended_at"]),
        )
        for r in found
    )  # fmt: skip
