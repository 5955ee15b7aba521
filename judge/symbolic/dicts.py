"""Dicts: which keys are there and what each maps to; order and size where they are known.

Entries are kept in the order of insertion as long as it is decided which keys are equal: always
for literals and in runs of paths. Otherwise a dict is a function of its key, and whatever asks for
order, size, keys or items is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from judge.symbolic import term as T
from judge.symbolic.compare import element_equal, equal
from judge.symbolic.keyed import any_key, places
from judge.symbolic.machine import VAGUE, Dead, Machine
from judge.symbolic.merge import at, merge, merge_seq, same
from judge.symbolic.sets import hashable
from judge.symbolic.shapes import Shape, join, key_shape, shape_of
from judge.symbolic.term import Term
from judge.symbolic.values import (
    BoolV,
    DictV,
    DictViewV,
    IntV,
    Seq,
    Single,
    StrV,
    TupleV,
    Unsupported,
    Value,
    View,
    mutable,
)

Entries = tuple[tuple[Value, Value], ...]


def empty() -> DictV:
    """``{}``."""
    return of_entries(())


def of_entries(entries: Entries, fresh: bool = True, default: Value | None = None) -> DictV:
    """The dict of some entries whose keys are known to differ."""
    key: Shape | None = None
    value: Shape | None = None
    for k, v in entries:
        key, value = _join(key, _shape(k, key_shape)), _join(value, _shape(v, shape_of))

    def has(wanted: Value) -> Term:
        return T.or_(*(element_equal(wanted, k) for k, _ in entries))

    def get(wanted: Value) -> Value:
        if not entries:
            raise Unsupported("a value from a dict that is literally empty")
        found = entries[-1][1]
        for k, v in entries[-2::-1]:
            found = merge(element_equal(wanted, k), v, found)
        return found

    return DictV(has, get, key, value, fresh, entries, default=default)


def _shape(value: Value, how: Callable[[Value], Shape]) -> Shape | None:
    try:
        return how(value)
    except Unsupported:
        return None


def _join(old: Shape | None, new: Shape | None) -> Shape | None:
    return (new if old is None else old) if old is None or new is None else join(old, new)


def literal_dict(m: Machine, pairs: list[tuple[Value, Value]], line: int) -> DictV:
    """A dict display: a later pair wins over an earlier one with the same key."""
    result = empty()
    for key, value in pairs:
        result = with_item(m, result, key, value, line)
    return result


def place_of(m: Machine, old: DictV, key: Value) -> int | None:
    """Where the key is among the entries; -1 where it is not there, None where nobody knows."""
    if old.entries is None:
        return None
    for n, (k, _) in enumerate(old.entries):
        same = m.settle(element_equal(key, k))
        if same is None:
            return None
        if same:
            return n
    return -1


def with_item(m: Machine, old: DictV, key: Value, value: Value, line: int) -> DictV:
    """The dict after ``d[key] = value``; a key that is there keeps its place."""
    hashable(m, key, line)
    place = place_of(m, old, key)
    if place is not None and old.entries is not None:
        entries = list(old.entries)
        if place < 0:
            entries.append((key, value))
        else:
            entries[place] = (entries[place][0], value)
        return of_entries(tuple(entries), old.fresh, old.default)
    if old.entries is not None and old.default is None and _surely(m, old.has(key)):
        # One of the known keys, nobody knows which: each value is the new one or stays.
        pairs = [(k, merge(element_equal(key, k), value, v)) for k, v in old.entries]
        return of_entries(tuple(pairs), old.fresh)

    def get(k: Value) -> Value:
        if old.key is None:
            return value
        return merge(equal(k, key), value, old.get(k))

    return DictV(
        lambda k: T.or_(equal(k, key), old.has(k)),
        get,
        _known_join(old.key, key_shape(key)),
        _known_join(old.value, shape_of(value)),
        fresh=old.fresh,
        listing=_listing_with(m, old, key, value),
        default=old.default,
        by_code=True,
    )


def listing_of(value: DictV) -> tuple[Seq, Seq] | None:
    """Keys and values in order, where they are known or listed."""
    if value.entries is None:
        return value.listing
    keys = Seq(tuple(Single(k) for k, _ in value.entries))
    return keys, Seq(tuple(Single(v) for _, v in value.entries))


def _listing_with(m: Machine, old: DictV, key: Value, value: Value) -> tuple[Seq, Seq] | None:
    """The listing after ``d[key] = value``: a new key comes last, an old one keeps its place."""
    before = listing_of(old)
    if before is None:
        return None
    keys, values = before
    there = old.has(key)
    known = T.decide(there, [*m.state.facts, m.guard()])
    if known is not None:
        there = T.boolean(known)
    keys = merge_seq(there, keys, Seq((*keys.pieces, Single(key))))

    def get(j: Term) -> Value:
        same_key = element_equal(at(keys, j), key)
        return merge(same_key, value, at(values, j)) if values.pieces else value

    return keys, Seq((View(get, T.num(0), keys.length),))


def _surely(m: Machine, condition: Term) -> bool:
    """Whether the facts at hand say so, word for word."""
    guards = [g for frame in m.frames for g in frame.guards]
    return T.decide(condition, [*m.state.facts, *guards]) is True


def _known_join(old: object, new: Shape) -> Shape:
    return new if old is None else join(old, new)  # type: ignore[arg-type]


def without(m: Machine, old: DictV, key: Value) -> DictV:
    """The dict after ``del d[key]`` of a key that is there."""
    place = place_of(m, old, key)
    if place is not None and place >= 0 and old.entries is not None:
        return of_entries(old.entries[:place] + old.entries[place + 1 :], old.fresh, old.default)
    return DictV(
        lambda k: T.and_(T.not_(equal(k, key)), old.has(k)),
        old.get,
        old.key,
        old.value,
        fresh=old.fresh,
        default=old.default,
    )


def look_up(m: Machine, value: DictV, key: Value, line: int) -> Value:
    """``d[key]``: KeyError where it is not there."""
    hashable(m, key, line)
    place = place_of(m, value, key)
    if place is not None and value.entries is not None:
        if place >= 0:
            return value.entries[place][1]
        m.raise_if(T.true(), "KeyError", line)
        raise Dead
    if value.listing is not None and places(value.key) is None:
        there, found = _listed_value(m, value, value.listing, key, line)
        m.raise_if(T.not_(there), "KeyError", line)
        return found
    m.raise_if(T.not_(value.has(key)), "KeyError", line)
    if value.key is None:
        raise Dead
    return value.get(key)


def _listed_value(
    m: Machine, value: DictV, listing: tuple[Seq, Seq], key: Value, line: int
) -> tuple[Term, Value]:
    """(whether the key is there, its value) in an unknown dict whose keys are only listed."""
    keys, values = listing
    known = _listed_index(keys, key)
    if known is not None:
        inside = T.and_(T.le(T.num(0), known), T.lt(known, keys.length))
        if not _surely_all(m, inside):
            # It was taken from the listing, so this holds; it is owed all the same.
            m.raise_if(T.not_(inside), f"{VAGUE}KeyError", line)
        return T.true(), at(values, known)
    if m.binding or m.under_binder:
        raise Unsupported("looking up such a key inside a comprehension", line)
    place = T.var(T.fresh_name("place"))
    there = value.has(key)
    inside = T.and_(T.le(T.num(0), place), T.lt(place, keys.length))
    here = T.and_(inside, element_equal(at(keys, place), key))
    m.state.facts.append(T.implies(T.and_(m.guard(), there), here))
    return there, at(values, place)


def _listed_index(keys: Seq, key: Value) -> Term | None:
    """Where a key stands in the listing, when it was taken from there."""
    terms: list[Term] = []
    todo = [key]
    while todo:
        one = todo.pop()
        if isinstance(one, TupleV):
            todo += one.items
        elif isinstance(one, StrV):
            terms.append(one.seq.length)
        elif isinstance(one, IntV | BoolV):
            terms.append(one.term)
    for term in T.subterms(terms):
        if term.op == "select" and same(at(keys, term.kids[1]), key):
            return term.kids[1]
    return None


def _surely_all(m: Machine, condition: Term) -> bool:
    parts = condition.kids if condition.op == "and" else (condition,)
    return all(_surely(m, part) for part in parts)


def look_up_default(m: Machine, target: Value, value: DictV, key: Value, line: int) -> Value:
    """``d[key]`` of a ``Counter`` (0, nothing is put in) or a ``defaultdict`` (what it makes)."""
    from judge.symbolic.closures import call_value
    from judge.symbolic.tables import writable

    hashable(m, key, line)
    place = place_of(m, value, key)
    assert value.default is not None
    if place is None or value.entries is None:
        return _unknown_default(m, target, value, key, line)
    if place >= 0:
        return value.entries[place][1]
    if isinstance(value.default, IntV):
        return value.default
    cell = writable(m, target, line)
    made = m.stored(call_value(m, value.default, [], line))
    changed = with_item(m, value, key, made, line)
    m.state.heap[cell.address].value = replace(changed, fresh=False)
    return made


def _unknown_default(m: Machine, target: Value, value: DictV, key: Value, line: int) -> Value:
    """The same where nobody knows whether the key is there."""
    from judge.symbolic.closures import call_value
    from judge.symbolic.tables import writable

    default = value.default
    if isinstance(default, IntV):
        return default if value.key is None else merge(value.has(key), value.get(key), default)
    assert default is not None
    cell = writable(m, target, line)
    made = m.stored(call_value(m, default, [], line))
    if mutable(made):
        raise Unsupported("a defaultdict of such values with unknown keys", line)
    found = made if value.key is None else merge(value.has(key), value.get(key), made)
    changed = with_item(m, value, key, found, line)
    m.state.heap[cell.address].value = replace(changed, fresh=False)
    return found


def get_or(m: Machine, value: DictV, key: Value, default: Value, line: int) -> Value:
    """``d.get(key, default)``."""
    hashable(m, key, line)
    place = place_of(m, value, key)
    if place is not None and value.entries is not None:
        return value.entries[place][1] if place >= 0 else default
    if value.key is None:
        return default
    if value.listing is not None and places(value.key) is None:
        there, found = _listed_value(m, value, value.listing, key, line)
        return merge(there, found, default)
    return merge(value.has(key), value.get(key), default)


def entries_of(value: DictV, line: int | None = None) -> Entries:
    """The entries, where they are known."""
    if value.entries is None:
        raise Unsupported("the order or size of a dict with unknown keys", line)
    return value.entries


def view_seq(m: Machine, view: DictViewV) -> Seq:
    """What a view of a dict goes through now."""
    value = m.plain(view.of)
    assert isinstance(value, DictV)
    if value.listing is not None:
        return _listed(value.listing, view.kind)
    items: list[Value] = []
    for k, v in entries_of(value):
        items.append({"keys": k, "values": v, "items": TupleV((k, v))}[view.kind])
    return Seq(tuple(map(Single, items)))


def _listed(listing: tuple[Seq, Seq], kind: str) -> Seq:
    keys, values = listing
    if kind != "items":
        return keys if kind == "keys" else values
    return Seq((View(lambda j: TupleV((at(keys, j), at(values, j))), T.num(0), keys.length),))


def keys_seq(value: DictV) -> Seq:
    """The keys in order."""
    if value.listing is not None:
        return value.listing[0]
    return Seq(tuple(Single(k) for k, _ in entries_of(value)))


def _equal_functions(a: DictV, b: DictV) -> Term:
    """Dicts whose keys have codes, by what they hold."""
    shape = a.key if b.key is None else b.key
    unlike = a.key is not None and b.key is not None and a.key != b.key
    unlike = unlike or any(d.key is None and bool(d.entries) for d in (a, b))
    if unlike or places(shape) is None or a.default is not None or b.default is not None:
        raise Unsupported("equality of dicts with unknown keys")
    holes, key = any_key(shape)  # type: ignore[arg-type]
    if a.key is None or b.key is None:
        known = b if a.key is None else a
        return T.quantify("forall", holes, T.not_(known.has(key)))
    alike = T.and_(
        T.iff(a.has(key), b.has(key)),
        T.implies(a.has(key), element_equal(a.get(key), b.get(key))),
    )
    return T.quantify("forall", holes, alike)


def equal_dicts(a: DictV, b: DictV) -> Term:
    """``a == b``: the same keys with equal values, in any order."""
    if a.has is b.has and a.get is b.get and a.listing is not None:
        return T.true()
    for x, y in ((a, b), (b, a)):
        if x.entries == () and y.listing is not None:
            return T.eq(y.listing[0].length, T.num(0))
    if a.entries is None or b.entries is None:
        return _equal_functions(a, b)
    if isinstance(a.default, IntV) and isinstance(b.default, IntV):
        raise Unsupported("equality of Counters, where a missing key counts as 0")
    if len(a.entries) != len(b.entries):
        return T.false()
    cases = []
    for k, v in a.entries:
        cases.append(
            T.or_(*(T.and_(element_equal(k, j), element_equal(v, w)) for j, w in b.entries))
        )
    return T.and_(*cases)


__all__ = [
    "empty", "entries_of", "equal_dicts", "get_or", "keys_seq", "listing_of", "literal_dict",
    "look_up", "look_up_default", "of_entries", "place_of", "view_seq", "with_item", "without",
]  # fmt: skip
