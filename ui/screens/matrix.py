"""Matrix: who solved what, and where do they differ?"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import TYPE_CHECKING

import streamlit as st

from ui import data, links
from ui.widgets import figures, page
from ui.widgets.words import ABSENT, LOOKS, Look, look
from workbench.store.views import matrix
from workbench.store.views.matrix import Filter, Mode

if TYPE_CHECKING:
    import pandas as pd

SIZE = 50
# Translucent, so that the same value stands on paper and on ink.
SHADE = {
    "green": "background-color: rgba(46, 139, 93, 0.20)",
    "blue": "background-color: rgba(91, 134, 187, 0.20)",
    "orange": "background-color: rgba(209, 154, 46, 0.20)",
    "red": "background-color: rgba(196, 82, 90, 0.22)",
    "violet": "background-color: rgba(138, 92, 194, 0.20)",
    "gray": "",
}
CLEARED = {
    "mode": Mode.ALL.value,
    "search": "",
    "category": "",
    "split": "",
    "columns": [],
    "page": 1,
}


def show() -> None:
    """Draw the filters, the totals and one page of the matrix."""
    page.heading("Matrix", "Who solved what, and where do they differ?")
    if data.trouble() is not None or not data.read(matrix.sources):
        page.empty("There are no answers yet.", "workbench", "demo")
        return
    wanted, baseline = _filters()
    total, totals = data.read(matrix.summary, wanted)
    columns = [s.id for s in data.read(matrix.sources) if totals.answered(s.id)]
    if wanted.sources:
        columns = [name for name in columns if name in wanted.sources]
    found = _page(wanted, total)
    if not found.rows:
        st.info("No task fits these filters.", icon=":material/filter_alt_off:")
        st.button("Clear the filters", on_click=_clear)
        return
    figures.share_bars([(name, totals.words[name]) for name in columns])
    if baseline:
        _against(wanted, baseline, columns)
    _table(found, columns, wanted)


def _first_page() -> None:
    st.session_state.page = 1


def _clear() -> None:
    st.session_state.update(CLEARED)


def _filters() -> tuple[Filter, str]:
    mode = st.segmented_control(
        "Show",
        [m.value for m in Mode],
        default=Mode.ALL.value,
        required=True,
        key="mode",
        bind="query-params",
        on_change=_first_page,
        label_visibility="collapsed",
    )
    names = [s.id for s in data.read(matrix.sources)]
    search, category, split, columns, baseline = st.columns([3, 2, 2, 3, 2])
    typed = search.text_input(
        "Search",
        key="search",
        type="search",
        bind="query-params",
        on_change=_first_page,
        placeholder="id or words of the prompt",
    )
    chosen = category.selectbox(
        "Category",
        ["", *data.read(matrix.categories)],
        format_func=lambda name: name or "every category",
        key="category",
        bind="query-params",
        on_change=_first_page,
    )
    side = split.selectbox(
        "Split",
        ["", "train", "eval", "none"],
        format_func=lambda name: name or "every split",
        key="split",
        bind="query-params",
        on_change=_first_page,
        help="Held-out tasks are “eval”: students answer them, and nobody trains on them.",
    )
    shown = columns.multiselect(
        "Columns",
        names,
        key="columns",
        bind="query-params",
        on_change=_first_page,
        placeholder="every source",
    )
    against = baseline.selectbox(
        "Baseline",
        ["", *names],
        format_func=lambda name: name or "none",
        key="baseline",
        bind="query-params",
        help="Count what each source proves that the baseline does not, and the reverse.",
    )
    return (
        Filter(
            mode=Mode(mode or Mode.ALL.value),
            search=(typed or "").strip(),
            category=chosen or "",
            split=side or "",
            sources=tuple(shown),
        ),
        against or "",
    )


def _page(wanted: Filter, total: int) -> matrix.Page:
    """Read the page that the address names; one past the end shows the last one."""
    number = int(st.session_state.get("page") or _number(st.query_params.get("page", "1")))
    number = min(max(1, number), max(1, -(-total // SIZE)))
    return data.read(matrix.page, wanted, number=number, size=SIZE, total=total)


def _number(written: str) -> int:
    return int(written) if written.isdecimal() and len(written) < 8 else 1


def _against(wanted: Filter, baseline: str, columns: list[str]) -> None:
    found = data.read(matrix.versus, wanted, baseline)
    told = [
        f"{page.literal(name)} ▲ {found[name][0]:,} ▼ {found[name][1]:,}"
        for name in columns
        if name in found
    ]
    st.caption(
        f"Against {page.literal(baseline)} (▲ proves more, ▼ proves less): " + " · ".join(told)
    )


def _table(found: matrix.Page, columns: list[str], wanted: Filter) -> None:
    frame, style = _frame(found, columns)
    pages = max(1, -(-found.total // SIZE))
    st.caption(
        f"{page.plural(found.total, 'task')}."
        " Choose a cell to see the answer and why it got its word."
    )
    # The key names what is on the page: a selection must never fall on other rows.
    shown = repr((wanted, [row.task_id for row in found.rows], columns))
    key = f"cells_{hashlib.sha256(shown.encode()).hexdigest()[:16]}"
    event = st.dataframe(
        style,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-cell",
        height=min(38 + 35 * len(frame), 780),
        column_config={
            "task": st.column_config.TextColumn("Task", pinned=True, width="medium"),
            "category": st.column_config.TextColumn("Category", width="small"),
            "prompt": st.column_config.TextColumn("Prompt", width="large"),
        },
        alt="Tasks down, sources across, one verdict a cell",
    )
    if pages > 1:
        st.pagination(pages, key="page", bind="query-params")
    chosen = event.selection.get("cells", [])
    if chosen:
        position, column = chosen[0]
        row = found.rows[position]
        links.to_compare(row.task_id, _beside(column, row, columns), wanted)


def _beside(column: str, row: matrix.Row, columns: list[str]) -> list[str]:
    """Return the chosen source and, to compare with, one whose word differs."""
    answered = [name for name in columns if name in row.cells]
    if column not in row.cells:
        return answered[:4]
    word = row.cells[column].word
    others = sorted(
        (name for name in answered if name != column),
        key=lambda name: (row.cells[name].word == word, row.cells[name].word != "proved"),
    )
    return [column, *others[:1]]


def _frame(found: matrix.Page, columns: list[str]) -> tuple[pd.DataFrame, object]:
    import pandas as pd

    table = pd.DataFrame(
        [
            {
                "task": row.task_id,
                "category": row.category,
                **{name: _cell(row.cells.get(name)) for name in columns},
                "prompt": row.prompt,
            }
            for row in found.rows
        ]
    )
    shades = {_told(known): SHADE[known.tone] for known in LOOKS.values()}
    return table, table.style.map(
        lambda value: shades.get(str(value).split("  ")[0], ""), subset=list[Hashable](columns)
    )


def _told(known: Look) -> str:
    return known.text


def _cell(cell: matrix.Cell | None) -> str:
    if cell is None:
        return ABSENT.text
    repaired = f"  ↻{cell.attempt}" if cell.attempt else ""
    person = {"accept": "  ☑ accepted", "reject": "  ☒ rejected"}.get(cell.override or "", "")
    return f"{look(cell.word).text}{repaired}{person}"


if __name__ == "__main__":
    show()
