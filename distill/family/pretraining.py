"""What the tiny student reads before anybody teaches it: dialect A, and B's words one at a time.

Most samples are whole tasks in dialect A, every shape in both code styles. A smaller part are
one-operation tasks in which some concepts are worded in dialect B: the student has met those words,
but never composed. No whole task in dialect B is here, so none of the target is.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from distill.family import python
from distill.family.names import entry_point
from distill.family.rewrite import vary
from distill.family.shapes import Shape, draw, shape
from distill.family.syntax import Binary, Const, Distance, Expr, Fold, If, Pick, Var
from distill.family.wording import Words

# Concepts of which the base has met the other dialect's words, one at a time.
KNOWN = frozenset(("add", "max", "min", "gt", "lt", "even", "sum", "frame"))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of the pretraining samples; the rest are whole tasks in dialect A."""

    words: float = 0.1
    """One-operation tasks with known concepts worded in dialect B."""
    guards: float = 0.6
    """Answers with early returns for rules, and everything else in one expression."""
    steps: float = 0.15
    """Answers with early returns and loops; the rest are one expression."""
    varied: float = 0.6
    """Answers written another way than the words suggest (see ``rewrite``)."""


def sample(random: Random, mixture: Mixture | None = None) -> tuple[str, str]:
    """Draw one (prompt, completion) pair."""
    mixture = mixture or Mixture()
    single = random.random() < mixture.words
    drawn = _single(random) if single else draw(random)
    shares = (mixture.guards, mixture.steps, 1 - mixture.guards - mixture.steps)
    style = random.choices(("guards", "steps", "concise"), shares)[0]
    body = vary(drawn.body, random) if random.random() < mixture.varied else drawn.body
    head = python.signature(entry_point(random), drawn.parameters, drawn.returns)
    spoken = Words("A", random, _some_b if single else None)
    frame = random.choice("AB") if single or random.random() < 0.3 else "A"
    prompt = spoken.prompt(head, drawn.body, frame)
    return prompt, python.function(head, body, style).rstrip()


def _some_b(concept: str) -> str:
    return "B" if concept in KNOWN else "A"


def _single(random: Random) -> Shape:
    """Draw a function with a single operation (and a test, for the words of tests)."""
    names = [Var(name) for name in random.sample("abcdhjkmnpqrtuwyz", 4)]
    kind = random.choice(("binary", "pick", "distance", "if", "fold", "shape"))
    body: Expr
    if kind == "binary":
        op = random.choice(("add", "sub", "mul", "div", "mod"))
        right: Expr = Const(random.randint(2, 20))
        if op in ("add", "sub") and random.random() < 0.5:
            right = names[1]
        body = Binary(op, names[0], right)
    elif kind == "pick":
        body = Pick(random.choice(("max", "min")), tuple(names[: random.randint(2, 4)]))
    elif kind == "distance":
        body = Distance(names[0], names[1])
    elif kind == "if":
        drawn = draw(random, "piecewise").body
        guard = drawn.guard if isinstance(drawn, If) else None
        if guard is None:
            raise AssertionError("a piecewise shape is an If")
        body = If(guard, names[0], names[1])
    else:
        drawn = draw(random, "fold" if kind == "fold" else "collect").body
        if isinstance(drawn, Fold) and drawn.each != Var(drawn.element):
            drawn = Fold("sum", drawn.source, drawn.element, drawn.each)
        body = drawn
    return shape(kind, body, random)
