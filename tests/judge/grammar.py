"""Random programs by templates: every construct that a model answer may use, small enough to prove.

``{int}`` in a template is an expression of that kind, ``{int0}`` a leaf, ``{=int}`` a name that can
be assigned, ``{+int}`` a new one; « and » are braces of the program. Programs are well typed, but may raise. What it is not: a way to make programs that
mean something; the fuzzer asks only whether two meanings of them agree.
"""

# ruff: noqa: E501  (tables)
from __future__ import annotations

import random
import re

PARAMETERS = {
    "int": "int", "bool": "bool", "str": "str", "list": "list[int]", "float": "float",
    "words": "list[str]", "rows": "list[list[int]]", "pair": "tuple[int, int]",
    "opt": "Optional[int]", "dict": "dict[int, int]", "set": "set[int]", "letters": "dict[str, int]",
}  # fmt: skip
"""Kind to annotation."""

LEAVES = {
    "int": ["0", "1", "2", "3", "-1", "-2", "-7", "10"],
    "bool": ["True", "False"],
    "str": ["''", "'a'", "'ab'", "'b '", "'aBa'", "'1'"],
    "list": ["[]", "[1]", "[2, -1, 3]", "[0, 0]"],
    "float": ["0.0", "-0.0", "1.0", "0.5", "-2.5", "3.0"],
    "words": ["[]", "['a']", "['b', '', 'ab']"],
    "rows": ["[]", "[[1], []]", "[[1, 2], [3, 0]]"],
    "pair": ["(0, 1)", "(2, -1)"],
    "opt": ["None", "1", "0"],
    "dict": ["{}", "{1: 2}", "{0: 1, 2: -1}"],
    "set": ["set()", "{1}", "{0, 2, 3}"],
    "letters": ["{}", "{'a': 1}"],
}

