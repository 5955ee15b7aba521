"""Whom questions went to lately, under which policy, and why."""

from __future__ import annotations

import streamlit as st

from ui import data
from ui.widgets import page
from workbench.store.views import routes

POLICIES = {
    "fallback": "who answers when somebody cannot",
    "dataset": "cost per proved answer",
    "confidence": "the student where it is sure",
}


def panel() -> None:
    """Draw the last choices, counted, and the newest one by one."""
    st.subheader("Whom questions went to", anchor=False)
    counted = data.read(routes.routed)
    if not counted:
        st.caption(
            "Nothing was routed yet. A router asks whoever is worth it, under a policy; also a"
            " served student passes on what it is not sure of."
        )
        page.shell("workbench", "route", "ask", "--help")
        return
    st.dataframe(
        [
            {
                "policy": f"{r.policy}: {POLICIES.get(r.policy, 'a policy of its own')}",
                "went to": r.source,
                "questions": r.choices,
                "of them passed on": r.passed_on,
            }
            for r in counted
        ],
        hide_index=True,
        alt="The last thousand routed questions by policy and source",
    )
    newest = data.read(routes.choices)
    with st.expander(f"The newest {page.plural(len(newest), 'choice')}, with the reason"):
        st.dataframe(
            [
                {
                    "when": page.ago(c.at),
                    "policy": c.policy,
                    "category": c.category,
                    "wanted": c.wanted,
                    "asked": c.source,
                    "chance": "–" if c.chance is None else page.percent(c.chance),
                    "why": c.why,
                }
                for c in newest
            ],
            hide_index=True,
            column_config={"why": st.column_config.TextColumn(width="large")},
            alt="The newest routed questions with the reason of each choice",
        )
