"""What the two formal teachers share: a child process, an answer in a fence, an honest no."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from teachers.child import Child
from teachers.codec import specification_fields
from teachers.model import (
    Answer,
    Failure,
    FailureKind,
    Finish,
    Identity,
    Prompt,
    Sampling,
    Specification,
    Usage,
)
from teachers.protocol import Named


class FormalTeacher(Named):
    """A teacher that computes its answer here: deterministic, keyless, offline, at no cost.

    ``answer`` ends with CANNOT and the reason as its text when the task is outside its language.
    """

    def __init__(self, name: str, model: str, version: str) -> None:
        super().__init__(name, Identity(provider=name, model=model, local=True, version=version))
        self._child = Child()

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """See ``Teacher``. Prose is read for numbers only; the specification decides."""
        if prompt.specification is None:
            return self._cannot("the prompt has no specification, and prose is not understood", 0.0)
        job = self._job(prompt.specification, prompt)
        try:
            result = await asyncio.to_thread(self._child.run, job)
        except asyncio.CancelledError:
            self._child.kill()
            raise
        seconds = float(result.get("seconds", 0.0))
        if "failed" in result:
            detail = str(result.get("detail", ""))
            # Asking again would fail again, so this is no timeout that a gateway retries.
            failure = Failure(FailureKind.INTERNAL, str(result["failed"]), detail=detail)
            return self._value("", Finish.FAILED, seconds, failure)
        if "cannot" in result:
            return self._cannot(str(result["cannot"]), seconds)
        return self._value(f"```python\n{result['code']}```\n", Finish.STOP, seconds)

    async def close(self) -> None:
        """End the child process."""
        await asyncio.to_thread(self._child.close)

    def _job(self, specification: Specification, prompt: Prompt) -> dict[str, Any]:
        # Later turns speak of attempts and their inputs, whose numbers are not the task's.
        hint = next((each.content for each in prompt.messages if each.role == "user"), "")
        fields = specification_fields(specification)
        return {"name": self._name, "specification": fields, "hint": hint}

    def _cannot(self, reason: str, seconds: float) -> Answer:
        return self._value(reason, Finish.CANNOT, seconds)

    def _value(
        self, text: str, finish: Finish, seconds: float, failure: Failure | None = None
    ) -> Answer:
        return Answer(
            text=text,
            finish=finish,
            provider=self._identity.provider,
            model=self._identity.model,
            usage=Usage(),
            cost=Decimal(0),
            seconds=seconds,
            failure=failure,
        )
