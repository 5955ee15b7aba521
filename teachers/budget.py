"""Caps on money that stop before the request that would break them.

Before a request its dearest outcome (all of ``max_tokens``) is reserved; afterwards the true cost
replaces the reservation. Spent plus reserved never passes a cap, however many requests run at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from teachers.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps in US dollars; None means no cap. ``per_provider`` holds within the run."""

    per_run: Decimal | None = None
    per_day: Decimal | None = None
    per_provider: dict[str, Decimal] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing is capped."""
        return self.per_run is None and self.per_day is None and not self.per_provider


@dataclass(frozen=True, slots=True)
class Refused:
    """A cap that the next request could break."""

    sentence: str


REFRESH_SECONDS = 30.0


class Purse:
    """The running totals of one run under a budget.

    What other processes spend today is looked up again every half minute while there is a cap on
    the day; what they have set aside and not yet paid is not seen.
    """

    def __init__(
        self,
        budget: Budget,
        ledger: Ledger,
        run_id: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._budget = budget
        self._now = now
        self._day = now().date()
        midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
        self._run = ledger.spent(run_id=run_id)
        self._today = ledger.spent(since=midnight) if budget.per_day is not None else Decimal(0)
        self._providers = {
            name: ledger.spent(run_id=run_id, provider=name) for name in budget.per_provider
        }
        self._ledger = ledger
        self._looked = now()
        self._reserved: dict[str, Decimal] = {}

    @property
    def spent(self) -> Decimal:
        """What the run has spent so far, in US dollars."""
        return self._run

    def reserve(self, provider: str, most: Decimal) -> Refused | None:
        """Set ``most`` aside for one request, or say which cap forbids it."""
        self._look_again()
        waiting = sum(self._reserved.values(), Decimal(0))
        caps = [("run", self._budget.per_run, self._run + waiting)]
        caps.append(("day", self._budget.per_day, self._today + waiting))
        own = self._budget.per_provider.get(provider)
        if own is not None:
            used = self._providers[provider] + self._reserved.get(provider, Decimal(0))
            caps.append((f"provider {provider}", own, used))
        for what, cap, used in caps:
            if cap is not None and used + most > cap:
                return Refused(
                    f"the cap of ${cap} for the {what} would be passed: ${used:.4f} is spent or "
                    f"reserved and this request may cost ${most:.4f}; raise the cap or lower "
                    "max_tokens"
                )
        self.hold(provider, most)
        return None

    def _look_again(self) -> None:
        """Begin a new day, and take in what others have spent since the last look."""
        moment = self._now()
        if moment.date() != self._day:
            self._day, self._today = moment.date(), Decimal(0)
        if self._budget.per_day is None:
            return
        if (moment - self._looked).total_seconds() < REFRESH_SECONDS:
            return
        self._looked = moment
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        # Our own last lines may still be on their way to the ledger: the larger figure holds.
        self._today = max(self._today, self._ledger.spent(since=midnight))

    def hold(self, provider: str, most: Decimal) -> None:
        """Set ``most`` aside for what is already under way, whatever the caps say."""
        self._reserved[provider] = self._reserved.get(provider, Decimal(0)) + most

    def settle(self, provider: str, reserved: Decimal, actual: Decimal) -> None:
        """Replace a reservation by what the request really cost."""
        self._reserved[provider] -= reserved
        self._run += actual
        self._today += actual
        if provider in self._providers:
            self._providers[provider] += actual
