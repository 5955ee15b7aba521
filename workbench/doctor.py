"""What works on this machine, what does not, and the one line that mends it.

Each finding is a fact looked up now. Nothing here sends a request off this machine unless it is
asked to probe, and nothing shows a key.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata, util
from typing import Literal

from workbench.settings import Settings

__all__ = ["Finding", "State", "examine"]

State = Literal["ok", "note", "missing", "broken"]
"""ok: works · note: works, with a remark · missing: an optional part · broken: needed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: an area, a thing, its state, a detail and the mend."""

    area: str
    name: str
    state: State
    detail: str
    mend: str = ""


def examine(settings: Settings, *, probe: bool = False) -> list[Finding]:
    """Look at everything; ``probe`` also sends one request to each configured provider."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _machine(settings),
        _parts,
        _sandbox,
        lambda: _store(settings),
        _keys,
        lambda: _teachers(probe),
    )
    return [finding for look in looks for finding in look()]


def _machine(settings: Settings) -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("machine", "Python", "ok", f"{version} on {platform.system()}")
    home = settings.home
    place = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(place).free / 2**30
    if free < 1:
        yield Finding(
            "machine", "disk", "broken", f"{free:.1f} GiB free at {place}", "Make room: 2 GiB."
        )
    else:
        yield Finding("machine", "disk", "ok", f"{free:.0f} GiB free at {place}")


_PARTS = (
    # distribution, module, extra, what it is for
    ("z3-solver", "z3", "", "proving"),
    ("cvc5", "cvc5", "", "the second opinion and the synthesis teacher"),
    ("bitwuzla", "bitwuzla", "verify", "floating-point proofs"),
    ("torch", "torch", "train", "the student"),
    ("transformers", "transformers", "train", "the student"),
    ("peft", "peft", "train", "LoRA"),
    ("trl", "trl", "train", "training"),
    ("streamlit", "streamlit", "ui", "the dashboard"),
)


def _parts() -> Iterator[Finding]:
    for distribution, module, extra, purpose in _PARTS:
        if util.find_spec(module) is not None:
            yield Finding("parts", distribution, "ok", metadata.version(distribution))
        else:
            wanted = f"distillation-workbench[{extra}]" if extra else "distillation-workbench"
            yield Finding(
                "parts",
                distribution,
                "missing" if extra else "broken",
                f"not installed; needed for {purpose}",
                f'{sys.executable} -m pip install "{wanted}"',
            )


def _sandbox() -> Iterator[Finding]:
    from judge.sandbox import SandboxError, open_sandbox

    try:
        with open_sandbox() as sandbox:
            for name, active, words in sandbox.describe():
                yield Finding("sandbox", name, "ok" if active else "note", words)
            warning = sandbox.warning()
    except SandboxError as error:
        yield Finding("sandbox", "sandbox", "broken", str(error), "See docs/sandbox.md.")
        return
    if warning is not None:
        yield Finding("sandbox", "warning", "note", warning, "See docs/sandbox.md.")


def _store(settings: Settings) -> Iterator[Finding]:
    from workbench.errors import WorkbenchError
    from workbench.store.database import open_store

    if not settings.home.exists():
        yield Finding(
            "store", "home", "note", f"{settings.home} is not there yet", "workbench init"
        )
        return
    try:
        with open_store(settings) as store:
            yield Finding("store", "database", "ok", store.describe())
    except WorkbenchError as error:
        yield Finding("store", "database", "broken", error.message, error.mend)


def _keys() -> Iterator[Finding]:
    from workbench.certificate.keys import list_keys

    keys = list_keys()
    if keys:
        yield Finding("keys", "signing key", "ok", f"{len(keys)} there")
    else:
        yield Finding("keys", "signing key", "note", "none yet", "workbench key new")


def _teachers(probe: bool) -> Iterator[Finding]:
    import teachers

    for status in teachers.available(probe=probe):
        ready = status.state == "ready"
        detail = status.state if not status.models else f"{status.state}: {_few(status.models)}"
        yield Finding("teachers", status.name, "ok" if ready else "missing", detail, status.mend)


def _few(names: tuple[str, ...], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
