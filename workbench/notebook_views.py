"""The reading half of the notebook façade: what the store holds, as values that show themselves.

Nothing here changes anything; the steps of the loop are in ``workbench.notebook``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import NotFoundError
from workbench.rendering import Listing
from workbench.results import RoundView

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workbench.store.database import Store
    from workbench.store.views.rounds import Outcome

__all__ = ["Readings"]

T = TypeVar("T")


class Readings:
    """What a home holds, read."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def tasks(self, *, split: str = "", category: str = "", search: str = "") -> Listing:
        """Return the first thousand tasks that fit, with their prompts."""
        from workbench.store.views.matrix import Filter, page

        wanted = Filter(split=split, category=category, search=search)
        found = self._read(lambda c: page(c, wanted, size=1_000))
        return Listing(
            "Tasks",
            ("id", "category", "split", "prompt"),
            ((r.task_id, r.category, r.split, r.prompt) for r in found.rows),
            note=f"{found.total:,} fit." if found.total > len(found.rows) else "",
        )

    def matrix(self, mode: str = "all", *, search: str = "", category: str = "") -> Listing:
        """Return who solved what: tasks down, sources across; ``mode`` as on the dashboard."""
        from workbench.store.views.matrix import Filter, Mode, page, sources

        known = {m.value: m for m in Mode}
        if mode not in known:
            raise NotFoundError.among("mode", mode, known)
        wanted = Filter(mode=known[mode], search=search, category=category)
        names = [s.id for s in self._read(sources)]
        found = self._read(lambda c: page(c, wanted, size=1_000))
        return Listing(
            "Matrix",
            ("task", *names),
            (
                (r.task_id, *(r.cells[n].word if n in r.cells else None for n in names))
                for r in found.rows
            ),
            words=names,
            note=f"{found.total:,} fit." if found.total > len(found.rows) else "",
        )

    def rounds(self) -> Listing:
        """Return every round with its paired figures, the newest first."""
        from workbench.store.views.rounds import all_rounds

        found = [self.round(r.id) for r in self._read(all_rounds)]
        return Listing(
            "Rounds",
            (
                *("round", "stage", "state", "before", "after", "low", "high", "fixed", "broken"),
                *("p", "promoted", "certificate"),
            ),
            (
                (
                    v.id,
                    v.round.stage,
                    v.round.state,
                    *(
                        (o.before, o.after, o.low, o.high, o.fixed, o.broken, o.p)
                        if (o := v.outcome) is not None
                        else (None,) * 7
                    ),
                    v.round.promoted,
                    v.round.certificate_id,
                )
                for v in found
            ),
        )

    def round(self, name: str = "") -> RoundView:
        """Return a round by id or number; the newest without a name."""
        from workbench.store.views.rounds import all_rounds, find, outcome

        every = self._read(all_rounds)
        found = self._read(lambda c: find(c, name)) if name else (every[0] if every else None)
        if found is None:
            raise NotFoundError.among(
                "round", name or "newest", [r.id for r in every], "Run: workbench demo"
            )
        return RoundView(found, self._read(lambda c: outcome(c, found.id)))

    def certificates(self) -> Listing:
        """Return every certificate and what the latest check of it said."""
        from workbench.store.views.certificates import certificates

        return Listing(
            "Certificates",
            ("certificate", "round", "state", "key", "path"),
            (
                (c.id[:16], c.round_id, c.state, c.keyid[:16], c.path)
                for c in self._read(certificates)
            ),
        )

    def sources(self) -> Listing:
        """Return who answered, the best first: proved share with its interval, price, speed."""
        from workbench.store.views.leaderboard import standings

        return Listing(
            "Sources",
            (
                *("source", "answered", "proved", "refuted", "share", "low", "high"),
                *("dollars a proof", "median seconds"),
            ),
            (
                (
                    s.source.id,
                    s.answered,
                    s.proved,
                    s.refuted,
                    s.share,
                    s.low,
                    s.high,
                    None if s.cost_per_proof is None else float(s.cost_per_proof),
                    s.median_seconds,
                )
                for s in self._read(standings)
            ),
        )

    def agreement(self) -> Listing:
        """Return for every two sources on how many common tasks they gave the same function."""
        from workbench.store.views.leaderboard import same_answer

        return Listing(
            "Agreement",
            ("one", "other", "both answered", "same", "share"),
            (
                (one, other, both, same, same / both if both else None)
                for (one, other), (both, same) in self._read(same_answer).items()
            ),
        )

    def dataset(self, name: str = "") -> Listing:
        """Return a round's winners: the first thousand rows, each with its reason."""
        from workbench.store.views.datasets import examples

        view = self.round(name)
        snapshot = view.round.snapshot_id
        if snapshot is None:
            raise NotFoundError(
                f"Round {view.id} has no dataset yet.", "Call bench.select() first."
            )
        found, total = self._read(lambda c: examples(c, snapshot, size=1_000))
        return Listing(
            "Dataset",
            ("task", "category", "source", "verdict", "score", "because", "code"),
            (
                (e.task_id, e.category, e.source_id, e.word, e.score, e.reason, e.code)
                for e in found
            ),
            words=("verdict",),
            note=f"{total:,} in all." if total > len(found) else "",
        )

    def learning_curve(self) -> Listing:
        """Return the proved share from round to round, oldest first, with the gain's interval."""
        from workbench.store.views.rounds import all_rounds

        points = [(r, self._outcome(r.id)) for r in reversed(self._read(all_rounds))]
        return Listing(
            "Learning curve",
            ("round", "held out", "before", "after", "low", "high", "promoted"),
            (
                (r.id, o.n, o.before, o.after, o.before + o.low, o.before + o.high, r.promoted)
                for r, o in points
                if o is not None
            ),
        )

    def losses(self, name: str = "") -> Listing:
        """Return a round's training loss, step by step (thinned to a thousand points)."""
        from workbench.store.views.rounds import losses

        view = self.round(name)
        return Listing("Loss", ("step", "loss"), self._read(lambda c: losses(c, view.id)))

    def _outcome(self, round_id: str) -> Outcome | None:
        from workbench.store.views.rounds import outcome

        return self._read(lambda c: outcome(c, round_id))

    def _read(self, view: Callable[[Connection], T]) -> T:
        with self.store.engine.connect() as connection:
            return view(connection)
