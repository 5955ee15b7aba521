"""A first draft of a contract, from examples: clauses that hold on every one of them.

A draft is a suggestion. That a clause holds on ten examples says little about the eleventh, so a
draft is never judged against before a person or a stated policy has frozen it. What others wrote
(a teacher, for one) is sifted by the same examples: a clause that one of them breaks is dropped,
and said to be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from judge.contract import Case, Contract, Submission
from judge.contract_check import contract_fault
from judge.reading.source import Fault, Function, signature_of

if TYPE_CHECKING:
    from judge.sandbox import Sandbox

FEWEST = 3
"""So many examples with a result are needed before anything is drafted from them."""

_SCALAR = ("result == {p}", "result == abs({p})", "result >= {p}", "result <= {p}")
_OF_ROW = (
    "result == len({p})", "result == sum({p})", "result == max({p})", "result == min({p})",
    "result in {p}", "0 <= result <= len({p})", "0 <= result < len({p})", "-1 <= result < len({p})",
    "all(x <= result for x in {p})", "all(result <= x for x in {p})",
)  # fmt: skip
_NEEDS_ONE = (
    "result == max({p})", "result == min({p})", "result in {p}", "0 <= result < len({p})",
)  # fmt: skip
_ROW_OF_ROW = (
    "result == {p}", "result == {p}[::-1]", "result == sorted({p})",
    "sorted(result) == sorted({p})", "len(result) == len({p})", "len(result) <= len({p})",
    "all(x in {p} for x in result)", "all(x in result for x in {p})",
)  # fmt: skip
_ROW = (
    "all(result[i] <= result[i + 1] for i in range(len(result) - 1))",
    "all(result[i] >= result[i + 1] for i in range(len(result) - 1))",
    "len(set(result)) == len(result)", "len(result) > 0",
)  # fmt: skip
_TRUTH = (
    "result == ({p} > 0)", "result == ({p} >= 0)", "result == ({p} % 2 == 0)",
    "result == (not {p})",
    "result == ({p} == {p}[::-1])", "result == ({p} == sorted({p}))",
    "result == (len(set({p})) == len({p}))",
)  # fmt: skip
_SIGN = ("result > 0", "result >= 0", "result < 0", "result <= 0")
_IMPLIED = {
    "result > 0": ("result >= 0",), "result < 0": ("result <= 0",),
    "0 <= result < len({p})": ("0 <= result <= len({p})", "-1 <= result < len({p})", "result >= 0"),
    "0 <= result <= len({p})": ("result >= 0",),
    "result == {p}": ("result >= {p}", "result <= {p}", "len(result) == len({p})"),
    "result == max({p})": ("result in {p}", "all(x <= result for x in {p})"),
    "result == min({p})": ("result in {p}", "all(result <= x for x in {p})"),
    "result == sorted({p})": (
        "sorted(result) == sorted({p})", "len(result) == len({p})", "len(result) <= len({p})",
        "all(x in {p} for x in result)", "all(x in result for x in {p})",
        "all(result[i] <= result[i + 1] for i in range(len(result) - 1))",
    ),
    "len(result) == len({p})": ("len(result) <= len({p})",),
    "sorted(result) == sorted({p})": (
        "len(result) == len({p})", "all(x in {p} for x in result)", "all(x in result for x in {p})",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dropped:
    """A clause that was suggested and is not in the draft, and why."""

    clause: str
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggested contract, the number of examples it was held against, and what was dropped."""

    contract: Contract
    examples: int
    dropped: tuple[Dropped, ...] = ()

    @property
    def sentence(self) -> str:
        """What it is worth, in one sentence."""
        clauses = len(self.contract.requires) + len(self.contract.ensures)
        noun = "clause" if clauses == 1 else "clauses"
        said = f"{clauses} {noun} held against {self.examples} examples"
        return f"{said}; {len(self.dropped)} dropped." if self.dropped else f"{said}."


