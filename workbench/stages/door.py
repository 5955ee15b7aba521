"""The door to all teachers as this home's settings want it: caps, prices, limits, circuits.

One door serves one run. What it knows of earlier runs it reads from the store: what was spent,
which answers were paid for, which providers were set aside. Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.store.database import Store

if TYPE_CHECKING:
    from teachers.budget import Budget
    from teachers.gateway import Gateway
    from teachers.limits import LimitBook
    from teachers.pricing import PriceBook

__all__ = ["Door", "budget_of", "price_book"]


@dataclass(frozen=True, slots=True)
class Door:
    """What a run adds to the settings. ``prices`` None reads the home's price file."""

    prices: PriceBook | None = None
    bypass_cache: bool = False

    def gateway(self, store: Store, settings: Settings, run_id: str) -> Gateway:
        """Return the gateway of run ``run_id``."""
        from teachers.breaker import Breaker
        from teachers.gateway import Gateway, Retry
        from workbench.store.teaching import (
            StoreCache,
            StoreCircuits,
            StoreLedger,
            answered_in,
            group_keeper,
        )

        return Gateway(
            StoreCache(store),
            StoreLedger(store),
            limits=limit_book(settings),
            retry=Retry(
                attempts=settings.attempts,
                deadline=settings.deadline_seconds,
                outage=settings.outage_seconds,
            ),
            budget=budget_of(settings),
            private=settings.private,
            run_id=run_id,
            prices=self.book(settings),
            breaker=Breaker(memory=StoreCircuits(store)),
            bypass_cache=self.bypass_cache,
            keep=group_keeper(store),
            # The same command after a kill is the same run: who answered it is waited for.
            answered=answered_in(store, run_id),
        )

    def book(self, settings: Settings) -> PriceBook:
        """Return the prices that hold."""
        return price_book(settings) if self.prices is None else self.prices


def budget_of(settings: Settings) -> Budget:
    """Return the caps of the settings."""
    from teachers.budget import Budget

    return Budget(
        per_run=settings.max_cost,
        per_day=settings.max_cost_day,
        per_provider=dict(settings.max_cost_provider),
    )


def limit_book(settings: Settings) -> LimitBook:
    """Return how fast each provider may be asked."""
    from teachers.limits import LimitBook, Limits

    usual = Limits()
    found = {}
    for name, limit in settings.limits.items():
        width = limit.concurrency or usual.max_concurrency
        found[name] = Limits(
            requests_per_minute=limit.requests_per_minute,
            tokens_per_minute=limit.tokens_per_minute,
            start_concurrency=min(width, usual.start_concurrency),
            max_concurrency=width,
        )
    return LimitBook(usual, found)


def price_book(settings: Settings, spoken: Sequence[str] = ()) -> PriceBook:
    """Return the prices: those said on the command line, the price file, the bundled snapshot.

    A file named in the settings must be there; ``prices.json`` in the home may be. Raises
    ``InputError`` with the entry and the mend.
    """
    from teachers.errors import PriceError
    from teachers.pricing import PriceBook, spoken_price

    path = settings.price_file or settings.home / "prices.json"
    try:
        is_there = settings.price_file is not None or path.exists()
        book = PriceBook.read(path) if is_there else PriceBook()
        return book.with_prices(dict(spoken_price(each) for each in spoken))
    except PriceError as error:
        raise InputError(str(error)) from error
