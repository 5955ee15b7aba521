"""Semantic dedup: rows that teach one function, among thousands; the goal is 10,000 in 5 minutes.

    python -m benchmarks.dataset_semantic --rows 10000 --jobs 2

The rows are functions of the generated family, each in one to five hands (operands swapped, tests
negated, loops for comprehensions, names changed), so it is known which belong together. Peers in
the same run: equal normalised code, and MinHash. Times are CPU seconds with the children's.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distill.dedupe import Duplicate, exact, near
from distill.example import Example
from distill.family import python
from distill.family.names import entry_point
from distill.family.rewrite import vary
from distill.family.shapes import draw
from workbench.stages.filtering import semantic_duplicates

ASK = (("user", "Write the function."),)


def drawn(count: int, seed: int) -> tuple[list[Example], list[int]]:
    """Return rows and, for each, the number of the function it was drawn from."""
    random = Random(f"semantic/{seed}")
    rows: list[Example] = []
    labels: list[int] = []
    number = 0
    while len(rows) < count:
        shape = draw(random)
        number += 1
        for _ in range(random.choice((1, 1, 2, 3, 5))):
            head = python.signature(entry_point(random), shape.parameters, shape.returns)
            style = random.choice(("concise", "guards", "steps"))
            code = python.function(head, vary(shape.body, random), style)
            rows.append(Example(f"row/{len(rows)}", f"task/{len(rows)}", ASK, code, "family"))
            labels.append(number)
    order = random.sample(range(len(rows)), count)
    return [rows[place] for place in order], [labels[place] for place in order]


def measured(
    name: str,
    rows: Sequence[Example],
    labels: Sequence[int],
    find: Callable[[Sequence[Example]], list[Duplicate]],
) -> None:
    """Run one way of finding duplicates, and print what it found and what it cost."""
    cpu, wall = spent(), time.monotonic()
    found = find(rows)
    cpu, wall = spent() - cpu, time.monotonic() - wall
    known = len(rows) - len(set(labels))
    bases: dict[str, int] = {}
    for one in found:
        bases[one.basis or one.kind] = bases.get(one.basis or one.kind, 0) + 1
    same = sum(labels[one.index] == labels[one.kept] for one in found)
    print(f"{name}: {len(found)} duplicates ({same} of the {known} that were seeded; "
          f"{len(found) - same} between functions drawn apart), "
          f"{', '.join(f'{n} by {k}' for k, n in sorted(bases.items()))}; "
          f"{cpu:.1f} CPU s, {wall:.1f} s wall")  # fmt: skip


def spent() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows, labels = drawn(given.rows, given.seed)
    print(f"{len(rows)} rows of {len(set(labels))} functions, {given.jobs} processes")
    measured("equal normalised code", rows, labels, exact)
    measured("MinHash, 0.85", rows, labels, near)
    measured("one function", rows, labels, lambda r: semantic_duplicates(r, {}, jobs=given.jobs))


if __name__ == "__main__":
    main()
