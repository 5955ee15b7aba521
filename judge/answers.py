"""What solvers have answered before, by canonical obligation, so that nothing is asked twice.

An obligation's names are numbered by their first appearance: two candidates that owe the same
formula under other names share its answer. Only decided answers are kept, each under solver and
version, with the resources it took; these are charged again, so that a budget ends in the same
place whether an answer was known or not. The file is a convenience of whoever owns it, like the
rest of the home it lies in. It is no evidence: checking a certificate never looks into it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path

from judge.identity import solver_versions

__all__ = ["VARIABLE", "Answers", "canonical", "shared_answers"]

VARIABLE = "JUDGE_ANSWERS"
"""The environment variable that names the file; ``off`` keeps nothing, not even in memory."""
IN_MEMORY = 50_000
MOST_ROWS = 1_000_000
_NAME = re.compile(r"\bv\.[^\s()]+")
_SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key BLOB UNIQUE, result TEXT, cost INTEGER)"


def canonical(text: str) -> str:
    """The obligation with its names numbered in the order of their first appearance."""
    numbers: dict[str, str] = {}
    return _NAME.sub(lambda m: numbers.setdefault(m[0], f"v.{len(numbers)}"), text)


class Answers:
    """Answers in memory and, with a path, in a file that several processes may share."""

    def __init__(self, path: Path | None = None, *, off: bool = False) -> None:
        self.off = off
        self.hits = 0
        self._known: dict[bytes, tuple[str, int]] = {}
        self._fresh: list[tuple[bytes, str, int]] = []
        self._versions = dict(solver_versions())
        self._file = _opened(path) if path is not None and not off else None

    def get(self, solver: str, text: str) -> tuple[str, int] | None:
        """(``sat`` or ``unsat``, the resources it took), where it was answered before."""
        if self.off or solver not in self._versions:
            return None
        key = self._key(solver, text)
        found = self._known.get(key) or self._stored(key)
        self.hits += found is not None
        return found

    def put(self, solver: str, text: str, result: str, cost: int) -> None:
        """Keep a decided answer; anything else is no answer."""
        if self.off or result not in ("sat", "unsat") or solver not in self._versions:
            return
        key = self._key(solver, text)
        if key in self._known:
            return
        if len(self._known) >= IN_MEMORY:
            self._known.clear()
        self._known[key] = (result, cost)
        if self._file is not None:
            self._fresh.append((key, result, cost))

    def flush(self) -> None:
        """Write what is new to the file. A file that cannot be written is given up."""
        if self._file is None or not self._fresh:
            return
        try:
            with self._file:
                self._file.executemany(
                    "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", self._fresh
                )
        except sqlite3.Error:
            self._give_up()
        self._fresh.clear()

    def close(self) -> None:
        """Write what is new and let go of the file."""
        self.flush()
        self._give_up()

    def _key(self, solver: str, text: str) -> bytes:
        said = f"{solver} {self._versions[solver]}\n{canonical(text)}"
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()

    def _stored(self, key: bytes) -> tuple[str, int] | None:
        if self._file is None:
            return None
        try:
            row = self._file.execute(
                "SELECT result, cost FROM answers WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.Error:
            self._give_up()
            return None
        if row is None or row[0] not in ("sat", "unsat") or not isinstance(row[1], int):
            return None
        self._known[key] = (row[0], row[1])
        return self._known[key]

    def _give_up(self) -> None:
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.close()
        self._file = None


def _opened(path: Path) -> sqlite3.Connection | None:
    """The file, made where it is missing; None where it cannot be used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        file = sqlite3.connect(path, timeout=1.0)
    except (OSError, sqlite3.Error):
        return None
    try:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=OFF")
        with file:
            file.execute(_SCHEMA)
            (last,) = file.execute("SELECT coalesce(max(rowid), 0) FROM answers").fetchone()
            file.execute("DELETE FROM answers WHERE rowid <= ?", (last - MOST_ROWS,))
    except sqlite3.Error:
        file.close()
        return None
    return file


_shared: dict[int, Answers] = {}


def shared_answers() -> Answers:
    """This process's own; a forked child gets another, over the same file."""
    process = os.getpid()
    if process not in _shared:
        said = os.environ.get(VARIABLE, "")
        off = said == "off"
        _shared[process] = Answers(Path(said) if said and not off else None, off=off)
    return _shared[process]
