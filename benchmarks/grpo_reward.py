"""What the judge adds to a GRPO step: real training of the tiny student with the judge as reward.

``python benchmarks/grpo_reward.py`` trains a few steps on family tasks and prints how much of the
time went to extracting, judging and scoring what the student wrote, beside generation and the
optimiser. The limit is 0 %: a reward that costs nothing; the goal is under 10 %.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.example import Example
from distill.family import generate


def main() -> int:
    """Run the benchmark; prints a sentence, or one JSON object with ``--json``."""
    import torch

    from distill.trainer import train
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.reward import JudgeReward
    from workbench.store.database import Store
    from workbench.tasks import add_tasks, from_family

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, default=Path("data/models/tiny"))
    parser.add_argument("--tasks", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
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
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            overrides=PartialSettings(jobs=given.jobs), env={"WORKBENCH_HOME": folder}
        )
        with Store.open(settings) as store:
            add_tasks(store, tasks)
            reward = JudgeReward(store, settings)
            # The judge's processes start once a training, so they start before the clock.
            reward(rows[:1], [rows[0].completion])
            reward.seconds, reward.judged = 0.0, 0
            begun = time.perf_counter()
            record = train(rows, given.base, plan, Path(folder) / "out", reward=reward)
            spent = time.perf_counter() - begun
    share = reward.seconds / (spent - reward.seconds)
    facts = {
        "steps": record.steps, "seconds": round(spent, 2),
        "reward_seconds": round(reward.seconds, 2),
        "judged": reward.judged, "added": round(share, 4),
    }  # fmt: skip
    if given.json:
        print(json.dumps(facts))
        return 0
    print(
        f"{record.steps} steps in {spent:.1f} s; the judge took {reward.seconds:.1f} s of them for "
        f"{reward.judged} distinct answers: it adds {share:.1%} to a step (goal: under 10 %)"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
