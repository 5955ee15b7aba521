"""The one exception of this package: a mistake in what a person gave, said in a sentence."""

from __future__ import annotations


class DistillError(ValueError):
    """What is wrong, where, and the mend."""