def from_examples(signature: str, cases: Sequence[Case]) -> Contract | Fault:
    """Clauses from a fixed stock, and an equation where one fits, that hold on every example.

    What another clause of the draft implies is left out. Fewer than three examples draft nothing.
    """
    shape = signature_of(signature)
    if isinstance(shape, Fault):
        return shape
    known = [case for case in cases if case.raises is None]
    names = [name for name, _ in shape.parameters]
    if len(known) < FEWEST or any(len(case.args) != len(names) for case in known):
        return Contract()
    found = [clause for clause in _stock(names, known) if _holds(clause, names, known)]
    if (equation := _equation(shape, known)) is not None:
        found.insert(0, equation)
    if found and found[0].startswith("result == ") and "(" not in found[0]:
        found = [c for c in found if c == found[0] or not c.startswith("result ")]
    raised = tuple(sorted({case.raises for case in cases if case.raises is not None}))
    ensures = tuple(_without_implied(found, names))
    return Contract(tuple(_never_empty(names, known, ensures)), ensures, raised)


def _never_empty(
    names: Sequence[str], cases: Sequence[Case], ensures: Sequence[str]
) -> Iterator[str]:
    """``len(xs) > 0`` where no example is empty and a clause makes sense only then."""
    for place, name in enumerate(names):
        wants = {form.replace("{p}", name) for form in _NEEDS_ONE} & set(ensures)
        given = [case.args[place] for case in cases]
        if wants and all(isinstance(value, list | str) and value for value in given):
            yield f"len({name}) > 0"


def _stock(names: Sequence[str], cases: Sequence[Case]) -> Iterator[str]:
    results = [case.expected for case in cases]
    kind = _kind(results)
    if kind == "number":
        yield from _SIGN
    if kind == "row" and not all(isinstance(r, str) for r in results):
        yield from _ROW
    for place, name in enumerate(names):
        given = _kind([case.args[place] for case in cases])
        forms: tuple[str, ...] = ()
        if kind == "truth":
            forms = _TRUTH
        elif kind == "number":
            forms = _OF_ROW if given == "row" else _SCALAR if given == "number" else ()
        elif kind == "row" and given == "row":
            forms = _ROW_OF_ROW
        yield from (form.replace("{p}", name) for form in forms)


def _kind(values: Sequence[object]) -> str:
    """``truth``, ``number``, ``row`` or ``other``, when all values are of it."""
    if all(isinstance(v, bool) for v in values):
        return "truth"
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return "number"
    return "row" if all(isinstance(v, list | str) for v in values) else "other"


def _holds(clause: str, names: Sequence[str], cases: Sequence[Case]) -> bool:
    """Whether one of our own clauses holds everywhere; where it cannot be evaluated it does not."""
    code = compile(clause, "<draft>", "eval")
    try:
        return all(
            eval(code, {**dict(zip(names, case.args, strict=True)), "result": case.expected})
            for case in cases
        )
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return False


def _without_implied(clauses: Sequence[str], names: Sequence[str]) -> list[str]:
    implied: set[str] = set()
    for strong, weak in _IMPLIED.items():
        for name in names:
            if strong.replace("{p}", name) in clauses:
                implied |= {text.replace("{p}", name) for text in weak}
    return [clause for clause in clauses if clause not in implied]


def _equation(shape: Function, cases: Sequence[Case]) -> str | None:
    """``result == 2 * a - b + 1`` where integers decide it and examples are left to check it."""
    names = [name for name, _ in shape.parameters]
    rows = [_integers((*case.args, 1, case.expected)) for case in cases]
    known = [row for row in rows if row is not None]
    if not names or len(known) < len(rows) or len(rows) < len(names) + 3:
        return None
    factors = _solved([row[:-1] for row in known], [row[-1] for row in known])
    if factors is None or any(f.denominator != 1 for f in factors) or not any(factors[:-1]):
        return None
    parts = [f"{f} * {name}" for f, name in zip(factors, names, strict=False) if f]
    parts += [str(factors[-1])] if factors[-1] else []
    text = " + ".join(parts).replace("+ -", "- ").replace(" 1 * ", " ").removeprefix("1 * ")
    return f"result == {ast.unparse(ast.parse(text, mode='eval'))}"


