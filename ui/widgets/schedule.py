"""What runs by itself and when: the schedules, how their last runs ended, and a form for a new one.

A schedule runs while some machine has ``workbench schedule run`` open; the dashboard starts that as
a job like any other and is not needed for it.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import streamlit as st

from ui import data
from ui.widgets import page, work
from ui.widgets.words import Look
from workbench.errors import WorkbenchError
from workbench.store.views import serving
from workbench.store.views.serving import Scheduled

ENDS = {
    0: Look("✓", "done", "green", "Exit status 0."),
    1: Look("✗", "ended with no", "orange", "Exit status 1: it ran, and the answer is no."),
    3: Look("?", "could not tell", "orange", "Exit status 3."),
    -9: Look("!", "leader gone", "orange", "The process that ran it went away; it is tried again."),
}
RUNNING = Look("▸", "running", "blue", "An attempt goes on.")
NIGHTLY = ("feedback", "round")
"""Makes tasks of kept requests and starts the next round when there is enough; else it says why."""


def panel() -> None:
    """Draw the schedules, their history, and the form."""
    st.subheader("By itself", anchor=False)
    found = data.fresh(serving.schedules)
    if found:
        _table(found)
        _history()
        _leader(found)
    else:
        st.caption("Nothing runs by itself yet. A nightly round, for example at 02:30 UTC:")
        page.shell("workbench", "schedule", "add", "nightly", "30 2 * * *", "--", *NIGHTLY)
    _add()


def _end(status: int | None) -> Look:
    if status is None:
        return RUNNING
    return ENDS.get(status) or Look("✗", f"exit {status}", "red", f"Exit status {status}.")


def _table(found: tuple[Scheduled, ...]) -> None:
    st.dataframe(
        [
            {
                "name": s.name,
                "when (UTC)": s.cron,
                "next": _until(s.due),
                "command": shlex.join(("workbench", *s.command)),
                "last": RUNNING.text
                if s.running
                else "never ran"
                if s.last_ended is None
                else f"{_end(s.last_status).text}, {page.ago(s.last_ended)}",
            }
            for s in found
        ],
        hide_index=True,
        column_config={"command": st.column_config.TextColumn(width="large")},
        alt="What runs by itself, the next to run first",
    )


def _until(due: datetime) -> str:
    seconds = int((due - datetime.now(UTC)).total_seconds())
    if seconds <= 0:
        return "due now"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"in {page.plural(seconds // size, unit)}"
    return "within a minute"


def _history() -> None:
    runs = data.fresh(serving.scheduled_runs, size=20)
    if not runs:
        return
    with st.expander(f"The last {page.plural(len(runs), 'attempt')}"):
        for run in runs:
            with st.container(horizontal=True, vertical_alignment="center"):
                page.badge(_end(run.status))
                st.caption(
                    f"{page.literal(run.name)} · attempt {run.attempt} ·"
                    f" {page.ago(run.started)} · {page.literal(run.leader)}"
                )
            if run.output.strip():
                st.code(run.output.strip()[-1_500:], language=None, wrap_lines=True)


def _leader(found: tuple[Scheduled, ...]) -> None:
    command = ("workbench", "schedule", "run")
    work.button(
        "Run them when due",
        command,
        icon=":material/schedule:",
        help="One process that waits for what falls due. Of several, also on other machines, one"
        " runs and the others wait to take over.",
    )
    work.follow(command, quiet=True)
    once = ("workbench", "schedule", "run", "--once")
    if any(s.due <= datetime.now(UTC) for s in found):
        work.button("Run what is due now", once, icon=":material/play_arrow:")
        work.follow(once, quiet=True)
    with st.popover("Forget one", icon=":material/delete:", type="tertiary"):
        name = st.selectbox("Schedule", [s.name for s in found])
        st.caption("Its history stays.")
        if name:
            remove = ("workbench", "schedule", "remove", name)
            work.button("Forget it", remove)
            work.follow(remove)


def _add() -> None:
    with st.expander("Add or change one"), st.form("schedule", border=False):
        name = st.text_input("Name", placeholder="nightly")
        cron = st.text_input(
            "When, in UTC: minute hour day month weekday", placeholder="30 2 * * *"
        )
        command = st.text_input("Command, after “workbench”", value=shlex.join(NIGHTLY))
        attempts = st.number_input("Tries for one run", min_value=1, max_value=20, value=3)
        if st.form_submit_button("Keep it", icon=":material/schedule:"):
            _keep(name, cron, command, int(attempts))


def _keep(name: str, cron: str, command: str, attempts: int) -> None:
    from workbench.errors import InputError
    from workbench.stages import schedule
    from workbench.store import Store

    try:
        if not name.strip():
            raise InputError("A schedule needs a name.", "For example: nightly")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise InputError(
                f"The command cannot be read: {error}.", "Close its quotes."
            ) from error
        with Store.open(data.settings()) as store:
            schedule.add(store, name.strip(), cron.strip(), words, attempts=attempts)
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.rerun()
