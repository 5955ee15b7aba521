"""The bundle's files: which names may exist, how they are listed, and reading each exactly once.

``SHA256SUMS`` lists every file but ``certificate.json``, itself and the unsigned folders, in the
format of coreutils. Nothing here follows a symbolic link or believes a size.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
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
    "Sums",
    "check_name",
    "obligation_name",
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
_OBLIGATION = re.compile(r"[0-9a-f]{64}\.smt2")
_OBLIGATION_BLOCK = re.compile(r"(?:[0-9a-f]{64}  evidence/obligations/[0-9a-f]{64}\.smt2\n)+")
_OBLIGATION_LINE = re.compile(r"([0-9a-f]{64})  evidence/obligations/\1\.smt2\n")
_OBLIGATION_WIDTH = 64 + 2 + len("evidence/obligations/") + 64 + len(".smt2\n")
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
    """A folder whose names have been checked.

    ``obligations`` are the digests by which obligation files are named, sorted; ``files`` are the
    relative names of all others, sorted.
    """

    folder: Path
    files: tuple[str, ...]
    obligations: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Every file's relative name, sorted."""
        return sorted([*self.files, *map(obligation_name, self.obligations)])

    def read(self, name: str, *, limit: int = _MAX_EVIDENCE) -> bytes:
        """Return a file's bytes; ``CertificateError`` when it is missing, odd or over the cap."""
        handle = self.open(name)
        with os.fdopen(handle, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise CertificateError("too-large", f"{name} is larger than {limit} bytes")
        return data

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file of any size, without holding it in memory."""
        running = hashlib.sha256()
        handle = self.open(name)
        try:
            while chunk := os.read(handle, _CHUNK):
                running.update(chunk)
        finally:
            os.close(handle)
        return running.hexdigest()

    def same_obligations(self) -> None:
        """Refuse unless each obligation file has the digest that it is named by.

        The short way is one read that has the right digest; whatever else a file is, short reads,
        links and pipes too, is looked at again by the careful way, which decides.
        """
        folder = _folder_handle(f"{self.folder}/{OBLIGATIONS}") if self.obligations else -1
        try:
            for digest in self.obligations:
                if not _quickly_same(folder, digest) and (
                    self.digest(obligation_name(digest)) != digest
                ):
                    raise CertificateError(
                        "changed-file", f"{obligation_name(digest)} is not the one that was signed"
                    )
        finally:
            if folder >= 0:
                os.close(folder)

    def open(self, name: str) -> int:
        """Return a handle on a plain file for whoever reads and closes it."""
        try:
            handle = os.open(f"{self.folder}/{name}", _FLAGS)
        except OSError as error:
            raise CertificateError(
                "missing-file", f"{name} cannot be read: {error.strerror}"
            ) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise CertificateError("odd-file", f"{name} is not a plain file")
        return handle


def _folder_handle(folder: str) -> int:
    """Return a handle on a folder, so that files in it open by short names; -1 without one."""
    if os.open not in os.supports_dir_fd:
        return -1
    try:
        return os.open(folder, _FLAGS)
    except OSError:
        return -1


def _quickly_same(folder: int, digest: str) -> bool:
    """Whether one read of the obligation in the open ``folder`` gives bytes of this digest."""
    if folder < 0:
        return False
    try:
        handle = os.open(digest + ".smt2", _FLAGS, dir_fd=folder)
        try:
            return hashlib.sha256(os.read(handle, 65_536)).hexdigest() == digest
        finally:
            os.close(handle)
    except OSError:
        return False


def obligation_name(digest: str) -> str:
    """Return the name of an obligation's file."""
    return f"{OBLIGATIONS}{digest}.smt2"


def open_bundle(folder: Path) -> Bundle:
    """List a bundle's files and refuse names and kinds that no bundle has."""
    if not folder.is_dir():
        raise CertificateError("no-bundle", f"{folder} is not a folder")
    names: list[str] = []
    obligations: list[str] = []
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    if (
                        prefix == OBLIGATIONS
                        and _OBLIGATION.fullmatch(entry.name)
                        and entry.is_file(follow_symlinks=False)
                    ):
                        # Nothing more to ask: the name is plain and in lower case.
                        obligations.append(entry.name[:64])
                        continue
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
        if len(names) + len(obligations) > _MAX_FILES:
            raise CertificateError("too-large", f"the bundle has more than {_MAX_FILES} files")
    _check_case(names, obligations)
    return Bundle(folder, tuple(sorted(names)), tuple(sorted(obligations)))


def render_sums(digests: Mapping[str, str]) -> bytes:
    """Return the bytes of ``SHA256SUMS``, sorted by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode("ascii")


@dataclass(frozen=True, slots=True)
class Sums:
    """What ``SHA256SUMS`` lists: obligations that are named by their digest, and the rest."""

    files: dict[str, str]
    obligations: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """Every listed name."""
        return {*self.files, *map(obligation_name, self.obligations)}


def parse_sums(data: bytes) -> Sums:
    """Read ``SHA256SUMS`` strictly: sorted, unique, only names that a bundle may have."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise CertificateError("malformed", f"{SUMS} is not ASCII text") from None
    if not text.endswith("\n"):
        raise CertificateError("malformed", f"{SUMS} does not end with a newline")
    start, end, obligations = _obligation_lines(text)
    files: dict[str, str] = {}
    head = text[:start].count("\n")
    last = _sum_lines(text[:start], 1, "", files)
    if obligations:
        if obligation_name(obligations[0]) <= last:
            raise CertificateError("malformed", f"{SUMS}, line {head + 1} is out of order or twice")
        last = obligation_name(obligations[-1])
    _sum_lines(text[end:], head + len(obligations) + 1, last, files)
    _check_case(list(files), obligations)
    return Sums(files, tuple(obligations))


def _obligation_lines(text: str) -> tuple[int, int, list[str]]:
    """Return where the lines of well-named obligations begin and end, and their digests.

    There is one such run in a good file. Where it is not sorted or a name is not its digest, it
    counts as no run, and its lines are read one by one like any others.
    """
    found = _OBLIGATION_BLOCK.search(text)
    if found is not None and (found.start() == 0 or text[found.start() - 1] == "\n"):
        digests = _OBLIGATION_LINE.findall(found.group())
        whole = len(digests) * _OBLIGATION_WIDTH == found.end() - found.start()
        if whole and digests == sorted(set(digests)):
            return found.start(), found.end(), digests
    return len(text), len(text), []


def _sum_lines(text: str, first: int, last: str, files: dict[str, str]) -> str:
    """Read lines one by one into ``files``; return the last name."""
    for number, line in enumerate(text.split("\n")[:-1], first):
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise CertificateError("malformed", f"{SUMS}, line {number} is not a digest and a name")
        digest, name = match.groups()
        check_name(name)
        if name <= last:
            raise CertificateError("malformed", f"{SUMS}, line {number} is out of order or twice")
        if name in (CERTIFICATE, SUMS) or name.startswith(UNSIGNED):
            raise CertificateError("malformed", f"{SUMS}, line {number} lists {name}")
        files[name] = digest
        last = name
    return last


def check_name(name: str) -> None:
    """Refuse a relative name that no bundle may hold."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise CertificateError("bad-name", f"{name[:100]!a} is not a name that a bundle may hold")
    if name[-1] == "." or "./" in name or any(map(_DEVICE.fullmatch, name.split("/"))):
        raise CertificateError("bad-name", f"{name} is not a name that every system can hold")


def _check_case(names: list[str], obligations: Sequence[str]) -> None:
    """Refuse names that differ only in case; obligations are in lower case and differ anyway."""
    seen: dict[str, str] = {}
    if any(name.casefold().startswith(OBLIGATIONS) for name in names):
        seen = {name: name for name in map(obligation_name, obligations)}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise CertificateError("case-clash", f"{name} and {other} differ only in case")
