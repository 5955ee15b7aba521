"""Training: lower losses, exact resuming after a kill, and adapters that are checked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from distill import adapter
from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.student import Student, base_digest
from distill.trainer import TrainEvent, TrainingRecord, repeats, train

PLAN = TrainingPlan(
    lora=LoraConfig(rank=8, alpha=16, embeddings=True),
    training=TrainConfig(epochs=4, batch=6, rate=5e-3, checkpoint=0.25),
)


class KilledError(Exception):
    """Stands for a kill: leaves the trainer in the middle of a step."""


@pytest.fixture(scope="module")
def trained(
    base: Path, rows: list[Example], tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingRecord, list[TrainEvent]]:
    events: list[TrainEvent] = []
    record = train(rows, base, PLAN, tmp_path_factory.mktemp("run"), on_event=events.append)
    return record, events


def test_the_loss_falls_and_is_told_live(
    trained: tuple[TrainingRecord, list[TrainEvent]],
) -> None:
    record, events = trained
    told = [event.loss for event in events if event.kind == "loss"]
    assert record.steps == 16 == len(record.losses)
    assert told == [loss for _, loss in record.losses]
    assert record.losses[-1][1] < record.losses[0][1]
    assert record.tokens > 0
    assert [events[0].kind, events[-1].kind] == ["start", "done"]
    assert set(record.versions) == {"torch", "transformers", "peft", "trl"}


def test_nothing_is_printed(
    base: Path, rows: list[Example], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quick = TrainingPlan(training=TrainConfig(epochs=1, batch=8))
    train(rows, base, quick, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_killed_training_continues_to_the_same_losses_and_weights(
    base: Path, rows: list[Example], tmp_path: Path,
    trained: tuple[TrainingRecord, list[TrainEvent]],
) -> None:  # fmt: skip
    def kill(event: TrainEvent) -> None:
        if event.kind == "loss" and event.step == 11:
            raise KilledError

    with pytest.raises(KilledError):
        train(rows, base, PLAN, tmp_path, on_event=kill)
    torn = next(tmp_path.glob("checkpoints-*")) / "checkpoint-9"
    torn.mkdir()
    events: list[TrainEvent] = []
    record = train(rows, base, PLAN, tmp_path, on_event=events.append)
    assert "continuing at step 8" in events[0].message
    assert record.losses == trained[0].losses
    assert record.adapter_digest == trained[0].adapter_digest
    assert not list(tmp_path.glob("checkpoints-*"))


def test_a_finished_training_is_not_done_twice(
    base: Path, rows: list[Example], trained: tuple[TrainingRecord, list[TrainEvent]]
) -> None:
    events: list[TrainEvent] = []
    record = trained[0]
    again = train(rows, base, PLAN, record.adapter_dir.parent, on_event=events.append)
    assert again == record
    assert events == []


def test_running_out_of_memory_lowers_the_batch_and_goes_on(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trl

    real = trl.SFTTrainer.training_step

    def hungry(self: object, model: object, inputs: dict[str, object], *more: object) -> object:
        if len(inputs["input_ids"]) > 3:  # type: ignore[arg-type]
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(self, model, inputs, *more)

    monkeypatch.setattr(trl.SFTTrainer, "training_step", hungry)
    events: list[TrainEvent] = []
    plan = TrainingPlan(training=TrainConfig(epochs=1, batch=6))
    record = train(rows, base, plan, tmp_path, on_event=events.append)
    assert record.batch == 3
    assert record.steps == 4
    assert any("3 rows at a time" in event.message for event in events)


def test_no_rows_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DistillError, match="no training row"):
        train([], base, PLAN, tmp_path)


def test_a_weight_is_how_often_a_row_is_seen(rows: list[Example]) -> None:
    many = [replace(rows[0], id=str(i), weight=1.5) for i in range(400)]
    assert {repeats(row, 0) for row in many} == {1, 2}
    assert 520 < sum(repeats(row, 0) for row in many) < 680
    assert [repeats(replace(rows[0], weight=w), 0) for w in (0.0, 1.0, 3.0)] == [0, 1, 3]


def test_one_row_can_be_trained_on(base: Path, rows: list[Example], tmp_path: Path) -> None:
    assert train(rows[:1], base, TrainingPlan(), tmp_path).steps == 3


def test_whole_groups_are_set_aside_to_watch_the_loss(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    events: list[TrainEvent] = []
    plan = TrainingPlan(training=TrainConfig(epochs=2, batch=8, validation=0.3, patience=2))
    train(rows, base, plan, tmp_path, on_event=events.append)
    assert any("validation loss" in event.message for event in events)


def test_nothing_to_watch_is_a_sentence_and_no_failure_in_the_library(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    plan = TrainingPlan(training=TrainConfig(validation=0.3, patience=2))
    with pytest.raises(DistillError, match="of 1 rows in 1 group none can be set aside"):
        train(rows[:1], base, plan, tmp_path)


def test_the_adapter_changes_the_student_and_carries_its_facts(
    base: Path, trained: tuple[TrainingRecord, list[TrainEvent]], rows: list[Example]
) -> None:
    record = trained[0]
    before, after = Student.load(base), Student.load(base, record.adapter_dir)
    assert (after.digest, after.adapter_digest) == (before.digest, record.adapter_digest)
    asked = [row.messages for row in rows]
    texts = [[g.text for g in s.generate(asked, max_tokens=24)] for s in (before, after)]
    assert texts[0] != texts[1]
    card = adapter.read(record.adapter_dir, base_digest=base_digest(base))
    assert card.facts["examples"] == len(rows)


def copy(record: TrainingRecord, folder: Path) -> Path:
    folder.mkdir()
    for path in record.adapter_dir.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_unfit_adapters_are_refused(
    trained: tuple[TrainingRecord, list[TrainEvent]], tmp_path: Path
) -> None:
    record = trained[0]
    with pytest.raises(DistillError, match="another base model"):
        adapter.read(record.adapter_dir, base_digest="0" * 64)
    with pytest.raises(DistillError, match="no adapter folder"):
        adapter.read(tmp_path / "absent")
    pickled = copy(record, tmp_path / "pickled")
    (pickled / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(DistillError, match="can run code"):
        adapter.read(pickled)
    altered = copy(record, tmp_path / "altered")
    (altered / "adapter_config.json").write_text("{}")
    with pytest.raises(DistillError, match="changed since"):
        adapter.read(altered)
    newer = copy(record, tmp_path / "newer")
    facts = json.loads((newer / "manifest.json").read_text())
    (newer / "manifest.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(DistillError, match="newer version"):
        adapter.read(newer)
    torn = copy(record, tmp_path / "torn")
    (torn / "adapter_model.safetensors").unlink()
    with pytest.raises(DistillError, match="not complete"):
        adapter.read(torn)


def test_a_disk_that_fills_up_is_a_sentence_and_the_same_call_goes_on(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    trained: tuple[TrainingRecord, list[TrainEvent]],
) -> None:  # fmt: skip
    import errno

    import trl

    real = trl.SFTTrainer._save_checkpoint

    def full(self: object, model: object, trial: object) -> object:
        if self.state.global_step == 8:  # type: ignore[attr-defined]
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, model, trial)

    monkeypatch.setattr(trl.SFTTrainer, "_save_checkpoint", full)
    with pytest.raises(DistillError, match="is full; make room"):
        train(rows, base, PLAN, tmp_path)
    monkeypatch.setattr(trl.SFTTrainer, "_save_checkpoint", real)
    events: list[TrainEvent] = []
    assert train(rows, base, PLAN, tmp_path, on_event=events.append).losses == trained[0].losses
    assert "continuing at step 4" in events[0].message


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory that can be made larger; skipped where nothing may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    if not shutil.which("mount") or mount(place, "64k"):
        pytest.skip("nothing can be mounted here (needs root), so no disk can be really full")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def mount(place: Path, size: str, how: str = "") -> int:
    command = ["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.slow
def test_a_really_full_disk_is_a_sentence_wherever_it_strikes_and_room_lets_it_go_on(
    base: Path, rows: list[Example], small_disk: Path,
    trained: tuple[TrainingRecord, list[TrainEvent]],
) -> None:  # fmt: skip
    said: list[str] = []
    starts: list[str] = []
    for size in ("64k", "150k", "250k", "400k", "600k", "900k", "2m", "8m"):
        assert mount(small_disk, size, "remount,") == 0
        try:
            record = train(
                rows, base, PLAN, small_disk / "r1",
                on_event=lambda e: starts.append(e.message) if e.kind == "start" else None,
            )  # fmt: skip
        except DistillError as error:
            said.append(str(error))
            continue
        break
    assert len(said) > 2
    assert all("is full; make room and start the same training again" in one for one in said)
    assert any("continuing at step" in one for one in starts)
    assert record.losses == trained[0].losses
    assert record.adapter_digest == trained[0].adapter_digest


GREEDY = """
import resource, sys, warnings
from dataclasses import replace
from pathlib import Path
warnings.simplefilter("ignore")
import datasets, peft, torch, trl
from distill.config import TrainConfig, TrainingPlan
from distill.formats import read_examples
from distill.trainer import train
torch.set_num_threads(1)
base, out, allowed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rows = read_examples(out / "rows.jsonl")
rows = [replace(row, messages=(("user", (row.messages[0][1] + " ") * 10),)) for row in rows]
plan = TrainingPlan(training=TrainConfig(epochs=1, batch=24, rate=1e-3))
train(rows[:1], base, plan, out / "warm")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + allowed, used + allowed))
told = []
record = train(rows, base, plan, out / "r1", on_event=lambda e: told.append(e.message))
print(record.batch, record.steps, *(one for one in told if "out of memory" in one), sep="|")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is limited as Linux does")
def test_a_process_that_really_runs_out_of_memory_goes_on_with_fewer_rows(
    rows: list[Example], tmp_path: Path
) -> None:
    from distill.formats import write_examples

    shipped = Path(__file__).resolve().parents[2] / "data" / "models" / "tiny"
    write_examples(tmp_path / "rows.jsonl", rows)
    done = subprocess.run(
        [sys.executable, "-c", GREEDY, str(shipped), str(tmp_path), str(500 << 20)],
        capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    batch, steps, *told = done.stdout.strip().split("|")
    assert int(batch) < 24
    assert steps == "1"
    assert told[0] == "out of memory; going on with 12 rows at a time"


@pytest.mark.slow
def test_kill_nine_in_the_middle_continues_to_the_same_losses(
    base: Path, rows: list[Example], tmp_path: Path,
    trained: tuple[TrainingRecord, list[TrainEvent]],
) -> None:  # fmt: skip
    from distill import job

    job.write(tmp_path / "job", "killed", rows, base, PLAN)
    command = [sys.executable, "-m", "distill.job", str(tmp_path / "job")]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert child.stdout is not None
    with child.stdout as told:
        for line in told:
            event = json.loads(line)
            if event["kind"] == "loss" and event["step"] == 10:
                child.kill()
                break
    assert child.wait() == -signal.SIGKILL
    job.run(tmp_path / "job")
    _, record = job.read_result(tmp_path / "job")
    assert record.losses == trained[0].losses
    assert record.adapter_digest == trained[0].adapter_digest


def test_losses_go_to_tensorboard_files(base: Path, rows: list[Example], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    plan = TrainingPlan(training=TrainConfig(epochs=1, batch=8, report=("tensorboard",)))
    train(rows, base, plan, tmp_path)
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))


def test_losses_go_to_trackio_and_nothing_to_the_standard_output(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when it is imported
    pytest.importorskip("trackio", reason="trackio is not here: pip install trackio")
    plan = TrainingPlan(training=TrainConfig(epochs=1, batch=8, report=("trackio",)))
    train(rows, base, plan, tmp_path / "r1")
    assert list((tmp_path / "trackio").glob("*.db"))
    assert capfd.readouterr().out == ""


def test_a_tracker_that_is_not_installed_is_named(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill import methods

    monkeypatch.setattr(methods, "find_spec", lambda name: None)
    plan = TrainingPlan(training=TrainConfig(report=("trackio",)))
    with pytest.raises(DistillError, match="report: trackio needs a package"):
        train(rows, base, plan, tmp_path)


def test_the_cheaper_loss_is_the_same_number(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill import supervised

    plan = TrainingPlan(training=TrainConfig(epochs=1, batch=8))
    cheap = train(rows, base, plan, tmp_path / "cheap")
    monkeypatch.setattr(supervised, "SMALL_LOGITS", 0)
    tiled = train(rows, base, plan, tmp_path / "tiled")
    assert [loss for _, loss in cheap.losses] == pytest.approx([x for _, x in tiled.losses])
