"""The models that are served, by name: load, swap under load, put away. No protocol, no HTTP.

A swap is a new version beside the old one: it is loaded and smoke-tested first, then the name
points to it in one assignment, and the old one ends when its last request has. A version that does
not load or does not answer is dropped and the old one goes on. Adapters of one base share it in
memory and are computed in one batch; only an adapter of a kind that cannot share gets a copy of its
own, and then memory must hold both versions for a while.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from workbench.errors import InputError, MissingPartError, StageError
from workbench.server.engines import ONE_MACHINE, Spread, start_process

if TYPE_CHECKING:
    from distill.continuous import Ask, Engine, Listener, Piece
    from distill.student import Conversation, Student
    from workbench.server.upstream import Upstream

_DRAIN_SECONDS = 600.0
_SMOKE_SECONDS = 120.0
_SMOKE_PROMPT = (("user", "Write a function that returns its argument."),)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to serve under a name: a base model, and an adapter on it or None."""

    name: str
    base: str
    adapter: Path | None = None
    dataset: str | None = None
    """Digest of the rows that the adapter was trained on, where known."""
    engine: str = "torch"
    """"torch" runs it in this process; "vllm", "llamacpp" or an address: see ``engines``."""
    spread: Spread = ONE_MACHINE


@dataclass(frozen=True, slots=True)
class Nature:
    """What kind of model it is, as lists of models show it."""

    architecture: str
    parameters: int
    context: int
    dtype: str
    template: str


@dataclass(frozen=True, slots=True)
class Version:
    """One loaded state of a name."""

    number: int
    spec: Spec
    base_digest: str
    adapter_digest: str | None
    device: str
    nature: Nature
    loaded: float = field(default_factory=time.time)

    @property
    def digest(self) -> str:
        """What tells this version's answers from another's: the adapter's digest, or the base's."""
        return self.adapter_digest or self.base_digest

    @property
    def template_digest(self) -> str:
        """SHA-256 of the chat template."""
        return hashlib.sha256(self.nature.template.encode()).hexdigest()

    @property
    def facts(self) -> dict[str, object]:
        """What ``/health`` and a receipt say of it."""
        return {
            "version": self.number,
            "base": Path(self.spec.base).name,
            "base_digest": self.base_digest,
            "adapter_digest": self.adapter_digest,
            "dataset_digest": self.spec.dataset,
            "template_digest": self.template_digest,
            "device": self.device,
        }


