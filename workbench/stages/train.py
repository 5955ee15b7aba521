"""Train: a round's snapshot becomes a LoRA adapter in ``rounds/``, with its row in the registry.

The training itself is ``distill.train``: it keeps checkpoints and continues after a kill; called
again when it is done it returns at once. Rows come from the snapshot's blob, never from a query.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, MissingPartError, StageError
from workbench.stages.events import Reporter
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, RoundRow, SnapshotRow

if TYPE_CHECKING:
    from distill.config import TrainingPlan
    from distill.example import Example
    from distill.trainer import TrainEvent, TrainingRecord

__all__ = ["shipped_base", "snapshot_examples", "train_round", "training_plan"]


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


def snapshot_examples(store: Store, snapshot: SnapshotRow) -> list[Example]:
    """Return a snapshot's rows as training examples, in order."""
    from distill.example import Example

    examples: list[Example] = []
    for line in store.blobs.text(snapshot.digest).splitlines():
        row = json.loads(line)
        row["messages"] = tuple((role, text) for role, text in row["messages"])
        examples.append(Example(**row))
    return examples


def train_round(
    store: Store,
    round_id: str,
    *,
    base: str,
    plan: TrainingPlan,
    reporter: Reporter | None = None,
) -> AdapterRow:
    """Train the round's adapter, or return it if it is there; resumes after a kill.

    Raises ``StageError`` when the round has no winners to train on.
    """
    reporter = reporter or Reporter(store, None, round_id)
    with store.read() as session:
        this = session.get(RoundRow, round_id)
        assert this is not None
        snapshot = session.get(SnapshotRow, this.snapshot_id) if this.snapshot_id else None
    if snapshot is None or snapshot.rows == 0:
        raise StageError(
            f"Round {round_id} has no winners to train on.",
            "Ask more teachers, raise the repair cap, or accept a lower verdict.",
        )
    examples = snapshot_examples(store, snapshot)
    reporter.start("train", None, f"{len(examples)} rows, base {Path(base).name}")
    record = _train(store, round_id, examples, base, plan, reporter)
    row = _register(store, round_id, snapshot, base, record)
    reporter.done(
        "train",
        f"{record.steps} steps, {record.tokens} tokens in {record.seconds:.0f} s"
        + (f", last loss {record.losses[-1][1]:.4f}." if record.losses else "."),
        {"adapter": row.id},
    )
    return row


def _train(
    store: Store,
    round_id: str,
    examples: list[Example],
    base: str,
    plan: TrainingPlan,
    reporter: Reporter,
) -> TrainingRecord:
    from distill.errors import DistillError

    def tell(event: TrainEvent) -> None:
        if event.kind == "loss":
            data = {"loss": event.loss, "rate": event.rate, "epoch": event.epoch,
                    "tokens": event.tokens, "seconds": event.seconds}  # fmt: skip
            reporter.loss("train", event.step, event.total, data)
        elif event.message:
            reporter.note("train", event.message)

    try:
        from distill.trainer import train

        return train(examples, base, plan, store.settings.rounds / round_id, on_event=tell)
    except DistillError as error:
        raise StageError(str(error)) from error
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
