"""Where each screen lives, and how to get to the one thing that somebody clicked on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Never

import streamlit as st

from workbench.store.views.matrix import Filter, Mode

OVERVIEW = "screens/overview.py"
MATRIX = "screens/matrix.py"
COMPARE = "screens/compare.py"
PROOF = "screens/proof.py"
ROUNDS = "screens/rounds.py"
DATASET = "screens/dataset.py"
SOURCES = "screens/sources.py"
CERTIFICATES = "screens/certificates.py"
RUNS = "screens/runs.py"
DOCTOR = "screens/doctor.py"
TRAIN = "screens/train.py"
STUDENT = "screens/student.py"
CONTRACTS = "screens/contracts.py"


def filter_query(wanted: Filter) -> dict[str, str]:
    """Return the part of a URL that stands for a filter; what is default stays out of it.

    The names differ from those of the matrix's own widgets: Streamlit refuses to set a parameter
    that a widget of the page which is being left has bound.
    """
    query = {"in_search": wanted.search, "in_category": wanted.category, "in_split": wanted.split}
    if wanted.mode is not Mode.ALL:
        query["in_mode"] = wanted.mode.value
    return {name: value for name, value in query.items() if value}


def filter_from_query(query: Mapping[str, str]) -> Filter:
    """Return the filter of a URL; a mode that does not exist shows everything."""
    known = {mode.value: mode for mode in Mode}
    return Filter(
        mode=known.get(query.get("in_mode", ""), Mode.ALL),
        search=query.get("in_search", ""),
        category=query.get("in_category", ""),
        split=query.get("in_split", ""),
    )


def to_compare(task: str, sources: Sequence[str] = (), wanted: Filter | None = None) -> Never:
    """Go to a task's answers, keeping the filter so that previous and next stay within it."""
    query: dict[str, str | list[str]] = {"task": task}
    query.update(filter_query(wanted or Filter()))
    if sources:
        query["sources"] = list(sources)
    st.switch_page(COMPARE, query_params=query)
