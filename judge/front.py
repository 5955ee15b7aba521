"""The one-line door for people: code and a contract in, a judgement out."""

from __future__ import annotations

import ast

from judge.contract import Budget, Contract, Submission
from judge.pool import judge
from judge.reading.source import Fault, parse
from judge.verdict import Judgement


def prove(
    code: str,
    contract: Contract | None = None,
    *,
    entry_point: str | None = None,
    signature: str | None = None,
    budget: Budget | None = None,
) -> Judgement:
    """Judge ``code`` against ``contract`` and say whether it is proved.

    The entry point is the last function of the code unless it is named. Without a contract only
    uncaught exceptions and failing asserts are looked for. Never raises for bad code or a bad
    contract: those are verdicts. What is no ``str`` and no ``Contract`` at all is a ``TypeError``.
    """
    _mistake(code, str, "code is Python source, a str")
    if contract is not None:
        _mistake(contract, Contract, "contract is a judge.Contract(ensures=(...,))")
    name = entry_point or _last_function(code)
    return judge(Submission(name, name, code, contract or Contract(), signature=signature), budget)


def _last_function(code: str) -> str:
    tree = parse(code)
    if isinstance(tree, Fault):
        return "function"  # judging says what is wrong with the code
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return names[-1] if names else "function"


def _mistake(value: object, kind: type, wanted: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{wanted}; this is a {type(value).__name__}")
