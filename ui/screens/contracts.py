"""Contracts: is it worth proving against this, and what would it let through?"""

from __future__ import annotations

import json

import streamlit as st

from ui import data, jobs
from ui.widgets import page, work
from ui.widgets.words import CONTRACT
from workbench.errors import WorkbenchError
from workbench.store.views import answers, contracts
from workbench.store.views.answers import Task
from workbench.store.views.contracts import Assessment

SIZE = 50


def show() -> None:
    """Draw the list of contracts, the weakest first, and below it the chosen one."""
    page.heading("Contracts", "Is it worth proving against this, and what would it let through?")
    counts = data.read(contracts.counts) if data.trouble() is None else {}
    if not counts:
        page.empty("There are no tasks here yet.", "workbench", "demo")
        return
    st.caption(
        "A proof is worth as much as its contract. Each is tried against wrong versions (mutants)"
        " of a reference: one that survives is a wrong answer that would be proved right."
    )
    _tiles(counts)
    _assess(counts)
    chosen = _list(counts)
    name = chosen or st.query_params.get("task", "")
    task = data.read(answers.task, name) if name else None
    if task is None:
        if name:
            st.warning(f"There is no task “{page.literal(name)}”.", icon=":material/search_off:")
        return
    st.query_params["task"] = task.id
    _one(task)


def _tiles(counts: dict[str, int]) -> None:
    words = [w for w in contracts.WORDS if counts.get(w) or w in ("ok", "weak")]
    for place, word in zip(page.tiles(len(words)), words, strict=True):
        look = CONTRACT[word]
        place.metric(look.text, f"{counts.get(word, 0):,}", border=True, help=look.sentence)


def _assess(counts: dict[str, int]) -> None:
    left = counts.get("not assessed", 0)
    command = ("workbench", "contracts", "assess", "--limit", "100", "--json")
    if left:
        work.button(
            f"Assess the next {min(left, 100):,}", command, icon=":material/gavel:", primary=True
        )
    work.follow(command, _progress, quiet=True)


def _progress(job: jobs.Job) -> None:
    from workbench.store.views import rounds

    heard = data.read(rounds.last_event)
    if job.state == "running" and heard is not None and heard.stage == "contracts" and heard.total:
        st.progress(
            min(1.0, (heard.done or 0) / heard.total),
            text=f"{heard.done or 0:,} of {heard.total:,}",
        )