EXPRESSIONS = {
    "int": """
        ({int} + {int}) | ({int} - {int}) | ({int} * {int0}) | ({int} // {int0}) | ({int} % {int0})
        ({int} // -3) | ({int} % -2) | (-{int}) | abs({int}) | min({int}, {int}) | max({int}, {int})
        ({int} if {bool} else {int}) | len({str}) | len({list}) | sum({list}) | max({list})
        min({list}) | {list}[{int0}] | {list0}[-1] | ({int} or {int}) | ({int} and {int})
        ({int} + {bool}) | sum(x_ for x_ in {list} if x_ > {int0}) | {list}.count({int0})
        len([x_ for x_ in {list} if x_ % 2 == 0]) | {list}.index({int0}) | {str}.count('a')
        ({int} ** 2) | ({int} ** {int0}) | divmod({int}, {int0})[1] | ({int} << 2) | ({int} >> 1)
        ({int} & 3) | ({int}|1) | ({int} ^ {int0}) | (~{int}) | max({list}, default={int0})
        int({bool}) | int({float}) | ord({str0}[0]) | {str}.find({str0}) | int({str})
        sum(1 for c_ in {str} if c_ == 'a') | len({words}) | len({rows}) | {rows}[{int0}][0]
        sum(len(r_) for r_ in {rows}) | {pair}[0] | {pair}[1] | sum({pair}) | {dict}[{int0}]
        {dict}.get({int0}, {int0}) | len({dict}) | sum({dict}.values()) | len({set}) | sum({set})
        len(set({list})) | {letters}.get({str0}, 0) | next((x_ for x_ in {list} if x_ > 0), -1)
        ({opt0} or 0) | ({=opt} if {=opt} is not None else {int0}) | max({list}, key=lambda x_: -x_)
        sum(map(lambda x_: x_ * x_, {list})) | sum(i_ * x_ for i_, x_ in enumerate({list}))
        sum(a_ * b_ for a_, b_ in zip({list}, {list})) | len({words0}[0]) | round({float})
        len({str}.split()) | sum(1 for r_ in {rows} for x_ in r_ if x_ > 0) | helper({int}, {int0})
        len(str({int})) | int({int0} / 2) | min({int}, {int}, {int}) | sorted({list})[0]
        len(range({int0}, {int0}, 2)) | math.gcd({int}, {int0}) | abs({pair}[0] - {pair}[1])
    """,
    "bool": """
        ({int} < {int}) | ({int} <= {int}) | ({int} == {int}) | ({int} != {int0})
        ({int0} < {int} <= {int0}) | (not {bool}) | (not {list}) | ({bool} and {bool})
        ({bool} or {bool}) | ({int} in {list}) | ({int} not in {list}) | ({str} < {str})
        ({str} == {str0}) | ({list} == {list}) | ({str0} in {str}) | all(x_ > {int0} for x_ in {list})
        any(x_ == {int0} for x_ in {list}) | {str}.startswith({str0}) | {str}.endswith({str0})
        ({int} in range({int0}, {int0})) | bool({str}) | ({float} < {float}) | ({float} == {float})
        ({float0} == {int0}) | {str}.isdigit() | {str}.isalpha() | {str}.islower() | ({=opt} is None)
        ({int0} in {dict}) | ({int0} in {set}) | ({set} <= {set}) | ({set} == {set})
        ({dict} == {dict}) | ({pair} < {pair}) | ({pair} == {pair}) | ({list} < {list})
        all(a_ <= b_ for a_, b_ in zip({list0}, {list0}[1:])) | ({str0} in {words}) | ({list} != {list0})
        ({list} == sorted({list})) | isinstance({opt0}, int) | ({str} == {str0}[::-1]) | ({bool} == {int0})
        all({list}) | any({list}) | ({set}.isdisjoint({set})) | ({int0} == {float0}) | ({bool} ^ {bool})
        all(any(x_ == y_ for y_ in {list0}) for x_ in {list0}) | ({float0} in [{float0}, 1.0])
        any(map(lambda x_: 3 // x_ > 0, {list})) | ({int0} in (6 // x_ for x_ in {list})) | all(map(bool, {list}))
        (({float}, 1) < ({float}, 2)) | ({int0} in map(lambda x_: {list0}[x_], {list}))
    """,
    "str": """
        ({str} + {str}) | {str}[{int0}:{int0}] | {str}[:{int0}] | {str}[{int0}:] | {str}[::-1]
        ({str} * {int0}) | ({str} if {bool} else {str}) | ({str} or {str0}) | {str}[{int0}] | str({int})
        f"«{int0}»-«{str0}»" | {str}.upper() | {str}.lower() | {str}.strip() | {str}.replace('a', {str0})
        ''.join({words}) | ','.join({words}) | ''.join(reversed({str})) | chr(ord('a') + {int0} % 26)
        ''.join(c_ for c_ in {str} if c_ != 'a') | max({words}, default='') | {words}[{int0}]
        str({bool}) | {str}.lstrip('a') | ''.join(sorted({str})) | {str}[::2] | min({str0}, {str0})
    """,
    "list": """
        ({list} + {list}) | {list}[{int0}:{int0}] | {list}[{int0}:] | {list}[:{int0}] | {list}[::-1]
        {list}[::2] | {list}[-2:] | [x_ + {int0} for x_ in {list}] | [x_ for x_ in {list} if x_ < {int0}]
        [{int}, {int}] | sorted({list}) | list(reversed({list})) | [a_ - b_ for a_, b_ in zip({list}, {list})]
        [i_ * x_ for i_, x_ in enumerate({list})] | ([{int0}] * {int0}) | list(range({int0}))
        list(range({int0}, {int0}, -1)) | ({list} if {bool} else {list}) | {list0}.copy() | list({list})
        [x_ for r_ in {rows} for x_ in r_] | [len(w_) for w_ in {words}] | {rows}[{int0}]
        sorted({list}, reverse=True) | sorted({set}) | list(map(abs, {list})) | [ord(c_) for c_ in {str}]
        list(filter(lambda x_: x_ > 0, {list})) | sorted({list}, key=lambda x_: -x_) | [*{list}, {int0}]
        list({dict}) | list({dict}.values()) | [x_ if x_ > 0 else -x_ for x_ in {list}] | list({pair})
        [sum(r_) for r_ in {rows}] | [i_ for i_ in range(len({list0})) if {list0}[i_] > 0]
        [x_ * 2 for x_ in {list} if x_ not in {list0}] | sorted(set({list}))
        [a_ for a_, b_ in zip({list0}, (6 // y_ for y_ in {list}))] | list(6 // y_ for y_ in {list})
        list(map(lambda x_: x_ % {int0}, {list})) | [x_ for x_ in map(lambda y_: 6 // y_, {list}) if x_ > {int0}]
    """,
    "float": """
        ({float} + {float}) | ({float} - {float}) | ({float} * {float}) | ({float} / {float}) | (-{float})
        abs({float}) | float({int0}) | ({int} / {int0}) | min({float}, {float}) | max({float}, {float})
        ({float} if {bool} else {float}) | ({float} * 2) | ({float} + {int0}) | ({int0} * 0.5)
        sum([{float0}, {float0}]) | ({float} // 2.0) | ({float} % 3.0) | ({float0} ** 2)
    """,
    "words": """
        [{str}, {str}] | {str}.split() | {str}.split(',') | sorted({words}) | [w_[::-1] for w_ in {words}]
        [w_ for w_ in {words} if w_] | list({str}) | {words}[1:] | [c_ for c_ in {str}] | ({words} + {words})
    """,
    "rows": """
        [{list}, {list}] | [[x_] for x_ in {list}] | {rows}[1:] | [r_[::-1] for r_ in {rows}]
        [[0] * 2 for _ in range({int0})] | [{list0}[i_:i_ + 2] for i_ in range(0, len({list0}), 2)]
        [[i_ + j_ for j_ in range(2)] for i_ in range({int0})] | ([[{int0}]] * 2)
    """,
    "pair": """
        ({int}, {int}) | divmod({int}, {int0}) | (min({int}, {int}), {int0}) | ({pair}[1], {pair}[0])
        ({pair} if {bool} else {pair})
    """,
    "opt": """
        (None if {bool} else {int}) | {dict}.get({int0}) | {int} | ({list0}[0] if {list0} else None)
        next((x_ for x_ in {list} if x_ > {int0}), None)
    """,
    "dict": """
        «x_: x_ * 2 for x_ in {list»} | dict({dict}) | «{int}: {int}, {int}: 1»
        «k_: v_ for k_, v_ in {dict}.items() if v_ > {int0»} | «v_: k_ for k_, v_ in {dict}.items()»
        dict(zip({list}, {list})) | «i_: x_ for i_, x_ in enumerate({list})» | ({dict}|{dict})
    """,
    "set": """
        set({list}) | «x_ % 3 for x_ in {list»} | ({set} & {set}) | ({set}|{set}) | ({set} - {set})
        ({set} ^ {set}) | «{int}, {int»} | set({dict}) | set(range({int0}))
    """,
    "letters": "«c_: {str}.count(c_) for c_ in {str»} | «'a': {int}, {str}: 1»",
}

