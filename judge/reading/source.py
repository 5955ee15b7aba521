"""A candidate's text as a syntax tree with its entry point, or the sentence why not.

It looks at text only: size, encoding, nesting, syntax, the entry point and its agreement with the
task's signature. It does not run the code and does not ask whether the prover can read it.
"""

from __future__ import annotations

import ast
import io
import tokenize
import unicodedata
import warnings
from dataclasses import dataclass
from functools import lru_cache

MAX_BYTES = 262_144
"""Largest candidate that is read, in bytes of UTF-8; model answers are a hundred times smaller."""
MAX_NESTING = 90
"""Deepest nesting of brackets or blocks; CPython's own parser stops at 100 blocks."""
MAX_TREE_DEPTH = 220
"""Deepest syntax tree; visitors need about three Python frames for each level."""

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text: one sentence with the mend, and the line where there is one."""

    message: str
    line: int | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"Line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Function:
    """The shape of a function: parameter names with annotation texts (None when absent)."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]
    returns: str | None
    required: int
    """How many of the parameters have no default."""
    variadic: bool = False
    """Whether ``*args`` takes further positional arguments."""

    @property
    def signature(self) -> str:
        """``def f(x: int) -> int``, as a task states it."""
        inner = ", ".join(n if a is None else f"{n}: {a}" for n, a in self.parameters)
        arrow = "" if self.returns is None else f" -> {self.returns}"
        return f"def {self.name}({inner}){arrow}"


@dataclass(frozen=True, slots=True)
class Source:
    """Parsed code. ``function`` is None when the entry point is bound to something else."""

    tree: ast.Module
    function: Function | None
    functions: frozenset[str]
    classes: frozenset[str]


