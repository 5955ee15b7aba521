"""The family's functions as English, in two dialects.

Dialect ``A`` is the language of textbooks ("the maximum of a and b"); dialect ``B`` says the same
things in other words and orders ("the top value among a and b"). A student that was taught
to read A has to learn B: that gap is what a distillation round closes. Each concept has two
wordings in each dialect, of which ``Words`` draws one for each place it is used; tasks say the
concepts in ``NEW`` in one wording of B only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from distill.family.syntax import (
    Binary,
    Both,
    Clamp,
    Collect,
    Compare,
    Const,
    Distance,
    Divides,
    Expr,
    Fold,
    Guard,
    If,
    Let,
    Negate,
    Node,
    Pick,
    Square,
    Var,
    walk,
)

Pair = tuple[str, str]

# {x} and {y} are operands; a key ending in "+" is the form for a left operand of several words.
_VALUES: dict[str, dict[str, Pair]] = {
    "A": {
        "add": ("{x} plus {y}", "the sum of {x} and {y}"),
        "add+": ("{x}, plus {y}", "the sum of {x} and {y}"),
        "sub": ("{x} minus {y}", "the difference {x} minus {y}"),
        "sub+": ("{x}, minus {y}", "the difference of {x} and {y}"),
        "mul": ("{x} times {y}", "the product of {x} and {y}"),
        "mul+": ("{x}, times {y}", "the product of {x} and {y}"),
        "div": ("{x} divided by {y} rounded down", "the floor quotient of {x} by {y}"),
        "div+": ("{x}, divided by {y} rounded down", "the floor quotient of {x} by {y}"),
        "mod": ("{x} modulo {y}", "the remainder of {x} modulo {y}"),
        "mod+": ("{x}, modulo {y}", "the remainder of {x} modulo {y}"),
        "max": ("the maximum of {x}", "the largest of {x}"),
        "min": ("the minimum of {x}", "the least of {x}"),
        "distance": (
            "the absolute difference of {x} and {y}",
            "the absolute value of {x} minus {y}",
        ),
        "clamp": ("{x} clamped to the range {l} to {h}", "{x} clamped between {l} and {h}"),
        "clamp+": ("{x}, clamped to the range {l} to {h}", "{x}, clamped between {l} and {h}"),
        "let": ("{y}, where {n} is {x}", "with {n} equal to {x}, {y}"),
    },
    "B": {
        "add": ("{x} increased by {y}", "{y} on top of {x}"),
        "add+": ("{x}, then increased by {y}", "{x}, and {y} on top of that"),
        "sub": ("{x} reduced by {y}", "{x} less {y}"),
        "sub+": ("{x}, then reduced by {y}", "{x}, less {y} at the end"),
        "mul": ("{x} scaled by {y}", "{y} lots of {x}"),
        "mul+": ("{x}, then scaled by {y}", "{x}, taken {y} times over"),
        "div": ("{x} shared among {y}", "the whole parts of {x} cut in {y}"),
        "div+": ("{x}, then shared among {y}", "{x}, keeping the whole parts when cut in {y}"),
        "mod": ("the leftover of {x} in groups of {y}", "what {x} leaves after steps of {y}"),
        "mod+": (
            "{x}, then the leftover in groups of {y}",
            "{x}, and what that leaves after steps of {y}",
        ),
        "max": ("whichever of {x} is the biggest", "the top value among {x}"),
        "min": ("whichever of {x} is the smallest", "the bottom value among {x}"),
        "distance": ("how far apart {x} and {y} lie", "the gap between {x} and {y}"),
        "clamp": (
            "{x} held within {l} and {h}",
            "{x} kept no lower than {l} and no higher than {h}",
        ),
        "clamp+": (
            "{x}, then held within {l} and {h}",
            "{x}, kept no lower than {l} and no higher than {h}",
        ),
        "let": ("calling {x} by the name {n}, {y}", "{y}, once {n} stands for {x}"),
    },
}

# Each wording as (one thing, several things).
_TESTS: dict[str, dict[str, tuple[Pair, Pair]]] = {
    "A": {
        "gt": (("is greater than", "are greater than"), ("is more than", "are more than")),
        "ge": (("is at least", "are at least"), ("is no less than", "are no less than")),
        "lt": (("is less than", "are less than"), ("is smaller than", "are smaller than")),
        "le": (("is at most", "are at most"), ("is no more than", "are no more than")),
        "eq": (("is equal to", "are equal to"), ("equals", "equal")),
        "ne": (
            ("is not equal to", "are not equal to"),
            ("is different from", "are different from"),
        ),
        "even": (("is even", "are even"), ("is an even number", "are even numbers")),
        "odd": (("is odd", "are odd"), ("is an odd number", "are odd numbers")),
        "divides": (
            ("is divisible by", "are divisible by"),
            ("is a multiple of", "are multiples of"),
        ),
        "leaves": (
            ("is not divisible by", "are not divisible by"),
            ("is not a multiple of", "are not multiples of"),
        ),
    },
    "B": {
        "gt": (("exceeds", "exceed"), ("goes beyond", "go beyond")),
        "ge": (("reaches", "reach"), ("does not fall short of", "do not fall short of")),
        "lt": (("falls short of", "fall short of"), ("stays under", "stay under")),
        "le": (("does not exceed", "do not exceed"), ("stays within", "stay within")),
        "eq": (("matches", "match"), ("coincides with", "coincide with")),
        "ne": (("differs from", "differ from"), ("does not match", "do not match")),
        "even": (
            ("splits in half evenly", "split in half evenly"),
            ("pairs up fully", "pair up fully"),
        ),
        "odd": (
            ("leaves one over when halved", "leave one over when halved"),
            ("does not pair up fully", "do not pair up fully"),
        ),
        "divides": (
            ("counts off evenly by", "count off evenly by"),
            ("is a whole pile of", "are whole piles of"),
        ),
        "leaves": (
            ("does not count off evenly by", "do not count off evenly by"),
            ("is no whole pile of", "are no whole piles of"),
        ),
    },
}

_EACH: dict[str, dict[str, Pair]] = {
    "A": {
        "add": (", each plus {y}", ", each with {y} added"),
        "sub": (", each minus {y}", ", each with {y} subtracted"),
        "mul": (", each times {y}", ", each multiplied by {y}"),
        "square": (", each squared", ", each times itself"),
        "negate": (", each negated", ", each with a minus sign"),
    },
    "B": {
        "add": (", every one increased by {y}", ", with {y} on top of every one"),
        "sub": (", every one reduced by {y}", ", every one less {y}"),
        "mul": (", every one scaled by {y}", ", {y} lots of every one"),
        "square": (", every one scaled by itself", ", every one raised to the second power"),
        "negate": (", every one with its sign flipped", ", every one turned around zero"),
    },
}

# {s} the list, {f} the filter ("" or " that are ..."), {m} the mapping, {d} the default.
_LISTS: dict[str, dict[str, Pair]] = {
    "A": {
        "sum": ("the sum of the elements of {s}{f}{m}", "the total of all elements of {s}{f}{m}"),
        "count": ("the number of elements of {s}{f}", "the count of all elements of {s}{f}"),
        "max": (
            "the maximum of the elements of {s}{f}{m}{d}",
            "the largest of all elements of {s}{f}{m}{d}",
        ),
        "min": (
            "the minimum of the elements of {s}{f}{m}{d}",
            "the least of all elements of {s}{f}{m}{d}",
        ),
        "collect": (
            "the list of the elements of {s}{f}{m}",
            "a list with all elements of {s}{f}{m}",
        ),
        "default": (", or {d} if there are none", ", with default {d}"),
    },
    "B": {
        "sum": (
            "what the entries of {s}{f}{m} come to",
            "the entries of {s}{f}{m} rolled into one",
        ),
        "count": ("how many entries of {s} there are{f}", "the tally of entries of {s}{f}"),
        "max": ("the top value among entries of {s}{f}{m}{d}", "the biggest entry of {s}{f}{m}{d}"),
        "min": (
            "the bottom value among entries of {s}{f}{m}{d}",
            "the smallest entry of {s}{f}{m}{d}",
        ),
        "collect": ("the entries of {s}{f}{m}, in order", "{s} boiled down to entries{f}{m}"),
        "default": (", falling back on {d}", ", settling for {d} when nothing is left"),
    },
}

_CHOICE: dict[str, dict[str, Pair]] = {
    "A": {
        "if": ("{v} if {c}, otherwise {w}", "if {c} then {v}, else {w}"),
        "both": ("{x} and {y}", "{x} and also {y}"),
        "either": ("{x} or {y}", "{x} or else {y}"),
    },
    "B": {
        "if": (
            "as long as {c}, {v}; failing that, {w}",
            "whenever {c}, {v}; in every other case, {w}",
        ),
        "both": ("both {x} and {y}", "{x} while {y}"),
        "either": ("either {x} or {y}", "{x}, or for that matter {y}"),
    },
}

_FRAMES: dict[str, tuple[str, ...]] = {
    "A": ("Write {s}. It returns {p}.", "Write {s} that gives {p}."),
    "B": ("Complete {s}. The answer is {p}.", "For {s}, work out {p}."),
}
_NOTES = {
    "A": {
        "entry": "{s} is not empty.",
        "div": "Division rounds down.",
        "mod": "The remainder has the sign of the divisor.",
    },
    "B": {
        "entry": "There is at least one entry in {s}.",
        "div": "Sharing and cutting round down.",
        "mod": "What is left is never negative.",
    },
}

NEW = frozenset(("add", "sub", "max", "min", "sum", "count", "collect"))
"""Concepts whose words in dialect B only a round teaches, from some hundred examples."""
_FRONT = {"max": 1, "min": 1}
"""Where the wording is that says at its front what it is about; elsewhere it is the first."""


class Words:
    """Speaks one dialect; ``random`` draws between the two wordings of each concept.

    ``dialect_of`` may be given to mix dialects concept by concept (pretraining does, never a task);
    ``settled`` are the concepts that have one wording in dialect B instead of two.
    """

    def __init__(
        self,
        dialect: str,
        random: Random,
        dialect_of: Callable[[str], str] | None = None,
        *,
        settled: frozenset[str] = frozenset(),
    ) -> None:
        self._random = random
        self._settled = settled
        self._dialect_of = dialect_of or (lambda _concept: dialect)
        # Nested rules must not change their order of telling half-way: one wording a task.
        self._rule = random.randrange(2)

    def prompt(self, signature: str, body: Expr, frame: str | None = None) -> str:
        """Return the whole request for the function with ``signature`` that computes ``body``."""
        dialect = frame or self._dialect_of("frame")
        text = self._random.choice(_FRAMES[dialect]).format(s=signature, p=self.value(body))
        return " ".join([text, *self._notes(body, dialect)])

    def _notes(self, body: Expr, dialect: str) -> list[str]:
        forms = _NOTES[dialect]
        notes = []
        for node in walk(body):
            match node:
                case Fold(kind, source, default=None) if kind in ("max", "min"):
                    notes.append(forms["entry"].format(s=source.name))
                case Binary("div" | "mod" as op):
                    notes.append(forms[op])
        return list(dict.fromkeys(notes))

    def _pick(self, table: dict[str, dict[str, Pair]], concept: str, key: str | None = None) -> str:
        dialect = self._dialect_of(concept)
        wordings = table[dialect][key or concept]
        if dialect == "B" and concept in self._settled:
            return wordings[_FRONT.get(concept, 0) if table is _VALUES else 0]
        return self._random.choice(wordings)

    def value(self, node: Expr) -> str:
        """Return a noun phrase for ``node``."""
        match node:
            case Var(name):
                return name
            case Const(number):
                return str(number)
            case Binary(op, left, right):
                return self._operation(op, left, {"x": self.value(left), "y": self.value(right)})
            case Pick(kind, items):
                return self._pick(_VALUES, kind).format(x=_listed([self.value(i) for i in items]))
            case Distance(left, right):
                words = {"x": self.value(left), "y": self.value(right)}
                return self._pick(_VALUES, "distance").format(**words)
            case Clamp(body, low, high):
                bounds = {"x": self.value(body), "l": low.value, "h": high.value}
                return self._operation("clamp", body, bounds)
            case Let(name, value, body):
                words = {"n": name, "x": self.value(value), "y": self.value(body)}
                return self._pick(_VALUES, "let").format(**words)
            case If():
                return self._if(node)
            case Fold() | Collect():
                return self._list(node)
            case _:
                raise ValueError(f"{type(node).__name__} is only spoken of as a mapped element")

    def _operation(self, concept: str, left: Expr, words: dict[str, object]) -> str:
        simple = isinstance(left, Var | Const)
        return self._pick(_VALUES, concept, concept if simple else f"{concept}+").format(**words)

    def _if(self, node: If) -> str:
        words = {"c": self.guard(node.guard), "v": self.value(node.then)}
        form = _CHOICE[self._dialect_of("if")]["if"][self._rule]
        return form.format(**words, w=self.value(node.other))

    def _list(self, node: Fold | Collect) -> str:
        concept = node.kind if isinstance(node, Fold) else "collect"
        default = ""
        if isinstance(node, Fold) and node.default is not None:
            default = self._pick(_LISTS, concept, "default").format(d=node.default)
        linking = " which " if self._dialect_of(concept) == "B" else " that "
        keep = "" if node.keep is None else linking + self.guard(node.keep, several=True)
        parts = {"s": node.source.name, "f": keep, "m": self._mapping(node), "d": default}
        return self._pick(_LISTS, concept).format(**parts)

    def _mapping(self, node: Fold | Collect) -> str:
        match node.each:
            case Binary(op, _, right):
                return self._pick(_EACH, op).format(y=self.value(right))
            case Square():
                return self._pick(_EACH, "square")
            case Negate():
                return self._pick(_EACH, "negate")
            case _:
                return ""

    def guard(self, node: Guard, *, several: bool = False) -> str:
        """Return ``node`` as a clause; ``several`` gives the plural without its subject."""
        match node:
            case Compare(op, left, right):
                subject, verb = self._subject(left, several), self._verb(op, several)
                return f"{subject}{verb} {self.value(right)}"
            case Divides(body, divisor, positive):
                subject = self._subject(body, several)
                if divisor == 2:
                    return subject + self._verb("even" if positive else "odd", several)
                return (
                    f"{subject}{self._verb('divides' if positive else 'leaves', several)} {divisor}"
                )
            case Both(op, left, right):
                words = {"x": self.guard(left, several=several)}
                words["y"] = self.guard(right, several=several)
                return self._pick(_CHOICE, "both" if op == "and" else "either").format(**words)

    def _subject(self, node: Expr, several: bool) -> str:
        return "" if several else f"{self.value(node)} "

    def _verb(self, concept: str, several: bool) -> str:
        return self._random.choice(_TESTS[self._dialect_of(concept)][concept])[several]


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}"


def concepts(node: Node) -> set[str]:
    """Return the concepts that speaking of ``node`` needs (the keys of the word tables)."""
    found: set[str] = set()
    for part in walk(node):
        match part:
            case Binary(op) | Compare(op):
                found.add(op)
            case Pick(kind) | Fold(kind):
                found.add(kind)
            case Both(op):
                found.add("both" if op == "and" else "either")
            case Divides(_, 2, positive):
                found.add("even" if positive else "odd")
            case Divides(_, _, positive):
                found.add("divides" if positive else "leaves")
            case Var() | Const():
                continue
            case _:
                found.add(type(part).__name__.lower())
    return found