STATEMENTS = """
    {=int} += {int} | {=int} -= {int0} | {=int} = {int} | {=list}.append({int}) | {=list}.pop()
    {=list}.insert(0, {int}) | {=list}.insert({int0}, {int0}) | {=list}.extend({list}) | {=list} += {list}
    {=list}[{int0}] = {int} | {=list}[-1] = {int} | {=list}.reverse() | {=list}.sort()
    {=list}.remove({int0}) | {=list}.pop(0) | del {=list}[0] | {=list} = {list} | {=list}.clear()
    {=list}[0], {=list}[-1] = {=list}[-1], {=list}[0] | {=list}[{int0}] += 1 | {=str} += {str}
    {=str} = {str} + {=str} | {=dict}[{int}] = {int} | {=dict}[{int0}] += 1 | {=dict}.pop({int0}, None)
    {=dict}[{int}] = {=dict}.get({int}, 0) + 1 | {=set}.add({int}) | {=set}.discard({int0}) | {=set} |= {set}
    {=dict}.update({dict}) | {=dict}.setdefault({int0}, {int}) | del {=dict}[{int0}] | {=float} += {float0}
    assert {bool} | assert {int} >= {int0}, 'no' | {=rows}[0].append({int}) | {=rows}.append({list})
    {=words}.append({str}) | {=letters}[{str0}] = {int} | {=int} = {=int} // 2 | {=bool} = not {=bool}
    {=int}, {=int} = {int}, {int} | {=opt} = {opt} | {=pair} = {pair} | {=rows}[0][0] = {int0} | pass
    {=set}.remove({int0}) | {=float} = {float} | {=int} = {list0}.pop() | {=list} = {=list}[1:]
    {=list} = {=list} if {bool} else {=list} | {=list} = {=list} or {=list} | {=list} = max({=list}, {=list})
    {=rows}[0] += {list} | {=rows}[-1].append({int}) | {=rows}[{int0}].pop() | {=rows}[0].extend({=rows}[-1])
    {=rows}.append({=list}) | {=list} = {=rows}[0] | {=rows} = {=rows}[:] | {=rows} = [{=list}] * 2
    {=rows}[0][0] += {int} | {=rows}[0].sort() | {=rows} = list({=rows}) | {=rows}.extend({=rows}) | {=rows} = [[]] * 2
    {=rows} = [[{int0}] * 2 for _ in range(2)] | {=rows}[1][0], {=rows}[0][0] = {=rows}[0][0], {=rows}[1][0]
    {=rows} = [r_ for r_ in {=rows}] | {=rows} = {=rows} + [{=list}] | {=list}.append({=list}.pop())
    {=list} += [{=list}.pop()] | {=dict}.update(«{int0}: {=dict}.pop({int0})») | {=set} = {=set} or {=set}
    {=list}.extend(len({=list}) for _ in range(2)) | {=list} += (x_ + len({=list}) for x_ in {list0})
    {=list}.sort(key=lambda x_: -x_ * len({=list})) | {=rows}[0].extend(len({=rows}[0]) for _ in (1, 2))
    {=list} = [{=list}.pop() for _ in {=list}] | {=int} = sum(1 for _ in {=list} if {=list}.pop())
    assert {bool}, f'«{int0}»' | assert {bool}, {=int} | raise KeyError({=int})
    {=set}.add({=set}.pop()) | {=list}[{int0}] += {=list}.pop() | {=list}[{=list}.pop()] = {int0} | {=dict} = {=dict} or «»
"""

