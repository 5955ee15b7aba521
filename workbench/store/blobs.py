"""Large and shared bytes by their SHA-256: SMT-LIB texts, snapshots, what a rule read.

A blob is written to a temporary name, flushed to the disk and renamed, so a name that exists is
whole. Reading checks the digest. There is no deletion: the store only grows.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from workbench.errors import DamagedBlobError, DiskFullError, HomeError

__all__ = ["Blobs", "mend_os_error", "write_atomically"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A folder of content-addressed files, two characters of the digest a subfolder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Return where the blob is or would be; raise ``ValueError`` for what is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a SHA-256 hex digest")
        return self.root / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Say whether the blob is here (its bytes are checked when it is read)."""
        return self.path(digest).is_file()

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its digest; storing the same bytes again costs nothing."""
        digest = hashlib.sha256(data).hexdigest()
        target = self.path(digest)
        if not target.is_file():
            write_atomically(target, data)
        return digest

    def put_text(self, text: str) -> str:
        """Store ``text`` as UTF-8 and return its digest."""
        return self.put(text.encode("utf-8"))

    def put_all(self, texts: Iterable[str]) -> list[str]:
        """Store several texts and return their digests in order."""
        return [self.put_text(text) for text in texts]

    def get(self, digest: str) -> bytes:
        """Return the bytes; ``DamagedBlobError`` if they are missing or not what the name says."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise DamagedBlobError(
                f"The blob {digest[:12]}… is missing from {self.root}.",
                "Restore the blobs folder from a copy of this home.",
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedBlobError(
                f"The bytes of blob {digest[:12]}… in {self.root} have changed.",
                "Restore the blobs folder from a copy of this home.",
            )
        return data

    def check(self, digest: str) -> None:
        """Hash a blob in pieces; ``DamagedBlobError`` if it is missing or has changed."""
        try:
            with self.path(digest).open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise DamagedBlobError(
                f"The blob {digest[:12]}… is missing from {self.root}.",
                "Restore the blobs folder from a copy of this home.",
            ) from error
        if found != digest:
            raise DamagedBlobError(
                f"The bytes of blob {digest[:12]}… in {self.root} have changed.",
                "Restore the blobs folder from a copy of this home.",
            )

    def text(self, digest: str) -> str:
        """Return the blob as text."""
        return self.get(digest).decode("utf-8")


def write_atomically(target: Path, data: bytes) -> None:
    """Write ``data`` so that ``target`` is either absent (or old) or whole, also after a crash."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise mend_os_error(error, target.parent) from error


def mend_os_error(error: OSError, place: Path) -> HomeError | DiskFullError:
    """Turn an error of the file system under ``place`` into a sentence with its mend."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"The disk that holds {place} is full.",
            "Free some space and run the same command again: what was done is kept.",
        )
    reason = (error.strerror or str(error)).lower()
    return HomeError(
        f"{place} cannot be written: {reason}.",
        "Make it writable, or set WORKBENCH_HOME to a folder that is.",
    )
