"""Two holders of one object: whatever changes it is seen by both, or it is not modelled."""

# ruff: noqa: E501  (programs on one line)
from __future__ import annotations

import pytest

from judge.contract import Budget, Contract
from judge.prove import prove

BUDGET = Budget(rlimit=3_000_000)
OPTIONAL = "from typing import Optional\n"

FALSE = {
    "a conditional expression gives the object itself": (
        "    a = [1]\n    b = [2]\n    xs = a if n > 0 else b\n    a.append(5)\n    return len(xs)\n",
        "result == 1",
    ),
    "or gives the object itself": (
        "    a = [1]\n    xs = a or [2]\n    a.append(5)\n    return len(xs)\n",
        "result == 1",
    ),
    "or None, too": (
        "    a = [1]\n    xs = a if n else None\n    a.append(5)\n"
        "    return len(xs) if xs is not None else 1\n",
        "result == 1",
    ),
    "max gives the object itself": (
        "    a = [n]\n    b = [2]\n    xs = max(a, b)\n    a.append(5)\n    return len(xs)\n",
        "result == 1",
    ),
    "a chained assignment of a dict is one dict": (
        "    a = b = {}\n    a[1] = n\n    return len(b)\n",
        "result == 0",
    ),
    "a chained assignment of a set is one set": (
        "    a = b = set()\n    a.add(n)\n    return len(b)\n",
        "result == 0",
    ),
    "+= on an element changes the list it is": (
        "    xs = [n]\n    d = [xs]\n    d[0] += [2]\n    return len(xs)\n",
        "result == 1",
    ),
    "|= on an element changes the set it is": (
        "    a = {1}\n    d = {0: a}\n    d[0] |= {2}\n    return len(a)\n",
        "result == 1",
    ),
    "rows of a repeated list are one row": (
        "    g = [[0]] * 2\n    g[0] += [n]\n    return len(g[1])\n",
        "result == 1",
    ),
    "a row with a name is the row": (
        "    g = [[0], [1]]\n    row = g[0]\n    g[0].append(n)\n    return len(row)\n",
        "result == 1",
    ),
    "a row with a name is the row after an earlier change": (
        "    g = [[0], [1]]\n    g[0].append(2)\n    r = g[0]\n    g[0][0] = 5\n    return r[0]\n",
        "result == 0",
    ),
    "a loop's row is the row": (
        "    g = [[1], [2]]\n    t = [0]\n    for r in g:\n        t = r\n    g[1].append(5)\n"
        "    return len(t)\n",
        "result == 1",
    ),
    "a slice shares its rows": (
        "    g = [[1], [2]]\n    h = g[:]\n    h[0].append(n)\n    return len(g[0])\n",
        "result == 1",
    ),
    "list() shares its rows": (
        "    g = [[1], [2]]\n    h = list(g)\n    h[0].append(n)\n    return len(g[0])\n",
        "result == 1",
    ),
    "extend shares the rows": (
        "    g = [[1], [2]]\n    h = []\n    h.extend(g)\n    h[0].append(n)\n    return len(g[0])\n",
        "result == 1",
    ),
    "a copy of a dict shares its lists": (
        "    d = {1: [1]}\n    e = d.copy()\n    e[1].append(2)\n    return len(d[1])\n",
        "result == 1",
    ),
    "dict() shares its lists": (
        "    d = {1: [1]}\n    e = dict(d)\n    e[1].append(2)\n    return len(d[1])\n",
        "result == 1",
    ),
    "update shares the lists": (
        "    d = {1: [1]}\n    e = {}\n    e.update(d)\n    e[1].append(2)\n    return len(d[1])\n",
        "result == 1",
    ),
    "+= of rows shares the rows": (
        "    g = [[1]]\n    h = []\n    h += g\n    h[0].append(2)\n    return len(g[0])\n",
        "result == 1",
    ),
    "a comprehension keeps the rows": (
        "    g = [[1]]\n    h = [r for r in g]\n    g[0].append(n)\n    return len(h[0])\n",
        "result == 1",
    ),
    "a tuple holds the row": (
        "    g = [[1]]\n    t = (g[0], 2)\n    g[0].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "zip holds the row": (
        "    g = [[1]]\n    t = list(zip(g, [1]))\n    g[0].append(n)\n    return len(t[0][0])\n",
        "result == 1",
    ),
    "enumerate holds the row": (
        "    g = [[1]]\n    t = list(enumerate(g))\n    g[0].append(n)\n    return len(t[0][1])\n",
        "result == 1",
    ),
    "values() holds the list": (
        "    d = {1: [1]}\n    t = list(d.values())\n    d[1].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "items() holds the list": (
        "    d = {1: [1]}\n    t = list(d.items())\n    d[1].append(n)\n    return len(t[0][1])\n",
        "result == 1",
    ),
    "get gives the list itself": (
        "    d = {1: [1]}\n    t = d.get(1)\n    d[1].append(n)\n    return len(t)\n",
        "result == 1",
    ),
    "an element of another dict is the list": (
        "    d = {1: [1]}\n    e = {2: d[1]}\n    d[1].append(n)\n    return len(e[2])\n",
        "result == 1",
    ),
    "sorted keeps the rows": (
        "    g = [[1], [2]]\n    t = sorted(g)\n    g[0].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "filter keeps the rows": (
        "    g = [[1], [2]]\n    t = list(filter(None, g))\n    g[0].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "map keeps the rows": (
        "    g = [[1], [2]]\n    t = list(map(lambda r: r, g))\n    g[0].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "a sum of lists keeps the rows": (
        "    g = [[1], [2]]\n    t = g + [[3]]\n    g[0].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "a starred display keeps the rows": (
        "    g = [[1], [2]]\n    t = [*g]\n    g[0].append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "an inserted row is the row": (
        "    g = [[1], [2]]\n    g.insert(0, g[1])\n    g[0].append(n)\n    return len(g[2])\n",
        "result == 1",
    ),
    "a row put in another place is the row": (
        "    g = [[1], [2, 3]]\n    g[0] = g[1]\n    g[0].append(n)\n    return len(g[1])\n",
        "result == 2",
    ),
    "a row put in another place is changed with it": (
        "    g = [[1], [2, 3]]\n    g[0] = g[1]\n    g[0][0] += n\n    return g[1][0]\n",
        "result == 2",
    ),
    "a lambda gives the row itself": (
        "    g = [[1]]\n    h = lambda: g[0]\n    r = h()\n    g[0].append(n)\n    return len(r)\n",
        "result == 1",
    ),
    "a walrus names the row": (
        "    g = [[1]]\n    if (r := g[0]):\n        g[0].append(n)\n    return len(r)\n",
        "result == 1",
    ),
    "an element chosen by a condition is the list": (
        "    a = [1]\n    g = [a if n else [2]]\n    a.append(n)\n    return len(g[0])\n",
        "result == 1",
    ),
    "a value chosen by a condition is the list": (
        "    a = [1]\n    g = {0: a if n else [2]}\n    a.append(n)\n    return len(g[0])\n",
        "result == 1",
    ),
    "a tuple chosen by a condition holds the list": (
        "    a = [1]\n    t = (a, 1) if n else ([2], 2)\n    a.append(n)\n    return len(t[0])\n",
        "result == 1",
    ),
    "setdefault puts the list itself": (
        "    z = [1]\n    d = {}\n    d.setdefault(1, z).append(2)\n    return len(z)\n",
        "result == 1",
    ),
    "a popped row is changed under its name": (
        "    g = [[1], [2]]\n    r = g.pop()\n    r.append(1)\n    return len(g) + len(r)\n",
        "result == 2",
    ),
    "an element appended to itself": (
        "    g = [[1]]\n    g[0].extend(g[0])\n    return len(g[0])\n",
        "result == 1",
    ),
    "the right side of += may change the left": (
        "    xs = [1, 2]\n    xs += [xs.pop()]\n    return len(xs)\n",
        "result == 3",
    ),
    "an argument may change the dict": (
        "    d = {1: 2}\n    d.update({5: d.pop(1)})\n    return len(d)\n",
        "result == 2",
    ),
    "what is walked over may change under another name": (
        "    a = [1, 2]\n    k = 0\n    for x in (a if n else [3]):\n        k += 1\n"
        "        if k < 4:\n            a.append(7)\n    return k\n",
        "result <= 2",
    ),
}


