"""A training as a folder that runs anywhere: rows, both configurations, base, lock, entry script.

``write`` makes the folder; ``python -m distill.job DIR``, or ``python DIR/run.py`` where nothing of
ours is installed, trains and leaves ``DIR/result``; ``read_result`` checks what came back. A run
that was stopped goes on when it is started again. What it is not: a place for the judge; a method
that needs a reward (grpo) trains where the judge is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distill.config import TrainingPlan
from distill.digests import folder_size
from distill.errors import DistillError
from distill.example import Example, canonical

FORMAT = 1
CARRIED = 2 * 10**9
"""Bytes of a base model's folder up to which it travels inside the job."""
_LOCKED = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "tokenizers",
           "safetensors", "pydantic", "pyyaml")  # fmt: skip
_RUN = '''"""Runs this job: python run.py (see README.md). Needs what requirements.txt names."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "code"))

from distill.job import main

if __name__ == "__main__":
    raise SystemExit(main([str(HERE), *sys.argv[1:]]))
'''
_README = """# A training job

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python run.py               # train; goes on where it stopped
    .venv/bin/python run.py --test-only   # answer a few prompts with the adapter
    .venv/bin/python run.py --merge-only  # base and adapter as one model in result/merged

`result/` is what comes back: `workbench train --import THIS_FOLDER` checks it and puts the adapter
into its round.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What a job folder says of itself (``job.json``)."""

    name: str
    base: str
    """``base`` inside the folder, else a hub id or a path on the machine that runs it."""
    base_digest: str
    rows: int
    rows_digest: str
    format: int = FORMAT


