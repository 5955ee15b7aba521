"""Functions that are known by laws: ``s.find(t)``, ``s.split()`` and their like at any size.

Each is a function of its own, named by what it is applied to, and brings its laws to every formula
that speaks of it. A law must be true of CPython's function for all values of its variables; it need
not say everything, and what it leaves open is not proved. What it is not: folds, which are known by
recursion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from judge.symbolic import term as T
from judge.symbolic.term import INT, Term
from judge.symbolic.values import StrV, Unsupported


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """What is known of a function, given one application of it."""

    say: Callable[[Term], list[Term]]


def token(value: StrV) -> Term:
    """A term that stands for a text, to tell two of them apart."""
    from judge.symbolic.folds import token as of

    return of(value, T.var("any place"))


def named(kind: str, tokens: list[Term], say: Callable[[Term], list[Term]], line: int) -> str:
    """The name of the function ``kind`` of these texts; the first call says what is known."""
    if any(t.bound for t in tokens):
        raise Unsupported(f"{kind} of an unknown text for every element", line)
    key = " ".join(["law", kind, *(str(t.id) for t in tokens)])
    table = T.definitions()
    found = table.get(key)
    if not isinstance(found, str):
        found = T.fresh_name(f"text.{kind}")
        table[key], table[found] = found, Law(say)
    return found


def number(
    kind: str, tokens: list[Term], size: Term, say: Callable[[Term], list[Term]], line: int
) -> Term:
    """The one number that the function ``kind`` of these texts gives; ``size`` is a length.

    What branches have settled is left out of terms, so the formula of a branch may speak of a slice
    that ends before it starts where the branch is not taken. There is no such text, and its laws
    would contradict each other; they are stated of texts only.
    """

    def of_texts(t: Term) -> list[Term]:
        return [T.implies(T.le(T.num(0), size), fact) for fact in say(t)]

    return T.app(named(kind, tokens, of_texts, line), [size], INT)


__all__ = ["Law", "named", "number", "token"]