def judged(body: str, ensures: str, head: str = "", parameter: str = "n: int") -> str:
    code = f"{head}def f({parameter}) -> int:\n{body}"
    return prove(code, "f", Contract(ensures=(ensures,)), BUDGET).outcome


@pytest.mark.parametrize("name", sorted(FALSE))
def test_a_second_holder_is_never_forgotten(name: str) -> None:
    assert judged(*FALSE[name]) != "proved"


def test_what_a_callee_changed_before_it_raised_stays_changed() -> None:
    head = "def g(xs: list[int]) -> None:\n    xs.append(1)\n    raise ValueError('no')\n"
    body = (
        "    xs = []\n    try:\n        g(xs)\n    except ValueError:\n        pass\n"
        "    return len(xs)\n"
    )
    assert judged(body, "result == 0", head) == "refuted"
    assert judged(body, "result == 1", head) == "proved"


@pytest.mark.parametrize(
    "body",
    [
        "    try:\n        a[0] = 1\n    except (TypeError, IndexError):\n        return 1\n    return 0\n",
        "    try:\n        range(len(a))\n    except TypeError:\n        return 1\n    return 0\n",
        "    b = a\n    try:\n        a += [1]\n    except TypeError:\n        return 1\n"
        "    return 1 if len(b) + 1 == len(a) else 0\n",
    ],
)
def test_a_value_that_may_be_none_is_not_taken_for_none(body: str) -> None:
    assert judged(body, "result == 1", OPTIONAL, "a: Optional[list[int]]") != "proved"


