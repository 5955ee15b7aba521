"""Train: a round's snapshot becomes a LoRA adapter in ``rounds/``, with its row in the registry.

The training itself is ``distill.train``: it keeps checkpoints and continues after a kill; called
again when it is done it returns at once. Rows come from the snapshot's blob, never from a query.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, MissingPartError, NothingToTrainError, StageError
from workbench.stages.events import Reporter
from workbench.stages.reward import JudgeReward
from workbench.stages.training_rows import earlier_examples, snapshot_examples, with_pass_rates
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, RoundRow, SnapshotRow

if TYPE_CHECKING:
    from distill.config import TrainingPlan
    from distill.estimate import Estimate
    from distill.example import Example
    from distill.trainer import TrainEvent, TrainingRecord

__all__ = [
    "estimate_round",
    "read_plan",
    "replan",
    "round_rows",
    "shipped_base",
    "snapshot_examples",
    "train_round",
    "training_fields",
    "training_plan",
]


def shipped_base() -> str:
    """Return the folder of the small model that the project ships."""
    folder = Path(__file__).resolve().parents[2] / "data" / "models" / "tiny"
    if not (folder / "config.json").is_file():
        raise StageError(
            f"The small model that the project ships is not at {folder}.",
            "Set WORKBENCH_BASE to a model's folder or hub id.",
        )
    return str(folder)


def training_plan(given: dict[str, Any]) -> TrainingPlan:
    """Check a training configuration; raise ``InputError`` that names the first bad field."""
    from pydantic import ValidationError

    try:
        from distill.config import TrainingPlan
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("Training", "train") from error
    try:
        return TrainingPlan.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"The training setting {field} = {first['input']!r} is not usable: {first['msg']}.",
            "Correct it or leave it out.",
        ) from error


def training_fields() -> dict[str, Any]:
    """Return what a form needs: methods, presets with their values, and all defaults; no torch."""
    from distill.config import ONLY, TrainingPlan
    from distill.presets import PRESETS

    return {
        "methods": ["sft", "dpo", "kto", "grpo", "gkd", "gold"],
        "presets": {name: dict(values) for name, values in PRESETS.items()},
        "only": {name: list(methods) for name, methods in ONLY.items()},
        "defaults": TrainingPlan().model_dump(mode="json"),
    }


def read_plan(lora: Path | None, training: Path | None) -> dict[str, Any]:
    """Read ``lora_config.yaml`` and ``training_config.yaml`` as a round's training settings."""
    from distill.config import TrainingPlan, read_lora, read_training
    from distill.errors import DistillError

    try:
        plan = TrainingPlan()
        if lora is not None:
            plan = plan.model_copy(update={"lora": read_lora(lora)})
        if training is not None:
            plan = plan.model_copy(update={"training": read_training(training)})
    except DistillError as error:
        raise InputError(str(error) + ".", "Correct the file.") from error
    return plan.model_dump(mode="json", exclude_defaults=True)


def replan(store: Store, round_id: str, given: dict[str, Any]) -> None:
    """Give a round that is not trained yet other training settings."""
    with store.write() as session:
        this = session.get(RoundRow, round_id)
        assert this is not None
        if this.adapter_id is not None:
            raise InputError(
                f"Round {round_id} is trained already; its settings are part of its record.",
                "Plan another round: workbench rounds run --again",
            )
        config = parse(this.config_json)
        config["training"] = {**config["training"], **given}
        this.config_json = canonical(config)
        session.add(this)


def round_rows(
    store: Store, round_id: str, plan: TrainingPlan
) -> tuple[SnapshotRow, list[Example], list[Example]]:
    """Return a round's snapshot, its rows, and the earlier rounds' rows where they are replayed.

    Raises ``NothingToTrainError`` when the round has no winners to train on.
    """
    with store.read() as session:
        this = session.get(RoundRow, round_id)
        assert this is not None
        snapshot = session.get(SnapshotRow, this.snapshot_id) if this.snapshot_id else None
    if snapshot is None or snapshot.rows == 0:
        raise NothingToTrainError(
            f"Round {round_id} has no winners to train on.",
            "Ask more teachers, raise the repair cap, or accept a lower verdict.",
        )
    examples = snapshot_examples(store, snapshot)
    earlier = earlier_examples(store, round_id) if plan.training.replay else []
    if plan.training.curriculum != "none":
        examples, earlier = with_pass_rates(store, examples), with_pass_rates(store, earlier)
    return snapshot, examples, earlier


