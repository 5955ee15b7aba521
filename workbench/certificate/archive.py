"""Bundles as one ``.zip`` file: transport only, the folder stays the unit that is verified.

Packing is deterministic. Unpacking trusts nothing: names, kinds, duplicates and sizes are checked
before a byte is written, and what is written is counted, whatever the archive's index says.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path

from workbench.certificate.bundle import check_name, open_bundle
from workbench.certificate.errors import CertificateError

__all__ = ["pack", "unpack"]

_MAX_BYTES = 16 * 1024**3
_MAX_RATIO = 200
_MAX_FILES = 1_000_000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1024 * 1024


def pack(folder: Path, target: Path) -> None:
    """Write the bundle in ``folder`` to the new file ``target``."""
    bundle = open_bundle(folder)
    if target.exists():
        raise CertificateError("exists", f"{target} exists; it is never written over")
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
        for name in bundle.names:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            with (folder / name).open("rb") as source, archive.open(info, "w") as sink:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)


def unpack(path: Path, into: Path) -> None:
    """Write the files of the archive ``path`` under the empty folder ``into``."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive, path)
            left = min(_MAX_BYTES, _MAX_RATIO * max(path.stat().st_size, 1024))
            for entry in entries:
                left = _extract(archive, entry, into / entry.filename, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CertificateError("bad-zip", f"{path} is not a sound zip file: {error}") from None
    except RuntimeError as error:
        # zipfile raises a bare RuntimeError for encrypted members.
        raise CertificateError("bad-zip", f"{path} cannot be read: {error}") from None
    except OSError as error:
        raise CertificateError("bad-zip", f"{path} cannot be unpacked: {error.strerror}") from None


def _entries(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MAX_FILES:
        raise CertificateError("too-large", f"{path} has more than {_MAX_FILES} files")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        # The name as the archive spells it: zipfile cuts at a NUL and turns backslashes around.
        if entry.orig_filename != name:
            raise CertificateError("bad-name", f"{entry.orig_filename[:100]!a} is no bundle name")
        check_name(name)
        mode = entry.external_attr >> 16
        if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode) != 0:
            raise CertificateError("odd-file", f"{name} in {path} is not a plain file")
        if name.casefold() in seen:
            raise CertificateError("duplicate-name", f"{name} is in {path} twice")
        seen.add(name.casefold())
    return entries


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Write one member; return how many bytes may still come."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise CertificateError("too-large", f"{entry.filename} makes the archive too large")
            sink.write(chunk)
    return left
