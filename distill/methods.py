"""One trainer a method: rows in TRL's shape, TRL's settings, TRL's trainer; imported when training.

``sft``, ``dpo``, ``kto``, ``grpo`` and ``gkd`` stand on TRL's stable trainers (``gkd`` is its
on-policy distillation trainer with the generalised Jensen-Shannon loss); ``gold``, for teachers
with another tokenizer, on its experimental one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from distill.config import TrainConfig
from distill.devices import alone, half, place
from distill.errors import DistillError
from distill.example import Example
from distill.formats import preference, prompt_completion, unpaired
from distill.rows import easy_first, repeats, split

if TYPE_CHECKING:
    from datasets import Dataset

Reward = Callable[[Sequence[Example], Sequence[str]], Sequence[float | None]]
"""Scores answers (texts) to the prompts of rows, in order; None leaves an answer unscored."""


@runtime_checkable
class Early(Protocol):
    """A reward that can begin with an answer while others are still being written."""

    def begin(self, example: Example, text: str) -> None:
        """Start to score ``text``; the reward is asked for it soon. Returns at once."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What every trainer is made from."""

    settings: TrainConfig
    model: Any
    tokenizer: Any
    peft: Any
    """Configuration of the new adapter, or None where the model carries one already."""
    examples: Sequence[Example]
    output: Path
    device: str
    batch: int
    accumulation: int
    callbacks: Sequence[Any]
    reward: Reward | None


def build(setting: Setting) -> Any:
    """Return the trainer of the method that the settings name, ready to ``train``."""
    return _without_cards(_BUILDERS[setting.settings.method](setting))


def usable(examples: Sequence[Example], settings: TrainConfig) -> list[Example]:
    """Return the rows that the method can learn from; raise ``DistillError`` when none can."""
    seen = [row for row in examples if repeats(row, settings.seed)]
    if not seen:
        raise DistillError("there is no training row; select winners first, or lower the bar")
    if settings.method != "dpo":
        return seen
    pairs = [row for row in seen if row.rejected is not None]
    if not pairs:
        raise DistillError(
            f"none of the {len(seen)} rows has a rejected answer, and dpo learns from pairs; "
            "ask a teacher that is sometimes wrong, or use method: sft"
        )
    return pairs


def _sft(s: Setting) -> Any:
    from trl import SFTConfig

    from distill.supervised import Supervised

    trained, watched = _both(s, prompt_completion)
    order = "sequential" if s.settings.curriculum == "easy-first" else "group_by_length"
    arguments = SFTConfig(
        **_common(s, len(trained), watched is not None),
        max_length=s.settings.max_length,
        completion_only_loss=True,
        packing=False,
        train_sampling_strategy=order,
    )
    return Supervised(**_parts(s, arguments, trained, watched))


def _dpo(s: Setting) -> Any:
    from trl import DPOConfig, DPOTrainer

    trained, watched = _both(s, preference)
    arguments = DPOConfig(
        **_common(s, len(trained), watched is not None),
        max_length=s.settings.max_length,
        beta=s.settings.strength,
    )
    return _same_start(DPOTrainer(**_parts(s, arguments, trained, watched)))


def _kto(s: Setting) -> Any:
    from trl import KTOConfig, KTOTrainer

    trained, watched = _both(s, unpaired)
    labels = trained["label"]
    if all(labels) or not any(labels):
        raise DistillError(
            f"all {len(labels)} rows are {'good' if all(labels) else 'bad'}, and kto learns from "
            "both; ask a teacher that is sometimes wrong, or use method: sft"
        )
    if s.batch < 2:
        raise DistillError("kto compares rows of a batch with each other; set batch to 2 or more")
    good = sum(labels)
    arguments = KTOConfig(
        **_common(s, len(trained), watched is not None),
        max_length=s.settings.max_length,
        beta=s.settings.strength,
        # The two sides weigh alike however many rows each has, as the method's authors advise.
        desirable_weight=max(1.0, (len(labels) - good) / good),
        undesirable_weight=max(1.0, good / (len(labels) - good)),
    )
    return _same_start(KTOTrainer(**_parts(s, arguments, trained, watched)))


