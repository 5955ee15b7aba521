"""Folds over sequences: sums, counts, maxima and filters as functions of a prefix.

``sum(f(x) for x in xs[:k])`` is ``S(k)`` for a function ``S`` that is named by its summand, so the
same sum written twice is the same term. What is known of ``S`` is not a recursive definition (no
solver is asked to unfold one) but the instances that a formula needs: ``facts`` lists them for the
terms that occur in it. Each instance is true of the real fold; the induction lemmas say why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import permutations

from judge.symbolic import decimals, divisors, laws, powers, quotients, readings, recursive
from judge.symbolic import term as T
from judge.symbolic.fold_sorted import rearranged
from judge.symbolic.fold_touched import written
from judge.symbolic.fold_twins import alike
from judge.symbolic.keyed import Listed
from judge.symbolic.sortedness import sorted_lemmas
from judge.symbolic.term import INT, Term
from judge.symbolic.values import Filtered, Seq, Single, Unsupported, Value, View

UNROLL = 64
"""Sequences of a literal length up to this are folded out."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A defined function: ``name(*outer, k)`` folds the elements before index ``k``.

    ``body`` and ``keep`` are over ``hole`` (the element's index) and ``outer`` (bound variables of
    enclosing comprehensions, passed as arguments). ``low`` is where a max or a filter starts.
    """

    name: str
    kind: str
    outer: tuple[Term, ...]
    hole: Term
    body: Term
    keep: Term
    low: Term


def _define(
    kind: str, hole: Term, body: Term, keep: Term, low: Term, places: bool = False
) -> tuple[Fold, list[Term]]:
    """The fold of that form, and what its outer arguments are here.

    With ``places`` the indices of elements that the form speaks of are arguments too, so that the
    sum of row ``i`` and the sum of every row are one function.
    """
    actual = _indices(hole, body) if places else []
    shadows = {t.id: T.bvar(f"shadow {n}") for n, t in enumerate(actual)}
    rest = T.substitute(body, shadows).bound | keep.bound | low.bound
    own = {str(hole.args[0]), *(str(s.args[0]) for s in shadows.values())}
    actual = [*actual, *(T.bvar(name) for name in sorted(rest - own))]
    outer = tuple(T.bvar(f"@{n}") for n in range(len(actual)))
    mark = T.bvar("@")
    mapping = {hole.id: mark, **{a.id: o for a, o in zip(actual, outer, strict=True)}}
    parts = [T.substitute(t, mapping) for t in (body, keep, low)]
    key = f"{kind} {parts[0].id} {parts[1].id} {parts[2].id}"
    table = T.definitions()
    found = table.get(key)
    if not isinstance(found, Fold):
        name = T.fresh_name(f"fold.{kind}")
        found = Fold(name, kind, outer, mark, parts[0], parts[1], parts[2])
        table[key] = table[name] = found
    return found, actual


def _indices(hole: Term, body: Term) -> list[Term]:
    """What the form depends on beside the fold's own index, so that it can be an argument.

    The largest integers that are read from somewhere or vary around the fold; of rows that are
    read inside it, the index of the row; the numbers whose digits are read.
    """
    found: dict[int, Term] = {}
    own, todo, seen = str(hole.args[0]), [body], set[int]()
    while todo:
        t = todo.pop()
        if t.id in seen or t.op in ("int", "bvar"):
            continue
        seen.add(t.id)
        fixed = own not in t.bound and t.bound <= body.bound
        if t.op == "app" and t.args[0] in decimals.DIGITS:
            todo += t.kids[1:]
            number = t.kids[0]
            outside = own not in number.bound and number.bound <= body.bound
            if outside and number.op not in ("int", "bvar"):
                found[number.id] = number
            continue
        read = t.op == "select" and t.kids[1].op != "int"
        if fixed and t.sort == INT and (read or t.bound):
            found[t.id] = t
            continue
        index = t.kids[1] if read else t
        if read and index.op != "bvar" and own not in index.bound and index.bound <= body.bound:
            found[index.id] = index
            todo.append(t.kids[0])
            continue
        todo += t.kids
    return list(found.values())


def _apply(fold: Fold, actual: Iterable[Term], index: Term) -> Term:
    return T.app(fold.name, [*actual, index], INT)


def prefix_sum(hole: Term, body: Term, index: Term, places: bool = True) -> Term:
    """The sum of ``body`` over ``0 <= hole < index`` (for a negative index: minus the rest)."""
    if T.literal(body) is not None:
        return T.mul(body, index)
    if T.literal(index) == 0:
        return index
    fold, actual = _define("sum", hole, body, T.true(), T.num(0), places)
    return _apply(fold, actual, index)


def span_sum(lo: Term, hi: Term, summand: Callable[[Term], Term], places: bool = True) -> Term:
    """The sum of ``summand(j)`` over ``lo <= j < hi``, where ``lo <= hi``."""
    a, b = T.literal(lo), T.literal(hi)
    if a is not None and b is not None and b - a <= UNROLL:
        return T.add(T.num(0), *(summand(T.num(j)) for j in range(a, b)))
    hi = _as_cases(hi)
    if hi.op == "ite" and any(k is lo or (a is not None and k.op == "int") for k in hi.kids[1:]):
        c, x, y = hi.kids
        return T.ite(c, span_sum(lo, x, summand, places), span_sum(lo, y, summand, places))
    hole = T.fresh_bvar()
    body = summand(hole)
    return T.sub(prefix_sum(hole, body, hi, places), prefix_sum(hole, body, lo, places))


def _as_cases(end: Term) -> Term:
    """``start + (count if some else 0)``, which ends a range, as two cases."""
    if end.op != "+":
        return end
    choices = [k for k in end.kids if k.op == "ite"]
    if len(choices) != 1:
        return end
    rest = T.sub(end, choices[0])
    c, x, y = choices[0].kids
    return T.ite(c, T.add(rest, x), T.add(rest, y))


def sum_of(seq: Seq, summand: Callable[[Value], Term]) -> Term:
    """The sum of ``summand`` over all elements."""
    total = T.num(0)
    for piece in seq.pieces:
        total = T.add(total, _piece_sum(piece, summand))
    return total


def _piece_sum(piece: Single | View, summand: Callable[[Value], Term]) -> Term:
    if isinstance(piece, Single):
        return summand(piece.value)
    if isinstance(piece, Filtered):
        return span_sum(
            piece.start,
            piece.stop,
            lambda j: T.ite(piece.keep(j), summand(piece.value(j)), T.num(0)),
        )
    return span_sum(piece.lo, piece.hi, lambda j: summand(piece.get(j)))


def count(lo: Term, hi: Term, keep: Callable[[Term], Term], places: bool = True) -> Term:
    """How many ``lo <= j < hi`` satisfy ``keep``."""
    return span_sum(lo, hi, lambda j: T.ite(keep(j), T.num(1), T.num(0)), places)


def extreme(seq: Seq, kind: str, measure: Callable[[Value], Term]) -> tuple[Term, Term]:
    """(is it empty, the ``max`` or ``min``); the second means nothing where the first holds."""
    empty, best = T.true(), T.num(0)
    for piece in seq.pieces:
        here_empty, here = _piece_extreme(piece, kind, measure)
        better = T.le(best, here) if kind == "max" else T.le(here, best)
        use_here = T.and_(T.not_(here_empty), T.or_(empty, better))
        best = T.ite(use_here, here, best)
        empty = T.and_(empty, here_empty)
    return empty, best


def _piece_extreme(
    piece: Single | View, kind: str, measure: Callable[[Value], Term]
) -> tuple[Term, Term]:
    if isinstance(piece, Single):
        return T.false(), measure(piece.value)
    a, b = T.literal(piece.lo), T.literal(piece.hi)
    if a is not None and b is not None and b - a <= UNROLL and not isinstance(piece, Filtered):
        return extreme(Seq(tuple(Single(piece.get(T.num(j))) for j in range(a, b))), kind, measure)
    hole = T.fresh_bvar()
    if isinstance(piece, Filtered):
        body, keep = measure(piece.value(hole)), piece.keep(hole)
        lo, hi = piece.start, piece.stop
    else:
        body, keep, lo, hi = measure(piece.get(hole)), T.true(), piece.lo, piece.hi
    fold, actual = _define(kind, hole, body, keep, lo)
    return T.le(piece.length, T.num(0)), _apply(fold, actual, hi)


def filtered(
    value: Callable[[Term], Value], keep: Callable[[Term], Term], start: Term, stop: Term
) -> View:
    """The kept elements of ``start <= j < stop`` as a sequence of their own."""
    from judge.symbolic.shapes import shape_of, unknown

    hole = T.fresh_bvar()
    kept = keep(hole)
    if T.is_true(kept):
        return View(value, start, stop)
    element = value(hole)
    mark = token(element, hole)
    fold, actual = _define("filter", hole, mark, kept, start)
    if actual:
        raise Unsupported("a filtered comprehension inside another comprehension")
    shape = shape_of(element)
    length = count(start, stop, keep, places=False)
    _ELEMENTS_OF(fold, value)

    def get(j: Term) -> Value:
        return unknown(shape, fold.name, (j,))

    return Filtered(get, T.num(0), length, value, keep, start, stop)


def _ELEMENTS_OF(fold: Fold, value: Callable[[Term], Value]) -> None:  # noqa: N802
    T.definitions()[f"{fold.name} elements"] = value


def form_name(what: str, hole: Term, values: list[Value], bounds: list[Term]) -> str:
    """A name for what is made of values that vary with ``hole``: the same form, the same name.

    So code and contract speak of one thing. Raises ``Unsupported`` where more varies around it.
    """
    try:
        parts = [token(v, hole) for v in values]
    except Unsupported:
        return T.fresh_name(what.replace(" ", "."))
    if any(p.bound - {str(hole.args[0])} for p in (*parts, *bounds)):
        raise Unsupported(f"{what.split()[0]} of unknown length inside a comprehension")
    mark = {hole.id: T.bvar("@form")}
    key = " ".join(["form", what, *(str(T.substitute(p, mark).id) for p in (*parts, *bounds))])
    known = T.definitions().get(key)
    if not isinstance(known, str):
        known = T.definitions()[key] = T.fresh_name(what.replace(" ", "."))
        assert isinstance(known, str)
    return known


def token(value: Value, hole: Term) -> Term:
    """A term that stands for a value of any kind, to tell two filters apart."""
    from judge.symbolic.values import BoolV, Choice, IntV, ListV, NoneV, StrV, TupleV

    if isinstance(value, IntV):
        return T.app("token.int", [value.term], INT)
    if isinstance(value, BoolV):
        return T.app("token.bool", [value.term], INT)
    if isinstance(value, NoneV):
        return T.app("token.none", [T.num(0)], INT)
    if isinstance(value, TupleV):
        return T.app("token.tuple", [token(v, hole) for v in value.items] or [hole], INT)
    if isinstance(value, Choice):
        choices = [part for c, v in value.options for part in (c, token(v, hole))]
        return T.app("token.choice", choices, INT)
    if isinstance(value, StrV | ListV):
        probe = T.var("any place")
        parts: list[Term] = []
        for piece in value.seq.pieces:
            inside = piece.at(probe)
            if not isinstance(inside, IntV | BoolV):
                raise Unsupported("a filtered comprehension over such elements")
            parts += [piece.length, token(inside, hole)]
            if isinstance(piece, View):
                parts.append(piece.lo)
        kind = "str" if isinstance(value, StrV) else "list"
        return T.app(f"token.{kind}", parts or [hole], INT)
    raise Unsupported("a filtered comprehension over such elements")


# ---------------------------------------------------------------- what is known of them


def facts(roots: list[Term], depth: int = 2, lemmas_of_helpers: bool = True) -> list[Term]:
    """Instances of the folds' defining equations and lemmas for the terms in ``roots``.

    Without ``lemmas_of_helpers`` recursive helpers are known by their equations alone, also those
    that a sum's summand speaks of: where their lemmas are still to be shown.
    """
    everything = T.subterms(roots)
    if not any(t.op in ("app", "forall") for t in everything):
        return [f for f in _parities(everything) if not T.is_true(f)]
    result: dict[int, Term] = {}
    todo, seen = roots, set[int]()
    for _ in range(depth):
        fresh: list[Term] = []
        occurrences = [t for t in T.subterms(todo) if t.op == "app" and t.id not in seen]
        for t in occurrences:
            seen.add(t.id)
            fresh += _instances(t, lemmas_of_helpers)
        todo = [f for f in fresh if not T.is_true(f) and f.id not in result]
        result.update((f.id, f) for f in todo)
        if not todo:
            break
    for f in sorted_lemmas([*roots, *result.values()]):
        result[f.id] = f
    for f in _parities(T.subterms([*roots, *result.values()])):
        result[f.id] = f
    applied = [t for t in T.subterms([*roots, *result.values()]) if t.op == "app"]
    known = {n: f for n, f in T.definitions().items() if isinstance(f, Fold) and n == f.name}
    lemmas = [*quotients.neighbours(applied), *quotients.common_divisors(applied)]
    lemmas += [*divisors.euclid(applied), *divisors.exact(applied, roots)]
    lemmas += divisors.cofactors(applied, roots)
    lemmas += [*_bits_taken(applied), *powers.squares(applied, [*roots, *result.values()])]
    asked = {t.id for t in T.subterms(roots) if t.op == "app"}
    lemmas += alike([t for t in applied if t.id in asked], known)
    lemmas += powers.laws(applied, asked)
    lemmas += quotients.products(applied, T.subterms(roots))
    for f in [*_pair_lemmas(applied, asked), *lemmas]:
        result[f.id] = f
    return [f for f in result.values() if not T.is_true(f)]


def _instances(t: Term, lemmas_of_helpers: bool) -> list[Term]:
    name = str(t.args[0])
    if name == powers.NAME:
        return powers.facts(t) if not t.bound else []
    if name == "bit.and":
        return _bit_facts(t) if not t.bound else []
    if name == "math.isqrt":
        return _root_facts(t) if not t.bound else []
    if name in decimals.LENGTHS or name in decimals.DIGITS:
        return decimals.facts(t)
    if name == divisors.GCD:
        return divisors.gcd_facts(t)
    if name == divisors.FACTORIAL:
        return divisors.factorial_facts(t)
    if name == readings.ONTO:
        return readings.onto_facts(t)
    if name == "floor.div":
        return quotients.quotient_facts(t)
    if name.startswith(recursive.KNOWN):
        return recursive.instances(t, lemmas_of_helpers)
    fold = T.definitions().get(name)
    if isinstance(fold, Listed):
        return fold.facts()
    if isinstance(fold, laws.Law):
        return fold.say(t)
    if not isinstance(fold, Fold):
        return []
    *actual, index = t.kids
    if t.bound:
        if fold.kind != "sum":
            return []
        # Under a quantifier: state the defining equation for every index instead, or where the
        # index is fixed, for whatever varies beside it.
        step = _general(fold) if index.bound else _step_for_all(fold, actual, index)
        return [step, *_moved(fold, t)]
    if fold.kind == "sum":
        steps = [_sum_step(fold, actual, index), *_filter_steps(fold, actual, index)]
        return [*steps, *_over_digits(fold, actual, index), *_moved(fold, t)]
    if fold.kind == readings.VALUE:
        return [_value_step(fold, actual, index)]
    return _extreme_facts(fold, actual, index)


def _moved(fold: Fold, t: Term) -> list[Term]:
    """A sum over a list that was written to or sorted, by the one over the list before."""
    return [*written(fold, t, prefix_sum), *rearranged(fold, t, sum_of)]


def _at(fold: Fold, actual: Iterable[Term], index: Term, what: Term) -> Term:
    mapping = {fold.hole.id: index}
    mapping.update({o.id: a for o, a in zip(fold.outer, actual, strict=True)})
    return T.substitute(what, mapping)


def _sum_step(fold: Fold, actual: list[Term], index: Term) -> Term:
    """S(k) = S(k-1) + body(k-1); S(0) = 0 comes with literal 0 and by congruence."""
    before = T.sub(index, T.num(1))
    zero = T.eq(_apply(fold, actual, T.num(0)), T.num(0))
    if T.literal(index) == 0:
        return zero
    step = T.eq(
        _apply(fold, actual, index),
        T.add(_apply(fold, actual, before), _at(fold, actual, before, fold.body)),
    )
    return T.and_(zero, step)


def prefix_value(hole: Term, body: Term, index: Term) -> Term:
    """The number that the digits ``body`` for ``0 <= hole < index`` stand for."""
    if T.literal(body) == 0:
        return T.num(0)
    fold, actual = _define(readings.VALUE, hole, body, T.true(), T.num(0), places=True)
    return _apply(fold, actual, index)


def _value_step(fold: Fold, actual: list[Term], index: Term) -> Term:
    """V(0) = 0; V(k) = 10*V(k-1) + body(k-1) for k > 0."""
    before = T.sub(index, T.num(1))
    zero = T.eq(_apply(fold, actual, T.num(0)), T.num(0))
    shorter = T.mul(T.num(10), _apply(fold, actual, before))
    longer = T.add(shorter, _at(fold, actual, before, fold.body))
    step = T.eq(_apply(fold, actual, index), longer)
    return T.and_(zero, T.implies(T.lt(T.num(0), index), step))


def _over_digits(fold: Fold, actual: list[Term], index: Term) -> list[Term]:
    """A sum over all digits of a number follows the number's recursion, see ``decimals``."""
    hole = T.fresh_bvar()
    body = _at(fold, actual, hole, fold.body)
    found = decimals.folded(body, hole, index, lambda inner, at: prefix_sum(hole, inner, at))
    if found is None:
        return []
    small, one, more = found
    equation = T.eq(_apply(fold, actual, index), T.ite(small, one, more))
    return [T.implies(T.le(T.num(0), index.kids[0]), equation)]


