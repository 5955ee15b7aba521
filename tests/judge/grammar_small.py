"""Random programs of a small grammar: integers, strings and lists, with their operators."""

from __future__ import annotations

import random

KINDS = {"int": "int", "bool": "bool", "str": "str", "list": "list[int]"}


class Generator:
    """Random typed expressions and statements."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names: dict[str, list[str]] = {k: [] for k in KINDS}
        self.fresh = 0
        self.loops = 0

    def pick(self, kind: str) -> str:
        return self.rng.choice(self.names[kind])

    def expr(self, kind: str, depth: int) -> str:
        if depth <= 0 or self.rng.random() < 0.15:
            return self.leaf(kind)
        return str(getattr(self, f"_{kind}")(depth - 1))

    def leaf(self, kind: str) -> str:
        if self.names[kind] and self.rng.random() < 0.75:
            return self.pick(kind)
        if kind == "int":
            return str(self.rng.choice([0, 1, 2, 3, 5, -1, -2, -7, 10]))
        if kind == "bool":
            return self.rng.choice(["True", "False"])
        if kind == "str":
            return repr(self.rng.choice(["", "a", "ab", "b", "aba"]))
        return self.rng.choice(["[]", "[1]", "[2, -1, 3]", "[0, 0]"])

    def _int(self, d: int) -> str:
        e, r = self.expr, self.rng
        forms = [
            lambda: f"({e('int', d)} {r.choice(['+', '-', '*'])} {e('int', d)})",
            lambda: f"({e('int', d)} {r.choice(['//', '%'])} {e('int', d)})",
            lambda: f"({e('int', d)} {r.choice(['//', '%'])} {r.choice([2, 3, -2, -3, 7])})",
            lambda: f"(-{e('int', d)})",
            lambda: f"abs({e('int', d)})",
            lambda: f"{r.choice(['min', 'max'])}({e('int', d)}, {e('int', d)})",
            lambda: f"({e('int', d)} if {e('bool', d)} else {e('int', d)})",
            lambda: f"len({e(r.choice(['str', 'list']), d)})",
            lambda: f"sum({e('list', d)})",
            lambda: f"{r.choice(['min', 'max'])}({e('list', d)})",
            lambda: f"{e('list', d)}[{e('int', 0)}]",
            lambda: f"({e('int', d)} {r.choice(['and', 'or'])} {e('int', d)})",
            lambda: f"({e('int', d)} + {e('bool', d)})",
            lambda: f"sum(x_ * 2 for x_ in {e('list', d)} if x_ > {e('int', 0)})",
            lambda: f"len([x_ for x_ in {e('list', d)} if x_ % 2 == 0])",
            lambda: f"{e('list', d)}.count({e('int', 0)})",
            lambda: f"{e('str', d)}.count('a')",
            lambda: f"({e('int', d)} ** {r.choice([0, 1, 2, 3])})",
            lambda: f"divmod({e('int', d)}, {r.choice([2, -3, 5])})[{r.choice([0, 1])}]",
            lambda: f"({e('int', d)} {r.choice(['<<', '>>'])} {r.choice([0, 1, 3])})",
            lambda: f"({e('int', d)} {r.choice(['&', '|', '^'])} {r.choice([0, 1, 3, 7])})",
            lambda: f"(~{e('int', d)})",
            lambda: f"max({e('list', d)}, default={e('int', 0)})",
            lambda: f"int({e('bool', d)})",
        ]
        return str(r.choice(forms)())

    def _bool(self, d: int) -> str:
        e, r = self.expr, self.rng
        ops = ["<", "<=", ">", ">=", "==", "!="]
        forms = [
            lambda: f"({e('int', d)} {r.choice(ops)} {e('int', d)})",
            lambda: f"({e('int', 0)} {r.choice(ops)} {e('int', d)} {r.choice(ops)} {e('int', 0)})",
            lambda: f"(not {e(r.choice(list(KINDS)), d)})",
            lambda: f"({e('bool', d)} {r.choice(['and', 'or'])} {e('bool', d)})",
            lambda: f"({e('int', d)} {r.choice(['in', 'not in'])} {e('list', d)})",
            lambda: f"({e('str', d)} {r.choice(ops)} {e('str', d)})",
            lambda: f"({e('list', d)} {r.choice(['==', '!='])} {e('list', d)})",
            lambda: f"({e('str', 0)} in {e('str', d)})",
            lambda: f"all(x_ > {e('int', 0)} for x_ in {e('list', d)})",
            lambda: f"any(x_ == {e('int', 0)} for x_ in {e('list', d)})",
            lambda: f"{e('str', d)}.{r.choice(['startswith', 'endswith'])}({e('str', 0)})",
            lambda: f"({e('bool', d)} == {e('int', d)})",
            lambda: f"bool({e(r.choice(list(KINDS)), d)})",
            lambda: f"({e('int', 0)} in range({e('int', 0)}, {e('int', 0)}, {r.choice([1, -3])}))",
        ]
        return str(r.choice(forms)())

    def _str(self, d: int) -> str:
        e, r = self.expr, self.rng
        forms = [
            lambda: f"({e('str', d)} + {e('str', d)})",
            lambda: f"{e('str', d)}[{self.slice(d)}]",
            lambda: f"{e('str', d)}[::-1]",
            lambda: f"({e('str', d)} * {r.choice([-1, 0, 1, 2])})",
            lambda: f"({e('str', d)} if {e('bool', d)} else {e('str', d)})",
            lambda: f"({e('str', d)} or {e('str', d)})",
            lambda: f"{e('str', d)}[{e('int', 0)}]",
        ]
        return str(r.choice(forms)())

    def _list(self, d: int) -> str:
        e, r = self.expr, self.rng
        forms = [
            lambda: f"({e('list', d)} + {e('list', d)})",
            lambda: f"{e('list', d)}[{self.slice(d)}]",
            lambda: f"{e('list', d)}[::{r.choice([-1, 2])}]",
            lambda: f"[x_ + {e('int', 0)} for x_ in {e('list', d)}]",
            lambda: (
                f"[x_ for x_ in {e('list', d)} if x_ {r.choice(['<', '>', '!='])} {e('int', 0)}]"
            ),
            lambda: f"[{e('int', d)}, {e('int', d)}]",
            lambda: f"sorted({e('list', 0)})",
            lambda: f"list(reversed({e('list', d)}))",
            lambda: f"[a_ - b_ for a_, b_ in zip({e('list', d)}, {e('list', d)})]",
            lambda: f"[i_ * x_ for i_, x_ in enumerate({e('list', d)})]",
            lambda: f"([{e('int', 0)}] * {r.choice([-1, 0, 1, 2])})",
            lambda: f"list(range({e('int', 0)}, {e('int', 0)}, {r.choice([1, 2, -1])}))",
        ]
        return str(r.choice(forms)())

    def slice(self, d: int) -> str:
        lo = self.expr("int", 0) if self.rng.random() < 0.7 else ""
        hi = self.expr("int", 0) if self.rng.random() < 0.7 else ""
        return f"{lo}:{hi}"

    def statements(self, indent: str, depth: int) -> list[str]:
        lines: list[str] = []
        saved = {k: list(v) for k, v in self.names.items()}
        for _ in range(self.rng.randint(1, 3)):
            lines += self.statement(indent, depth)
        if depth < 2:
            self.names = saved
        return lines

    def statement(self, indent: str, depth: int) -> list[str]:
        r = self.rng
        kind = r.choice(["int", "int", "bool", "str", "list"])
        choice = r.random()
        if depth > 0 and choice < 0.25:
            lines = [f"{indent}if {self.expr('bool', 2)}:"]
            lines += self.statements(indent + "    ", depth - 1)
            if r.random() < 0.6:
                lines += [f"{indent}else:", *self.statements(indent + "    ", depth - 1)]
            return lines
        if depth > 0 and choice < 0.4 and self.loops < 1:
            return self.loop(indent, depth)
        if choice < 0.55 and self.names["list"]:
            name = self.pick("list")
            return [
                r.choice(
                    [
                        f"{indent}{name} = {name} + [{self.expr('int', 1)}]",
                        f"{indent}{name} = {name}[1:]",
                    ]
                )
            ]
        if choice < 0.62:
            return [f"{indent}if {self.expr('bool', 1)}:", f"{indent}    return {self.result()}"]
        if choice < 0.75 and self.names[kind]:
            return [f"{indent}{self.pick(kind)} = {self.expr(kind, 2)}"]
        value = self.expr(kind, 2)
        self.fresh += 1
        name = f"v{self.fresh}"
        self.names[kind].append(name)
        return [f"{indent}{name} = {value}"]

    def loop(self, indent: str, depth: int) -> list[str]:
        self.loops += 1
        self.fresh += 1
        name = f"t{self.fresh}"
        head = self.rng.choice(
            [
                f"for {name} in {self.expr('list', 1)}:",
                f"for {name} in range({self.expr('int', 0)}, {self.rng.choice([2, 3, 4])}):",
            ]
        )
        saved = {k: list(v) for k, v in self.names.items()}
        self.names["int"].append(name)
        body = self.statements(indent + "    ", depth - 1)
        if self.rng.random() < 0.3:
            word = self.rng.choice(["break", "continue"])
            body += [f"{indent}    if {self.expr('bool', 1)}:", f"{indent}        {word}"]
            body += [f"{indent}    {n} = {self.expr('int', 1)}" for n in saved["int"][:1]]
        self.names = saved
        return [f"{indent}{head}", *body]

    def result(self) -> str:
        return self.expr(self.kind, 2)

    def program(self) -> tuple[str, list[str]]:
        kinds = [self.rng.choice(list(KINDS)) for _ in range(self.rng.randint(1, 3))]
        self.kind = self.rng.choice(list(KINDS))
        for n, kind in enumerate(kinds):
            self.names[kind].append(f"p{n}")
        params = ", ".join(f"p{n}: {KINDS[k]}" for n, k in enumerate(kinds))
        lines = [f"def f({params}) -> {KINDS[self.kind]}:"]
        for _ in range(self.rng.randint(0, 3)):
            lines += self.statement("    ", 2)
        lines.append(f"    return {self.result()}")
        return "\n".join(lines) + "\n", kinds

    def argument(self, kind: str) -> object:
        r = self.rng
        if kind == "int":
            return r.choice([0, 1, 2, 3, -1, -2, -7, 5, 12])
        if kind == "bool":
            return r.random() < 0.5
        if kind == "str":
            return "".join(r.choice("abA") for _ in range(r.randint(0, 4)))
        return [r.choice([0, 1, 2, -1, 3, -4]) for _ in range(r.randint(0, 4))]
