"""One file of evidence, read once from front to back: hashed and cut into lines as it passes.

However many rows a file has, some tens of kilobytes of it are in memory at a time, which also is
what a processor keeps near. What is hashed
and what is parsed are the same bytes; whether the digest is the signed one is only known at the
end, so nobody may believe a line before that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from workbench.certificate.bundle import Bundle
from workbench.certificate.errors import CertificateError

__all__ = ["LONGEST_LINE", "Stream"]

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes that one line of evidence may have."""

_CHUNK = 32 * 1024


class Stream:
    """The lines of one file in blocks. ``digest`` is there once all of it has passed."""

    def __init__(self, bundle: Bundle, name: str) -> None:
        self.name = name
        self._handle = bundle.open(name)
        self._running = hashlib.sha256()
        self._open = True

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole file; reads what nobody has read so far."""
        while self._chunk():
            pass
        return self._running.hexdigest()

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield lists of lines without their newlines; the last line must have one."""
        begun: list[bytes] = []
        size = 0
        while chunk := self._chunk():
            head, newline, rest = chunk.partition(b"\n")
            if not newline:
                begun.append(chunk)
                size += len(chunk)
                if size > LONGEST_LINE:
                    raise CertificateError("too-large", f"a line of {self.name} is too long")
                continue
            lines = rest.split(b"\n")
            lines.insert(0, b"".join((*begun, head)))
            last = lines.pop()
            begun, size = [last] if last else [], len(last)
            yield lines
        if begun:
            raise CertificateError("malformed", f"{self.name} does not end with a newline")

    def close(self) -> None:
        """Let go of the file."""
        if self._open:
            self._open = False
            os.close(self._handle)

    def _chunk(self) -> bytes:
        if not self._open:
            return b""
        chunk = os.read(self._handle, _CHUNK)
        self._running.update(chunk)
        if not chunk:
            self.close()
        return chunk
