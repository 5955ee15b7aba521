"""The adapter's files in a bundle: which may be there, and that safetensors are nothing else.

A pickle runs code when it is loaded, so no file of a kind that could hold one may lie here. The
header of each safetensors file is read strictly; the numbers themselves are not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.certificate.bundle import ADAPTER, Bundle
from workbench.certificate.errors import CertificateError
from workbench.certificate.strict import load_json

__all__ = ["adapter_digest", "adapter_names", "check_adapter", "may_be_in_adapter"]

_SUFFIXES = (".safetensors", ".json", ".jinja", ".model", ".txt")
_NOT_DECIDING = ("manifest.json", "recipe.json")
_HEADER_LIMIT = 16 * 1024 * 1024
_CONFIG = ADAPTER + "adapter_config.json"


def may_be_in_adapter(name: str) -> bool:
    """Whether a file of this name (without folder) may lie in ``adapter/``."""
    return name.endswith(_SUFFIXES) or name == "README.md"


def adapter_names(names: Sequence[str]) -> list[str]:
    """Return the bundle's files that belong to the adapter."""
    return [name for name in names if name.startswith(ADAPTER)]


def adapter_digest(digests: Mapping[str, str]) -> str | None:
    """Return the adapter's own digest over the names and contents of its deciding files."""
    deciding = {
        name.removeprefix(ADAPTER): digest
        for name, digest in sorted(digests.items())
        if name.startswith(ADAPTER)
        and name.endswith(_SUFFIXES)
        and name.removeprefix(ADAPTER) not in _NOT_DECIDING
    }
    if not deciding:
        return None
    text = json.dumps(deciding, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_adapter(bundle: Bundle) -> str:
    """Check names, configuration and safetensors headers; return a line of detail."""
    names = adapter_names(bundle.files)
    if not names:
        return "no adapter"
    for name in names:
        short = name.removeprefix(ADAPTER)
        if "/" in short or not may_be_in_adapter(short):
            raise CertificateError("adapter-file", f"{name} may not be in an adapter")
    config = load_json(bundle.read(_CONFIG, limit=_HEADER_LIMIT), _CONFIG, limit=_HEADER_LIMIT)
    if not isinstance(config, dict):
        raise CertificateError("malformed", f"{_CONFIG} is not a JSON object")
    weights = [name for name in names if name.endswith(".safetensors")]
    if not weights:
        raise CertificateError("missing-file", "the adapter has no safetensors file")
    tensors = sum(_tensors(bundle, name) for name in weights)
    return f"{tensors} tensors in {len(weights)} files"


def _tensors(bundle: Bundle, name: str) -> int:
    """Check the header of a safetensors file against the file's size; return its tensors."""
    with (bundle.folder / name).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= _HEADER_LIMIT:
            raise CertificateError("adapter-file", f"{name} is no safetensors file")
        header = load_json(file.read(size), f"the header of {name}", limit=_HEADER_LIMIT)
        body = file.seek(0, 2) - 8 - size
    if not isinstance(header, dict):
        raise CertificateError("adapter-file", f"{name} is no safetensors file")
    spans = sorted(_span(entry, name) for key, entry in header.items() if key != "__metadata__")
    end = 0
    for start, stop in spans:
        if start != end:
            raise CertificateError("adapter-file", f"the tensors of {name} overlap or leave holes")
        end = stop
    if end != body:
        raise CertificateError("adapter-file", f"{name} is longer or shorter than its header says")
    return len(spans)


def _span(entry: Any, name: str) -> tuple[int, int]:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(type(offset) is int for offset in offsets)
        or not 0 <= offsets[0] <= offsets[1]
    ):
        raise CertificateError("adapter-file", f"{name} has a tensor without a place")
    return offsets[0], offsets[1]
