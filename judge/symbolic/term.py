"""Terms: the formulas of the judge, hash-consed and lightly simplified, printable as SMT-LIB.

Integers are kept as polynomials in normal form, so that equal arithmetic is the same object and
obligations come out the same on every machine. What it is not: a solver. Building a term needs no
solver at all, so a certificate can be derived where none is installed.

Sorts are written as SMT-LIB text (``Int``, ``Bool``, ``(Array Int Int)`` ...). Terms live in a
table that ``fresh_table`` renews; terms of two tables must not meet.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce

INT = "Int"
BOOL = "Bool"

MAX_MONOMIALS = 48
"""Products that would expand to more monomials than this stay opaque."""

MAX_DEGREE = 40
MAX_BITS = 14_000
"""So do those of a higher degree, or with larger literals: CPython writes out 4,300 digits only."""


class Term:
    """One node: ``args`` are terms, or data for leaves; ``bound`` its free bound variables.

    ``kids`` are the arguments that are terms: kept, since everything that walks asks for them.
    """

    __slots__ = ("args", "bound", "id", "kids", "op", "sort")

    def __init__(
        self, op: str, args: tuple[object, ...], sort: str, bound: frozenset[str], ident: int
    ) -> None:
        self.op = op
        self.args = args
        self.sort = sort
        self.bound = bound
        self.id = ident
        self.kids: tuple[Term, ...] = tuple([a for a in args if isinstance(a, Term)])

    def __repr__(self) -> str:
        if self.op in ("int", "var", "bvar"):
            return str(self.args[0])
        return f"({' '.join([self.op, *map(repr, self.args)])})"


class _Table:
    def __init__(self) -> None:
        self.nodes: dict[tuple[object, ...], Term] = {}
        self.polys: dict[int, dict[tuple[Term, ...], int]] = {}
        self.names: dict[str, int] = {}
        self.heights: dict[int, int] = {}
        self.definitions: dict[str, object] = {}
        self.bounds: dict[int, tuple[frozenset[tuple[tuple[int, ...], int]], int]] = {}


_table = _Table()
_NO_BOUND: frozenset[str] = frozenset()


@contextmanager
def fresh_table() -> Iterator[None]:
    """Work in a new table: the same steps then give the same terms with the same identities."""
    global _table
    before, _table = _table, _Table()
    try:
        yield
    finally:
        _table = before


def definitions() -> dict[str, object]:
    """What the table's defined functions mean, by name (see ``folds``)."""
    return _table.definitions


def fresh_bvar() -> Term:
    """A bound variable not used before in this table, until a quantifier renames it."""
    return bvar(fresh_name("bound"))


def fresh_name(base: str) -> str:
    """Return ``base`` or ``base!n``, not given before in this table."""
    count = _table.names.get(base, 0)
    _table.names[base] = count + 1
    return base if count == 0 else f"{base}!{count}"


def node(op: str, args: tuple[object, ...], sort: str) -> Term:
    key = (op, sort, *[a.id if isinstance(a, Term) else (type(a), a) for a in args])
    found = _table.nodes.get(key)
    if found is not None:
        return found
    bound = _NO_BOUND
    for a in args:
        if isinstance(a, Term) and a.bound:
            bound = bound | a.bound
    if op == "bvar":
        bound = frozenset((str(args[0]),))
    elif op in ("forall", "exists"):
        bound = bound - {str(a.args[0]) for a in args[:-1] if isinstance(a, Term)}
    term = Term(op, args, sort, bound, len(_table.nodes))
    _table.nodes[key] = term
    return term


# ---------------------------------------------------------------- leaves


def true() -> Term:
    """The formula that always holds."""
    return node("true", (), BOOL)


def false() -> Term:
    """The formula that never holds."""
    return node("false", (), BOOL)


def boolean(value: bool) -> Term:
    """A truth value."""
    return true() if value else false()


def num(value: int) -> Term:
    """An integer literal."""
    return node("int", (int(value),), INT)


def var(name: str, sort: str = INT) -> Term:
    """A free constant, printed as ``v.name``."""
    return node("var", (name,), sort)


