"""Tasks of the family: a function in dialect B, its signature, contract, examples and split.

``generate(seed, count, held_out=n)`` draws tasks whose *families* (shape and operators) are divided
by a hash of the seed: a family is trained on or held out, never both. So a held-out task asks for a
combination of operators that no training task has, in words that pretraining never composed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from distill.family import python
from distill.family.contracts import Examples, conditions, examples
from distill.family.names import entry_point
from distill.family.shapes import Shape, draw, family
from distill.family.wording import NEW, Words

HELD_OUT_SHARE = 0.3
"""Share of the families that are held out."""
_PER_FAMILY = 3
"""Held-out tasks of one family at most, so that no family decides the figure."""


@dataclass(frozen=True, slots=True)
class FamilyTask:
    """One task. ``examples`` are pairs of positional arguments and the expected result."""

    id: str
    prompt: str
    entry_point: str
    signature: str
    requires: tuple[str, ...]
    ensures: tuple[str, ...]
    examples: Examples
    category: str
    family: str
    split: str
    """Either ``train`` or ``eval``."""
    reference: str
    """A right answer, for checking the contract; it is never shown to a teacher or student."""
    source: str = "distill.family"
    licence: str = "Apache-2.0"


def held_out_family(name: str, seed: int) -> bool:
    """Return whether the family ``name`` is held out under ``seed``."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SHARE


def generate(seed: int, count: int, *, held_out: int = 0) -> tuple[FamilyTask, ...]:
    """Draw ``count`` training tasks and ``held_out`` evaluation tasks; the same for the same seed.

    Raises ``ValueError`` when a number is negative. No prompt and no function occurs twice.
    """
    if count < 0 or held_out < 0:
        raise ValueError(f"asked for {count} and {held_out} tasks; neither can be negative")
    random = Random(f"tasks/{seed}")
    wanted = {"train": count, "eval": held_out}
    found: dict[str, list[FamilyTask]] = {"train": [], "eval": []}
    seen: set[str] = set()
    used: Counter[str] = Counter()
    while any(len(found[split]) < wanted[split] for split in wanted):
        drawn = draw(random)
        name = family(drawn.body)
        split = "eval" if held_out_family(name, seed) else "train"
        key = f"{name}/{python.expression(drawn.body)}"
        full = len(found[split]) >= wanted[split]
        if full or key in seen or (split == "eval" and used[name] >= _PER_FAMILY):
            continue
        task = _task(f"family/{seed}/{split}/{len(found[split]):05d}", drawn, name, split, random)
        if task is not None:
            seen.add(key)
            used[name] += 1
            found[split].append(task)
    return (*found["train"], *found["eval"])


def _task(identity: str, drawn: Shape, name: str, split: str, random: Random) -> FamilyTask | None:
    """Return the task for ``drawn``, or None when its function is degenerate."""
    pairs = examples(drawn, random)
    if pairs is None:
        return None
    called = entry_point(random)
    head = python.signature(called, drawn.parameters, drawn.returns)
    requires, ensures = conditions(drawn)
    return FamilyTask(
        id=identity,
        prompt=Words("B", random, settled=NEW).prompt(head, drawn.body),
        entry_point=called,
        signature=head,
        requires=requires,
        ensures=ensures,
        examples=pairs,
        category=drawn.category,
        family=name,
        split=split,
        reference=python.function(head, drawn.body, "concise"),
    )


def vocabulary_text(seed: int, count: int = 12_000) -> Iterator[str]:
    """Yield prompts in both dialects, code and numbers, for the tokenizer to find words in."""
    random = Random(f"vocabulary/{seed}")
    for place in range(count):
        if place % 40 == 0:
            yield " ".join(str(number) for number in range(64))
        drawn = draw(random)
        head = python.signature(entry_point(random), drawn.parameters, drawn.returns)
        yield Words(random.choice("AB"), random).prompt(head, drawn.body)
        yield python.function(head, drawn.body, random.choice(("concise", "steps")))
