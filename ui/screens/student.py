"""Student: who is in use, where did it come from, and what does it answer?"""

from __future__ import annotations

import json

import streamlit as st

from ui import data, links
from ui.widgets import live, page, served, work
from ui.widgets.in_use import put_in_use
from ui.widgets.words import Look
from workbench.store.views import answers, matrix, students
from workbench.store.views.students import Adapter, InUse

USE = Look("●", "in use", "green", "The student that answers when it is asked.")
HELD = Look("○", "held back", "gray", "The gate did not let it through.")
PASSED = Look("✓", "promoted", "blue", "The gate let it through.")
FRESH = Look("…", "not decided", "gray", "Its round has not reached the gate.")


def show() -> None:
    """Draw the student in use, every adapter with its lineage, and the place to try it."""
    page.heading("Student", "Who is in use, where did it come from, and what does it answer?")
    if data.trouble() is not None or not data.read(matrix.sources):
        page.empty("There is no student here yet.", "workbench", "demo")
        return
    now = data.read(students.in_use)
    every = data.read(students.adapters)
    _status(now, every)
    _registry(now, every)
    served.panel()
    _try()


def _status(now: InUse, every: tuple[Adapter, ...]) -> None:
    loaded = next((a for a in every if a.id == now.adapter_id), None)
    if loaded is None:
        st.html(
            '<div class="wb-kicker">In use</div><p class="wb-lead">The base model, as it was before'
            " any round.</p>"
        )
    else:
        rate = (
            f": {loaded.after:,} of {loaded.tasks:,} held-out tasks proved,"
            f" {loaded.before:,} before"
            if loaded.tasks
            else ""
        )
        st.html(
            '<div class="wb-kicker">In use</div><p class="wb-lead">'
            f"<strong>{page.text(loaded.source_id or loaded.id)}</strong>, from round"
            f" {loaded.round_number}{rate}.</p>"
        )
        st.caption(
            f"Adapter {page.literal(loaded.id)} on {page.literal(_short(loaded.base))}, promoted"
            f" {page.ago(loaded.promoted_at) if loaded.promoted_at else 'at a time unknown'}."
        )
        st.code(loaded.digest, language=None, wrap_lines=True)
    back = ("workbench", "promote", "--rollback", "--json")
    before = now.earlier[-1] if now.earlier else None
    work.button(
        "Roll back",
        back,
        icon=":material/undo:",
        disabled=not now.earlier,
        help=f"Puts {before or 'the base model'} back in use. Nothing is deleted."
        if now.earlier
        else "There is no student before this one.",
    )
    work.follow(back, quiet=True)


def _short(base: str) -> str:
    return base.rstrip("/").split("/")[-1]


def _registry(now: InUse, every: tuple[Adapter, ...]) -> None:
    st.subheader("Every trained student", anchor=False)
    if not every:
        st.caption("None was trained yet.")
        page.shell("workbench", "rounds", "run", "--until", "trained")
        return
    st.dataframe(
        [
            {
                "": _look(a, now).text,
                "adapter": a.id,
                "round": a.round_number,
                "proved before": _share(a.before, a.tasks),
                "proved after": _share(a.after, a.tasks),
                "rows": a.metrics.get("examples"),
                "steps": a.metrics.get("steps"),
                "base": _short(a.base),
            }
            for a in every
        ],
        hide_index=True,
        alt="Every trained student with its figures",
    )
    names = {a.id: f"{a.id} · {_look(a, now).text}" for a in every}
    chosen = page.choose("Adapter", names, now.adapter_id or every[0].id, name="adapter")
    one = next(a for a in every if a.id == chosen)
    with st.container(border=True):
        page.badges([_look(one, now)])
        st.text(one.decision or "The gate has not decided about it.")
        with st.container(horizontal=True):
            if one.round_id:
                st.page_link(
                    links.ROUNDS,
                    label="Its round, task by task",
                    icon=":material/trending_up:",
                    query_params={"round": one.round_id},
                )
            if one.snapshot_id:
                st.page_link(
                    links.DATASET,
                    label="What it learned from",
                    icon=":material/table_rows:",
                    query_params={"snapshot": one.snapshot_id},
                )
        st.caption("Where its files are, inside the home")
        st.code(one.path, language=None)
        if one.round_id and one.promoted is not None and one.id != now.adapter_id:
            put_in_use(one.round_id, held_back=not one.promoted)
        _elsewhere(one)


def _elsewhere(one: Adapter) -> None:
    """Offer the student to other engines: merged, as GGUF, on an Ollama."""
    target = data.settings().home / "exports" / one.id
    export = ("workbench", "student", "export", str(target), "--student", one.id, "--json")
    work.button(
        "Merge and export",
        export,
        icon=":material/merge:",
        disabled=target.exists(),
        help="Adapter, merged model, GGUF and Modelfile in a folder; what they answer is compared.",
    )
    work.follow(export)
    if target.exists():
        st.code(str(target), language=None, wrap_lines=True)
    with st.popover("Load it into a running server", icon=":material/sync:", type="tertiary"):
        st.caption(
            "The server swaps the adapter while it answers, tries it first, and keeps the old one"
            " when the new one fails; a token goes into the header Authorization."
        )
        body = json.dumps({"adapter": one.id})
        page.shell(
            *("curl", "-X", "POST", "http://127.0.0.1:8600/adapter/reload"),
            *("-H", "Content-Type: application/json", "-d", body),
        )
    deploy = ("workbench", "student", "deploy", one.id, "--json")
    work.button(
        "Give it to Ollama",
        deploy,
        icon=":material/deployed_code:",
        help="Creates it on the Ollama of OLLAMA_HOST or of this machine, and tries it there.",
    )
    work.follow(deploy)


def _look(one: Adapter, now: InUse) -> Look:
    if one.id == now.adapter_id:
        return USE
    return {True: PASSED, False: HELD, None: FRESH}[one.promoted]


def _share(right: int, total: int) -> str:
    return page.percent(right / total) if total else "–"


def _try() -> None:
    st.subheader("Try it", anchor=False)
    st.caption(
        "The student answers and the judge says what the answer is worth. Its weights are loaded"
        " in a process of their own and released afterwards."
    )
    own = live.new_task_in_expander("student")
    if own is not None:
        st.query_params["task"] = own
    name = st.query_params.get("task", "") or _held_out()
    task = data.read(answers.task, name) if name else None
    if task is None:
        st.caption("There is no task to try it on.")
        return
    with st.container(border=True):
        st.text(task.prompt)
        st.code("\n".join(page.contract_lines(task)), language="python", wrap_lines=True)
    live.panel(task, ["student", *(s.id for s in data.read(matrix.sources) if s.kind == "teacher")],
               key="try", first=("student",), spend=False)  # fmt: skip


def _held_out() -> str:
    """Return a held-out task that the newest student has no proof for, else any."""
    for wanted in (
        matrix.Filter(mode=matrix.Mode.STUDENT_FAILS, split="eval"),
        matrix.Filter(split="eval"),
        matrix.Filter(),
    ):
        found = data.read(matrix.page, wanted, number=1, size=1).rows
        if found:
            return found[0].task_id
    return ""


if __name__ == "__main__":
    show()
