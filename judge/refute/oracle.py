"""The contract, made executable: a program of its own, in a process of its own.

The candidate is not in that process. Arguments and result go in as plain data, which clause is
broken comes out. A contract may call helpers: the task's own, and functions that stand beside the
entry point in the code. Of the latter only the definitions that are named are taken over (no other
line of the code runs), but a contract that leans on them trusts them: they are the answer's words.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from judge.contract import Contract, Submission
from judge.refute.purity import leaves_nothing
from judge.refute.subject import parse
from judge.sandbox import Call, Limits, Outcome, Sandbox, Session
from judge.sandbox.shelf import Shelf

_REQUIRES, _ENSURES = "contract_requires", "contract_ensures"
_OLD = "old__"
_FORMULAS = "formulas"
"""The key of processes that serve every contract which is a mere formula."""


class ContractFaultError(ValueError):
    """The contract cannot be used; the message names the clause and the mend."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the contract says about one call.

    ``clause`` is the first clause that is false; ``fault`` the sentence about the first clause that
    raised (only when none is false), with ``exception`` the type's name; both None when all hold.
    """

    clause: str | None = None
    fault: str | None = None
    exception: str | None = None

    @property
    def holds(self) -> bool:
        """Whether every clause is true."""
        return self.clause is None and self.fault is None


class Oracle:
    """Answers whether inputs meet the precondition and results the postcondition.

    Its process is used again for the same contract (``judge.sandbox.shelf``), unless it is asked to
    be ``fresh`` or takes definitions from the candidate's code; and for any contract by those that
    are mere formulas (``judge.refute.purity``), which leave nothing behind.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        submission: Submission,
        names: Sequence[str],
        limits: Limits,
        *,
        fresh: bool = False,
    ) -> None:
        self.contract = submission.contract
        self._session: Session | None = None
        self._shelf: Shelf | None = None
        if self.contract.requires or self.contract.ensures:
            made = program(submission, names)
            self._key: object = (_FORMULAS if made.formulas else made.text, limits)
            if made.formulas or (made.own and not fresh):
                self._shelf = sandbox.shelf
                self._session = sandbox.shelf.take(self._key)
            if self._session is None:
                self._session = sandbox.session(made.text, limits)
            elif made.formulas:
                self._session.reload(made.text)

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None and self._shelf is not None:
            self._shelf.give(self._key, self._session)
        elif self._session is not None:
            self._session.close()
        self._session = None

    def load_fault(self) -> str | None:
        """Say why the contract's program cannot be loaded, or None."""
        if self._session is None or self._session.loaded.kind == "returned":
            return None
        loaded = self._session.loaded
        said = f"{loaded.exception or loaded.kind}: {loaded.message}"
        return f"The contract or its helpers cannot be loaded: {said}."

    def admits(self, inputs: Sequence[tuple[Any, ...]]) -> list[Ruling]:
        """Rule on the precondition for each input."""
        if not self.contract.requires or self._session is None:
            return [Ruling()] * len(inputs)
        outcomes = self._session.call([Call(_REQUIRES, args) for args in inputs])
        return [_ruling(outcome, self.contract.requires) for outcome in outcomes]

    def accepts(
        self, calls: Sequence[tuple[tuple[Any, ...], tuple[Any, ...], Any]]
    ) -> list[Ruling]:
        """Rule on the postcondition for each (arguments before, arguments after, result)."""
        if not self.contract.ensures or self._session is None:
            return [Ruling()] * len(calls)
        asked = [Call(_ENSURES, (*after, *before, result)) for before, after, result in calls]
        return [_ruling(o, self.contract.ensures) for o in self._session.call(asked)]


def _ruling(outcome: Outcome, clauses: tuple[str, ...]) -> Ruling:
    if not outcome.ok:
        said = outcome.message or outcome.kind
        return Ruling(fault=f"the contract could not be evaluated: {said}", exception=outcome.kind)
    if outcome.value is None:
        return Ruling()
    answer: Any = outcome.value  # our own program's: [index, exception, message]
    index, exception, message = answer
    clause = clauses[index]
    if exception is None:
        return Ruling(clause=clause)
    said = f"{exception}: {message}" if message else exception
    return Ruling(fault=f"`{clause}` raised {said}", exception=exception)


@dataclass(frozen=True, slots=True)
class Program:
    """The contract as a program.

    ``own``: no definition is taken from the candidate's code. ``formulas``: nothing that it does
    can be felt by a program that runs in the same process afterwards.
    """

    text: str
    own: bool
    formulas: bool


