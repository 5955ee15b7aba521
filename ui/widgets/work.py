"""A button that starts a command in a process of its own, and what is known about it afterwards.

The page never does long work: it starts ``workbench ...``, shows how that stands, and may be closed
meanwhile. Whoever opens it again finds the same job. Not here: progress in items, which is in the
database and belongs to the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from ui import data, jobs
from ui.widgets import page
from ui.widgets.words import Look

STATES = {
    "running": Look("▸", "running", "blue", "The process is alive."),
    "done": Look("✓", "done", "green", "Exit status 0."),
    "no": Look("✗", "ended with no", "orange", "Exit status 1: it ran, and the answer is no."),
    "unsure": Look("?", "could not tell", "orange", "Exit status 3: it ran, and cannot tell."),
    "stopped": Look("■", "stopped", "gray", "Stopped by a person; what was done is kept."),
    "failed": Look("✗", "failed", "red", "It ended with a mistake; the log says which."),
    "lost": Look("?", "gone", "orange", "The process is gone without a word, as after a reboot."),
}

Command = Sequence[str]


def newest(command: Command) -> jobs.Job | None:
    """Return the newest job of exactly this command, or None."""
    home = data.settings().home
    if not home.is_dir():
        return None
    wanted = tuple(command)
    return next((job for job in jobs.jobs(home, last=60) if job.command == wanted), None)


def button(
    label: str,
    command: Command,
    *,
    icon: str | None = None,
    primary: bool = False,
    disabled: bool = False,
    help: str | None = None,
) -> jobs.Job | None:
    """Draw the button of a job with its Stop and its command line; return its newest run."""
    job = newest(command)
    running = job is not None and job.state == "running"
    key = "-".join(command[1:])
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            label,
            icon=icon,
            type="primary" if primary else "secondary",
            disabled=disabled or running,
            help=help,
            key=f"start-{key}",
        ):
            jobs.start(data.settings().home, command)
            st.rerun()
        if running and st.button("Stop", icon=":material/stop:", key=f"stop-{key}"):
            assert job is not None
            jobs.stop(job)
        page.show_command(*shown(command))
    return job


def shown(command: Command) -> tuple[str, ...]:
    """Return the command as a person would type it: without what only a program reads."""
    return tuple(word for word in command if word != "--json")


def follow(
    command: Command,
    draw: Callable[[jobs.Job], None] | None = None,
    *,
    quiet: bool = False,
    well: Sequence[str] = ("done",),
) -> jobs.Job | None:
    """Show how the newest job of ``command`` stands, every two seconds while it runs.

    ``draw`` adds what the screen knows about its progress; when the job has ended, the whole
    screen runs once more. With ``quiet`` a job that ended in one of the states ``well`` says
    nothing by itself.
    """
    at_first = newest(command)
    if at_first is None:
        return None

    # Asked now: a job's state is what is true of its process at the moment of asking.
    ran = at_first.state == "running"

    @st.fragment(run_every=2 if ran else None)
    def _live() -> None:
        job = newest(command) or at_first
        if not quiet or job.state not in well:
            _state(job)
        if draw is not None:
            draw(job)
        if ran and job.state != "running":
            st.rerun()

    _live()
    return newest(command)


def _state(job: jobs.Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        page.badge(STATES[job.state])
        st.caption(page.ago(datetime.fromtimestamp(job.started, UTC)))
    said = job.tail.strip()
    if said and job.state in ("failed", "no", "unsure", "lost"):
        st.code(said, language=None, wrap_lines=True)


def draft(folder: str, name: str, text: str) -> Path:
    """Write ``text`` as a file of a person's own into the home, whole or not at all."""
    from workbench.store.blobs import write_atomically

    target = data.settings().home / folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, text.encode("utf-8"))
    return target
