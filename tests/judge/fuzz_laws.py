"""Laws against CPython: on one known input, no untrue clause may be proved.

What is told to the solver of sums, extremes, filters, quotients, powers and texts has to be true of
all numbers. One instance that is not lets it prove anything, but only on inputs where the instance
is false, so a proof for all inputs seldom shows it. Here the input is pinned by preconditions, the
clause is a disjunction of things that CPython says are false there, and a proof is a false law.

    python -m tests.judge.fuzz_laws --seconds 60 --seed 1
"""

# ruff: noqa: E501  (tables)
from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter

from judge.contract import Budget, Contract
from judge.prove import prove
from tests.judge.attack import Limited, limit_memory
from tests.judge.fuzz import RESOURCES, Finding
from tests.judge.grammar import EXPRESSION_FORMS, Grammar

BUDGET = Budget(rlimit=400_000)
PINS = {
    "int": ["-3", "-2", "-1", "0", "1", "2", "3", "4", "7", "12"],
    "list": ["[]", "[1]", "[-2]", "[2, -1]", "[3, 3]", "[0, 1, 2]", "[2, 0, -3]", "[1, 1, 4, 2]"],
    "str": [
        "''",
        "'a'",
        "'b'",
        "'ab'",
        "'aa'",
        "'a b'",
        "'Ba1'",
        "' a'",
        "'b\\u0130'",
        "'12'",
        "'a,,b'",
        "'ba  b '",
    ],
    "digits": ["'0'", "'7'", "'12'", "'00'", "'010'", "'-5'", "''", "'99'"],
    "set": ["set()", "{1}", "{-1, 2}"],
    "dict": ["{}", "{1: 2}", "{2: 0, -1: 1}"],
}
ANNOTATIONS = {"digits": "str", "int": "int", "list": "list[int]", "str": "str", "set": "set[int]", "dict": "dict[int, int]"}  # fmt: skip
BOUNDS = "{int0} | {int0} + 1 | {int0} - 1 | len({list0}) | len({list0}) + 1 | len({list0}) - 1"
SUMMANDS = "i_ | i_ * i_ | 2 * i_ + 1 | i_ * {int0} | i_ % 2 | i_ // 2 | 3 - i_ | {int0} | (1 if i_ > {int0} else 0)"  # fmt: skip
SEQUENCES = "{list0} | {list0}[:{int0}] | {list0}[{int0}:] | {list0}[{int0}:{int0}] | {list0}[::-1] | {list0}[1:] | {list0}[:-1]"  # fmt: skip
NUMBERS = """
    max({list0}, key=lambda v_: v_ % 3, default={int0}) | (sorted({list0}, key=lambda v_: -v_) + [{int0}])[0] | sorted({list0}, key=abs).count({int0})
    math.gcd({int0}, {int0}) | math.lcm({int0}, {int0}) | math.factorial(abs({int0})) | ({int0} * {int0} // math.gcd({int0}, {int0}))
    len(str({int0})) | int(str(abs({int0}))[::-1]) | bin({int0}).count('1') | len(bin({int0})) | sum(int(d_) for d_ in str(abs({int0})))
    str({int0}).count('1') | int(str(abs({int0})) + str(abs({int0}))) | int({digits}) | int({digits}[:{int0}] or '0') | len(hex(abs({int0})))
    ({int0} ** max({int0}, 0)) | (({int0} * {int0}) ** (max({int0}, 0) // 2)) | int('0' + {digits}) | ({int0} & ({int0} - 1)) | sum(1 for c_ in bin({int0}) if c_ == '0')
    int({digits}[::-1]) | ({int0} * {int0} ** abs({int0})) | int(str({int0})) | ord(str(abs({int0}))[0]) | len(oct({int0}))
    sum({summand} for i_ in range({bound})) | sum({summand} for i_ in range({bound}, {bound}))
    sum({sequence}) | len({sequence}) | {sequence}.count({int0}) | max({sequence}, default={int0})
    min({sequence}, default={int0}) | sum(x_ for x_ in {sequence} if x_ > {int0}) | len(set({sequence}))
    len([x_ for x_ in {sequence} if x_ % 2 == 0]) | sum(1 for x_ in {sequence} if x_ == {int0})
    sum(x_ * x_ for x_ in {sequence}) | sum(i_ * x_ for i_, x_ in enumerate({sequence}))
    max((x_ for x_ in {sequence} if x_ > {int0}), default={int0}) | sum(1 for i_ in range({bound}) if i_ % 3 == {int0})
    ({int0} // {int0}) | ({int0} % {int0}) | (({int0} + 1) // {int0}) | (({int0} + {int0}) % {int0})
    ({int0} * {int0} // {int0}) | ({int0} ** abs({int0})) | (2 ** max({int0}, 0)) | ({int0} & {int0}) | ({int0} & 3)
    math.isqrt(abs({int0})) | len(str({int0})) | ({int0} | {int0}) | ({int0} ^ 5) | ({int0} >> 1) | digits(abs({int0}))
    sum(sum({sequence}) for _ in range({bound})) | sorted({sequence} + [{int0}])[0] | sum({set0}) | len({set0})
    sum(1 for i_ in range({bound}) for j_ in range(i_) if j_ % 2 == 0) | {str0}.count('a') | len({str0}) | {str0}.find('b')
    sum(1 for c_ in {str0} if c_ == 'a') | len({dict0}) | {dict0}.get({int0}, {int0}) | sum({dict0}.values()) | max({int0}, {int0})
    [x_ for x_ in {sequence} if x_ > {int0}].count({int0}) | sum(sorted({sequence})) | len({str0}.replace('a', ''))
    sum(abs(x_ - {int0}) for x_ in {sequence}) | next((i_ for i_, x_ in enumerate({sequence}) if x_ > {int0}), -1)
    {str0}.rfind('a') | {str0}.find({str0}) | len({str0}.strip()) | len({str0}.lstrip('a')) | len({str0}.rstrip('b ')) | len({str0}.split())
    len({str0}.split('a')) | len({str0}.split(' ')) | len({str0}.lower()) | len({str0}.upper()) | len({str0}.rjust({int0})) | {str0}.lower().count('b')
    bin({int0}).count('1') | len(bin({int0})) | len(hex({int0} * 9)) | int(str(abs({int0}))[::-1]) | sum(int(c_) for c_ in str(abs({int0})))
    str({int0}).count('1') | len(str({int0}).zfill(3)) | ({int0} & ({int0} - 1)) | bin({int0} & ({int0} - 1)).count('1') | ({int0} * {int0}) ** abs({int0} // 2)
    math.gcd({int0}, {int0}) | math.lcm({int0}, {int0}) | math.factorial(abs({int0})) | pow({int0}, abs({int0}), 5) | ({int0} * {int0} // math.gcd({int0}, {int0}))
    int('0' + str(abs({int0}))) | int(str(abs({int0})) + str(abs({int0}))[::-1]) | len(str(-{int0})) | {int0} ** abs({int0})
    sum([x_ for x_ in {sequence} if x_ > {int0}]) | max([x_ - i_ for i_, x_ in enumerate({sequence})], default=0)
"""
TRUTHS = """
    sorted({list0}) == sorted({list0}) | {list0} == sorted({list0}) | sorted({str0}) == sorted({str0}) | sorted({list0} + {list0}) == sorted({list0})
    sum(x_ * x_ for x_ in sorted({list0})) == {int} | sorted({list0}).count({int0}) == {int} | sorted({list0})[0] == {int} | {list0} == {list0}[::-1]
    {int} == {int} | {int} != {int} | {int} <= {int} | {int} < {int} | {int} == {int0} | {int} + {int} == {int}
    sorted({sequence}) == {sequence} | all(x_ > {int0} for x_ in {sequence}) | any(x_ == {int0} for x_ in {sequence})
    {str0}.strip() == {str0} | {str0}.lower() == {str0} | {str0}.upper() == {str0}.lower() | {str0}.title() == {str0} | {str0}.startswith({str0}.strip())
    '' in {str0}.split('b') | 'a' in {str0}.split() | {str0}.split(' ')[0] == 'a' | {str0}.lower()[:1] in 'ab' | str({int0})[::-1] == str({int0}) | {str0}[:1].lower() in 'xab'
    {int0} in {sequence} | {sequence} == {sequence} | {int} % 2 == 0 | all({sequence0}[i_] <= {sequence0}[i_ + 1] for i_ in range(len({sequence0}) - 1))
    str({int0}) == str({int0})[::-1] | {digits} == {digits}[::-1] | {digits}.isdigit() | {int} == -({int}) | {int0} in {set0} | {int0} in {dict0} | {str0} == {str0}[::-1] | 'a' in {str0} | {int} >= 2 * {int}
    all(x_ in {sequence} for x_ in {sequence}) | {int} - {int} == {int} - {int} | sorted({sequence}) == sorted({sequence})
    all({int0} % d_ != 0 for d_ in range(2, {int0})) | any({int0} == x_ + y_ for x_ in {sequence} for y_ in {sequence})
"""
DIGITS = "def digits(n: int) -> int:\n    if n < 10:\n        return n\n    return digits(n // 10) + n % 10\n"