def program(submission: Submission, names: Sequence[str]) -> Program:
    """Return the contract's program; raises ``ContractFaultError``."""
    said = _said(submission.contract, tuple(names))
    beside = _beside(parse(submission.code), said.missing, said.have) if said.missing else []
    if not beside:
        return Program(_written([], said), True, said.formulas)
    return Program(_written(beside, said), False, False)


@dataclass(frozen=True, slots=True)
class _Said:
    """What follows from the contract alone, whichever candidate it is about."""

    helpers: str
    functions: str
    missing: frozenset[str]
    """Names that neither the contract nor Python defines: the candidate's, if anybody's."""
    have: frozenset[str]
    formulas: bool


@lru_cache(maxsize=256)
def _said(contract: Contract, names: tuple[str, ...]) -> _Said:
    helpers = parse(contract.helpers)
    if helpers is None:
        raise ContractFaultError("The contract's helpers do not parse; they must be Python source.")
    requires = [_expression(clause, names) for clause in contract.requires]
    ensures = [_expression(clause, names) for clause in contract.ensures]
    body = [node for node in helpers.body if not _future(node)]
    have = frozenset({*_bound(body), *names, "result"})
    missing = _names([*requires, *ensures, *body]) - have - set(dir(builtins)) - {"old"}
    olds = [f"{_OLD}{name}" for name in names]
    functions = (
        _function(_REQUIRES, list(names), requires),
        _function(_ENSURES, [*names, *olds, "result"], ensures),
    )
    formulas = leaves_nothing(body, [*requires, *ensures], [*names, *olds])
    written = ast.unparse(ast.Module(body, []))
    return _Said(written, "\n".join(functions), frozenset(missing), have, formulas)


def _written(beside: list[ast.stmt], said: _Said) -> str:
    own = ast.unparse(ast.Module(beside, []))
    parts = ("from __future__ import annotations", own, said.helpers, said.functions)
    return "\n".join(parts) + "\n"


def _function(name: str, parameters: list[str], clauses: Sequence[ast.expr]) -> str:
    """A function that returns None, or ``[index, exception, message]`` of what is not true."""
    unique = list(dict.fromkeys(reversed(parameters)))[::-1]
    if len(unique) < len(parameters):  # a parameter called result: the result hides it
        hidden = parameters.index("result")
        parameters = [f"{p}__entry" if i == hidden else p for i, p in enumerate(parameters)]
    lines = [f"def {name}({', '.join(parameters)}):", "    fault__ = None"]
    for index, clause in enumerate(clauses):
        lines += [
            "    try:",
            f"        if not ({ast.unparse(clause)}):",
            f"            return [{index}, None, '']",
            "    except Exception as error__:",
            f"        fault__ = fault__ or [{index}, type(error__).__name__, str(error__)[:300]]",
        ]
        if name == _REQUIRES:  # later preconditions may lean on earlier ones
            lines += ["        return fault__"]
    return "\n".join([*lines, "    return fault__"])


def _expression(clause: str, names: Sequence[str]) -> ast.expr:
    try:
        tree = ast.parse(clause.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise ContractFaultError(
            f"The clause `{clause}` is not a Python expression: {said}."
        ) from None
    return ast.fix_missing_locations(_Old(set(names)).visit(tree))  # type: ignore[no-any-return]


class _Old(ast.NodeTransformer):
    """Rewrites ``old(x)`` to the name of x's value on entry."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "old" and len(node.args) == 1:
            return _Entry(self._names).visit(node.args[0])  # type: ignore[no-any-return]
        return self.generic_visit(node)


class _Entry(ast.NodeTransformer):
    """Inside ``old(...)``: every parameter is its value on entry."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._names and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Name(f"{_OLD}{node.id}", ast.Load()), node)
        return node


def _future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _names(nodes: Sequence[ast.AST]) -> set[str]:
    return {
        part.id
        for node in nodes
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def _bound(nodes: Sequence[ast.stmt]) -> set[str]:
    """Names that top-level statements define."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found.add(node.target.id)
    return found


def _beside(tree: ast.Module | None, wanted: Set[str], have: Set[str]) -> list[ast.stmt]:
    """Return the code's own definitions that the contract names, and those that they name."""
    if tree is None:
        return []
    taken: dict[int, ast.stmt] = {}
    pending = set(wanted)
    done: set[str] = set()
    while pending:
        name = pending.pop()
        done.add(name)
        for place, node in enumerate(tree.body):
            stars = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
            if (name in _bound([node]) or stars) and not _future(node) and place not in taken:
                taken[place] = node
                pending |= _names([node]) - done - have - set(dir(builtins))
    return [taken[place] for place in sorted(taken)]