LOOPS = """
    for {+int} in {list}: | for {+int} in range({int0}): | for {+int} in range({int0}, {int0}, 2):
    for {+int}, {+int} in enumerate({list}): | for {+int}, {+int} in zip({list}, {list}):
    for {+str} in {str}: | for {+str} in {words}: | for {+list} in {rows}: | for {+int} in reversed({list}):
    for {+int} in range(len({list0}) - 1, -1, -1): | for {+int}, {+int} in {dict}.items(): | for {+int} in {dict}:
    for {+int} in sorted({set}): | for {+int} in {list}[1:]: | for {+int} in range(1, len({list0})):
    for {+int} in (1, 2, 3): | while {=int} > 0: | while {=list}: | while {=int} < {int0}: | while True:
    for {+int} in {pair}: | for {+int} in (6 // x_ for x_ in {list}): | for {+int} in {rows}[0]:
    for {+int} in map(lambda x_: x_ // {int0}, {list}): | for {+int} in (x_ + len({=list}) for x_ in {list}):
    for {+int} in (x_ + {=int} for x_ in {list}): | for {+int}, {+int} in enumerate({rows}[-1]):
"""
_SHRINK = {"while {=int} > 0:": "{0} -= 1", "while {=list}:": "{0}.pop()",
           "while {=int} < {int0}:": "{0} += 1"}  # fmt: skip


def _forms(text: str) -> list[str]:
    return [form.strip() for line in text.strip().split("\n") for form in line.split(" | ")]


EXPRESSION_FORMS = {kind: _forms(text) for kind, text in EXPRESSIONS.items()}
STATEMENT_FORMS = _forms(STATEMENTS)
LOOP_FORMS = _forms(LOOPS)
_HOLE = re.compile(r"\{([=+]?)([a-z]+)(0?)\}")
_NEW = re.compile(r"\{\+([a-z]+)\}")
HELPER = (
    "def helper(a: int, b: int) -> int:\n    if a > b:\n        return a - b\n    return b % 7\n"
)


