"""Sources: who is worth asking, for what, and at what price?"""

from __future__ import annotations

import streamlit as st

from ui import data
from ui.widgets import page
from workbench.store.views import leaderboard
from workbench.store.views.leaderboard import Standing


def show() -> None:
    """Draw the leaderboard, the table by category and who agrees with whom."""
    page.heading("Sources", "Who is worth asking, for what, and at what price?")
    found = data.read(leaderboard.standings) if data.trouble() is None else ()
    if not found:
        page.empty("Nobody answered anything yet.", "workbench", "demo")
        return
    _board(found)
    _categories(found)
    _agreement()


def _board(found: tuple[Standing, ...]) -> None:
    st.dataframe(
        [
            {
                "source": s.source.id,
                "proved": s.share * 100,
                "95 % interval": f"{s.low * 100:.0f} – {s.high * 100:.0f} %",
                "answered": s.answered,
                "✓ proved": s.proved,
                "✗ refuted": s.refuted,
                "cost per proof": page.money(s.cost_per_proof) if s.proved else "no proof",
                "median": s.median_seconds,
                "slowest 5 %": s.slow_seconds,
                "may be trained on": s.policy,
            }
            for s in found
        ],
        hide_index=True,
        column_config={
            "source": st.column_config.TextColumn(pinned=True),
            "proved": st.column_config.ProgressColumn(
                "proved share", min_value=0, max_value=100, format="%.0f %%"
            ),
            "median": st.column_config.NumberColumn("median, s", format="%.2f"),
            "slowest 5 %": st.column_config.NumberColumn("95th percentile, s", format="%.2f"),
        },
        alt="Sources by the share of their answers that is proved",
    )
    st.caption(
        "A proved share counts every answered task, those that nobody could decide included."
        " “unknown” under training means blocked until you say otherwise."
    )


def _categories(found: tuple[Standing, ...]) -> None:
    import pandas as pd

    st.subheader("By category, proved share", anchor=False)
    cells = data.read(leaderboard.by_category)
    order = [s.source.id for s in found]
    table = pd.DataFrame(
        [
            {"source": source, "category": category, "share": 100 * proved / answered}
            for source, category, answered, proved in cells
        ]
    ).pivot(index="category", columns="source", values="share")[order]
    st.dataframe(
        table,
        column_config={
            name: st.column_config.NumberColumn(name, format="%.0f %%") for name in order
        },
        alt="Proved share by category and source",
    )


def _agreement() -> None:
    import pandas as pd

    st.subheader("Who agrees with whom", anchor=False)
    pairs = data.read(leaderboard.same_answer)
    if not pairs:
        st.caption("It takes two sources that answered the same task.")
        return
    names = sorted({name for pair in pairs for name in pair})
    table = pd.DataFrame(index=names, columns=names, dtype="float64")
    for (one, other), (both, same) in pairs.items():
        share = 100 * same / both if both else None
        table.loc[one, other] = table.loc[other, one] = share
    st.dataframe(
        table,
        column_config={
            name: st.column_config.NumberColumn(name, format="%.0f %%") for name in names
        },
        alt="Share of common tasks with the same answer, source against source",
    )
    st.caption(
        "Of the tasks that both answered with code: the share with the same code, or with two"
        " proofs against the same contract."
    )


if __name__ == "__main__":
    show()
