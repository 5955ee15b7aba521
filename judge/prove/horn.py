"""Loops as Horn clauses for Z3's Spacer, which may find the relation that no template has.

Every loop gets an unknown relation between its numbers and truth values; what a loop says of lists,
texts, products and quantifiers is left open. The relations that Spacer finds are read back as
Python expressions and then count as guesses: they are kept only when the ordinary obligations hold.
What it is not: a decision procedure that anything rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from judge.obligation import Printer, flatten
from judge.prove.horn_answer import expressions
from judge.prove.session import Session
from judge.symbolic import term as T
from judge.symbolic.execute import Goal
from judge.symbolic.function import Derivation
from judge.symbolic.loops import UNKNOWN
from judge.symbolic.plan import LoopInfo, Mode, Plan
from judge.symbolic.shapes import ListShape, Scalar
from judge.symbolic.term import BOOL, INT, Term
from judge.symbolic.values import Unsupported

RLIMIT = 3_000_000
"""Units for one search; Spacer finds what it finds in a tenth of that."""
CPU_SECONDS = 6.0
MAX_CLAUSE = 60_000
MAX_VARIABLES = 14
_LINEAR = {"int", "true", "false", "+", "<=", "=", "and", "or", "not", "ite"}


def relations(session: Session, first: Derivation, base: Plan) -> dict[str, list[str]]:
    """Invariants by loop that Spacer proposes; empty where it proposes none."""
    unknowns = {key: tuple(_variables(session, info)) for key, info in first.loops.items()}
    if not unknowns or any(not 0 < len(t) <= MAX_VARIABLES for t in unknowns.values()):
        return {}
    plan = Plan(base.strategy, {}, base.measure, base.guarantees)
    with T.fresh_table():
        try:
            derived = session.derive(plan, Mode(unknowns=unknowns))
        except Unsupported:
            return {}
        text = _system(derived.goals)
    if text is None:
        return {}
    from judge.solve import shared_solvers

    limit = min(RLIMIT, session.z3.left)
    answer, model, used = shared_solvers().horn(text, rlimit=limit, cpu_seconds=CPU_SECONDS)
    session.z3.spent += min(used, limit)
    if answer != "sat":
        return {}
    names = {_symbol(key): key for key in unknowns}
    found = expressions(model, {symbol: unknowns[key] for symbol, key in names.items()})
    return {names[symbol]: texts for symbol, texts in found.items()}


def _variables(session: Session, info: LoopInfo) -> list[str]:
    """The numbers and truth values at the head of a loop, and the lengths of what is there."""
    both = {**info.shapes, **info.fixed}
    texts = [n for n, s in both.items() if s in (Scalar("int"), Scalar("bool"))]
    if info.index is not None and info.index not in texts:
        texts.append(info.index)
    sized = [n for n, s in both.items() if isinstance(s, ListShape) or s == Scalar("str")]
    texts += [f"len({n})" for n in sized if not n.startswith("_")]
    changed = [p for p, _ in session.candidate.parameters if info.shapes.get(p) == Scalar("int")]
    return [*texts, *(f"old({p})" for p in changed)]


def _symbol(key: str) -> str:
    return "inv." + "".join(c if c.isalnum() else f".{ord(c)}." for c in key)


def _system(goals: Iterable[Goal]) -> str | None:
    """The clauses as a script for a Horn solver; None where they are too large or say nothing."""
    declared: dict[str, str] = {}
    clauses = []
    asks = False
    for goal in goals:
        if goal.kind == "termination":
            continue
        clause = _Clause()
        claim = clause.linear(goal.claim)
        if clause.opened:
            continue  # a claim about what is left open can only fail
        facts = [clause.linear(f) for f in flatten(goal.facts)]
        body = T.and_(*facts)
        if T.is_false(body) or T.is_true(claim):
            continue
        head = claim.op == "app"
        asks = asks or not head
        if not head:
            body, claim = T.and_(body, T.not_(claim)), T.false()
        text = clause.text(body, claim, declared)
        if text is None:
            return None
        clauses.append(text)
    if not asks or not declared:
        return None
    return "\n".join(["(set-logic HORN)", *declared.values(), *clauses, ""])


class _Clause:
    """One clause: what is not linear becomes a variable that may be anything."""

    def __init__(self) -> None:
        self.opened: dict[int, Term] = {}

    def linear(self, term: Term) -> Term:
        """The formula with everything else left open."""
        mapping: dict[int, Term] = {}
        for t in T.subterms([term]):
            if t.bound:
                continue
            if not self._plain(t):
                mapping[t.id] = self._open(t, mapping)
        return T.substitute(term, mapping)

    def _plain(self, t: Term) -> bool:
        if t.op in _LINEAR:
            return t.op != "=" or t.kids[0].sort in (INT, BOOL)
        if t.op == "var":
            return t.sort in (INT, BOOL)
        if t.op == "*":
            return sum(k.op != "int" for k in t.kids) <= 1
        if t.op in ("div", "mod"):
            return (T.literal(t.kids[1]) or 0) > 0
        if t.op == "app" and str(t.args[0]).startswith(UNKNOWN):
            return True
        return t.sort not in (INT, BOOL)  # it stands inside of something that is left open

    def _open(self, t: Term, mapping: Mapping[int, Term]) -> Term:
        return self.opened.setdefault(t.id, T.var(f"open {t.id}", t.sort))

    def text(self, body: Term, claim: Term, declared: dict[str, str]) -> str | None:
        """``(assert (forall ... (=> body claim)))``; notes the relations it speaks of."""
        names: dict[str, str] = {}
        printer = _Plain()
        for t in T.subterms([body, claim]):
            if t.op == "var":
                names[printer.text(t)] = t.sort
            elif t.op == "app":
                name = _symbol(str(t.args[0]).removeprefix(UNKNOWN))
                sorts = " ".join(k.sort for k in t.kids)
                declared[name] = f"(declare-fun {name} ({sorts}) Bool)"
        try:
            inner = f"(=> {printer.text(body)} {printer.text(claim)})"
        except OverflowError:
            return None
        bound = " ".join(f"({n} {s})" for n, s in names.items())
        return f"(assert (forall ({bound}) {inner}))" if bound else f"(assert {inner})"


class _Plain(Printer):
    """Writes a formula out in full, since a clause may not speak of definitions outside it."""

    def _write(self, term: Term) -> str:
        out = super()._write(term)
        if self.size > MAX_CLAUSE:
            raise OverflowError
        return out

    def _compose(self, term: Term) -> str:
        if term.op == "app":
            name = _symbol(str(term.args[0]).removeprefix(UNKNOWN))
            return f"({name} {' '.join(map(self._write, term.kids))})"
        return super()._compose(term)