class Grammar:
    """One random program; the same seed gives the same program."""

    def __init__(self, rng: random.Random, kinds: tuple[str, ...] = tuple(PARAMETERS)) -> None:
        self.rng = rng
        self.kinds = kinds
        self.names: dict[str, list[str]] = {kind: [] for kind in PARAMETERS}
        self.made = 0

    def program(self) -> tuple[str, list[str]]:
        """The source of ``f`` and the kinds of its parameters."""
        rng = self.rng
        kinds = [rng.choice(self.kinds) for _ in range(rng.randint(1, 3))]
        kinds += rng.choices(["int", "list", "str"], k=1)
        for place, kind in enumerate(kinds):
            self.names[kind].append(f"p{place}")
        self.result = rng.choice(list(PARAMETERS))
        body = [line for _ in range(rng.randint(0, 3)) for line in self.statement("    ", 2)]
        body.append(f"    return {self.expr(self.result, 2)}")
        head = ", ".join(f"p{n}: {PARAMETERS[kind]}" for n, kind in enumerate(kinds))
        text = "\n".join([f"def f({head}) -> {PARAMETERS[self.result]}:", *body]) + "\n"
        helper = HELPER + "\n\n" if "helper(" in text else ""
        imports = ["import math"] if "math." in text else []
        imports += ["from typing import Optional"] if "Optional" in text else []
        return "\n".join([*imports, "", helper + text]).lstrip("\n"), kinds

    def expr(self, kind: str, depth: int) -> str:
        """An expression of a kind."""
        if depth <= 0 or self.rng.random() < 0.2:
            return self.leaf(kind)
        forms = [form for form in EXPRESSION_FORMS[kind] if self.assignable(form)]
        return self.fill(self.rng.choice(forms), depth - 1)

    def leaf(self, kind: str) -> str:
        """A name or a literal of a kind."""
        if self.names[kind] and self.rng.random() < 0.8:
            return self.rng.choice(self.names[kind])
        return self.rng.choice(LEAVES[kind])

    def fill(self, form: str, depth: int) -> str:
        """The template with its holes filled."""

        def hole(found: re.Match[str]) -> str:
            mark, kind, low = found.groups()
            if mark == "=":
                return self.rng.choice(self.names[kind])
            if mark == "+":
                return found.group()
            return self.leaf(kind) if low else self.expr(kind, depth)

        filled = _HOLE.sub(hole, form)  # new names come last: the rest of the line cannot know them
        filled = _NEW.sub(lambda found: self.bind(found[1]), filled)
        return filled.replace("«", "{").replace("»", "}")

    def bind(self, kind: str) -> str:
        """A new name of a kind."""
        self.made += 1
        self.names[kind].append(f"v{self.made}")
        return f"v{self.made}"

    def block(self, indent: str, depth: int) -> list[str]:
        """One to three statements; what they bind is mostly forgotten afterwards."""
        saved = {kind: list(names) for kind, names in self.names.items()}
        lines = [x for _ in range(self.rng.randint(1, 2)) for x in self.statement(indent, depth)]
        if self.rng.random() < 0.93:  # else they are read later, bound or not
            self.names = saved
        return lines

    def statement(self, indent: str, depth: int) -> list[str]:
        """One statement of any kind."""
        choice = self.rng.random()
        if depth > 0 and choice < 0.2:
            return self.branch(indent, depth)
        if depth > 0 and choice < 0.45:
            return self.loop(indent, depth)
        if depth > 0 and choice < 0.52:
            return self.attempt(indent, depth)
        if choice < 0.6:
            test = self.expr("bool", 1)
            return [f"{indent}if {test}:", f"{indent}    return {self.expr(self.result, 1)}"]
        forms = [f for f in STATEMENT_FORMS if self.assignable(f)]
        if choice < 0.85 and forms:
            return [indent + self.fill(self.rng.choice(forms), 1)]
        kind = self.rng.choice(list(PARAMETERS))
        value = self.expr(kind, 2)
        return [f"{indent}{self.bind(kind)} = {value}"]

    def assignable(self, form: str) -> bool:
        """Whether there are names for the template to change."""
        return all(self.names[kind] for kind in re.findall(r"\{=([a-z]+)\}", form))

    def branch(self, indent: str, depth: int) -> list[str]:
        """``if``, with or without ``elif`` and ``else``."""
        inner = indent + "    "
        lines = [f"{indent}if {self.expr('bool', 2)}:", *self.block(inner, depth - 1)]
        if self.rng.random() < 0.3:
            lines += [f"{indent}elif {self.expr('bool', 1)}:", *self.block(inner, depth - 1)]
        if self.rng.random() < 0.5:
            lines += [f"{indent}else:", *self.block(inner, depth - 1)]
        return lines

    def loop(self, indent: str, depth: int) -> list[str]:
        """A loop that ends, with or without break, continue and else."""
        rng, inner = self.rng, indent + "    "
        form = rng.choice([f for f in LOOP_FORMS if self.assignable(f)])
        saved = {kind: list(names) for kind, names in self.names.items()}
        head = self.fill(form, 1)
        first: list[str] = []
        if form.startswith("while"):
            name = head.split()[1].rstrip(":")
            if form == "while True:":
                self.made += 1
                name = f"v{self.made}"
                first = [f"{indent}{name} = 0"]
                head += f"\n{inner}{name} += 1\n{inner}if {name} > 3:\n{inner}    break"
            else:
                head += "\n" + inner + _SHRINK[form].format(name)
        body = self.block(inner, depth - 1)
        if rng.random() < 0.3:
            word = rng.choice(["break", "continue"])
            body += [f"{inner}if {self.expr('bool', 1)}:", f"{inner}    {word}"]
            body += self.block(inner, 0)
        self.names = saved
        tail = [f"{indent}else:", *self.block(inner, 0)] if rng.random() < 0.15 else []
        return [*first, indent + head, *body, *tail]

    def attempt(self, indent: str, depth: int) -> list[str]:
        """``try`` around a block."""
        inner = indent + "    "
        kind = self.rng.choice(
            ["IndexError", "KeyError", "ZeroDivisionError", "ValueError", "(IndexError, KeyError)",
             "Exception", "LookupError"]
        )  # fmt: skip
        lines = [f"{indent}try:", *self.block(inner, depth - 1), f"{indent}except {kind}:"]
        lines += self.block(inner, 0)
        if self.rng.random() < 0.2:
            lines += [f"{indent}else:", *self.block(inner, 0)]
        return lines