def _step_for_all(fold: Fold, actual: list[Term], index: Term) -> Term:
    """The step at one index, for all values of the outer arguments that are not fixed."""
    names = {n: T.fresh_bvar() for n, a in enumerate(actual) if a.bound}
    outer = [names.get(n, a) for n, a in enumerate(actual)]
    return T.quantify("forall", list(names.values()), _sum_step(fold, outer, index))


def _general(fold: Fold) -> Term:
    names = [T.fresh_bvar() for _ in fold.outer]
    k = T.fresh_bvar()
    zero = T.eq(_apply(fold, names, T.num(0)), T.num(0))
    after = T.add(k, T.num(1))
    step = T.eq(
        _apply(fold, names, after), T.add(_apply(fold, names, k), _at(fold, names, k, fold.body))
    )
    return T.and_(T.quantify("forall", names, zero), T.quantify("forall", [*names, k], step))


def _filter_steps(counter: Fold, actual: list[Term], index: Term) -> list[Term]:
    """Where a counter steps, every filter with that condition gets one more known element."""
    from judge.symbolic.compare import equal
    from judge.symbolic.shapes import shape_of, unknown

    result: list[Term] = []
    before = T.sub(index, T.num(1))
    for key, fold in list(T.definitions().items()):
        if not isinstance(fold, Fold) or fold.kind != "filter" or key != fold.name:
            continue
        if counter.outer or counter.body is not T.ite(fold.keep, T.num(1), T.num(0)):
            continue
        value = T.definitions()[f"{fold.name} elements"]
        assert callable(value)
        offset = _apply(counter, [], fold.low)
        kept = T.and_(_at(fold, [], before, fold.keep), T.le(fold.low, before))
        element = value(before)
        position = T.sub(_apply(counter, [], before), offset)
        here = unknown(shape_of(element), fold.name, (position,))
        result.append(T.implies(kept, equal(here, element)))
        result.append(_filter_sources(fold, counter, index, value))
    return result


