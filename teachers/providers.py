"""From the name that a person types to a teacher: one table for built-ins and plug-ins.

A provider is a value of class ``Provider``. Ours are named in ``BUILTINS`` in the same form,
``module:attribute``, in which a stranger's package names its own under the entry-point group
``workbench.teachers``. A plug-in that cannot be loaded is a line in ``available``, not a crash.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Literal

from teachers.errors import TeacherError
from teachers.keys import environment
from teachers.protocol import Teacher

GROUP = "workbench.teachers"

State = Literal[
    "ready", "no key", "key refused", "not reachable", "not installed", "not running",
    "model missing", "broken",
]  # fmt: skip
"""What stands between a provider and its first answer. "broken" is for a plug-in only."""


@dataclass(frozen=True, slots=True)
class TeacherStatus:
    """One line for ``doctor``: what a teacher needs before it can answer.

    ``name`` is what a person types (a pattern such as ``openai:MODEL`` where a model is chosen),
    ``mend`` the one thing to do when ``state`` is not "ready"; ``models`` those known to be there.
    """

    name: str
    provider: str
    state: State
    mend: str = ""
    models: tuple[str, ...] = ()
    note: str = ""
    facts: tuple[str, ...] = ()
    """What a probe found, in words: reachable, authorised, how many models, limits told."""


Opener = Callable[[str, Mapping[str, str]], Teacher]
"""Called with what follows the provider's name and a colon ("" when nothing) and the environment.
Raises ``TeacherError`` with the mend."""

Reporter = Callable[[Mapping[str, str], bool], Sequence[TeacherStatus]]
"""Called with the environment and whether it may probe the network beyond this machine."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One way of getting teachers. ``form`` shows how its names are written."""

    name: str
    form: str
    open: Opener = field(repr=False)
    status: Reporter = field(repr=False)


BUILTINS: Mapping[str, str] = {
    "synthesis": "teachers.builtin:SYNTHESIS",
    "examples": "teachers.builtin:EXAMPLES",
    "recorded": "teachers.builtin:RECORDED",
    "openai": "teachers.openai:PROVIDER",
    "anthropic": "teachers.anthropic:PROVIDER",
    "ollama": "teachers.ollama:PROVIDER",
    "compatible": "teachers.compatible:PROVIDER",
    "deepseek": "teachers.compatible:DEEPSEEK",
    "gemini": "teachers.compatible:GEMINI",
}
"""The providers that come with the package, in the form of an entry point."""


def providers() -> tuple[dict[str, Provider], list[TeacherStatus]]:
    """Return every provider that loads, by name, and a status line for each that does not."""
    loaded: dict[str, Provider] = {}
    broken: list[TeacherStatus] = []
    places = dict(BUILTINS)
    for entry in entry_points(group=GROUP):
        places.setdefault(entry.name, entry.value)
    for name, place in places.items():
        try:
            module, _, attribute = place.partition(":")
            found = getattr(importlib.import_module(module), attribute)
            if not isinstance(found, Provider):
                raise TypeError(f"{place} is a {type(found).__name__}, not a teachers.Provider")
        except Exception as error:  # noqa: BLE001  the border to a stranger's code
            mend = f"mend or remove the package that provides {place} ({error})"
            broken.append(TeacherStatus(name, name, "broken", mend))
            continue
        loaded[name] = found
    return loaded, broken


def open_teacher(name: str, env: Mapping[str, str] | None = None) -> Teacher:
    """Return the teacher that ``name`` names: ``synthesis``, ``openai:MODEL``, ``ollama:MODEL`` ...

    ``env`` stands for the environment (keys, base URLs); by default the process's and ``.env``.
    Raises ``TeacherError`` whose message names what is wrong and what mends it. Nothing is sent.
    """
    settings = environment() if env is None else env
    provider_name, _, rest = name.strip().partition(":")
    loaded, broken = providers()
    found = loaded.get(provider_name)
    if found is None:
        for status in broken:
            if status.name == provider_name:
                raise TeacherError(f"the teacher {name!r} cannot be loaded: {status.mend}")
        close = _closest(provider_name, loaded)
        hint = f"; did you mean {close}?" if close else ""
        forms = ", ".join(provider.form for provider in loaded.values())
        raise TeacherError(f"there is no teacher {name!r}{hint}. Known are: {forms}")
    return found.open(rest.strip(), settings)


def available(env: Mapping[str, str] | None = None, *, probe: bool = False) -> list[TeacherStatus]:
    """Return what each provider needs to answer, ready ones first. Never raises.

    Without ``probe`` nothing beyond this machine is contacted; local servers are asked briefly.
    """
    settings = environment() if env is None else env
    loaded, found = providers()
    for provider in loaded.values():
        try:
            found += provider.status(settings, probe)
        except Exception as error:  # noqa: BLE001  the border to a stranger's code
            mend = f"its status cannot be told: {type(error).__name__}: {error}"
            found.append(TeacherStatus(provider.name, provider.name, "broken", mend))
    return sorted(found, key=lambda status: status.state != "ready")


def _closest(name: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return close[0] if close else ""
