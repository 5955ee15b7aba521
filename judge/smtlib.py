"""A strict reader and re-printer for obligations in SMT-LIB 2.

An obligation from a stranger is a program: solvers obey options that write files, stop silently at
a NUL byte, and disagree about ``push``, ``echo`` and ``check-sat-assuming``. So nothing reaches a
solver but what this reader understood, printed again by this printer: one ``set-logic``, then
declarations, definitions and assertions, then one final ``check-sat``, over an allow-list of
theory words. It is not a type checker (the solvers are) and not a general SMT-LIB parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from judge.sexpr import Limits, Node, SmtError, forms, print_node
from judge.smtlib_words import (
    INDEXED,
    LOGICS,
    RESERVED,
    SORT_CONSTRUCTORS,
    SORTS,
    THEORY,
)

__all__ = ["LIMITS", "Limits", "Node", "Script", "SmtError", "print_node", "read"]

LIMITS = Limits()
_NOT_ALLOWED = re.compile(r"[^\t\n\x20-\x7e]")
_SYMBOL = re.compile(r"[A-Za-z~!$%^&*_+=<>?/-][0-9A-Za-z~!@$%^&*_+=<>.?/-]*")
_USER_SYMBOL = re.compile(r"[a-z][0-9]*\.[0-9A-Za-z_.!$~'-]+")
_CONSTANT = re.compile(r'(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|#x[0-9A-Fa-f]+|#b[01]+|".*"', re.DOTALL)
_NUMERAL = re.compile(r"0|[1-9][0-9]{0,8}")
_BITVECTOR = re.compile(r"bv(?:0|[1-9][0-9]*)")
_ATTRIBUTES = {":pattern", ":no-pattern", ":weight", ":qid"}


@dataclass(frozen=True, slots=True)
class Script:
    """An obligation that passed the grammar: its logic, commands and declared symbols."""

    logic: str
    commands: tuple[tuple[Node, ...], ...]
    symbols: tuple[str, ...]
    quantified: bool
    constant_arrays: bool

    @property
    def assertions(self) -> tuple[Node, ...]:
        """The asserted terms, in order."""
        return tuple(command[1] for command in self.commands if command[0] == "assert")

    @property
    def declarations(self) -> tuple[tuple[Node, ...], ...]:
        """The declarations and definitions, in order."""
        outside = ("assert", "set-logic", "check-sat")
        return tuple(command for command in self.commands if command[0] not in outside)

    def text(self) -> str:
        """Print the script again, one command a line; the only text that a solver is given."""
        return "".join(print_node(command) + "\n" for command in self.commands)


def read(text: str | bytes, limits: Limits = LIMITS) -> Script:
    """Read one obligation; raise ``SmtError`` for anything outside the grammar."""
    if len(text) > limits.bytes:
        raise SmtError(f"the obligation is larger than {limits.bytes} bytes")
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    bad = _NOT_ALLOWED.search(text)
    if bad is not None:
        line = text.count("\n", 0, bad.start()) + 1
        raise SmtError(f"line {line}: character {bad.group()!a} is not printable ASCII")
    return _Reader(limits).read(text)


class _Reader:
    """Check the commands one after the other; knows what has been declared so far."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.functions: dict[str, int] = {}
        self.sorts: dict[str, int] = {}
        self.constructors: set[str] = set()
        self.quantified = False
        self.constant_arrays = False

    def read(self, text: str) -> Script:
        commands: list[tuple[Node, ...]] = []
        finished = False
        logic = ""
        for line, form in forms(text, self.limits):
            try:
                if not isinstance(form, tuple) or not form or not isinstance(form[0], str):
                    raise SmtError("a command begins with a word")
                if finished:
                    raise SmtError("nothing may follow check-sat")
                if not commands:
                    logic = self._logic(form)
                elif form == ("check-sat",):
                    finished = True
                else:
                    self._command(form)
            except SmtError as error:
                raise SmtError(f"line {line}: {error}") from None
            commands.append(form)
        if not finished:
            raise SmtError("the obligation does not end with (check-sat)")
        return Script(
            logic, tuple(commands), tuple(self.functions), self.quantified, self.constant_arrays
        )

    def _logic(self, form: tuple[Node, ...]) -> str:
        if len(form) != 2 or form[0] != "set-logic" or form[1] not in LOGICS:
            raise SmtError("the first command must be set-logic with a known logic")
        assert isinstance(form[1], str)
        return form[1]

    def _command(self, form: tuple[Node, ...]) -> None:
        name = form[0]
        if name == "assert" and len(form) == 2:
            self._term(form[1], frozenset())
        elif name == "declare-const" and len(form) == 3:
            self._sort(form[2])
            self._declare(form[1], 0)
        elif name == "declare-fun" and len(form) == 4:
            arguments = _list(form[2], "argument sorts")
            for sort in (*arguments, form[3]):
                self._sort(sort)
            self._declare(form[1], len(arguments))
        elif name == "declare-sort" and len(form) == 3:
            if form[2] != "0":
                raise SmtError("declare-sort takes no parameters here")
            self._declare_sort(form[1])
        elif name == "declare-datatypes" and len(form) == 3:
            self._datatypes(_list(form[1], "sorts"), _list(form[2], "constructors"))
        elif name == "define-fun" and len(form) == 5:
            self._define(form)
        else:
            known = name if len(str(name)) < 40 else str(name)[:40] + "..."
            raise SmtError(f"({known} ...) is not a command that an obligation may use")

    def _new_name(self, node: Node) -> str:
        if not isinstance(node, str) or not _USER_SYMBOL.fullmatch(node):
            raise SmtError(f"{_short(node)} cannot be declared; names look like v.x")
        if node in THEORY or node in INDEXED or node in self.functions or node in self.sorts:
            raise SmtError(f"{node} is declared twice or belongs to a theory")
        return node

    def _declare(self, node: Node, arity: int) -> None:
        self.functions[self._new_name(node)] = arity

    def _declare_sort(self, node: Node) -> None:
        self.sorts[self._new_name(node)] = 0

    def _define(self, form: tuple[Node, ...]) -> None:
        parameters = _list(form[2], "parameters")
        names = self._binders(parameters)
        self._sort(form[3])
        self._term(form[4], names)
        # Declared only now: the body cannot call what it defines.
        self._declare(form[1], len(parameters))

    def _datatypes(self, sorts: tuple[Node, ...], bodies: tuple[Node, ...]) -> None:
        if not sorts or len(sorts) != len(bodies):
            raise SmtError("declare-datatypes needs as many constructor lists as sorts")
        for sort in sorts:
            pair = _list(sort, "a sort and its arity")
            if len(pair) != 2 or pair[1] != "0":
                raise SmtError("a datatype takes no parameters here")
            self._declare_sort(pair[0])
        for body in bodies:
            for constructor in _list(body, "constructors"):
                self._constructor(_list(constructor, "a constructor"))

    def _constructor(self, parts: tuple[Node, ...]) -> None:
        if not parts:
            raise SmtError("a constructor needs a name")
        self._declare(parts[0], len(parts) - 1)
        self.constructors.add(str(parts[0]))
        for selector in parts[1:]:
            pair = _list(selector, "a selector")
            if len(pair) != 2:
                raise SmtError("a selector is a name and a sort")
            self._sort(pair[1])
            self._declare(pair[0], 1)

    def _sort(self, node: Node) -> None:
        pending = [node]
        while pending:
            sort = pending.pop()
            if isinstance(sort, str):
                if sort not in SORTS and sort not in self.sorts:
                    raise SmtError(f"{_short(sort)} is not a known sort")
            elif sort[:1] == ("_",) and sort[1:2] in (("BitVec",), ("FloatingPoint",)):
                self._indexed(sort)
            elif sort and isinstance(sort[0], str) and sort[0] in SORT_CONSTRUCTORS:
                if len(sort) != SORT_CONSTRUCTORS[sort[0]] + 1:
                    raise SmtError(f"sort {sort[0]} has the wrong number of arguments")
                pending.extend(sort[1:])
            else:
                raise SmtError(f"{_short(sort)} is not a known sort")

    def _binders(self, parameters: tuple[Node, ...]) -> frozenset[str]:
        names: set[str] = set()
        for parameter in parameters:
            pair = _list(parameter, "a variable and its sort")
            if len(pair) != 2:
                raise SmtError("a variable is a name and a sort")
            self._sort(pair[1])
            names.add(self._bound(pair[0], names))
        return frozenset(names)

    def _bound(self, node: Node, others: set[str]) -> str:
        if not isinstance(node, str) or not _SYMBOL.fullmatch(node):
            raise SmtError(f"{_short(node)} cannot name a variable")
        if node in THEORY or node in RESERVED or node in INDEXED or node in self.constructors:
            raise SmtError(f"{node} is taken and cannot name a variable")
        if node in others:
            raise SmtError(f"{node} is bound twice at once")
        return node

    def _term(self, node: Node, scope: frozenset[str]) -> None:
        pending: list[tuple[Node, frozenset[str]]] = [(node, scope)]
        while pending:
            term, names = pending.pop()
            if isinstance(term, str):
                self._atom(term, names)
            elif not term:
                raise SmtError("() is not a term")
            elif term[0] in ("let", "forall", "exists", "!", "_", "as"):
                pending.extend(self._special(term, names))
            else:
                self._head(term, names)
                pending.extend((argument, names) for argument in term[1:])

    def _atom(self, atom: str, names: frozenset[str]) -> None:
        if atom in names or atom in THEORY or _CONSTANT.fullmatch(atom):
            return
        if self.functions.get(atom) != 0:
            what = "takes arguments" if atom in self.functions else "is not declared"
            raise SmtError(f"{_short(atom)} {what}")

    def _head(self, term: tuple[Node, ...], names: frozenset[str]) -> None:
        head = term[0]
        if len(term) == 1:
            raise SmtError(f"({_short(head)}) has no arguments")
        if isinstance(head, tuple):
            if head[:1] == ("_",):
                self._indexed(head)
            elif head[:1] == ("as",) and len(head) == 3:
                self._qualified(head)
            else:
                raise SmtError(f"{_short(head)} cannot be applied")
        elif head in names or (head not in THEORY and head not in self.functions):
            raise SmtError(f"{_short(head)} is not a known function")
        elif head in self.functions and self.functions[head] != len(term) - 1:
            raise SmtError(f"{head} takes {self.functions[head]} arguments, not {len(term) - 1}")

    def _special(
        self, term: tuple[Node, ...], names: frozenset[str]
    ) -> list[tuple[Node, frozenset[str]]]:
        word = term[0]
        if word == "_":
            self._indexed(term)
            return []
        if word == "as":
            self._qualified(term)
            return []
        if word == "!":
            return self._annotated(term, names)
        if len(term) != 3:
            raise SmtError(f"{word} takes bindings and one body")
        bindings = _list(term[1], "bindings")
        if not bindings:
            raise SmtError(f"{word} binds nothing")
        if word == "let":
            return self._let(bindings, term[2], names)
        self.quantified = True
        return [(term[2], names | self._binders(bindings))]

    def _let(
        self, bindings: tuple[Node, ...], body: Node, names: frozenset[str]
    ) -> list[tuple[Node, frozenset[str]]]:
        bound: set[str] = set()
        inside: list[tuple[Node, frozenset[str]]] = []
        for binding in bindings:
            pair = _list(binding, "a binding")
            if len(pair) != 2:
                raise SmtError("let binds a name to one term")
            bound.add(self._bound(pair[0], bound))
            inside.append((pair[1], names))
        inside.append((body, names | bound))
        return inside

    def _annotated(
        self, term: tuple[Node, ...], names: frozenset[str]
    ) -> list[tuple[Node, frozenset[str]]]:
        if len(term) < 4 or len(term) % 2:
            raise SmtError("! takes a term and attributes with values")
        inside: list[tuple[Node, frozenset[str]]] = [(term[1], names)]
        for key, value in zip(term[2::2], term[3::2], strict=True):
            if key not in _ATTRIBUTES:
                raise SmtError(f"attribute {_short(key)} is not allowed")
            if key == ":pattern":
                inside.extend((part, names) for part in _list(value, "a pattern"))
            elif key == ":no-pattern":
                inside.append((value, names))
            elif not isinstance(value, str) or value.startswith(('"', ":")):
                raise SmtError(f"attribute {key} has a strange value")
        return inside

    def _indexed(self, node: tuple[Node, ...]) -> None:
        name = node[1] if len(node) > 2 else None
        if not isinstance(name, str):
            raise SmtError(f"{_short(node)} is not an indexed identifier")
        indices = node[2:]
        if name == "is":
            if len(indices) != 1 or indices[0] not in self.constructors:
                raise SmtError("(_ is ...) needs a declared constructor")
        elif name == "char":
            if len(indices) != 1 or not re.fullmatch(r"#x[0-9A-Fa-f]{1,5}", str(indices[0])):
                raise SmtError("(_ char ...) needs a hexadecimal code point")
        elif not (_BITVECTOR.fullmatch(name) and len(indices) == 1) and (
            INDEXED.get(name) != len(indices)
        ):
            raise SmtError(f"{_short(node)} is not an indexed identifier that is allowed")
        elif not all(isinstance(i, str) and _NUMERAL.fullmatch(i) for i in indices):
            raise SmtError(f"the indices of {name} are not small numerals")

    def _qualified(self, node: tuple[Node, ...]) -> None:
        if len(node) != 3 or not (
            node[1] in ("seq.empty", "const") or node[1] in self.constructors
        ):
            raise SmtError(f"{_short(node)} is not allowed")
        self.constant_arrays = self.constant_arrays or node[1] == "const"
        self._sort(node[2])


def _list(node: Node, what: str) -> tuple[Node, ...]:
    if not isinstance(node, tuple):
        raise SmtError(f"expected a list of {what}, found {_short(node)}")
    return node


def _short(node: Node) -> str:
    text = print_node(node)
    return text if len(text) <= 60 else text[:57] + "..."
