"""Floating-point obligations by Bitwuzla, which decides in a second what the others give up.

It is an optional solver (the extra ``verify``) and runs in a child of its own. An ``unsat`` counts
like any other and is re-checked by cvc5; a ``sat`` brings no model here, so the prover's Z3 is
asked for one. What goes there is the part of a script that speaks of floats and truth values alone:
elements of a list at literal places become constants, and assertions about anything else are left
out. Fewer assertions that cannot be met together settle the whole script.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec

_SYMBOL = re.compile(r"[^\s()]+")
_SELECT = re.compile(r"\(select (v\.[^\s()]+) (\d+)\)")
_ARRAY = re.compile(r"\(declare-const (\S+) \(Array Int (Float64|Bool)\)\)")
_CONSTANT = re.compile(r"\(declare-const (\S+) (?:Float64|Bool)\)")
_DEFINED = re.compile(r"\(define-fun (\S+) \(\) (\S+) (.*)\)")
_WORDS = frozenset(["assert", "not", "and", "or", "=", "ite", "true", "false", "fp", "RNE"])
CPU_SECONDS = 10.0


@cache
def installed() -> bool:
    """Whether Bitwuzla is there."""
    return find_spec("bitwuzla") is not None


def floating(text: str) -> str | None:
    """The part of a script that is about floats alone; None where there is none."""
    if "Float64" not in text:
        return None
    arrays: dict[str, str] = {}
    known: set[str] = set()
    lines: list[str] = []
    placed: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        name, index = found.groups()
        if name not in arrays:
            return found.group()
        own = f"{name}!at.{index}"
        placed[own] = arrays[name]
        known.add(own)
        return own

    for line in text.splitlines():
        if (array := _ARRAY.fullmatch(line)) is not None:
            arrays[array.group(1)] = array.group(2)
        elif (constant := _CONSTANT.fullmatch(line)) is not None:
            known.add(constant.group(1))
            lines.append(line)
        elif (defined := _DEFINED.fullmatch(line)) is not None:
            name, sort, body = defined.groups()
            body = _SELECT.sub(place, body)
            if sort in ("Float64", "Bool") and _plain(body, known):
                known.add(name)
                lines.append(f"(define-fun {name} () {sort} {body})")
        elif line.startswith("(assert "):
            line = _SELECT.sub(place, line)
            if _plain(line, known):
                lines.append(line)
    if not any("fp." in line for line in lines):
        return None
    declared = [f"(declare-const {name} {sort})" for name, sort in placed.items()]
    return "\n".join(["(set-logic ALL)", *declared, *lines, "(check-sat)", ""])


def _plain(text: str, known: set[str]) -> bool:
    """Whether nothing but floats, truth values and known constants is spoken of."""
    return all(
        word in _WORDS or word in known or word.startswith(("#b", "fp."))
        for word in _SYMBOL.findall(text)
    )


def refuted_by_bitwuzla(text: str, seconds: float = CPU_SECONDS) -> bool | None:
    """Whether Bitwuzla shows the script unsatisfiable; False says nothing, None that it was not
    asked. ``seconds`` is its fuse in processor time."""
    part = floating(text) if installed() else None
    if part is None:
        return None
    from judge.solve import shared_solvers

    answer = shared_solvers().solve("bitwuzla", part, rlimit=0, cpu_seconds=seconds)
    return answer.result == "unsat"