def parse(text: str, what: str = "code", limit: int = MAX_BYTES) -> ast.Module | Fault:
    """Parse Python text within the limits; any refusal is a ``Fault`` and never an exception."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        point = f"U+{ord(text[error.start]):04X}"
        return Fault(f"the {what} holds the lone surrogate {point}; save it as UTF-8.", line)
    if size > limit:
        return Fault(f"the {what} has {size:,} bytes; the judge reads at most {limit:,}.")
    if fault := _strange_characters(text, what) or _nesting(text, what):
        return fault
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        return Fault(f"the {what} does not parse: {error.msg}.", error.lineno)
    except (ValueError, RecursionError, MemoryError):
        return Fault(f"the {what} is nested too deeply for Python's own parser; flatten it.")
    depth, deepest = _depth(tree)
    if depth > MAX_TREE_DEPTH:
        return Fault(
            f"the {what} nests expressions {depth} deep; the judge reads at most "
            f"{MAX_TREE_DEPTH}. Split the expression.",
            deepest,
        )
    return tree


def _strange_characters(text: str, what: str) -> Fault | None:
    if (place := text.find("\0")) >= 0:
        line = text.count("\n", 0, place) + 1
        return Fault(f"the {what} holds a NUL character; remove it.", line)
    for number, row in enumerate(text.split("\n"), 1):
        if not row.isascii() and (hidden := _BIDI & set(row)):
            name = unicodedata.name(min(hidden))
            return Fault(
                f"the {what} holds the invisible character {name}, which makes text read "
                "differently from how it runs; remove it.",
                number,
            )
    return None


def _nesting(text: str, what: str) -> Fault | None:
    """Count brackets and blocks over tokens, before a recursive parser sees them."""
    most = max(sum(map(text.count, "([{")), text.count("\n") + text.count("\r") + 1)
    if most <= MAX_NESTING:
        return None  # there are not so many to be nested
    brackets = blocks = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.OP:
                brackets += (token.string in "([{") - (token.string in ")]}")
            elif token.type == tokenize.INDENT:
                blocks += 1
            elif token.type == tokenize.DEDENT:
                blocks -= 1
            if max(brackets, blocks) > MAX_NESTING:
                return Fault(
                    f"the {what} is nested more than {MAX_NESTING} deep; flatten it.",
                    token.start[0],
                )
    except (tokenize.TokenError, SyntaxError):
        return None  # the parser says what is wrong, better than the tokenizer does
    return None


def _depth(tree: ast.AST) -> tuple[int, int | None]:
    """Return the depth of the tree and the line of a deepest node, without recursion."""
    deepest, where = 0, None
    stack: list[tuple[ast.AST, int, int | None]] = [(tree, 1, None)]
    while stack:
        node, depth, line = stack.pop()
        line = getattr(node, "lineno", line)
        if depth > deepest:
            deepest, where = depth, line
        for name, value in ast.iter_fields(node):
            # A chain of elif is nested in the tree, but flat on the page.
            step = 0 if isinstance(node, ast.If) and name == "orelse" else 1
            children = value if isinstance(value, list) else [value]
            stack += [
                (child, depth + step, line) for child in children if isinstance(child, ast.AST)
            ]
    return deepest, where


def _annotation(node: ast.expr | None) -> str | None:
    if node is None:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def function_of(node: ast.FunctionDef) -> Function | Fault:
    """Return the shape of a definition; keyword-only parameters without default are a fault."""
    given = node.args
    missing = [
        arg.arg for arg, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if not value
    ]
    if missing:
        return Fault(
            f"`{node.name}` requires the keyword-only argument `{missing[0]}`; the judge calls "
            "with positional arguments, so remove the `*`.",
            node.lineno,
        )
    names = [*given.posonlyargs, *given.args]
    return Function(
        node.name,
        tuple((arg.arg, _annotation(arg.annotation)) for arg in names),
        _annotation(node.returns),
        len(names) - len(given.defaults),
        given.vararg is not None,
    )


@lru_cache(maxsize=256)  # asked several times for each candidate of a task
def signature_of(text: str) -> Function | Fault:
    """Read ``def f(x: int) -> int`` as a task states it, with or without colon and body."""
    stripped = text.strip()
    for tail in ("", " ...", ": ..."):
        tree = parse(stripped + tail, "signature", 8_192)
        if isinstance(tree, ast.Module):
            if len(tree.body) == 1 and isinstance(tree.body[0], ast.FunctionDef):
                return function_of(tree.body[0])
            break
    return Fault(f"the signature `{text[:120]}` is not of the form `def f(x: int) -> int`.")


def read_source(code: str, entry_point: str, signature: str | None = None) -> Source | Fault:
    """Parse ``code`` and find its entry point; compare it with ``signature`` where given."""
    if not code.strip():
        return Fault("there is no code; give the source of the function.")
    if not entry_point.isidentifier():
        return Fault(f"the entry point {entry_point!r} is not a function name.")
    tree = parse(code)
    if isinstance(tree, Fault):
        return tree
    name = unicodedata.normalize("NFKC", entry_point)
    bound = _bindings(tree)
    if name not in bound:
        return _no_entry_point(name, bound)
    node = bound[name]
    if isinstance(node, ast.AsyncFunctionDef):
        return Fault(
            f"`{name}` is async; the judge calls it plainly, so drop `async`.", node.lineno
        )
    function: Function | None = None
    if isinstance(node, ast.FunctionDef):
        shape = function_of(node)
        if isinstance(shape, Fault):
            return shape
        function = shape
        if signature is not None and (fault := _disagreement(shape, node.lineno, signature)):
            return fault
    kinds = bound.items()
    return Source(
        tree,
        function,
        frozenset(n for n, d in kinds if isinstance(d, ast.FunctionDef)),
        frozenset(n for n, d in kinds if isinstance(d, ast.ClassDef)),
    )


def _bindings(tree: ast.Module) -> dict[str, ast.stmt]:
    """Return what each module-level name is bound by; the last binding counts."""
    found: dict[str, ast.stmt] = {}
    queue: list[ast.stmt] = list(tree.body)
    while queue:
        node = queue.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update({t.id: node for t in targets if isinstance(t, ast.Name)})
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update({(a.asname or a.name).split(".")[0]: node for a in node.names})
        else:
            for block in ("body", "orelse", "finalbody"):
                queue.extend(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                queue.extend(handler.body)
    return found


def _no_entry_point(name: str, bound: dict[str, ast.stmt]) -> Fault:
    functions = [
        n for n, d in bound.items() if isinstance(d, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for other in functions:
        odd = [c for c in other if not c.isascii()]
        if odd and len(other) == len(name):
            spelled = unicodedata.name(odd[0], f"U+{ord(odd[0]):04X}")
            return Fault(
                f"the code defines `{other}`, written with {spelled}, not `{name}`; "
                "type the name in plain letters.",
                bound[other].lineno,
            )
    known = ", ".join(f"`{n}`" for n in functions[:5]) or "no function"
    return Fault(f"the code does not define `{name}`; it defines {known}.")


_ALIASES = {
    "List": "list", "Dict": "dict", "Set": "set", "Tuple": "tuple", "FrozenSet": "frozenset",
    "Sequence": "list", "Iterable": "list", "Collection": "list", "MutableSequence": "list",
    "Mapping": "dict", "MutableMapping": "dict", "Type": "type",
}  # fmt: skip


def _plain(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _agree(mine: ast.expr | None, theirs: ast.expr | None) -> bool:
    """Whether two annotations can mean the same values; in doubt they can."""
    if mine is None or theirs is None:
        return True
    left, right = _members(mine), _members(theirs)
    if "Any" in left or "Any" in right or "object" in left | right:
        return True
    known = {"int", "bool", "float", "str", "list", "dict", "set", "tuple", "None", "bytes"}
    if not (left <= known and right <= known) or left == right:
        return _arguments_agree(mine, theirs) if left == right else True
    return False


def _members(node: ast.expr) -> set[str]:
    """Return the outermost type names of an annotation: ``Optional[int]`` is ``{int, None}``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _members(node.left) | _members(node.right)
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            inner = _plain(node.value)
            return {"Any"} if inner is None else _members(inner)
        return {str(node.value)}
    head = node.value if isinstance(node, ast.Subscript) else node
    name = head.attr if isinstance(head, ast.Attribute) else getattr(head, "id", "Any")
    if isinstance(node, ast.Subscript) and name in ("Optional", "Union"):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        inner_names = set().union(*(_members(item) for item in items))
        return inner_names | {"None"} if name == "Optional" else inner_names
    return {_ALIASES.get(name, name)}


