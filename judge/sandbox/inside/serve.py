"""The fork server: a warm, disarmed process that forks one child for each candidate.

It imports what answers import, gives up its rights layer by layer, and then only forks, kills and
reaps. It never reads what a candidate sends: that goes straight to the judge over a socket which
the judge made. How a child ended goes over a pipe which no child holds.
"""

from __future__ import annotations

import array
import gc
import json
import os
import select
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from judge.sandbox import frames
from judge.sandbox.inside import execute, guard, kernel, seccomp


@dataclass
class Armour:
    """The layers in force, what could not be had and why, and the filter for the children."""

    layers: list[str] = field(default_factory=lambda: ["fork-server"])
    lacking: dict[str, str] = field(default_factory=dict)
    filter: kernel.Filter | None = None
    base_bytes: int = 1 << 30

    def try_layer(self, name: str, off: frozenset[str], work: Callable[[], object]) -> None:
        """Put one layer on; a refusal by the system is noted, not raised."""
        if name in off:
            self.lacking[name] = "switched off by the policy"
            return
        try:
            work()
        except (OSError, AttributeError) as error:
            self.lacking[name] = str(error)
        else:
            self.layers.append(name)


def serve(descriptor: int, off: frozenset[str], missing: tuple[str, ...]) -> None:
    """Set up, report the layers and what could not be imported, and serve until it closes."""
    control = socket.socket(fileno=descriptor)
    warnings.simplefilter("ignore")
    os.environ.clear()
    os.umask(0o777)
    armour = Armour(base_bytes=_address_space())
    _disarm(armour, off)
    execute.quiet()
    gc.collect()
    gc.freeze()
    report = {"layers": armour.layers, "lacking": armour.lacking, "missing": missing}
    control.sendall(json.dumps(report).encode() + b"\n")
    _Server(control, armour).run()


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 1 << 30


def _disarm(armour: Armour, off: frozenset[str]) -> None:
    """Give up rights, the most far-reaching first; each layer stands without the others."""
    linux = kernel.supported()
    if linux:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        armour.try_layer("namespaces", off, _namespaces)
        if os.getuid() == 0:
            armour.try_layer("own-user", off, kernel.become_nobody)
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if "namespaces" in armour.layers:
            _become_init()
        armour.try_layer("landlock", off, kernel.landlock)
        armour.try_layer("seccomp", off, lambda: _seccomp(armour))
    else:
        for name in ("namespaces", "landlock", "seccomp"):
            armour.lacking[name] = f"not offered by {sys.platform} on {kernel.machine()}"
    armour.try_layer("limits", off, lambda: None)
    armour.try_layer("audit", off, lambda: None)


def _namespaces() -> None:
    """Try in a throw-away process first: half a change could not be taken back."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            kernel.enter_namespaces()
            kernel.empty_root()
            code = 0
        except OSError as error:
            code = min(error.errno or 1, 250)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))
    kernel.enter_namespaces()
    kernel.empty_root()


def _become_init() -> None:
    """Go on as the first process of the new process namespace: when it ends, all in it end."""
    pid = os.fork()
    if pid:
        for number in (0, 1, 2):
            os.close(number)
        os.closerange(3, 64)
        status = os.waitpid(pid, 0)[1]
        os._exit(abs(os.waitstatus_to_exitcode(status)) & 255)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def _seccomp(armour: Armour) -> None:
    """Lay the filter out and see in a throw-away child that it can be put on."""
    built = kernel.Filter(seccomp.program(kernel.machine()))
    pid = os.fork()
    if pid == 0:
        try:
            built.install()
        except OSError as error:
            os._exit(min(error.errno or 1, 250))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(abs(code), os.strerror(abs(code)))
    armour.filter = built


class _Server:
    """The loop: start and kill on order, reap what ended, say how."""

    def __init__(self, control: socket.socket, armour: Armour) -> None:
        self.control = control
        self.armour = armour
        self.jobs: dict[int, int] = {}
        self.statuses: dict[int, int] = {}
        self.wake, self.woken = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self.woken, False)

    def run(self) -> NoReturn:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.woken, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self.wake:
                    with suppress(BlockingIOError):
                        os.read(self.wake, 4096)
                elif not self._order():
                    self._end()
            self._reap()

    def _order(self) -> bool:
        size = array.array("i").itemsize
        data, ancillary, _, _ = self.control.recvmsg(frames.CONTROL.size, socket.CMSG_LEN(2 * size))
        if len(data) < frames.CONTROL.size:
            return False
        descriptors = array.array("i")
        for level, kind, body in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(body[: len(body) - len(body) % size])
        order, job = frames.CONTROL.unpack(data)
        if order == b"s" and len(descriptors) == 2:
            self._start(job, *descriptors)
        elif order == b"k":
            self._kill(job)
        return True

    def _start(self, job: int, channel: int, status: int) -> None:
        try:
            pid = os.fork()
        except OSError:
            os.close(channel)
            os.write(status, frames.STATUS.pack(-1, 0.0, 0.0, 0))
            os.close(status)
            return
        if pid == 0:
            try:
                self._child(channel)
            finally:
                os._exit(70)
        os.close(channel)
        self.jobs[job] = pid
        self.statuses[pid] = status

    def _child(self, channel: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if self.armour.filter is None:
            os.setsid()  # a group of its own, to be killed with all it may have started
        os.dup2(channel, 3)
        os.closerange(4, 256)
        wire = execute.Wire(3)
        _, body = wire.read()
        start = json.loads(body)
        harness = execute.Harness(wire, start)
        if "limits" in self.armour.layers:
            execute.limit(start, self.armour.base_bytes)
        if "audit" in self.armour.layers:
            guard.install(lambda sentence: execute.forbid(harness, sentence))
        if self.armour.filter is not None:
            self.armour.filter.install()
        execute.serve(harness)

    def _kill(self, job: int) -> None:
        pid = self.jobs.get(job)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if "seccomp" not in self.armour.layers:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            answer = self.statuses.pop(pid, None)
            if answer is None:
                continue
            for job in [j for j, p in self.jobs.items() if p == pid]:
                del self.jobs[job]
            report = frames.STATUS.pack(status, usage.ru_utime, usage.ru_stime, usage.ru_maxrss)
            with suppress(BrokenPipeError):
                os.write(answer, report)
            os.close(answer)

    def _end(self) -> NoReturn:
        for pid in self.statuses:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self.statuses:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        os._exit(0)
