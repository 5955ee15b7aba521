"""Making a counterexample as small as we can: integers toward 0, lists and strings shorter.

Greedy and deterministic: all simpler neighbours are tried at once, the simplest that still violates
the contract is kept, until none does. What is kept was replayed in a fresh process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from judge import plain
from judge.contract import Submission
from judge.refute.replay import replay
from judge.refute.trial import Trial
from judge.sandbox import Sandbox
from judge.verdict import Counterexample

_ROUNDS = 60
_NEIGHBOURS = 240


def minimise(sandbox: Sandbox, submission: Submission, found: Counterexample) -> Counterexample:
    """Return a counterexample no simpler neighbour of which violates the contract, as far as the
    budget of tries goes; ``found`` itself when it cannot be made smaller."""
    with Trial(sandbox, submission) as trial:
        best = found if trial.fault is not None else shrink(trial, found)
    if best is found:
        return found
    again = replay(sandbox, submission, best.args)
    return again.violation if again.violation is not None else found


def shrink(trial: Trial, found: Counterexample) -> Counterexample:
    """The smallest violation that the trial's own process shows; nothing of it is replayed yet."""
    best = found
    for _ in range(_ROUNDS):
        smaller = _step(trial, best)
        if smaller is None:
            break
        best = smaller
    return best


def _step(trial: Trial, best: Counterexample) -> Counterexample | None:
    """Return the simplest violating neighbour that is simpler than ``best``, or None."""
    limit = _weight(best.args)
    seen: dict[str, tuple[Any, ...]] = {}
    for args in _neighbours(best.args):
        if len(seen) >= _NEIGHBOURS:
            break
        if _weight(args) < limit:
            seen.setdefault(plain.dumps(args), args)
    ordered = sorted(seen.values(), key=_weight)
    for start in range(0, len(ordered), 80):
        for tried in trial.run(ordered[start : start + 80]):
            if tried.sort == "violation":
                return tried.violation
    return None


def _weight(value: Any) -> tuple[float, float, str]:
    """How far from simple: amount of structure first, then sizes of numbers, then the text."""
    parts, size = _measure(value)
    return parts, size, plain.dumps(value)


def _measure(value: Any) -> tuple[float, float]:
    kind = type(value)
    if value is None or value is False:
        return 0, 0
    if value is True:
        return 0, 0.5
    if kind is int:
        return 0, 2 * min(abs(value), 2**900) + (value < 0)
    if kind is float:
        return 0, _float_weight(value)
    if kind is str:
        return len(value), sum(_letter_weight(letter) for letter in value)
    if kind is bytes:
        return len(value), sum(value)
    if kind is complex:
        return 0, _float_weight(value.real) + _float_weight(value.imag)
    items = [part for pair in value.items() for part in pair] if kind is dict else list(value)
    measured = [_measure(item) for item in items]
    return len(items) + sum(m[0] for m in measured), sum(m[1] for m in measured)


def _float_weight(value: float) -> float:
    if not math.isfinite(value):
        return 1e300
    whole = value == int(value)
    return (
        2 * abs(value)
        + (value < 0 or math.copysign(1, value) < 0)
        + (0 if whole else len(repr(value)) + 1)
    )


def _letter_weight(letter: str) -> int:
    return ord(letter) - 96 if "a" <= letter <= "z" else ord(letter) + 30


def _neighbours(args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield argument tuples with one argument made simpler, round robin over the arguments."""
    streams = [(place, _simpler(arg)) for place, arg in enumerate(args)]
    while streams:
        alive = []
        for place, stream in streams:
            value = next(stream, _END)
            if value is not _END:
                alive.append((place, stream))
                yield (*args[:place], value, *args[place + 1 :])
        streams = alive
    yield from _together(args)


_END = object()


def _together(args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield tuples in which several integers move down by the same amount."""
    places = [place for place, arg in enumerate(args) if type(arg) is int]
    if len(places) > 1:
        least = min(abs(args[place]) for place in places)
        for drop in sorted({least, least // 2, 1}, reverse=True):
            yield tuple(
                arg - int(math.copysign(1, arg)) * drop if place in places and arg else arg
                for place, arg in enumerate(args)
            )


def _simpler(value: Any) -> Iterator[Any]:
    """Yield simpler values, the boldest first."""
    kind = type(value)
    if kind is bool:
        if value:
            yield False
    elif kind is int:
        yield from _simpler_int(value)
    elif kind is float:
        yield from _simpler_float(value)
    elif kind is str:
        yield from _simpler_row(value, "", list(value), "".join)
    elif kind is bytes:
        yield from _simpler_row(value, b"", list(value), bytes)
    elif kind is list:
        yield from _simpler_row(value, [], value, list)
    elif kind is tuple:
        for place, item in enumerate(value):
            for smaller in _simpler(item):
                yield (*value[:place], smaller, *value[place + 1 :])
        yield from (value[:n] + value[n + 1 :] for n in range(len(value)))
    elif kind in (set, frozenset):
        yield from _simpler_row(value, kind(), sorted(value, key=plain.dumps), kind)
    elif kind is dict:
        pairs = list(value.items())
        yield from _simpler_row(value, {}, pairs, dict)


def _simpler_int(value: int) -> Iterator[int]:
    for smaller in (
        0,
        1,
        -1,
        abs(value),
        value // 2,
        -(-value // 2),
        int(value / 10) if abs(value) < 2**60 else value >> 3,
    ):
        if smaller != value:
            yield smaller
    step = 1 if value > 0 else -1
    for back in (10, 3, 2, 1):
        if abs(value) > back:
            yield value - step * back


def _simpler_float(value: float) -> Iterator[float]:
    yield from (0.0, 1.0, -1.0, 0.5)
    if math.isfinite(value):
        yield from (float(int(value)), abs(value), float(int(value / 2)), value / 2)
        yield from (round(value, 1), round(value, 2))
        if abs(value) > 1:
            yield value - math.copysign(1, value)
    else:
        yield from (1e300, -1e300)


def _simpler_row(value: Any, empty: Any, items: list[Any], build: Any) -> Iterator[Any]:
    """Yield shorter rows first, then rows with one item made simpler."""
    if not items:
        return
    yield empty
    half = len(items) // 2
    if half:
        yield build(items[:half])
        yield build(items[half:])
    for place in range(len(items)):
        yield build([*items[:place], *items[place + 1 :]])
    for place, item in enumerate(items):
        for smaller in _simpler_item(item):
            yield build([*items[:place], smaller, *items[place + 1 :]])


def _simpler_item(item: Any) -> Iterator[Any]:
    if type(item) is str and len(item) == 1:
        yield from (letter for letter in "ab0" if letter != item)
    elif type(item) is tuple and len(item) == 2:  # a pair of a dict: the value, then the key
        yield from ((item[0], smaller) for smaller in _simpler(item[1]))
        yield from ((smaller, item[1]) for smaller in _simpler(item[0]))
    else:
        yield from _simpler(item)
