"""Paths: runs in which every undecided condition is taken both ways, one way a run.

With all decisions taken the structure of a run is known: how long a list is, which keys a dict
holds in which order, where a string is split. So a run of one path has CPython's exact meaning for
constructs that have no formula of their own. The runs of all decision lists together cover every
input within the bound; nothing is left out by asking a solver. What it is not: a proof without a
bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from judge.symbolic import term as T
from judge.symbolic.machine import Dead, Machine
from judge.symbolic.merge import at
from judge.symbolic.shapes import (
    DictShape,
    ListShape,
    SetShape,
    Shape,
    TupleShape,
    VarTupleShape,
    unknown,
)
from judge.symbolic.term import Term
from judge.symbolic.values import (
    Choice,
    IntV,
    ListV,
    Seq,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
)

MAX_DECISIONS = 120
LAST_CODE = 0x10FFFF


@dataclass(slots=True)
class Script:
    """The decisions of one run: those given, then ``True`` for every further one."""

    given: tuple[bool, ...] = ()
    taken: list[bool] = field(default_factory=list)

    def decide(self, condition: Term) -> bool:
        """The next decision."""
        place = len(self.taken)
        if place >= MAX_DECISIONS:
            raise Unsupported("a run with so many decisions")
        answer = self.given[place] if place < len(self.given) else True
        self.taken.append(answer)
        return answer

    def following(self) -> tuple[bool, ...] | None:
        """What the next run is given; None when every decision was taken both ways."""
        kept = list(self.taken)
        while kept and not kept[-1]:
            kept.pop()
        if not kept:
            return None
        kept[-1] = False
        return tuple(kept)


def concrete(m: Machine, seq: Seq, line: int) -> Seq:
    """The same sequence as single elements; in a run of paths its length is decided here."""
    length = T.literal(seq.length)
    if length is None:
        if m.forks is None or m.binding:
            return seq
        length = _decided(m, seq.length, m.rounds, line)
    if length > 64 or all(isinstance(p, Single) for p in seq.pieces):
        return seq
    return Seq(tuple(Single(at(seq, T.num(k))) for k in range(length)))


def _decided(m: Machine, length: Term, limit: int, line: int) -> int:
    for k in range(limit + 1):
        if m.sure(T.eq(length, T.num(k)), "a length that is not decided", line):
            return k
    m.cut(line)
    raise Dead


def instance(m: Machine, shape: Shape, name: str) -> Value:
    """Any value of ``shape`` within the bound, its structure decided."""
    if isinstance(shape, VarTupleShape):
        return TupleV(tuple(_items(m, shape.element, name)))
    if isinstance(shape, SetShape) and shape.element is not None:
        from judge.symbolic.sets import of_distinct

        members = _items(m, shape.element, name)
        _assume_distinct(m, members)
        return of_distinct(tuple(members))
    if isinstance(shape, DictShape) and shape.key is not None and shape.value is not None:
        from judge.symbolic.dicts import of_entries

        keys = _items(m, shape.key, f"{name}.key")
        _assume_distinct(m, keys)
        values = [at(_whole(shape.value, f"{name}.value"), T.num(k)) for k in range(len(keys))]
        return of_entries(tuple((k, decided(m, v, 1)) for k, v in zip(keys, values, strict=True)))
    if isinstance(shape, TupleShape):
        return TupleV(tuple(instance(m, s, f"{name}.{n}") for n, s in enumerate(shape.items)))
    return decided(m, unknown(shape, name), 0)


def _one_of(m: Machine, value: IntV) -> Value:
    """An integer of a small domain, taken case by case."""
    found = m.domains.values(value.term)
    if found is None or T.literal(value.term) is not None:
        return value
    low, high = found
    while low < high:
        middle = (low + high) // 2
        if m.sure(T.le(value.term, T.num(middle)), "a value that is not decided", None):
            high = middle
        else:
            low = middle + 1
    m.state.facts.append(T.eq(value.term, T.num(low)))
    return IntV(T.num(low))


def _whole(element: Shape, name: str) -> Seq:
    whole = unknown(ListShape(element), name)
    assert isinstance(whole, ListV)
    return whole.seq


def _items(m: Machine, element: Shape, name: str) -> list[Value]:
    seq = _whole(element, name)
    size = _decided(m, seq.length, min(m.rounds, 2), 0)
    return [decided(m, at(seq, T.num(k)), 1) for k in range(size)]


def decided(m: Machine, value: Value, depth: int) -> Value:
    """The same value with all its lengths and kinds decided; inner lists are shorter."""
    limit = m.rounds if depth == 0 else min(m.rounds, 2)
    if isinstance(value, StrV):
        codes = _elements(m, value.seq, limit)
        for code in codes:
            assert isinstance(code, IntV)
            m.state.facts += [T.le(T.num(0), code.term), T.le(code.term, T.num(LAST_CODE))]
        return StrV(Seq(tuple(map(Single, codes))))
    if isinstance(value, ListV):
        items = [decided(m, v, depth + 1) for v in _elements(m, value.seq, limit)]
        return ListV(Seq(tuple(map(Single, items))))
    if isinstance(value, TupleV):
        return TupleV(tuple(decided(m, v, depth + 1) for v in value.items))
    if isinstance(value, Choice):
        for condition, option in value.options[:-1]:
            if m.sure(condition, "a kind that is not decided", None):
                return decided(m, option, depth)
        return decided(m, value.options[-1][1], depth)
    return _one_of(m, value) if isinstance(value, IntV) else value


def _elements(m: Machine, seq: Seq, limit: int) -> list[Value]:
    longest = m.domains.longest(seq.length)
    size = _decided(m, seq.length, limit if longest is None else longest, 0)
    return [at(seq, T.num(k)) for k in range(size)]


def _assume_distinct(m: Machine, items: list[Value]) -> None:
    from judge.symbolic.compare import element_equal

    for n, a in enumerate(items):
        for b in items[:n]:
            m.state.facts.append(T.not_(element_equal(a, b)))
