"""Runs: is it working, how far is it, what has it cost?"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import streamlit as st

from ui import data, jobs, links
from ui.widgets import figures, page, schedule, work
from ui.widgets.work import STATES
from workbench.store.views import overview, rounds, traffic


def show() -> None:
    """Draw what runs now, what ran, and what runs reported as errors."""
    page.heading("Runs", "Is it working, how far is it, what has it cost?")
    started = jobs.jobs(data.settings().home) if data.settings().home.is_dir() else ()
    every = data.read(rounds.all_rounds) if data.trouble() is None else ()
    if not every and not started:
        page.empty("Nothing has run here yet.", "workbench", "demo")
        return
    busy = any(r.state == "open" for r in every) or any(j.state == "running" for j in started)

    @st.fragment(run_every=2 if busy else None)
    def _live() -> None:
        for found in data.read(rounds.all_rounds) if every else ():
            if found.state == "open":
                _round(found)
        for job in jobs.jobs(data.settings().home):
            _job(job)
        if not busy:
            st.caption("Nothing is running now.")

    _live()
    if every:
        _money()
        _traffic()
        _errors()
        schedule.panel()


def _round(found: rounds.Round) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                links.ROUNDS, label=f"Round {found.number}", query_params={"round": found.id}
            )
            resume = ("workbench", "rounds", "resume", found.id, "--json")
            work.button("Go on", resume, icon=":material/play_arrow:")
        figures.stages(rounds.STAGES, found.stage, found.state)
        heard = data.read(rounds.events, found.id, last=50)
        counted = [e for e in heard if e.total]
        if counted:
            last = counted[-1]
            begun = next((e for e in heard if e.stage == last.stage), last)
            st.progress(
                min(1.0, (last.done or 0) / max(1, last.total or 1)),
                text=f"{page.literal(last.stage)}: {last.done or 0:,} of {last.total:,}"
                f"{_left(begun, last)}",
            )
        for event in heard[-5:]:
            if event.message:
                st.text(f"{event.at:%H:%M:%S}  {event.stage}  {event.message}")


def _left(begun: rounds.Event, last: rounds.Event) -> str:
    """Say how long the rest would take at the pace so far; nothing when there is no pace yet."""
    done = (last.done or 0) - (begun.done or 0)
    seconds = (last.at - begun.at).total_seconds()
    if done <= 0 or seconds <= 0:
        return ""
    rest = ((last.total or 0) - (last.done or 0)) * seconds / done
    silent = (datetime.now(UTC) - last.at).total_seconds()
    if silent > 120:
        return f", last heard of {page.ago(last.at)}"
    return f", about {rest / 60:.0f} min left" if rest > 90 else f", about {rest:.0f} s left"


def _job(job: jobs.Job) -> None:
    look = STATES[job.state]
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            page.badge(look)
            st.caption(page.ago(datetime.fromtimestamp(job.started, UTC)))
            if job.state == "running":
                if st.button("Stop", icon=":material/stop:", key=f"stop-{job.id}"):
                    jobs.stop(job)
                    st.rerun()
            elif job.state in ("stopped", "lost", "failed") and st.button(
                "Go on",
                icon=":material/play_arrow:",
                key=f"again-{job.id}",
                help="Starts the same command; what was done is kept and not done again.",
            ):
                jobs.start(data.settings().home, job.command)
                st.rerun()
        st.code(shlex.join(job.command), language="bash", wrap_lines=True)
        if job.tail:
            with st.expander("What it said", expanded=job.state in ("running", "failed")):
                st.code(job.tail, language=None, height=240)


def _money() -> None:
    found = data.read(overview.figures)
    limit = data.settings().max_cost
    today, total, cap = page.tiles(3)
    today.metric("Spent in 24 hours", page.money(found.cost_today), border=True)
    total.metric("Spent in all", page.money(found.cost), border=True)
    cap.metric(
        "A run may spend",
        page.money(limit),
        border=True,
        help="Setting max_cost; a request that would pass it is not sent. $0: free teachers only.",
    )


def _traffic() -> None:
    st.subheader("Requests, retries and waits", anchor=False)
    found = data.read(traffic.traffic)
    if not found:
        st.caption("No request went to a provider from this home.")
        return
    st.dataframe(
        [
            {
                "provider": t.provider,
                "model": t.model,
                "requests": t.requests,
                "failed, then tried again": t.failed,
                "asked to wait": t.waits,
                "failures by kind": ", ".join(f"{n:,} {kind}" for kind, n in t.failures) or "none",
                "last": page.ago(t.last),
            }
            for t in found
        ],
        hide_index=True,
        alt="Requests by provider and model, with failures by kind",
    )
    st.caption(
        "Every request that reached a provider has a line in the ledger, also the failed ones."
    )


def _errors() -> None:
    found = data.read(overview.troubles, last=20)
    st.subheader("Errors, grouped", anchor=False)
    if not found:
        st.caption("No run reported an error.")
        return
    st.dataframe(
        [
            {"times": t.times, "stage": t.stage, "what": t.message, "last": page.ago(t.last)}
            for t in found
        ],
        hide_index=True,
        column_config={"what": st.column_config.TextColumn(width="large")},
        alt="Errors that runs reported",
    )


if __name__ == "__main__":
    show()