def test_an_optional_text_is_no_type_error_where_it_is_a_text() -> None:
    body = "    try:\n        ord(a)\n    except TypeError:\n        return 1\n    return 0\n"
    assert judged(body, "result == 1", OPTIONAL, "a: Optional[str]") != "proved"


TRUE = {
    "a grid made row by row": (
        "    g = [[0] * 3 for _ in range(2)]\n    g[1][2] = n\n    g[0][0] += 4\n"
        "    return g[1][2] + g[0][0] + g[0][2]\n",
        "result == n + 4",
    ),
    "lists in a dict": (
        "    d = {'a': [], 'b': [1]}\n    d['a'].append(n)\n    d['b'].append(n)\n"
        "    return d['a'][0] + len(d['b'])\n",
        "result == n + 2",
    ),
    "a list by setdefault": (
        "    d = {}\n    d.setdefault(1, []).append(n)\n    d.setdefault(1, []).append(n)\n"
        "    return len(d[1])\n",
        "result == 2",
    ),
    "a set in a list": (
        "    g = [set(), {1}]\n    g[0].add(7)\n    return len(g[0]) + len(g[1])\n",
        "result == 2",
    ),
    "a list in a list in a list": (
        "    g = [[[n]]]\n    g[0][0][0] += 1\n    g[0].append([5])\n    return g[0][0][0]\n",
        "result == n + 1",
    ),
}


@pytest.mark.parametrize("name", sorted(TRUE))
def test_inner_objects_of_one_holder_are_changed_in_place(name: str) -> None:
    assert judged(*TRUE[name]) == "proved"


def test_a_change_inside_an_argument_is_an_assumption_about_it() -> None:
    code = "def f(g: list[list[int]], v: int) -> None:\n    g[0][0] = v\n"
    requires = ("len(g) > 0 and len(g[0]) > 0",)
    proof = prove(code, "f", Contract(requires, ("g[0][0] == v",)), BUDGET)
    assert proof.outcome == "proved"
    assert "lists, dicts and sets inside arguments are distinct objects" in proof.assumptions
