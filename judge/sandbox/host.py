"""The judge's end of the fork server: start it, order children, kill them, end it.

It starts one program (``inside/bootstrap.py``) and speaks to it over one socket that no candidate
holds. What candidates send is read in ``session``.
"""

from __future__ import annotations

import array
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from judge.sandbox import frames
from judge.sandbox.model import SandboxError

_BOOTSTRAP = Path(__file__).with_name("inside") / "bootstrap.py"
_START_SECONDS = 60.0
_STATUS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a child ended: an exit code, or the signal that ended it, and what it had used."""

    code: int
    """As ``os.waitstatus_to_exitcode`` gives it: negative is a signal."""
    cpu_seconds: float
    peak_kib: int


class Child:
    """One forked process: the socket to it, and the pipe on which its end is announced."""

    def __init__(self, server: ForkServer, job: int, channel: socket.socket, status: int) -> None:
        self.channel = channel
        self._server, self._job, self._status = server, job, status

    def ended(self) -> Status | None:
        """Wait for the end of the process; None when the fork server died with it."""
        if self._status < 0:
            return None
        body = b""
        deadline = time.monotonic() + _STATUS_SECONDS
        poll = select.poll()
        poll.register(self._status, select.POLLIN)
        while len(body) < frames.STATUS.size:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            part = os.read(self._status, frames.STATUS.size - len(body))
            if not part:
                return None
            body += part
        status, user, system, peak = frames.STATUS.unpack(body)
        return Status(os.waitstatus_to_exitcode(status) if status >= 0 else 70, user + system, peak)

    def kill(self) -> None:
        """Have the process killed; returns at once."""
        self._server.order_kill(self._job)

    def close(self) -> None:
        """Kill the process and give the descriptors back."""
        if self._status >= 0:
            self.kill()
            self.channel.close()
            os.close(self._status)
            self._status = -1
            self._server.released()


class ForkServer:
    """A running fork server. Several threads may start children at the same time."""

    def __init__(self, without: tuple[str, ...]) -> None:
        self._lock = threading.Lock()
        self._jobs = 0
        self.live = 0
        self.owner = os.getpid()
        ours, theirs = socket.socketpair()
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", str(_BOOTSTRAP)),
                    *(str(theirs.fileno()), ",".join(without)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"},
                pass_fds=(theirs.fileno(),),
                cwd="/",
                start_new_session=True,
            )
        report = self._hello()
        self.layers: tuple[str, ...] = tuple(report["layers"])
        self.lacking: Mapping[str, str] = MappingProxyType(report["lacking"])

    def _hello(self) -> dict[str, Any]:
        self._control.settimeout(_START_SECONDS)
        text = b""
        try:
            while not text.endswith(b"\n"):
                part = self._control.recv(65536)
                if not part:
                    raise SandboxError(
                        f"the fork server ended while it started (exit {self._process.wait()}); "
                        f"run {sys.executable} -P -s -S {_BOOTSTRAP} by hand to see why"
                    )
                text += part
        except TimeoutError:
            self.close()
            raise SandboxError("the fork server did not start in time") from None
        self._control.settimeout(None)
        answer = json.loads(text)
        assert isinstance(answer, dict)
        return answer

    @property
    def started(self) -> int:
        """How many children this server has started."""
        return self._jobs

    def start(self) -> Child:
        """Fork one child; raises ``SandboxError`` when the server is gone."""
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            with self._lock:
                self._jobs += 1
                job = self._jobs
                handles = array.array("i", [theirs.fileno(), write])
                self._control.sendmsg(
                    [frames.CONTROL.pack(b"s", job)],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)],
                )
                self.live += 1
        except OSError as error:
            ours.close()
            os.close(read)
            raise SandboxError(f"the fork server is gone ({error})") from error
        finally:
            theirs.close()
            os.close(write)
        ours.setblocking(False)
        return Child(self, job, ours, read)

    def order_kill(self, job: int) -> None:
        """Ask for a child's death; a server that is gone took its children along.

        In a forked process the children are the other process's, so nothing is asked.
        """
        if self.owner != os.getpid():
            return
        with self._lock, suppress(OSError):
            self._control.send(frames.CONTROL.pack(b"k", job))

    def released(self) -> None:
        """Count a child as given back."""
        with self._lock:
            self.live -= 1

    def alive(self) -> bool:
        """Whether the server runs and belongs to this process (not to the one that forked it)."""
        return self.owner == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        """End the server and all its children. In a forked process, only let go of it."""
        self._control.close()
        if self.owner != os.getpid():
            self._process.returncode = 0  # it is the other process's child, not ours to reap
            return
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