def _grpo(s: Setting) -> Any:
    from trl import GRPOConfig

    if s.reward is None:
        raise DistillError(
            "grpo needs a reward; `workbench train` gives the judge's, elsewhere pass "
            "reward= to distill.train"
        )
    from distill.rewarded import Rewarded

    rows, reward = list(s.examples), s.reward
    trained = _prompts(s)

    def judged(completions: Any, index: Any, **_: Any) -> list[float | None]:
        texts = [turns[-1]["content"] for turns in completions]
        return list(reward([rows[place] for place in index], texts))

    # A pass is over prompts; a step holds so many answers, several of them to one prompt.
    steps_of = len(trained) * s.settings.generations
    arguments = GRPOConfig(
        **_common(s, steps_of, False),
        beta=s.settings.strength,
        num_generations=s.settings.generations,
        max_completion_length=s.settings.completion_tokens,
        temperature=s.settings.temperature,
        steps_per_generation=s.accumulation,
        mask_truncated_completions=False,
    )
    trainer = Rewarded(reward_funcs=[judged], **_parts(s, arguments, trained, None))
    trainer.rows = rows
    trainer.early = reward if isinstance(reward, Early) else None
    return _same_start(trainer)


def _gkd(s: Setting) -> Any:
    from trl import DistillationConfig, DistillationTrainer

    teacher, tokenizer = _teacher(s)
    if tokenizer.get_vocab() != s.tokenizer.get_vocab():
        raise DistillError(
            "the teacher has another vocabulary than the student, and gkd compares token by token; "
            "use method: gold"
        )
    trained = _prompts(s)
    arguments = DistillationConfig(
        **_common(s, len(trained), False),
        beta=s.settings.strength,
        temperature=s.settings.temperature,
        max_completion_length=s.settings.completion_tokens,
    )
    return DistillationTrainer(teacher_model=teacher, **_parts(s, arguments, trained, None))


def _gold(s: Setting) -> Any:
    from trl.experimental.gold import GOLDConfig, GOLDTrainer

    teacher, tokenizer = _teacher(s)
    other = tokenizer.get_vocab() != s.tokenizer.get_vocab()
    trained, _ = _both(s, _conversation)
    arguments = GOLDConfig(
        **_common(s, len(trained), False),
        lmbda=1.0,
        beta=s.settings.strength,
        temperature=s.settings.temperature,
        max_completion_length=s.settings.completion_tokens,
        max_length=s.settings.max_length,
        use_uld_loss=other,
        teacher_tokenizer_name_or_path=str(s.settings.teacher),
    )
    return GOLDTrainer(teacher_model=teacher, **_parts(s, arguments, trained, None))


_BUILDERS: dict[str, Callable[[Setting], Any]] = {
    "sft": _sft, "dpo": _dpo, "kto": _kto, "grpo": _grpo, "gkd": _gkd, "gold": _gold,
}  # fmt: skip


def _without_cards(trainer: Any) -> Any:
    """Write no model cards: the libraries make two a checkpoint, and an adapter has its own."""

    def no_card(*_: Any, **__: Any) -> None:
        return None

    trainer.create_model_card = no_card
    if hasattr(trainer.model, "create_or_update_model_card"):
        trainer.model.create_or_update_model_card = no_card
    return trainer


