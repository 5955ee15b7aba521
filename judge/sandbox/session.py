"""One candidate, loaded once, called many times; its process is replaced when it is lost.

This is the side that judges. Every byte from the child is hostile: frames are capped, records are
checked field by field, an outcome must carry the number of the call it belongs to, and a clock runs
that nothing the child sends can stop, only a finished outcome can restart.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from judge import plain
from judge.sandbox import frames
from judge.sandbox.host import Child, Status
from judge.sandbox.model import Call, Kind, Limits, Outcome

_KINDS = frozenset(get_args(Kind))
_CHUNK = 512
_read: Callable[[str], Any] = json.JSONDecoder().decode
_TAMPERED = Outcome("forbidden", message="it wrote to the channel that carries the results")


def _patience() -> float:
    """By how much wall clocks are stretched: a busy machine must not turn an answer wrong.

    The processor limit is what decides; the wall clock is there for sleepers. From 1 to 4.
    """
    try:
        busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    except (OSError, AttributeError):
        return 1.0
    return min(4.0, max(1.0, busy))


class _TamperedError(Exception):
    """What came over the channel is not what the harness sends."""


@dataclass
class _Lost:
    """A child's end in the midst of work."""

    outcome: Outcome
    certain: bool
    """Whether the outcome belongs to the first call without an outcome, for sure."""


