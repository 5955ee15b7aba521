"""The whole home in one file, and back: taken while others work, checked byte for byte.

A back-up is a tar file that any tar reads: the database as one consistent snapshot (SQLite's own
online back-up), then every plain file of the home, then ``MANIFEST.json`` with the SHA-256 of
each. The manifest comes last, so a file without one is not a back-up. Blobs and bundles are named
by their digests and never change, so what the snapshot names is in the copy that follows it.

Not in it: signing keys and trust (they live apart, in the configuration folder), locks, and a
database on a PostgreSQL server, which has its own tools. Whoever has the file has everything else.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from workbench.errors import HomeError, InputError
from workbench.settings import Settings

__all__ = ["Backup", "read_manifest", "restore_backup", "write_backup"]

FORMAT = "workbench-backup/1"
MANIFEST = "MANIFEST.json"
DATABASE = "workbench.db"
_SKIPPED_FOLDERS = ("locks", "cache")
_SKIPPED_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
_CHUNK = 1 << 20
_MANIFEST_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Backup:
    """What is in a back-up file, or what came out of it."""

    files: int
    size: int
    made: str
    passed_over: tuple[str, ...] = ()
    """Links, sockets and the like: a back-up holds plain files only."""


def write_backup(settings: Settings, target: Path) -> Backup:
    """Write the home to the new file ``target``, readable by its owner only.

    It appears under its name when it is whole; an interrupted one leaves ``target.partial``.
    """
    home = settings.home
    if not settings.database.startswith("sqlite"):
        raise InputError(
            "The database is not in the home, so a back-up of the home would be without it.",
            "Save it with pg_dump, and the home's folder with any tool.",
        )
    if not (home / DATABASE).is_file():
        raise InputError(f"There is no home at {home} to back up.", "Make one: workbench init")
    if target.exists():
        raise InputError(f"{target} exists; a back-up is never written over.", "Name a new file.")
    if target.resolve().is_relative_to(home.resolve()):
        raise InputError("A back-up inside the home would be lost with it.", "Name another folder.")
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            done = _write(home, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except (OSError, sqlite3.Error) as error:
        raise HomeError(
            f"The back-up {target} could not be written: {error}.", "Nothing else was changed."
        ) from error
    return done


def restore_backup(source: Path, home: Path, *, replace: bool = False) -> Backup:
    """Make the home that ``source`` holds; everything is checked before anything is there.

    An existing home is refused, or with ``replace`` renamed aside and kept.
    """
    there = home.exists() and (not home.is_dir() or any(home.iterdir()))
    if there and not replace:
        raise InputError(
            f"There is something at {home}.", "Move it away, or say --replace to set it aside."
        )
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{home.name}-restoring-", dir=home.parent))
        try:
            done = _read(source, aside)
            _check_database(aside, source)
            aside.chmod(0o700)
            if there:
                stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
                home.rename(home.with_name(f"{home.name}.before-{stamp}"))
            elif home.is_dir():
                home.rmdir()
            aside.rename(home)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise HomeError(f"The home {home} could not be restored: {error}.") from error
    return done


def read_manifest(source: Path) -> dict[str, Any]:
    """Return the manifest of a back-up without unpacking it; a sentence when there is none."""
    with _opened(source) as archive:
        for member in archive:
            if member.name == MANIFEST:
                return _manifest(archive, member, source)
    raise _not_whole(source)


def _write(home: Path, file: IO[bytes]) -> Backup:
    digests: dict[str, str] = {}
    total = 0
    with (
        tempfile.TemporaryDirectory(prefix="workbench-backup-") as folder,
        tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        snapshot = Path(folder) / DATABASE
        _snapshot(home / DATABASE, snapshot)
        passed_over: list[str] = []
        files = itertools.chain([(DATABASE, snapshot)], _files(home, passed_over))
        for name, path in files:
            try:
                digests[name], size = _add(archive, name, path)
            except FileNotFoundError:
                # Somebody's passing file: what the snapshot names does not go away.
                continue
            total += size
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest = {"format": FORMAT, "made": made, "files": digests}
        data = json.dumps(manifest, indent=0, sort_keys=True).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(data), 0o600
        archive.addfile(entry, io.BytesIO(data))
    return Backup(len(digests), total, made, tuple(passed_over))


def _snapshot(database: Path, target: Path) -> None:
    """Copy the database as it is at one moment, whoever writes to it meanwhile."""
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)


def _files(home: Path, passed_over: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield every other plain file of the home by its name there, in order."""
    for folder, folders, names in os.walk(home):
        place = Path(folder).relative_to(home)
        folders[:] = sorted(f for f in folders if not (place == Path() and f in _SKIPPED_FOLDERS))
        for name in sorted([*names, *folders]):
            path = Path(folder) / name
            kind = path.lstat().st_mode
            if stat.S_ISREG(kind):
                if place != Path() or name not in _SKIPPED_FILES:
                    yield (place / name).as_posix(), path
            elif not stat.S_ISDIR(kind):
                passed_over.append((place / name).as_posix())


