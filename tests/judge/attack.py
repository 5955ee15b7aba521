"""Attacks a contract claim in plain CPython: many inputs, no solver, no sandbox, no prover.

It is the independent word on our own corpora: it shares nothing with the search of the judge, so
a mistake there does not hide here. It is not for untrusted code, which it runs in this process.
"""

from __future__ import annotations

import ast
import builtins
import copy
import gc
import math
import random
import re
import resource
import signal
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from judge.plain import same

CALL_SECONDS = 0.1
"""CPU time of one call; what needs longer is a resource outcome, not an answer."""
INTEGERS = (
    0,
    1,
    -1,
    2,
    -2,
    3,
    5,
    7,
    8,
    9,
    10,
    11,
    12,
    15,
    16,
    17,
    63,
    64,
    99,
    100,
    101,
    127,
    255,
    256,
)
FAR_INTEGERS = (
    2**31,
    -(2**31) - 1,
    2**53,
    2**53 + 1,
    2**63,
    -(2**63),
    2**64 + 1,
    10**18,
    -(10**18),
)
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 0.1, 0.2, 0.3, 1e-9, 1.5, 2.0, 3.0, 5e-324, 2.2250738585072014e-308,
    3.334622836314293e-308, 1e308, 1.7976931348623157e308, -1.7976931348623157e308, 1e16,
    9007199254740993.0, 100.0, 99.99999999999999, 1.0000000000000002, math.inf, -math.inf, math.nan,
)  # fmt: skip
LETTERS = "ab  ABz09Z()_-.,\n" + "\u00b2\u0130\u00df\u00e9\u0301\u2003\U0001f600"


DIGITS = re.compile(r"Exceeds the limit \(\d+ digits\)")
MACHINE = re.compile(r"index-sized integer|C ssize_t|repeated \w+ is too long|too many items")