class Session:
    """Calls into one code. Not for several threads at once; open one session for each.

    ``proxies`` are names that the code may call and that ``on_proxy`` answers here, with a function
    name and plain arguments. That is how a checker calls a candidate it shares no process with.
    """

    def __init__(
        self,
        start: Callable[[], Child],
        code: str,
        limits: Limits,
        *,
        proxies: tuple[str, ...] = (),
        on_proxy: Callable[[str, tuple[Any, ...]], Outcome] | None = None,
    ) -> None:
        self._start, self._code, self.limits = start, code, limits
        self._proxies, self._on_proxy = proxies, on_proxy
        self._child: Child | None = None
        self._wire: _Wire | None = None
        self._loaded: Outcome | None = None
        self._losses = 0
        self._dead = False
        self._under_way = False
        self._patience = _patience()
        self._deadline = time.monotonic() + limits.total_seconds * self._patience

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.close()
        self._child = self._wire = None

    @property
    def sound(self) -> bool:
        """Whether its process lives, is loaded, waits for calls, and has lost none before it."""
        loaded = self._loaded is not None and self._loaded.kind == "returned"
        return (
            loaded
            and self._child is not None
            and not (self._dead or self._losses or self._under_way)
        )

    @property
    def loaded(self) -> Outcome:
        """How loading the code went; loads it when that has not happened yet."""
        if self._loaded is None:
            used = self._child is not None
            self._loaded = self._load(careful=False)
            if used and self._loaded.kind != "returned":  # a process of its own has the last word
                self.close()
                self._loaded = self._load(careful=False)
            self._dead = self._loaded.kind != "returned"
        return self._loaded

    def reload(self, code: str) -> None:
        """Put other code in the place of this one, in the same process where that lives.

        Only for texts that are known to leave nothing behind; ``loaded`` says how it went.
        """
        self._code, self._loaded = code, None
        self._deadline = time.monotonic() + self.limits.total_seconds * self._patience

    def call(self, calls: Sequence[Call]) -> tuple[Outcome, ...]:
        """Make the calls in order; always returns one outcome for each."""
        if self.loaded.kind != "returned":
            return tuple(Outcome("not_run", message="the code did not load") for _ in calls)
        lines = [_line(call) for call in calls]
        outcomes: list[Outcome] = []
        careful = False
        self._under_way = True
        while len(outcomes) < len(lines):
            if self._dead or time.monotonic() > self._deadline:
                outcomes.append(Outcome("not_run", message=self._why_not()))
                continue
            lost = self._batch(lines[len(outcomes) : len(outcomes) + _CHUNK], outcomes, careful)
            if lost is None:
                continue
            self.close()
            if lost.certain or careful:
                careful = False
                outcomes.append(lost.outcome)
                self._count(lost.outcome)
            else:
                careful = True
        self._under_way = False
        return tuple(outcomes)

    def _why_not(self) -> str:
        if time.monotonic() > self._deadline:
            return f"the run had used its {self.limits.total_seconds:g} seconds"
        return "earlier calls were forbidden or lost too many processes"

    def _count(self, outcome: Outcome) -> None:
        self._losses += 1
        self._dead = outcome.kind == "forbidden" or self._losses >= self.limits.losses

    def _load(self, *, careful: bool) -> Outcome:
        if self._child is None or self._wire is None:
            self._child = self._start()
            self._wire = _Wire(self._child.channel, self.limits.output_bytes)
        limits = self.limits
        start = {
            "code": self._code,
            "proxies": list(self._proxies),
            "careful": careful,
            "cpu_seconds": limits.cpu_seconds,
            "total_seconds": limits.total_seconds,
            "memory_mb": limits.memory_mb,
            "output_bytes": limits.output_bytes,
        }
        self._wire.queue(frames.START, json.dumps(start).encode())
        try:
            while True:
                got = self._wire.receive(self._until())
                if got is None:
                    return self._lost(timeout=True)
                if got[0] == frames.PROXY:
                    self._answer(got[1])
                elif got[0] == frames.LOADED:
                    return _outcome(json.loads(got[1]))
                else:
                    return self._ended_by(got)
        except EOFError:
            return self._lost(timeout=False)
        except (_TamperedError, ValueError, RecursionError):
            return _TAMPERED

    def _batch(self, lines: list[str], outcomes: list[Outcome], careful: bool) -> _Lost | None:
        """Send calls and collect outcomes until all are there (None) or the child is lost."""
        if self._child is None:
            loaded = self._load(careful=careful)
            if loaded.kind != "returned":
                return _Lost(loaded, certain=True)
        assert self._wire is not None
        first, running = len(outcomes), -1
        self._wire.queue(frames.CALLS, "\n".join(lines).encode())
        until = self._until()
        while (done := len(outcomes) - first) < len(lines):
            certain = careful or running == done or len(lines) - done == 1
            try:
                got = self._wire.receive(until)
                if got is None:
                    return _Lost(self._lost(timeout=True), certain)
                if got[0] == frames.OUTCOMES:
                    running = self._collect(got[1], outcomes, first, len(lines))
                elif got[0] == frames.PROXY:
                    self._answer(got[1])
                else:
                    return _Lost(self._ended_by(got), certain=True)
            except EOFError:
                return _Lost(self._lost(timeout=False), certain)
            except (_TamperedError, ValueError, RecursionError):
                return _Lost(_TAMPERED, certain=True)
            if len(outcomes) - first > done or got[0] == frames.PROXY:
                until = self._until()
            if outcomes and outcomes[-1].kind == "memory" and len(outcomes) - first > done:
                self._after_memory()
                return None
        return None

    def _after_memory(self) -> None:
        """Replace a process that ran out of memory: it may still hold what filled it."""
        self.close()
        self._losses += 1
        self._dead = self._losses >= self.limits.losses

    def _until(self) -> float:
        wall = self.limits.wall_seconds * self._patience
        return min(time.monotonic() + wall, self._deadline + 0.5)

    def _collect(self, body: bytes, outcomes: list[Outcome], first: int, total: int) -> int:
        """Append the outcomes of a frame; returns the number of the call said to be running."""
        for line in body.decode("utf-8").split("\n"):
            record = _read(line)
            expected = len(outcomes) - first
            if type(record) is not list or not record or record[0] != expected or expected >= total:
                raise _TamperedError
            if len(record) == 1:
                return expected
            outcomes.append(_outcome(record[1:]))
        return -1

    def _answer(self, body: bytes) -> None:
        if self._on_proxy is None or self._wire is None:
            raise _TamperedError
        name, tree = json.loads(body)
        args = plain.from_json(tree)
        if type(name) is not str or type(args) is not tuple:
            raise _TamperedError
        outcome = self._on_proxy(name, args)
        after = None if outcome.args_after is None else plain.to_json(outcome.args_after)
        value = plain.to_json(outcome.value)
        reply = [outcome.kind, value, outcome.exception, outcome.message, after]
        self._wire.queue(frames.REPLY, json.dumps(reply).encode())
        self._deadline += outcome.seconds

    def _ended_by(self, got: tuple[int, bytes]) -> Outcome:
        if got[0] == frames.FORBIDDEN:
            return Outcome("forbidden", message=_clean(got[1][:400].decode("utf-8", "replace")))
        raise _TamperedError

    def _lost(self, *, timeout: bool) -> Outcome:
        """Say how the child ended."""
        if timeout:
            seconds = f"{self.limits.wall_seconds * self._patience:.3g} seconds"
            return Outcome("timeout", message=f"it did not end within {seconds}")
        assert self._child is not None
        return _by_status(self._child.ended(), self.limits)