def _arguments_agree(mine: ast.expr, theirs: ast.expr) -> bool:
    if not (isinstance(mine, ast.Subscript) and isinstance(theirs, ast.Subscript)):
        return True
    left = mine.slice.elts if isinstance(mine.slice, ast.Tuple) else [mine.slice]
    right = theirs.slice.elts if isinstance(theirs.slice, ast.Tuple) else [theirs.slice]
    if len(left) != len(right):
        return True
    return all(_agree(a, b) for a, b in zip(left, right, strict=True))


def _arguments(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _disagreement(shape: Function, line: int, signature: str) -> Fault | None:
    """Say how the code's parameters differ from the task's, or None when they agree."""
    asked = signature_of(signature)
    if isinstance(asked, Fault):
        return asked
    wanted = len(asked.parameters)
    if shape.required > wanted or (len(shape.parameters) < wanted and not shape.variadic):
        return Fault(
            f"`{shape.name}` takes {_arguments(len(shape.parameters))} and the task gives "
            f"{wanted}: write `{asked.signature}`.",
            line,
        )
    for place, (mine, theirs) in enumerate(
        zip(shape.parameters, asked.parameters, strict=False), 1
    ):
        # Another name is a matter of taste, because calls are positional; a name that the task
        # gives to another place says that the author read the arguments in another order.
        if mine[0] != theirs[0] and mine[0] in {name for name, _ in asked.parameters}:
            return Fault(
                f"parameter {place} is called `{mine[0]}` and the task calls it `{theirs[0]}`: "
                f"write `{asked.signature}`.",
                line,
            )
        if mine[1] and theirs[1] and not _agree(_plain(mine[1]), _plain(theirs[1])):
            return Fault(
                f"parameter `{mine[0]}` is annotated `{mine[1]}` and the task says "
                f"`{theirs[1]}`: write `{asked.signature}`.",
                line,
            )
    return None
