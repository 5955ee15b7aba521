"""Entry-point names of the family: two common words that say nothing about the function."""

from __future__ import annotations

from random import Random

_FIRST = tuple(
    "adjust apply blend build check combine derive fetch find form gauge grade handle join level "
    "make mark measure merge note plan point process rank rate reckon render resolve score settle "
    "shape shift solve sort tune value weigh work".split()
)
_SECOND = tuple(
    "amount batch budget card charge entry fee figure gain goal grid index input item length limit "
    "load mark number offer order path plan point price quota range rate result rule score share "
    "size slot step stock sum table target total unit value weight width".split()
)


def entry_point(random: Random) -> str:
    """Return a name such as ``gauge_quota``."""
    return f"{random.choice(_FIRST)}_{random.choice(_SECOND)}"
