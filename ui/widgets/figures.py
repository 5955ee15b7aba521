"""Three small pictures made of HTML: before and after on one rule, share bars, a round's stages.

Everything written into them is escaped; they carry our own words and numbers, never model output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from ui.widgets.page import percent, points, text
from ui.widgets.words import LOOKS

FILL = {
    "green": "green",
    "blue": "blue",
    "orange": "amber",
    "gray": "gray",
    "red": "red",
    "violet": "violet",
}


def before_after(
    before: float, after: float, low: float, high: float, names: tuple[str, str]
) -> None:
    """Draw two shares (0 to 1) on one rule, with the interval of the gain around the second."""

    def at(share: float) -> float:
        return max(0.0, min(1.0, share)) * 100

    left, right = sorted((before, after))
    band_left, band_right = at(before + low), at(before + high)
    sides = {0: "start", 100: "end"}
    ticks = "".join(
        f'<span class="tick {sides.get(t, "")}" style="left:{t}%">{t} %</span>'
        for t in (0, 25, 50, 75, 100)
    )
    st.html(
        f'<div class="wb-rule" role="img" aria-label="{text(names[0])} {percent(before)},'
        f" {text(names[1])} {percent(after)}, 95 percent interval of the gain"
        f' {points(low)} to {points(high)} points"><span class="track"></span>'
        f'<span class="band" style="left:{band_left:.2f}%;'
        f'width:{band_right - band_left:.2f}%"></span>'
        f'<span class="{"gain" if after >= before else "loss"}" style="left:{at(left):.2f}%;'
        f'width:{at(right) - at(left):.2f}%"></span>'
        f'<span class="dot before" style="left:{at(before):.2f}%"></span>'
        f'<span class="dot after" style="left:{at(after):.2f}%"></span>'
        f"{_tags(before, after, names)}{ticks}</div>"
    )


def _tags(before: float, after: float, names: tuple[str, str]) -> str:
    """Write both shares above their dots, or as one where they would run into each other."""
    if abs(after - before) < 0.25:
        both = f"{names[0]} {percent(before)} → {names[1]} {percent(after)}"
        return _tag((before + after) / 2, both)
    return _tag(before, f"{names[0]} {percent(before)}") + _tag(
        after, f"{names[1]} {percent(after)}"
    )


def _tag(share: float, label: str) -> str:
    side = "start" if share < 0.2 else "end" if share > 0.8 else ""
    return f'<span class="tag {side}" style="left:{share * 100:.2f}%">{text(label)}</span>'


def checks(rows: Sequence[tuple[str, str, str, str]]) -> None:
    """List (tone, glyph and word, claim, detail): one line each, to be read down the left edge."""
    items = "".join(
        f'<li><span class="mark wb-{FILL[tone]}">{text(mark)}</span>'
        f'<span>{text(claim)} <span class="wb-soft">{text(detail)}</span></span></li>'
        for tone, mark, claim, detail in rows
    )
    st.html(f'<ul class="wb-checks">{items}</ul>')


def share_bars(rows: Sequence[tuple[str, Mapping[str, int]]]) -> None:
    """Draw one bar a source: what share of its answers has which word, the proved ones first."""
    used = [word for word in LOOKS if any(counts.get(word) for _, counts in rows)]
    parts = []
    for name, counts in rows:
        total = sum(counts.values())
        if not total:
            continue
        cells = "".join(
            f'<span class="wb-fill-{FILL[LOOKS[word].tone]}" style="flex:{counts[word]}"'
            f' title="{text(LOOKS[word].label)}: {counts[word]:,}"></span>'
            for word in used
            if counts.get(word)
        )
        told = ", ".join(f"{LOOKS[w].label} {counts[w]}" for w in used if counts.get(w))
        parts.append(
            f'<span class="name">{text(name)}</span>'
            f'<span class="bar" role="img" aria-label="{text(name)}: {text(told)}">{cells}</span>'
            f'<span class="num">✓ {counts.get("proved", 0):,} of {total:,}</span>'
        )
    key = "".join(
        f'<span><i class="wb-fill-{FILL[LOOKS[word].tone]}"></i>{text(LOOKS[word].text)}</span>'
        for word in used
    )
    st.html(f'<div class="wb-bars">{"".join(parts)}</div><div class="wb-key">{key}</div>')


def stages(names: Sequence[str], last: str, state: str) -> None:
    """Draw a round's stages: the finished ones, the one at work, those to come."""
    reached = names.index(last) if last in names else -1
    items = []
    for position, name in enumerate(names):
        if position <= reached:
            kind, mark = "done", "✓"
        elif position == reached + 1 and state == "open":
            kind, mark = "now", "▸"
        else:
            kind, mark = "later", "○"
        items.append(
            f'<li class="{kind}"><span class="mark" aria-hidden="true">{mark}</span>'
            f"{text(name)}</li>"
        )
    st.html(f'<ol class="wb-stages">{"".join(items)}</ol>')
