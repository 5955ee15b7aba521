"""A registry in an object store, through fsspec: ``s3://bucket/prefix``, ``gs://``, ``az://``.

Credentials, endpoints and regions are the client's own affair: for S3 the usual AWS variables and
files, ``AWS_ENDPOINT_URL`` for a store of your own. An object store has no rename, so the entry is
written last, and what has no entry is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from workbench.errors import InputError, MissingPartError, RegistryError
from workbench.registry.entry import ENTRY_LIMIT
from workbench.registry.shelf import ARCHIVE, ENTRY, IDENTITY

__all__ = ["RemoteShelf"]

_STORES = ("s3", "gs", "az", "abfs")


class RemoteShelf:
    """``<location>/<identity>/bundle.zip`` and ``entry.json`` as objects."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")
        if self.location.partition("://")[0] not in _STORES:
            raise InputError(
                f"{location} is no place for a registry.",
                f"Name a folder, oci://HOST/REPOSITORY, or one of {', '.join(_STORES)}.",
            )
        try:
            self._fs, self._root = fsspec.core.url_to_fs(self.location)
        except ImportError as error:
            raise MissingPartError(
                f"The registry {location} needs a client that is not installed: {error}."
            ) from None

    def identities(self) -> list[str]:
        """Return the certificates whose entry is there."""
        with self._reaching():
            self._fs.invalidate_cache()
            found = self._fs.glob(f"{self._root}/*/{ENTRY}")
            if not found and not self._fs.exists(self._root.split("/")[0]):
                raise FileNotFoundError(f"there is no bucket {self._root.split('/')[0]}")
        names = [str(path).split("/")[-2] for path in found]
        return sorted(name for name in names if IDENTITY.fullmatch(name))

    def entry(self, identity: str) -> bytes | None:
        """Read the entry's object."""
        with self._reaching():
            try:
                with self._fs.open(f"{self._root}/{identity}/{ENTRY}", "rb") as file:
                    return bytes(file.read(ENTRY_LIMIT + 1))
            except FileNotFoundError:
                return None

    def fetch(self, identity: str, target: Path, limit: int) -> None:
        """Read the archive's object piece by piece."""
        with (
            self._reaching(),
            self._fs.open(f"{self._root}/{identity}/{ARCHIVE}", "rb") as source,
            target.open("xb") as sink,
        ):
            left = limit
            while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                sink.write(chunk)
                left -= len(chunk)

    def put(self, identity: str, archive: Path, entry: bytes) -> None:
        """Write the archive, then the entry."""
        with self._reaching():
            folder = f"{self._root}/{identity}"
            # No makedirs: for a client of an object store that means a new bucket.
            self._fs.put_file(str(archive), f"{folder}/{ARCHIVE}")
            self._fs.pipe_file(f"{folder}/{ENTRY}", entry)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except _failures() as error:
            why = str(error) or type(error).__name__
            raise RegistryError(
                f"The registry {self.location} cannot be used: {why}",
                "Check its address, your credentials and the network.",
            ) from None


def _failures() -> tuple[type[Exception], ...]:
    """Return what the clients raise when a store does not do what it is asked."""
    found: list[type[Exception]] = [OSError, TimeoutError]
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return tuple(found)
    return (*found, BotoCoreError, ClientError)
