"""Where adapters come from: the home's registry, by id. What the server may load and merge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.errors import InputError, NotFoundError, StageError
from workbench.server.fleet import Spec
from workbench.settings import Settings
from workbench.stages.promote import promoted_student
from workbench.stages.train import shipped_base
from workbench.store.database import Store
from workbench.store.tables import AdapterRow

PLAIN = "none"
"""The word for the base without an adapter."""


class Library:
    """The adapters of one home."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings

    def spec(self, name: str, adapter: str | None = None) -> Spec:
        """Return what to load under ``name``: an adapter by id, or the student in use."""
        if adapter == PLAIN:
            return Spec(name, self._base)
        wanted = adapter or promoted_student(self.store).adapter_id
        if wanted is None:
            return Spec(name, self._base)
        row = self._row(wanted)
        return Spec(name, row.base, self.store.home / row.path, row.snapshot_id)

    def following(self, current: Spec, adapter: str | None = None) -> Spec:
        """Return what to load in the place of ``current``, on the same kind of engine.

        Raises ``StageError`` for an engine that somebody else runs: it would not change.
        """
        if current.engine.startswith(("http://", "https://")):
            raise StageError(
                f"{current.name} is served by the engine at {current.engine}, which is not ours to "
                "change.",
                "Swap the adapter there, and start this server again.",
            )
        wanted = self.spec(current.name, adapter)
        return replace(wanted, engine=current.engine, spread=current.spread)

    def merge(self, adapter: str | None) -> dict[str, Any]:
        """Merge an adapter into its base, checked, and return where it is; once is enough."""
        from distill.errors import DistillError
        from distill.export import merge
        from distill.student import base_digest

        wanted = adapter or promoted_student(self.store).adapter_id
        if wanted is None:
            raise StageError(
                "No adapter is in use, so there is nothing to merge.", "Name one by its id."
            )
        row = self._row(wanted)
        folder = self.store.home / "merged" / row.digest[:16]
        if folder.is_dir():
            return {"adapter": wanted, "folder": _inside(folder, self.store.home),
                    "digest": base_digest(folder), "new": False}  # fmt: skip
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            done = merge(row.base, self.store.home / row.path, folder)
        except DistillError as error:
            raise InputError(str(error)) from error
        return {
            "adapter": wanted,
            "folder": _inside(folder, self.store.home),
            "digest": done.digest,
            "largest_difference": done.difference,
            "compared_positions": done.tokens,
            "new": True,
        }

    @property
    def _base(self) -> str:
        return self.settings.base or shipped_base()

    def _row(self, name: str) -> AdapterRow:
        from sqlmodel import select

        with self.store.read() as session:
            row = session.get(AdapterRow, name)
            if row is None:
                known = [one.id for one in session.exec(select(AdapterRow))]
                raise NotFoundError.among("adapter", name, known, "See: workbench rounds list")
        return row


def _inside(folder: Path, home: Path) -> str:
    return str(folder.relative_to(home))
