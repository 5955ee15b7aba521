"""What happens, as it happens: events for the caller, and rows that a screen elsewhere can poll."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from workbench.store.database import Store

__all__ = ["Event", "Listener", "Reporter"]

Kind = Literal["start", "progress", "done", "note", "error", "loss"]

# How often a bar may move in the database; the caller in this process hears every step.
_ROW_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a stage. ``done`` of ``total`` counts the stage's items."""

    stage: str
    kind: Kind
    message: str = ""
    done: int | None = None
    total: int | None = None
    round_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Reporter:
    """Tells a listener and the store what happens. One a run; not shared between threads."""

    def __init__(
        self, store: Store, listener: Listener | None = None, round_id: str | None = None
    ) -> None:
        self.store = store
        self.round_id = round_id
        self._listener = listener
        self._last_row = 0.0

    def start(self, stage: str, total: int | None, message: str) -> None:
        """A stage begins, with ``total`` items to do."""
        self._tell(Event(stage, "start", message, 0, total, self.round_id))

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """``done`` of ``total`` items are finished."""
        self._tell(Event(stage, "progress", message, done, total, self.round_id))

    def done(self, stage: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """The stage is finished; ``message`` says what came out."""
        self._tell(Event(stage, "done", message, round_id=self.round_id, data=data or {}))

    def note(self, stage: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Something worth reading happened."""
        self._tell(Event(stage, "note", message, round_id=self.round_id, data=data or {}))

    def error(self, stage: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Something failed and the run goes on without it."""
        self._tell(Event(stage, "error", message, round_id=self.round_id, data=data or {}))

    def loss(self, stage: str, step: int, total: int, data: Mapping[str, Any]) -> None:
        """A training step is done; ``data`` holds its loss and rate."""
        self._tell(Event(stage, "loss", "", step, total, self.round_id, data))

    def _tell(self, event: Event) -> None:
        if self._listener is not None:
            self._listener(event)
        if event.kind == "progress":
            now = time.monotonic()
            if event.done != event.total and now - self._last_row < _ROW_SECONDS:
                return
            self._last_row = now
        self._write(event)

    def _write(self, event: Event) -> None:
        from workbench.store.canonical import canonical
        from workbench.store.tables import EventRow

        with self.store.write() as session:
            session.add(
                EventRow(
                    round_id=event.round_id,
                    stage=event.stage,
                    kind=event.kind,
                    done=event.done,
                    total=event.total,
                    message=event.message,
                    data_json=canonical(dict(event.data)),
                )
            )
