"""What every screen shares: its heading, its empty state, commands to copy, time and money."""

from __future__ import annotations

import html
import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.widgets.words import Look

if TYPE_CHECKING:
    from workbench.store.views.answers import Task

STYLE = Path(__file__).resolve().parent.parent / "style.css"


def heading(title: str, question: str) -> None:
    """Write a screen's title and the question that it answers."""
    st.title(title, anchor=False)
    st.caption(question)


def empty(sentence: str, *command: str, also: str = "") -> None:
    """Say why there is nothing to see, and give the one command that fills the screen."""
    with st.container(border=True):
        st.markdown(f"**{sentence}**")
        st.caption("This command fills it:")
        shell(*command)
        if also:
            st.caption(also)


def shell(*words: str) -> None:
    """Show a command that can be copied and run as it stands."""
    st.code(shlex.join(words), language="bash", wrap_lines=True)


def show_command(*words: str, label: str = "Show the command") -> None:
    """Offer the command line that does the same as the control beside it."""
    with st.popover(label, icon=":material/terminal:", type="tertiary"):
        shell(*words)


def badge(look: Look, *, suffix: str = "") -> None:
    """Show a word with its glyph and tone; its sentence is the tooltip."""
    st.badge(f"{look.text}{suffix}", color=look.tone, help=look.sentence)


def badges(looks: Sequence[Look]) -> None:
    """Show several words in a row."""
    with st.container(horizontal=True, gap="xsmall"):
        for look in looks:
            badge(look)


def tiles(number: int) -> list[DeltaGenerator]:
    """Return ``number`` places side by side that become two a row on a phone."""
    board = st.grid(number, min_column_width=150, gap="small")
    return [board.container() for _ in range(number)]


def linked(name: str, known: Collection[str], default: str) -> str:
    """Return what the address says under ``name``, or ``default`` when that does not exist.

    For widgets whose labels change with the data: Streamlit's own binding would put the label
    into the address. :func:`link` writes back what was chosen.
    """
    written = st.query_params.get(name, default)
    return written if written in known else default


def link(name: str, chosen: str, default: str) -> None:
    """Put ``chosen`` into the address under ``name``; the default stays out of it."""
    if chosen == default:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != chosen:
        st.query_params[name] = chosen


def choose(label: str, options: Mapping[str, str], default: str, *, name: str) -> str:
    """Let a person choose one of ``options`` (id -> label); the address holds the id."""
    names = list(options)
    picked = st.selectbox(
        label,
        names,
        index=names.index(linked(name, options, default)),
        format_func=lambda key: options.get(key, key),
        key=f"chosen-{name}",
        width=480,
        label_visibility="collapsed",
    )
    found = picked if picked in options else default
    link(name, found, default)
    return found


def text(value: object) -> str:
    """Return ``value`` safe to stand inside HTML."""
    return html.escape(str(value), quote=True)


def contract_lines(task: Task) -> list[str]:
    """Return a task's signature and clauses as lines to be read."""
    lines = [task.signature.rstrip(":") + ":"]
    lines += [f"    requires  {clause}" for clause in task.requires]
    lines += [f"    ensures   {clause}" for clause in task.ensures]
    lines += [f"    raises    {clause}" for clause in task.raises]
    return lines


def literal(value: str) -> str:
    """Return ``value`` so that Markdown shows it as it is (for our own ids and names only)."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>$~:&" else c for c in value)


def percent(share: float) -> str:
    """Return a share as a person writes it."""
    return f"{share * 100:.0f} %"


def points(gain: float) -> str:
    """Return a difference of shares in points, signed."""
    return f"{gain * 100:+.0f}"


def money(amount: Decimal | str | None) -> str:
    """Return US dollars; a price that is not known is said to be unknown, never 0."""
    if amount is None:
        return "price unknown"
    value = Decimal(amount)
    if value == 0:
        return "$0"
    return f"${value:.2f}" if value >= 1 else f"${value:.4f}"


def plural(number: int, noun: str, many: str = "") -> str:
    """Return ``number`` with its noun, thousands separated."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def ago(moment: datetime) -> str:
    """Return how long ago ``moment`` was."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(seconds // size, unit) + " ago"
    return "just now"


def p_value(p: float) -> str:
    """Return a p value; very small ones as a bound."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
