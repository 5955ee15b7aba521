"""Proof: what exactly was proved, by whom, and how do I check it again?"""

from __future__ import annotations

import streamlit as st

from ui import data, links
from ui.widgets import page, work
from ui.widgets.answer import failing_call
from ui.widgets.words import RECHECK, look
from workbench.errors import WorkbenchError
from workbench.store.views import answers
from workbench.store.views.answers import Obligation, Proof


def show() -> None:
    """Draw one verdict with its obligations."""
    page.heading("Proof", "What exactly was proved, by whom, and how do I check it again?")
    if data.trouble() is not None:
        page.empty("There are no verdicts yet.", "workbench", "demo")
        return
    written = st.query_params.get("verdict", "")
    found = (
        data.read(answers.proof, int(written))
        if written.isdecimal() and len(written) < 16
        else None
    )
    if found is None:
        if written:
            st.warning(f"There is no verdict “{page.literal(written)}”.")
        _latest()
        return
    _head(found)
    left, right = st.columns(2, gap="large")
    with left:
        _code(found)
    with right:
        _statement(found)
    _obligations(found)
    _again(found)
    _identity(found)


def _latest() -> None:
    """Offer the newest proofs; the matrix leads to every other."""
    listed = data.read(answers.latest_proofs)
    if not listed:
        page.empty("Nothing is proved here yet.", "workbench", "demo")
        return
    st.caption("The newest proofs. Choose one; every other is behind its cell in the matrix.")
    event = st.dataframe(
        [
            {
                "task": e.task_id,
                "method": e.method,
                "obligations": e.obligations,
                "second solver": RECHECK[e.recheck].text,
            }
            for e in listed
        ],
        hide_index=True,
        key=f"proofs-{listed[0].verdict_id}",
        on_select="rerun",
        selection_mode="single-cell",
        alt="The newest proofs",
    )
    picked = event.selection.get("cells", [])
    if picked:
        st.query_params["verdict"] = str(listed[picked[0][0]].verdict_id)
        st.rerun()
    st.page_link(links.MATRIX, label="Go to the matrix", icon=":material/grid_on:")


def _head(found: Proof) -> None:
    finding = found.finding
    page.badges([look(finding.word), RECHECK[finding.recheck]])
    st.text(finding.explanation)
    if finding.counterexample is not None:
        failing_call(finding.counterexample, f"verdict-{finding.id}")
    if finding.reason and finding.reason != finding.explanation:
        st.text(finding.reason)
    st.page_link(
        links.COMPARE,
        label="Compare with other answers to this task",
        icon=":material/compare_arrows:",
        query_params={"task": found.task.id},
    )


def _code(found: Proof) -> None:
    st.subheader("The code", anchor=False)
    st.code(found.code, language="python", line_numbers=True, wrap_lines=True)
    st.caption("SHA-256 of these bytes")
    st.code(found.candidate_id, language=None, wrap_lines=True)


def _statement(found: Proof) -> None:
    task, finding = found.task, found.finding
    st.subheader("What it was judged by", anchor=False)
    lines = page.contract_lines(task)
    st.code("\n".join(lines), language="python", wrap_lines=True)
    for title, texts in (
        ("Invariants and measures that the search found", finding.invariants),
        ("Assumptions", finding.assumptions),
        ("Remarks that do not decide", finding.findings),
    ):
        if texts:
            st.caption(title)
            st.code("\n".join(texts), language=None, wrap_lines=True)


def _obligations(found: Proof) -> None:
    st.subheader("Obligations", anchor=False)
    obligations = found.finding.obligations
    if not obligations:
        st.caption("This verdict rests on no obligation: it came from running the code.")
        return
    st.caption(
        "Each goal is a formula whose unsatisfiability proves one property; each companion is one"
        " that must be satisfiable, so that nothing was proved about an empty set of inputs."
    )
    st.dataframe(
        [
            {
                "": o.position + 1,
                "kind": o.kind,
                "says": o.text,
                "must be": o.expected,
                "line": "–" if o.line is None else str(o.line),
                "logic": o.logic,
                "SHA-256": o.digest,
            }
            for o in obligations
        ],
        hide_index=True,
        column_config={"says": st.column_config.TextColumn(width="large")},
        alt="The obligations of this verdict",
    )
    labels = [f"{o.position + 1}. {o.kind}: {o.text}" for o in obligations]
    goal = next((n for n, o in enumerate(obligations) if o.expected == "unsat"), 0)
    chosen = st.selectbox(
        "Read one", range(len(obligations)), index=goal, format_func=lambda n: labels[n]
    )
    _formula(obligations[chosen])


def _again(found: Proof) -> None:
    """Offer to ask both solvers now, and show what each said of each obligation."""
    if not found.finding.obligations:
        return
    st.subheader("Check it again now", anchor=False)
    command = ("workbench", "proof", str(found.finding.id), "--json")
    work.button("Ask both solvers", command, icon=":material/fact_check:", primary=True)
    job = work.follow(command, quiet=True)
    told = job.data if job is not None else None
    if not isinstance(told, dict):
        return
    outcome = str(told.get("outcome", "none"))
    page.badges([RECHECK.get(outcome, RECHECK["none"])])
    st.dataframe(
        [
            {
                "": n + 1,
                "kind": row["kind"],
                "must be": row["expected"],
                **{
                    f"{a['solver']} {a['version']}": f"{a['result']}"
                    + (f" ({a['reason']})" if a["reason"] else "")
                    for a in row["answers"]
                },
                "resources": " / ".join(f"{a['rlimit']:,}" for a in row["answers"]),
                "seconds": " / ".join(f"{a['seconds']:.3f}" for a in row["answers"]),
            }
            for n, row in enumerate(told.get("obligations", ()))
        ],
        hide_index=True,
        alt="What both solvers say of each obligation now, with their resources",
    )


def _formula(one: Obligation) -> None:
    try:
        formula = data.store().blobs.text(one.digest)
    except WorkbenchError as error:
        st.error(str(error))
        return
    st.code(
        formula,
        language="lisp",
        height=360 if formula.count("\n") > 16 else "content",
        wrap_lines=True,
    )
    name = f"{one.digest[:12]}.smt2"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download the formula", formula, file_name=name, icon=":material/download:"
        )
        st.caption(f"Any SMT-LIB 2 solver must answer “{one.expected}”:")
    st.code(f"z3 {name}\ncvc5 {name}", language="bash", wrap_lines=True)


def _identity(found: Proof) -> None:
    finding = found.finding
    with st.expander("Everything the verdict depends on"):
        st.caption(
            f"Method {page.literal(finding.method)} · {finding.rlimit:,} solver resources ·"
            f" {finding.cases:,} inputs tried · {finding.seconds:.3f} s ·"
            f" sandbox: {page.literal(', '.join(finding.sandbox) or 'not needed')}"
        )
        st.json(dict(finding.identity))


if __name__ == "__main__":
    show()
