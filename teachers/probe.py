"""Ask a server who it lets in: one free request for its list of models, and what that tells.

From it follow three separate facts: whether the server is reached, whether it takes the key, and
which models it has; and the limits it names in its headers, where it names any. Nothing is
generated and nothing is charged. No key is part of anything returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from teachers.keys import Secret
from teachers.openai import host_is_local
from teachers.wire import limits_in, tls

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What one look found; ``authorised`` is None when the server was not reached."""

    reachable: bool
    authorised: bool | None
    models: tuple[str, ...] = ()
    limits: str = ""
    """What the server said about its limits, in words; "" when it said nothing."""
    trouble: str = ""

    @property
    def facts(self) -> tuple[str, ...]:
        """Return what is so, in words, in the order in which it matters."""
        if not self.reachable:
            return ("not reachable",)
        found = ["reachable"]
        if self.authorised is not None:
            found.append("authorised" if self.authorised else "key refused")
        if self.models:
            found.append(f"{len(self.models)} models")
        if self.authorised:
            found.append(self.limits or "no limits told")
        return tuple(found)


def probe_models(url: str, headers: Mapping[str, str], key: Secret | None) -> Probe:
    """GET ``url`` (a list of models) and say what came of it. Never raises for the network."""
    import httpx

    try:
        reply = httpx.get(
            url,
            headers=dict(headers),
            timeout=SECONDS,
            trust_env=not host_is_local(url),
            verify=tls(url),
        )
    except (httpx.HTTPError, OSError) as error:
        return Probe(False, None, trouble=_hidden(type(error).__name__, key))
    if reply.status_code in (401, 403):
        return Probe(True, False, trouble=f"HTTP {reply.status_code}")
    if reply.status_code >= 400:
        return Probe(True, None, trouble=f"HTTP {reply.status_code} for its list of models")
    try:
        listed = reply.json().get("data", [])
        models = tuple(str(each.get("id", "")) for each in listed if isinstance(each, dict))
    except (ValueError, AttributeError):
        return Probe(True, None, trouble="its list of models is not readable")
    return Probe(True, True, models, limits_in(reply.headers))


def bearer(key: Secret | None) -> dict[str, str]:
    """Return the header with which OpenAI and its likes take a key."""
    return {} if key is None else {"authorization": f"Bearer {key.reveal()}"}


def _hidden(text: str, key: Secret | None) -> str:
    return text if key is None else key.hide(text)
