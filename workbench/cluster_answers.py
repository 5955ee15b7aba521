"""Students and formal teachers on a Ray cluster: what computes goes there, what is written stays.

A worker loads the student once (the base from its own disk, the adapter as it is sent) and says
its digests, so that another base is refused. Batches are those of one machine, in order, so the
answers are the same. Teachers that compute in their own process are opened on the workers;
those elsewhere are asked from here, where their limits and the money are counted. The store, the
cache and the ledger have one owner: a lost worker loses and doubles nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cluster import check_address, connect, in_order, ray_module, workers
from workbench.errors import InputError

if TYPE_CHECKING:
    from distill.student import Conversation, Generation
    from teachers.model import Answer, Identity, Prompt, Sampling
    from teachers.protocol import Teacher
    from workbench.settings import Settings

__all__ = ["ClusterStudent", "ClusterTeacher", "spread"]


class _Pupil:
    """What Ray runs: one loaded student."""

    def __init__(
        self, base: str, adapter: Mapping[str, bytes] | None, expected: tuple[str, str | None]
    ) -> None:
        from distill.errors import DistillError
        from distill.student import Student

        with tempfile.TemporaryDirectory() as folder:
            for name, data in (adapter or {}).items():
                (Path(folder) / name).write_bytes(data)
            self._student = Student.load(base, None if adapter is None else Path(folder))
        if (self._student.digest, self._student.adapter_digest) != expected:
            raise DistillError(f"this worker's {base} is another model than the one asked for")

    def work(self, message: tuple[Sequence[Conversation], dict[str, Any]]) -> list[Generation]:
        """Answer one batch."""
        conversations, how = message
        return self._student.generate(conversations, **how)


@dataclass(frozen=True, slots=True)
class ClusterStudent:
    """The student's place where workers answer for it: ``generate`` as ``distill.Student`` has."""

    base: str
    adapter: Path | None
    digest: str
    adapter_digest: str | None
    jobs: int
    address: str

    @classmethod
    def of(cls, base: str, adapter: Path | None, settings: Settings) -> ClusterStudent:
        """Check the model's files here; no weights are loaded. Raises ``DistillError``."""
        from distill.adapter import read
        from distill.student import base_digest

        assert settings.cluster is not None
        digest = base_digest(base)
        card = None if adapter is None else read(adapter, base_digest=digest)
        return cls(
            base, adapter, digest, None if card is None else card.digest, settings.jobs,
            settings.cluster,
        )  # fmt: skip

    def batches(
        self, batches: Iterable[Sequence[Conversation]], **how: Any
    ) -> Iterator[list[Generation]]:
        """Yield the answers of each batch, in order; the workers end with the iterator."""
        ray = ray_module("The student on a cluster")
        ours = connect(ray, self.address, self.jobs)
        expected = (self.digest, self.adapter_digest)
        hands = workers(ray, _Pupil, self.jobs, self.base, self._files(), expected)
        try:
            yield from in_order(ray, hands, ((list(batch), how) for batch in batches))
        finally:
            for hand in hands:
                ray.kill(hand)
            if ours:
                ray.shutdown()

    def generate(self, conversations: Sequence[Conversation], **how: Any) -> list[Generation]:
        """Answer every conversation as one batch would."""
        (found,) = self.batches([conversations], **how)
        return found

    def _files(self) -> dict[str, bytes] | None:
        if self.adapter is None:
            return None
        return {one.name: one.read_bytes() for one in self.adapter.iterdir() if one.is_file()}


class _Answerer:
    """What Ray runs: teachers, opened once."""

    def __init__(self) -> None:
        self._teachers: dict[str, Teacher] = {}

    def work(self, message: tuple[str, Prompt, Sampling]) -> Answer:
        """Ask one teacher; trouble is a value in its answer."""
        from teachers import open_teacher

        name, prompt, sampling = message
        if name not in self._teachers:
            self._teachers[name] = open_teacher(name)
        return asyncio.run(self._teachers[name].answer(prompt, sampling))


@dataclass(slots=True)
class _Hands:
    """The workers that several teachers of one command share, started at the first question."""

    address: str
    jobs: int
    users: int
    _hands: list[Any] = field(default_factory=list)
    _load: list[int] = field(default_factory=list)
    _ours: bool = False
    _refused: InputError | None = None
    _starting: threading.Lock = field(default_factory=threading.Lock)

    async def ask(self, name: str, prompt: Prompt, sampling: Sampling) -> Answer:
        if not self._hands:
            await asyncio.to_thread(self._begin)
        free = min(range(self.jobs), key=lambda number: self._load[number])
        self._load[free] += 1
        try:
            found: Answer = await self._hands[free].work.remote((name, prompt, sampling))
            return found
        finally:
            self._load[free] -= 1

    def _begin(self) -> None:
        with self._starting:
            if self._hands:
                return
            if self._refused is not None:
                raise self._refused
            ray = ray_module("Asking on a cluster")
            try:
                self._ours = connect(ray, self.address, self.jobs)
            except InputError as error:
                # Ray tries for half a minute: that is done once, not for every question.
                self._refused = error
                raise
            # They reserve nothing: a judge of the same command may wait for what they would hold.
            remote = ray.remote(
                num_cpus=0, max_restarts=-1, max_task_retries=5, scheduling_strategy="SPREAD"
            )(_Answerer)
            self._load = [0] * self.jobs
            self._hands = [remote.remote() for _ in range(self.jobs)]

    def leave(self) -> None:
        """Note that one teacher is closed; the last one ends the workers."""
        self.users -= 1
        if self.users > 0 or not self._hands:
            return
        ray = ray_module("Asking on a cluster")
        for hand in self._hands:
            ray.kill(hand)
        self._hands = []
        if self._ours:
            ray.shutdown()


@dataclass(slots=True)
class ClusterTeacher:
    """A teacher that answers on the cluster; who it is does not change."""

    teacher: Teacher
    hands: _Hands

    @property
    def name(self) -> str:
        """See ``Teacher``."""
        return self.teacher.name

    @property
    def identity(self) -> Identity:
        """See ``Teacher``."""
        return self.teacher.identity

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """See ``Teacher``; a cluster that fails is a failed answer."""
        from ray.exceptions import RayError

        from teachers.model import Failure, FailureKind
        from teachers.wire import failed

        try:
            return await self.hands.ask(self.name, prompt, sampling)
        except RayError as error:
            said = str(error).strip().splitlines()[-1]
            return failed(self.identity, Failure(FailureKind.SERVER, f"the cluster: {said}"))
        except InputError as error:
            # Asking again would not help.
            return failed(self.identity, Failure(FailureKind.BAD_REQUEST, str(error)))

    async def close(self) -> None:
        """See ``Teacher``."""
        await self.teacher.close()
        await asyncio.to_thread(self.hands.leave)


def spread(teachers: Sequence[Teacher], settings: Settings) -> list[Teacher]:
    """Return the teachers, those that compute here moved to the cluster where one is set.

    Raises ``MissingPartError`` without Ray and ``InputError`` where nobody listens.
    """
    moving = [one for one in teachers if _computes(one.identity)]
    if settings.cluster is None or not moving:
        return list(teachers)
    ray_module("Asking on a cluster")
    check_address(settings.cluster)
    hands = _Hands(settings.cluster, settings.jobs, len(moving))
    return [ClusterTeacher(one, hands) if one in moving else one for one in teachers]


def _computes(identity: Identity) -> bool:
    """Whether the answers are computed by the teacher's own process, and not looked up or sent."""
    return identity.local and identity.base_url is None and identity.provider != "recorded"
