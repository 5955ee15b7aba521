"""The synthesis teacher: from a contract over integers and truth values to Python.

A search proposes short programs and cvc5 proves one right for every input that the precondition
allows, or refutes it, which gives the next example. Where no short one is proved, cvc5's SyGuS
engine finds a function of any length, over integers or over bits. What is outside linear and
bounded contracts ends with CANNOT and the reason.
"""

from __future__ import annotations

from typing import Any

from teachers.formal_teacher import FormalTeacher
from teachers.model import Prompt, Specification

VERSION = "5"
"""Raise when the translation, the strategies or their order change."""

RLIMIT = 300_000
"""cvc5's resource units for each question to the solver; the same on every machine."""


class SynthesisTeacher(FormalTeacher):
    """Contract to code through a solver. Reads ``requires`` and ``ensures``; examples are checked.

    The identity's version names the solver's version, since another one may answer otherwise.
    """

    def __init__(self, rlimit: int = RLIMIT) -> None:
        from importlib.metadata import version

        super().__init__("synthesis", "sygus", f"{VERSION}/cvc5-{version('cvc5')}/{rlimit}")
        self._rlimit = rlimit

    def _job(self, specification: Specification, prompt: Prompt) -> dict[str, Any]:
        return {**super()._job(specification, prompt), "rlimit": self._rlimit}
