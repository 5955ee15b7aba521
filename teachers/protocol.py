"""The seam between the workbench and whatever answers a prompt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from teachers.model import Answer, Identity, Prompt, Sampling


@runtime_checkable
class Teacher(Protocol):
    """Anything that answers a prompt. The student has the same shape.

    ``answer`` returns trouble as a value (``Finish.FAILED`` with a ``Failure``); it raises only for
    mistakes in the program. It makes one attempt: retrying, limits and caching are the gateway's.
    """

    @property
    def name(self) -> str:
        """The short name that a person types, for example ``openai:gpt-5-mini``."""
        ...

    @property
    def identity(self) -> Identity:
        """Who answers."""
        ...

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """Answer ``prompt`` once."""
        ...

    async def close(self) -> None:
        """Release connections; the teacher is not used afterwards."""
        ...


@runtime_checkable
class StreamingTeacher(Teacher, Protocol):
    """A teacher that can also deliver its answer piece by piece."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[str | Answer]:
        """Yield text pieces as they come, and last the whole ``Answer``."""
        ...


class Named:
    """Who a teacher is, told once for every teacher of the package. Not part of the seam."""

    def __init__(self, name: str, identity: Identity) -> None:
        self._name = name
        self._identity = identity

    @property
    def name(self) -> str:
        """See ``Teacher``."""
        return self._name

    @property
    def identity(self) -> Identity:
        """See ``Teacher``."""
        return self._identity
