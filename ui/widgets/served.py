"""What the served student was asked: counts, the newest kept requests, drift, and tasks made of it.

Only requests that server and client agreed to keep are here (``serve --keep``); a question is shown
as inert text. Counting every request is the server's own ``/metrics``.
"""

from __future__ import annotations

import streamlit as st

from ui import data, links
from ui.widgets import figures, page, work
from ui.widgets.words import look
from workbench.store.views import serving
from workbench.store.views.serving import ServedCount, ServedRequest

SIZE = 50
UNASKED = "not asked for"
"""The word of a request that wanted no verdict."""


def panel() -> None:
    """Draw what was served, the way to make tasks of it, and whether it has changed."""
    st.subheader("At work", anchor=False)
    counts = data.read(serving.served_counts)
    if not counts:
        st.caption(
            "No request of a served student was kept. Serve it, and keep what may be kept; an"
            " editor or a service then asks it at http://127.0.0.1:8600/v1:"
        )
        page.shell("workbench", "serve", "--keep")
        return
    _told(counts)
    _tasks(counts)
    drift()
    _newest()


def _told(counts: tuple[ServedCount, ...]) -> None:
    requests, own, proved, made = page.tiles(4)
    total = sum(c.requests for c in counts)
    by_student = sum(c.requests for c in counts if c.answered_by == c.model)
    judged = sum(c.requests for c in counts if c.verdict is not None)
    held = sum(c.requests for c in counts if c.verdict == "proved")
    requests.metric(
        "Kept requests",
        f"{total:,}",
        border=True,
        help=f"The last {page.ago(max(c.last for c in counts))}.",
    )
    own.metric(
        "Answered by the student",
        page.percent(by_student / total),
        border=True,
        help="The rest was passed on to teachers.",
    )
    proved.metric(
        "Proved",
        page.percent(held / judged) if judged else "–",
        border=True,
        help=f'Of {judged:,} requests that asked for a verdict ("verify": true).',
    )
    made.metric("Became tasks", f"{sum(c.made_tasks for c in counts):,}", border=True)
    bars: dict[str, dict[str, int]] = {}
    for c in counts:
        name = f"{c.model} {c.version_digest[:8]}"
        if c.answered_by != c.model:
            name += f" → {c.answered_by}"
        words = bars.setdefault(name, {})
        word = c.verdict or "pending"
        words[word] = words.get(word, 0) + c.requests
    figures.share_bars(list(bars.items())[:12])
    st.caption("By version of the served adapter and who answered; “not judged”: nobody asked.")


def _tasks(counts: tuple[ServedCount, ...]) -> None:
    left = sum(c.with_contract - c.made_tasks for c in counts)
    command = ("workbench", "feedback", "tasks", "--json")
    work.button(
        f"Make tasks of the {left:,} with a contract"
        if left > 0
        else "Nothing new with a contract",
        command,
        icon=":material/add_task:",
        disabled=left <= 0,
        help="Each question once; what a held-out task asks already stays out.",
    )
    job = work.follow(command, quiet=True)
    if job is not None and job.state == "done" and isinstance(job.data, list):
        st.caption(f"The last time {page.plural(len(job.data), 'task')} came of it.")


def drift() -> None:
    """Say whether what is served today is like what was served before."""
    from workbench.stages.drift import FEW, recent_drift

    found = recent_drift(data.store())
    if not found:
        st.caption(
            f"Drift: too few kept requests to compare; {FEW} are needed now and before, the newest"
            " 200 are held against those before."
        )
        return
    st.dataframe(
        [
            {
                "figure": d.name,
                "before": _value(d.name, d.before),
                "now": _value(d.name, d.now),
                "distance": d.distance,
                "expected at most": d.bound,
                "": "! moved" if d.moved else "✓ steady",
            }
            for d in found
        ],
        hide_index=True,
        column_config={
            "distance": st.column_config.NumberColumn(format="%.3f"),
            "expected at most": st.column_config.NumberColumn(format="%.3f"),
        },
        alt="Figures of the newest served requests against those before",
    )
    moved = [d for d in found if d.moved]
    for d in moved:
        st.warning(d.sentence, icon=":material/flag:")
    command = ("workbench", "feedback", "drift", "--json")
    with st.container(horizontal=True):
        work.button(
            "Raise or clear the alerts",
            command,
            icon=":material/notifications:",
            help="What moved stands as an alert on Sources until it has come back.",
        )
    work.follow(command, quiet=True)


def _value(name: str, value: float) -> str:
    if name == "mix":
        return "–"
    return f"{value:,.0f} characters" if name == "length" else page.percent(value)


def _newest() -> None:
    newest = data.read(serving.served, size=SIZE)
    with st.expander(f"The newest {page.plural(len(newest), 'kept request')}"):
        event = st.dataframe(
            [_row(r) for r in newest],
            hide_index=True,
            key=f"served-{newest[0].id}",
            on_select="rerun",
            selection_mode="single-cell",
            height=min(38 + 35 * len(newest), 360),
            column_config={"asked": st.column_config.TextColumn(width="large")},
            alt="The newest kept requests with how they ended",
        )
        picked = event.selection.get("cells", [])
        if picked:
            _one(newest[picked[0][0]])


def _row(r: ServedRequest) -> dict[str, object]:
    return {
        "when": page.ago(r.at),
        "served": r.model,
        "answered by": r.answered_by,
        "verdict": look(r.verdict).text if r.verdict else UNASKED,
        "category": r.category,
        "characters": r.characters,
        "asked": r.prompt[:200],
    }


def _one(r: ServedRequest) -> None:
    st.code(r.prompt, language=None, wrap_lines=True)
    if r.removed:
        st.caption(f"Taken out before it was kept: {page.literal(', '.join(r.removed))}.")
    if r.task_id:
        st.page_link(
            links.COMPARE,
            label="The task that was made of it",
            icon=":material/compare_arrows:",
            query_params={"task": r.task_id},
        )
