"""A job folder on Modal: the script that runs it there, generated from the folder.

``write_modal`` puts ``modal_app.py`` beside ``job.json``; ``modal run modal_app.py`` uploads the
folder to a volume, trains with a checkpoint every twentieth of the way, goes on after a preemption,
and brings ``result`` back. Nothing here needs the ``modal`` package; the script does where it runs.
What it is not: an account; the person's own Modal token pays.
"""

from __future__ import annotations

from pathlib import Path

from distill.errors import DistillError
from distill.job import read

CHECKPOINT = 0.05
"""Share of the steps between two checkpoints of a job that may be preempted."""
SCRIPT = "modal_app.py"

_TEMPLATE = '''"""Runs the training job {name!r} on Modal:  modal run modal_app.py

With --merge-only or --test-only it does only that with the adapter that is there.

Generated; write the job again instead of editing it. The volume keeps checkpoints and the result,
so that the same command goes on after a preemption.
"""

from pathlib import Path

import modal

NAME = {name!r}
HERE = Path(__file__).resolve().parent
JOB = "/jobs/" + NAME

app = modal.App("distill-" + NAME)
volume = modal.Volume.from_name({volume!r}, create_if_missing=True)
image = modal.Image.debian_slim(python_version={python!r})
if modal.is_local():
    image = image.pip_install_from_requirements(str(HERE / "requirements.txt"))


@app.function(
    image=image,
    gpu={gpu!r},
    timeout={timeout},
    retries=3,
    volumes={{"/jobs": volume}},
    secrets={secrets},
)
def work(*arguments):
    """Run the job in the volume and keep what it wrote, checkpoints included."""
    import subprocess
    import sys
    import threading

    volume.reload()
    stopped = threading.Event()

    def keep():
        while not stopped.wait(60):
            volume.commit()

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        return subprocess.run([sys.executable, JOB + "/run.py", *arguments], check=False).returncode
    finally:
        stopped.set()
        keeper.join()
        volume.commit()


def fetch():
    """Bring ``result`` back into this folder, the adapter's manifest last."""
    found = [entry for entry in volume.listdir(NAME + "/result", recursive=True)
             if entry.type == modal.volume.FileEntryType.FILE and "checkpoints-" not in entry.path]
    found.sort(key=lambda entry: entry.path.endswith("manifest.json"))
    for entry in found:
        target = HERE / Path(entry.path).relative_to(NAME)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            for piece in volume.read_file(entry.path):
                stream.write(piece)


@app.local_entrypoint()
def main(merge_only: bool = False, test_only: bool = False):
    """Upload the folder, run it, and bring the result back."""
    with volume.batch_upload(force=True) as batch:
        for name in {carried}:
            if (HERE / name).is_dir():
                batch.put_directory(str(HERE / name), "/" + NAME + "/" + name)
            else:
                batch.put_file(str(HERE / name), "/" + NAME + "/" + name)
    arguments = ["--merge-only"] * merge_only + ["--test-only"] * test_only
    status = work.remote(*arguments)
    if status:
        raise SystemExit(status)
    fetch()
'''


def write_modal(
    folder: Path,
    *,
    gpu: str = "A10G",
    hours: float = 6.0,
    volume: str = "distillation-jobs",
    secret: str | None = None,
) -> Path:
    """Write the job's Modal script and return its path.

    ``secret`` names a Modal secret (a hub token, say) that the job sees as environment variables.
    Raises ``DistillError`` when ``folder`` is no whole job, or its base is a path of this machine.
    """
    job, _, plan, _ = read(folder)
    if job.base != "base" and (job.base.startswith((".", "/", "~")) or job.base.count("/") != 1):
        raise DistillError(
            f"the base model {job.base} is too large to travel and no hub id; give its hub id"
        )
    if plan.training.checkpoint > CHECKPOINT:
        raise DistillError(
            f"a job that may be preempted needs a checkpoint every {CHECKPOINT:.0%} of its steps "
            f"(it has {plan.training.checkpoint:.0%}); write it with checkpoint: {CHECKPOINT}"
        )
    carried = sorted(
        path.name for path in folder.iterdir() if path.name not in ("result", SCRIPT, ".venv")
    )
    text = _TEMPLATE.format(
        name=job.name,
        volume=volume,
        python="3.11",
        gpu=gpu if plan.training.processes == 1 else f"{gpu}:{plan.training.processes}",
        timeout=round(hours * 3600),
        secrets=f"[modal.Secret.from_name({secret!r})]" if secret else "[]",
        carried=carried,
    )
    path = folder / SCRIPT
    path.write_text(text, encoding="utf-8")
    return path