def bvar(name: str, sort: str = INT) -> Term:
    """A variable to be bound by a quantifier or by a fold."""
    return node("bvar", (name,), sort)


def app(name: str, args: Iterable[Term], sort: str) -> Term:
    """An uninterpreted function applied."""
    items = tuple(args)
    return node("app", (name, *items), sort) if items else var(name, sort)


def literal(term: Term) -> int | bool | None:
    """The plain value of a literal, or None."""
    if term.op == "int":
        value = term.args[0]
        return value if isinstance(value, int) else None
    if term.op == "true":
        return True
    if term.op == "false":
        return False
    return None


def is_true(term: Term) -> bool:
    """Whether it is literally true."""
    return term.op == "true"


def is_false(term: Term) -> bool:
    """Whether it is literally false."""
    return term.op == "false"


# ---------------------------------------------------------------- integers

_Poly = dict[tuple[Term, ...], int]


def _poly(term: Term) -> _Poly:
    if term.op == "int":
        value = term.args[0]
        assert isinstance(value, int)
        return {(): value} if value else {}
    known = _table.polys.get(term.id)
    return known if known is not None else {(term,): 1}


def _from_poly(poly: _Poly) -> Term:
    items = sorted(
        ((m, c) for m, c in poly.items() if c), key=lambda it: (-len(it[0]), [t.id for t in it[0]])
    )
    if not items:
        return num(0)
    if len(items) == 1 and items[0][0] == ():
        return num(items[0][1])
    parts = [_monomial(m, c) for m, c in items]
    term = parts[0] if len(parts) == 1 else node("+", tuple(parts), INT)
    if len(items) > 1 or items[0][1] != 1 or len(items[0][0]) != 1:
        _table.polys[term.id] = dict(items)
    return term


def _monomial(factors: tuple[Term, ...], coefficient: int) -> Term:
    if not factors:
        return num(coefficient)
    if coefficient == 1 and len(factors) == 1:
        return factors[0]
    parts = factors if coefficient == 1 else (num(coefficient), *factors)
    return node("*", parts, INT)


def add(*terms: Term) -> Term:
    """Integer sum."""
    total: _Poly = {}
    for term in terms:
        for m, c in _poly(term).items():
            total[m] = total.get(m, 0) + c
    return _from_poly(total)


def neg(term: Term) -> Term:
    """Integer negation."""
    return _from_poly({m: -c for m, c in _poly(term).items()})


def sub(a: Term, b: Term) -> Term:
    """Integer difference."""
    return add(a, neg(b))


def _degree(poly: _Poly) -> int:
    return max(map(len, poly), default=0)


def _bits(poly: _Poly) -> int:
    return max((c.bit_length() for c in poly.values()), default=0)


def mul(a: Term, b: Term) -> Term:
    """Integer product, expanded while it stays small."""
    p, q = _poly(a), _poly(b)
    if (
        len(p) * len(q) > MAX_MONOMIALS
        or _degree(p) + _degree(q) > MAX_DEGREE
        or _bits(p) + _bits(q) > MAX_BITS
    ):
        first, second = sorted((a, b), key=lambda t: t.id)
        return node("*", (first, second), INT)
    total: _Poly = {}
    for m, c in p.items():
        for n, d in q.items():
            key = tuple(sorted(m + n, key=lambda t: t.id))
            total[key] = total.get(key, 0) + c * d
    return _from_poly(total)


def _split(poly: _Poly) -> tuple[Term, Term]:
    """Write ``poly`` as left - right with positive coefficients on both sides."""
    left = {m: c for m, c in poly.items() if c > 0 and m}
    right = {m: -c for m, c in poly.items() if c < 0 and m}
    const = poly.get((), 0)
    if const > 0 and left:
        left[()] = const
    elif const > 0:
        left = {(): const}
    elif const < 0:
        right[()] = -const
    return _from_poly(left), _from_poly(right)


def _content(poly: _Poly) -> int:
    return reduce(math.gcd, (abs(c) for m, c in poly.items() if m), 0)


