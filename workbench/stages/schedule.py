"""Commands that run by themselves: nightly rounds, by cron expression, by one leader at a time.

Any number of machines may run ``workbench schedule run`` on one home or database; one holds the
lock and is the leader, the others wait to take over. A due run is written down before it starts.
What was missed while nobody was there runs once, not once for every time that passed. A run whose
leader was killed is tried again by the next one while it has attempts left; the commands themselves
go on where they stopped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from workbench.errors import BusyError, InputError, MissingPartError, NotFoundError, StoreError
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import ScheduleRow, ScheduleRunRow, now

__all__ = ["add", "history", "lead", "next_times", "remove", "run_due", "schedules"]

_TAIL = 4_000
"""Characters kept of what a run wrote last."""
_LOCK = "scheduler"
KILLED = -9
"""The status of an attempt whose leader went away in its midst."""

Say = Callable[[str], None]


def add(
    store: Store, name: str, cron: str, command: Sequence[str], *, attempts: int = 3
) -> ScheduleRow:
    """Write a schedule down, or change the one of that name; times are UTC."""
    if not command:
        raise InputError("There is no command to run.", "For example: -- rounds run --seed 1")
    due = next_times(cron, now(), 1)[0]
    with store.write() as session:
        row = session.get(ScheduleRow, name) or ScheduleRow(
            name=name, cron=cron, command_json="", due_at=due
        )
        row.cron, row.command_json, row.due_at = cron, canonical(list(command)), due
        row.attempts, row.enabled = attempts, True
        session.add(row)
        session.flush()
        session.expunge(row)
    return row


def remove(store: Store, name: str) -> None:
    """Forget a schedule; its history stays."""
    with store.write() as session:
        row = session.get(ScheduleRow, name)
        if row is None:
            known = [one.name for one in session.exec(select(ScheduleRow))]
            raise NotFoundError.among("schedule", name, known)
        session.delete(row)


def schedules(store: Store) -> list[ScheduleRow]:
    """Return all schedules, the next to run first."""
    with store.read() as session:
        return list(session.exec(select(ScheduleRow).order_by(col(ScheduleRow.due_at))))


def history(store: Store, name: str | None = None, *, limit: int = 50) -> list[ScheduleRunRow]:
    """Return the latest attempts, the newest first."""
    query = select(ScheduleRunRow).order_by(col(ScheduleRunRow.id).desc()).limit(limit)
    if name is not None:
        query = query.where(ScheduleRunRow.name == name)
    with store.read() as session:
        return list(session.exec(query))


def next_times(cron: str, after: datetime, count: int) -> list[datetime]:
    """Return the next moments of a cron expression (five fields, UTC) after ``after``."""
    croniter = _croniter()
    if len(cron.split()) != 5 or not croniter.is_valid(cron):
        raise InputError(
            f"{cron!r} is no cron expression.",
            "Five fields: minute hour day month weekday; 02:30 every night is '30 2 * * *'.",
        )
    times = croniter(cron, after)
    return [times.get_next(datetime).astimezone(UTC) for _ in range(count)]


def run_due(
    store: Store, *, moment: datetime | None = None, command: Sequence[str] | None = None,
    say: Say = lambda _: None,
) -> list[ScheduleRunRow]:  # fmt: skip
    """Run what is due, one after the other; return the attempts. Only the leader calls this."""
    moment = moment or now()
    _mark_killed(store)
    done = []
    for row in schedules(store):
        due = _aware(row.due_at)
        if not row.enabled or due > moment:
            continue
        attempt = _attempts_so_far(store, row.name, due) + 1
        run = _run(store, row, due, attempt, command or _workbench(), say)
        done.append(run)
        if run.status == 0 or attempt >= row.attempts:
            _move_on(store, row.name, row.cron, moment)
    return done


def lead(
    store: Store, *, stop: threading.Event | None = None, every: float = 15.0,
    say: Say = lambda _: None,
) -> None:  # fmt: skip
    """Wait to become the leader, then run what falls due until ``stop``."""
    stop = stop or threading.Event()
    waited = False
    while not stop.is_set():
        try:
            with store.lock(_LOCK, "Running the schedules"):
                say(f"{_me()} runs the schedules.")
                while not stop.is_set():
                    run_due(store, say=say)
                    stop.wait(every)
        except BusyError:
            if not waited:
                say("Another process runs the schedules; waiting to take over.")
            waited = True
            stop.wait(every)
        except StoreError as error:
            # A database that is restarted is no reason to stop: who leads is settled anew.
            say(f"{error} Trying again.")
            stop.wait(every)


def _run(
    store: Store, row: ScheduleRow, due: datetime, attempt: int, program: Sequence[str], say: Say
) -> ScheduleRunRow:
    command: list[str] = parse(row.command_json)
    run = ScheduleRunRow(name=row.name, attempt=attempt, leader=_me(), due_at=due)
    with store.write() as session:
        session.add(run)
        session.flush()
        number = run.id
    say(f"{row.name}: {' '.join(command)} (attempt {attempt} of {row.attempts})")
    began = time.monotonic()
    done = subprocess.run(
        [*program, *command],
        env={**os.environ, "WORKBENCH_HOME": str(store.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode("utf-8", "replace").replace("\x00", "")[-_TAIL:]
    say(f"{row.name}: exit {done.returncode} after {time.monotonic() - began:.0f} s")
    return _close(store, number, done.returncode, output)


def _close(store: Store, number: int | None, status: int, output: str) -> ScheduleRunRow:
    with store.write() as session:
        row = session.get(ScheduleRunRow, number)
        assert row is not None  # rows are never deleted
        row.status, row.output, row.ended_at = status, output, now()
        session.add(row)
        session.flush()
        session.expunge(row)
    return row


def _mark_killed(store: Store) -> None:
    """Close the attempts that an earlier leader left open: the lock says that it is gone."""
    with store.write() as session:
        query = select(ScheduleRunRow).where(col(ScheduleRunRow.status).is_(None))
        for row in session.exec(query):
            row.status, row.ended_at = KILLED, now()
            row.output = "The process that ran it went away."
            session.add(row)


def _attempts_so_far(store: Store, name: str, due: datetime) -> int:
    with store.read() as session:
        query = select(ScheduleRunRow).where(ScheduleRunRow.name == name)
        return sum(_aware(row.due_at) == due for row in session.exec(query))


def _move_on(store: Store, name: str, cron: str, moment: datetime) -> None:
    with store.write() as session:
        row = _row(session, name)
        if row is not None:
            # a minute that has begun is over: the same moment must not come twice
            row.due_at = next_times(cron, max(moment, _aware(row.due_at)), 1)[0]
            session.add(row)


def _row(session: Session, name: str) -> ScheduleRow | None:
    return session.get(ScheduleRow, name)


def _aware(moment: datetime) -> datetime:
    """SQLite gives times back without their zone; they were written in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _workbench() -> list[str]:
    return [sys.executable, "-c", "from workbench.cli import main; main()"]


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _croniter() -> Any:
    try:
        from croniter import croniter
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("Scheduling", "serve") from error
    return croniter
