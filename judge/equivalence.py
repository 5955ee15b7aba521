"""Are two candidates the same function: proved on every input, or an input that tells them apart.

The second candidate becomes a helper of a contract that the first has to keep: its result equals
the helper's. Both must return (an exception on either side is never 'the same').
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from judge.contract import Budget, Contract
from judge.verdict import Obligation

PREFIX = "other_"


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The finding. ``separated`` is a solver's claim: replay ``args`` before believing it."""

    outcome: Literal["proved", "separated", "unknown"]
    args: tuple[object, ...] | None = None
    reason: str | None = None
    obligations: tuple[Obligation, ...] = ()


class _Rename(ast.NodeTransformer):
    """Give every top-level name of a module a prefix, wherever it is used."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if node.name in self.names:
            node.name = PREFIX + node.name
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.names:
            return ast.copy_location(ast.Name(PREFIX + node.id, node.ctx), node)
        return node


def equivalent(
    code_a: str,
    code_b: str,
    entry_point: str,
    contract: Contract,
    budget: Budget,
    *,
    signature: str | None = None,
) -> Equivalence:
    """Whether both candidates return equal values on every input that meets the preconditions."""
    from judge.prove import prove
    from judge.subset import Refusal, parse, read

    try:
        tree = parse(code_b, "the second candidate")
        candidate = read(code_a, entry_point, "", signature)
        read(code_b, entry_point, "", signature)
    except Refusal as problem:
        return Equivalence("unknown", reason=str(problem))
    if ast.dump(parse(code_a)) == ast.dump(tree):
        return Equivalence("proved", reason="the two candidates are the same program")
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)} | {
        t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets
        if isinstance(t, ast.Name)
    }  # fmt: skip
    if any(name.startswith(PREFIX) for name in _identifiers(tree)):
        return Equivalence("unknown", reason=f"a name in the second code begins with {PREFIX!r}")
    if _shadows(tree, names):
        return Equivalence("unknown", reason="a name is both global and local in the second code")
    renamed = ast.unparse(_Rename(names).visit(tree))
    params = ", ".join(f"old({p})" for p, _ in candidate.parameters)
    same = Contract(
        requires=contract.requires,
        ensures=(f"result == {PREFIX}{entry_point}({params})",),
        helpers=f"{contract.helpers}\n{renamed}",
    )
    proof = prove(code_a, entry_point, same, budget, signature=signature)
    if proof.outcome == "proved":
        return Equivalence("proved", obligations=proof.obligations)
    if proof.outcome == "refuted":
        return Equivalence("separated", proof.args, proof.reason)
    return Equivalence("unknown", reason=proof.reason or f"only {proof.outcome}")


def _shadows(tree: ast.Module, names: set[str]) -> bool:
    """Whether a function of the module binds one of the module's own names."""
    for function in (n for n in tree.body if isinstance(n, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                continue
            if names & set(_identifiers(node, deep=False)) and not isinstance(
                node, ast.FunctionDef
            ):
                return True
    return False


def _identifiers(tree: ast.AST, *, deep: bool = True) -> Iterator[str]:
    """Names that the code reads or binds, as arguments, handlers, imports and patterns do too."""
    for node in ast.walk(tree) if deep else [tree]:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.FunctionDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            yield node.name or ""
        elif isinstance(node, ast.MatchMapping):
            yield node.rest or ""
