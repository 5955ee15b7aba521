"""Whether a contract can be used at all: it parses, names only what exists, and changes nothing.

It reads text and runs nothing. Whether the contract is *worth* proving against is ``adequacy``;
whether a clause raises on some input is found by the search and by the prover.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Collection, Set
from functools import lru_cache

from judge.contract import Contract
from judge.reading.source import Fault, parse

PURE = frozenset(
    """
    abs all any ascii bin bool bytes chr complex dict divmod enumerate filter float format
    frozenset hash hex int isinstance issubclass len list map max min object oct ord pow range
    repr reversed round set slice sorted str sum tuple type zip True False None
    """.split()  # noqa: SIM905
)
"""Built-in names that a contract may use: none of them changes anything or reads a machine."""

CHANGING = frozenset(
    """
    append extend insert remove pop clear sort reverse update add discard setdefault popitem
    difference_update intersection_update symmetric_difference_update write writelines send
    throw close
    """.split()  # noqa: SIM905
)
"""Methods that change their object; a contract only looks."""

EXCEPTIONS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)

_NOT_LOOKING: tuple[tuple[type[ast.AST], str], ...] = (
    (ast.NamedExpr, "binds a name with :="),
    (ast.Await, "awaits"),
    (ast.Yield, "yields"),
    (ast.YieldFrom, "yields"),
)


def contract_fault(
    contract: Contract,
    parameters: Collection[str],
    functions: Collection[str] = (),
    classes: Collection[str] = (),
) -> Fault | None:
    """Return the first fault of the contract as a sentence, or None when it can be used.

    ``functions`` and ``classes`` are the module-level names beside the entry point in the code.
    """
    return _fault(contract, tuple(parameters), frozenset(functions), frozenset(classes))


@lru_cache(maxsize=256)  # the candidates of one task come one after the other
def _fault(
    contract: Contract,
    parameters: tuple[str, ...],
    functions: frozenset[str],
    classes: frozenset[str],
) -> Fault | None:
    known = functions | classes
    if contract.helpers.strip():
        tree = parse(contract.helpers, "helpers of the contract")
        if isinstance(tree, Fault):
            return tree
        known |= _helper_names(tree)
    if "result" in parameters and contract.ensures:
        return Fault(
            "a parameter is called `result`, which in `ensures` means the returned value; "
            "rename the parameter."
        )
    scope = set(parameters)
    for place, clause in enumerate(contract.requires, 1):
        if fault := _clause_fault(f"requires[{place}]", clause, scope, known, post=False):
            return fault
    for place, clause in enumerate(contract.ensures, 1):
        if fault := _clause_fault(f"ensures[{place}]", clause, scope, known, post=True):
            return fault
    for name in contract.raises:
        if name not in EXCEPTIONS and name not in classes and name not in known:
            near = difflib.get_close_matches(name, EXCEPTIONS, 1)
            hint = f"did you mean `{near[0]}`?" if near else "name a built-in exception."
            return Fault(f"raises names `{name}`, which is no exception that exists; {hint}")
    return None


def _helper_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return names


def _clause_fault(
    where: str, clause: str, parameters: set[str], known: Set[str], *, post: bool
) -> Fault | None:
    text = " ".join(clause.split("\n")).strip()
    shown = f"{where} `{text[:120]}`"
    if not text:
        return Fault(f"{where} is empty; write a Python expression or leave it out.")
    tree = parse(text, where, 65_536)
    if isinstance(tree, Fault):
        said = tree.message.removeprefix(f"the {where} ").removeprefix("does not parse: ")
        return Fault(
            f"{shown} {said}" if said.startswith("is ") else f"{shown} does not parse: {said}"
        )
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return Fault(f"{shown} is a statement; a clause is one Python expression.")
    expression = tree.body[0].value
    return (
        _effect(shown, expression)
        or _old_fault(shown, expression, parameters, post=post)
        or _unknown_name(shown, expression, parameters | known, post=post)
    )


def _effect(shown: str, expression: ast.expr) -> Fault | None:
    for node in ast.walk(expression):
        for kind, does in _NOT_LOOKING:
            if isinstance(node, kind):
                return Fault(f"{shown} {does}; a contract only looks and changes nothing.")
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("__"):
                return Fault(f"{shown} uses `{node.attr}`; a contract speaks of values only.")
            if node.attr in CHANGING:
                return Fault(
                    f"{shown} calls `.{node.attr}`, which changes its object; a contract only "
                    "looks and changes nothing."
                )
    return None


def _old_fault(
    shown: str, expression: ast.expr, parameters: set[str], *, post: bool
) -> Fault | None:
    for node in ast.walk(expression):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id != "old":
            continue
        if not post:
            return Fault(f"{shown} uses `old`, which has a meaning in `ensures` only.")
        argument = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if not (isinstance(argument, ast.Name) and argument.id in parameters):
            return Fault(f"{shown}: `old` takes the name of one parameter, as in `old(x)`.")
    return None


def _unknown_name(shown: str, expression: ast.expr, known: Set[str], *, post: bool) -> Fault | None:
    bound = {n.id for n in ast.walk(expression) if isinstance(n, ast.Name) and _stores(n)}
    bound |= {a.arg for n in ast.walk(expression) if isinstance(n, ast.Lambda) for a in _args(n)}
    allowed = known | bound | PURE | ({"result", "old"} if post else set())
    for node in ast.walk(expression):
        if not isinstance(node, ast.Name) or node.id in allowed:
            continue
        if node.id == "result":
            return Fault(f"{shown} speaks of `result`, which does not exist before the call.")
        if node.id in vars(builtins):
            return Fault(f"{shown} uses `{node.id}`, which a contract may not; it only looks.")
        near = difflib.get_close_matches(
            node.id, sorted(known | ({"result"} if post else set())), 1
        )
        hint = f"did you mean `{near[0]}`?" if near else _names(known)
        return Fault(f"{shown} names `{node.id}`, which is not known here; {hint}")
    return None


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _args(node: ast.Lambda) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _names(known: Set[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in sorted(known)[:8])
    return f"known are {listed}." if listed else "the function has no parameters."
