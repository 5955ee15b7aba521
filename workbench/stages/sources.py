"""Who answers: teachers and students as rows, each with whether its answers may be trained on.

Terms nobody has read count as "unknown", and unknown blocks training until the user names the
source in the setting ``allow_training``; the decision and its reason are in the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.settings import Settings
from workbench.store.database import Store
from workbench.store.tables import SourceRow

if TYPE_CHECKING:
    from teachers.protocol import Teacher

__all__ = ["register_student", "register_teacher"]


def register_teacher(store: Store, settings: Settings, teacher: Teacher) -> SourceRow:
    """Record ``teacher`` as a source, with the training policy that holds now."""
    from teachers.policy import training_policy

    identity = teacher.identity
    policy = training_policy(identity.provider, identity.model)
    use, basis = str(policy.use), policy.basis
    if use != "allowed" and teacher.name in settings.allow_training:
        use, basis = "allowed", f"allowed by the user's setting allow_training; before: {basis}"
    with store.write() as session:
        row = session.get(SourceRow, teacher.name)
        if row is None:
            row = SourceRow(
                id=teacher.name,
                kind="teacher",
                provider=identity.provider,
                model=identity.model,
                base_url=identity.base_url,
                local=identity.local,
            )
        row.training_policy = use
        row.policy_basis = basis
        session.add(row)
    return row


def register_student(
    store: Store, *, model: str, name: str, adapter_id: str | None = None
) -> SourceRow:
    """Record a student as a source; ``model`` is the digest of its weights (base and adapter).

    The same weights are the same source. A base whose ``name`` is taken by other weights gets the
    start of its digest behind the name.
    """
    with store.write() as session:
        query = select(SourceRow).where(SourceRow.kind == "student", SourceRow.model == model)
        row = session.exec(query.order_by(col(SourceRow.created_at))).first()
        if row is not None:
            return row
        taken = session.get(SourceRow, name) is not None
        row = SourceRow(
            id=f"{name}-{model[:8]}" if taken else name,
            kind="student",
            provider="student",
            model=model,
            local=True,
            training_policy="allowed",
            policy_basis="the student's own answers, made on this machine",
            adapter_id=adapter_id,
        )
        session.add(row)
    return row
