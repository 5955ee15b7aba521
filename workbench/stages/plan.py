"""Planning a round: its configuration, its tasks and its number, frozen before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from sqlmodel import col, func, select

from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.round_config import RoundConfig
from workbench.stages.train import shipped_base, training_plan
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import RoundRow, RoundTaskRow, TaskRow
from workbench.tasks import Task, add_tasks, from_family, off_the_other_side, task_of

__all__ = ["find_round", "plan_round"]


def plan_round(store: Store, settings: Settings, config: RoundConfig) -> str:
    """Freeze a round's configuration and tasks in the store; return its id, for example "r1".

    Raises ``StageError`` when there is nothing to train on or nothing is held out.
    """
    training_plan(config.training)
    config = _with_base(settings, config)
    with store.lock("plan", "Planning a round", wait_seconds=30.0):
        chosen = _choose_tasks(store, config)
        with store.write() as session:
            number = (session.exec(select(func.max(RoundRow.number))).one() or 0) + 1
            round_id = f"r{number}"
            parent = session.exec(
                select(RoundRow.id).where(col(RoundRow.promoted).is_(True))
                .order_by(col(RoundRow.number).desc())
            ).first()  # fmt: skip
            session.add(
                RoundRow(
                    id=round_id,
                    number=number,
                    config_json=canonical(config.as_json()),
                    parent_id=parent,
                )
            )
            session.flush()
            for role, tasks in chosen.items():
                for position, task_id in enumerate(tasks):
                    session.add(
                        RoundTaskRow(
                            round_id=round_id, task_id=task_id, role=role, position=position
                        )
                    )
    return round_id


def find_round(store: Store, config: RoundConfig) -> str | None:
    """Return the latest round with this configuration that was not stopped, if there is one."""
    wanted = _with_base(store.settings, config)
    with store.read() as session:
        rows = session.exec(
            select(RoundRow)
            .where(RoundRow.state != "stopped")
            .order_by(col(RoundRow.number).desc())
        )
        return next((row.id for row in rows if _planned(row) == wanted), None)


def _planned(row: RoundRow) -> RoundConfig | None:
    """Return what a round was planned with, fields added since then at their defaults."""
    try:
        return RoundConfig.model_validate(parse(row.config_json))
    except ValidationError:
        return None  # planned by another version; it can be looked at, but is not this one


def _with_base(settings: Settings, config: RoundConfig) -> RoundConfig:
    """Return the configuration with its base model decided."""
    if config.base is not None:
        return config
    return config.model_copy(update={"base": settings.base or shipped_base()})


def _choose_tasks(store: Store, config: RoundConfig) -> dict[str, list[str]]:
    """Return role -> task ids, importing the generated family first where the round draws on it."""
    if config.family is not None:
        from distill.family import generate

        made = generate(config.family.seed, config.family.train, held_out=config.family.held_out)
        tasks = off_the_other_side(store, from_family(made))
        add_tasks(store, tasks)
    else:
        tasks = _stored_tasks(store, config.categories)
    chosen = {role: [t.id for t in tasks if t.split == role] for role in ("train", "eval")}
    if config.family is None and config.most_tasks is not None:
        chosen["train"] = chosen["train"][: config.most_tasks]
    for role, what in (("train", "to train on"), ("eval", "held out")):
        if not chosen[role]:
            raise StageError(
                f"There is no task {what}.",
                "Import some (workbench tasks import FILE) or generate them "
                "(workbench tasks generate).",
            )
    return chosen


def _stored_tasks(store: Store, categories: Sequence[str]) -> list[Task]:
    query = select(TaskRow).where(col(TaskRow.split).in_(("train", "eval")))
    if categories:
        query = query.where(col(TaskRow.category).in_(categories))
    with store.read() as session:
        return [task_of(row) for row in session.exec(query.order_by(col(TaskRow.id)))]
