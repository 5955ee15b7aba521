"""One worker of the pool: a process that judges what it reads and writes back what it found.

It ends when its input ends, so it never outlives the pool. A mistake in the judge ends it too: the
traceback goes to standard error, from where the pool takes it into an ERROR verdict.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO

from judge import wire

if TYPE_CHECKING:
    from judge.adequacy import Specimen
    from judge.contract import Budget, Submission

    Request = tuple[Submission | Specimen, Budget]

READY = "ready"
CANNOT_START = 78
"""The exit status that says: what was written is a sentence for a person (``EX_CONFIG``)."""


def main() -> None:
    """Serve judging requests from standard input until it ends."""
    source, sink = _take_standard_streams()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, requests), daemon=True).start()
    from judge.judging import Bench
    from judge.sandbox import SandboxError

    try:
        bench = Bench()
    except SandboxError as error:
        print(error, file=sys.stderr)
        sys.exit(CANNOT_START)
    with bench:
        _send(sink, READY)
        while True:
            request, budget = requests.get()
            _limit_memory(budget.memory_mb)
            _send(sink, bench.serve(request, budget))


def _take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes private, so that a stray print cannot break the messages."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return source, sink


def _listen(source: BinaryIO, requests: queue.SimpleQueue[Request]) -> None:
    while (message := wire.read(source)) is not None:
        requests.put(message)  # type: ignore[arg-type]  # the pool sends nothing else
    # The pool is gone, perhaps killed: leave at once, even from the middle of a proof.
    os._exit(0)


def _send(sink: BinaryIO, message: object) -> None:
    sink.write(wire.pack(message))
    sink.flush()


def _limit_memory(megabytes: int) -> None:
    """Limit this process's address space; the hard limit stays so that the next job may differ."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = megabytes << 20
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
