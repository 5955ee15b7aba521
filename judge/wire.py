"""Messages between the pool and its workers: length-prefixed pickles over pipes.

Both ends are this project's own processes; candidate code runs in neither of them, so nothing a
candidate writes is ever unpickled here.
"""

from __future__ import annotations

import pickle
from typing import BinaryIO

_HEAD = 8


def pack(message: object) -> bytes:
    """Return the bytes of one message."""
    body = pickle.dumps(message, protocol=5)
    return len(body).to_bytes(_HEAD, "big") + body


def read(stream: BinaryIO) -> object | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(_HEAD)
    if len(head) < _HEAD:
        return None
    size = int.from_bytes(head, "big")
    body = stream.read(size)
    return pickle.loads(body) if len(body) == size else None


def unpack(buffer: bytearray) -> list[object]:
    """Take the whole messages from the front of ``buffer`` and leave the rest in it."""
    found: list[object] = []
    while len(buffer) >= _HEAD:
        end = _HEAD + int.from_bytes(buffer[:_HEAD], "big")
        if len(buffer) < end:
            break
        found.append(pickle.loads(bytes(buffer[_HEAD:end])))
        del buffer[:end]
    return found
