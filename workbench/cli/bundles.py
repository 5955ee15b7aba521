"""What commands about certificate bundles share: the bundle's folder, whom to trust, mistakes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.certificate import PublicKey

__all__ = ["mistakes", "read_file", "trusted", "unpacked", "write_file"]


def trusted(files: list[Path] | None) -> list[PublicKey]:
    """Return the keys named on the command line, else those trusted here before."""
    from workbench.certificate import load_public_key, trusted_keys

    return [load_public_key(path) for path in files] if files else trusted_keys()


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """Yield the bundle's folder; a .zip is unpacked into a temporary one."""
    if bundle.suffix == ".zip" and bundle.is_file():
        from workbench.certificate.archive import unpack

        with tempfile.TemporaryDirectory(prefix="workbench-cert-") as name:
            unpack(bundle, Path(name))
            yield Path(name)
    elif bundle.is_dir():
        yield bundle
    else:
        raise InputError(f"{bundle} is no folder and no .zip file.", "Name a bundle.")


@contextmanager
def mistakes(status: int | None = None) -> Iterator[None]:
    """Turn a certificate's error into a sentence; with ``status`` it is an answer, not usage."""
    from workbench.certificate import CertificateError

    try:
        yield
    except CertificateError as error:
        if status is None:
            raise InputError(f"{error}.") from None
        typer.echo(f"Refused: {error}.")
        raise typer.Exit(status) from None


def read_file(path: Path) -> bytes:
    """Return a file that a person named."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file that a person named."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
