"""Floating-point obligations by Bitwuzla, which decides in a second what the others give up.

It is an optional solver (the extra ``verify``) and runs in a child of its own. An ``unsat`` counts
like any other and is re-checked by cvc5; a ``sat`` brings no model here, so the prover's Z3 is
asked for one. Only scripts over floats, truth values and bit-vectors go there.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec

_OTHER = re.compile(r"\b(?:Int|Real|Array|String|Seq)\b|\((?:forall|exists) ")
CPU_SECONDS = 10.0


@cache
def installed() -> bool:
    """Whether Bitwuzla is there."""
    return find_spec("bitwuzla") is not None


def floating(text: str) -> bool:
    """Whether a script is about floats alone."""
    return "Float64" in text and _OTHER.search(text) is None


def refuted_by_bitwuzla(text: str) -> bool:
    """Whether Bitwuzla shows the script unsatisfiable; False says nothing."""
    if not installed() or not floating(text):
        return False
    from judge.solve import shared_solvers

    answer = shared_solvers().solve("bitwuzla", text, rlimit=0, cpu_seconds=CPU_SECONDS)
    return answer.result == "unsat"
