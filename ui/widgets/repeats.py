"""Rows of a dataset that teach one and the same function, and rows that meet a held-out task.

Found by ``workbench dataset duplicates``, which compares, runs and proves; here it is only shown.
"""

from __future__ import annotations

import streamlit as st

from ui import data, links
from ui.widgets import page, work
from ui.widgets.words import Look
from workbench.errors import WorkbenchError
from workbench.stages.repeats import Group, Member, Repeats, kept_repeats, repeats_key
from workbench.store.views import settled
from workbench.store.views.datasets import Snapshot

SHOWN = 30
"""Groups on the screen; the command lists them all."""
MEMBERS = 6
HOW = {
    "first": Look("●", "the first of them", "blue", "The row that came first."),
    "form": Look("≡", "same under renaming", "gray", "The same code, but for names and layout."),
    "proved": Look("✓", "proved equal", "green", "Proved to return the same for every input."),
    "probes": Look("≈", "alike when tried", "gray", "The same on every input that was tried."),
}


@st.cache_data(show_spinner=False, max_entries=8)
def _kept(_home: str, snapshot: str, _digest: str) -> Repeats | None:
    return kept_repeats(data.store(), snapshot)


def panel(found: Snapshot) -> None:
    """Draw the groups and the meetings of a snapshot, or the way to look for them."""
    st.subheader("Does it repeat itself", anchor=False)
    command = ("workbench", "dataset", "duplicates", found.id, "--json")
    digest = data.read(settled.value, repeats_key(found.id))
    repeats = None
    try:
        repeats = _kept(str(data.settings().home), found.id, digest) if digest else None
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
    if repeats is None:
        st.caption(
            "Rows in other words may still teach one function, or what a held-out task asks. That"
            " takes running and proving: about twenty seconds for a thousand rows."
        )
    else:
        _figures(repeats)
    work.button(
        "Look again" if repeats else "Look for repeated functions",
        command,
        icon=":material/content_copy:",
    )
    job = work.newest(command)
    # Status 1 says that a row meets a held-out task; that is shown below, not as a mishap.
    work.follow(command, quiet=True, well=("done", "no") if repeats else ("done",))
    if job is not None and job.state == "running":
        return
    if repeats is not None:
        _met(repeats)
        _groups(repeats)


def _figures(found: Repeats) -> None:
    functions, repeated, met = page.tiles(3)
    functions.metric("Different functions", f"{found.functions:,}", border=True)
    repeated.metric(
        "Rows that repeat one",
        f"{found.rows - found.functions:,}",
        border=True,
        help=f"In {page.plural(len(found.groups), 'group')}. Two wordings of one function may both"
        " be worth learning; the filter “semantic” keeps the first only.",
    )
    met.metric(
        "Rows that meet a held-out task",
        f"{'✗' if found.met else '✓'} {len(found.met):,}",
        border=True,
        help="By the words of the prompt, by code, or by what the function does.",
    )


def _met(found: Repeats) -> None:
    if not found.met:
        return
    st.warning(
        "These rows teach what a held-out task asks; the evaluation of a student trained on them"
        " is worth less.",
        icon=":material/warning:",
    )
    st.dataframe(
        [{"row": m.row, "task": m.task, "because it": m.sentence} for m in found.met[:1_000]],
        hide_index=True,
        column_config={"because it": st.column_config.TextColumn(width="large")},
        alt="Rows that meet a held-out task, and how",
    )


def _groups(found: Repeats) -> None:
    if not found.groups:
        st.caption("No two rows teach the same function.")
        return
    labels = [_label(group) for group in found.groups[:SHOWN]]
    chosen = st.selectbox(
        "Rows that teach the same function",
        range(len(labels)),
        format_func=lambda n: labels[n],
        key=f"group-{found.snapshot}",
    )
    if len(found.groups) > SHOWN:
        st.caption(f"The {SHOWN} largest of {len(found.groups):,} groups.")
    members = found.groups[chosen or 0].members
    columns = st.columns(2, gap="medium")
    for n, member in enumerate(members[:MEMBERS]):
        with columns[n % 2], st.container(border=True):
            _member(member)
    if len(members) > MEMBERS:
        rest = ", ".join(f"{m.row:,}" for m in members[MEMBERS:60])
        st.caption(f"And rows {rest}{' …' if len(members) > 60 else ''}.")


def _label(group: Group) -> str:
    proved = sum(m.basis == "proved" for m in group.members)
    first = group.members[0].code.strip().splitlines() or [""]
    named = next((line for line in first if line.startswith("def ")), first[0])
    told = f", {proved} of them by proof" if proved else ""
    return f"{page.plural(len(group.members), 'row')}{told}: {named[:70]}"


def _member(member: Member) -> None:
    page.badges([HOW[member.basis]])
    st.page_link(
        links.COMPARE,
        label=f"Row {member.row:,}: {page.literal(member.task)}",
        query_params={"task": member.task},
    )
    st.code(member.code, language="python", wrap_lines=True)
