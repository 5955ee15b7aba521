"""Content addresses of models and adapters: SHA-256 over the files that decide what they do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

_SUFFIXES = (".safetensors", ".json", ".jinja", ".model", ".txt")
_IGNORED = frozenset({"manifest.json", "recipe.json"})


def file_digest(path: Path) -> str:
    """Return the SHA-256 hex digest of a file's bytes, read in pieces of 1 MiB."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def folder_files(folder: Path) -> dict[str, str]:
    """Return name and SHA-256 of the deciding files directly in ``folder``, sorted by name."""
    names = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix in _SUFFIXES and path.name not in _IGNORED
    )
    return {name: file_digest(folder / name) for name in names}


def folder_digest(folder: Path) -> str:
    """Return one SHA-256 hex digest over the names and contents of the deciding files."""
    text = json.dumps(folder_files(folder), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def folder_size(folder: Path) -> int:
    """Return the bytes of the files directly in ``folder``."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
