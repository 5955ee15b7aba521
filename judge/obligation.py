"""From a goal to a portable obligation: SMT-LIB 2 text, the same bytes on every machine.

The text is plain: ``set-logic`` first, prefixed ASCII symbols, no lambda, no constant arrays, no
recursive definitions, one final ``check-sat``. What is known of folds is asserted as the instances
that the formula needs. ``unsat`` means that the goal holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from judge.symbolic import folds
from judge.symbolic import term as T
from judge.symbolic.execute import Goal
from judge.symbolic.float_order import by_order
from judge.symbolic.term import Term
from judge.symbolic.values import Unsupported
from judge.verdict import Obligation

ENCODER_VERSION = "4"
"""Part of every verdict's identity; changes whenever the same input gives other bytes."""

MAX_TEXT = 2_000_000

_PLAIN = re.compile(r"[^A-Za-z0-9_.!]")
_OPS = {"<=", "=", "+", "*", "div", "mod", "and", "or", "not", "ite", "select"}
_ROUNDED = {"fp.add", "fp.sub", "fp.mul", "fp.div"}


def symbol(name: str) -> str:
    """The SMT-LIB symbol of one of our names; different names stay different."""
    return "v." + _PLAIN.sub(lambda m: f"~{ord(m.group()):x}.", name)


class Printer:
    """Writes terms; shared ones become definitions, so that text stays as small as the DAG."""

    def __init__(self) -> None:
        self.declarations: list[str] = []
        self.definitions: list[str] = []
        self.names: dict[int, str] = {}
        self.declared: set[str] = set()
        self.uses: dict[int, int] = {}
        self.size = 0

    def prepare(self, roots: Iterable[Term]) -> None:
        """Count uses and declare symbols, in the order of first appearance."""
        for term in T.subterms(roots):
            for kid in term.kids:
                self.uses[kid.id] = self.uses.get(kid.id, 0) + 1
            if term.op == "var":
                self._declare(str(term.args[0]), (), term.sort)
            elif term.op == "app":
                self._declare(str(term.args[0]), tuple(k.sort for k in term.kids), term.sort)

    def _declare(self, name: str, arguments: tuple[str, ...], sort: str) -> None:
        if name in self.declared:
            return
        self.declared.add(name)
        if arguments:
            self.declarations.append(f"(declare-fun {symbol(name)} ({' '.join(arguments)}) {sort})")
        else:
            self.declarations.append(f"(declare-const {symbol(name)} {sort})")

    def text(self, term: Term) -> str:
        """The term as text, defining shared subterms on the way."""
        for t in T.subterms([term]):
            if not t.kids or t.bound or t.id in self.names or self.uses.get(t.id, 0) < 2:
                continue
            body = self._write(t)
            name = f"d.{len(self.definitions)}"
            self.definitions.append(f"(define-fun {name} () {t.sort} {body})")
            self.names[t.id] = name
        return self._write(term) if term.id not in self.names else self.names[term.id]

    def _write(self, term: Term) -> str:
        known = self.names.get(term.id)
        if known is not None:
            return known
        out = self._compose(term)
        self.size += len(out)
        if self.size > 40 * MAX_TEXT:
            raise Unsupported("a formula this large")
        return out

    def _compose(self, term: Term) -> str:
        op = term.op
        if op == "int":
            value = term.args[0]
            assert isinstance(value, int)
            return str(value) if value >= 0 else f"(- {-value})"
        if op in ("true", "false"):
            return op
        if op == "var":
            return symbol(str(term.args[0]))
        if op == "bvar":
            return "b." + str(term.args[0]).replace("@", "at")
        if op == "fp":
            bits = f"{term.args[0]:064b}"
            return f"(fp #b{bits[0]} #b{bits[1:12]} #b{bits[12:]})"
        kids = [self._write(k) for k in term.kids]
        if op in _OPS or (op.startswith("fp.") and op not in _ROUNDED):
            return f"({op} {' '.join(kids)})"
        if op in _ROUNDED:
            return f"({op} RNE {' '.join(kids)})"
        if op == "app":
            return f"({symbol(str(term.args[0]))} {' '.join(kids)})"
        if op in ("forall", "exists"):
            names = " ".join(f"({n} {v.sort})" for n, v in zip(kids, term.kids[:-1], strict=False))
            return f"({op} ({names}) {kids[-1]})"
        raise AssertionError(f"no text for {op}")


def script(assertions: list[Term], exact: bool = False, lemmas_of_helpers: bool = True) -> str:
    """A complete SMT-LIB script asserting the terms and what is known of their folds.

    It is unsatisfiable only if they are; ``exact`` also keeps what is satisfiable about floats.
    Without ``lemmas_of_helpers`` nothing is taken for granted that helpers' lemmas say.
    """
    everything = [*folds.facts(assertions, lemmas_of_helpers=lemmas_of_helpers), *assertions]
    if not exact:
        everything = by_order(everything)
    printer = Printer()
    printer.prepare(everything)
    lines = []
    for term in everything:
        body = printer.text(term)
        lines.append(f"(assert {body})")
    text = "\n".join(
        ["(set-logic ALL)", *printer.declarations, *printer.definitions, *lines, "(check-sat)", ""]
    )
    if len(text) > MAX_TEXT:
        raise Unsupported("a formula this large")
    return text


def flatten(terms: Iterable[Term]) -> list[Term]:
    """Conjunctions taken apart, repeats and truths dropped."""
    result: dict[int, Term] = {}
    for term in terms:
        for part in term.kids if term.op == "and" else (term,):
            if not T.is_true(part):
                result.setdefault(part.id, part)
    return list(result.values())


def of_goal(goal: Goal) -> Obligation:
    """The obligation of a goal: its facts and the negation of its claim, expected ``unsat``."""
    return _obligation(goal.kind, goal.text, [*goal.facts, T.not_(goal.claim)], "unsat", goal.line)


def companion(preconditions: list[Term]) -> Obligation:
    """The preconditions alone, expected ``sat``: there is an input at all."""
    return _obligation("companion", "the preconditions can be met", preconditions, "sat", None)


def _obligation(
    kind: str, text: str, assertions: list[Term], expected: str, line: int | None
) -> Obligation:
    smt2 = script(flatten(assertions), expected == "sat", kind != "definition")
    digest = hashlib.sha256(smt2.encode("ascii")).hexdigest()
    return Obligation(kind, text, smt2, digest, "ALL", expected, line)
