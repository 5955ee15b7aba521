"""The parent's side of the formal teachers' child process: start, ask, kill, start again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

FUSE_SECONDS = 120.0
"""Wall-clock fuse for one job. Blowing it is a failure, never an answer."""

_PASSED = ("PATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Child:
    """One worker process, started at the first job. Jobs run one after another; thread-safe."""

    def __init__(self, *, fuse: float = FUSE_SECONDS) -> None:
        self._fuse = fuse
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run one job and return its result; ``{"failed": sentence}`` when the process died."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            alarm = threading.Timer(self._fuse, _kill, [process])
            alarm.start()
            try:
                process.stdin.write(json.dumps(job).encode("ascii") + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = b""
            finally:
                alarm.cancel()
            if not line:
                self._stop()
                return {"failed": "the search process ended without an answer"}
            result: dict[str, Any] = json.loads(line)
            return result

    def kill(self) -> None:
        """End the process now, from any thread; a job in it comes back as failed."""
        process = self._process
        if process is not None:
            _kill(process)

    def close(self) -> None:
        """End the process and wait for it."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            root = str(Path(__file__).resolve().parent.parent)
            environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
            # Keys in our environment are no business of the child; threads would only contend.
            environment |= {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
            environment |= {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "teachers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                # What was not yet sent to the child has nobody left to read it.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __del__(self) -> None:
        self._stop()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and the job that it forked: they are a process group of their own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
