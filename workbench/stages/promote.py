"""Promote: the gate decides, and an atomic pointer in the store names the student in use.

Rolling back moves the pointer to the student before; nothing is deleted, so it can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from workbench.errors import StageError
from workbench.stages.evaluate import Figures
from workbench.stages.events import Reporter
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, RoundRow, SettingRow, now

if TYPE_CHECKING:
    from distill.gate import Decision

__all__ = [
    "Promoted",
    "decide",
    "override_gate",
    "promote_round",
    "promoted_student",
    "roll_back",
]

_POINTER = "promoted_student"


@dataclass(frozen=True, slots=True)
class Promoted:
    """The student in use: an adapter and the source it answers as; both None for the plain base."""

    adapter_id: str | None
    source_id: str | None
    previous: tuple[str | None, ...] = ()
    """Adapters that were in use before, the latest last."""
    override: str | None = None
    """Why a person put it in use against the gate, and who; None where the gate said yes."""


def promoted_student(store: Store) -> Promoted:
    """Return the student in use."""
    with store.read() as session:
        return _pointer(session)


def decide(found: Figures, *, lift: float) -> Decision:
    """Let the gate read a round's figures."""
    from distill.gate import gate

    return gate(found.overall, found.categories, outputs_changed=found.outputs_changed, lift=lift)


def promote_round(
    store: Store,
    round_id: str,
    decision: Decision,
    *,
    reporter: Reporter | None = None,
) -> bool:
    """Write the gate's decision into the round and, if it is yes, move the pointer; idempotent.

    Before a yes becomes one, the adapter has to be fit for use: it acts, its template and end token
    agree, and merged it computes what it computes unmerged.
    """
    reporter = reporter or Reporter(store, None, round_id)
    if decision.promote:
        decision = _fit_for_use(store, round_id, decision)
    with store.write() as session:
        this = session.get(RoundRow, round_id)
        if this is None or this.adapter_id is None:
            raise StageError(
                f"Round {round_id} has no trained student.",
                f"Run: workbench rounds resume {round_id}",
            )
        this.promoted, this.decision = decision.promote, decision.reason
        session.add(this)
        pointer = _pointer(session)
        if decision.promote and pointer.adapter_id != this.adapter_id:
            _move(
                session,
                Promoted(
                    this.adapter_id,
                    this.student_source_id,
                    (*pointer.previous, pointer.adapter_id),
                ),
            )
    reporter.done("promote", decision.reason, {"promoted": decision.promote})
    return decision.promote


def _fit_for_use(store: Store, round_id: str, decision: Decision) -> Decision:
    from distill.errors import DistillError
    from distill.gate import soundness, with_checks

    with store.read() as session:
        this = session.get(RoundRow, round_id)
        adapter = session.get(AdapterRow, this.adapter_id) if this and this.adapter_id else None
    if adapter is None:
        return decision  # the caller says so, with the mend
    try:
        checks = soundness(adapter.base, store.home / adapter.path)
    except DistillError as error:
        raise StageError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    return with_checks(decision, checks)


def override_gate(store: Store, round_id: str, *, reason: str, author: str) -> Promoted:
    """Put a round's student in use though the gate said no; the round keeps the gate's word.

    Raises ``StageError`` without a reason, or for a round whose student was not gated yet.
    """
    if not reason.strip():
        raise StageError("A student is put in use against the gate only with a reason.", "Say why.")
    with store.write() as session:
        this = session.get(RoundRow, round_id)
        if this is None or this.adapter_id is None or this.promoted is None:
            raise StageError(
                f"Round {round_id} has not been through the gate yet.",
                f"Run: workbench promote {round_id}",
            )
        pointer = _pointer(session)
        to = Promoted(
            this.adapter_id, this.student_source_id, (*pointer.previous, pointer.adapter_id),
            f"{author}: {reason.strip()}",
        )  # fmt: skip
        if pointer.adapter_id != this.adapter_id:
            _move(session, to)
    Reporter(store, None, round_id).note(
        "promote", f"Put in use by hand. {to.override}", {"override": reason, "author": author}
    )
    return promoted_student(store)


def roll_back(store: Store) -> Promoted:
    """Put the student before back in use; raise ``StageError`` when there is none before."""
    from sqlmodel import select

    from workbench.store.tables import SourceRow

    with store.write() as session:
        pointer = _pointer(session)
        if pointer.adapter_id is None and not pointer.previous:
            raise StageError(
                "The plain base model is in use; there is nothing to roll back to.",
                "Put one in use: workbench promote ROUND",
            )
        earlier = pointer.previous[-1] if pointer.previous else None
        source = None
        if earlier is not None:
            query = select(SourceRow).where(SourceRow.adapter_id == earlier)
            found = session.exec(query).first()
            source = None if found is None else found.id
        back = Promoted(earlier, source, pointer.previous[:-1])
        _move(session, back)
    return back


def _pointer(session: Session) -> Promoted:
    row = session.get(SettingRow, _POINTER)
    if row is None:
        return Promoted(None, None)
    value: dict[str, Any] = parse(row.value)
    return Promoted(
        value["adapter"], value["source"], tuple(value["previous"]), value.get("override")
    )


def _move(session: Session, to: Promoted) -> None:
    """Write the pointer; one row, so it is the old or the new one and never a mixture."""
    fields: dict[str, Any] = {
        "adapter": to.adapter_id, "source": to.source_id, "previous": list(to.previous)
    }  # fmt: skip
    if to.override is not None:
        fields["override"] = to.override
    value = canonical(fields)
    row = session.get(SettingRow, _POINTER) or SettingRow(key=_POINTER, value=value)
    row.value = value
    session.add(row)
    adapter = session.get(AdapterRow, to.adapter_id) if to.adapter_id else None
    if adapter is not None:
        adapter.promoted_at = now()
        session.add(adapter)
