"""Contracts that cannot be used are named with clause and mend; usable ones pass."""

from __future__ import annotations

import pytest

from judge.contract import Contract
from judge.contract_check import contract_fault

GOOD = [
    Contract(("lo <= hi",), ("lo <= result <= hi", "result == x or x < lo")),
    Contract(ensures=("all(v <= result for v in xs)", "result in xs")),
    Contract(ensures=("xs == old(xs) + [x]",)),
    Contract(ensures=("(lambda y: y + result)(x) > 0",)),
    Contract(ensures=("is_good(result)",), helpers="def is_good(v):\n    return v > 0\n"),
    Contract(raises=("ValueError", "ZeroDivisionError")),
    Contract(ensures=("helper(result) == 1", "isinstance(result, int)")),
    Contract(ensures=("result ==\n  x",)),
]


@pytest.mark.parametrize("contract", GOOD)
def test_usable_contracts_have_no_fault(contract: Contract) -> None:
    assert contract_fault(contract, ["x", "lo", "hi", "xs"], ["helper"]) is None


BAD = [
    (Contract(("lo <=",)), "requires[1] `lo <=` does not parse"),
    (Contract(ensures=("x = 3",)), "is a statement"),
    (Contract(ensures=("",)), "ensures[1] is empty"),
    (Contract(("low <= x",)), "did you mean `lo`?"),
    (Contract(("y > 0",)), "names `y`, which is not known here"),
    (Contract(("result > 0",)), "does not exist before the call"),
    (Contract(("old(x) > 0",)), "has a meaning in `ensures` only"),
    (Contract(ensures=("old(x + 1) > 0",)), "takes the name of one parameter"),
    (Contract(ensures=("old(y) > 0",)), "takes the name of one parameter"),
    (Contract(ensures=("xs.append(1) is None",)), "changes its object"),
    (Contract(ensures=("xs.sort() is None",)), "changes its object"),
    (Contract(ensures=("print(result) is None",)), "uses `print`"),
    (Contract(ensures=("open('f')",)), "uses `open`"),
    (Contract(ensures=("eval('1')",)), "uses `eval`"),
    (Contract(ensures=("__import__('os')",)), "uses `__import__`"),
    (Contract(ensures=("x.__class__",)), "speaks of values only"),
    (Contract(ensures=("(y := x) > 0",)), "binds a name"),
    (Contract(ensures=("(yield x)",)), "yields"),
    (Contract(raises=("ValueErorr",)), "did you mean `ValueError`?"),
    (Contract(ensures=("True",), helpers="def (:"), "helpers of the contract does not parse"),
    (Contract(ensures=("(" * 200 + "x" + ")" * 200,)), "` is nested more than"),
    (Contract(ensures=("x == '\ud800'",)), "lone surrogate"),
    (Contract(ensures=("x == 1\0",)), "NUL"),
]


@pytest.mark.parametrize(("contract", "says"), BAD)
def test_each_fault_is_a_sentence_that_names_it(contract: Contract, says: str) -> None:
    fault = contract_fault(contract, ["x", "lo", "hi", "xs"])
    assert fault is not None
    assert says in fault.message


def test_a_parameter_called_result_is_refused() -> None:
    fault = contract_fault(Contract(ensures=("result > 0",)), ["result"])
    assert fault is not None
    assert "rename the parameter" in fault.message
