"""LoRA training on trl and peft by any method, with live losses, checkpoints and exact resuming.

``train`` writes ``out_dir/adapter`` (its manifest last) and keeps its checkpoints beside it until
it is done. Called again after a kill it continues from the last whole checkpoint; called again with
the same inputs after it finished it returns the record at once. The loss falls on completions only.
What a method is made of is in ``distill.methods``.
"""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from distill.adapter import Card, read, save
from distill.config import TrainingPlan
from distill.devices import device_of, environment, unused
from distill.errors import DistillError
from distill.example import Example, canonical
from distill.rows import repeats, with_replay
from distill.student import base_digest

if TYPE_CHECKING:
    from distill.methods import Reward

__all__ = ["TrainEvent", "TrainingRecord", "finished", "repeats", "train"]

_MARK = "whole"
_PACKAGES = ("torch", "transformers", "peft", "trl")


@dataclass(frozen=True, slots=True)
class TrainEvent:
    """Something that happened while training. ``loss`` is a mean since the last such event."""

    kind: Literal["start", "loss", "checkpoint", "note", "done"]
    step: int
    total: int
    loss: float | None = None
    rate: float | None = None
    epoch: float | None = None
    tokens: int | None = None
    seconds: float = 0.0
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What else the method measures: ``accuracy`` of tokens, ``reward``, ``held_out_loss`` ..."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What a finished training was. ``losses`` are (step, mean completion loss) pairs."""

    adapter_dir: Path
    adapter_digest: str
    base_digest: str
    steps: int
    losses: tuple[tuple[int, float], ...]
    tokens: int
    seconds: float
    seed: int
    versions: Mapping[str, str]
    config: Mapping[str, Any]
    examples: int
    batch: int
    """Rows a step as trained with; lower than configured after running out of memory."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it ran on: see ``distill.devices.environment``; empty in records of earlier versions."""


