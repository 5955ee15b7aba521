"""A teacher whose answers are written in the test: visibly a test's own, never shipped."""

from __future__ import annotations

from collections.abc import Callable

from teachers.model import Answer, Failure, FailureKind, Finish, Identity, Prompt, Sampling, Usage

Script = Callable[[Prompt, Sampling], str | Finish | FailureKind]


class Scripted:
    """Answers with what ``script`` returns: text, a finish without text, or a failure."""

    def __init__(self, name: str, script: Script, *, provider: str = "examples") -> None:
        self._name = name
        self._script = script
        self._provider = provider
        self.asked: list[tuple[Prompt, Sampling]] = []
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> Identity:
        return Identity(self._provider, self._name, local=True)

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        self.asked.append((prompt, sampling))
        said = self._script(prompt, sampling)
        if isinstance(said, FailureKind):
            failure = Failure(said, "seeded failure")
            return Answer("", Finish.FAILED, self._provider, self._name, failure=failure)
        if isinstance(said, Finish):
            return Answer("", said, self._provider, self._name)
        return Answer(said, Finish.STOP, self._provider, self._name, Usage(10, 5), seconds=0.01)

    async def close(self) -> None:
        self.closed = True


def fenced(code: str) -> str:
    return f"Here it is:\n\n```python\n{code}```\n"
