"""Mutants are different programs, all parsable, the same every time."""

from __future__ import annotations

import ast

from judge.mutate import mutants, renamed

CODE = '''def f(xs: list[int], k: int = 3) -> int:
    """Say 3."""
    total = 0
    for x in xs:
        if x > k and x < 10:
            total += max(x, 2)
        elif not x:
            break
    return total
'''


def test_every_mutant_parses_and_differs_from_the_code_and_the_others() -> None:
    found = mutants(CODE, "f")
    texts = [m.code for m in found]
    assert len(set(texts)) == len(texts) > 15
    assert ast.unparse(ast.parse(CODE)) not in texts
    for text in texts:
        ast.parse(text)


def test_operators_constants_conditions_and_results_are_changed() -> None:
    changes = {m.change for m in mutants(CODE, "f", limit=1_000)}
    assert {"Gt to GtE", "And to Or", "10 to 11", "condition negated", "max to min"} <= changes
    assert {"assignment undone", "break to continue", "result r to r + 1"} <= changes


def test_docstrings_and_annotations_are_left_alone() -> None:
    for mutant in mutants(CODE, "f", limit=1_000):
        assert "Say 3." in mutant.code
        assert "list[int]" in mutant.code


def test_the_same_code_gives_the_same_mutants_and_the_limit_is_kept() -> None:
    assert mutants(CODE, "f") == mutants(CODE, "f")
    assert len(mutants(CODE, "f", limit=5)) == 5


def test_renaming_follows_recursion() -> None:
    code = "def f(n):\n    return 1 if n == 0 else n * f(n - 1)\n"
    assert renamed(code, "f", "g").count("g(") == 2