def _filter_sources(fold: Fold, counter: Fold, index: Term, value: Callable[[Term], Value]) -> Term:
    """Every element of a filtered prefix comes from a kept element of the source."""
    from judge.symbolic.compare import equal
    from judge.symbolic.shapes import shape_of, unknown

    k = T.fresh_bvar()
    source = T.app(f"{fold.name}.source", [k], INT)
    element = value(source)
    here = unknown(shape_of(element), fold.name, (k,))
    length = T.sub(_apply(counter, [], index), _apply(counter, [], fold.low))
    inside = T.and_(T.le(T.num(0), k), T.lt(k, length), T.le(fold.low, index))
    claim = T.and_(
        T.le(fold.low, source),
        T.lt(source, index),
        _at(fold, [], source, fold.keep),
        equal(here, element),
    )
    return T.quantify("forall", [k], T.implies(inside, claim))


def _extreme_facts(fold: Fold, actual: list[Term], index: Term) -> list[Term]:
    """One unfolding, the bound over all elements, and a place where the extreme is taken."""

    def at(i: Term, what: Term) -> Term:
        return _at(fold, actual, i, what)

    low = at(T.num(0), fold.low)
    before = T.sub(index, T.num(1))
    now, last, body = (
        _apply(fold, actual, index),
        _apply(fold, actual, before),
        at(before, fold.body),
    )
    some_before, some = _some(fold, actual, low, before), _some(fold, actual, low, index)
    better = T.le(last, body) if fold.kind == "max" else T.le(body, last)
    step = T.ite(T.and_(some_before, T.not_(better)), last, body)
    unfold = T.implies(T.le(low, before), T.eq(now, T.ite(at(before, fold.keep), step, last)))
    k = T.fresh_bvar()
    inside = T.and_(T.le(low, k), T.lt(k, index), at(k, fold.keep))
    bound = T.le(at(k, fold.body), now) if fold.kind == "max" else T.le(now, at(k, fold.body))
    place = T.app(f"{fold.name}.place", [*actual, index], INT)
    taken = T.and_(
        T.le(low, place), T.lt(place, index), at(place, fold.keep), T.eq(at(place, fold.body), now)
    )
    return [unfold, T.quantify("forall", [k], T.implies(inside, bound)), T.implies(some, taken)]


