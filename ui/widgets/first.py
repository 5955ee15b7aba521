"""The first visit: start the demonstration from the page, and follow it until there are figures."""

from __future__ import annotations

import streamlit as st

from ui import data, jobs
from ui.widgets import figures, page, work
from workbench.store.views import rounds

QUICK = ("workbench", "demo", "--quick")
WHOLE = ("workbench", "demo")
TOLD = 1_500
"""Characters of the story that are shown while it goes on."""


def panel(sentence: str) -> None:
    """Say that there is nothing, name the command that fills it, and offer to start it here."""
    page.empty(sentence, *WHOLE, also="It takes about ten minutes on two cores.")
    st.caption(
        "Or start it here; no key, no network and no GPU is needed. It is a job of its own: close"
        " the page whenever you like."
    )
    work.button(
        "A quick look",
        QUICK,
        icon=":material/bolt:",
        primary=True,
        help="An eighth of the tasks: a minute or two, and a student that is not as good.",
    )
    work.button("The whole demonstration", WHOLE, icon=":material/play_arrow:")
    follow()


def follow() -> None:
    """Show how far a demonstration is, while one runs."""
    for command in (QUICK, WHOLE):
        # Status 1 says that the student did not get better: a result, and told as one.
        work.follow(command, _story, quiet=True, well=("done", "no"))


def _story(job: jobs.Job) -> None:
    if job.state != "running":
        return
    if data.trouble() is None and (every := data.read(rounds.all_rounds)):
        figures.stages(rounds.STAGES, every[0].stage, every[0].state)
        heard = [e for e in data.read(rounds.events, every[0].id, last=20) if e.total]
        if heard:
            last = heard[-1]
            st.progress(
                min(1.0, (last.done or 0) / max(1, last.total or 1)),
                text=f"{page.literal(last.stage)}: {last.done or 0:,} of {last.total:,}",
            )
    st.code(job.tail[-TOLD:] or "Starting …", language=None, wrap_lines=True)
