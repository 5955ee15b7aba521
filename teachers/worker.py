"""The child process in which formal teachers compute: one fork a job, killable, with limits.

Run as ``python -m teachers.worker``. It imports the solver and the search once, then forks for each
job, so that a job starts in milliseconds, dies alone, and leaves no memory behind. Jobs come as
JSON lines on standard input, results go as JSON lines to standard output. It ends when its input
ends, so a killed parent leaves no orphan. It is not a sandbox: jobs run this package's code only.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any

MEMORY = 2 * 2**30
"""Address space of one job in bytes."""

CPU_SECONDS = 20
"""A fuse, not a budget: jobs are bounded by counts and solver resources long before it."""


def main() -> None:
    """Serve jobs until standard input ends."""
    from teachers.formal import jobs

    jobs.preload()
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # nothing that a library prints may mix with the answers
    for line in sys.stdin:
        answers.write(json.dumps(_supervise(json.loads(line))) + "\n")
        answers.flush()


def _supervise(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, run ``job`` in the child, and return its result or how it died."""
    started = time.perf_counter()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _child(job, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - started
    if data:
        result: dict[str, Any] = json.loads(data)
        return {**result, "seconds": seconds}
    how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no result"
    return {"failed": f"the search process died ({how})", "seconds": seconds}


def _child(job: dict[str, Any], write_end: int) -> None:
    from teachers.formal import jobs

    os.close(0)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # solvers print warnings; what went wrong comes back as a value
    os.dup2(silence, 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    code = 1
    try:
        result = jobs.run(job)
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(json.dumps(result).encode("ascii"))
        code = 0
    except MemoryError:
        os.write(write_end, b'{"failed": "the search ran out of memory"}')
    except Exception as error:  # noqa: BLE001  the border: a job's mistake becomes a value
        told = {"failed": f"the search failed inside: {type(error).__name__}"}
        told["detail"] = traceback.format_exc()
        os.write(write_end, json.dumps(told).encode("ascii"))
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
