"""A round's training as a folder for another machine, and its result back into the round."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from distill.rows import with_replay
from workbench.errors import InputError
from workbench.stages.train import replan, round_rows
from workbench.store.database import Store

if TYPE_CHECKING:
    from distill.config import TrainingPlan

__all__ = ["import_job", "write_job"]


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
