"""What is raised when the judge cannot work on this machine at all; a verdict is never raised."""

from __future__ import annotations


class JudgeUnavailableError(RuntimeError):
    """The judge or its sandbox cannot start; the text says why in a sentence."""
