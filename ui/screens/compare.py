"""Compare: why did one answer hold and the other break?"""

from __future__ import annotations

import difflib
import getpass
import hashlib

import streamlit as st

from ui import data, links
from ui.widgets import live, page
from ui.widgets.answer import failing_call, show_answer
from workbench.errors import WorkbenchError
from workbench.store.views import answers, matrix
from workbench.store.views.answers import Given, Task

MOST = 4


def show() -> None:
    """Draw one task with two to four answers side by side."""
    page.heading("Compare", "Why did one answer hold and the other break?")
    if data.trouble() is not None or not data.read(matrix.sources):
        page.empty("There are no answers to compare yet.", "workbench", "demo")
        return
    wanted = links.filter_from_query(st.query_params)
    name = st.query_params.get("task", "") or _first(wanted)
    task = data.read(answers.task, name) if name else None
    if task is None:
        st.warning(f"There is no task “{page.literal(name)}”.", icon=":material/search_off:")
        st.page_link(links.MATRIX, label="Choose one in the matrix", icon=":material/grid_on:")
        return
    _walk(task.id, wanted)
    _asked(task)
    ways = {"stored": "Stored answers", "live": "Ask now"}
    how = st.segmented_control(
        "Which answers",
        list(ways),
        default=page.linked("way", ways, "stored"),
        required=True,
        format_func=ways.__getitem__,
        key="chosen-way",
        label_visibility="collapsed",
    )
    page.link("way", how or "stored", "stored")
    if how == "live":
        _live(task)
    else:
        _stored(task)


def _live(task: Task) -> None:
    """Ask chosen sources now; the answers stream in and are judged as they come."""
    own = live.new_task_in_expander("compare")
    if own is not None:
        _go(own)
    teachers = [s.id for s in data.read(matrix.sources) if s.kind == "teacher"]
    live.panel(task, [*teachers, "student"], key="live")


def _stored(task: Task) -> None:
    chosen, blind = _choice(task)
    given = data.read(answers.answers, task.id, tuple(chosen))
    if not given:
        page.empty("None of these sources answered this task.", "workbench", "compare", task.id)
        return
    silent = [name for name in chosen if name not in {g.source_id for g in given}]
    if silent and not blind:
        st.caption(f"Not asked: {page.literal(', '.join(silent))}")
    if blind:
        given = tuple(
            sorted(given, key=lambda g: hashlib.sha256(f"{task.id}{g.id}".encode()).digest())
        )
    names = [f"Answer {chr(65 + n)}" if blind else g.source_id for n, g in enumerate(given)]
    for column, one, label in zip(st.columns(len(given)), given, names, strict=True):
        with column, show_answer(one, task, label, hidden=blind):
            if not blind:
                _override(one)
                _repairs(task, one)
    _difference(given, names)


def _first(wanted: matrix.Filter) -> str:
    found = data.read(matrix.page, wanted, number=1, size=1).rows
    return found[0].task_id if found else ""


def _walk(task: str, wanted: matrix.Filter) -> None:
    """Offer the neighbours within the filter that led here; keys step through them."""
    before, after = data.read(matrix.neighbours, wanted, task)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Previous", icon=":material/arrow_back:", disabled=not before, shortcut="Alt+Left"
        ):
            _go(str(before))
        if st.button(
            "Next", icon=":material/arrow_forward:", disabled=not after, shortcut="Alt+Right"
        ):
            _go(str(after))
        narrowed = links.filter_query(wanted)
        told = (
            ", ".join(f"{k.removeprefix('in_')}: {v}" for k, v in narrowed.items()) or "every task"
        )
        st.caption(f"Stepping through {page.literal(told)} (Alt+← and Alt+→)")


def _go(task: str) -> None:
    st.query_params["task"] = task
    if "sources" not in st.query_params:
        # Nobody chose: the next task shows who answered it.
        st.session_state.pop("sources", None)
    st.rerun()


