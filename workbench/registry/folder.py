"""A registry in a folder, on this disk or a mounted one: two files a bundle, renamed into place."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from workbench.errors import RegistryError
from workbench.registry.entry import ENTRY_LIMIT
from workbench.registry.shelf import ARCHIVE, ENTRY, IDENTITY

__all__ = ["FolderShelf"]


class FolderShelf:
    """``<root>/<identity>/bundle.zip`` and ``entry.json``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def identities(self) -> list[str]:
        """Return the certificates whose entry is there."""
        if not self.root.is_dir():
            raise RegistryError(f"There is no registry at {self.root}.", "Add a bundle to make it.")
        try:
            names = [path.name for path in self.root.iterdir() if (path / ENTRY).is_file()]
        except OSError as error:
            raise self._failed(error) from None
        return sorted(name for name in names if IDENTITY.fullmatch(name))

    def entry(self, identity: str) -> bytes | None:
        """Read the entry, at most a little more than one may have."""
        try:
            with (self.root / identity / ENTRY).open("rb") as file:
                return file.read(ENTRY_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error) from None

    def fetch(self, identity: str, target: Path, limit: int) -> None:
        """Copy the archive."""
        try:
            source = self.root / identity / ARCHIVE
            with source.open("rb") as file, target.open("xb") as sink:
                left = limit
                while left > 0 and (chunk := file.read(min(left, 1 << 20))):
                    sink.write(chunk)
                    left -= len(chunk)
        except OSError as error:
            raise self._failed(error) from None

    def put(self, identity: str, archive: Path, entry: bytes) -> None:
        """Fill a folder aside and give it its name when both files are on the disk."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=".adding-", dir=self.root))
        except OSError as error:
            raise self._failed(error) from None
        try:
            shutil.copyfile(archive, aside / ARCHIVE)
            (aside / ENTRY).write_bytes(entry)
            for name in (ARCHIVE, ENTRY):
                with (aside / name).open("rb") as file:
                    os.fsync(file.fileno())
            aside.chmod(0o755)
            os.rename(aside, self.root / identity)
        except OSError as error:
            raise self._failed(error) from None
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _failed(self, error: OSError) -> RegistryError:
        return RegistryError(f"The registry {self.root} cannot be used: {error.strerror}.")