def _add(archive: tarfile.TarFile, name: str, path: Path) -> tuple[str, int]:
    """Add one file as it is now; return its digest and size."""
    with path.open("rb") as source:
        status = os.fstat(source.fileno())
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = status.st_size, int(status.st_mtime), 0o600
        reader = _Hashing(source, status.st_size)
        archive.addfile(entry, reader)
    return reader.running.hexdigest(), status.st_size


class _Hashing:
    """Reads exactly ``left`` bytes of a file, which may be growing, and hashes what it gives."""

    def __init__(self, source: IO[bytes], left: int) -> None:
        self.source = source
        self.left = left
        self.running = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        wanted = self.left if size < 0 else min(size, self.left)
        data = self.source.read(wanted)
        self.left -= len(data)
        self.running.update(data)
        return data


def _read(source: Path, into: Path) -> Backup:
    """Unpack into an empty folder and compare with the manifest; nothing else is believed."""
    found: dict[str, str] = {}
    total = 0
    manifest: dict[str, Any] | None = None
    with _opened(source) as archive:
        try:
            for member in archive:
                if manifest is not None:
                    raise InputError(f"{source} goes on after its manifest.", "It was changed.")
                if member.name == MANIFEST:
                    manifest = _manifest(archive, member, source)
                    continue
                found[member.name] = _unpack(archive, member, into, source)
                total += member.size
        except (tarfile.TarError, EOFError) as error:
            raise InputError(f"{source} is damaged: {error}.", "Take another back-up.") from None
    if manifest is None:
        raise _not_whole(source)
    if found != manifest["files"]:
        names = sorted(set(found.items()) ^ set(manifest["files"].items()))
        raise InputError(
            f"{source} is damaged: {names[0][0]} is not what the manifest says.",
            "Take another back-up.",
        )
    return Backup(len(found), total, str(manifest["made"]))


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path, source: Path) -> str:
    parts = PurePosixPath(member.name).parts
    if not member.isfile() or not parts or ".." in parts or member.name.startswith("/"):
        raise InputError(f"{source} holds {member.name[:100]!r}, which no back-up does.")
    path = into.joinpath(*parts)
    running = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = archive.extractfile(member)
    assert data is not None  # a plain file has data
    with data, path.open("xb") as sink:
        while chunk := data.read(_CHUNK):
            running.update(chunk)
            sink.write(chunk)
    os.utime(path, (member.mtime, member.mtime))
    return running.hexdigest()


def _manifest(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> dict[str, Any]:
    data = archive.extractfile(member) if member.isfile() else None
    if data is None or member.size > _MANIFEST_LIMIT:
        raise _not_whole(source)
    try:
        value = json.loads(data.read())
    except ValueError:
        raise _not_whole(source) from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise InputError(f"{source} is not a back-up that this version reads.")
    if not isinstance(value.get("files"), dict):
        raise _not_whole(source)
    return value


def _check_database(folder: Path, source: Path) -> None:
    path = folder / DATABASE
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        raise InputError(f"The database in {source} is damaged: {answer}.", "Take another back-up.")


def _opened(source: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(source, mode="r:")
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}.") from None
    except tarfile.TarError as error:
        raise InputError(f"{source} is no back-up: {error}.") from None


def _not_whole(source: Path) -> InputError:
    return InputError(
        f"{source} has no manifest, so the back-up was never finished.", "Take another one."
    )
