"""Long work, outside the page: a job is a ``workbench`` command in a process of its own.

A reload, a closed browser or a stopped dashboard changes nothing for it. A job is a folder under
``jobs/`` in the home: ``command.json`` (what, when, which process), ``out`` (its data), ``log``
(what it said meanwhile) and, last, ``status`` (how it ended). Progress is in the database, where
the round's own events are.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TAIL = 6_000
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Those started by this process: it must collect them when they end. Jobs outlive it all the same,
since everything else about a job is in its folder."""


@dataclass(frozen=True, slots=True)
class Job:
    """One started command; ``status`` is its exit status, or None while it runs."""

    folder: Path
    command: tuple[str, ...]
    pid: int
    started: float
    status: int | None

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def state(self) -> str:
        """ "running", "done", "no" (exit 1), "unsure" (3), "stopped" (130), "lost" or "failed"."""
        if self.status is None:
            return "running" if _alive(self.pid) else "lost"
        return {0: "done", 1: "no", 3: "unsure", 130: "stopped"}.get(self.status, "failed")

    @property
    def tail(self) -> str:
        """The last lines that the job said, and the last of its data."""
        return "".join(self._end(name) for name in ("log", "out"))

    @property
    def data(self) -> Any:
        """What a job that was started with ``--json`` printed; None while it is not whole."""
        if self.status is None:
            return None
        try:
            return json.loads((self.folder / "out").read_bytes())
        except (OSError, ValueError):
            return None

    def _end(self, name: str) -> str:
        try:
            said = (self.folder / name).read_bytes()[-TAIL:]
        except FileNotFoundError:
            return ""
        return said.decode("utf-8", "replace")


def start(home: Path, command: Sequence[str]) -> Job:
    """Start ``workbench ...`` detached from this process and return at once."""
    if not command or command[0] != "workbench":
        raise ValueError("a job is a workbench command")
    folder = home / "jobs" / f"{time.time_ns():020d}"
    folder.mkdir(parents=True)
    runner = [sys.executable, "-c", "from workbench.cli import main; main()", *command[1:]]
    # The shell outlives the command to write down how it ended; the status file comes last.
    line = f"{shlex.join(runner)} > out 2> log; echo $? > .status; mv .status status"
    process = subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={**os.environ, "WORKBENCH_HOME": str(home), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    _CHILDREN[process.pid] = process
    begun = time.time()
    record = {"command": list(command), "pid": process.pid, "started": begun}
    (folder / "command.json").write_text(json.dumps(record), encoding="utf-8")
    return Job(folder, tuple(command), process.pid, begun, None)


def jobs(home: Path, *, last: int = 20) -> tuple[Job, ...]:
    """Return the last jobs, the newest first."""
    folders = sorted((home / "jobs").glob("[0-9]*"), reverse=True)[:last]
    return tuple(job for folder in folders if (job := _read(folder)) is not None)


def stop(job: Job) -> None:
    """Ask a job to stop as Ctrl-C would; what it has done is kept."""
    if job.state == "running":
        os.killpg(job.pid, signal.SIGINT)


def _read(folder: Path) -> Job | None:
    try:
        record = json.loads((folder / "command.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if record["pid"] in _CHILDREN:
        _CHILDREN[record["pid"]].poll()
    status = folder / "status"
    ended = int(status.read_text().strip() or 1) if status.exists() else None
    return Job(folder, tuple(record["command"]), record["pid"], record["started"], ended)


def _alive(pid: int) -> bool:
    child = _CHILDREN.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
