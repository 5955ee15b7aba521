"""How results look in a notebook: escaped HTML with inline style, readable on light and dark.

No script, no external address, no colour that stands alone. Values are escaped here and nowhere
else, so whatever a model wrote stays text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Listing", "badge", "block", "card", "escaped"]

_TONES = {
    "proved": ("✓", "46,139,93"),
    "bounded": ("◕", "91,134,187"),
    "partial": ("◑", "91,134,187"),
    "tested": ("◔", "91,134,187"),
    "unknown": ("?", "128,128,128"),
    "refuted": ("✗", "196,82,90"),
    "unsafe": ("⚠", "138,92,194"),
    "malformed": ("▢", "138,92,194"),
    "error": ("!", "209,154,46"),
    "vacuous": ("∅", "209,154,46"),
    "bad_contract": ("∅", "209,154,46"),
}
MOST_SHOWN = 50


def escaped(value: object) -> str:
    """Return ``value`` as text that is safe inside HTML, in an attribute too."""
    return html.escape(str(value), quote=True)


def badge(word: str) -> str:
    """Return a verdict's word with its glyph on a tinted ground."""
    glyph, tint = _TONES.get(word, ("•", "128,128,128"))
    return (
        f'<span style="background:rgba({tint},0.22);border:1px solid rgba({tint},0.55);'
        'border-radius:6px;padding:1px 8px;font-weight:600;white-space:nowrap">'
        f"{glyph} {escaped(word.replace('_', ' '))}</span>"
    )


def block(text: str, *, word: str = "") -> str:
    """Return code or a failing call as preformatted text; ``word`` gives its edge a tone."""
    tint = _TONES[word][1] if word in _TONES else "128,128,128"
    return (
        f'<pre style="background:rgba({tint},0.10);border-left:3px solid rgba({tint},0.6);'
        "padding:8px 12px;margin:6px 0;overflow-x:auto;text-align:left;color:inherit;"
        f'white-space:pre-wrap">{escaped(text)}</pre>'
    )


def card(*parts: str) -> str:
    """Return finished HTML parts under each other."""
    return (
        '<div style="border:1px solid rgba(128,128,128,0.35);border-radius:8px;'
        f'padding:10px 14px;margin:4px 0;max-width:960px">{"".join(parts)}</div>'
    )


class Listing(Sequence[dict[str, Any]]):
    """Rows with named columns: a table in a notebook, records in a loop, a frame on request.

    Columns named in ``words`` hold verdicts and are shown as such.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        words: Iterable[str] = (),
        note: str = "",
    ) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.records = [dict(zip(self.columns, row, strict=True)) for row in rows]
        self.words = frozenset(words)
        self.note = note

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __repr__(self) -> str:
        return f"{self.name}: {len(self)} rows ({', '.join(self.columns)})"

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.records, columns=list(self.columns))

    def _repr_html_(self) -> str:
        cell = "padding:3px 10px;text-align:left;vertical-align:top"
        head = "".join(f'<th style="{cell}">{escaped(c)}</th>' for c in self.columns)
        body = "".join(
            "<tr>"
            + "".join(f'<td style="{cell}">{self._cell(c, r[c])}</td>' for c in self.columns)
            + "</tr>"
            for r in self.records[:MOST_SHOWN]
        )
        more = len(self) - MOST_SHOWN
        rest = f"… and {more:,} more: use .to_frame()" if more > 0 else ""
        foot = " ".join(escaped(part) for part in (self.note, rest) if part)
        return (
            f'<div style="opacity:0.75">{escaped(self.name)}: {len(self):,}</div>'
            f'<table style="border-collapse:collapse"><tr>{head}</tr>{body}</table>'
            f'<div style="opacity:0.75">{foot}</div>'
        )

    def _cell(self, column: str, value: object) -> str:
        if value is None:
            return '<span style="opacity:0.6">–</span>'
        if column in self.words:
            return badge(str(value))
        if isinstance(value, float):
            return f"{value:.3f}"
        text = str(value)
        return escaped(text if len(text) <= 160 else text[:157] + "…")
