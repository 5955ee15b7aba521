"""Bundles in and out of a registry, verified on both ways; the registry is believed in nothing.

What is verified is what is stored and what is kept: on the way in the archive that goes out is
unpacked and verified first, on the way back what came is, and its entry must be the one that the
bundle gives. A registry can still withhold a bundle, which only another source of truth shows
(``workbench cert chain``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.certificate import CertificateError, Policy, PublicKey, Report
from workbench.certificate.archive import pack, unpack
from workbench.certificate.verify import verify_evidence
from workbench.errors import InputError, NotFoundError
from workbench.registry.entry import Archive, Entry, describe, read_entry, write_entry
from workbench.registry.shelf import ARCHIVE, IDENTITY, Shelf

__all__ = ["Trust", "add_bundle", "list_entries", "pull_bundle", "show_entry"]

_LARGEST = 16 * 1024**3
_SHORTEST_PREFIX = 6


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the caller trusts, and what else he demands of a bundle."""

    keys: Sequence[PublicKey]
    policy: Policy | None = None
    revoked: frozenset[str] = frozenset()
    recheck: bool = False


def add_bundle(
    shelf: Shelf, folder: Path, trust: Trust, *, licence: str | None = None
) -> tuple[Entry, bool]:
    """Verify a bundle and store it; return its entry, and whether it was new there.

    Raises ``CertificateError`` when the bundle does not verify, or when another archive of the
    same certificate is there: a registry keeps the first.
    """
    with tempfile.TemporaryDirectory(prefix="workbench-registry-") as name:
        packed = Path(name) / ARCHIVE
        pack(folder, packed)
        archive = Archive(sha256=_digest(packed), size=packed.stat().st_size)
        entry, _ = _verified(packed, Path(name) / "bundle", archive, trust, licence)
        data = write_entry(entry)
        there = shelf.entry(entry.certificate)
        if there is None:
            shelf.put(entry.certificate, packed, data)
            there = shelf.entry(entry.certificate)
            if there == data:
                return entry, True
    if there != data:
        raise CertificateError(
            "already-there",
            f"certificate {entry.certificate[:16]} is there with another archive or licence; "
            "a registry keeps what it has",
        )
    return entry, False


def list_entries(shelf: Shelf) -> list[Entry | CertificateError]:
    """Return what the registry says, by round; an entry that cannot be read is its error."""
    found: list[Entry | CertificateError] = []
    for identity in shelf.identities():
        data = shelf.entry(identity)
        if data is None:
            continue
        try:
            found.append(read_entry(data, identity))
        except CertificateError as error:
            found.append(error)
    return sorted(
        found, key=lambda e: (e.number, e.certificate) if isinstance(e, Entry) else (0, "")
    )


def show_entry(shelf: Shelf, name: str) -> Entry:
    """Return what the registry says of one certificate, by its identity or a prefix of it."""
    identity = _identity(shelf, name)
    data = shelf.entry(identity)
    if data is None:
        raise NotFoundError.among("certificate", name, shelf.identities())
    return read_entry(data, identity)


def pull_bundle(shelf: Shelf, name: str, target: Path, trust: Trust) -> tuple[Entry, Report]:
    """Fetch a bundle into the new folder ``target``, which appears only when everything holds."""
    if target.exists():
        raise InputError(f"{target} exists.", "Name a folder that is not there yet.")
    entry = show_entry(shelf, name)
    if entry.archive.size > _LARGEST:
        raise CertificateError("too-large", f"the archive is larger than {_LARGEST} bytes")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".pulling-", dir=target.parent))
    try:
        packed = aside / ARCHIVE
        shelf.fetch(entry.certificate, packed, entry.archive.size + 1)
        archive = Archive(sha256=_digest(packed), size=packed.stat().st_size)
        if archive != entry.archive:
            raise CertificateError("registry-archive", "the archive is not the one in its entry")
        found, report = _verified(packed, aside / "bundle", archive, trust, entry.licence)
        if found.certificate != entry.certificate:
            raise CertificateError(
                "registry-entry", f"the registry gave another certificate, {found.certificate[:16]}"
            )
        if found != entry:
            raise CertificateError(
                "registry-entry",
                f"the registry's entry differs from its bundle: {_differ(found, entry)}",
            )
        os.rename(aside / "bundle", target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return entry, report


def _verified(
    packed: Path, into: Path, archive: Archive, trust: Trust, licence: str | None
) -> tuple[Entry, Report]:
    """Unpack, verify and describe; nothing that failed is described."""
    into.mkdir()
    unpack(packed, into)
    report, evidence = verify_evidence(
        into, trust.keys, policy=trust.policy, recheck=trust.recheck, revoked=trust.revoked
    )
    if report.exit_code or evidence is None:
        code = report.failed[0].code if report.failed else "not-rechecked"
        raise CertificateError(code, report.sentence.rstrip("."))
    return describe(report, evidence, archive, licence), report


def _identity(shelf: Shelf, name: str) -> str:
    if IDENTITY.fullmatch(name):
        return name
    known = shelf.identities()
    found = [identity for identity in known if identity.startswith(name)]
    if len(name) >= _SHORTEST_PREFIX and len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise InputError(f"{name} begins {len(found)} certificates.", "Write more digits of it.")
    raise NotFoundError.among("certificate", name, known)


def _differ(one: Entry, other: Entry) -> str:
    return ", ".join(
        field for field in Entry.model_fields if getattr(one, field) != getattr(other, field)
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