class TimeUpError(BaseException):
    """Raised by the timer inside a call; a ``BaseException`` so that candidates do not catch it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A function and what is said about it."""

    entry: str
    code: str
    requires: tuple[str, ...] = ()
    ensures: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    helpers: str = ""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Claim:
        """Read the fields that a line of ``workbench judge`` has."""
        return cls(
            row["entry_point"], row["code"], tuple(row.get("requires", ())),
            tuple(row.get("ensures", ())), tuple(row.get("raises", ())), row.get("helpers", ""),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of one input: ``outside``, ``kept``, ``broken``, ``resource`` or ``fault``."""

    word: str
    why: str = ""


class Target:
    """A claim, compiled; raises what ``exec`` of the code raises when it does not load."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        space: dict[str, Any] = {"__name__": "candidate"}
        with Limited(5.0):
            exec(compile(claim.code, "<candidate>", "exec"), space)
        self.function: Callable[..., Any] = space[claim.entry]
        self.types = typing.get_type_hints(self.function, space)
        self.types.pop("return", None)
        tree = ast.parse(claim.code)
        node = next(
            n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == claim.entry
        )
        self.names = [a.arg for a in node.args.args]
        beside = {k: v for k, v in space.items() if k != "__builtins__"}
        own: dict[str, Any] = {**beside, "__name__": "contract"}
        exec(compile(claim.helpers, "<helpers>", "exec"), own)
        self._requires = [self._clause(text, own, before=True) for text in claim.requires]
        self._ensures = [self._clause(text, own, before=False) for text in claim.ensures]
        self._raises = tuple(
            kind
            for name in claim.raises
            if isinstance(kind := own.get(name, getattr(builtins, name, None)), type)
        )

    def _clause(self, text: str, space: dict[str, Any], *, before: bool) -> Callable[..., Any]:
        tree = ast.parse(text.strip(), mode="eval")
        entry = {name: f"old__{name}" for name in self.names}

        class Old(ast.NodeTransformer):
            def visit_Call(self, node: ast.Call) -> ast.AST:
                if isinstance(node.func, ast.Name) and node.func.id == "old":
                    inner = node.args[0]
                    assert isinstance(inner, ast.Name)
                    return ast.copy_location(ast.Name(entry[inner.id], ast.Load()), node)
                return self.generic_visit(node)

        names = self.names if before else [*self.names, *entry.values(), "result"]
        body = ast.unparse(ast.fix_missing_locations(Old().visit(tree)))
        function = eval(f"lambda {', '.join(names)}: ({body})", space)
        return function  # type: ignore[no-any-return]

    def rule(self, args: tuple[Any, ...]) -> Ruling:
        """Call once and rule on the call."""
        try:
            with Limited(CALL_SECONDS):
                if not all(clause(*args) for clause in self._requires):
                    return Ruling("outside")
        except (RecursionError, MemoryError, TimeUpError):
            return Ruling("outside")
        except Exception as error:  # noqa: BLE001 (the contract's fault, whatever it is)
            return Ruling("fault", f"requires raised {error!r}")
        after = copy.deepcopy(args)
        try:
            with Limited(CALL_SECONDS):
                result = self.function(*after)
        except (RecursionError, MemoryError, TimeUpError) as error:
            return Ruling("resource", type(error).__name__)
        except OverflowError as error:
            if MACHINE.search(str(error)):  # no index, count or length of this machine is so large
                return Ruling("resource", str(error))
            return self._raised(error)
        except Exception as error:  # noqa: BLE001 (what leaves a candidate is looked for)
            return self._raised(error)
        for text, clause in zip(self.claim.ensures, self._ensures, strict=True):
            try:
                with Limited(CALL_SECONDS):
                    true = clause(*after, *args, result)
            except (RecursionError, MemoryError, TimeUpError) as error:
                return Ruling("resource", type(error).__name__)
            except Exception as error:  # noqa: BLE001 (what cannot be evaluated is not true)
                if isinstance(error, ValueError) and DIGITS.search(str(error)):
                    return Ruling("resource", str(error))  # the clause is not to be evaluated here
                if isinstance(error, OverflowError) and MACHINE.search(str(error)):
                    return Ruling("resource", str(error))
                return Ruling("broken", f"`{text}` raised {type(error).__name__}: {error}")
            if not true:
                return Ruling("broken", text)
        return Ruling("kept")

    def _raised(self, error: Exception) -> Ruling:
        if isinstance(error, self._raises):
            return Ruling("kept")
        return Ruling("broken", f"raised {type(error).__name__}: {error}")


class Limited:
    """A CPU and memory limit around a block in the main thread.

    Raises ``TimeUpError`` when the time is up. A call that wants a gigabyte more than the process
    has is a ``MemoryError``: one list of 2**31 items comes too fast for any clock.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._old = signal.signal(signal.SIGVTALRM, _time_up)
        # Callbacks of the collector belong to others (hypothesis has one): no limit may hit them.
        self._collecting = gc.isenabled()
        gc.disable()
        self._memory = resource.getrlimit(resource.RLIMIT_AS)
        _, hard = self._memory
        wanted = _address_space() + (1 << 30)
        soft = self._memory[0]
        resource.setrlimit(resource.RLIMIT_AS, (wanted if soft < 0 else min(soft, wanted), hard))
        signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, self._memory)
        if self._collecting:
            gc.enable()
        signal.signal(signal.SIGVTALRM, self._old)


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def limit_memory(gigabytes: int = 3) -> None:
    """Cap this process's address space, so that a candidate's huge list is a ``MemoryError``."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, hard))


def _time_up(*_: object) -> None:
    raise TimeUpError


# ---------------------------------------------------------------- inputs


class Inputs:
    """Random and adversarial arguments for annotated parameters; knows the claim's constants."""

    def __init__(self, target: Target, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._types = [target.types.get(name, Any) for name in target.names]
        texts = [target.claim.code, *target.claim.requires, *target.claim.ensures]
        constants = [
            node.value
            for text in texts
            for node in ast.walk(ast.parse(text.strip()))
            if isinstance(node, ast.Constant)
        ]
        whole = {v for v in constants if type(v) is int and abs(v) < 10**9}
        self._integers = sorted({v + d for v in whole for d in (-1, 0, 1)} | {-v for v in whole})
        self._words = [v for v in constants if isinstance(v, str) and len(v) < 40]
        self._floats = [float(v) for v in constants if type(v) in (int, float)]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while True:
            self._seen: list[tuple[Any, Any]] = []
            self._width = self._random.choice((1, 2, 3, 5, 12, 40, 400))
            self._long = self._random.choice((0, 1, 2, 3, 4, 5, 6, 8, 12))
            self._order = self._random.choice(("any", "any", "up", "up", "down", "flat", "strict"))
            yield tuple(self._value(kind) for kind in self._types)

    def _value(self, kind: Any, depth: int = 0) -> Any:
        value = self._fresh(kind, depth)
        if depth == 0:
            # An equal value only for a parameter of the same type: [[1]] is no list[int].
            alike = [v for seen, v in self._seen if seen == kind and type(v) is type(value)]
            if alike and self._random.random() < 0.15:
                value = copy.deepcopy(self._random.choice(alike))
            self._seen.append((kind, value))
        return value

    def _fresh(self, kind: Any, depth: int) -> Any:
        origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
        if kind is Any or kind is object:
            return self._fresh(self._random.choice((int, str, bool, float)), depth)
        if kind is bool:
            return self._random.random() < 0.5
        if kind is int:
            return self._integer()
        if kind is float:
            return self._real()
        if kind is str:
            return self._text()
        if kind is None or kind is type(None):
            return None
        if origin in (list, set, frozenset):
            items = self._items(inner[0] if inner else int, depth)
            return items if origin is list else origin(items)
        if origin is tuple:
            if len(inner) == 2 and inner[1] is Ellipsis:
                return tuple(self._items(inner[0], depth))
            return tuple(self._value(part, depth + 1) for part in inner)
        if origin is dict:
            keys = self._items(inner[0] if inner else int, depth)
            return {key: self._value(inner[1] if inner else int, depth + 1) for key in keys}
        if inner:
            return self._fresh(self._random.choice(inner), depth)
        raise TypeError(f"no inputs can be made for {kind!r}")

    def _integer(self) -> int:
        pick = self._random.random()
        if pick < 0.6:
            return self._random.randint(-self._width, self._width)
        if pick < 0.75 and self._integers:
            return self._random.choice(self._integers)
        if pick < 0.97:
            return self._random.choice(INTEGERS)
        return self._random.choice(FAR_INTEGERS)

    def _real(self) -> float:
        pick = self._random.random()
        if pick < 0.3:
            return self._random.choice(FLOATS)
        if pick < 0.5 and self._floats:
            base = self._random.choice(self._floats)
            return math.nextafter(base, self._random.choice((-math.inf, base, math.inf)))
        if pick < 0.6:
            return float(self._random.randint(-self._width, self._width))
        if pick < 0.8:
            return self._random.random()
        return self._random.uniform(-1, 1) * 10.0 ** self._random.randint(-320, 308)

    def _text(self) -> str:
        if self._words and self._random.random() < 0.15:
            return self._random.choice(self._words)
        if self._random.random() < 0.15:
            return self._random.choice(LETTERS)
        letters = self._random.sample(LETTERS, 3) + [c for w in self._words for c in w][:8]
        if self._random.random() < 0.3:
            letters = list("0123456789") if self._random.random() < 0.5 else list("()")
        text = "".join(self._random.choices(letters, k=self._random.randint(0, self._long)))
        return text + text[::-1] if self._random.random() < 0.15 else text

    def _items(self, kind: Any, depth: int) -> list[Any]:
        count = self._random.randint(0, max(1, self._long - 2 * depth))
        if self._order == "flat" and count:
            first = self._value(kind, depth + 1)
            one = first if self._random.random() < 0.8 else self._value(kind, depth + 1)
            # Equal objects, not one: proofs take what is inside an argument for distinct objects.
            return [copy.deepcopy(one) for _ in range(count)]
        items = [self._value(kind, depth + 1) for _ in range(count)]
        if kind in (int, float, str) and self._order != "any":
            items.sort(reverse=self._order == "down")
            if self._order == "strict":
                items = list(dict.fromkeys(items))
        return items


@dataclass(frozen=True, slots=True)
class Assault:
    """What an attack found: counts, and the first input that breaks the claim."""

    kept: int
    outside: int
    resource: int
    broken: tuple[Any, ...] | None
    why: str = ""


def assault(claim: Claim, inputs: int, seed: int = 0) -> Assault:
    """Attack until ``inputs`` calls inside the precondition were ruled, or one broke the claim.

    Gives up after 30 times as many tries, or when the calls ran out of time 20 times.
    """
    target = Target(claim)
    count = {"kept": 0, "outside": 0, "resource": 0}
    for tries, args in enumerate(Inputs(target, seed)):
        if count["kept"] >= inputs or count["resource"] >= 20 or tries >= 30 * inputs:
            break
        if not target.names and tries:
            break
        ruling = target.rule(args)
        if ruling.word == "broken" or ruling.word == "fault":
            return Assault(**count, broken=args, why=ruling.why)
        count[ruling.word] += 1
    return Assault(**count, broken=None)


def replays(claim: Claim, args: tuple[Any, ...]) -> bool:
    """Whether the input really breaks the claim."""
    before = copy.deepcopy(args)
    broken = Target(claim).rule(args).word == "broken"
    assert all(same(a, b) for a, b in zip(before, args, strict=True))
    return broken
