"""What the judge adds to a GRPO step: real training of the tiny student with the judge as reward.

    python -m benchmarks.grpo_reward [--tasks 32] [--batch 32] [--repeats 2]

The same training runs three ways, in turn: with the scores written down before (*free*: the limit,
a reward that costs nothing), with the judge working while the student still writes (*early*, ours),
and with the judge asked when the whole batch is there (*late*, what a plain reward function does).
Scores are the same, so all three take the same steps to the same losses, which is checked. Printed
are wall-clock and processor seconds a step and what the judge adds. The goal is under 10 % of the
wall clock; the processor time is the judge's whatever the order.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.example import Example
from distill.family import generate

Scores = dict[tuple[str, str], float | None]


class Late:
    """The judge's reward without ``begin``: nothing is judged before the batch is there."""

    def __init__(self, reward: Any) -> None:
        self._reward = reward

    def __call__(self, examples: Sequence[Example], texts: Sequence[str]) -> list[float | None]:
        return list(self._reward(examples, texts))


def spent() -> tuple[float, float]:
    """Return wall-clock seconds and processor seconds, those of ended and running children too."""
    import psutil

    here = psutil.Process()
    times = os.times()
    used = times.user + times.system + times.children_user + times.children_system
    for child in here.children(recursive=True):
        try:
            one = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += one.user + one.system + one.children_user + one.children_system
    return time.perf_counter(), used


def main() -> int:
    """Run the benchmark; prints a table, or one JSON object with ``--json``."""
    import torch

    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.reward import JudgeReward
    from workbench.store.database import Store
    from workbench.tasks import add_tasks, from_family

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, default=Path("data/models/tiny"))
    parser.add_argument("--tasks", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    tasks = from_family(generate(0, given.tasks))
    rows = [
        Example(task.id, task.id, (("user", task.prompt),), str(task.reference), "reference")
        for task in tasks
    ]
    plan = TrainingPlan(
        lora=LoraConfig(rank=32, alpha=64),
        training=TrainConfig(
            method="grpo", epochs=1, batch=given.batch, generations=given.generations,
            completion_tokens=96, rate=1e-4, checkpoint=1.0,
        ),
    )  # fmt: skip
    known: Scores = {}

    def written(examples: Sequence[Example], texts: Sequence[str]) -> list[float | None]:
        return [known[row.task_id, text] for row, text in zip(examples, texts, strict=True)]

    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            overrides=PartialSettings(jobs=given.jobs), env={"WORKBENCH_HOME": folder}
        )
        with Store.open(settings) as store:
            add_tasks(store, tasks)
            places = (Path(folder) / str(number) for number in range(10_000))

            def once(reward: Callable[..., Any]) -> tuple[float, float, tuple[Any, ...], int]:
                return timed(rows, given.base, plan, next(places), reward)

            def judge() -> JudgeReward:
                return JudgeReward(store, settings)

            with judge() as first:

                def noting(examples: Sequence[Example], texts: Sequence[str]) -> list[Any]:
                    scores = first(examples, texts)
                    pairs = zip(examples, texts, scores, strict=True)
                    known.update({(row.task_id, text): score for row, text, score in pairs})
                    return scores

                # Libraries are imported and the judge's processes started before the clock.
                _, _, losses, steps = once(noting)
                judged = first.judged
            found: dict[str, list[tuple[float, float, float]]] = {
                "free": [], "early": [], "late": []
            }  # fmt: skip
            for way in [*found] * given.repeats:
                with judge() as reward:
                    ways = {"free": written, "early": reward, "late": Late(reward)}
                    wall, cpu, same, _ = once(ways[way])
                    waited = 0.0 if way == "free" else reward.seconds
                assert same == losses, f"{way} took another course"
                found[way].append((wall / steps, cpu / steps, waited / steps))
    tell(found, judged, steps, given)
    return 0


def timed(
    rows: list[Example], base: Path, plan: TrainingPlan, folder: Path, reward: Callable[..., Any]
) -> tuple[float, float, tuple[Any, ...], int]:
    """Train once; return wall-clock and processor seconds, the losses, and the steps."""
    from distill.trainer import train

    wall, cpu = spent()
    record = train(rows, base, plan, folder, reward=reward)
    after = spent()
    return after[0] - wall, after[1] - cpu, record.losses, record.steps


def tell(found: dict[str, list[tuple[float, float]]], judged: int, steps: int, given: Any) -> None:
    """Print what was found."""
    middle = {
        way: [median(one[i] for one in runs) for i in (0, 1, 2)] for way, runs in found.items()
    }
    free = middle["free"]
    added = {
        way: [pair[i] / free[i] - 1 for i in (0, 1)]
        for way, pair in middle.items()
        if way != "free"
    }
    if given.json:
        print(json.dumps({"steps": steps, "judged": judged, "runs": found, "added": added}))
        return
    print(f"{steps} steps of {given.batch} answers, {judged} distinct ones judged by {given.jobs}")
    for way, (wall, cpu, waited) in middle.items():
        said = ""
        if way in added:
            said = (
                f", {waited:.2f} s of them waiting for the judge; it adds {added[way][0]:+.1%} by "
                f"the clock, {added[way][1]:+.1%} CPU"
            )
        print(f"{way:>6}: {wall:.2f} s a step by the clock, {cpu:.2f} CPU s{said}")
    print("(goal: early adds under 10 % of wall clock; a machine with a free core shows it)")


if __name__ == "__main__":
    raise SystemExit(main())
