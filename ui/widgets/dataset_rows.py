"""Rows of a dataset: one with its reason and a way to keep it out, those that filters took,
and groups that teach the same code."""

from __future__ import annotations

import getpass
from typing import Any

import streamlit as st

from ui import data, links
from ui.widgets import page, work
from ui.widgets.words import look
from workbench.errors import WorkbenchError
from workbench.store.views import datasets
from workbench.store.views.datasets import Example, Snapshot

MOST = 1_000


@st.cache_data(show_spinner=False, max_entries=8)
def _recorded(_home: str, digest: str) -> tuple[list[dict[str, Any]], list[dict[str, str]], int]:
    """Return (filters, the first removed rows, how many were removed) of a snapshot's inputs."""
    from workbench.store.canonical import parse

    inputs = parse(data.store().blobs.text(digest))
    removed = list(inputs.get("removed") or ())
    return list(inputs.get("filters") or ()), removed[:MOST], len(removed)


def _inputs(found: Snapshot) -> tuple[list[dict[str, Any]], list[dict[str, str]], int]:
    if not found.inputs_digest:
        return [], [], 0
    try:
        return _recorded(str(data.settings().home), found.inputs_digest)
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
        return [], [], 0


def filters(found: Snapshot) -> list[dict[str, Any]]:
    """Return the filters that the winners went through: rule, rows before and after."""
    return _inputs(found)[0]


def removed(found: Snapshot) -> None:
    """List the rows that filters took, with the reason; each can be kept after all."""
    _, listed, total = _inputs(found)
    if not total:
        return
    with st.expander(f"{page.plural(total, 'row')} that filters took"):
        st.dataframe(
            [{"task": r["task"], "rule": r["rule"], "because": r["reason"]} for r in listed],
            hide_index=True,
            alt="Rows that filters took, with the rule and the reason",
        )
        if total > len(listed):
            st.caption(f"The first {len(listed):,} of {total:,}.")
        st.caption("To keep one after all:")
        page.shell("workbench", "dataset", "restore", listed[0]["task"], found.id)


def clusters(found: Snapshot) -> None:
    """Show groups of rows that hold the same code."""
    groups = data.read(datasets.clusters, found.id)
    if not groups:
        return
    with st.expander(f"Rows that teach the same code: the {len(groups):,} largest groups"):
        for group in groups:
            told = ", ".join(group.tasks) + (" …" if group.rows > len(group.tasks) else "")
            st.caption(f"{page.plural(group.rows, 'row')}: {page.literal(told)}")
            st.code(group.code, language="python", wrap_lines=True)


def one(row: Example, found: Snapshot) -> None:
    """Draw one row: why it is there, what it teaches, and the way to keep it out."""
    with st.container(border=True):
        page.badges([look(row.word)])
        st.text(row.reason)
        st.code(row.code, language="python", wrap_lines=True)
        with st.container(horizontal=True):
            st.page_link(
                links.PROOF,
                label="The proof behind this row",
                icon=":material/verified:",
                query_params={"verdict": str(row.verdict_id)},
            )
            st.page_link(
                links.COMPARE,
                label="The answers it won against",
                icon=":material/compare_arrows:",
                query_params={"task": row.task_id},
            )
        _exclude(row, found)


def _exclude(row: Example, found: Snapshot) -> None:
    with st.popover("Keep it out of datasets", icon=":material/block:", type="tertiary"):
        st.caption("This dataset stays as it is; the next selection leaves the answer out.")
        with st.form(f"exclude-{row.verdict_id}", border=False):
            reason = st.text_input("Reason")
            author = st.text_input("Who decides", value=getpass.getuser())
            if st.form_submit_button("Keep it out"):
                _record(row.verdict_id, reason, author)
        page.shell("workbench", "dataset", "exclude", row.task_id, found.id, "--reason", "…")
    if st.session_state.get("excluded") == row.verdict_id and found.round_id:
        st.success("Kept out from now on.", icon=":material/block:")
        again = ("workbench", "select", found.round_id, "--again", "--json")
        work.button("Select again without it", again, icon=":material/refresh:")
        work.follow(again)


def _record(verdict: int, reason: str, author: str) -> None:
    from workbench.store import Store
    from workbench.store.overrides import record_override

    try:
        with Store.open(data.settings()) as store:
            record_override(store, verdict, "reject", reason=reason, author=author)
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state["excluded"] = verdict
    st.rerun()
