"""Supervised LoRA training on trl and peft, with live losses, checkpoints and exact resuming.

``train`` writes ``out_dir/adapter`` (its manifest last) and keeps its checkpoints beside it until
it is done. Called again after a kill it continues from the last whole checkpoint; called again with
the same inputs after it finished it returns the record at once. The loss falls on completions only.
"""

from __future__ import annotations

import gc
import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from distill.adapter import Card, read, save
from distill.config import TrainingPlan
from distill.errors import DistillError
from distill.example import Example, canonical
from distill.formats import prompt_completion
from distill.student import base_digest

_MARK = "whole"
_SMALL = 20_000_000
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


def train(
    examples: Sequence[Example],
    base: str | Path,
    config: TrainingPlan,
    out_dir: Path,
    *,
    on_event: Callable[[TrainEvent], None] = lambda event: None,
    resume: bool = True,
) -> TrainingRecord:
    """Train a LoRA adapter for ``base`` on ``examples`` and write it below ``out_dir``.

    Raises ``DistillError`` with the mend for an empty dataset or a base that cannot be trained.
    """
    if not any(repeats(row, config.training.seed) for row in examples):
        raise DistillError("there is no training row; select winners first, or lower the bar")
    known = base_digest(base)
    fingerprint = _fingerprint(examples, config, known)
    adapter_dir, checkpoints = out_dir / "adapter", out_dir / f"checkpoints-{fingerprint[:12]}"
    if resume and (adapter_dir / "manifest.json").is_file():
        card = read(adapter_dir, base_digest=known)
        if card.facts.get("fingerprint") == fingerprint:
            return _record(adapter_dir, card)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    run = _Run(examples, base, config, checkpoints, on_event)
    model, result = run.until_it_fits()
    facts = {
        **result, "fingerprint": fingerprint, "base_digest": known, "seed": config.training.seed,
        "versions": {name: version(name) for name in _PACKAGES},
        "config": config.model_dump(mode="json"), "examples": len(examples),
    }  # fmt: skip
    card = save(model, adapter_dir, facts)
    shutil.rmtree(checkpoints, ignore_errors=True)
    record = _record(adapter_dir, card)
    last = record.losses[-1][1] if record.losses else None
    on_event(TrainEvent("done", record.steps, record.steps, last, seconds=record.seconds))
    return record


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
    )


