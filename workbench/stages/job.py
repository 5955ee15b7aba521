"""A round's training as a folder for another machine, and its result back into the round."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from distill.rows import with_replay
from workbench.errors import InputError, StageError
from workbench.stages.train import replan, round_rows
from workbench.store.database import Store

if TYPE_CHECKING:
    from distill.config import TrainingPlan

__all__ = ["import_job", "run_on_modal", "write_job"]

Only = Literal["merge", "test"]
"""Instead of training: merge base and adapter there, or answer a few prompts there."""


def write_job(
    store: Store,
    round_id: str,
    folder: Path,
    *,
    base: str,
    plan: TrainingPlan,
    modal: bool = False,
    gpu: str = "A10G",
    secret: str | None = None,
) -> int:
    """Write the round's job folder and return its rows; with ``modal`` the script for it too.

    Raises ``InputError`` when the folder exists or the training cannot leave this machine.
    """
    from distill.errors import DistillError
    from distill.job import write
    from distill.modal_app import CHECKPOINT, write_modal

    _, examples, earlier = round_rows(store, round_id, plan)
    settings = plan.training
    rows = with_replay(examples, earlier, settings.replay, settings.seed)
    if modal and settings.checkpoint > CHECKPOINT:
        settings = settings.model_copy(update={"checkpoint": CHECKPOINT})
        plan = plan.model_copy(update={"training": settings})
    try:
        written = write(folder, round_id, rows, base, plan)
        if modal:
            write_modal(folder, gpu=gpu, secret=secret)
    except DistillError as error:
        raise InputError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    return written.rows


def run_on_modal(
    store: Store,
    round_id: str,
    folder: Path,
    *,
    base: str,
    plan: TrainingPlan,
    gpu: str = "A10G",
    secret: str | None = None,
    only: Only | None = None,
) -> None:
    """Write the round's job unless it is there, and run it with the ``modal`` program.

    Stopped or preempted, the same call goes on from the volume's last checkpoint. Raises
    ``InputError`` without the program or where ``folder`` holds another training, ``StageError``
    when Modal says that it failed.
    """
    program = shutil.which("modal")
    if program is None:
        raise InputError(
            "The program modal is not here.",
            "Install and log in: pip install modal && modal setup; or only write the job: --job",
        )
    if not folder.exists():
        if only is not None:
            raise InputError(
                f"Round {round_id} was not trained on Modal yet, so there is nothing to {only}.",
                f"Train it first: workbench train {round_id} --on modal",
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_job(store, round_id, folder, base=base, plan=plan, modal=True, gpu=gpu, secret=secret)
    elif not _same_rows(store, round_id, folder, plan):
        raise InputError(
            f"{folder} holds the training of other rows than round {round_id} has now.",
            "Move it away, or give another folder with --job.",
        )
    flags = [] if only is None else [f"--{only}-only"]
    done = subprocess.run(
        [program, "run", str(folder / "modal_app.py"), *flags], stdout=sys.stderr, check=False
    )
    if done.returncode != 0:
        raise StageError(
            f"Modal ended with status {done.returncode}.",
            "What was trained is on its volume; the same command goes on from there.",
        )


def _same_rows(store: Store, round_id: str, folder: Path, plan: TrainingPlan) -> bool:
    """Whether the job in ``folder`` is of the rows that the round has."""
    from distill.errors import DistillError
    from distill.job import read

    try:
        job, rows, _, _ = read(folder)
    except DistillError as error:
        raise InputError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    _, examples, earlier = round_rows(store, round_id, plan)
    wanted = with_replay(examples, earlier, plan.training.replay, plan.training.seed)
    return job.name == round_id and [r.digest for r in rows] == [r.digest for r in wanted]


def import_job(store: Store, folder: Path) -> str:
    """Check a finished job's result, put its adapter into its round, and return the round.

    The round's next step then finds its training done. Raises ``InputError`` when the job is not
    whole, not finished, or not of the rows that its round has here.
    """
    from distill.errors import DistillError
    from distill.job import read, read_result
    from distill.trainer import finished
    from workbench.stages.rounds import config_of

    try:
        job, record = read_result(folder)
        _, _, plan, _ = read(folder)
    except DistillError as error:
        raise InputError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    replan(store, job.name, plan.model_dump(mode="json", exclude_unset=True))
    _, examples, earlier = round_rows(store, job.name, plan)
    settings, home = plan.training, store.settings.rounds / job.name
    rows = with_replay(examples, earlier, settings.replay, settings.seed)
    home.mkdir(parents=True, exist_ok=True)
    part = home / "adapter.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(record.adapter_dir, part)
    shutil.rmtree(home / "adapter", ignore_errors=True)
    part.replace(home / "adapter")
    base = config_of(store, job.name).base
    assert base is not None  # decided when the round was planned
    if finished(rows, base, plan, home) is None:
        shutil.rmtree(home / "adapter")
        raise InputError(
            f"The job in {folder} was trained on other rows than round {job.name} has here.",
            "Import it into the home that wrote it.",
        )
    return job.name
