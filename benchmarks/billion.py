"""A billion judgements on paper: measure one machine now, then simulate many.

    python benchmarks/billion.py [--sample N] [--judgements N] [--cores N] [--core-hour USD]

First it judges a sample of the shipped task family's answers into a fresh home and measures seconds
and bytes a judgement. Then it simulates a cluster, message by message for a scaled-down run and by
proportion for the rest: messages of eight, judging times drawn from those measured, machines that
fail, one database that takes the writes. What it prints is a plan, not a promise; the inputs that
were not measured here are named.
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import statistics
import tempfile
from dataclasses import dataclass

from sqlmodel import select

from workbench.store.database import Store

# Assumed, not measured here.
CORES_A_MACHINE = 64
MACHINE_FAILURES_AN_HOUR = 1 / 500
RESTART_SECONDS = 120.0
DATABASE_ROWS_A_SECOND = 5_000.0
"""Verdicts that one PostgreSQL server commits a second, in transactions of a message each."""
MESSAGE = 8


@dataclass(frozen=True)
class Measured:
    """What one judgement takes here."""

    seconds: list[float]
    """CPU seconds of the judge for each, by its own clock."""
    database_bytes: float
    blob_bytes: float
    shared: float
    """Share of obligations whose text another judgement had written already."""


def measure(sample: int) -> Measured:
    """Judge ``sample`` references of the task family, one process, into a fresh home."""
    from distill.family import generate
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.answers import Draft, save_answers
    from workbench.stages.judge import judge_answers
    from workbench.stages.sources import register_student
    from workbench.store.database import open_store
    from workbench.store.tables import ObligationRow, VerdictRow
    from workbench.tasks import add_tasks, from_family

    one_job = PartialSettings(jobs=1)
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home, env={}, overrides=one_job)
        with open_store(settings) as store:
            tasks = from_family(generate(11, sample))
            add_tasks(store, tasks)
            source = register_student(store, model="reference", name="reference").id
            answers = save_answers(
                store,
                [
                    Draft(task.id, source, task.id, {"sample": 0}, (), task.reference or "", "stop",
                          task.entry_point, cost="0")
                    for task in tasks
                ],
                None,
                "student",
            )  # fmt: skip
            before = _pages(store)
            judge_answers(store, settings, answers)
            rows = _pages(store) - before
            with store.read() as session:
                seconds = list(session.exec(select(VerdictRow.seconds)))
                named = list(session.exec(select(ObligationRow.digest)))
            blobs = sum(path.stat().st_size for path in settings.blobs.rglob("*") if path.is_file())
    return Measured(
        seconds, rows / sample, blobs / sample, 1 - len(set(named)) / max(1, len(named))
    )


def _pages(store: Store) -> int:
    """Return the size of the SQLite database in bytes, what is still in its log included."""
    with store.engine.connect() as connection:
        count = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return int(count) * int(size)


@dataclass
class Outcome:
    """What a simulated run came to."""

    hours: float
    again: float
    """Share of judgements made twice because a machine failed."""
    busy: float
    """Share of core time spent judging."""
    queue: int
    """Most messages that waited for the database."""


def simulate(measured: Measured, judgements: int, cores: int, rows_a_second: float) -> Outcome:
    """Run messages over ``cores`` until ``judgements`` are written; times are simulated seconds."""
    draw = random.Random(0)
    machines = max(1, cores // CORES_A_MACHINE)
    failure = {m: draw.expovariate(MACHINE_FAILURES_AN_HOUR / 3600) for m in range(machines)}
    free = [(0.0, core) for core in range(cores)]
    heapq.heapify(free)
    left, again, worked, end = judgements, 0, 0.0, 0.0
    database, waits = 0.0, []
    while left > 0:
        moment, core = heapq.heappop(free)
        machine = core % machines
        spent = sum(draw.choice(measured.seconds) for _ in range(MESSAGE))
        if moment + spent > failure[machine]:
            again += MESSAGE
            back = max(moment, failure[machine]) + RESTART_SECONDS
            if moment >= failure[machine] or core < machines:
                failure[machine] = back + draw.expovariate(MACHINE_FAILURES_AN_HOUR / 3600)
            heapq.heappush(free, (back, core))
            continue
        done = moment + spent
        worked += spent
        left -= MESSAGE
        database = max(database, done) + MESSAGE / rows_a_second
        waits.append(database - done)
        end = max(end, database)
        heapq.heappush(free, (done, core))
    longest = max(waits, default=0.0)
    return Outcome(
        end / 3600,
        again / judgements,
        worked / (cores * end),
        int(longest * rows_a_second / MESSAGE),
    )


def main() -> None:
    """Measure, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--judgements", type=int, default=1_000_000_000)
    parser.add_argument("--cores", type=int, nargs="+", default=[64, 640, 2560, 6400])
    parser.add_argument("--core-hour", type=float, default=0.02, help="US dollars, assumed")
    options = parser.parse_args()
    measured = measure(options.sample)
    mean = statistics.mean(measured.seconds)
    print(f"measured on {options.sample} judgements here, load {os.getloadavg()[0]:.1f}:")
    print(f"  {mean * 1000:.0f} ms each (median {statistics.median(measured.seconds) * 1000:.0f}), "
          f"{measured.database_bytes / 1024:.1f} KiB of rows, {measured.blob_bytes / 1024:.1f} KiB "
          f"of obligations, {measured.shared:.0%} of them shared")  # fmt: skip
    total = options.judgements
    core_hours = total * mean / 3600
    print(f"{total:,} judgements: {total * measured.database_bytes / 1e12:.1f} TB of rows, "
          f"up to {total * measured.blob_bytes / 1e12:.1f} TB of obligations, "
          f"{core_hours:,.0f} core hours, ${core_hours * options.core_hour:,.0f} at "
          f"${options.core_hour} each")  # fmt: skip
    print("  cores     hours   made twice   cores busy   database")
    for cores in options.cores:
        part = min(total, 400 * cores * MESSAGE)
        found = simulate(measured, part, cores, DATABASE_ROWS_A_SECOND)
        hours = found.hours * total / part
        limit = "IS THE LIMIT" if cores / mean > DATABASE_ROWS_A_SECOND else "keeps up"
        print(f"  {cores:5} {hours:9,.1f} {found.again:11.3%} {found.busy:11.0%}   {limit}")
    print(f"the database takes {DATABASE_ROWS_A_SECOND:,.0f} judgements a second (assumed): "
          f"it becomes the limit at {DATABASE_ROWS_A_SECOND * mean:,.0f} cores")  # fmt: skip


if __name__ == "__main__":
    main()
