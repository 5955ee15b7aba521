"""Deploying to Ollama: an exported student becomes a model there, is tried, and then switched to.

Each student gets a tag of its own (``NAME:ROUND``); ``NAME:latest`` is a copy of the one in use, so
that switching and rolling back are one call each, and what was there before stays. Ollama gets the
merged model as GGUF: its recent versions read no adapters.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, StageError
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, SettingRow

if TYPE_CHECKING:
    from ollama import Client

__all__ = ["Deployment", "deploy_student", "deployed", "switch_back"]

_KEY = "deployed_student"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What ``NAME:latest`` on a host is, and what it was before."""

    host: str
    name: str
    tag: str
    adapter_id: str
    same: int
    """Probe prompts on which it answered as the student here; of ``tried``."""
    tried: int
    previous: tuple[str, ...] = ()
    """Tags that were in use before, the latest last."""


def deployed(store: Store) -> Deployment | None:
    """Return what was deployed last from this home, or None."""
    with store.read() as session:
        row = session.get(SettingRow, _KEY)
    if row is None:
        return None
    value = parse(row.value)
    return Deployment(**{**value, "previous": tuple(value["previous"])})


def deploy_student(
    store: Store, exported: Path, adapter: AdapterRow, *, name: str, host: str | None = None
) -> Deployment:
    """Create the exported student on an Ollama, try it, and switch ``name`` to it.

    Nothing is switched unless it answers most probes as the student here does. Raises
    ``StageError`` when no Ollama is there or the model is not fit, ``InputError`` for a bad name.
    """
    from distill.export import PROBES
    from distill.student import Student

    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise InputError(f"{name!r} is no model name for Ollama.", "Use letters, digits, . _ -")
    client, where = _client(host)
    tag = f"{name}:{(adapter.round_id or adapter.id).lower()}-{adapter.digest[:8]}"
    student = Student.load(exported / "merged")
    template, parameters = _read_modelfile(exported / "Modelfile")
    _call(where, lambda: _create(client, tag, exported / "student.gguf", template, parameters))
    asked = [(("user", prompt),) for prompt in PROBES]
    ours = [one.text.strip() for one in student.generate(asked, max_tokens=64)]
    theirs = [_call(where, lambda p=prompt: _answer(client, tag, p)) for prompt in PROBES]
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    if 2 * same < len(PROBES):
        raise StageError(
            f"{tag} on {where} answers {len(PROBES) - same} of {len(PROBES)} probes otherwise than "
            "the student here, so nothing was switched.",
            "Look at its template there: ollama show " + tag,
        )
    _call(where, lambda: client.copy(tag, f"{name}:latest"))
    before = deployed(store)
    past: tuple[str, ...] = ()
    if before is not None and (before.host, before.name) == (where, name):
        past = before.previous if before.tag == tag else (*before.previous, before.tag)
    found = Deployment(where, name, tag, adapter.id, same, len(PROBES), past)
    _keep(store, found)
    return found


def switch_back(store: Store) -> Deployment:
    """Point ``NAME:latest`` at the student that was there before; ``StageError`` without one."""
    now = deployed(store)
    if now is None or not now.previous:
        raise StageError(
            "No student was deployed before this one.", "See: workbench student status"
        )
    client, where = _client(now.host)
    tag = now.previous[-1]
    _call(where, lambda: client.copy(tag, f"{now.name}:latest"))
    back = Deployment(where, now.name, tag, "", 0, 0, now.previous[:-1])
    _keep(store, back)
    return back


def _client(host: str | None) -> tuple[Client, str]:
    import os

    from ollama import Client

    where = host or os.environ.get("OLLAMA_HOST") or "http://127.0.0.1:11434"
    return Client(host=where, timeout=600), where


def _call(where: str, body: Any) -> Any:
    import httpx
    import ollama

    try:
        return body()
    except (ConnectionError, httpx.HTTPError) as error:
        raise StageError(
            f"No Ollama answers at {where}.", "Start it (ollama serve), or give --host."
        ) from error
    except ollama.ResponseError as error:
        raise StageError(f"Ollama at {where} refused: {error.error}") from error


def _create(
    client: Client, tag: str, file: Path, template: str, parameters: dict[str, Any]
) -> None:
    digest = client.create_blob(file)
    client.create(
        model=tag, files={file.name: digest}, template=template, parameters=parameters, stream=False
    )


def _answer(client: Client, tag: str, prompt: str) -> str:
    found = client.chat(
        model=tag,
        messages=[{"role": "user", "content": prompt}],
        options={"temperature": 0, "num_predict": 64},
    )
    return (found.message.content or "").strip()


def _read_modelfile(path: Path) -> tuple[str, dict[str, Any]]:
    """Return template and parameters of a Modelfile that an export wrote."""
    import json

    text = path.read_text(encoding="utf-8")
    template = text.split('TEMPLATE """', 1)[1].split('"""', 1)[0]
    parameters: dict[str, Any] = {}
    for name, value in re.findall(r"^PARAMETER (\w+) (.+)$", text, re.MULTILINE):
        parsed = json.loads(value)
        if name == "stop":
            parameters.setdefault("stop", []).append(parsed)
        else:
            parameters[name] = parsed
    return template, parameters


def _keep(store: Store, found: Deployment) -> None:
    with store.write() as session:
        value = canonical({**asdict(found), "previous": list(found.previous)})
        row = session.get(SettingRow, _KEY) or SettingRow(key=_KEY, value=value)
        row.value = value
        session.add(row)