@dataclass(slots=True)
class _Run:
    """One training, with the batch that fits the memory there is."""

    examples: Sequence[Example]
    base: str | Path
    config: TrainingPlan
    checkpoints: Path
    on_event: Callable[[TrainEvent], None]

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

        from distill.loading import load_model, load_tokenizer, quiet

        settings = self.config.training
        if settings.threads:
            torch.set_num_threads(settings.threads)
        device = settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        begun = time.perf_counter()
        with quiet():
            tokenizer = load_tokenizer(self.base)
            model = load_model(self.base, device)
            trainer = self._trainer(model, tokenizer, device, batch, accumulation)
            trainer.train(resume_from_checkpoint=_last_whole(self.checkpoints))
        history = [
            (int(entry["step"]), float(entry["loss"]))
            for entry in trainer.state.log_history
            if "loss" in entry
        ]
        return trainer.model, {
            "steps": int(trainer.state.global_step),
            "losses": history,
            "tokens": int(trainer.state.num_input_tokens_seen),
            "seconds": round(time.perf_counter() - begun, 3),
            "batch": batch,
        }

    def _trainer(
        self, model: Any, tokenizer: Any, device: str, batch: int, accumulation: int
    ) -> Any:
        from datasets import Dataset
        from trl import SFTTrainer

        training, held = self._split()
        rows = Dataset.from_list(
            [
                row
                for example in training
                for row in prompt_completion(example)
                for _ in range(repeats(example, self.config.training.seed))
            ]
        )
        watched = None
        if held:
            watched = Dataset.from_list([row for one in held for row in prompt_completion(one)])
        steps_a_pass = -(-len(rows) // (batch * accumulation))
        total = max(1, round(steps_a_pass * self.config.training.epochs))
        arguments = self._arguments(device, batch, accumulation, total, watched is not None)
        from transformers import PrinterCallback

        from distill.events import callbacks

        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            eval_dataset=watched,
            processing_class=tokenizer,
            peft_config=self._lora(model),
            callbacks=callbacks(self.on_event, _MARK, self.config.training.patience),
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _split(self) -> tuple[list[Example], list[Example]]:
        """Set aside whole groups for watching the loss; the same ones for the same seed."""
        settings = self.config.training
        held = [
            row
            for row in self.examples
            if _share(row.group or row.task_id, settings.seed) < settings.validation
        ]
        chosen = {id(row) for row in held}
        rest = [row for row in self.examples if id(row) not in chosen]
        return (rest, held) if rest and held else (list(self.examples), [])

    def _lora(self, model: Any) -> Any:
        from peft import LoraConfig

        lora = self.config.lora
        embeddings = lora.embeddings
        if embeddings == "auto":
            embeddings = model.num_parameters() < _SMALL
        targets: str | list[str] = "all-linear"
        if lora.target_modules != "all-linear":
            targets = list(lora.target_modules)
        elif embeddings:
            targets = _linear_names(model)
        if embeddings:
            targets = [*targets, "embed_tokens"]
        return LoraConfig(
            r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets,
            task_type="CAUSAL_LM",
        )  # fmt: skip

    def _arguments(
        self, device: str, batch: int, accumulation: int, total: int, watched: bool
    ) -> Any:
        from trl import SFTConfig

        settings = self.config.training
        every = max(1, round(total * settings.checkpoint))
        return SFTConfig(
            output_dir=str(self.checkpoints),
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
            learning_rate=settings.rate,
            lr_scheduler_type=settings.schedule,
            warmup_steps=round(total * settings.warmup),
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.clip,
            max_length=settings.max_length,
            completion_only_loss=True,
            packing=False,
            seed=settings.seed,
            data_seed=settings.seed,
            use_cpu=device == "cpu",
            bf16=device == "cuda",
            gradient_checkpointing=settings.gradient_checkpointing,
            train_sampling_strategy="group_by_length",
            logging_steps=max(1, total // 100),
            save_steps=every,
            save_total_limit=settings.checkpoints_kept,
            eval_strategy="steps" if watched else "no",
            eval_steps=every if watched else None,
            load_best_model_at_end=watched and settings.patience > 0,
            include_num_input_tokens_seen="non_padding",
            dataloader_pin_memory=False,
            report_to="none",
            disable_tqdm=True,
            log_level="error",
        )


def _linear_names(model: Any) -> list[str]:
    import torch

    names = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    return sorted(names - {"lm_head"})


def _share(group: str, seed: int) -> float:
    """Return a number from 0 to 1 that depends on ``group`` and ``seed`` alone."""
    number = hashlib.sha256(f"validation/{seed}/{group}".encode()).digest()
    return int.from_bytes(number[:4], "big") / 2**32


def repeats(example: Example, seed: int) -> int:
    """Return how often a row is seen in each pass: its weight, a fraction of it by a seeded draw.

    A weight of 2 is twice; of 0.5 once for half of such rows; of 0 never.
    """
    if example.weight < 0:
        raise DistillError(f"row {example.id} has weight {example.weight}; it cannot be negative")
    whole = int(example.weight)
    return whole + (_share(f"weight/{example.id}", seed) < example.weight - whole)


def _out_of_memory(error: Exception) -> bool:
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "can't allocate" in words


def _last_whole(checkpoints: Path) -> str | None:
    """Return the newest checkpoint that was written to its end; remove the torn ones."""
    whole: list[tuple[int, Path]] = []
    for path in checkpoints.glob("checkpoint-*"):
        if (path / _MARK).is_file():
            whole.append((int(path.name.rsplit("-", 1)[1]), path))
        else:
            shutil.rmtree(path)
    return str(max(whole)[1]) if whole else None