def _some(fold: Fold, actual: list[Term], low: Term, index: Term) -> Term:
    if T.is_true(fold.keep):
        return T.lt(low, index)
    return T.and_(
        T.lt(low, index),
        T.lt(T.num(0), count(low, index, lambda j: _at(fold, actual, j, fold.keep))),
    )


def _pair_lemmas(occurrences: list[Term], asked: set[int]) -> list[Term]:
    """``asked`` are the terms that the formula itself speaks of.

    Monotony: a sum of summands within [c, d] moves within [c, d] a step (by induction)."""
    by_fold: dict[tuple[str, tuple[int, ...]], list[Term]] = {}
    for t in occurrences:
        fold = T.definitions().get(str(t.args[0]))
        if isinstance(fold, Fold) and fold.kind == "sum" and not t.bound:
            by_fold.setdefault((fold.name, tuple(k.id for k in t.kids[:-1])), []).append(t)
    result = []
    for (name, _), terms in by_fold.items():
        fold = T.definitions()[name]
        assert isinstance(fold, Fold)
        low, high = _range_of(fold.body)
        if low is not None and high is not None and low < high and not _counts_a_filter(fold):
            result += _excesses(fold, [t for t in terms if t.id in asked], low, high)
        for n, a in enumerate(terms):
            for b in terms[n + 1 :]:
                for x, y in ((a, b), (b, a)):
                    result.append(_moves(fold, x, y, low, high))
    return result[:400]


