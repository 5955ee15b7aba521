"""Work on a Ray cluster, in order and each piece once; judging is the first kind of it.

Ray places the workers and starts a lost one again; each worker judges through the local pool, so
the fuses, the memory limits and the sandbox are those of one machine. A judgement is a function of
its submission: what was under way on a lost worker is judged again and comes back once. Not here:
a scheduler, a queue or a retry of our own; and students and teachers (``cluster_answers``).
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, MissingPartError, StageError

if TYPE_CHECKING:
    from judge.contract import Budget, Submission
    from judge.verdict import Judgement

__all__ = [
    "LOCAL", "address_of", "check_address", "connect", "in_order", "judge_anywhere",
    "judge_on_ray", "ray_module", "workers",
]  # fmt: skip

LOCAL = "local"
"""The address that means: a cluster of this machine alone, for as long as this process lives."""
_CHUNK = 8
"""Submissions a message; a message costs about as much as a cheap judgement."""
_AHEAD = 3
"""Messages under way for each worker."""
_RETRIES = 5
"""How often a message is sent again when its worker is lost."""


def address_of(where: str | None) -> str | None:
    """Return the cluster's address for ``--on``: "ray" is this machine's own, else an address."""
    return LOCAL if where == "ray" else where


def judge_anywhere(
    submissions: Iterable[Submission],
    *,
    jobs: int,
    budget: Budget | None = None,
    on_done: Callable[[Judgement], None] | None = None,
    cluster: str | None = None,
) -> Iterator[Judgement]:
    """As ``judge.judge_many``: on the cluster where one is named, else on this machine."""
    if cluster is not None:
        return judge_on_ray(submissions, jobs=jobs, budget=budget, on_done=on_done, address=cluster)
    from judge.pool import judge_many

    return judge_many(submissions, jobs=jobs, budget=budget, on_done=on_done)


def judge_on_ray(
    submissions: Iterable[Submission],
    *,
    jobs: int,
    budget: Budget | None = None,
    on_done: Callable[[Judgement], None] | None = None,
    address: str = LOCAL,
) -> Iterator[Judgement]:
    """Yield one judgement a submission, in input order, judged by ``jobs`` Ray workers.

    Raises ``MissingPartError`` without Ray and ``InputError`` when the cluster does not answer.
    """
    ray = ray_module("Judging on a cluster")
    ours = connect(ray, address, jobs)
    try:
        source = iter(submissions)
        messages = iter(lambda: (list(islice(source, _CHUNK)), budget), ([], budget))
        for judgements in in_order(ray, workers(ray, _Worker, jobs), messages):
            for judgement in judgements:
                if on_done is not None:
                    on_done(judgement)
                yield judgement
    finally:
        if ours:
            ray.shutdown()


class _Worker:
    """What Ray runs: one judge process, kept from message to message."""

    def work(self, message: tuple[Sequence[Submission], Budget | None]) -> list[Judgement]:
        """Judge a message; a failure of the judge is an ERROR among them, not an exception."""
        from judge import judge_many

        submissions, budget = message
        return list(judge_many(submissions, jobs=1, budget=budget))


def workers(ray: Any, kind: type, jobs: int, *arguments: object) -> list[Any]:
    """Start ``jobs`` workers of a class with a method ``work``; Ray starts lost ones again."""
    remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_RETRIES)(kind)
    return [remote.remote(*arguments) for _ in range(jobs)]


def in_order(ray: Any, hands: Sequence[Any], messages: Iterator[Any]) -> Iterator[Any]:
    """Yield what the workers make of the messages, in the order of the messages.

    A few messages a worker are under way; the rest is not read yet. Raises ``StageError`` when a
    message failed on every worker that tried it, or a worker cannot begin.
    """
    under_way: deque[Any] = deque()
    load = dict.fromkeys(range(len(hands)), 0)
    owner: dict[Any, int] = {}
    waiting: list[Any] = []
    exhausted = False
    while not exhausted or under_way:
        while not exhausted and len(under_way) < len(hands) * _AHEAD:
            message = next(messages, None)
            if message is None:
                exhausted = True
                break
            free = min(load, key=lambda number: load[number])
            reference = hands[free].work.remote(message)
            owner[reference], load[free] = free, load[free] + 1
            under_way.append(reference)
            waiting.append(reference)
        if not under_way:
            return
        # Results are taken as they come, so that a worker is never idle behind a slow neighbour.
        ready, waiting = ray.wait(waiting, num_returns=1, timeout=None)
        for reference in ready:
            load[owner.pop(reference)] -= 1
        while under_way and under_way[0] not in owner:
            yield _got(ray, under_way.popleft())


def _got(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise StageError(
            f"The cluster could not do it: {said[-1] if said else type(error).__name__}.",
            "See ray status, and that the workers have the same packages and files.",
        ) from error


def connect(ray: Any, address: str, jobs: int) -> bool:
    """Join the cluster; True when it was started here and is ours to end."""
    if ray.is_initialized():
        return False
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    check_address(address)
    try:
        if address == LOCAL:
            ray.init(num_cpus=jobs, **quiet)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        raise _silent(address, str(error).splitlines()[0]) from error
    return True


def check_address(address: str) -> None:
    """See that somebody listens there: Ray itself would wait for minutes. Raises ``InputError``."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        raise _silent(address, str(error)) from error


def _silent(address: str, said: str) -> InputError:
    return InputError(
        f"The Ray cluster at {address!r} does not answer: {said}.",
        f"Start one (ray start --head), or use {LOCAL!r}; where it asks for a token, set "
        "RAY_AUTH_MODE=token here too (see: ray get-auth-token).",
    )


def ray_module(what: str) -> Any:
    """Return Ray; ``MissingPartError`` says that ``what`` needs it."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingPartError.extra(what, "scale") from error
    return ray
