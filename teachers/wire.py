"""From the many ways in which an HTTP request fails to one ``Failure``; shared by the SDK files."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from teachers.keys import Secret
from teachers.model import Answer, Failure, FailureKind, Finish, Identity, Usage

_LONGEST = 300


def status_kind(status: int, text: str) -> FailureKind:
    """Return the kind of an HTTP error status; ``text`` tells an empty account from a busy one."""
    lowered = text.lower()
    if status in (401, 403):
        return FailureKind.AUTH
    if status == 402 or "insufficient_quota" in lowered or "spend limit" in lowered:
        return FailureKind.QUOTA
    if status == 429:
        return FailureKind.RATE
    if status == 408:
        return FailureKind.TIMEOUT
    if status >= 500 or status == 409:
        return FailureKind.SERVER
    return FailureKind.BAD_REQUEST


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, from any of its three ways of saying so."""
    millis = headers.get("retry-after-ms")
    if millis is not None:
        try:
            return max(0.0, float(millis) / 1000)
        except ValueError:
            pass  # the plain header may still say it
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass  # then it is a date
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def failed(identity: Identity, failure: Failure, usage: Usage | None = None) -> Answer:
    """Return a failed answer of ``identity``."""
    return Answer(
        text="",
        finish=Finish.FAILED,
        provider=identity.provider,
        model=identity.model,
        usage=usage or Usage(),
        failure=failure,
    )


def http_failure(
    status: int, text: str, headers: Mapping[str, str], key: Secret | None, who: str
) -> Failure:
    """Return the failure that an HTTP error status means, with what to do next."""
    kind = status_kind(status, text)
    said = " ".join((key.hide(text) if key is not None else text).split())[:_LONGEST]
    advice = {
        FailureKind.AUTH: "; check the key and what it may use",
        FailureKind.QUOTA: "; the account has no credit left or met its spending limit",
        FailureKind.RATE: "; lower the limits or wait",
    }.get(kind, "") or _bad_request_advice(status, said.lower())
    message = f"{who} answered HTTP {status}: {said or 'no explanation'}{advice}"
    return Failure(kind, message, status=status, retry_after=retry_after(headers))


def _bad_request_advice(status: int, said: str) -> str:
    """Return what mends the two commonest bad requests: a misspelt model, a prompt too long."""
    if status == 404 and "model" in said:
        return "; check the model's name"
    if status in (400, 413, 422) and ("context" in said or "too long" in said or status == 413):
        return "; shorten the prompt, ask for fewer tokens, or use a model with a longer context"
    return ""


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def tls(url: str) -> ssl.SSLContext | bool:
    """Return what an HTTP client verifies with.

    Loading certificates takes a third of a second, so it is done once, and not for plain ``http``.
    """
    return _trusted() if url.startswith("https") else False


def count(value: object) -> int | None:
    """Return a token count, or None for anything that cannot be one (absent, negative, text)."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def field_of(value: object, name: str) -> Any:
    """Return a field of a JSON object or of an SDK's model of one; None where there is none."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def limits_in(headers: Mapping[str, str]) -> str:
    """Return the limits that response headers name, in words: OpenAI's and Anthropic's forms."""
    said = []
    for what, names in (
        ("requests", ("x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit")),
        ("tokens", ("x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit")),
    ):
        value = next((headers[name] for name in names if name in headers), None)
        if value is not None and value.isdigit():
            said.append(f"{int(value):,} {what}")
    return f"limits {' and '.join(said)} a minute" if said else ""
