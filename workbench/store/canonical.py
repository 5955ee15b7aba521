"""One text for one value: the JSON that is hashed, compared and stored in ``*_json`` columns.

Keys are sorted, there is no white space, text stays UTF-8, NaN and infinities are refused (the
judge's plain encoding has its own words for them).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["canonical", "digest", "parse"]


def canonical(value: Any) -> str:
    """Return the canonical JSON text of ``value``; raise ``ValueError`` where JSON has no word."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def parse(text: str | None) -> Any:
    """Return the value of a ``*_json`` column, or ``None`` for an absent one."""
    return None if text is None else json.loads(text)


def digest(value: Any) -> str:
    """Return the SHA-256 hex of bytes, of text as UTF-8, or of anything else as canonical JSON."""
    if isinstance(value, bytes):
        data = value
    elif isinstance(value, str):
        # Lone surrogates occur in model output; they must not stop a digest.
        data = value.encode("utf-8", "surrogatepass")
    else:
        data = canonical(value).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()