def train(
    examples: Sequence[Example],
    base: str | Path,
    config: TrainingPlan,
    out_dir: Path,
    *,
    on_event: Callable[[TrainEvent], None] = lambda event: None,
    resume: bool = True,
    reward: Reward | None = None,
    earlier: Sequence[Example] = (),
) -> TrainingRecord:
    """Train a LoRA adapter for ``base`` on ``examples`` and write it below ``out_dir``.

    ``reward`` scores the student's own answers for ``grpo``; ``earlier`` are rows of former rounds
    of which ``replay`` takes some. Raises ``DistillError`` with the mend for an empty dataset, rows
    that the method cannot learn from, or a base that cannot be trained.
    """
    from distill.methods import usable

    settings = config.training
    examples = usable(with_replay(examples, earlier, settings.replay, settings.seed), settings)
    known = base_digest(base)
    if resume:
        done = _finished(examples, config, out_dir, known)
        if done is not None:
            return done
    fingerprint = _fingerprint(examples, config, known)
    checkpoints = out_dir / f"checkpoints-{fingerprint[:12]}"
    if not resume and _first():
        shutil.rmtree(checkpoints, ignore_errors=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    run = _Run(examples, base, known, config, checkpoints, on_event, reward)
    with _RoomOn(out_dir):
        model, result = run.until_it_fits()
    facts = {
        **result, "fingerprint": fingerprint, "base_digest": known, "seed": settings.seed,
        "versions": {name: version(name) for name in _PACKAGES},
        "config": config.model_dump(mode="json"), "examples": len(examples),
        "replayed": sum(row.id in {one.id for one in earlier} for row in examples),
    }  # fmt: skip
    if _first():
        with _RoomOn(out_dir):
            save(model, out_dir / "adapter", facts)
        shutil.rmtree(checkpoints, ignore_errors=True)
    _together()
    record = _record(out_dir / "adapter", read(out_dir / "adapter", base_digest=known))
    last = record.losses[-1][1] if record.losses else None
    on_event(TrainEvent("done", record.steps, record.steps, last, seconds=record.seconds))
    return record


def finished(
    examples: Sequence[Example], base: str | Path, config: TrainingPlan, out_dir: Path,
    *, known: str | None = None,
) -> TrainingRecord | None:  # fmt: skip
    """Return the record of a training that is done, or None; trains nothing.

    ``known`` is the base's digest where the base itself is not at hand.
    """
    from distill.methods import usable

    rows = usable(examples, config.training)
    return _finished(rows, config, out_dir, known or base_digest(base))


def _finished(
    examples: Sequence[Example], config: TrainingPlan, out_dir: Path, known: str
) -> TrainingRecord | None:
    adapter_dir = out_dir / "adapter"
    if not (adapter_dir / "manifest.json").is_file():
        return None
    card = read(adapter_dir, base_digest=known)
    if card.facts.get("fingerprint") != _fingerprint(examples, config, known):
        return None
    return _record(adapter_dir, card)


def _first() -> bool:
    """Whether this process writes: the first of those that train together, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def _together() -> None:
    """Wait until every process that trains with this one is here."""
    import torch.distributed as many

    if many.is_available() and many.is_initialized():
        many.barrier()


def _fingerprint(examples: Sequence[Example], config: TrainingPlan, base: str) -> str:
    text = canonical([base, config.model_dump(mode="json"), [row.digest for row in examples]])
    return hashlib.sha256(text.encode()).hexdigest()


def _record(adapter_dir: Path, card: Card) -> TrainingRecord:
    facts = card.facts
    return TrainingRecord(
        adapter_dir=adapter_dir,
        adapter_digest=card.digest,
        base_digest=str(card.base_digest),
        steps=facts["steps"],
        losses=tuple((int(step), float(loss)) for step, loss in facts["losses"]),
        tokens=facts["tokens"],
        seconds=facts["seconds"],
        seed=facts["seed"],
        versions=facts["versions"],
        config=facts["config"],
        examples=facts["examples"],
        batch=facts["batch"],
        environment=facts.get("environment", {}),
    )


@dataclass(slots=True)
class _Run:
    """One training, with the batch that fits the memory there is."""

    examples: Sequence[Example]
    base: str | Path
    known: str
    config: TrainingPlan
    checkpoints: Path
    on_event: Callable[[TrainEvent], None]
    reward: Reward | None

    def until_it_fits(self) -> tuple[Any, dict[str, Any]]:
        """Train; on running out of memory halve the batch, keep rows a step, and go on."""
        settings = self.config.training
        batch, accumulation = settings.batch, settings.accumulation
        while True:
            try:
                return self._once(batch, accumulation)
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error) or batch == 1:
                    raise
            batch, accumulation = batch // 2, accumulation * 2
            gc.collect()
            note = f"out of memory; going on with {batch} rows at a time"
            self.on_event(TrainEvent("note", 0, 0, message=note))

    def _once(self, batch: int, accumulation: int) -> tuple[Any, dict[str, Any]]:
        import torch

        from distill.loading import quiet

        settings = self.config.training
        if settings.threads:
            torch.set_num_threads(settings.threads)
        begun = time.perf_counter()
        with quiet(), _settled_heap(), _standard_output(settings.report):
            trainer = self._trainer(batch, accumulation)
            trainer.train(resume_from_checkpoint=_last_whole(self.checkpoints))
        history = [
            (int(entry["step"]), float(entry["loss"]))
            for entry in trainer.state.log_history
            if "loss" in entry
        ]
        return trainer.model, {
            "steps": int(trainer.state.global_step),
            "losses": history,
            "tokens": _tokens(trainer),
            "seconds": round(time.perf_counter() - begun, 3),
            "batch": batch,
            "environment": environment(device_of(settings.device)),
        }

    def _trainer(self, batch: int, accumulation: int) -> Any:
        """Return the method's trainer, with our reports and without its own printing."""
        from transformers import PrinterCallback

        from distill.events import callbacks
        from distill.loading import load_tokenizer
        from distill.lora import trainable
        from distill.methods import Setting, build

        settings = self.config.training
        device = device_of(settings.device)
        if idle := unused(device):
            note = f"one accelerator is used and {idle} left alone; a job folder with processes: "
            self.on_event(TrainEvent("note", 0, 0, message=f"{note}{idle + 1} uses all"))
        tokenizer = load_tokenizer(self.base)
        model, peft = trainable(self.base, self.known, self.config.lora, settings, device)
        trainer = build(
            Setting(
                settings=settings,
                model=model,
                tokenizer=tokenizer,
                peft=peft,
                examples=self.examples,
                output=self.checkpoints,
                device=device,
                batch=batch,
                accumulation=accumulation,
                callbacks=callbacks(self.on_event, _MARK, settings.patience),
                reward=self.reward,
            )
        )
        trainer.remove_callback(PrinterCallback)
        return trainer


@contextmanager
def _settled_heap() -> Iterator[None]:
    """Keep what the libraries brought out of the collections that a training asks for."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _standard_output(report: Sequence[str]) -> Iterator[None]:
    """Keep what trackio prints off the standard output, which is for data."""
    if "trackio" not in report:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


def _tokens(trainer: Any) -> int:
    """Return how many tokens were seen, by the trainer's count or that of its generations."""
    counted = int(trainer.state.num_input_tokens_seen)
    logged = [entry["num_tokens"] for entry in trainer.state.log_history if "num_tokens" in entry]
    return max([counted, *(int(one) for one in logged)])


def _out_of_memory(error: Exception) -> bool:
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "can't allocate" in words


class _RoomOn:
    """Says in a sentence that the disk of ``folder`` is full, and takes torn checkpoints away.

    Whatever the kind of the error: tokenizers raises a bare ``Exception``, torch a
    ``RuntimeError``, safetensors its own. What is no want of room goes on as it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if error is None or not _disk_full(error):
            return
        for checkpoints in self._folder.glob("checkpoints-*"):
            _last_whole(checkpoints)
        raise DistillError(
            f"the disk of {self._folder} is full; make room and start the same training again, it "
            "goes on from its last whole checkpoint"
        ) from error


def _disk_full(error: BaseException) -> bool:
    """Whether writing failed for want of room; each library says so in its own way."""
    words = str(error).lower()
    no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    # torch's archive writer counts bytes and finds fewer than it wrote.
    torn = "inline_container" in words and "unexpected pos" in words
    said = ("no space left", "os error 28", "os error 122", "file write failed")
    return no_room or torn or any(one in words for one in said)


def _last_whole(checkpoints: Path) -> str | None:
    """Return the newest checkpoint that was written to its end; remove the torn ones."""
    whole: list[tuple[int, Path]] = []
    for path in checkpoints.glob("checkpoint-*"):
        if (path / _MARK).is_file():
            whole.append((int(path.name.rsplit("-", 1)[1]), path))
        elif _first():
            shutil.rmtree(path)
    return str(max(whole)[1]) if whole else None
