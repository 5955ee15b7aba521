"""The "examples" teacher: the cheapest small program that fits every example of the task.

It generalises from examples and therefore sometimes overfits; it never claims more than that its
answer fits the examples. Given a refuting input with its right result as one more example, it looks
again (counterexample-guided). See ``teachers.formal.search`` for the language.
"""

from __future__ import annotations

from teachers.formal_teacher import FormalTeacher

VERSION = "3"
"""Raise when language or order of search changes: answers of another version are not reused."""


class ExamplesTeacher(FormalTeacher):
    """Programming by example. Reads ``Specification.examples`` and ``counterexamples``."""

    def __init__(self) -> None:
        super().__init__("examples", "enumeration", VERSION)
