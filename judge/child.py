"""One worker process as the pool sees it: its pipes, the request it holds, its fuse."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from judge import wire
from judge.contract import Budget

PATIENCE = 4
"""How many fuses long a worker on a busy machine may take."""
START_SECONDS = 180.0
"""How long a worker may take to load its solvers, on a very busy machine."""


class Child:
    """A worker process in a session of its own, so that a terminal's Ctrl-C is the pool's."""

    def __init__(self) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        home = str(Path(__file__).resolve().parent.parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "judge.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.output, False)
        self.buffer = bytearray()
        self.ready = False
        self.job: tuple[int, object] | None = None
        self.fuse = START_SECONDS
        self.deadline = time.monotonic() + self.fuse
        self.served = 0
        self.started = time.monotonic()
        self.used_before = 0.0

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def give(self, index: int, request: object, budget: Budget) -> None:
        """Send a request; the fuse burns from now. A dead worker is noticed on reading."""
        message = wire.pack((request, budget))
        self.job = (index, request)
        self.fuse = budget.fuse_seconds
        self.started = time.monotonic()
        self.deadline = self.started + self.fuse
        self.used_before = self.processor_seconds()
        self.served += 1
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(message)
            self.process.stdin.flush()

    def processor_seconds(self) -> float:
        """Return the processor time that the worker has used, itself and ended children."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def starved(self) -> bool:
        """Whether the fuse burned down because others had the processor; then it burns on.

        A worker that got less than half of the time is not at fault, up to four fuses' length.
        """
        now = time.monotonic()
        if self.processor_seconds() - self.used_before > self.fuse / 2:
            return False
        if now > self.started + PATIENCE * self.fuse:
            return False
        self.deadline = now + self.fuse / 2
        return True

    def receive(self) -> tuple[list[object], bool]:
        """Return the messages that came in, and whether the worker's output has ended."""
        while True:
            try:
                piece = os.read(self.output, 1 << 20)
            except BlockingIOError:
                return wire.unpack(self.buffer), False
            if not piece:
                return wire.unpack(self.buffer), True
            self.buffer += piece

    def last_words(self) -> str:
        """Return the end of what the worker wrote to standard error."""
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace").strip()[-2_000:]

    def close(self) -> None:
        """Kill the worker with everything in its session's group."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
