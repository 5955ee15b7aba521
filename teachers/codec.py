"""Teachers' values as canonical JSON: for cache keys, caches, ledgers and recorded runs.

Canonical means: sorted keys, no spaces, ASCII, tuples as tagged lists, so that equal values give
equal bytes. It is not a general serialiser: only plain Python values and this package's values.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from teachers.model import (
    Answer,
    Failure,
    FailureKind,
    Finish,
    Identity,
    Message,
    Prompt,
    Sampling,
    Specification,
    Usage,
)


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value`` (already made of dicts, lists, strings, numbers)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def plain(value: object) -> Any:
    """Return ``value`` with tuples, sets, bytes and non-string keys tagged, so JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [plain(item) for item in value]}
    if isinstance(value, set | frozenset):
        return {"$set": sorted((plain(item) for item in value), key=canonical)}
    if isinstance(value, dict):
        return {"$dict": [[plain(key), plain(item)] for key, item in value.items()]}
    raise TypeError(
        f"{type(value).__name__} is not a plain Python value; examples hold None, booleans, "
        "numbers, strings, bytes, lists, tuples, sets and dicts"
    )


def unplain(value: Any) -> object:
    """Undo ``plain``."""
    if isinstance(value, list):
        return [unplain(item) for item in value]
    if isinstance(value, dict):
        (tag, body), *_ = value.items()
        if tag == "$tuple":
            return tuple(unplain(item) for item in body)
        if tag == "$set":
            return {unplain(item) for item in body}
        if tag == "$bytes":
            return base64.b64decode(body)
        if tag == "$decimal":
            return Decimal(body)
        return {unplain(key): unplain(item) for key, item in body}
    return value


def message_fields(message: Message) -> dict[str, Any]:
    """Return a message as JSON fields; an image is named by its digest."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        fields["images"] = [
            [image.media_type, hashlib.sha256(image.data).hexdigest()] for image in message.images
        ]
    return fields


def specification_fields(specification: Specification) -> dict[str, Any]:
    """Return a specification as JSON fields."""
    return {
        "entry_point": specification.entry_point,
        "parameters": [list(pair) for pair in specification.parameters],
        "returns": specification.returns,
        "requires": list(specification.requires),
        "ensures": list(specification.ensures),
        "examples": [[plain(args), plain(result)] for args, result in specification.examples],
        "helpers": specification.helpers,
        "counterexamples": [plain(args) for args in specification.counterexamples],
    }


def specification_of(fields: Mapping[str, Any]) -> Specification:
    """Undo ``specification_fields``."""
    examples = []
    for args, result in fields["examples"]:
        examples.append((_tuple(args), unplain(result)))
    return Specification(
        entry_point=fields["entry_point"],
        parameters=tuple((name, kind) for name, kind in fields["parameters"]),
        returns=fields["returns"],
        requires=tuple(fields["requires"]),
        ensures=tuple(fields["ensures"]),
        examples=tuple(examples),
        helpers=fields["helpers"],
        counterexamples=tuple(_tuple(args) for args in fields["counterexamples"]),
    )


def _tuple(value: Any) -> tuple[object, ...]:
    back = unplain(value)
    if not isinstance(back, tuple):
        raise TypeError(f"expected the arguments of an example as a tuple, found {back!r}")
    return back


def sampling_fields(sampling: Sampling) -> dict[str, Any]:
    """Return every field of a sampling, the sample index included."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "stop": list(sampling.stop),
        "reasoning_effort": sampling.reasoning_effort,
        "sample": sampling.sample,
    }


def prompt_digest(prompt: Prompt) -> str:
    """Return the SHA-256 hex of the conversation alone, whoever is asked and however."""
    text = canonical([message_fields(message) for message in prompt.messages])
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def sampling_digest(sampling: Sampling) -> str:
    """Return the SHA-256 hex of how an answer is drawn."""
    return hashlib.sha256(canonical(sampling_fields(sampling)).encode("ascii")).hexdigest()


def request_key(identity: Identity, prompt: Prompt, sampling: Sampling) -> str:
    """Return the content address of a request: equal keys may share one paid answer.

    It covers provider, base URL, model, version, every message, every sampling field with the
    sample index, and the specification (which only formal teachers read, but which then decides).
    """
    specification = prompt.specification
    fields = {
        "format": 1,
        "provider": identity.provider,
        "base_url": identity.base_url,
        "model": identity.model,
        "version": identity.version,
        "messages": [message_fields(message) for message in prompt.messages],
        "sampling": sampling_fields(sampling),
        "specification": None if specification is None else specification_fields(specification),
    }
    return hashlib.sha256(canonical(fields).encode("ascii")).hexdigest()


def answer_to_json(answer: Answer) -> str:
    """Return an answer as canonical JSON text."""
    usage = answer.usage
    failure = answer.failure
    return canonical(
        {
            "text": answer.text,
            "finish": answer.finish.value,
            "provider": answer.provider,
            "model": answer.model,
            "usage": [
                usage.input_tokens,
                usage.output_tokens,
                usage.cached_tokens,
                usage.reasoning_tokens,
                *(() if usage.written_tokens is None else (usage.written_tokens,)),
            ],
            "cost": None if answer.cost is None else str(answer.cost),
            "seconds": answer.seconds,
            "first_token_seconds": answer.first_token_seconds,
            "request_id": answer.request_id,
            "attempts": answer.attempts,
            "failure": None
            if failure is None
            else [failure.kind.value, failure.message, failure.status, failure.retry_after],
        }
    )


def answer_from_json(text: str, *, cached: bool = False) -> Answer:
    """Undo ``answer_to_json``; ``cached`` marks an answer that was paid for earlier."""
    fields = json.loads(text)
    failure = fields.get("failure")
    cost = fields.get("cost")
    return Answer(
        text=fields["text"],
        finish=Finish(fields["finish"]),
        provider=fields["provider"],
        model=fields["model"],
        usage=Usage(*fields.get("usage", ())),
        cost=None if cost is None else Decimal(cost),
        seconds=fields.get("seconds", 0.0),
        first_token_seconds=fields.get("first_token_seconds"),
        request_id=fields.get("request_id"),
        attempts=fields.get("attempts", 1),
        cached=cached,
        failure=None
        if failure is None
        else Failure(FailureKind(failure[0]), failure[1], failure[2], failure[3]),
    )