def _list(counts: dict[str, int]) -> str | None:
    """Draw one page of contracts; return the id of the one that was chosen in it."""

    def _reset() -> None:
        st.session_state.page = 1

    left, right = st.columns([3, 2])
    search = left.text_input(
        "Search",
        key="search",
        type="search",
        bind="query-params",
        on_change=_reset,
        placeholder="id or words of the prompt",
    )
    words = ["", *(w for w in contracts.WORDS if counts.get(w))]
    word = right.selectbox(
        "Assessment",
        words,
        index=words.index(page.linked("word", words, "")),
        format_func=lambda w: CONTRACT[w].text if w else "every contract",
        key="chosen-word",
        on_change=_reset,
    )
    page.link("word", word or "", "")
    number = max(1, int(st.session_state.get("page", 1) or 1))
    listed, total = data.read(
        contracts.page, word or "", (search or "").strip(), number=number, size=SIZE
    )
    if not listed:
        st.info("No contract fits these filters.", icon=":material/filter_alt_off:")
        return None
    event = st.dataframe(
        [
            {
                "assessment": CONTRACT[line.word].text,
                "task": line.task_id,
                "mutants killed": _killed(line.assessment),
                "promises": "; ".join(line.clauses) or "nothing",
                "category": line.category,
            }
            for line in listed
        ],
        hide_index=True,
        key=f"contracts-{word}-{search}-{number}-{hash(listed) & 0xFFFFFF:x}",
        on_select="rerun",
        selection_mode="single-cell",
        height=min(38 + 35 * len(listed), 360),
        column_config={"promises": st.column_config.TextColumn(width="large")},
        alt="Contracts with what their assessment found",
    )
    if total > SIZE:
        st.pagination(-(-total // SIZE), key="page", bind="query-params")
    picked = event.selection.get("cells", [])
    return listed[picked[0][0]].task_id if picked else None


def _killed(found: Assessment | None) -> str:
    if found is None:
        return "–"
    return f"{found.killed:,} of {found.mutants:,}" if found.mutants else "none tried"


def _one(task: Task) -> None:
    st.subheader(task.id, anchor=False)
    st.text(task.prompt)
    left, right = st.columns(2, gap="large")
    with left:
        st.code("\n".join(page.contract_lines(task)), language="python", wrap_lines=True)
        asked = data.read(contracts.answered, task.id)
        st.caption(
            f"Frozen: {page.plural(asked, 'answer')} rest on it; an edited one is a new task."
            if asked
            else "Nobody has answered it yet. A stored contract never changes; an edited one is a"
            " new task."
        )
    with right:
        command = ("workbench", "contracts", "assess", task.id, "--json")
        found = contracts.assessment_of(task.adequacy)
        if found is not None:
            _assessment(found)
        else:
            st.caption("This contract was not assessed yet.")
        work.button("Assess it again" if found else "Assess it", command, icon=":material/gavel:")
        work.follow(command, quiet=True)
    _edit(task)


def _assessment(found: Assessment) -> None:
    page.badges([CONTRACT.get(found.word, CONTRACT["unknown"])])
    st.text(found.explanation)
    facts = [
        ("Some input satisfies the precondition", {"sat": True, "unsat": False}.get(
            found.satisfiable or "")),
        ("No clause raises on an allowed input", found.total),
        ("It holds for the reference", found.holds_for_reference),
        ("It allows one result an input", found.deterministic),
    ]  # fmt: skip
    st.code(
        "\n".join(f"{ {True: '✓', False: '✗', None: '·'}[held] } {fact}" for fact, held in facts),
        language=None,
        wrap_lines=True,
    )
    if found.mutants:
        st.progress(
            found.killed / found.mutants,
            text=f"{found.killed:,} of {page.plural(found.mutants, 'mutant')} killed"
            + (f", {found.equivalent:,} more mean the same" if found.equivalent else "")
            + (f", {found.hung:,} ran out of resources" if found.hung else ""),
        )
    for n, one in enumerate(found.survivors):
        with st.expander(f"A wrong version that it accepts: {page.literal(one.change)}"):
            st.caption("On this input it differs from the reference:")
            st.code(one.example, language=None, wrap_lines=True)
            st.code(one.code or "(its code was not kept)", language="python", wrap_lines=True)
        if n == 9:
            st.caption(f"{len(found.survivors) - 10:,} more survive.")
            break


def _edit(task: Task) -> None:
    with st.expander("Edit a copy, assess it, and freeze it"):
        with st.form(f"edit-{task.id}", border=False):
            requires = st.text_area("Requires, one clause a line", "\n".join(task.requires))
            ensures = st.text_area("Ensures, one clause a line", "\n".join(task.ensures))
            raises = st.text_area("Raises, one clause a line", "\n".join(task.raises))
            reference = st.text_area(
                "Reference solution (only for measuring the contract)",
                data.read(contracts.reference, task.id) or "",
            )
            if st.form_submit_button("Assess the draft", icon=":material/gavel:"):
                clauses = {
                    "requires": _lines(requires),
                    "ensures": _lines(ensures),
                    "raises": _lines(raises),
                }
                _draft(task, clauses, reference)
        _frozen(task)


def _lines(written: str) -> list[str]:
    return [line.strip() for line in written.splitlines() if line.strip()]


def _draft(task: Task, clauses: dict[str, list[str]], reference: str) -> None:
    """Write the edited task as a file of one line, and start its assessment."""
    from workbench.store.canonical import canonical, digest

    named = f"{task.id.split('@')[0]}@{digest(canonical(clauses))[:8]}"
    record = {
        "id": named,
        "prompt": task.prompt,
        "entry_point": task.entry_point,
        "signature": task.signature,
        **clauses,
        "helpers": task.helpers,
        "tests": [dict(test) for test in task.tests],
        "category": task.category,
        "family": task.family,
        "split": task.split,
        "source": f"{task.source}; contract edited",
        "licence": task.licence,
        "reference": reference.strip() or None,
    }
    line = json.dumps({k: v for k, v in record.items() if v is not None}, ensure_ascii=False)
    try:
        target = work.draft("drafts", f"{digest(named)[:12]}.jsonl", line + "\n")
    except WorkbenchError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state[f"draft-{task.id}"] = (str(target), named)
    jobs.start(data.settings().home, ("workbench", "contracts", "check", str(target), "--json"))


def _frozen(task: Task) -> None:
    target, named = st.session_state.get(f"draft-{task.id}", ("", ""))
    if not target:
        return
    st.caption(f"The draft {page.literal(named)}")
    found = work.follow(("workbench", "contracts", "check", target, "--json"), quiet=True)
    if found is not None and isinstance(found.data, dict):
        assessment = contracts.assessment_of(found.data)
        if assessment is not None:
            _assessment(assessment)
    freeze = ("workbench", "tasks", "import", target, "--json")
    work.button("Freeze it as a task", freeze, icon=":material/lock:", primary=True)
    done = work.follow(freeze)
    if done is not None and done.state == "done":
        st.success(f"Frozen as {named}. Ask for it now.", icon=":material/lock:")
        page.shell("workbench", "ask", named)


if __name__ == "__main__":
    show()
