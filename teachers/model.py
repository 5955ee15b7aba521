"""The values that pass between a caller and a teacher.

Frozen, plain and free of any provider's SDK. What they are not: rows of a database (the workbench
has its own tables) or the wire format of any provider (each provider file translates).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a prompt: raw bytes and their media type, for example ``image/png``."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Specification:
    """What a formal teacher reads instead of prose: a signature, a contract and examples.

    Expressions are Python over the parameters and ``result``. ``examples`` are pairs of
    positional arguments and the expected result: plain Python values. Teachers that read prose
    ignore it.
    """

    entry_point: str
    parameters: tuple[tuple[str, str], ...]
    returns: str | None = None
    requires: tuple[str, ...] = ()
    ensures: tuple[str, ...] = ()
    examples: tuple[tuple[tuple[object, ...], object], ...] = ()
    helpers: str = ""
    counterexamples: tuple[tuple[object, ...], ...] = ()
    """Inputs on which an earlier answer was refuted and whose right result nobody has written
    down; a formal teacher works it out from the contract where the contract says it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation to be continued, with the specification behind it where there is one."""

    messages: tuple[Message, ...]
    specification: Specification | None = None

    @classmethod
    def of(
        cls,
        text: str,
        *,
        system: str | None = None,
        specification: Specification | None = None,
        images: tuple[Image, ...] = (),
    ) -> Prompt:
        """Build the common case: an optional system prompt and one user message."""
        head = (Message("system", system),) if system else ()
        return cls((*head, Message("user", text, images)), specification)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn. ``sample`` numbers repeated draws of the same prompt from 0.

    ``temperature=0`` is sent as 0. ``None`` leaves a field to the provider's default.
    """

    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int = 1024
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    sample: int = 0


class Finish(StrEnum):
    """Why a teacher stopped. Only ``STOP`` may become a candidate."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    FILTERED = "filtered"
    CANNOT = "cannot"
    """A formal teacher's honest no: the task is outside what it can synthesise."""
    FAILED = "failed"
    """No answer: the request failed; ``Answer.failure`` says how."""


class FailureKind(StrEnum):
    """What kind of trouble a request met; a breaker and a retry rule read this."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE = "rate"
    SERVER = "server"
    NETWORK = "network"
    TIMEOUT = "timeout"
    BAD_REQUEST = "bad_request"
    BUDGET = "budget"
    BREAKER = "breaker"
    MALFORMED = "malformed"
    """The server answered something that is not an answer: broken JSON, a cut stream."""
    PRIVATE = "private"
    """Private mode is on and the teacher is not on this machine."""
    INTERNAL = "internal"
    """The teacher's own code failed; ``detail`` holds the traceback."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request as a value: its kind, a sentence for people, and when to try again."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after: float | None = None
    """Seconds the server asked us to wait, or None."""
    detail: str = ""
    """The traceback of an INTERNAL failure, for a bug report; never shown as the message."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where the provider said nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    written_tokens: int | None = None
    """Input that was written to the provider's cache, which some charge for; part of the input."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one prompt and one sample.

    ``cost`` is in US dollars, exact; None means that no price is known (never assumed to be 0).
    ``cached`` means that nothing was paid now; ``cost`` is still what the answer cost once.
    ``seconds`` is wall time of the successful attempt; ``first_token_seconds`` only when streamed.
    """

    text: str
    finish: Finish
    provider: str
    model: str
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    seconds: float = 0.0
    first_token_seconds: float | None = None
    request_id: str | None = None
    attempts: int = 1
    cached: bool = False
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: what a cache key and a ledger row need to know about a teacher."""

    provider: str
    model: str
    base_url: str | None = None
    local: bool = False
    """True when no request leaves this machine and nothing is charged."""
    version: str = ""
    """What else decides the answers: the grammar of a formal teacher, the digest of a model."""

    @property
    def endpoint(self) -> str:
        """Name what is busy or broken as a whole: the provider, and for a server given by its URL
        that server, because two of them have nothing in common but the protocol."""
        if self.provider != "compatible" or self.base_url is None:
            return self.provider
        return f"{self.provider}@{urlsplit(self.base_url).netloc}"
