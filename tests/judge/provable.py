"""True functions with their contracts, and for each a change that breaks it. Data for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A function ``f`` that keeps its contract, and ``mutant`` = (old text, new text)."""

    name: str
    code: str
    ensures: tuple[str, ...]
    mutant: tuple[str, str]
    requires: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()

    @property
    def broken(self) -> str:
        """The code after the change."""
        changed = self.code.replace(*self.mutant, 1)
        assert changed != self.code, self.name
        return changed


STRAIGHT = [
    Sample(
        "clamp",
        "def f(x: int, lo: int, hi: int) -> int:\n"
        "    if x < lo:\n        return lo\n    if x > hi:\n        return hi\n    return x\n",
        ("lo <= result <= hi", "result == x or x < lo or x > hi"),
        ("x > hi", "x > hi + 1"),
        ("lo <= hi",),
    ),
    Sample(
        "absolute difference",
        "def f(a: int, b: int) -> int:\n    return a - b if a > b else b - a\n",
        ("result == abs(a - b)", "result >= 0"),
        ("b - a", "a - b"),
    ),
    Sample(
        "divmod with a negative divisor",
        "def f(a: int, b: int) -> int:\n    q, r = divmod(a, b)\n    return q * b + r\n",
        ("result == a",),
        ("q * b + r", "q * b - r"),
        ("b < 0",),
    ),
    Sample(
        "floor and ceiling",
        "def f(a: int, b: int) -> int:\n    return -(-a // b)\n",
        ("result * b >= a", "(result - 1) * b < a"),
        ("-(-a // b)", "a // b"),
        ("b > 0",),
    ),
    Sample(
        "and/or give operands",
        "def f(a: int, b: int) -> int:\n    return a or b\n",
        ("result == (a if a != 0 else b)",),
        ("a or b", "a and b"),
    ),
    Sample(
        "piecewise with a let",
        "def f(x: int) -> int:\n    y = x * 3\n    z = y + 1 if y % 2 == 0 else y - 1\n"
        "    return z\n",
        ("result % 2 == 1 or x % 2 == 1", "abs(result - 3 * x) == 1"),
        ("y - 1", "y - 2"),
    ),
    Sample(
        "sum of kept elements",
        "def f(xs: list[int]) -> int:\n    return sum(x for x in xs if x > 0)\n",
        ("result == sum(x if x > 0 else 0 for x in xs)", "result >= 0"),
        ("x > 0", "x > 1"),
    ),
    Sample(
        "kept and changed elements",
        "def f(xs: list[int]) -> list[int]:\n    return [2 * x for x in xs if x > 0]\n",
        ("all(y > 1 for y in result)", "len(result) == sum(1 for x in xs if x > 0)"),
        ("2 * x", "x"),
    ),
    Sample(
        "maximum of a list",
        "def f(xs: list[int]) -> int:\n    return max(xs)\n",
        ("all(x <= result for x in xs)", "result in xs"),
        ("max", "min"),
        ("len(xs) > 1",),
    ),
    Sample(
        "palindrome by reversing",
        "def f(s: str) -> bool:\n    return s == s[::-1]\n",
        ("result == all(s[i] == s[len(s) - 1 - i] for i in range(len(s)))",),
        ("s[::-1]", "s[1:]"),
    ),
    Sample(
        "None as a default",
        "from typing import Optional\n"
        "def f(x: Optional[int]) -> int:\n    return 0 if x is None else x + 1\n",
        ("(x is None and result == 0) or (x is not None and result == x + 1)",),
        ("x + 1", "x"),
    ),
    Sample(
        "an allowed exception",
        "def f(a: int) -> int:\n    if a < 0:\n        raise ValueError('negative')\n"
        "    return a\n",
        ("result >= 0",),
        ("a < 0", "a < -1"),
        (),
        ("ValueError",),
    ),
    Sample(
        "a caught exception",
        "def f(a: int, b: int) -> int:\n    try:\n        return a // b\n"
        "    except ZeroDivisionError:\n        return 0\n",
        ("b != 0 or result == 0", "b == 0 or result == a // b"),
        ("return 0", "return 1"),
    ),
    Sample(
        "a helper",
        "def g(x: int) -> int:\n    return x * x\n"
        "def f(a: int) -> int:\n    return g(a) + g(a + 1)\n",
        ("result == 2 * a * a + 2 * a + 1",),
        ("a + 1", "a + 2"),
    ),
    Sample(
        "a dict read with a default",
        "def f(d: dict[int, int], k: int) -> int:\n    return d[k] if k in d else 0\n",
        ("result == d.get(k, 0)",),
        ("else 0", "else 1"),
    ),
    Sample(
        "tuples",
        "def f(a: int, b: int) -> tuple[int, int]:\n    return (b, a) if a > b else (a, b)\n",
        ("result[0] <= result[1]", "result[0] + result[1] == a + b"),
        ("a > b", "a < b"),
    ),
]

