"""What a benchmark's own inputs look like, so that nothing is compared where nobody asks.

A benchmark writes down no preconditions. Two right answers may well differ on a negative length or
an empty list that its tests never try, and such a difference says nothing. So inputs of our own
making keep to what the written ones show of each parameter: the least of its small numbers, and
whether it is ever empty. What it is not: a precondition; relations between parameters are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["ANYTHING", "Domain", "domain_of"]

Args = tuple[object, ...]
_FEW = 3
"""From fewer inputs nothing is concluded."""
_SMALL = 3
"""A least number above this says that the inputs are large, not that small ones are not asked."""


@dataclass(frozen=True, slots=True)
class Domain:
    """For each parameter the least number to try (None for any) and whether it may be empty."""

    least: tuple[int | None, ...] = ()
    empty: tuple[bool, ...] = ()

    def fits(self, args: Args) -> bool:
        """Whether ``args`` look like what the benchmark tries."""
        if not self.least:
            return True
        return all(
            (may_be_empty or not _empty(value))
            and (least is None or all(number >= least for number in _numbers(value)))
            for value, least, may_be_empty in zip(args, self.least, self.empty, strict=True)
        )

    def of(self, inputs: Sequence[Args] | None, most: int) -> list[Args]:
        """Return at most ``most`` of ``inputs`` that fit."""
        return [args for args in inputs or () if self.fits(args)][:most]


ANYTHING = Domain()
"""Nothing is known of the inputs."""


def domain_of(written: Sequence[Args]) -> Domain:
    """Return what inputs that somebody wrote down have in common; anything for too few of them."""
    if len(written) < _FEW:
        return ANYTHING
    columns = list(zip(*written, strict=True))
    return Domain(
        tuple(_least([n for value in column for n in _numbers(value)]) for column in columns),
        tuple(any(_empty(value) for value in column) for column in columns),
    )


def _least(numbers: Sequence[float]) -> int | None:
    if not numbers or min(numbers) < 0:
        return None
    return min(int(min(numbers)), _SMALL)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _numbers(one)


def _empty(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset | dict | str) and not value