def estimate_round(store: Store, round_id: str, *, base: str, plan: TrainingPlan) -> Estimate:
    """Estimate a round's training: steps, tokens, memory, and time by trying one step."""
    from distill.errors import DistillError
    from distill.loading import quiet

    _, examples, earlier = round_rows(store, round_id, plan)
    try:
        from distill.estimate import estimate

        with quiet():
            return estimate(examples, base, plan, earlier=earlier)
    except DistillError as error:
        raise StageError(str(error)) from error
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("Training", "train") from error


def train_round(
    store: Store,
    round_id: str,
    *,
    base: str,
    plan: TrainingPlan,
    reporter: Reporter | None = None,
) -> AdapterRow:
    """Train the round's adapter, or return it if it is there; resumes after a kill.

    Raises ``NothingToTrainError`` when the round has no winners to train on.
    """
    reporter = reporter or Reporter(store, None, round_id)
    snapshot, examples, earlier = round_rows(store, round_id, plan)
    reporter.start("train", None, f"{len(examples)} rows, base {Path(base).name}")
    _warn_of_one_category(store, round_id, examples, reporter)
    record = _train(store, round_id, (examples, earlier), base, plan, reporter)
    row = _register(store, round_id, snapshot, base, record)
    reporter.done(
        "train",
        f"{record.steps} steps, {record.tokens} tokens in {record.seconds:.0f} s"
        + (f", last loss {record.losses[-1][1]:.4f}." if record.losses else "."),
        {"adapter": row.id},
    )
    return row


def _warn_of_one_category(
    store: Store, round_id: str, examples: list[Example], reporter: Reporter
) -> None:
    """Say so when all rows teach one category and more than that is measured."""
    from workbench.stages.evaluate import held_out_tasks

    taught = {row.category for row in examples}
    measured = {task.category for task in held_out_tasks(store, round_id)}
    if len(taught) == 1 and measured - taught:
        (name,) = taught
        reporter.note(
            "train",
            f"All {len(examples)} rows are of the category {name}, and {len(measured - taught)} "
            "more are held out: the student may forget those. The gate looks at each category; "
            "see also: workbench evaluate --forgetting",
        )


def _train(
    store: Store,
    round_id: str,
    rows: tuple[list[Example], list[Example]],
    base: str,
    plan: TrainingPlan,
    reporter: Reporter,
) -> TrainingRecord:
    """Train on ``rows`` (this round's, and earlier ones to replay), with the judge as reward."""
    from distill.errors import DistillError
    from judge.errors import JudgeUnavailableError

    examples, earlier = rows

    def tell(event: TrainEvent) -> None:
        if event.kind == "loss":
            data = {"loss": event.loss, "rate": event.rate, "epoch": event.epoch,
                    "tokens": event.tokens, "seconds": event.seconds,
                    "metrics": dict(event.metrics)}  # fmt: skip
            reporter.loss("train", event.step, event.total, data)
        elif event.message:
            reporter.note("train", event.message, {"metrics": dict(event.metrics)})

    try:
        from distill.trainer import train

        folder = store.settings.rounds / round_id
        with ExitStack() as stack:
            reward = None
            if plan.training.method == "grpo":
                reward = stack.enter_context(JudgeReward(store, store.settings))
            return train(
                examples, base, plan, folder, on_event=tell, reward=reward, earlier=earlier
            )
    except DistillError as error:
        raise StageError(str(error)) from error
    except JudgeUnavailableError as error:
        raise StageError(
            f"The judge cannot start here: {str(error).splitlines()[0]}.",
            "See what is missing: workbench doctor",
        ) from error
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("Training", "train") from error


def _register(
    store: Store, round_id: str, snapshot: SnapshotRow, base: str, record: TrainingRecord
) -> AdapterRow:
    """Put the adapter into the registry and into its round, in one transaction."""
    row = AdapterRow(
        id=f"{round_id}-{record.adapter_digest[:12]}",
        round_id=round_id,
        path=str(record.adapter_dir.relative_to(store.home)),
        digest=record.adapter_digest,
        base=base,
        base_digest=record.base_digest,
        snapshot_id=snapshot.id,
        config_json=canonical(dict(record.config)),
        metrics_json=canonical(
            {
                "steps": record.steps,
                "tokens": record.tokens,
                "seconds": record.seconds,
                "losses": [list(pair) for pair in record.losses],
                "seed": record.seed,
                "versions": dict(record.versions),
                "examples": record.examples,
                "batch": record.batch,
                "environment": dict(record.environment),
            }
        ),
    )
    with store.write() as session:
        known = session.get(AdapterRow, row.id)
        if known is None:
            session.add(row)
            session.flush()
        this = session.get(RoundRow, round_id)
        assert this is not None
        this.adapter_id = row.id
        session.add(this)
    return known or row
