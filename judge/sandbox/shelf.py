"""Sessions that are kept for the next time: loading the same trusted text again costs a fork.

Only for texts that are not a candidate's, such as a contract's program. A session is lent to one
borrower at a time and taken back only while it is young and has lost no process. What it is not: a
way to share anything between candidates.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict

from judge.sandbox.session import Session

MOST = 12
SECONDS = 8.0
"""How long a session is used after its first; its own time limit is far above that."""
USES = 200


class Shelf:
    """Idle sessions by key, the longest unused first to go. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: OrderedDict[object, tuple[Session, float, int]] = OrderedDict()
        self._lent: dict[int, tuple[object, float, int]] = {}
        self._owner = os.getpid()

    def take(self, key: object) -> Session | None:
        """An idle session over that key, which the caller then holds alone; or None."""
        with self._lock:
            self._forget_parents()
            found = self._idle.pop(key, None)
            if found is None:
                return None
            session, born, uses = found
            if time.monotonic() - born > SECONDS or uses >= USES:
                session.close()
                return None
            self._lent[id(session)] = (key, born, uses + 1)
            return session

    def give(self, key: object, session: Session) -> None:
        """Take a session back, or close it where it is not fit to be used again."""
        with self._lock:
            self._forget_parents()
            _, born, uses = self._lent.pop(id(session), (key, time.monotonic(), 1))
            if not session.sound or key in self._idle:
                session.close()
                return
            self._idle[key] = (session, born, uses)
            while len(self._idle) > MOST:
                _, (oldest, _, _) = self._idle.popitem(last=False)
                oldest.close()

    def close(self) -> None:
        """End all idle sessions."""
        with self._lock:
            for session, _, _ in self._idle.values():
                session.close()
            self._idle.clear()

    def _forget_parents(self) -> None:
        """In a forked process the sessions are the other's; only our copies are closed."""
        if self._owner != os.getpid():
            for session, _, _ in self._idle.values():
                session.close()
            self._idle.clear()
            self._lent.clear()
            self._owner = os.getpid()
