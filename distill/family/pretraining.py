"""What the tiny student reads before anybody teaches it: dialect A, and B's rarer words.

Most samples are whole tasks in dialect A, every shape in every style of code. In the rest, some of
the rarer concepts are worded as dialect B words them. The most frequent (adding and subtracting,
larger and smaller, what is done with a list) never are, so that a task of the target, which is
worded in B throughout, is a sentence unlike any seen; a round has to teach what it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from distill.family import python
from distill.family.names import entry_point
from distill.family.rewrite import tidy, vary
from distill.family.shapes import draw
from distill.family.wording import Words

# The rarer concepts: those of which the base has met the other dialect's words.
KNOWN = frozenset(
    (
        *("mul", "div", "mod", "clamp", "distance", "let", "square", "negate"),
        *("gt", "ge", "lt", "le", "eq", "ne"),
        *("even", "odd", "divides", "leaves", "both", "either", "if", "frame"),
    )
)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of the pretraining samples; the rest are whole tasks in dialect A."""

    words: float = 0.4
    """Tasks in which about half of the rarer concepts are worded in dialect B."""
    guards: float = 0.75
    """Answers with early returns for rules, and everything else in one expression."""
    steps: float = 0.1
    """Answers with early returns and loops; the rest are one expression."""
    tidied: float = 0.5
    """Answers written as a careful tool would (see ``rewrite.tidy``)."""
    varied: float = 0.05
    """Answers written another way at random; the rest follow the words."""


def sample(random: Random, mixture: Mixture | None = None) -> tuple[str, str]:
    """Draw one (prompt, completion) pair."""
    mixture = mixture or Mixture()
    drawn = draw(random)
    shares = (mixture.guards, mixture.steps, 1 - mixture.guards - mixture.steps)
    style = random.choices(("guards", "steps", "concise"), shares)[0]
    body, taste = drawn.body, random.random()
    if taste < mixture.tidied:
        body = tidy(body, {name: place for place, (name, _) in enumerate(drawn.parameters)})
    elif taste < mixture.tidied + mixture.varied:
        body = vary(body, random)
    head = python.signature(entry_point(random), drawn.parameters, drawn.returns)
    worded = frozenset[str]()
    if random.random() < mixture.words:
        worded = frozenset(word for word in sorted(KNOWN) if random.random() < 0.5)
    spoken = Words("A", random, lambda concept: "B" if concept in worded else "A")
    prompt = spoken.prompt(head, drawn.body)
    return prompt, python.function(head, body, style).rstrip()
