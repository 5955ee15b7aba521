"""``sorted``: an ordered rearrangement, as far as formulas of first order can say so.

The result is a new sequence of the same length, in order, in which every element comes from the
source and every source element occurs. That it is a permutation is known only through these facts
(and through the same source giving the same result).
"""

from __future__ import annotations

from judge.symbolic import term as T
from judge.symbolic.machine import Machine
from judge.symbolic.merge import at
from judge.symbolic.numbers import as_int
from judge.symbolic.shapes import INT_SHAPE
from judge.symbolic.term import INT, Term
from judge.symbolic.values import IntV, Seq, SetV, Single, Unsupported, Value, View


def sorted_seq(m: Machine, seq: Seq, line: int) -> Seq:
    """The sorted rearrangement of a sequence of integers."""
    length = T.literal(seq.length)
    if length is not None and length <= 6:
        return _network(m, [at(seq, T.num(k)) for k in range(length)], line)
    if m.binding or m.under_binder:
        raise Unsupported("sorted() inside a comprehension", line)
    hole = T.bvar("probe")
    element = at(seq, hole)
    if not isinstance(element, IntV):
        raise Unsupported("sorted() of anything but integers", line)
    key = f"sorted {element.term.id} {seq.length.id}"
    name = T.definitions().get(key)
    if not isinstance(name, str):
        name = T.fresh_name("sorted")
        T.definitions()[key] = name
        T.definitions()[f"{name} source"] = seq
    array = T.var(name, "(Array Int Int)")
    m.state.facts += _facts(name, array, seq)
    return Seq((View(lambda j: IntV(T.select(array, j)), T.num(0), seq.length),))


def is_sorted_form(seq: Seq) -> bool:
    """Whether a sequence is what ``sorted`` made, element for element."""
    element = at(seq, T.bvar("probe")) if seq.pieces else None
    if not isinstance(element, IntV) or element.term.op != "select":
        return False
    array, place = element.term.kids
    return place is T.bvar("probe") and f"{array.args[0]} source" in T.definitions()


def _name_of_members(value: SetV) -> str:
    """The same source gives the same members, so that code and contract speak of one sequence."""
    if value.source is None or not value.source.pieces:
        return T.fresh_name("members")
    element = at(value.source, T.bvar("probe"))
    assert isinstance(element, IntV)
    key = f"members {element.term.id} {value.source.length.id}"
    known = T.definitions().get(key)
    if not isinstance(known, str):
        known = T.definitions()[key] = T.fresh_name("members")
        assert isinstance(known, str)
    return known


def sorted_members(m: Machine, value: SetV, line: int) -> Seq:
    """The members of a set of integers, rising: each once, whatever they were made of."""
    if m.binding or m.under_binder:
        raise Unsupported("sorted() inside a comprehension", line)
    if value.element != INT_SHAPE:
        raise Unsupported("sorted() of a set of anything but integers", line)
    name = _name_of_members(value)
    array, length = T.var(name, "(Array Int Int)"), T.var(f"{name}.len")
    i, j = T.fresh_bvar(), T.fresh_bvar()

    def inside(k: Term, size: Term) -> Term:
        return T.and_(T.le(T.num(0), k), T.lt(k, size))

    def there(place: Term, member: Term) -> Term:
        return T.and_(inside(place, length), T.eq(T.select(array, place), member))

    place = T.app(f"{name}.to", [i], INT)
    rises = T.implies(
        T.and_(inside(i, length), inside(j, length), T.lt(i, j)),
        T.lt(T.select(array, i), T.select(array, j)),
    )
    facts = [T.le(T.num(0), length), T.quantify("forall", [i, j], rises)]
    if value.source is None:
        known = T.implies(inside(i, length), value.has(IntV(T.select(array, i))))
        met = T.implies(value.has(IntV(i)), there(place, i))
    else:
        source = value.source
        back = T.app(f"{name}.from", [i], INT)
        here = as_int(at(source, back))
        own = as_int(at(source, i))
        assert here is not None
        assert own is not None
        comes = T.and_(inside(back, source.length), T.eq(T.select(array, i), here))
        known = T.implies(inside(i, length), comes)
        met = T.implies(inside(i, source.length), there(place, own))
        facts.append(T.le(length, source.length))
    facts += [T.quantify("forall", [i], known), T.quantify("forall", [i], met)]
    m.state.facts += [T.implies(m.guard(), f) for f in facts]
    return Seq((View(lambda k: IntV(T.select(array, k)), T.num(0), length),))


def _facts(name: str, array: Term, seq: Seq) -> list[Term]:
    i, j = T.fresh_bvar(), T.fresh_bvar()
    length = seq.length

    def inside(k: Term) -> Term:
        return T.and_(T.le(T.num(0), k), T.lt(k, length))

    def source(k: Term) -> Term:
        number = as_int(at(seq, k))
        assert number is not None
        return number

    def result(k: Term) -> Term:
        return T.select(array, k)

    ordered = T.implies(T.and_(inside(i), inside(j), T.le(i, j)), T.le(result(i), result(j)))
    back = T.app(f"{name}.from", [i], INT)
    forth = T.app(f"{name}.to", [i], INT)
    comes = T.and_(
        inside(back), T.eq(result(i), source(back)), T.eq(T.app(f"{name}.to", [back], INT), i)
    )
    goes = T.and_(
        inside(forth), T.eq(source(i), result(forth)), T.eq(T.app(f"{name}.from", [forth], INT), i)
    )
    after = T.add(i, T.num(1))
    rises = T.implies(T.and_(inside(i), inside(after)), T.le(source(i), source(after)))
    stays = T.implies(inside(j), T.eq(result(j), source(j)))
    # What is in order already stays as it is (by induction over the places).
    kept = T.implies(T.quantify("forall", [i], rises), T.quantify("forall", [j], stays))
    return [
        T.quantify("forall", [i, j], ordered),
        kept,
        T.quantify("forall", [i], T.implies(inside(i), comes)),
        T.quantify("forall", [i], T.implies(inside(i), goes)),
    ]


def _network(m: Machine, values: list[Value], line: int) -> Seq:
    numbers = [as_int(v) for v in values]
    if any(n is None for n in numbers) or not all(isinstance(v, IntV) for v in values):
        raise Unsupported("sorted() of anything but integers", line)
    terms = [n for n in numbers if n is not None]
    for end in range(len(terms) - 1, 0, -1):
        for k in range(end):
            a, b = terms[k], terms[k + 1]
            terms[k], terms[k + 1] = T.minimum(a, b), T.maximum(a, b)
    return Seq(tuple(Single(IntV(t)) for t in terms))
