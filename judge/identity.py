"""What a verdict depends on besides code and contract, without loading any solver."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from judge.contract import Budget
from judge.verdict import Identity

_SOLVERS = (("z3", "z3-solver"), ("cvc5", "cvc5"), ("bitwuzla", "bitwuzla"))


@cache
def solver_versions() -> tuple[tuple[str, str], ...]:
    """The installed solvers by name and version; one that is not installed is left out."""
    found = []
    for name, package in _SOLVERS:
        try:
            found.append((name, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def identity(budget: Budget | None = None) -> Identity:
    """Return the identity that a judgement under ``budget`` carries; part of every cache key."""
    from judge.prove import ENCODER_VERSION

    limits = budget or Budget()
    return Identity(ENCODER_VERSION, solver_versions(), limits.rlimit, limits.seed)
