"""Loops by kind: regions of a list, pairs, strides, alternation, last rounds, rearranging."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from judge.contract import Budget, Contract
from judge.prove import Proof, derive, prove
from judge.prove.subsumption import news, strongest

BUDGET = Budget(rlimit=16_000_000)
SMALL = Budget(rlimit=2_000_000)


@dataclass(frozen=True)
class Loop:
    """A true function, a wrong one by one replacement, and its contract."""

    name: str
    code: str
    wrong: tuple[str, str]
    ensures: tuple[str, ...]
    requires: tuple[str, ...] = ()

    @property
    def contract(self) -> Contract:
        return Contract(self.requires, self.ensures)


LOOPS = [
    Loop(
        "mirror",
        "def f(xs: list[int]) -> None:\n    i, j = 0, len(xs) - 1\n    while i < j:\n"
        "        xs[i], xs[j] = xs[j], xs[i]\n        i += 1\n        j -= 1\n",
        ("xs[j], xs[i]\n", "xs[j], xs[j]\n"),
        ("all(xs[k] == old(xs)[len(xs) - 1 - k] for k in range(len(xs)))",),
    ),
    Loop(
        "last place of the largest",
        "def f(xs: list[int]) -> int:\n    best = 0\n    for i, x in enumerate(xs):\n"
        "        if x >= xs[best]:\n            best = i\n    return best\n",
        (">=", ">"),
        ("all(x <= xs[result] for x in xs)", "all(x < xs[result] for x in xs[result + 1:])"),
        ("len(xs) > 0",),
    ),
    Loop(
        "every second element",
        "def f(xs: list[int]) -> list[int]:\n    out = list(xs)\n"
        "    for i in range(1, len(out), 2):\n        out[i] = -out[i]\n    return out\n",
        ("range(1, len(out), 2)", "range(1, len(out) - 1, 2)"),
        (
            "len(result) == len(xs)",
            "all(result[i] == (xs[i] if i % 2 == 0 else -xs[i]) for i in range(len(xs)))",
        ),
    ),
    Loop(
        "signs in turn",
        "def f(n: int) -> list[int]:\n    out = []\n    sign = 1\n    for k in range(1, n + 1):\n"
        "        out.append(sign * k)\n        sign = -sign\n    return out\n",
        ("sign = -sign", "sign = -1"),
        ("all(result[i] == (i + 1 if i % 2 == 0 else -(i + 1)) for i in range(n))",),
        ("n >= 0",),
    ),
    Loop(
        "rounded up",
        "def f(items: int, size: int) -> int:\n    batches = 0\n    while True:\n"
        "        if items <= 0:\n            return batches\n        items -= size\n"
        "        batches += 1\n",
        ("items <= 0", "items < 0"),
        ("result == (old(items) + size - 1) // size",),
        ("size >= 1", "items >= 0"),
    ),
    Loop(
        "a pair in any order",
        "def f(nums: list[int], t: int) -> bool:\n    for i in range(len(nums)):\n"
        "        for j in range(i + 1, len(nums)):\n            if nums[i] + nums[j] == t:\n"
        "                return True\n    return False\n",
        ("range(i + 1, len(nums))", "range(i + 2, len(nums))"),
        ("result or all(nums[i] + nums[j] != t for i in range(len(nums)) for j in range(i))",),
    ),
    Loop(
        "every element once more",
        "def f(xs: list[int]) -> None:\n    for i in range(len(xs)):\n"
        "        for j in range(len(xs) - i - 1):\n            if xs[j] > xs[j + 1]:\n"
        "                xs[j], xs[j + 1] = xs[j + 1], xs[j]\n",
        ("xs[j + 1], xs[j]\n", "xs[j + 1], xs[j + 1]\n"),
        ("sorted(xs) == sorted(old(xs))",),
    ),
    Loop(
        "shares of a whole",
        "def f(total: int, parts: int) -> list[int]:\n    shares = []\n    for i in range(parts):\n"
        "        share = total // (parts - i)\n        shares.append(share)\n"
        "        total -= share\n    return shares\n",
        ("parts - i", "parts"),
        ("sum(result) == old(total)",),
        ("parts >= 1", "total >= 0"),
    ),
]


@pytest.mark.parametrize("loop", LOOPS, ids=lambda one: one.name)
def test_a_loop_of_this_kind_is_proved_at_any_size(loop: Loop) -> None:
    proof = prove(loop.code, "f", loop.contract, BUDGET)
    assert proof.outcome == "proved", proof.reason
    assert derive(loop.code, "f", loop.contract, proof.plan) == proof.obligations


@pytest.mark.parametrize("loop", LOOPS, ids=lambda one: one.name)
def test_its_wrong_version_is_not(loop: Loop) -> None:
    wrong = loop.code.replace(*loop.wrong, 1)
    assert wrong != loop.code
    assert prove(wrong, "f", loop.contract, SMALL).outcome not in ("proved", "partial")


@pytest.mark.slow
def test_a_sort_that_swaps_is_the_sorted_list() -> None:
    code = (
        "def f(xs: list[int]) -> list[int]:\n    out = xs[:]\n    for i in range(1, len(out)):\n"
        "        j = i\n        while j > 0 and out[j - 1] > out[j]:\n"
        "            out[j - 1], out[j] = out[j], out[j - 1]\n            j -= 1\n    return out\n"
    )
    contract = Contract((), ("result == sorted(xs)",))
    assert prove(code, "f", contract, Budget(rlimit=30_000_000)).outcome == "proved"
    lossy = code.replace("out[j], out[j - 1]\n", "out[j], out[j]\n")
    assert prove(lossy, "f", contract, SMALL).outcome not in ("proved", "partial")


WRITES = [
    ("ys[p], ys[q] = ys[q], ys[p]", "sum(result) == sum(xs)", True),
    ("ys[p], ys[q] = ys[q], ys[p]", "sum(result) == sum(xs) + 1", False),
    ("ys[p], ys[q] = ys[q], ys[q]", "sum(result) == sum(xs)", False),
    ("ys[p] = 7", "sum(result) == sum(xs) - xs[p] + 7", True),
    ("ys[p] = 7", "result.count(7) == xs.count(7) + 1", False),
    ("ys[p] = 7", "result.count(7) == xs.count(7) + (0 if xs[p] == 7 else 1)", True),
    ("ys[p] = 7\n    ys[q] = 8", "sum(result) == sum(xs) - xs[p] - xs[q] + 15", False),
    (
        "ys[p] = 7\n    ys[q] = 8",
        "p == q or sum(result) == sum(xs) - xs[p] - xs[q] + 15",
        True,
    ),
    ("ys[p] = ys[q]", "sorted(result) == sorted(xs)", False),
    ("ys[p], ys[q] = ys[q], ys[p]", "sorted(result) == sorted(xs)", True),
    ("ys[p], ys[q] = ys[q], ys[p]", "result == sorted(xs)", False),
    ("ys.sort()", "result == sorted(xs) and sum(result) == sum(xs)", True),
    ("ys.sort()", "result.count(p) == xs.count(p)", True),
    ("ys.sort()", "sum(result[:p]) == sum(xs[:p])", False),
    ("ys = sorted(ys + [p])", "sorted(result) == sorted(xs)", False),
]


@pytest.mark.parametrize(("body", "clause", "true"), WRITES)
def test_what_writing_and_sorting_do_to_sums_and_counts(body: str, clause: str, true: bool) -> None:
    code = (
        f"def f(xs: list[int], p: int, q: int) -> list[int]:\n    ys = xs[:]\n    {body}\n"
        "    return ys\n"
    )
    contract = Contract(("0 <= p < len(xs)", "0 <= q < len(xs)"), (clause,))
    assert (_proved(code, contract)).outcome == "proved" if true else _not_proved(code, contract)


def _proved(code: str, contract: Contract) -> Proof:
    return prove(code, "f", contract, SMALL)


def _not_proved(code: str, contract: Contract) -> bool:
    return prove(code, "f", contract, SMALL).outcome not in ("proved", "partial")


@pytest.mark.parametrize(
    ("clause", "true"),
    [
        ("result == sum(i for i in range(1, n) if i % 6 in (0, 2, 3, 4))", True),
        ("result == sum(i for i in range(2, n) if i % 6 in (0, 2, 3, 4))", True),
        ("result == sum(i for i in range(3, n) if i % 6 in (0, 2, 3, 4))", False),
        ("result == sum(i for i in range(1, n) if i % 6 in (0, 2, 3))", False),
        ("result == sum(i for i in range(n + 1) if i % 6 in (0, 2, 3, 4))", False),
    ],
)
def test_sums_over_overlapping_stretches_are_compared(clause: str, true: bool) -> None:
    code = (
        "def f(n: int) -> int:\n    return sum(i for i in range(n) if i % 2 == 0 or i % 3 == 0)\n"
    )
    outcome = prove(code, "f", Contract(("n >= 2",), (clause,)), BUDGET).outcome
    assert (outcome == "proved") is true


def test_a_test_and_its_opposite_at_two_places_are_no_constant_together() -> None:
    code = (
        "def f(xs: list[int], a: int, b: int) -> int:\n"
        "    return sum(1 for x in xs if x == a) + sum(1 for x in xs if x != b)\n"
    )
    contract = Contract((), ("result == len(xs)",))
    assert prove(code, "f", contract, SMALL).outcome not in ("proved", "partial")


def test_only_the_strongest_bound_is_kept() -> None:
    texts = ["i >= 0", "i >= -1", "i <= n + 1", "i < n", "i <= n", "sum(xs) == 0", "j >= 0"]
    assert strongest(texts) == ["i >= 0", "i < n", "sum(xs) == 0", "j >= 0"]


def test_what_is_implied_by_its_form_is_no_news() -> None:
    assert news(["i >= -1", "i >= 2", "i <= n", "j == 1"], ["i >= 1", "i < n"]) == [
        "i >= 2",
        "j == 1",
    ]