def _counts_a_filter(fold: Fold) -> bool:
    """Whether a sum is the length of a filtered sequence, whose elements are known one by one."""
    return any(
        isinstance(other, Fold)
        and other.kind == "filter"
        and fold.body is T.ite(other.keep, T.num(1), T.num(0))
        for other in T.definitions().values()
    )


MAX_EXCESSES = 6


def _excesses(fold: Fold, terms: list[Term], low: int, high: int) -> list[Term]:
    """What a prefix sum of summands in [low, high] says of each of them, and they of it.

    No summand exceeds ``low`` by more than the whole sum does, nor misses ``high`` by more; and
    where the sum exceeds the least possible one, some summand exceeds ``low``. By induction.
    """
    result = []
    for t in [t for t in terms if T.literal(t.kids[-1]) is None][:MAX_EXCESSES]:
        *outer, index = t.kids
        k = T.fresh_bvar()
        body = _at(fold, outer, k, fold.body)
        inside = T.and_(T.le(T.num(0), k), T.lt(k, index))
        over = T.sub(t, T.mul(T.num(low), index))
        under = T.sub(T.mul(T.num(high), index), t)
        each = T.and_(T.le(T.sub(body, T.num(low)), over), T.le(T.sub(T.num(high), body), under))
        result.append(T.quantify("forall", [k], T.implies(inside, each)))
        ordered = T.le(T.num(0), index)
        for missed, bound in ((over, low), (under, high)):
            other = T.and_(inside, T.not_(T.eq(body, T.num(bound))))
            some = T.quantify("exists", [k], other)
            result.append(T.implies(ordered, T.or_(T.eq(missed, T.num(0)), some)))
    return result


