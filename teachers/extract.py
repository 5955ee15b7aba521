"""Code out of a reply, or the reason why there is none.

Replies hold prose, fences with and without a language, several fences, fences that were cut, code
without any fence, methods in a class wrapper, bodies without their signature. The parser decides
what is code: a piece counts when Python parses it and it defines the entry point. Nothing is run.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+.#-]*)[^\n`]*$", re.MULTILINE)
_LANGUAGES = {"", "python", "py", "python3", "python2", "py3", "pycon", "code"}
_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_END_TOKENS = re.compile(r"<\|?/?(?:im_end|endoftext|end_of_turn|eot_id|s|end|EOT|step)\|?>")
_LABEL = re.compile(r"^[ \t]*python3?:?[ \t]+(?=(?:async )?def |class )", re.MULTILINE | re.I)
"""A language's name on the line of the code itself."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """``code`` parses and defines the entry point; else it is None and ``reason`` says why."""

    code: str | None
    reason: str = ""


def extract_code(text: str, entry_point: str, signature: str | None = None) -> Extraction:
    """Return the code in ``text`` that defines ``entry_point``, with what it needs around it.

    With ``signature`` ("def f(x: int) -> int") a reply that only continues the body is completed.
    """
    if not text.strip():
        return Extraction(None, "the reply is empty")
    text = _END_TOKENS.sub("", _THINKING.sub("", text)).replace("\r\n", "\n")
    text = _LABEL.sub("", text)
    pieces = list(_fenced(text))
    codes = [piece.code for piece in pieces]
    for joined in _combinations(codes):
        code = _usable(joined, entry_point)
        if code is not None:
            if len(codes) > 1 and _needs(code) & _defined(codes):
                code = _usable(_together(codes), entry_point) or code
            return Extraction(code)
    code = _loose(text, entry_point)
    if code is not None:
        return Extraction(code)
    if signature is not None:
        for body in [piece.code for piece in pieces] or [text]:
            code = _completed(signature, body, entry_point)
            if code is not None:
                return Extraction(code)
    return Extraction(None, _reason(text, pieces, entry_point))


@dataclass(frozen=True, slots=True)
class _Piece:
    code: str
    closed: bool


def _fenced(text: str) -> Iterator[_Piece]:
    """Yield what stands between fences; a fence that never closes runs to the end."""
    position = 0
    while (opening := _FENCE.search(text, position)) is not None:
        start = opening.end() + 1
        closing = None
        for candidate in _FENCE.finditer(text, start):
            if candidate.group(1)[0] == opening.group(1)[0] and not candidate.group(2):
                closing = candidate
                break
        end = len(text) if closing is None else closing.start()
        if opening.group(2).lower() in _LANGUAGES:
            yield _Piece(text[start:end], closing is not None)
        position = len(text) if closing is None else closing.end()


def _combinations(codes: list[str]) -> Iterator[str]:
    """Yield single pieces, the last first (it is the corrected one), then all of them together."""
    yield from reversed(codes)
    if len(codes) > 1:
        yield _together(codes)


def _together(codes: list[str]) -> str:
    return "\n\n".join(textwrap.dedent(code).strip("\n") for code in codes)


def _needs(code: str) -> set[str]:
    """Return the names that ``code`` uses and nowhere binds."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return used - bound


def _defined(codes: list[str]) -> set[str]:
    """Return the names that any of ``codes`` binds at its top level."""
    trees = [tree for code in codes if (tree := _parse(textwrap.dedent(code))) is not None]
    return {name for tree in trees for statement in tree.body for name in _names(statement)}


def _usable(code: str, entry_point: str) -> str | None:
    """Return ``code`` trimmed to its definitions when it parses and defines the entry point."""
    for attempt in _repairs(code):
        tree = _parse(attempt)
        if tree is not None:
            found = _with_entry(attempt, tree, entry_point)
            if found is not None:
                return found
    return None


def _repairs(code: str) -> Iterator[str]:
    code = code.strip("\n")
    yield code
    dedented = textwrap.dedent(code)
    if dedented != code:
        yield dedented
    prompts = re.sub(r"^(>>>|\.\.\.) ?", "", dedented, flags=re.MULTILINE)
    if prompts != dedented:
        yield prompts
    lines = dedented.split("\n")
    first = next((i for i, line in enumerate(lines) if _starts_code(line)), None)
    if first is None:
        return
    if first > 0 and lines[0].strip() and lines[0][:1] not in " \t":
        yield textwrap.dedent("\n".join(lines[first:]))
    # Prose or a cut-off example after the code: keep the longest beginning that parses.
    rest = lines[first:]
    for last in range(len(rest) - 1, 0, -1):
        shorter = "\n".join(rest[:last])
        if _parse(shorter) is not None:
            yield shorter
            return


def _starts_code(line: str) -> bool:
    return bool(re.match(r"\s*(def |async def |class |import |from \w+ import |@\w)", line))


def _parse(code: str) -> ast.Module | None:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in a stranger's string
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _with_entry(code: str, tree: ast.Module, entry_point: str) -> str | None:
    """Keep definitions, imports and plain assignments; drop the main guard, tests and prints."""
    kept: list[ast.stmt] = []
    defined = False
    for statement in tree.body:
        names = _names(statement)
        defined = defined or (entry_point in names and _callable(statement, entry_point))
        if isinstance(statement, _DEFINITIONS) or (names and _harmless(statement)):
            kept.append(statement)
    if defined:
        return _source(code, kept)
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            method = _method(statement, entry_point)
            if method is not None:
                before = [s for s in kept if s is not statement]
                return _source(code, before) + method
    return None


def _callable(statement: ast.stmt, name: str) -> bool:
    """Whether a statement can make a function of ``name``: a table or a result is none."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return True
    value = statement.value
    if isinstance(value, ast.Call):
        # ``f = partial(...)`` makes one; ``f = f(1, 2)`` in a usage example calls one.
        return not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(value.func))
    return isinstance(value, ast.Lambda | ast.Name | ast.Attribute | ast.IfExp)


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def _names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {target.id for target in statement.targets if isinstance(target, ast.Name)}
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    if isinstance(statement, ast.If | ast.Try):
        inner = [each for part in ast.iter_child_nodes(statement) for each in [part]]
        return {name for each in inner if isinstance(each, ast.stmt) for name in _names(each)}
    return set()