def _integers(values: Sequence[object]) -> list[Fraction] | None:
    """The values as fractions, or None when one is no integer."""
    found = [Fraction(v) for v in values if isinstance(v, int) and not isinstance(v, bool)]
    return found if len(found) == len(values) else None


def _solved(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """The one solution of a linear system by elimination, or None."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    width = len(matrix[0])
    for column in range(width):
        pivot = next((r for r in range(column, len(rows)) if rows[r][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column] = [v / rows[column][column] for v in rows[column]]
        for other, row in enumerate(rows):
            if other != column and row[column]:
                rows[other] = [a - row[column] * b for a, b in zip(row, head, strict=True)]
    return None if any(row[-1] for row in rows[width:]) else [row[-1] for row in rows[:width]]


def sift(
    sandbox: Sandbox, entry_point: str, signature: str, suggested: Contract, cases: Sequence[Case]
) -> Draft | Fault:
    """Keep of a suggested contract what can be used and what no example breaks.

    Clauses run in the sandbox: whoever wrote them is not trusted. An example is taken to leave its
    arguments as they are.
    """
    shape = signature_of(signature)
    if isinstance(shape, Fault):
        return shape
    names = [name for name, _ in shape.parameters]
    dropped: list[Dropped] = []
    kept = Contract(raises=suggested.raises, helpers=suggested.helpers)
    for kind, clause in _clauses(suggested):
        if kind == "requires":
            trial = replace(kept, requires=(*kept.requires, clause))
            alone = Contract(requires=(clause,), helpers=kept.helpers)
        else:
            trial = replace(kept, ensures=(*kept.ensures, clause))
            alone = Contract(ensures=(clause,), helpers=kept.helpers)
        fault = contract_fault(alone, names)
        why = (
            str(fault) if fault is not None else _broken(sandbox, entry_point, names, alone, cases)
        )
        if why is None:
            kept = trial
        else:
            dropped.append(Dropped(clause, why))
    return Draft(kept, len(cases), tuple(dropped))


def _clauses(contract: Contract) -> Iterator[tuple[str, str]]:
    """Each clause once, with the name of its field."""
    for kind in ("requires", "ensures"):
        for clause in dict.fromkeys(getattr(contract, kind)):
            yield kind, clause


def _broken(
    sandbox: Sandbox, entry_point: str, names: Sequence[str], alone: Contract, cases: Sequence[Case]
) -> str | None:
    """Say which example breaks a contract of one clause, or None."""
    from judge.plain import call_text, value_text
    from judge.refute.oracle import Oracle
    from judge.sandbox import Limits

    usable = [case for case in cases if len(case.args) == len(names)]
    submission = Submission("draft", entry_point, "", alone)
    with Oracle(sandbox, submission, names, Limits()) as oracle:
        if (fault := oracle.load_fault()) is not None:
            return fault
        if alone.requires:
            rulings = oracle.admits([case.args for case in usable])
        else:
            usable = [case for case in usable if case.raises is None]
            rulings = oracle.accepts([(case.args, case.args, case.expected) for case in usable])
    for case, ruling in zip(usable, rulings, strict=True):
        if not ruling.holds:
            call = call_text(entry_point, case.args)
            gives = f" is {value_text(case.expected)}" if case.raises is None else ""
            return f"the example {call}{gives} breaks it" + (
                f" ({ruling.fault})." if ruling.fault else "."
            )
    return None


def contract_in(reply: dict[str, Any]) -> Contract | Fault:
    """The contract in a decoded JSON object, every field a list of strings."""
    parts: dict[str, tuple[str, ...]] = {}
    for name in ("requires", "ensures", "raises"):
        value = reply.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return Fault(f"`{name}` is not a list of strings.")
        parts[name] = tuple(value)
    return Contract(parts["requires"], parts["ensures"], parts["raises"])