def _moves(fold: Fold, a: Term, b: Term, low: int | None, high: int | None) -> Term:
    steps = T.sub(b.kids[-1], a.kids[-1])
    difference = T.sub(b, a)
    ordered = T.le(T.num(0), steps)
    claims = []
    if low is not None:
        claims.append(T.le(T.mul(T.num(low), steps), difference))
    if high is not None:
        claims.append(T.le(difference, T.mul(T.num(high), steps)))
    near = T.literal(steps)
    if low is None and (near is None or abs(near) > 3):
        k = T.fresh_bvar()
        inside = T.and_(T.le(a.kids[-1], k), T.lt(k, b.kids[-1]))
        body = _at(fold, a.kids[:-1], k, fold.body)
        positive = T.quantify("forall", [k], T.implies(inside, T.le(T.num(0), body)))
        claims.append(T.implies(positive, T.le(T.num(0), difference)))
    return T.implies(ordered, T.and_(*claims))


def _range_of(body: Term) -> tuple[int | None, int | None]:
    """Literal bounds of a term, where its form shows them."""
    value = T.literal(body)
    if isinstance(value, int) and body.sort == INT:
        return value, value
    if body.op == "ite":
        (a, b), (c, d) = _range_of(body.kids[1]), _range_of(body.kids[2])
        return (
            min(a, c) if a is not None and c is not None else None,
            max(b, d) if b is not None and d is not None else None,
        )
    divisor = T.literal(body.kids[1]) if body.op == "mod" else None
    # By zero it is no number in particular; such a summand raises, yet formulas may speak of it.
    return (0, abs(int(divisor)) - 1) if divisor else (None, None)


