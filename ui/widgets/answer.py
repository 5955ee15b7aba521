"""One answer in a column: its word, why, the failing call, the code, what was proved, what it cost.

Code and everything that comes from running it are shown only as inert text.
"""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import links
from ui.widgets import page
from ui.widgets.words import RECHECK, Look, look
from workbench.store.views.answers import Counterexample, Finding, Given, Task


def show_answer(given: Given, task: Task, name: str, *, hidden: bool) -> DeltaGenerator:
    """Draw an answer under the name ``name``; ``hidden`` leaves out what would give it away.

    Returns the card, so that a screen can add to its foot.
    """
    card = st.container(border=True)
    with card:
        st.markdown(f"**{page.literal(name)}**")
        known = [look(given.word)]
        if given.finding is not None and given.finding.override is not None:
            known.append(_person(given.finding.override.decision))
        if given.attempt:
            known.append(Look("↻", f"repair {given.attempt}", "gray", "After a counterexample."))
        page.badges(known)
        _why(given)
        if given.code is not None:
            st.code(given.code, language="python", wrap_lines=True)
        else:
            st.code(given.text or "(the answer is empty)", language=None, wrap_lines=True)
        if given.finding is not None:
            _clauses(given.finding, task)
        if not hidden:
            _cost(given)
            if given.finding is not None:
                st.page_link(
                    links.PROOF,
                    label="The proof" if given.word == "proved" else "The evidence",
                    icon=":material/verified:",
                    query_params={"verdict": str(given.finding.id)},
                )
    return card


def _person(decision: str) -> Look:
    if decision == "accept":
        return Look("☑", "accepted by a person", "blue", "The judge's verdict stays beside it.")
    return Look("☒", "rejected by a person", "red", "The judge's verdict stays beside it.")


def _why(given: Given) -> None:
    found = given.finding
    if found is None:
        st.text(given.no_code_reason or look(given.word).sentence)
    elif found.counterexample is not None:
        failing_call(found.counterexample, f"answer-{given.id}")
    else:
        st.text(found.explanation)


def failing_call(found: Counterexample, key: str) -> None:
    """Show a counterexample as the call that fails, what came back and what was asked."""
    with st.container(key=f"failing-{key}"):
        st.code(found.text, language=None, wrap_lines=True)


def _clauses(found: Finding, task: Task) -> None:
    """Say clause by clause what is known: proved ones, the broken one, the rest undecided."""
    if found.word not in ("proved", "refuted"):
        return
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
    cost = page.money(given.cost).replace("$", "\\$")
    st.caption(f"{tokens} · {given.seconds:.2f} s · {cost} · {page.ago(given.at)}")
