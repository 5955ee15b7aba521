"""Python files whose functions carry contracts, as submissions: one a function.

Read are icontract and deal decorators, PEP 316 docstrings (also as CrossHair writes them) and
asserts: those that lead a body are its preconditions, any other is a check inside. The decorators,
their imports and what the function cannot reach are blanked, with all line numbers kept. Nothing is
imported or run, so a contract that is a name is followed only to a function in the same file.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from judge.contract import Contract, Submission
from judge.reading.docstrings import docstring_clauses
from judge.reading.lambdas import UnreadableError, clause_of
from judge.reading.lines import BadLine
from judge.reading.slicing import sliced
from judge.reading.source import Fault, parse

MAX_FILE = 2_097_152
LIBRARIES = frozenset({"icontract", "deal"})
_IGNORED = frozenset({"pure", "has", "example", "dispatch", "inherit", "safe"})


@dataclass(slots=True)
class _Clauses:
    """What was collected for one function so far."""

    requires: list[str] = field(default_factory=list)
    ensures: list[str] = field(default_factory=list)
    raises: list[str] = field(default_factory=list)
    snapshots: dict[str, tuple[ast.Lambda, str | None]] = field(default_factory=dict)
    found: bool = False


def submissions_from_source(
    source: str | bytes, filename: str = "<source>"
) -> list[Submission | BadLine]:
    """Return one ``Submission`` for each module-level function that carries a contract.

    Faults are ``BadLine`` values in file order: a file that does not parse gives one, a contract
    that cannot be read as an expression, or that sits on a method, gives one where it stands.
    """
    text = source if isinstance(source, str) else ""
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = source.count(b"\n", 0, error.start) + 1
            return [BadLine(line, f"{filename} is not UTF-8; save the file as UTF-8.")]
    tree = parse(text, "file", MAX_FILE)
    if isinstance(tree, Fault):
        return [BadLine(tree.line or 1, tree.message)]
    names = _library_names(tree)
    code = _without_contracts(text, tree, names)
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    found: list[Submission | BadLine] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and functions[node.name] is node:
            item = _submission(node, tree, code, filename, names, functions)
            found += [item] if item is not None else []
        elif isinstance(node, ast.ClassDef):
            found += _methods(node, names)
    return found


def _submission(
    node: ast.FunctionDef,
    tree: ast.Module,
    code: str,
    filename: str,
    names: dict[str, str],
    functions: dict[str, ast.FunctionDef],
) -> Submission | BadLine | None:
    clauses = _Clauses()
    try:
        for decorator in node.decorator_list:
            if (library := _contract_decorator(decorator, names)) is not None:
                clauses.found = True
                _decorator(decorator, library, node, clauses, functions)
        spoken = docstring_clauses(ast.get_docstring(node) or "", [a.arg for a in node.args.args])
    except UnreadableError as refusal:
        return BadLine(refusal.line or node.lineno, f"`{node.name}`: {refusal}")
    clauses.requires += spoken.requires
    clauses.ensures += spoken.ensures
    clauses.raises += spoken.raises
    leading = _leading_asserts(node)
    clauses.requires += leading
    asserts = any(isinstance(inner, ast.Assert) for inner in ast.walk(node))
    if not (clauses.found or spoken.found or asserts):
        return None
    contract = Contract(tuple(clauses.requires), tuple(clauses.ensures), tuple(clauses.raises))
    name = f"{filename}:{node.lineno}:{node.name}"
    spoken_of = (*contract.requires, *contract.ensures, *contract.raises)
    part = sliced(code, tree, node.name, spoken_of)
    return Submission(name, node.name, part, contract, line=node.lineno)


def _methods(node: ast.ClassDef, names: dict[str, str]) -> list[Submission | BadLine]:
    return [
        BadLine(
            method.lineno,
            f"the method `{node.name}.{method.name}` carries a contract; only functions at module "
            "level are judged, so move its logic into one.",
        )
        for method in node.body
        if isinstance(method, ast.FunctionDef)
        and (
            any(_contract_decorator(d, names) for d in method.decorator_list)
            or docstring_clauses(ast.get_docstring(method) or "", []).found
        )
    ]


def _leading_asserts(node: ast.FunctionDef) -> list[str]:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    found: list[str] = []
    for statement in body:
        if not isinstance(statement, ast.Assert):
            break
        found.append(ast.unparse(statement.test))
    # A body of nothing but asserts checks something; taking them as given would say it holds.
    return [] if len(found) == len(body) else found


def _library_names(tree: ast.Module) -> dict[str, str]:
    """Map local names to ``icontract``, ``deal`` or ``icontract.require`` and so on."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in LIBRARIES:
                    names[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _contract_decorator(node: ast.expr, names: dict[str, str]) -> str | None:
    """Return ``deal.pre`` and the like for a decorator of a contract library, else None."""
    head = node.func if isinstance(node, ast.Call) else node
    if isinstance(head, ast.Attribute) and isinstance(head.value, ast.Name):
        library = names.get(head.value.id)
        return f"{library}.{head.attr}" if library in LIBRARIES else None
    if isinstance(head, ast.Name):
        full = names.get(head.id, "")
        return full if "." in full else None
    return None


def _decorator(
    node: ast.expr,
    kind: str,
    owner: ast.FunctionDef,
    clauses: _Clauses,
    functions: dict[str, ast.FunctionDef],
) -> None:
    """Add what one decorator says; raises ``UnreadableError`` when it is no plain expression."""
    library, name = kind.split(".", 1)
    parameters = [a.arg for a in (*owner.args.posonlyargs, *owner.args.args)]
    arguments = node.args if isinstance(node, ast.Call) else []
    if name == "chain":
        for inner in arguments:
            inner_kind = _contract_decorator(inner, {library: library})
            _decorator(inner, inner_kind or f"{library}.?", owner, clauses, functions)
        return
    if name == "raises":
        clauses.raises += [ast.unparse(argument) for argument in arguments]
        return
    if name == "reason":
        clauses.raises += [ast.unparse(argument) for argument in arguments[:1]]
        return
    if name in _IGNORED:
        return
    keywords = {k.arg: k.value for k in node.keywords} if isinstance(node, ast.Call) else {}
    condition = arguments[0] if arguments else keywords.get("condition", keywords.get("capture"))
    if condition is None or name not in ("require", "ensure", "snapshot", "pre", "post"):
        raise UnreadableError(
            f"the decorator `{kind}` is not one that the judge reads.", node.lineno
        )
    if name == "snapshot":
        _snapshot(condition, keywords.get("name"), clauses)
    elif name in ("require", "pre"):
        clauses.requires.append(clause_of(condition, parameters, functions, library))
    else:
        scope = ["result"] if name == "post" else [*parameters, "result"]
        clauses.ensures.append(
            clause_of(condition, scope, functions, library, clauses.snapshots, parameters)
        )


def _snapshot(capture: ast.expr, name: ast.expr | None, clauses: _Clauses) -> None:
    if not isinstance(capture, ast.Lambda):
        raise UnreadableError("a snapshot that is no lambda cannot be read.", capture.lineno)
    arguments = [a.arg for a in capture.args.args]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        clauses.snapshots[name.value] = (capture, None)
    elif len(arguments) == 1:
        clauses.snapshots[arguments[0]] = (capture, None)
    else:
        raise UnreadableError("a snapshot of several arguments needs a `name`.", capture.lineno)


def _without_contracts(source: str, tree: ast.Module, names: dict[str, str]) -> str:
    """Blank decorators and imports of contract libraries; every other line keeps its number."""
    rows = source.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                if _contract_decorator(decorator, names):
                    for line in range(decorator.lineno, (decorator.end_lineno or 0) + 1):
                        rows[line - 1] = ""
        elif _is_library_import(node):
            assert isinstance(node, ast.Import | ast.ImportFrom)
            for line in range(node.lineno, (node.end_lineno or 0) + 1):
                rows[line - 1] = ""
            rows[node.lineno - 1] = " " * node.col_offset + "pass"
    return "\n".join(rows)


def _is_library_import(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name in LIBRARIES for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.module in LIBRARIES
