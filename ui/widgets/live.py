"""Ask one task of chosen sources now: text as it grows, and the verdict when it is there.

The asking is a job (``workbench compare``); what it has heard so far is in the event table, so a
reload shows the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import streamlit as st

from ui import data
from ui.widgets import page, work
from ui.widgets.answer import show_answer
from ui.widgets.words import Look
from workbench.errors import WorkbenchError
from workbench.store.views import answers, live
from workbench.store.views.answers import Given, Task
from workbench.store.views.live import Piece

STATES = {
    "asked": Look("…", "asked", "gray", "The question is on its way."),
    "writing": Look("▸", "writing", "blue", "The answer is being written."),
    "judging": Look("▸", "being judged", "blue", "The answer is here; the judge is at it."),
    "judged": Look("✓", "judged", "green", "The verdict is there."),
    "failed": Look("!", "no answer", "orange", "The request brought no answer."),
}


def panel(
    task: Task,
    sources: Sequence[str],
    *,
    key: str,
    first: Sequence[str] = ("synthesis", "examples", "student"),
    spend: bool = True,
) -> None:
    """Draw the controls for asking ``task`` of some sources, and what they say.

    ``first`` are chosen at the beginning; ``spend`` offers an amount that may be spent.
    """
    chosen = st.multiselect(
        "Ask now",
        list(sources),
        default=[s for s in sources if s in first][:4],
        max_selections=4,
        key=f"{key}-sources",
        accept_new_options=True,
        help="A source of this list, or any other by its name, such as openai:gpt-5-mini.",
    )
    amount = ""
    if spend:
        amount = st.text_input(
            "May cost at most, in US dollars",
            value="0",
            key=f"{key}-cost",
            width=240,
            help="0 asks only sources that cost nothing.",
        )
    if not chosen:
        st.caption("Choose at least one source.")
        return
    command = ["workbench", "compare", task.id, "--teachers", ",".join(chosen)]
    if _amount(amount):
        command += ["--max-cost", amount.strip(), "--yes"]
    command.append("--json")
    work.button("Ask them", command, icon=":material/send:", primary=True)
    _watch(task, command)


def _amount(written: str) -> Decimal | None:
    """Return the amount if it is one above zero; the command checks it again."""
    if not re.fullmatch(r"\s*\d{1,6}(\.\d{1,6})?\s*", written):
        return None
    return Decimal(written.strip()) or None


def _watch(task: Task, command: Sequence[str]) -> None:
    job = work.newest(command)
    if job is None:
        return
    running = job.state == "running"

    @st.fragment(run_every=0.7 if running else None)
    def _draw() -> None:
        now = work.newest(command)
        pieces = data.read(live.pieces, task.id)
        if now is not None and now.state != "running":
            if running:
                st.rerun()
            work.follow(command, quiet=True)
            _given(task, now.data if isinstance(now.data, dict) else {})
            return
        if not pieces:
            st.caption("Starting …")
            return
        for column, piece in zip(st.columns(len(pieces)), pieces, strict=True):
            with column, st.container(border=True):
                _growing(piece)

    _draw()


def _growing(piece: Piece) -> None:
    st.markdown(f"**{page.literal(piece.source)}**")
    page.badges([STATES.get(piece.state, STATES["asked"])])
    st.code(piece.text or " ", language=None, wrap_lines=True, height=260)


def _given(task: Task, told: Mapping[str, object]) -> None:
    """Show the answers that the job brought, as everywhere."""
    records = told.get("answers")
    numbers = [r["answer"] for r in records] if isinstance(records, list) else []
    given: tuple[Given, ...] = data.read(answers.by_ids, tuple(numbers))
    if not given:
        return
    for column, one in zip(st.columns(len(given)), given, strict=True):
        with column:
            show_answer(one, task, one.source_id, hidden=False)


def new_task_in_expander(key: str) -> str | None:
    """Offer the form for a question of one's own, folded; return the new task's id, if any."""
    with st.expander("Ask something of your own"):
        return new_task(key)


def new_task(key: str) -> str | None:
    """Draw the form for a question of one's own; return the id of its task once it is stored."""
    with st.form(f"{key}-new"):
        prompt = st.text_area("What is asked", placeholder="Return the largest of two numbers.")
        signature = st.text_input("Signature", placeholder="def larger(a: int, b: int) -> int")
        ensures = st.text_area(
            "Ensures, one clause a line",
            placeholder="result >= a and result >= b\nresult == a or result == b",
            help="Without a contract an answer is judged for uncaught exceptions only.",
        )
        requires = st.text_area("Requires, one clause a line")
        if not st.form_submit_button("Keep it as a task", icon=":material/add:"):
            return None
    try:
        return _store(prompt, signature, ensures, requires)
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _store(prompt: str, signature: str, ensures: str, requires: str) -> str:
    """Store the question as a task of no split; the same question is the same task."""
    from workbench.errors import InputError
    from workbench.store import Store
    from workbench.store.canonical import canonical, digest
    from workbench.task_files import read_task_file
    from workbench.tasks import add_tasks

    name = re.match(r"\s*(?:async\s+)?def\s+(\w+)\s*\(", signature)
    if not prompt.strip() or name is None:
        raise InputError(
            "A question needs a prompt and a signature.",
            "Write the signature as def name(x: int) -> int.",
        )
    record = {
        "prompt": prompt.strip(),
        "entry_point": name[1],
        "signature": signature.strip().rstrip(":"),
        "requires": [c.strip() for c in requires.splitlines() if c.strip()],
        "ensures": [c.strip() for c in ensures.splitlines() if c.strip()],
        "category": "own",
        "source": "typed into the dashboard",
        "licence": "the person who typed it",
    }
    record["id"] = f"own/{name[1]}-{digest(canonical(record))[:8]}"
    file = work.draft("drafts", f"{digest(record['id'])[:12]}.jsonl", canonical(record) + "\n")
    read = read_task_file(file)
    read.require_clean()
    with Store.open(data.settings()) as store:
        add_tasks(store, read.tasks)
    return read.tasks[0].id