def _harmless(statement: ast.stmt) -> bool:
    """Whether a statement only sets names up (a constant, a table, a lambda, a guarded import)."""
    if isinstance(statement, ast.If):
        return "__name__" not in ast.unparse(statement.test)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        value = statement.value
        called = isinstance(value, ast.Call) and "input" in ast.unparse(value.func)
        return value is not None and not called
    return isinstance(statement, ast.Try)


def _source(code: str, statements: list[ast.stmt]) -> str:
    lines = code.split("\n")
    parts = []
    for statement in statements:
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(each.lineno for each in decorators)])
        parts.append("\n".join(lines[first - 1 : statement.end_lineno]).rstrip())
    joined = ""
    for part, statement in zip(parts, statements, strict=True):
        gap = "\n\n" if isinstance(statement, _DEFINITIONS[:3]) and joined else ""
        joined += gap + part + "\n"
    return joined


def _method(statement: ast.ClassDef, entry_point: str) -> str | None:
    """Return a method that stands alone as a function: static, or one that never uses ``self``."""
    for item in statement.body:
        if not isinstance(item, ast.FunctionDef) or item.name != entry_point:
            continue
        kinds = {ast.unparse(each) for each in item.decorator_list}
        if kinds - {"staticmethod", "classmethod"}:
            return None
        function = ast.parse(ast.unparse(item)).body[0]
        assert isinstance(function, ast.FunctionDef)
        function.decorator_list = []
        if "staticmethod" not in kinds and function.args.args:
            receiver = function.args.args.pop(0).arg
            _drop_receiver(function, receiver, entry_point)
            used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            if receiver in used:
                return None
        return "\n\n" + ast.unparse(function) + "\n"
    return None


def _drop_receiver(function: ast.FunctionDef, receiver: str, entry_point: str) -> None:
    """Turn ``self.f(...)`` of the method itself into ``f(...)``."""

    class Drop(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            self.generic_visit(node)
            own = isinstance(node.value, ast.Name) and node.value.id == receiver
            if own and node.attr == entry_point:
                return ast.copy_location(ast.Name(entry_point, node.ctx), node)
            return node

    Drop().visit(function)


def _loose(text: str, entry_point: str) -> str | None:
    """Find a definition in a reply without fences: from the first code line, while it parses."""
    lines = text.split("\n")
    marks = [i for i, line in enumerate(lines) if _starts_code(line)]
    target = re.compile(rf"\s*(async\s+)?(def|class)\s+{re.escape(entry_point)}\b")
    method = re.compile(r"\s+def \w+\(\s*(self|cls)\b")
    wanted = [i for i in marks if target.match(lines[i])]
    marks = [i for i in marks if not method.match(lines[i])]
    if not wanted:
        return None
    for first in [*[i for i in marks if i <= wanted[0]], *[i for i in wanted if i in marks]]:
        for last in range(len(lines), first, -1):
            if last < len(lines) and lines[last - 1].strip() == "":
                continue
            piece = textwrap.dedent("\n".join(lines[first:last]))
            tree = _parse(piece)
            if tree is None:
                continue
            found = _with_entry(piece, tree, entry_point)
            if found is not None:
                return found
            break
    return None


def _completed(signature: str, body: str, entry_point: str) -> str | None:
    """Put the task's signature before a reply that is only a body."""
    head = signature.strip()
    head = head if head.endswith(":") else head + ":"
    inside = textwrap.indent(textwrap.dedent(body.strip("\n")), "    ")
    # A first line that lost its indentation in the completion gets it back.
    first, _, rest = body.strip("\n").partition("\n")
    lost = "    " + first.lstrip() + ("\n" + rest if rest else "")
    for attempt in (f"{head}\n{lost}", f"{head}\n{inside}"):
        if _has_statement(attempt):
            tree = _parse(attempt)
            if tree is not None:
                return _with_entry(attempt, tree, entry_point)
    return None


def _has_statement(code: str) -> bool:
    return (
        re.search(r"^\s+(return|yield|raise|if|for|while|pass)\b", code, re.MULTILINE) is not None
    )


def _reason(text: str, pieces: list[_Piece], entry_point: str) -> str:
    if pieces and not pieces[-1].closed:
        return f"the code fence is cut off, and what is there does not define {entry_point}"
    codes = [piece.code for piece in pieces]
    if codes and any(_parse(textwrap.dedent(code)) is not None for code in codes):
        names = sorted(
            {
                name
                for code in codes
                for name in re.findall(r"^\s*(?:async )?def (\w+)", code, re.MULTILINE)
            }
        )
        if names:
            listed = ", ".join(names[:3])
            return f"the code defines {listed} but not {entry_point}"
        return f"the code in the reply does not define {entry_point}"
    if codes:
        return "the code in the reply does not parse"
    if re.search(rf"\bdef\s+{re.escape(entry_point)}\b", text):
        return f"the definition of {entry_point} does not parse"
    if re.search(r"^\s*def \w+", text, re.MULTILINE):
        return f"the reply defines other functions but not {entry_point}"
    return "there is no code in the reply"
