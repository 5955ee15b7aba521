"""A candidate's own process: load the code, make the calls, send plain data back.

Everything here shares the process with the candidate and can be bent by it. That is why nothing
here is believed: the judge holds the expected values, measures the time, and reads what comes back
as hostile bytes. Bending it wins a candidate no more than returning another value would.
"""

from __future__ import annotations

import builtins
import gc
import io
import itertools
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterable
from json import dumps, loads
from types import CodeType, GeneratorType, ModuleType, TracebackType
from typing import Any, NoReturn

from judge import plain
from judge.sandbox import frames

KEPT: list[ModuleType] = []
"""Keeps this package's modules alive when they are no longer to be found."""
NAME = "candidate"
"""``__name__`` of the loaded code: not ``__main__``, so a main block does not run."""
FILE = "<candidate>"
_FLUSH_SECONDS, _FLUSH_BYTES, _TICK_SECONDS = 0.0002, 1 << 15, 0.02
_MESSAGE = 500


class Flood(BaseException):
    """Printed more than the limit."""


class _Sink:
    """A text stream that counts what is written and keeps nothing."""

    encoding, errors, newlines, closed, line_buffering = "utf-8", "replace", None, False, True

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.buffer = self

    def write(self, text: Any) -> int:
        size = len(text)
        self.left -= size
        if self.left < 0:
            raise Flood("it printed more than the limit")
        return size

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        return None

    def close(self) -> None:
        return None

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False


SINK = _Sink(0)
"""Where everything goes that a candidate prints."""


class Wire:
    """Whole frames over a blocking descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> tuple[int, bytes]:
        """Return the next frame; ends the process when the judge has closed."""
        size, letter = frames.HEADER.unpack(self._exactly(frames.HEADER.size))
        return letter, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self._descriptor, min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def send(self, letter: int, body: bytes) -> None:
        """Write one frame."""
        rest = memoryview(frames.frame(letter, body))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def _compiled(code: str) -> CodeType:
    """Compile; what CPython's parser cannot hold is told as what it is, a fault of the text."""
    try:
        return compile(code, FILE, "exec", dont_inherit=True)
    except (MemoryError, RecursionError):
        raise SyntaxError("nested too deeply for CPython to parse") from None
    except UnicodeEncodeError:
        raise SyntaxError("the text holds half of a character (a lone surrogate)") from None


class _IteratorError(Exception):
    """The result is an iterator or a view: not plain, but its items are; they travel with it."""


_EMPTY: dict[str, int] = {}
_ITERABLES: tuple[Iterable[object], ...] = ((), [], "", {}, set(), range(0))
_LAZY = frozenset(
    {range, map, filter, zip, enumerate, reversed, GeneratorType}
    | {type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items())}
    | {type(iter(each)) for each in _ITERABLES}
)
_MOST_ITEMS = 100_000


class ProxyError(Exception):
    """A proxied call ended in something that is no value and no builtin exception."""


