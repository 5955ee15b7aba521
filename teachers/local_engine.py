"""What an Ollama server has and can get: list, show, pull with progress, and what would fit.

The teacher that answers is in ``teachers.ollama``; this is the housekeeping around it. Calls block;
trouble is a ``TeacherError`` with the line that mends it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from teachers.errors import TeacherError
from teachers.ollama import context_length, host
from teachers.openai import host_is_local
from teachers.wire import tls


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that the server holds. ``digest`` names its exact bytes; ``size`` is in bytes."""

    name: str
    digest: str
    size: int
    parameters: str = ""
    quantisation: str = ""
    context: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: ``completed`` of ``total`` bytes of the layer ``digest``."""

    status: str
    digest: str = ""
    completed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Advice:
    """A model that fits, with the reason; ``score`` is measured on the user's own tasks."""

    model: LocalModel
    score: float | None
    why: str


class LocalEngine:
    """One Ollama server, found by ``OLLAMA_HOST`` in ``env``."""

    def __init__(self, env: Mapping[str, str], *, timeout: float = 30.0) -> None:
        import ollama

        self._url = host(env)
        trust = not host_is_local(self._url)
        self._client = ollama.Client(
            host=self._url, timeout=timeout, trust_env=trust, verify=tls(self._url)
        )

    def check(self) -> None:
        """Raise ``TeacherError`` with the line that mends it when the server does not answer."""
        self._call(self._client.list)

    def models(self) -> list[LocalModel]:
        """Return the models that are there, by name."""
        listed = self._call(self._client.list)
        found = [
            LocalModel(
                name=str(each.model),
                digest=str(each.digest or ""),
                size=int(each.size or 0),
                parameters=str(getattr(each.details, "parameter_size", "") or ""),
                quantisation=str(getattr(each.details, "quantization_level", "") or ""),
            )
            for each in listed.models
        ]
        return sorted(found, key=lambda model: model.name)

    def show(self, name: str) -> LocalModel:
        """Return one model with its context length; the tag ``:latest`` may be left out."""
        known = {model.name: model for model in self.models()}
        model = known.get(name) or known.get(f"{name}:latest")
        if model is None:
            raise TeacherError(f"Ollama has no model {name}; get it with: ollama pull {name}")
        shown = self._call(lambda: self._client.show(model.name))
        return LocalModel(
            model.name,
            model.digest,
            model.size,
            model.parameters,
            model.quantisation,
            context_length(shown.modelinfo or {}),
        )

    def pull(self, name: str) -> Iterator[Progress]:
        """Download ``name``, yielding progress. A broken-off download goes on where it stopped.

        Raises ``TeacherError`` when the server reports an error or ends before "success".
        """
        last = ""
        stream = self._call(lambda: self._client.pull(name, stream=True))
        for step in self._each(stream):
            last = str(step.status or "")
            yield Progress(
                last, str(step.digest or ""), int(step.completed or 0), int(step.total or 0)
            )
        if last != "success":
            raise TeacherError(f"the download of {name} stopped at {last!r}; pull it again")

    def _each(self, stream: Any) -> Iterator[Any]:
        iterator = iter(stream)
        while True:
            step = self._call(lambda: next(iterator, None))
            if step is None:
                return
            yield step

    def _call(self, action: Callable[[], Any]) -> Any:
        import httpx
        import ollama

        try:
            return action()
        except ollama.ResponseError as error:
            raise TeacherError(f"Ollama says: {error.error}") from None
        except (ConnectionError, httpx.HTTPError):
            if host_is_local(self._url) and shutil.which("ollama") is None:
                message = "Ollama is not installed; get it from https://ollama.com/download"
                raise TeacherError(message) from None
            message = f"Ollama at {self._url} cannot be reached; start it with: ollama serve"
            raise TeacherError(message) from None

    def close(self) -> None:
        """Close the connection."""
        self._client._client.close()


@cache
def catalogue() -> tuple[str, tuple[LocalModel, ...]]:
    """Return the date of the list and the code models that can be pulled, the smallest first."""
    data = json.loads(files("teachers").joinpath("local_models.json").read_text("utf-8"))
    models = tuple(LocalModel(each["name"], "", int(each["bytes"])) for each in data["models"])
    return str(data["date"]), models


def recommend(
    models: Sequence[LocalModel], free_bytes: int, scores: Mapping[str, float]
) -> list[Advice]:
    """Return the models that fit into ``free_bytes`` of memory, best first.

    A model needs its file and about a fifth more for context. ``scores`` are shares of proved
    answers on the user's own tasks; a measured model comes before one that nobody has measured.
    """
    found: list[Advice] = []
    for model in models:
        need = model.size * 6 // 5
        if need > free_bytes:
            continue
        score = scores.get(model.name)
        room = f"needs about {need / 1e9:.1f} GB of {free_bytes / 1e9:.1f} GB free"
        measured = "not measured on your tasks" if score is None else f"{score:.0%} proved"
        found.append(Advice(model, score, f"{measured}; {room}"))

    def order(advice: Advice) -> tuple[bool, float, int]:
        return (advice.score is None, -(advice.score or 0.0), -advice.model.size)

    return sorted(found, key=order)
