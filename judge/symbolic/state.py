"""Program states, and how two of them become one.

A state is what the names mean, what the heap holds, and the facts that hold on the way there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from judge.symbolic import term as T
from judge.symbolic.merge import merge, same
from judge.symbolic.term import Term
from judge.symbolic.values import INSIDE, Ref, Unbound, Unsupported, Value, origin


@dataclass(slots=True)
class Cell:
    """A heap cell. A frozen one may be read but not changed, because somebody else may see it."""

    value: Value
    frozen: bool = False


@dataclass(slots=True)
class State:
    """Names, heap and facts. Copied before branching."""

    env: dict[str, Value] = field(default_factory=dict)
    heap: dict[int, Cell] = field(default_factory=dict)
    facts: list[Term] = field(default_factory=list)
    next_address: int = 0
    shared: bool = False
    """Whether a list, dict or set inside another object may have a second holder."""

    def copy(self) -> State:
        """An independent copy."""
        heap = {a: Cell(c.value, c.frozen) for a, c in self.heap.items()}
        return State(dict(self.env), heap, list(self.facts), self.next_address, self.shared)

    def allocate(self, value: Value, frozen: bool = False) -> Ref:
        """Put a mutable value on the heap."""
        address = self.next_address
        self.next_address += 1
        self.heap[address] = Cell(value, frozen)
        return Ref(address)

    @property
    def dead(self) -> bool:
        """Whether no run gets here, literally."""
        return any(T.is_false(f) for f in self.facts)


Kind = Literal["normal", "break", "continue", "return", "raise"]


@dataclass(slots=True)
class Outcome:
    """How a piece of program ended: in which state, with what value or exception."""

    kind: Kind
    state: State
    value: Value | None = None
    exception: str | None = None
    line: int | None = None


def common_prefix(lists: list[list[Term]]) -> int:
    """How many facts all lists start with."""
    shortest = min(len(facts) for facts in lists)
    for n in range(shortest):
        if any(facts[n] is not lists[0][n] for facts in lists):
            return n
    return shortest


def merge_outcomes(outcomes: list[Outcome]) -> Outcome:
    """Make one outcome of several of one kind; their facts exclude each other by construction."""
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    prefix = common_prefix([o.state.facts for o in outcomes])
    conditions = [T.and_(*o.state.facts[prefix:]) for o in outcomes]
    result = outcomes[-1].state.copy()
    value = outcomes[-1].value
    result.next_address = max(o.state.next_address for o in outcomes)
    result.shared = any(o.state.shared for o in outcomes)
    for condition, outcome in list(zip(conditions, outcomes, strict=True))[-2::-1]:
        if outcome.value is not None and value is not None:
            value = _merge_value(condition, outcome.state, outcome.value, result, value)
        _merge_state(condition, outcome.state, result)
    either = T.or_(*conditions)
    result.facts = outcomes[0].state.facts[:prefix] + ([] if T.is_true(either) else [either])
    return Outcome(first.kind, result, value, first.exception, first.line)


def _merge_state(condition: Term, a: State, into: State) -> None:
    for address, cell in a.heap.items():
        other = into.heap.get(address)
        if other is None:
            into.heap[address] = Cell(cell.value, cell.frozen)
        else:
            other.value = merge(condition, cell.value, other.value)
            other.frozen = other.frozen or cell.frozen
    for name in [*a.env, *(n for n in into.env if n not in a.env)]:
        x, y = a.env.get(name, Unbound()), into.env.get(name, Unbound())
        if isinstance(x, Unbound) and isinstance(y, Unbound):
            continue
        into.env[name] = _merge_value(condition, a, x, into, y)


def _merge_value(condition: Term, a: State, x: Value, into: State, y: Value) -> Value:
    """Merge two values; two different heap places become a copy that nobody may change."""
    if isinstance(x, Ref) and isinstance(y, Ref) and x.address == y.address:
        return y
    if not isinstance(x, Ref) and not isinstance(y, Ref):
        return y if same(x, y) else merge(condition, x, y)
    plain = []
    for value, state in ((x, a), (y, into)):
        if isinstance(value, Ref):
            plain.append(state.heap[value.address].value)
            if value.address not in into.heap:
                raise Unsupported("a list made in one branch only")
            into.heap[value.address].frozen = True
        else:
            plain.append(value)
            for address in origin(value):
                into.shared = into.shared or address == INSIDE
                if address in into.heap:
                    into.heap[address].frozen = True
    return into.allocate(merge(condition, plain[0], plain[1]), frozen=True)