class _Wire:
    """Frames over a socket to a child, both ways at once, so that neither side can block ours."""

    def __init__(self, channel: Any, output_bytes: int) -> None:
        self._channel = channel
        # one outcome holds a result and changed arguments, each within the limit, escaped twice
        self._cap = 16 * output_bytes + (1 << 20)
        self._out = bytearray()
        self._in = bytearray()
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)

    def queue(self, letter: int, body: bytes) -> None:
        """Add a frame to what is to be sent, and send what goes at once."""
        self._out += frames.frame(letter, body)
        self._push()

    def _push(self) -> None:
        try:
            while self._out:
                sent = self._channel.send(memoryview(self._out)[: 1 << 18])
                del self._out[:sent]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self._out.clear()  # the end of the child shows when reading
        self._poll.modify(self._channel, select.POLLIN | (select.POLLOUT if self._out else 0))

    def receive(self, until: float) -> tuple[int, bytes] | None:
        """Return the next frame, or None at the time ``until``; raises ``EOFError`` at the end."""
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            left = until - time.monotonic()
            if left <= 0:
                return None
            for _, event in self._poll.poll(left * 1000 + 1):
                if event & select.POLLOUT:
                    self._push()
                if event & ~select.POLLOUT:
                    self._pull()

    def _pull(self) -> None:
        try:
            part = self._channel.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError
        self._in += part

    def _take(self) -> tuple[int, bytes] | None:
        if len(self._in) < frames.HEADER.size:
            return None
        size, letter = frames.HEADER.unpack_from(self._in)
        if size > self._cap:
            raise _TamperedError
        end = frames.HEADER.size + size
        if len(self._in) < end:
            return None
        body = bytes(self._in[frames.HEADER.size : end])
        del self._in[:end]
        return letter, body


def _line(call: Call) -> str:
    name = unicodedata.normalize("NFKC", call.function)
    return f"[{json.dumps(name)},{plain.dumps(tuple(call.args))}]"


def _outcome(record: Any) -> Outcome:
    """Read one record of the harness; raises ``_TamperedError`` on anything it never sends."""
    if type(record) is not list or len(record) != 8:
        raise _TamperedError
    kind, value, exception, message, bases, after, line, seconds = record
    if kind not in _KINDS or kind in ("forbidden", "not_run", "timeout", "cpu", "crashed"):
        raise _TamperedError
    if not all(part is None or type(part) is str for part in (exception, message)):
        raise _TamperedError
    if type(bases) is not list or not all(type(base) is str for base in bases[:100]):
        raise _TamperedError
    changed = None if after is None else plain.from_json(after)
    if changed is not None and type(changed) is not tuple:
        if changed != {"$lost": True}:
            raise _TamperedError
        return Outcome("unplain", message="it left an argument that is not plain data")
    return Outcome(
        kind,
        value=plain.from_json(value) if kind in ("returned", "unplain") else None,
        exception=_clean(exception[:200]) if exception else None,
        message=_clean(message),
        bases=tuple(base[:200] for base in bases[:100]),
        args_after=changed,
        line=line if type(line) is int else None,
        seconds=float(seconds) if type(seconds) in (int, float) else 0.0,
    )


def _clean(text: str | None) -> str | None:
    """Take what could steer a terminal or a page out of a text that the candidate chose."""
    if text is None or text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _by_status(status: Status | None, limits: Limits) -> Outcome:
    """Name the end of a process that closed its channel."""
    if status is None:
        return Outcome("crashed", message="its process ended and nothing says how")
    number = -status.code
    if number == getattr(signal, "SIGSYS", 31):
        return Outcome("forbidden", message="it made a system call that the sandbox forbids")
    if number in (signal.SIGPROF, signal.SIGXCPU):
        return _out_of_cpu(limits)
    if number == signal.SIGKILL and status.cpu_seconds >= limits.total_seconds:
        return _out_of_cpu(limits)
    if number == signal.SIGKILL:
        return Outcome("memory", message="the system killed it, most likely for its memory")
    if number > 0:
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return Outcome("crashed", message=f"its process was ended by {name}")
    return Outcome("crashed", message=f"its process ended by itself with status {status.code}")


def _out_of_cpu(limits: Limits) -> Outcome:
    return Outcome("cpu", message=f"it used more than {limits.cpu_seconds:g} seconds of processor")