def _parities(everything: list[Term]) -> list[Term]:
    """``x*x - x`` is even: said of every square, where something is halved."""
    halves = any(t.op in ("div", "mod") and T.literal(t.kids[1]) == 2 for t in everything)
    if not halves:
        return []
    squares: dict[int, Term] = {}
    for t in everything:
        if t.op == "*" and not t.bound:
            for a, b in zip(t.kids, t.kids[1:], strict=False):
                if a is b:
                    squares[a.id] = a
    two = T.num(2)
    return [T.eq(T.floormod(T.sub(T.mul(x, x), x), two), T.num(0)) for x in squares.values()]


def _bit_facts(t: Term) -> list[Term]:
    """``a & b``: not negative unless both are; never more than one that is not negative."""
    a, b = t.kids
    zero = T.num(0)
    some = T.or_(T.le(zero, a), T.le(zero, b))
    below = T.and_(T.le(t, a), T.le(t, b), T.lt(t, zero))
    return [
        T.implies(some, T.le(zero, t)),
        T.implies(T.le(zero, a), T.le(t, a)),
        T.implies(T.le(zero, b), T.le(t, b)),
        T.or_(some, below),
    ]


def _bits_taken(occurrences: list[Term]) -> list[Term]:
    """``a & (a - 1)`` has one binary digit 1 less than ``a``, for a positive ``a``.

    Said where binary digits are spoken of.
    """
    if not any(t.args[0] == "bin.length" for t in occurrences):
        return []

    def ones(number: Term) -> Term:
        def one(j: Term) -> Term:
            return T.eq(decimals.digit(number, j, "bin"), T.num(decimals.ZERO + 1))

        return count(T.num(0), decimals.length(number, "bin"), one)

    result = []
    for t in [t for t in occurrences if t.args[0] == "bit.and" and not t.bound]:
        for a, b in permutations(t.kids, 2):
            if T.literal(T.sub(a, b)) == 1:
                taken = T.eq(ones(t), T.sub(ones(a), T.num(1)))
                result.append(T.implies(T.lt(T.num(0), a), taken))
    return result


def _root_facts(t: Term) -> list[Term]:
    """The whole square root: its square fits, the next one's does not."""
    (number,) = t.kids
    after = T.add(t, T.num(1))
    fits = T.and_(T.le(T.num(0), t), T.le(T.mul(t, t), number), T.lt(number, T.mul(after, after)))
    return [T.implies(T.le(T.num(0), number), fits)]
