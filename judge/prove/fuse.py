"""A fuse in processor time for solver calls that count no resources.

Some inner loops of a solver spend no units of its resource limit. A thread looks twice a second
whether the call under way has used more processor time than the fuse allows, and interrupts it. A
busy machine burns no fuse, because waiting uses no processor time. What it is not: the budget
(that is ``rlimit``), or a cure for a call that does not heed interruption (the pool kills those).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS = 8.0
"""Far above what any of the prover's limits takes when the solver counts its resources."""
_PERIOD = 0.5


class Fuse:
    """Watches one solver call at a time; the thread starts with the first call of a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.interrupt: Any = None
        self.deadline = 0.0
        self.burnt = False

    @contextmanager
    def watch(self, interrupt: Any, seconds: float = SECONDS) -> Iterator[None]:
        """Call ``interrupt`` when the body takes more than ``seconds`` of processor time."""
        if self.thread is None or not self.thread.is_alive():  # a fork takes no threads along
            self.lock = threading.Lock()
            self.thread = threading.Thread(target=self._run, daemon=True, name="solver fuse")
            self.thread.start()
        self.burnt = False
        self.deadline = time.process_time() + seconds
        self.interrupt = interrupt
        try:
            yield
        finally:
            with self.lock:
                self.interrupt = None

    def _run(self) -> None:
        while True:
            time.sleep(_PERIOD)
            with self.lock:
                if self.interrupt is not None and time.process_time() > self.deadline:
                    self.burnt = True
                    self.interrupt()


FUSE = Fuse()
"""The process's own: the prover asks one solver at a time."""
