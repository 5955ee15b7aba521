"""What works on this machine, what does not, and the one line that mends it.

Each finding is a fact looked up now. Nothing here sends a request off this machine unless it is
asked to probe, and nothing shows a key.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata, util
from typing import TYPE_CHECKING, Literal

from workbench.settings import Settings

if TYPE_CHECKING:
    from teachers.providers import TeacherStatus

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
        lambda: _teachers(settings, probe),
        lambda: _asking(settings),
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


def _teachers(settings: Settings, probe: bool) -> Iterator[Finding]:
    import teachers
    from teachers.private import no_remote_sockets

    # In private mode a probe may look at this machine only, whatever was asked for.
    with no_remote_sockets() if settings.private else nullcontext():
        statuses = teachers.available(probe=probe)
    for status in statuses:
        ready = status.state == "ready"
        words = " · ".join(status.facts) or status.note
        detail = status.state if ready or not words else words
        if ready and words:
            detail = f"{detail}: {words}"
        elif ready and status.models:
            detail = f"{detail}: {_few(status.models)}"
        yield Finding("teachers", status.name, "ok" if ready else "missing", detail, status.mend)
    yield from _models(settings, statuses, probe)


def _models(
    settings: Settings, statuses: Sequence[TeacherStatus], probe: bool
) -> Iterator[Finding]:
    """Look at the models that this home has asked or routes to: there, and at a known price?"""
    from teachers.errors import TeacherError
    from teachers.providers import open_teacher
    from workbench.errors import WorkbenchError
    from workbench.stages.door import price_book

    listed = {status.provider: status.models for status in statuses if status.models}
    try:
        book, names = price_book(settings), _used(settings)
    except WorkbenchError:
        return  # the finding about that file or database says it
    for name in names:
        try:
            identity = open_teacher(name).identity
        except TeacherError as error:
            yield Finding("models", name, "missing", "cannot be opened", str(error))
            continue
        if not identity.local and book.price(identity) is None:
            who = f"{identity.provider}:{identity.model}"
            mend = f"workbench sources price {who} INPUT OUTPUT"
            yield Finding("models", name, "note", "no price is known", mend)
        known = listed.get(identity.provider)
        if known is None:
            continue
        if identity.model in known:
            yield Finding("models", name, "ok", "is there")
        elif probe or identity.local:
            mend = f"{identity.provider} has: {_few(known, 5)}"
            near = get_close_matches(identity.model, known, n=1)
            mend = f"did you mean {near[0]}? {mend}" if near else mend
            yield Finding("models", name, "missing", "is not in the provider's list", mend)


def _used(settings: Settings) -> list[str]:
    """Return the teachers that answered here or that a route names, except those of this house."""
    from sqlmodel import select

    from workbench.store.database import open_store
    from workbench.store.tables import SourceRow

    found = {name for route in settings.routes.values() for name in route}
    if settings.home.exists():
        with open_store(settings) as store, store.read() as session:
            rows = session.exec(select(SourceRow).where(SourceRow.kind == "teacher")).all()
        found |= {row.id for row in rows}
    return sorted(name for name in found if ":" in name and not name.startswith("recorded:"))


def _asking(settings: Settings) -> Iterator[Finding]:
    """Look at what stands against asking: prices that cannot be read, circuits, alerts, batches."""
    from workbench.errors import WorkbenchError
    from workbench.prices import own_prices, price_path
    from workbench.store.database import open_store
    from workbench.store.views import asking
    from workbench.told_limits import told_limits

    try:
        prices = own_prices(settings)
    except WorkbenchError as error:
        yield Finding("asking", "prices", "broken", error.message, error.mend)
        return
    if prices:
        yield Finding(
            "asking", "prices", "ok", f"{len(prices)} of your own in {price_path(settings)}"
        )
    if not settings.home.exists():
        return
    try:
        with open_store(settings) as store, store.engine.connect() as connection:
            circuits, alerts = asking.circuits(connection), asking.alerts(connection)
            under_way = [each for each in asking.batches(connection) if each.state != "done"]
    except WorkbenchError:
        return  # the finding about the store says it
    for provider, said in sorted(told_limits(settings).items()):
        yield Finding("asking", provider, "ok", said)
    for circuit in circuits:
        mend = f"workbench sources reset {circuit.provider}"
        detail = f"set aside ({circuit.kind}; {circuit.words}): {circuit.message}"
        yield Finding("asking", circuit.provider, "note", detail, mend)
    for alert in alerts:
        if alert.kind != "circuit":
            mend = f"workbench sources dismiss {alert.id}"
            yield Finding("asking", f"alert {alert.id}", "note", alert.message, mend)
    if under_way:
        count = sum(each.requests for each in under_way)
        detail = f"{count} questions under way in {len(under_way)}"
        yield Finding("asking", "batches", "note", detail, "workbench sources batches")


def _few(names: tuple[str, ...], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
