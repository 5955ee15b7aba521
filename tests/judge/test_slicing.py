"""Only what a function can reach is judged with it, on the lines where it stood."""

from __future__ import annotations

import ast

from judge import Submission, submissions_from_source
from judge.reading.slicing import sliced

MODULE = '''"""About something else."""
import logging
import math

logger = logging.getLogger(__name__)
LIMIT = 10
UNUSED = 3


class Stack:
    """Not ours."""

    size: int = 0

    def push(self) -> None:
        self.size += 1


def other(n: int) -> int:
    return helper(n)


def helper(n: int) -> int:
    return min(n, LIMIT)


def f(n: int) -> int:
    return helper(n)


if __name__ == "__main__":
    print(f(3))
'''


def cut(source: str, *clauses: str) -> str:
    return sliced(source, ast.parse(source), "f", clauses)


def test_what_is_not_reached_is_blank_and_lines_stay() -> None:
    left = cut(MODULE)
    kept = {n.name for n in ast.parse(left).body if isinstance(n, ast.FunctionDef)}
    assert kept == {"f", "helper"}
    assert "LIMIT = 10" in left
    for gone in ("Stack", "UNUSED", "logging", "__main__"):
        assert gone not in left
    assert left.count("\n") == MODULE.count("\n")
    assert left.split("\n").index("def f(n: int) -> int:") == MODULE.split("\n").index(
        "def f(n: int) -> int:"
    )


def test_what_a_contract_names_is_kept() -> None:
    assert "def other" in cut(MODULE, "result == other(n)")


def test_what_only_does_something_is_kept() -> None:
    assert "register(f)" in cut("def f(n):\n    return n\nregister(f)\n")
    assert "Table[3]" in cut("def f(n):\n    return n\nTable[3] = f\n")


def test_a_class_whose_body_acts_is_kept() -> None:
    assert "act()" in cut("class A:\n    act()\ndef f(n):\n    return n\n")


def test_a_module_that_speaks_of_the_machinery_is_left_whole() -> None:
    source = "import builtins\nUNUSED = setattr(builtins, 'len', id)\ndef f(n):\n    return n\n"
    assert cut(source) == source


def test_statements_on_one_line_stay_together() -> None:
    source = "A = 1; B = 2\ndef f(n):\n    return n + A\n"
    assert "A = 1; B = 2" in cut(source)


def test_a_function_beside_a_class_is_judged_by_itself() -> None:
    source = MODULE.replace(
        "    return helper(n)\n\n\nif", "    assert n > 0\n    return helper(n)\n\n\nif"
    )
    (item,) = submissions_from_source(source)
    assert isinstance(item, Submission)
    assert item.entry_point == "f"
    assert "class" not in item.code