LOOPS = [
    Sample(
        "triangular numbers",
        "def f(n: int) -> int:\n    t = 0\n    for i in range(n + 1):\n        t += i\n"
        "    return t\n",
        ("2 * result == n * (n + 1)",),
        ("n + 1", "n"),
        ("n >= 0",),
    ),
    Sample(
        "sum of kept elements",
        "def f(xs: list[int]) -> int:\n    t = 0\n    for x in xs:\n        if x % 2 == 0:\n"
        "            t += x * x\n    return t\n",
        ("result == sum(x * x for x in xs if x % 2 == 0)",),
        ("x * x", "x + x"),
    ),
    Sample(
        "build a list",
        "def f(xs: list[int], k: int) -> list[int]:\n    out = []\n    for x in xs:\n"
        "        if x > k:\n            out.append(x - k)\n    return out\n",
        ("result == [x - k for x in xs if x > k]", "all(y > 0 for y in result)"),
        ("x > k", "x >= k"),
    ),
    Sample(
        "largest element",
        "def f(xs: list[int]) -> int:\n    best = xs[0]\n    for x in xs[1:]:\n"
        "        if x > best:\n            best = x\n    return best\n",
        ("result == max(xs)",),
        ("x > best", "x >= 0"),
        ("len(xs) > 0",),
    ),
    Sample(
        "first index",
        "def f(xs: list[int], t: int) -> int:\n    for i in range(len(xs)):\n"
        "        if xs[i] == t:\n            return i\n    return -1\n",
        (
            "-1 <= result < len(xs)",
            "result == -1 or xs[result] == t",
            "result != -1 or t not in xs",
        ),
        ("return -1", "return 0"),
    ),
    Sample(
        "all pass, by an early return",
        "def f(xs: list[int]) -> bool:\n    for x in xs:\n        if x < 0:\n"
        "            return False\n    return True\n",
        ("result == all(x >= 0 for x in xs)",),
        ("x < 0", "x <= 0"),
    ),
    Sample(
        "count vowels",
        "def f(s: str) -> int:\n    n = 0\n    for c in s:\n        if c in 'aeiou':\n"
        "            n += 1\n    return n\n",
        ("result == sum(1 for c in s if c in 'aeiou')", "0 <= result <= len(s)"),
        ("'aeiou'", "'aeio'"),
    ),
    Sample(
        "while with an index",
        "def f(xs: list[int]) -> int:\n    i = 0\n    t = 0\n    while i < len(xs):\n"
        "        t = t + xs[i]\n        i += 1\n    return t\n",
        ("result == sum(xs)",),
        ("i = 0", "i = 1"),
    ),
    Sample(
        "integer square root",
        "def f(n: int) -> int:\n    r = 0\n    while (r + 1) * (r + 1) <= n:\n        r += 1\n"
        "    return r\n",
        ("result * result <= n < (result + 1) * (result + 1)",),
        ("<= n", "< n"),
        ("n >= 0",),
    ),
    Sample(
        "greatest common divisor",
        "def f(a: int, b: int) -> int:\n    while b:\n        a, b = b, a % b\n    return a\n",
        ("result > 0", "old(a) % result == 0 and old(b) % result == 0"),
        ("a % b", "a % b + 1"),
        ("a > 0", "b > 0"),
    ),
    Sample(
        "greatest common divisor by subtraction",
        "def f(a: int, b: int) -> int:\n    while a != b:\n        if a > b:\n"
        "            a -= b\n        else:\n            b -= a\n    return a\n",
        ("old(a) % result == 0 and old(b) % result == 0",),
        ("return a", "return a + 1"),
        ("a > 0", "b > 0"),
    ),
    Sample(
        "a measure of two parts",
        "def f(a: int, b: int) -> int:\n    while a > 0:\n        if b > 0:\n"
        "            b -= 1\n        else:\n            a -= 1\n            b = 10\n    return a\n",
        ("result == 0",),
        ("return a", "return b"),
        ("a >= 0", "b >= 0"),
    ),
    Sample(
        "digits add up to the same remainder",
        "def f(n: int) -> int:\n    t = 0\n    while n:\n        t += n % 10\n"
        "        n //= 10\n    return t\n",
        ("0 <= result <= old(n)", "(result - old(n)) % 9 == 0"),
        ("n % 10", "n % 100"),
        ("n >= 0",),
    ),
    Sample(
        "insertion sort",
        "def f(xs: list[int]) -> list[int]:\n    a = xs[:]\n    for i in range(1, len(a)):\n"
        "        key = a[i]\n        j = i - 1\n        while j >= 0 and a[j] > key:\n"
        "            a[j + 1] = a[j]\n            j -= 1\n        a[j + 1] = key\n    return a\n",
        ("all(result[k] <= result[k + 1] for k in range(len(result) - 1))",),
        ("j >= 0", "j > 0"),
    ),
    Sample(
        "the sum of a table",
        "def f(m: list[list[int]]) -> int:\n    t = 0\n    for row in m:\n"
        "        for x in row:\n            t += x\n    return t\n",
        ("result == sum(sum(row) for row in m)",),
        ("t += x", "t += x + 1"),
    ),
    Sample(
        "in order already",
        "def f(xs: list[int]) -> bool:\n    for i in range(len(xs) - 1):\n"
        "        if xs[i] > xs[i + 1]:\n            return False\n    return True\n",
        ("result == (xs == sorted(xs))",),
        ("> xs[i + 1]", ">= xs[i + 1]"),
    ),
]

