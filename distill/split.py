"""Training and held-out tasks, divided by group: what belongs together lands on one side.

Two items belong together when they share any of their keys (a family, a prompt, a function), and so
does whatever is linked through others. The division depends on the keys and the seed only, not on
the order in which items come.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from distill.errors import DistillError


def groups(keys: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return item names that belong together, each group sorted, groups in order of their first."""
    parent: dict[str, str] = {name: name for name in keys}
    owner: dict[str, str] = {}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for name in sorted(keys):
        for key in keys[name]:
            other = owner.setdefault(key, name)
            one, two = sorted((root(name), root(other)))
            parent[two] = one
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(keys):
        found[root(name)].append(name)
    return sorted(tuple(names) for names in found.values())


def held_out(
    keys: Mapping[str, Iterable[str]], share: float, seed: int = 0
) -> tuple[frozenset[str], int]:
    """Return the names that are held out, about ``share`` of them, and the number of groups.

    Whole groups are taken in an order drawn from the seed, each only while it fits; so one huge
    group stays in training. Raises ``DistillError`` when nothing can be held out.
    """
    if not 0 < share < 1:
        raise DistillError(f"the share to hold out is {share:g}; it lies between 0 and 1")
    found = groups(keys)
    room = round(share * len(keys))
    order = sorted(
        found, key=lambda group: hashlib.sha256(f"{seed}/{group[0]}".encode()).hexdigest()
    )
    taken: set[str] = set()
    for group in order:
        if len(taken) + len(group) <= room:
            taken.update(group)
    if not taken:
        raise DistillError(
            f"nothing can be held out: {len(keys)} tasks in {len(found)} groups that belong "
            f"together, and {room} to hold out"
        )
    return frozenset(taken), len(found)
