"""One answer in a column: its word, why, the failing call, the code, what was proved, what it cost.

Code and everything that comes from running it are shown only as inert text.
"""

from __future__ import annotations

import streamlit as st

from ui import links
from ui.widgets import page
from ui.widgets.words import RECHECK, Look, look
from workbench.store.views.answers import Finding, Given, Task


def show_answer(given: Given, task: Task, name: str, *, hidden: bool) -> None:
    """Draw an answer under the name ``name``; ``hidden`` leaves out what would give it away."""
    with st.container(border=True):
        st.markdown(f"**{page.literal(name)}**")
        known = [look(given.word)]
        if given.finding is not None and given.finding.override is not None:
            known.append(_person(given.finding.override.decision))
        if given.attempt:
            known.append(Look("↻", f"repair {given.attempt}", "gray", "After a counterexample."))
        page.badges(known)
        _why(given)
        if given.code is not None:
            st.code(given.code, language="python", line_numbers=True)
        else:
            st.code(given.text or "(the answer is empty)", language=None, wrap_lines=True)
        if given.finding is not None:
            _clauses(given.finding, task)
        if not hidden:
            _cost(given)
            if given.finding is not None:
                st.page_link(
                    links.PROOF,
                    label="What exactly was proved"
                    if given.word == "proved"
                    else "Everything about this verdict",
                    icon=":material/verified:",
                    query_params={"verdict": str(given.finding.id)},
                )


def _person(decision: str) -> Look:
    if decision == "accept":
        return Look("☑", "accepted by a person", "blue", "The judge's verdict stays beside it.")
    return Look("☒", "rejected by a person", "red", "The judge's verdict stays beside it.")


def _why(given: Given) -> None:
    found = given.finding
    if found is None:
        st.text(given.no_code_reason or look(given.word).sentence)
    elif found.counterexample is not None:
        st.code(found.counterexample.text, language=None, wrap_lines=True)
    else:
        st.text(found.explanation)


def _clauses(found: Finding, task: Task) -> None:
    """Say clause by clause what is known: proved ones, the broken one, the rest undecided."""
    broken = found.counterexample.asks if found.counterexample else ""
    lines = []
    for clause in task.ensures:
        if found.word == "proved":
            lines.append(f"✓ {clause}")
        elif clause in broken:
            lines.append(f"✗ {clause}")
        else:
            lines.append(f"· {clause}")
    if lines:
        st.caption("Clause by clause (✓ proved, ✗ broken, · not decided)")
        st.code("\n".join(lines), language=None, wrap_lines=True)
    if found.obligations:
        st.caption(
            f"{page.plural(len(found.obligations), 'obligation')}, {RECHECK[found.recheck].label}."
        )


def _cost(given: Given) -> None:
    tokens = (
        f"{given.input_tokens:,} → {given.output_tokens:,} tokens"
        if given.input_tokens is not None and given.output_tokens is not None
        else "tokens not counted"
    )
    st.caption(
        f"{tokens} · {given.seconds:.2f} s · {page.money(given.cost)} · {page.ago(given.at)}".replace(
            "$", "\\$"
        )
    )
