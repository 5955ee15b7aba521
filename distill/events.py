"""From the trainer's callbacks to our events; imported only where training happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import EarlyStoppingCallback, TrainerCallback

if TYPE_CHECKING:
    from distill.trainer import TrainEvent


_TOLD = {
    "mean_token_accuracy": "accuracy",
    "rewards/accuracies": "preferred",
    "rewards/margins": "margin",
    "reward": "reward",
    "reward_std": "reward_spread",
    "kl": "kl",
    "completions/mean_length": "answer_tokens",
}
"""What the libraries call what a person wants to see, and what we call it."""


class _Reporter(TrainerCallback):  # type: ignore[misc]
    """Tells ``on_event`` of losses, and marks a checkpoint as whole once it is written."""

    def __init__(self, on_event: Callable[[TrainEvent], None], mark: str) -> None:
        self._on_event = on_event
        self._mark = mark
        self._begun = time.perf_counter()

    def _event(self, kind: Any, state: Any, **more: Any) -> None:
        from distill.trainer import TrainEvent

        if not state.is_world_process_zero:
            return
        spent = time.perf_counter() - self._begun
        self._on_event(TrainEvent(kind, state.global_step, state.max_steps, seconds=spent, **more))

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        again = f"continuing at step {state.global_step}" if state.global_step else ""
        self._event("start", state, message=again)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        logs = logs or {}
        if "loss" in logs:
            self._event(
                "loss", state, loss=float(logs["loss"]), rate=logs.get("learning_rate"),
                epoch=state.epoch, tokens=int(state.num_input_tokens_seen),
                metrics={ours: float(logs[name]) for name, ours in _TOLD.items() if name in logs},
            )  # fmt: skip
        if "eval_loss" in logs:
            self._event(
                "note", state, message=f"validation loss {logs['eval_loss']:.4f}",
                metrics={"held_out_loss": float(logs["eval_loss"])},
            )  # fmt: skip

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (folder / self._mark).touch()
        self._event("checkpoint", state)


def callbacks(on_event: Callable[[TrainEvent], None], mark: str, patience: int) -> list[Any]:
    """Return the callbacks of one training."""
    found: list[Any] = [_Reporter(on_event, mark)]
    if patience:
        found.append(EarlyStoppingCallback(patience))
    return found
