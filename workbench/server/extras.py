"""What this server adds to every protocol: verified answers, receipts, examples. One set of fields.

A request of OpenAI's, Anthropic's or Ollama's form carries them beside its own; what comes back
stands in the response's ``workbench`` field. How the rest of a response is worded is each
protocol's own file.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from workbench.server.problems import RequestProblem
from workbench.server.service import Wanted
from workbench.server.verified import Demand, Verified, Verifier


@dataclass(frozen=True, slots=True)
class Settled:
    """The request with its examples, and the judged answer where one was asked for."""

    wanted: Wanted
    found: Verified | None = None
    beside: dict[str, Any] = field(default_factory=dict)
    """What the response says beside its protocol: ``workbench``, or nothing."""


class Extras(BaseModel):
    """The fields that are ours."""

    verify: bool = False
    contract: dict[str, Any] | None = None
    repairs: int = Field(default=1, ge=0, le=8)
    fallback: bool = True
    receipt: bool = False
    examples: int = Field(default=0, ge=0, le=8)
    """Proved examples to show the model first, chosen by likeness to the last question."""

    async def settle(
        self, verifier: Verifier, wanted: Wanted, *, stream: bool, n: int = 1
    ) -> Settled:
        """Put examples first and, where it is asked for, answer and judge.

        Raises ``RequestProblem`` for what does not go together.
        """
        record: dict[str, Any] = {}
        if self.examples:
            wanted, cited = await asyncio.to_thread(verifier.with_examples, wanted, self.examples)
            record["examples"] = cited
        found = None
        if self.verify or self.receipt:
            if stream:
                raise RequestProblem(
                    "a verdict needs the whole answer; send stream: false with verify"
                )
            if n != 1:
                raise RequestProblem("verify answers one question with one answer; send n: 1")
            demand = Demand.read(
                self.contract, self.verify, self.repairs, self.fallback, self.receipt
            )
            found = await verifier.answer(wanted, demand)
            record = {**found.record, **record}
        elif self.contract is not None:
            raise RequestProblem('a contract is given, but nobody asked: set "verify": true')
        return Settled(wanted, found, {"workbench": record} if record else {})