def le(a: Term, b: Term) -> Term:
    """``a <= b`` over integers."""
    poly = {m: c for m, c in _poly(sub(a, b)).items() if c}
    if not any(poly):
        return boolean(poly.get((), 0) <= 0)
    g = _content(poly)
    if g > 1:
        const = poly.get((), 0)
        poly = {m: c // g for m, c in poly.items() if m}
        tightened = -((-const) // g)
        if tightened:
            poly[()] = tightened
    left, right = _split(poly)
    return node("<=", (left, right), BOOL)


def lt(a: Term, b: Term) -> Term:
    """``a < b`` over integers."""
    return le(add(a, num(1)), b)


def upper_bound(term: Term) -> tuple[frozenset[tuple[tuple[int, ...], int]], int] | None:
    """Read ``a <= b`` as (p, c) meaning p + c <= 0, with p free of constants; None for others."""
    if term.op != "<=":
        return None
    found = _table.bounds.get(term.id)
    if found is None:
        poly = _poly(sub(*term.kids))
        key = frozenset((tuple(t.id for t in m), c) for m, c in poly.items() if m and c)
        found = _table.bounds[term.id] = (key, poly.get((), 0))
    return found


def decide(goal: Term, facts: Iterable[Term]) -> bool | None:
    """Whether ``facts`` literally settle ``goal``: the same term, or a tighter bound."""
    known = literal(goal)
    if known is not None:
        return bool(known)
    opposite = not_(goal)
    wanted, unwanted = upper_bound(goal), upper_bound(opposite)
    for fact in facts:
        for part in fact.kids if fact.op == "and" else (fact,):
            if part is goal:
                return True
            if part is opposite:
                return False
            bound = upper_bound(part) if part.op == "<=" else None
            if bound and wanted and bound[0] == wanted[0] and bound[1] >= wanted[1]:
                return True
            if bound and unwanted and bound[0] == unwanted[0] and bound[1] >= unwanted[1]:
                return False
    return None


def _eq_int(a: Term, b: Term) -> Term:
    poly = {m: c for m, c in _poly(sub(a, b)).items() if c}
    if not any(poly):
        return boolean(not poly.get((), 0))
    g = _content(poly)
    const = poly.get((), 0)
    if const % g:
        return false()
    lead = max((m for m in poly if m), key=lambda m: (len(m), [-t.id for t in m]))
    g = g if poly[lead] > 0 else -g
    left, right = _split({m: c // g for m, c in poly.items()})
    return node("=", (left, right), BOOL)


def eq(a: Term, b: Term) -> Term:
    """Equality within one sort."""
    if a is b:
        return true()
    if a.sort == INT:
        return _lifted_eq(a, b)
    if a.sort == BOOL:
        return iff(a, b)
    first, second = sorted((a, b), key=lambda t: t.id)
    return node("=", (first, second), BOOL)


def _lifted_eq(a: Term, b: Term) -> Term:
    """Equality where one side is a choice of literals becomes a choice of truths."""
    for x, y in ((a, b), (b, a)):
        if x.op == "ite" and y.op == "int":
            c, t, e = x.kids
            if t.op == "int" or e.op == "int":
                return ite(c, eq(t, y), eq(e, y))
    return _eq_int(a, b)


def iff(a: Term, b: Term) -> Term:
    """Equality of truth values."""
    if is_true(a):
        return b
    if is_true(b):
        return a
    if is_false(a):
        return not_(b)
    if is_false(b):
        return not_(a)
    if a is not_(b):
        return false()
    first, second = sorted((a, b), key=lambda t: t.id)
    return node("=", (first, second), BOOL)


def _euclid(op: str, a: Term, b: Term) -> Term:
    """SMT-LIB ``div`` and ``mod`` with a positive literal or an unknown divisor."""
    x, y = literal(a), literal(b)
    if x is not None and y:
        remainder = x % abs(y)
        return num((x - remainder) // y if op == "div" else remainder)
    if y == 1:
        return a if op == "div" else num(0)
    if y and y > 0:
        poly = _poly(a)
        whole = {m: c // y for m, c in poly.items() if c % y == 0}
        rest = {m: c for m, c in poly.items() if c % y}
        if whole and op == "div":
            return add(_from_poly(whole), _euclid("div", _from_poly(rest), b))
        if whole:
            return _euclid("mod", _from_poly(rest), b)
        if not rest:
            return num(0)
    return node(op, (a, b), INT)


def _multiple(a: Term, b: Term) -> tuple[_Poly, Term]:
    """``a`` as a multiple of ``b`` and a rest, read off its monomials."""
    times: _Poly = {}
    rest: _Poly = {}
    for monomial, coefficient in _poly(a).items():
        if any(f is b for f in monomial):
            place = next(n for n, f in enumerate(monomial) if f is b)
            times[monomial[:place] + monomial[place + 1 :]] = coefficient
        else:
            rest[monomial] = coefficient
    return times, _from_poly(rest)


def multiple(a: Term, b: Term) -> tuple[Term, Term]:
    """(times, rest) with ``a == times * b + rest``, as far as the monomials of ``a`` show it."""
    times, rest = _multiple(a, b)
    return _from_poly(times), rest


def floordiv(a: Term, b: Term) -> Term:
    """Python's ``a // b``; ``b`` must not be zero where the value matters.

    With an unknown divisor it is a function of its own (see ``quotients``), under a quantifier
    too, so that what is said of all divisors meets what is said of one.

    SMT-LIB's ``div`` rounds so that the remainder is never negative, which is Python's floor only
    for a positive divisor; a negative one is turned round first.
    """
    value = literal(b)
    if value is not None:
        if value == 0:
            return node("div", (a, b), INT)
        return _euclid("div", a, b) if value > 0 else _euclid("div", neg(a), num(-value))
    times, rest = _multiple(a, b)
    if times:
        return add(_from_poly(times), floordiv(rest, b))
    return num(0) if literal(a) == 0 else app("floor.div", [a, b], INT)


def floormod(a: Term, b: Term) -> Term:
    """Python's ``a % b`` (sign of the divisor); ``b`` must not be zero where it matters."""
    value = literal(b)
    if value is not None:
        if value == 0:
            return node("mod", (a, b), INT)
        return _euclid("mod", a, b) if value > 0 else neg(_euclid("mod", neg(a), num(-value)))
    return sub(a, mul(b, floordiv(a, b)))


# ---------------------------------------------------------------- truth


def not_(a: Term) -> Term:
    """Negation."""
    if a.op == "true":
        return false()
    if a.op == "false":
        return true()
    if a.op == "not":
        return a.kids[0]
    if a.op == "<=":
        return lt(a.kids[1], a.kids[0])
    if a.op in ("forall", "exists"):
        other = "exists" if a.op == "forall" else "forall"
        return node(other, (*a.args[:-1], not_(a.kids[-1])), BOOL)
    return node("not", (a,), BOOL)


def _junction(op: str, terms: Iterable[Term]) -> Term:
    unit, zero = (true(), false()) if op == "and" else (false(), true())
    flat: dict[int, Term] = {}
    stack = list(terms)[::-1]
    while stack:
        term = stack.pop()
        if term.op == op:
            stack.extend(term.kids[::-1])
        elif term is zero:
            return zero
        elif term is not unit:
            flat[term.id] = term
    for term in list(flat.values()):
        if not_(term).id in flat:
            return zero
    items = tuple(flat.values())
    if not items:
        return unit
    return items[0] if len(items) == 1 else node(op, items, BOOL)


def and_(*terms: Term) -> Term:
    """Conjunction, in the order given."""
    return _junction("and", terms)


def or_(*terms: Term) -> Term:
    """Disjunction, in the order given."""
    return _junction("or", terms)


def implies(a: Term, b: Term) -> Term:
    """``a`` implies ``b``."""
    if is_true(a) or is_true(b):
        return b
    if is_false(a):
        return true()
    return or_(not_(a), b)


def ite(c: Term, a: Term, b: Term) -> Term:
    """``a`` where ``c`` holds, else ``b``."""
    if c.op == "true" or a is b:
        return a
    if c.op == "false":
        return b
    if a.sort == BOOL:
        if is_true(a):
            return or_(c, b)
        if is_false(a):
            return and_(not_(c), b)
        if is_true(b):
            return or_(not_(c), a)
        if is_false(b):
            return and_(c, a)
    if c.op == "not":
        return ite(c.kids[0], b, a)
    if a.op == "ite" and a.kids[0] is c:
        a = a.kids[1]
    if b.op == "ite" and b.kids[0] is c:
        b = b.kids[2]
    return a if a is b else node("ite", (c, a, b), a.sort)


def minimum(a: Term, b: Term) -> Term:
    """The smaller of two integers."""
    return ite(le(a, b), a, b)


def maximum(a: Term, b: Term) -> Term:
    """The larger of two integers."""
    return ite(le(b, a), a, b)


def quantify(kind: str, names: Iterable[Term], body: Term) -> Term:
    """``forall`` or ``exists`` over bound variables; vanishes when the body does not use them."""
    used = [v for v in names if str(v.args[0]) in body.bound]
    if not used:
        return body
    free = [int(b[1:]) + 1 for b in body.bound if b[0] == "q"]
    height = max([quantifier_height(body), *free])
    named = [bvar(f"q{height + n}", v.sort) for n, v in enumerate(used)]
    body = substitute(body, {v.id: q for v, q in zip(used, named, strict=True)})
    return node(kind, (*named, body), BOOL)


def quantifier_height(term: Term) -> int:
    """One more than the highest number of a bound variable inside; 0 without quantifiers.

    Bound variables are named by height, so that two formulas that differ in bound names only are
    the same term, and nothing that is put in place of a free one can be captured.
    """
    memo = _table.heights
    for t in subterms([term]):
        if t.id not in memo:
            height = max((memo[k.id] for k in t.kids), default=0)
            if t.op in ("forall", "exists"):
                height = max(height, *(1 + int(str(v.args[0])[1:]) for v in t.kids[:-1]))
            memo[t.id] = height
    return memo[term.id]


def select(array: Term, index: Term) -> Term:
    """An array read."""
    element = array.sort[len("(Array Int ") : -1]
    return node("select", (array, index), element)


# ---------------------------------------------------------------- walking

_REBUILD: dict[str, Callable[..., Term]] = {
    "and": and_,
    "or": or_,
    "not": not_,
    "ite": ite,
    "<=": le,
    "=": eq,
    "+": add,
    "select": select,
}


def rebuild(term: Term, kids: tuple[Term, ...]) -> Term:
    """The same operation over other arguments, simplified anew."""
    make = _REBUILD.get(term.op)
    if make is not None:
        return make(*kids)
    if term.op == "*":
        return reduce(mul, kids)
    if term.op in ("div", "mod"):
        return _euclid(term.op, *kids)
    if term.op in ("forall", "exists"):
        return quantify(term.op, kids[:-1], kids[-1])
    if term.op == "app" and term.args[0] == "floor.div":
        return floordiv(*kids)
    if term.op == "app":
        return app(str(term.args[0]), kids, term.sort)
    return node(term.op, kids, term.sort)


def substitute(term: Term, mapping: Mapping[int, Term]) -> Term:
    """Replace terms by identity; bound variables of quantifiers are never captured by our names."""
    memo: dict[int, Term] = dict(mapping)

    def walk(t: Term) -> Term:
        done = memo.get(t.id)
        if done is not None:
            return done
        kids = t.kids
        if not kids:
            memo[t.id] = t
            return t
        new = tuple(walk(k) for k in kids)
        out = t if all(map(operator.is_, new, kids)) else rebuild(t, new)
        memo[t.id] = out
        return out

    return walk(term)


def subterms(roots: Iterable[Term]) -> list[Term]:
    """Every distinct node below ``roots``, children first."""
    seen: set[int] = set()
    order: list[Term] = []
    stack: list[Term | None] = [*reversed([*roots])]
    while stack:
        term = stack.pop()
        if term is None:  # all below the next one are written down
            term = stack.pop()
            assert term is not None
            order.append(term)
        elif term.id not in seen:
            seen.add(term.id)
            if term.kids:
                stack += (term, None, *term.kids[::-1])
            else:
                order.append(term)
    return order