def _asked(task: Task) -> None:
    with st.container(border=True):
        st.caption(
            f"{page.literal(task.id)} · {page.literal(task.category)} · {page.literal(task.split)}"
            f" · {page.literal(task.source)} · {page.literal(task.licence)}"
        )
        st.text(task.prompt)
        lines = page.contract_lines(task)
        lines += [f"    # {page.plural(len(task.tests), 'test')}"] if task.tests else []
        st.code("\n".join(lines), language="python", wrap_lines=True)


def _choice(task: Task) -> tuple[list[str], bool]:
    names = [s.id for s in data.read(matrix.sources)]
    usual = _usual(task)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Answers of",
        names,
        default=usual,
        max_selections=MOST,
        key="sources",
        bind="query-params",
    )
    blind = right.toggle(
        "Blind",
        key="blind",
        bind="query-params",
        help="Hide who answered; read the code first.",
    )
    return chosen or usual, blind


def _usual(task: Task) -> list[str]:
    """Return, of those who answered: a teacher with a proof, one that disagrees with it, the first
    student and the newest."""
    answered = data.read(matrix.cells_of, task.id)
    every = [s for s in data.read(matrix.sources) if s.id in answered]
    teachers = sorted(
        (s.id for s in every if s.kind == "teacher"),
        key=lambda name: answered[name].word != "proved",
    )
    other = [n for n in teachers[1:] if answered[n].word != answered[teachers[0]].word]
    students = [s.id for s in every if s.kind == "student"]
    newest = data.read(matrix.newest_student)
    last = [newest] if newest in students else students[-1:]
    chosen = [*teachers[:1], *other[:1], *students[:1], *last]
    return [name for name in dict.fromkeys(chosen) if name is not None][:MOST]


def _override(given: Given) -> None:
    """Let a person put a word beside the verdict; it is added, never changed."""
    if given.finding is None:
        return
    found = given.finding
    with st.popover("Disagree with the judge", type="tertiary", icon=":material/rate_review:"):
        for said in found.overrides:
            st.caption(f"{said.decision} · {page.literal(said.author)} · {page.ago(said.at)}")
            st.text(said.reason)
        with st.form(f"override-{given.id}", border=False):
            decision = st.segmented_control(
                "Decision", ["accept", "reject", "clear"], default="accept", required=True
            )
            reason = st.text_input("Reason")
            author = st.text_input("Who decides", value=getpass.getuser())
            if st.form_submit_button("Record it"):
                _record(found.id, str(decision), reason, author)


def _record(verdict: int, decision: str, reason: str, author: str) -> None:
    from workbench.store import Store
    from workbench.store.overrides import record_override

    try:
        with Store.open(data.settings()) as store:
            record_override(store, verdict, decision, reason=reason, author=author)  # type: ignore[arg-type]  # it checks the word itself
    except WorkbenchError as error:
        st.error(str(error))
        return
    st.rerun()


def _repairs(task: Task, given: Given) -> None:
    if not given.attempt:
        return
    with st.expander(f"The {page.plural(given.attempt, 'repair')} before it"):
        for earlier in data.read(answers.attempts, task.id, given.source_id)[:-1]:
            st.caption(f"Attempt {earlier.attempt}")
            if earlier.finding is not None and earlier.finding.counterexample is not None:
                failing_call(earlier.finding.counterexample, f"earlier-{earlier.id}")
            st.code(earlier.code or earlier.text, language="python")


def _difference(given: tuple[Given, ...], names: list[str]) -> None:
    coded = [(name, g.code) for name, g in zip(names, given, strict=True) if g.code is not None]
    if len(coded) < 2:
        return
    with st.expander("The difference, line by line", expanded=len(coded) == 2):
        first, second = coded[0], coded[1]
        if len(coded) > 2:
            left, right = st.columns(2)
            labels = [name for name, _ in coded]
            first = coded[labels.index(left.selectbox("From", labels, index=0))]
            second = coded[labels.index(right.selectbox("To", labels, index=1))]
        lines = difflib.unified_diff(
            first[1].splitlines(), second[1].splitlines(), first[0], second[0], lineterm="", n=20
        )
        st.code(
            "\n".join(lines) or "The two codes are the same, letter by letter.", language="diff"
        )


if __name__ == "__main__":
    show()