def _same_start(trainer: Any) -> Any:
    """Make the reference adapter, where there is one, the copy that it is meant to be.

    TRL copies weights whose name has ``.default.`` in it; those of embeddings end in ``.default``.
    """
    import torch

    weights = dict(trainer.model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            if name.endswith(".default") and f"{name[:-8]}.ref" in weights:
                weights[f"{name[:-8]}.ref"].copy_(weight)
    return trainer


def _conversation(example: Example) -> Any:
    for row in prompt_completion(example):
        yield {"messages": [*row["prompt"], *row["completion"]]}


def _teacher(s: Setting) -> tuple[Any, Any]:
    from distill.loading import load_model, load_tokenizer

    name = str(s.settings.teacher)
    return load_model(name, place(s.device)), load_tokenizer(name)


def _prompts(s: Setting) -> Dataset:
    """Return one row a prompt, with its place among the examples."""
    from datasets import Dataset

    return Dataset.from_list(
        [
            {"prompt": next(prompt_completion(row))["prompt"], "index": place}
            for place, row in enumerate(s.examples)
        ]
    )


def _both(s: Setting, shape: Callable[[Example], Any]) -> tuple[Dataset, Dataset | None]:
    """Return the rows to train on and those to watch the loss on, in the method's shape."""
    from datasets import Dataset

    settings = s.settings
    trained, held = split(s.examples, settings.validation, settings.seed)
    if settings.patience and not held:
        groups = len({row.group or row.task_id for row in s.examples})
        raise DistillError(
            f"patience watches a held-out loss, and of {len(s.examples)} rows in {groups} "
            f"group{'s' if groups > 1 else ''} none can be set aside; leave patience out, raise "
            "validation, or add rows"
        )
    if settings.curriculum == "easy-first":
        trained = easy_first(trained)
    rows = [
        row
        for example in trained
        for row in shape(example)
        for _ in range(repeats(example, settings.seed))
    ]
    watched = [row for example in held for row in shape(example)]
    return Dataset.from_list(rows), Dataset.from_list(watched) if watched else None


def _parts(s: Setting, arguments: Any, trained: Dataset, watched: Dataset | None) -> dict[str, Any]:
    parts = {
        "model": s.model, "args": alone(arguments), "train_dataset": trained,
        "processing_class": s.tokenizer, "peft_config": s.peft,
        "callbacks": [*s.callbacks, *_watchers(s)],
    }  # fmt: skip
    return parts if watched is None else {**parts, "eval_dataset": watched}


def _watchers(s: Setting) -> list[Any]:
    """Return the callback that writes TensorBoard files beside the adapter, where it is wanted."""
    if "tensorboard" not in s.settings.report:
        return []
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(str(s.output.parent / "logs")))]


def _common(s: Setting, rows: int, watched: bool) -> dict[str, Any]:
    """Return the arguments that all trainers share; ``rows`` are seen in one pass."""
    settings = s.settings
    for name in settings.report:
        if find_spec(name) is None:
            raise DistillError(
                f"report: {name} needs a package that is not installed; install it with "
                "pip install 'distillation-workbench[track]', or leave it out"
            )
    total = max(1, round(-(-rows // (s.batch * s.accumulation)) * settings.epochs))
    every = max(1, round(total * settings.checkpoint))
    return {
        "output_dir": str(s.output),
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": s.batch,
        "gradient_accumulation_steps": s.accumulation,
        "learning_rate": settings.rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": round(total * settings.warmup),
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.clip,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "use_cpu": s.device == "cpu",
        "bf16": half(s.device),
        "gradient_checkpointing": settings.gradient_checkpointing,
        "logging_steps": max(1, total // 100),
        "save_steps": every,
        "save_total_limit": settings.checkpoints_kept,
        "eval_strategy": "steps" if watched else "no",
        "eval_steps": every if watched else None,
        "load_best_model_at_end": watched and settings.patience > 0,
        "include_num_input_tokens_seen": "non_padding",
        "dataloader_pin_memory": False,
        # TensorBoard's files would lie among the checkpoints, which do not stay; see ``_watchers``.
        "report_to": [one for one in settings.report if one != "tensorboard"] or "none",
        "project": "distillation-workbench",
        "run_name": s.output.parent.name,
        "disable_tqdm": True,
        "log_level": "error",
    }
