"""The frames between the judge and a candidate's process: a length, a letter, a body.

Used on both sides of the border, so it imports nothing of the judge. The side that judges treats
every byte from the other one as hostile; that care is in ``session``, not here.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">IB")
"""Length of the body in bytes, then the letter."""

START = ord("S")
"""Judge to child: JSON of limits and code."""
CALLS = ord("C")
"""Judge to child: one line of JSON for each call, ``[function, args]``."""
REPLY = ord("R")
"""Judge to child: the outcome of a call that a proxy made."""
LOADED = ord("L")
"""Child to judge: how loading the code went, one outcome."""
OUTCOMES = ord("O")
"""Child to judge: one line of JSON for each outcome, ``[index, kind, ...]``."""
PROXY = ord("P")
"""Child to judge: a proxy was called, ``[function, args]``."""
FORBIDDEN = ord("F")
"""Child to judge: the sentence of what the audit hook stopped; the child ends with it."""

STATUS = struct.Struct("=iddq")
"""Fork server to judge, on a pipe that no candidate holds: wait status, user and system seconds,
peak resident KiB."""

CONTROL = struct.Struct(">cQ")
"""Judge to fork server: ``s`` (start, with two descriptors) or ``k`` (kill), and a job number."""


def frame(letter: int, body: bytes) -> bytes:
    """Return one frame, ready to be sent."""
    return HEADER.pack(len(body), letter) + body
