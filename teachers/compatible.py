"""Servers that speak OpenAI's chat completions: ready profiles, or any base URL.

``compatible:PROFILE:MODEL`` or ``compatible:URL:MODEL``; ``deepseek:MODEL`` and ``gemini:MODEL``
are short for their profiles. What a server does not understand is left out of the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

from teachers.errors import TeacherError
from teachers.keys import Secret, find_key, need_key
from teachers.model import Identity
from teachers.openai import ChatTeacher, Dialect, base_url, host_is_local, key_status
from teachers.protocol import Teacher
from teachers.providers import Provider, TeacherStatus
from teachers.wire import tls


@dataclass(frozen=True, slots=True)
class Profile:
    """A server we know: where it is, which variable holds its key, what it takes."""

    name: str
    url: str
    key: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    batch: str | None = None
    """Where its batch interface is written, as ``module:class``; None where none is offered."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", Dialect(seed=False)),
        Profile(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            Dialect(seed=False, reasoning_effort=True),
            "teachers.batch_gemini:GeminiBatchTeacher",
        ),
        Profile("nebius", "https://api.studio.nebius.com/v1", "NEBIUS_API_KEY"),
        Profile("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", Dialect(seed=False)),
        Profile("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        Profile("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        Profile("vllm", "http://localhost:8000/v1"),
        Profile("llamacpp", "http://localhost:8080/v1"),
        Profile("transformers", "http://localhost:8000/v1", None, Dialect(stream_usage=False)),
    )
}
"""Profiles by name. A variable such as ``VLLM_BASE_URL`` moves a profile to another address."""

_URL_AND_MODEL = re.compile(r"(https?://[^/]+/[^:]*):(.+)")


def open_compatible(rest: str, env: Mapping[str, str]) -> Teacher:
    """Open ``PROFILE:MODEL`` or ``URL:MODEL``."""
    if rest.startswith(("http://", "https://")):
        found = _URL_AND_MODEL.fullmatch(rest)
        if found is None:
            base_url(rest.rpartition(":")[0] or rest, "the base URL")
            raise TeacherError(f"compatible:{rest} names no model; write compatible:URL:MODEL")
        url, model = base_url(found[1], "the base URL"), found[2]
        key = find_key("COMPATIBLE_API_KEY", env)
        identity = Identity("compatible", model, url, host_is_local(url))
        return ChatTeacher(f"compatible:{rest}", identity, key, dialect=Dialect())
    name, _, model = rest.partition(":")
    profile = PROFILES.get(name)
    if profile is None:
        known = ", ".join(PROFILES)
        raise TeacherError(f"there is no profile {name!r}; known are {known}, or give a URL")
    if not model:
        raise TeacherError(f"compatible:{name} names no model; write compatible:{name}:MODEL")
    return _open_profile(profile, model, env, f"compatible:{rest}")


def _open_profile(profile: Profile, model: str, env: Mapping[str, str], name: str) -> Teacher:
    variable = f"{profile.name.upper()}_BASE_URL"
    url = base_url(env.get(variable) or profile.url, variable)
    own = f"{profile.name.upper()}_API_KEY"
    key = find_key(own, env) if profile.key is None else need_key(profile.key, env, name)
    identity = Identity(profile.name, model, url, host_is_local(url))
    make: type[ChatTeacher] = ChatTeacher
    if profile.batch is not None:
        module, _, kind = profile.batch.partition(":")
        found = getattr(import_module(module), kind)
        make = found if found.speaks(url) else make
    return make(name, identity, key, dialect=profile.dialect)


def _short(name: str) -> Provider:
    profile = PROFILES[name]

    def opener(rest: str, env: Mapping[str, str]) -> Teacher:
        if not rest:
            raise TeacherError(f"{name} needs a model: {name}:MODEL")
        return _open_profile(profile, rest, env, f"{name}:{rest}")

    def status(env: Mapping[str, str], probe: bool) -> Sequence[TeacherStatus]:
        url = (env.get(f"{name.upper()}_BASE_URL") or profile.url) if probe else None
        return (key_status(f"{name}:MODEL", name, profile.key or "", env, url),)

    return Provider(name, f"{name}:MODEL", opener, status)


def _status(env: Mapping[str, str], probe: bool) -> Sequence[TeacherStatus]:
    """Report hosted profiles whose key is set, and local ones that answer."""
    found: list[TeacherStatus] = []
    for profile in PROFILES.values():
        form = f"compatible:{profile.name}:MODEL"
        if profile.name in ("deepseek", "gemini"):
            continue
        if profile.key is not None:
            own = env.get(f"{profile.name.upper()}_BASE_URL") or profile.url
            found.append(key_status(form, profile.name, profile.key, env, own if probe else None))
            continue
        url = env.get(f"{profile.name.upper()}_BASE_URL")
        if url:
            key = find_key(f"{profile.name.upper()}_API_KEY", env)
            found.append(_local_status(form, profile.name, url, key))
    return found


def _local_status(form: str, name: str, url: str, key: Secret | None) -> TeacherStatus:
    """Ask a local server for its models; a short time must do."""
    import httpx

    headers = {} if key is None else {"authorization": f"Bearer {key.reveal()}"}
    try:
        url = base_url(url, f"{name.upper()}_BASE_URL")
        if not host_is_local(url):
            return TeacherStatus(
                form, name, "ready", note=f"{url} is not on this machine; not asked"
            )
        reply = httpx.get(
            f"{url}/models", timeout=2.0, trust_env=False, verify=tls(url), headers=headers
        )
        if reply.status_code in (401, 403):
            mend = f"the server at {url} wants a key: set {name.upper()}_API_KEY"
            return TeacherStatus(form, name, "no key", mend)
        reply.raise_for_status()
        listed = reply.json().get("data", [])
        models = tuple(str(each.get("id", "")) for each in listed if isinstance(each, dict))
    except TeacherError as error:
        return TeacherStatus(form, name, "not running", str(error))
    except (httpx.HTTPError, ValueError, AttributeError):
        return TeacherStatus(form, name, "not running", f"start the server at {url}")
    return TeacherStatus(form, name, "ready", models=models)


PROVIDER = Provider("compatible", "compatible:PROFILE_OR_URL:MODEL", open_compatible, _status)
DEEPSEEK = _short("deepseek")
GEMINI = _short("gemini")