class Cancellable(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """End it at the next token."""
        ...


class Served:
    """A version, the engine that runs it, and its slot in that engine, which others may share."""

    def __init__(self, version: Version, engine: Engine | Upstream, slot: int = 0) -> None:
        self.version = version
        self.engine = engine
        self.slot = slot

    @property
    def running(self) -> int:
        """Requests of this version that get tokens now."""
        return self.engine.load_of(self.slot)[0]

    @property
    def waiting(self) -> int:
        """Requests of this version in the queue."""
        return self.engine.load_of(self.slot)[1]

    def submit(
        self, prompt: Conversation | str, ask: Ask, listener: Listener, *, urgent: bool = False
    ) -> Cancellable:
        """Queue a request; see ``distill.continuous.Engine.submit``."""
        return self.engine.submit(prompt, ask, listener, slot=self.slot, urgent=urgent)


class UnknownModelError(InputError):
    """No model of that name is served."""


class Fleet:
    """Names and what they point to. Safe to use from several threads."""

    def __init__(self, *, batch: int = 32, queue: int = 256, device: str | None = None) -> None:
        self._batch, self._queue, self._device = batch, queue, device
        self._served: dict[str, Served] = {}
        self._failed: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._swap = threading.Lock()
        self._retiring: list[threading.Thread] = []

    @property
    def names(self) -> list[str]:
        """The names, the default one first."""
        return list(self._served)

    @property
    def failures(self) -> dict[str, str]:
        """Names whose last load failed, with the reason; a name may still serve its old version."""
        return dict(self._failed)

    def get(self, name: str | None) -> Served:
        """Return what ``name`` points to now; None means the default."""
        if not self._served:
            raise StageError("No model is loaded.", "Look at /health for the reason.")
        if name is None:
            return next(iter(self._served.values()))
        if name not in self._served:
            known = ", ".join(self._served)
            raise UnknownModelError(f"There is no model {name!r} here.", f"Served: {known}.")
        return self._served[name]

    def all(self) -> list[Served]:
        """Return every served version."""
        return list(self._served.values())

    def beside(self, served: Served) -> list[str]:
        """Return the other names whose adapters share this one's base in memory."""
        return [
            name for name, other in self._served.items()
            if other.engine is served.engine and other is not served
        ]  # fmt: skip

    def load(self, spec: Spec) -> Version:
        """Load or swap ``spec.name``; on ``InputError`` the old version goes on."""
        with self._swap:
            try:
                fresh = self._start(spec)
            except InputError as error:
                self._failed[spec.name] = str(error)
                raise
            old = self._served.get(spec.name)
            self._served[spec.name] = fresh
            self._failed.pop(spec.name, None)
        if old is not None:
            self._retire(old)
        return fresh.version

    def close(self) -> None:
        """End every engine; requests under way are cancelled."""
        for engine in {id(served.engine): served.engine for served in self.all()}.values():
            engine.close()
        for thread in self._retiring:
            thread.join(timeout=5)

    def _start(self, spec: Spec) -> Served:
        from distill.errors import DistillError

        spec.spread.check(spec.engine)
        try:
            loaded = self._here(spec) if spec.engine == "torch" else self._elsewhere(spec)
        except ModuleNotFoundError as error:
            raise MissingPartError.extra("The student", "train") from error
        except DistillError as error:
            raise InputError(f"{spec.name}: {error}") from error
        try:
            smoke(loaded)
        except InputError:
            self._let_go(loaded)
            raise
        number = self._numbers[spec.name] = self._numbers.get(spec.name, 0) + 1
        return Served(replace(loaded.version, number=number), loaded.engine, loaded.slot)

    def _here(self, spec: Spec) -> Served:
        """Load the model into this process, or only its adapter where the base is here already."""
        from distill.adapter import read
        from distill.errors import DistillError
        from distill.slots import UnshareableError
        from distill.student import base_digest

        digest = base_digest(spec.base)
        device = _device(self._device)
        card = None if spec.adapter is None else read(spec.adapter, base_digest=digest)
        engine = self._engine_of(digest) or self._engine(spec.base, None, device)
        try:
            slot = engine.adopt(spec.adapter)
        except UnshareableError:
            self._close_unused(engine)
            engine = self._engine(spec.base, spec.adapter, device)
            slot = engine.adopt(None)
        except DistillError:
            self._close_unused(engine)
            raise
        version = Version(
            0, spec, digest, None if card is None else card.digest,
            str(next(engine.student.model.parameters()).device), _nature(engine.student),
        )  # fmt: skip
        return Served(version, engine, slot)

    def _engine(self, base: str, adapter: Path | None, device: str) -> Engine:
        from distill.continuous import Engine
        from distill.student import Student

        student = Student.load(base, adapter, device)
        return Engine(student, batch=self._batch, queue=self._queue)

    def _engine_of(self, digest: str) -> Engine | None:
        """Return the engine that has the base with this digest and can share it."""
        from distill.continuous import Engine

        for served in self.all():
            engine = served.engine
            if not isinstance(engine, Engine) or engine.student.adapter_digest is not None:
                continue
            if engine.alive and served.version.base_digest == digest:
                return engine
        return None

    def _elsewhere(self, spec: Spec) -> Served:
        """Start the engine, or find it at its address; the tokenizer and its template stay here."""
        from transformers import AutoConfig

        from distill.adapter import read
        from distill.loading import load_tokenizer
        from distill.student import base_digest
        from workbench.server.upstream import Upstream

        tokenizer, digest = load_tokenizer(spec.base), base_digest(spec.base)
        adapter = None if spec.adapter is None else read(spec.adapter, base_digest=digest).digest
        config = AutoConfig.from_pretrained(spec.base)
        process = start_process(
            spec.engine, spec.name, spec.base, spec.adapter, self._batch, spec.spread
        )
        nature = Nature(
            str(config.model_type), 0, int(getattr(config, "max_position_embeddings", 0) or 0),
            "unknown", str(tokenizer.chat_template),
        )  # fmt: skip
        engine = Upstream(process, tokenizer, batch=self._batch, queue=self._queue)
        return Served(Version(0, spec, digest, adapter, spec.engine, nature), engine)

    def _retire(self, old: Served) -> None:
        def wait() -> None:
            old.engine.drain(_DRAIN_SECONDS, old.slot)
            with self._swap:
                self._let_go(old)

        thread = threading.Thread(target=wait, name="retire", daemon=True)
        thread.start()
        self._retiring = [one for one in self._retiring if one.is_alive()] + [thread]

    def _let_go(self, old: Served) -> None:
        """Forget a version's adapter, and its engine where nobody else uses it."""
        old.engine.dismiss(old.slot)
        self._close_unused(old.engine)

    def _close_unused(self, engine: Engine | Upstream) -> None:
        if not any(served.engine is engine for served in self.all()):
            engine.close()


def _device(wanted: str | None) -> str:
    import torch

    return wanted or ("cuda" if torch.cuda.is_available() else "cpu")


def _nature(student: Student) -> Nature:
    config, weights = student.model.config, next(student.model.parameters())
    return Nature(
        str(config.model_type), student.parameters,
        int(getattr(config, "max_position_embeddings", 0) or 0),
        str(weights.dtype).removeprefix("torch."), str(student.tokenizer.chat_template),
    )  # fmt: skip


def smoke(served: Served, prompt: Sequence[tuple[str, str]] = _SMOKE_PROMPT) -> None:
    """Let the model say a few tokens; raises ``InputError`` when it does not."""
    from distill.continuous import Ask

    heard = threading.Event()
    last: list[Piece] = []

    def listen(piece: Piece) -> None:
        if piece.finish is not None:
            last.append(piece)
            heard.set()

    served.submit(tuple(prompt), Ask(max_tokens=8), listen, urgent=True)
    if not heard.wait(_SMOKE_SECONDS):
        raise InputError("the model said nothing for two minutes; it is not put into service")
    if last[0].finish not in ("stop", "length"):
        raise InputError(f"the model failed its smoke test: {last[0].problem or last[0].finish}")