class Harness:
    """One process, one code, any number of calls."""

    def __init__(self, wire: Wire, start: dict[str, Any]) -> None:
        self.wire = wire
        self.cpu = float(start["cpu_seconds"])
        self.output = int(start["output_bytes"])
        self.careful = bool(start["careful"])
        self.code = start["code"]
        self.proxies = start["proxies"]
        self.namespace: dict[str, Any] = {}
        self.lines: list[str] = []
        self.waiting = 0
        self.running = -1
        SINK.left = self.output

    def load(self) -> bool:
        """Run the code's module level and report; False when it did not load."""
        module = ModuleType(NAME)
        sys.modules[NAME] = module
        self.namespace = module.__dict__
        for name in self.proxies:
            self.namespace[name] = _proxy(self.wire, name)
        random.seed(0)
        signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_PROF, self.cpu)
        began = time.perf_counter()
        record = self._guarded(self._load, began)
        record[1] = None
        self.wire.send(frames.LOADED, dumps(record).encode())
        return bool(record[0] == "returned")

    def _load(self) -> str:
        program = _compiled(self.code)
        self.code = None
        exec(program, self.namespace)
        return "null"

    def calls(self, body: bytes) -> None:
        """Make the calls of one frame, in order."""
        signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS)
        for index, line in enumerate(body.split(b"\n")):
            self.running = index
            record = self._call(line)
            self.running = -1
            self.lines.append(_written(index, record))
            self._flush_when_due()
        self.flush()

    def _tick(self, *_: object) -> None:
        """In the midst of a long call, send what is waiting and which call it is."""
        if self.running >= 0:
            self.lines.append(f"[{self.running}]")
            self.flush()

    def _call(self, line: bytes) -> list[Any]:
        name, tree = loads(line)
        args = [plain.from_json(item) for item in tree["$tuple"]]
        SINK.left = self.output
        signal.setitimer(signal.ITIMER_PROF, self.cpu)
        began = time.perf_counter()
        function = self.namespace.get(name)
        if function is None or not callable(function):
            return ["missing", None, None, f"there is no function {name}", [], None, None, 0.0]
        record = self._guarded(lambda: self._plain(function(*args)), began)
        if any(type(arg) not in _FLAT for arg in args):
            record[5] = self._after(args, tree)
        spent = time.perf_counter() - began
        self.waiting += int(spent > _FLUSH_SECONDS or self.careful) * _FLUSH_BYTES
        return record

    def _plain(self, result: Any) -> str:
        if type(result) not in _LAZY:
            return plain.dumps(result, size=self.output)
        items = list(itertools.islice(result, _MOST_ITEMS))
        raise _IteratorError(type(result).__name__, plain.dumps(items, size=self.output))

    def _after(self, args: list[Any], tree: Any) -> Any:
        try:
            now = plain.to_json(tuple(args), size=self.output)
        except plain.PlainError:
            return {"$lost": True}
        return None if now == tree and repr(now) == repr(tree) else now

    def _guarded(self, work: Any, began: float) -> list[Any]:
        """Run ``work`` and return its record: the border of untrusted code."""
        try:
            value = work()
            record = ["returned", value, None, None, [], None, None]
        except _IteratorError as error:
            said = f"a value of type {error.args[0]} is not plain data"
            record = ["unplain", loads(error.args[1]), None, said, [], None, None]
        except plain.PlainError as error:
            kind = "output" if "larger than the limit" in str(error) else "unplain"
            record = [kind, None, None, str(error), [], None, None]
        except BaseException as error:  # noqa: BLE001 the border: it becomes a value
            record = _failure(error)
        if SINK.left < 0:
            record = ["output", None, None, "it printed more than the limit", [], None, None]
        return [*record, time.perf_counter() - began]

    def _flush_when_due(self) -> None:
        self.waiting += len(self.lines[-1])
        if self.waiting >= _FLUSH_BYTES:
            self.flush()
            signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS)

    def flush(self) -> None:
        """Send the outcomes that are waiting."""
        if self.lines:
            self.wire.send(frames.OUTCOMES, "\n".join(self.lines).encode())
            self.lines.clear()
            self.waiting = 0


_FLAT = frozenset({int, bool, str, float, type(None), bytes, complex})


def _written(index: int, record: list[Any]) -> str:
    """Return a record as a line; a result is in its written form already."""
    if record[0] != "returned":
        return dumps([index, *record])
    _, value, _, _, _, after, _, seconds = record
    changed = "null" if after is None else dumps(after)
    return f'[{index},"returned",{value},null,null,[],{changed},null,{seconds:.6f}]'


