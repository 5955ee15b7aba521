"""Doctor: why does something not work, and what mends it?"""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from ui import data
from ui.widgets import figures, page
from ui.widgets.words import Look
from workbench.doctor import Finding, examine
from workbench.errors import WorkbenchError

STATES = {
    "ok": Look("✓", "works", "green", "Works."),
    "note": Look("◔", "see note", "blue", "Works, with a remark."),
    "missing": Look("○", "not here", "gray", "An optional part that is not here."),
    "broken": Look("✗", "broken", "red", "Needed, and does not work."),
}


@st.cache_data(ttl=60, show_spinner="Looking at everything …")
def _findings(_home: str) -> list[Finding]:
    return examine(data.settings())


def show() -> None:
    """Draw every finding, the broken ones first in the summary."""
    page.heading("Doctor", "Why does something not work, and what mends it?")
    try:
        found = _findings(str(data.settings().home))
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
        return
    broken = [f for f in found if f.state == "broken"]
    missing = [f for f in found if f.state == "missing"]
    if broken:
        st.error(
            f"{page.plural(len(broken), 'thing')} that the workbench needs "
            f"{'does' if len(broken) == 1 else 'do'} not work: "
            + ", ".join(f.name for f in broken)
            + ".",
            icon=":material/error:",
        )
    else:
        optional = f" {page.plural(len(missing), 'optional part')} not here." if missing else ""
        st.success(f"Everything that is needed works.{optional}", icon=":material/check_circle:")
    with st.container(horizontal=True):
        if st.button("Look again", icon=":material/refresh:"):
            _findings.clear()
            st.rerun()
        page.show_command("workbench", "doctor", "--json")
    areas = [(area, list(lines)) for area, lines in groupby(found, key=lambda f: f.area)]
    half = sum(len(lines) + 2 for _, lines in areas) / 2
    columns, filled = st.columns(2, gap="medium"), 0
    for area, lines in areas:
        with columns[0 if filled < half else 1], st.container(border=True):
            st.markdown(f"**{page.literal(area.capitalize())}**")
            figures.checks([_line(line) for line in lines])
        filled += len(lines) + 2


def _line(found: Finding) -> tuple[str, str, str, str]:
    look = STATES[found.state]
    mend = f" → {found.mend}" if found.mend else ""
    return look.tone, look.text, found.name, f"{found.detail}{mend}"


if __name__ == "__main__":
    show()