RECURSION = [
    Sample(
        "factorial",
        "def f(n: int) -> int:\n    if n <= 1:\n        return 1\n    return n * f(n - 1)\n",
        ("result >= 1",),
        ("n * f", "-n * f"),
        ("n >= 0",),
    ),
    Sample(
        "list sum",
        "def f(xs: list[int]) -> int:\n    if not xs:\n        return 0\n"
        "    return xs[0] + f(xs[1:])\n",
        ("result == sum(xs)",),
        ("return 0", "return 1"),
    ),
    Sample(
        "McCarthy 91",
        "def f(n: int) -> int:\n    return n - 10 if n > 100 else f(f(n + 11))\n",
        ("result == (n - 10 if n > 100 else 91)",),
        ("n + 11", "n + 10"),
    ),
    Sample(
        "greatest common divisor, recursive",
        "def f(a: int, b: int) -> int:\n    return a if b == 0 else f(b, a % b)\n",
        ("result > 0", "a % result == 0 and b % result == 0"),
        ("return a if", "return a + 1 if"),
        ("a >= 0 and b >= 0 and a + b > 0",),
    ),
    Sample(
        "Ackermann",
        "def f(m: int, n: int) -> int:\n    if m == 0:\n        return n + 1\n    if n == 0:\n"
        "        return f(m - 1, 1)\n    return f(m - 1, f(m, n - 1))\n",
        ("result > n",),
        ("return n + 1", "return n"),
        ("m >= 0", "n >= 0"),
    ),
    Sample(
        "Fibonacci grows",
        "def f(n: int) -> int:\n    return n if n < 2 else f(n - 1) + f(n - 2)\n",
        ("result >= 0", "n < 1 or result >= 1", "n < 5 or result >= n"),
        ("n if n < 2", "0 if n < 2"),
        ("n >= 0",),
    ),
]