def _failure(error: BaseException) -> list[Any]:
    """Return the record of an exception; careful, because its methods may be the candidate's."""
    kind = "raised"
    if isinstance(error, RecursionError):
        kind = "depth"
    elif isinstance(error, MemoryError):
        kind = "memory"
    line = _line(error.__traceback__)
    names = [base.__name__ for base in type(error).__mro__ if base is not object]
    try:
        text = str(error)
        message = text[:_MESSAGE] if type(text) is str else ""
    except BaseException:  # noqa: BLE001 the border: a message is not worth more
        message = ""
    if kind == "raised" and isinstance(error, SyntaxError) and error.filename == FILE:
        line = error.lineno if type(error.lineno) is int else None
        message = str(error.msg)
    clean = message.encode("ascii", "backslashreplace").decode("ascii") if message else ""
    return [kind, None, names[0], clean, names, None, line]


def _line(trace: TracebackType | None) -> int | None:
    line, steps = None, 0
    while trace is not None and steps < 20_000:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace, steps = trace.tb_next, steps + 1
    return line


def _proxy(wire: Wire, name: str) -> Any:
    """Return a function whose calls are made elsewhere, by the judge."""

    def call(*args: object) -> object:
        wire.send(frames.PROXY, dumps([name, plain.to_json(args)]).encode())
        _letter, body = wire.read()
        kind, value, exception, message, after = loads(body)
        if after is not None:
            _write_back(args, plain.from_json(after))
        if kind == "returned":
            return plain.from_json(value)
        if kind == "unplain" and value is not None:
            return iter(plain.from_json(value))
        known = getattr(builtins, exception or "", None)
        if kind == "raised" and isinstance(known, type) and issubclass(known, Exception):
            raise known(message)
        raise ProxyError(f"{kind}: {exception}: {message}" if exception else f"{kind}: {message}")

    call.__name__ = call.__qualname__ = name
    return call


def _write_back(args: tuple[object, ...], after: tuple[object, ...]) -> None:
    """Give the caller's own lists, dicts and sets the contents that the callee left in them."""
    for mine, theirs in zip(args, after, strict=True):
        if isinstance(mine, list) and isinstance(theirs, list):
            mine[:] = theirs
        elif isinstance(mine, (dict, set)) and type(mine) is type(theirs):
            mine.clear()
            mine.update(theirs)


def limit(start: dict[str, Any], base_bytes: int) -> None:
    """Put the resource limits on this process, for good."""
    memory = base_bytes + (int(start["memory_mb"]) << 20)
    seconds = int(start["total_seconds"]) + 1
    for name, value in (
        ("RLIMIT_AS", memory),
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_MSGQUEUE", 0),
        ("RLIMIT_NOFILE", 8),
    ):
        number = getattr(resource, name, None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (allowed, allowed))


def quiet() -> None:
    """Take away what a candidate must not find: streams, arguments, paths, this package.

    Done once, in the fork server, after everything is imported: what a child does not have to do
    it does not pay for.
    """
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        setattr(sys, name, SINK)
    for name in ("stdin", "__stdin__"):
        setattr(sys, name, io.StringIO(""))
    sys.argv = [""]
    sys.path[:] = []
    sys.meta_path[:] = sys.meta_path[:2]  # built-in and frozen; there is nothing to find on disk
    ours = [name for name in sys.modules if name == "judge" or name.startswith("judge.")]
    KEPT.extend(sys.modules.pop(name) for name in ours)


def forbid(harness: Harness, sentence: str) -> NoReturn:
    """Tell the judge what was tried, and end."""
    harness.flush()
    harness.wire.send(frames.FORBIDDEN, sentence.encode("utf-8", "backslashreplace"))
    os._exit(99)


def serve(harness: Harness) -> NoReturn:
    """Load, then make calls until the judge closes the channel or has other code loaded."""
    while harness.load():
        gc.collect(0)
        letter, body = harness.wire.read()
        while letter == frames.CALLS:
            harness.calls(body)
            letter, body = harness.wire.read()
        harness = Harness(harness.wire, loads(body))
    harness.wire.read()
    os._exit(0)
