"""Following the home: when another student is put in use there, the served one is swapped for it.

So a round that ends in the night serves in the morning. The swap is that of ``/adapter/reload``:
what does not load or does not answer leaves the old version, and ``/health`` says why.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from workbench.errors import WorkbenchError
from workbench.server.fleet import Fleet
from workbench.server.library import Library
from workbench.server.metrics import Metrics
from workbench.stages.promote import promoted_student

__all__ = ["Follower"]


@dataclass(slots=True)
class Follower:
    """Keeps one served name at the student in use."""

    fleet: Fleet
    library: Library
    metrics: Metrics
    name: str
    every: float = 15.0
    """Seconds between two looks."""
    _tried: str | None = ""
    """The adapter that was loaded, or tried, last; "" before the first look."""

    async def run(self) -> None:
        """Look, and swap when there is another, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except WorkbenchError:
                # It does not load (then the fleet says why), or the database is away for a moment.
                self.metrics.follow_failed()
            await asyncio.sleep(self.every)

    def look(self) -> bool:
        """Swap if another student is in use; True when one was swapped in.

        A student that did not load is not tried again until yet another one is put in use.
        """
        wanted = promoted_student(self.library.store).adapter_id
        if self._tried == "":
            self._tried = wanted  # what the server started with
        if wanted == self._tried:
            return False
        self._tried = wanted
        version = self.fleet.load(self.library.following(self.fleet.get(self.name).version.spec))
        self.metrics.version(self.name, version.number)
        return True
