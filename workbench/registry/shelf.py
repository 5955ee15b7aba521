"""Where bundles lie: what every kind of place can do, and the place for a location's text.

A shelf keeps two files a bundle under the certificate's identity: the archive, then the entry,
whose presence means that both are whole. It verifies nothing; that is ``exchange``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from workbench.errors import InputError, MissingPartError

__all__ = ["ARCHIVE", "ENTRY", "IDENTITY", "Shelf", "open_shelf"]

ARCHIVE = "bundle.zip"
ENTRY = "entry.json"
IDENTITY = re.compile(r"[0-9a-f]{64}")

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


class Shelf(Protocol):
    """A place for bundles. Every method raises ``RegistryError`` when the place fails."""

    def identities(self) -> list[str]:
        """Return the certificates that are here, sorted."""

    def entry(self, identity: str) -> bytes | None:
        """Return the entry's bytes, or None when there is no such certificate."""

    def fetch(self, identity: str, target: Path, limit: int) -> None:
        """Write the archive to the new file ``target``, at most ``limit`` bytes of it."""

    def put(self, identity: str, archive: Path, entry: bytes) -> None:
        """Store both files, the entry last."""


def open_shelf(location: str) -> Shelf:
    """Return the shelf that a location names: a folder, ``s3://bucket/prefix`` or ``oci://...``."""
    match = _SCHEME.match(location)
    if match is None or match[1] == "file":
        from workbench.registry.folder import FolderShelf

        return FolderShelf(Path(location.removeprefix("file://")).expanduser())
    if match[1] == "oci":
        try:
            from workbench.registry.oci import OciShelf
        except ModuleNotFoundError:
            raise MissingPartError.extra(f"The registry {location}", "registry") from None
        return OciShelf(location)
    try:
        from workbench.registry.remote import RemoteShelf
    except ModuleNotFoundError:
        raise MissingPartError.extra(f"The registry {location}", "registry") from None
    if not location[match.end() :].strip("/"):
        raise InputError(f"{location} names no place in it.", "Name a bucket: s3://BUCKET/PREFIX.")
    return RemoteShelf(location)
