"""EvalPlus releases give inputs without results; the reference says, in the sandbox, what is right.

Only files whose lines carry ``base_input`` or ``plus_input`` come here. The reference is a
stranger's code like any other, so it runs where candidates run. Inputs on which it does not return
a plain value are left out; a task of which nothing is left is a bad line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judge.sandbox import Sandbox

__all__ = ["Expected", "Inputs", "expected_results"]

MOST_INPUTS = 200
"""Per task. EvalPlus has up to a thousand; the first ones of a seeded set say nearly as much."""
_MOST_CHARACTERS = 20_000

_CLOSE = """
def _close(a, b, atol):
    if isinstance(a, float) or isinstance(b, float):
        return a == b or abs(a - b) <= atol + 1e-7 * abs(b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_close(x, y, atol) for x, y in zip(a, b))
    return a == b


def check(candidate):
"""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a line says: a reference, the function to call, argument lists, a tolerance."""

    reference: str
    entry_point: str
    arguments: Sequence[Sequence[object]]
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """Test cases in the judge's encoding, or test code where results are compared loosely."""

    tests: tuple[dict[str, Any], ...] = ()
    test_code: str | None = None


def expected_results(sandbox: Sandbox, inputs: Inputs) -> Expected | None:
    """Run the reference on the inputs; None when it gives no usable result at all."""
    from judge.plain import to_json
    from judge.sandbox import Call, Limits

    wanted = [tuple(args) for args in inputs.arguments if len(repr(args)) <= _MOST_CHARACTERS]
    wanted = wanted[:MOST_INPUTS]
    if not wanted:
        return None
    run = sandbox.run(inputs.reference, [Call(inputs.entry_point, a) for a in wanted], Limits())
    pairs = [
        (args, outcome.value)
        for args, outcome in zip(wanted, run.outcomes, strict=True)
        if outcome.kind == "returned"
    ]
    if not pairs:
        return None
    if inputs.tolerance > 0:
        return Expected(test_code=_loose(pairs, inputs.tolerance))
    return Expected(
        tuple(
            {"args": [to_json(arg) for arg in args], "expected": to_json(value)}
            for args, value in pairs
        )
    )


def _loose(pairs: Sequence[tuple[tuple[object, ...], object]], tolerance: float) -> str:
    lines = [
        f"    assert _close(candidate(*{args!r}), {value!r}, {tolerance!r})"
        for args, value in pairs
    ]
    return _CLOSE.lstrip("\n") + "\n".join(lines) + "\n"