def _forms(text: str) -> list[str]:
    """Alternatives are parted by `` | `` outside brackets."""
    found: list[str] = []
    for line in text.strip().split("\n"):
        part, depth = "", 0
        for piece in line.strip().split(" | "):
            part = f"{part} | {piece}" if part else piece
            depth = part.count("(") - part.count(")")
            if depth == 0:
                found.append(part)
                part = ""
    return found


FORMS = {
    "bound": _forms(BOUNDS),
    "summand": _forms(SUMMANDS),
    "sequence": _forms(SEQUENCES),
    "int": _forms(NUMBERS),
    "bool": _forms(TRUTHS),
}


class Laws(Grammar):
    """Clauses over pinned parameters, which share their parts so that laws meet."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.names |= {kind: [] for kind in (*FORMS, *PINS) if kind not in self.names}

    def expr(self, kind: str, depth: int) -> str:
        """One of this file's forms; now and then one of the large grammar's."""
        if kind in FORMS and (depth > 0 or kind not in ("int", "bool")):
            many = EXPRESSION_FORMS.get(kind, [])
            own = self.rng.random() < 0.85 or not many
            chosen = [f for f in FORMS[kind] if own] or [f for f in many if self.assignable(f)]
            return self.fill(self.rng.choice(chosen), depth - 1)
        return self.leaf(kind)

    def leaf(self, kind: str) -> str:
        """A parameter, mostly."""
        if kind == "sequence":
            return self.leaf("list")
        if kind == "digits":
            return self.rng.choice([*self.names["digits"] * 3, *PINS["digits"]])
        return super().leaf(kind)


def laws(seed: int) -> tuple[dict[str, str], list[str]]:
    """Pinned parameters (name to literal), and clauses over them that CPython calls false."""
    rng = random.Random(seed)
    grammar = Laws(rng)
    kinds = [
        "int",
        "list",
        *rng.choices(["int", "list", "str", "set", "dict", "digits"], k=rng.randint(0, 2)),
    ]
    pins = {}
    for place, kind in enumerate(kinds):
        grammar.names[kind].append(f"p{place}")
        pins[f"p{place}"] = f"{kind} {rng.choice(PINS[kind])}"
    untrue = []
    for _ in range(rng.randint(2, 5)):
        text = grammar.expr("bool", 3)
        held = _value(text, {name: pin.split(" ", 1)[1] for name, pin in pins.items()})
        if held is not None:
            untrue.append(f"not ({text})" if held else f"({text})")
    return pins, untrue


def _value(text: str, pins: dict[str, str]) -> bool | None:
    scope: dict[str, object] = {}
    exec(DIGITS + "import math\n", scope)
    exec("\n".join(f"{name} = {value}" for name, value in pins.items()), scope)
    try:
        with Limited(0.2):
            return bool(eval(text, scope))
    except RESOURCES:
        return None
    except Exception:  # noqa: BLE001 (a clause that raises says nothing here)
        return None


def one(seed: int) -> tuple[Finding | None, str]:
    """One input with its untrue clauses: (a proof of one of them, what the prover said)."""
    pins, untrue = laws(seed)
    if not untrue:
        return None, "nothing to say"
    head = ", ".join(f"{n}: {ANNOTATIONS[pin.split(' ', 1)[0]]}" for n, pin in pins.items())
    code = f"import math\n\n{DIGITS}\n\ndef f({head}) -> int:\n    return 0\n"
    given = tuple(f"{n} == {pin.split(' ', 1)[1]}" for n, pin in pins.items())
    for clause in (" or ".join(untrue), untrue[0]):
        proof = prove(code, "f", Contract(given, (clause,)), BUDGET)
        if proof.outcome in ("proved", "partial"):
            args = tuple(eval(pin.split(" ", 1)[1]) for pin in pins.values())
            return Finding(f"proved ({proof.method}) what is false: {clause}", code, args), "false"
        if proof.outcome != "unknown" or "not modelled" not in proof.reason:
            break
    return None, proof.outcome


def main() -> int:
    """Fuzz for a given time; exit 1 when something false was proved."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_memory()
    end, words = time.monotonic() + options.seconds, Counter[str]()
    while time.monotonic() < end:
        seed = options.seed * 1_000_000_007 + words.total()
        found, word = one(seed)
        words[word] += 1
        if found is not None:
            sys.stdout.write(f"FALSE LAW (seed {seed})\n{found}\n")
            sys.stdout.flush()
    told = ", ".join(f"{n} {word}" for word, n in words.most_common())
    sys.stdout.write(f"{words.total()} inputs: {told}\n")
    return 1 if words["false"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