def write(
    folder: Path, name: str, examples: Sequence[Example], base: str | Path, plan: TrainingPlan
) -> Job:
    """Write the job folder, whole or not at all; ``folder`` must not exist.

    Raises ``DistillError`` for a folder that exists, no rows, or a method that needs a reward.
    """
    import hashlib

    import yaml

    from distill.formats import write_examples
    from distill.methods import usable
    from distill.student import base_digest

    if folder.exists():
        raise DistillError(f"{folder} exists already; give a folder that does not")
    if plan.training.method == "grpo":
        raise DistillError("grpo needs the judge while it trains, so it cannot leave this machine")
    if plan.training.adapter is not None:
        raise DistillError(
            "a job starts from its base model; leave adapter out, or train on this machine"
        )
    rows = usable(examples, plan.training)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write_examples(part / "rows.jsonl", rows)
    known, inside = base_digest(base), Path(base)
    if inside.is_dir() and folder_size(inside) <= CARRIED:
        shutil.copytree(inside, part / "base")
        base = "base"
    for part_name, value in (("lora", plan.lora), ("training", plan.training)):
        data = value.model_dump(mode="json", exclude_unset=True)
        (part / f"{part_name}_config.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    lock = "".join(f"{one}=={version(one).split('+')[0]}\n" for one in _LOCKED)
    (part / "requirements.txt").write_text(lock, encoding="utf-8")
    ignore = shutil.ignore_patterns("__pycache__", "family")
    shutil.copytree(Path(__file__).parent, part / "code" / "distill", ignore=ignore)
    (part / "run.py").write_text(_RUN, encoding="utf-8")
    (part / "README.md").write_text(_README, encoding="utf-8")
    digest = hashlib.sha256((part / "rows.jsonl").read_bytes()).hexdigest()
    job = Job(name, str(base), known, len(rows), digest)
    (part / "job.json").write_text(canonical(asdict(job)) + "\n", encoding="utf-8")
    os.replace(part, folder)
    return job


def read(folder: Path) -> tuple[Job, list[Example], TrainingPlan, str]:
    """Return (job, rows, plan, base); raises ``DistillError`` when anything was changed."""
    import hashlib

    from distill.config import read_lora, read_training
    from distill.formats import read_examples

    try:
        facts = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        data = (folder / "rows.jsonl").read_bytes()
    except (OSError, json.JSONDecodeError) as error:
        raise DistillError(f"{folder} is no whole job folder ({error}); write it again") from error
    if facts.get("format", 0) > FORMAT:
        raise DistillError(f"the job in {folder} is from a newer version; update this program")
    job = Job(**facts)
    if hashlib.sha256(data).hexdigest() != job.rows_digest:
        raise DistillError(f"rows.jsonl in {folder} is not what job.json says; write the job again")
    plan = TrainingPlan(
        lora=read_lora(folder / "lora_config.yaml"),
        training=read_training(folder / "training_config.yaml"),
    )
    base = str(folder / "base") if job.base == "base" else job.base
    return job, read_examples(folder / "rows.jsonl"), plan, base


def run(folder: Path, *, base: str | None = None) -> Path:
    """Train the job in this process and return its adapter; prints each event as a JSON line."""
    from distill.student import base_digest
    from distill.trainer import TrainEvent, train

    job, rows, plan, found = read(folder)
    base = base or found
    if base_digest(base) != job.base_digest:
        raise DistillError(
            f"{base} is not the base model of this job (wanted {job.base_digest[:12]}); "
            "give the right one with --base"
        )

    out = sys.stdout  # as it is now: a tracker's own words go elsewhere while it trains

    def tell(event: TrainEvent) -> None:
        facts = {k: v for k, v in asdict(event).items() if v not in (None, "", {})}
        if _first():
            print(json.dumps(facts), file=out, flush=True)

    return train(rows, base, plan, folder / "result", on_event=tell).adapter_dir


def read_result(folder: Path) -> tuple[Job, Any]:
    """Check what a job left in ``result`` and return (job, its ``TrainingRecord``).

    Training again returns the record at once, so this is that; raises ``DistillError`` when the
    job did not finish, or its adapter is not the one that these rows and settings give a name to.
    """
    from distill.trainer import finished

    job, rows, plan, base = read(folder)
    record = finished(rows, base, plan, folder / "result", known=job.base_digest)
    if record is None:
        raise DistillError(f"the job in {folder} is not finished; run it: python {folder}/run.py")
    return job, record


def answer(folder: Path, base: str, count: int = 4) -> list[dict[str, str]]:
    """Answer the first ``count`` prompts with the job's adapter, and write them beside it."""
    from distill.formats import write_jsonl
    from distill.student import Student

    _, rows, plan, _ = read(folder)
    student = Student.load(base, folder / "result" / "adapter")
    asked = rows[:count]
    said = student.generate(
        [row.messages for row in asked], max_tokens=plan.training.completion_tokens
    )
    found = [
        {"prompt": row.messages[-1][1], "answer": one.text, "wanted": row.completion}
        for row, one in zip(asked, said, strict=True)
    ]
    write_jsonl(folder / "result" / "answers.jsonl", found)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m distill.job", description="Run a job folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", help="the base model on this machine, where it did not travel")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--merge-only", action="store_true", help="only merge base and adapter")
    only.add_argument("--test-only", action="store_true", help="only answer a few prompts")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    folder: Path = given.folder
    try:
        _, _, plan, found = read(folder)
        base = given.base or found
        if given.merge_only:
            from distill.export import merge

            print(merge(base, folder / "result" / "adapter", folder / "result" / "merged").folder)
        elif given.test_only:
            for one in answer(folder, base):
                print(json.dumps(one))
        elif plan.training.processes > 1 and not given.worker:
            return _launched(folder, given.base, plan.training.processes)
        else:
            adapter = run(folder, base=given.base)
            if _first():
                print(adapter)
    except DistillError as error:
        print(f"distill.job: {error}", file=sys.stderr)
        return 2
    return 0


def _first() -> bool:
    """Whether this process speaks for those that train together."""
    return os.environ.get("RANK", "0") == "0"


def _launched(folder: Path, base: str | None, processes: int) -> int:
    """Run the job in several processes, one a device: ``accelerate launch`` on accelerators.

    On processors, which accelerate starts only through MPI, torch's own launcher does the same.
    """
    import torch

    script = ["-m", "distill.job", str(folder), "--worker", *(["--base", base] if base else [])]
    if torch.cuda.is_available():
        launcher = [
            "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes),
            "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
        ]  # fmt: skip
    else:
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    source = str(Path(__file__).resolve().parents[1])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-m", *launcher, *script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
