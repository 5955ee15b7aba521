"""The bundle's files: which names may exist, how they are listed, and reading each exactly once.

``SHA256SUMS`` lists every file but ``certificate.json``, itself and the unsigned folders, in the
format of coreutils. Nothing here follows a symbolic link or believes a size.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.certificate.errors import CertificateError

__all__ = [
    "ADAPTER",
    "CERTIFICATE",
    "OBLIGATIONS",
    "SUMS",
    "UNSIGNED",
    "Bundle",
    "check_name",
    "open_bundle",
    "parse_sums",
    "render_sums",
]

CERTIFICATE = "certificate.json"
SUMS = "SHA256SUMS"
UNSIGNED = ("extra/", "log/", "timestamps/")
"""Folders that the signature does not cover: notes, and what can only exist after signing."""
ADAPTER = "adapter/"
OBLIGATIONS = "evidence/obligations/"

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,5}")
# What Windows takes for a device, whatever its ending: such a bundle would not travel.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_SUM_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
_MAX_FILES = 4_000_000
_MAX_NAME = 240
_MAX_EVIDENCE = 4 * 1024**3
_CHUNK = 1024 * 1024
# A flag that a system lacks is one whose danger it lacks, but for links, which are refused before.
_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose names have been checked. ``files`` are the relative names, sorted."""

    folder: Path
    files: tuple[str, ...]

    def read(self, name: str, *, limit: int = _MAX_EVIDENCE) -> bytes:
        """Return a file's bytes; ``CertificateError`` when it is missing, odd or over the cap."""
        handle = self._open(name)
        with os.fdopen(handle, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise CertificateError("too-large", f"{name} is larger than {limit} bytes")
        return data

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file of any size, without holding it in memory."""
        running = hashlib.sha256()
        handle = self._open(name)
        try:
            while chunk := os.read(handle, _CHUNK):
                running.update(chunk)
        finally:
            os.close(handle)
        return running.hexdigest()

    def _open(self, name: str) -> int:
        try:
            # A plain string: there may be a million obligations, and a Path costs a file's hash.
            handle = os.open(f"{self.folder}/{name}", _FLAGS)
        except OSError as error:
            raise CertificateError(
                "missing-file", f"{name} cannot be read: {error.strerror}"
            ) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise CertificateError("odd-file", f"{name} is not a plain file")
        return handle


def open_bundle(folder: Path) -> Bundle:
    """List a bundle's files and refuse names and kinds that no bundle has."""
    if not folder.is_dir():
        raise CertificateError("no-bundle", f"{folder} is not a folder")
    names: list[str] = []
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    name = prefix + entry.name
                    check_name(name)
                    if entry.is_symlink():
                        raise CertificateError("symlink", f"{name} is a symbolic link")
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(name + "/")
                    elif entry.is_file(follow_symlinks=False):
                        names.append(name)
                    else:
                        raise CertificateError("odd-file", f"{name} is not a plain file")
        except OSError as error:
            raise CertificateError(
                "missing-file", f"{prefix or folder} cannot be listed: {error.strerror}"
            ) from None
        if len(names) > _MAX_FILES:
            raise CertificateError("too-large", f"the bundle has more than {_MAX_FILES} files")
    _check_case(names)
    return Bundle(folder, tuple(sorted(names)))


def render_sums(digests: Mapping[str, str]) -> bytes:
    """Return the bytes of ``SHA256SUMS``, sorted by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode("ascii")


def parse_sums(data: bytes) -> dict[str, str]:
    """Read ``SHA256SUMS`` strictly: sorted, unique, only names that a bundle may have."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise CertificateError("malformed", f"{SUMS} is not ASCII text") from None
    if not text.endswith("\n"):
        raise CertificateError("malformed", f"{SUMS} does not end with a newline")
    sums: dict[str, str] = {}
    last = ""
    for number, line in enumerate(text[:-1].split("\n"), 1):
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise CertificateError("malformed", f"{SUMS}, line {number} is not a digest and a name")
        digest, name = match.groups()
        check_name(name)
        if name <= last:
            raise CertificateError("malformed", f"{SUMS}, line {number} is out of order or twice")
        if name in (CERTIFICATE, SUMS) or name.startswith(UNSIGNED):
            raise CertificateError("malformed", f"{SUMS}, line {number} lists {name}")
        sums[name] = digest
        last = name
    _check_case(list(sums))
    return sums


def check_name(name: str) -> None:
    """Refuse a relative name that no bundle may hold."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise CertificateError("bad-name", f"{name[:100]!a} is not a name that a bundle may hold")
    if name[-1] == "." or "./" in name or any(map(_DEVICE.fullmatch, name.split("/"))):
        raise CertificateError("bad-name", f"{name} is not a name that every system can hold")


def _check_case(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise CertificateError("case-clash", f"{name} and {other} differ only in case")
