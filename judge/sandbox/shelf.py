"""Sessions that are kept for the next time: loading the same trusted text again costs a fork.

Only for texts that are not a candidate's, such as a contract's program. A session is lent to one
borrower at a time and taken back only while it is young and has lost no process. What it is not: a
way to share anything between candidates.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from judge.sandbox.session import Session

MOST = 12
SECONDS = 8.0
"""How long a session is used after its first; its own time limit is far above that."""
USES = 200
ALIKE = 2
"""How many of one key are kept: a replay holds one while the search holds another."""


@dataclass(frozen=True, slots=True)
class _Kept:
    key: object
    session: Session
    born: float
    uses: int


class Shelf:
    """Idle sessions by key, the longest unused first to go. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Kept] = []
        self._lent: dict[int, _Kept] = {}
        self._owner = os.getpid()

    def take(self, key: object) -> Session | None:
        """An idle session over that key, which the caller then holds alone; or None."""
        with self._lock:
            self._forget_parents()
            for kept in reversed(self._idle):
                if kept.key == key:
                    break
            else:
                return None
            self._idle.remove(kept)
            if time.monotonic() - kept.born > SECONDS or kept.uses >= USES:
                kept.session.close()
                return None
            self._lent[id(kept.session)] = kept
            return kept.session

    def give(self, key: object, session: Session) -> None:
        """Take a session back, or close it where it is not fit to be used again."""
        with self._lock:
            self._forget_parents()
            kept = self._lent.pop(id(session), None)
            born, uses = (kept.born, kept.uses) if kept else (time.monotonic(), 0)
            if not session.sound or sum(k.key == key for k in self._idle) >= ALIKE:
                session.close()
                return
            self._idle.append(_Kept(key, session, born, uses + 1))
            while len(self._idle) > MOST:
                self._idle.pop(0).session.close()

    def close(self) -> None:
        """End all idle sessions."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        for kept in self._idle:
            kept.session.close()
        self._idle.clear()

    def _forget_parents(self) -> None:
        """In a forked process the sessions are the other's; only our copies are closed."""
        if self._owner != os.getpid():
            self._drop()
            self._lent.clear()
            self._owner = os.getpid()
