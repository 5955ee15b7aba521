"""Contracts as people write them in Python files, read without importing anything."""

from __future__ import annotations

import pytest

from judge import BadLine, Contract, Submission, submissions_from_source


def contract(text: str) -> Contract:
    (item,) = submissions_from_source(text, "x.py")
    assert isinstance(item, Submission), item
    return item.contract


def test_icontract_decorators() -> None:
    found = contract(
        "import icontract\nfrom icontract import require as needs\n\n"
        "@needs(lambda x, y: x < y)\n"
        "@icontract.require(condition=lambda x: x > 0, description='positive')\n"
        "@icontract.ensure(lambda result, x: result > x)\n"
        "def f(x: int, y: int) -> int:\n    return y\n"
    )
    assert found == Contract(("x < y", "x > 0"), ("result > x",))


def test_icontract_snapshots_become_old_values() -> None:
    found = contract(
        "import icontract\n"
        "@icontract.snapshot(lambda xs: xs[:])\n"
        "@icontract.snapshot(lambda xs: len(xs), name='size')\n"
        "@icontract.ensure(lambda OLD, xs, x: xs == OLD.xs + [x] and OLD.size == len(OLD.xs))\n"
        "def f(xs: list[int], x: int) -> None:\n    xs.append(x)\n"
    )
    assert found.ensures == ("xs == old(xs)[:] + [x] and len(old(xs)) == len(old(xs)[:])",)


def test_deal_decorators() -> None:
    found = contract(
        "import deal\n"
        "@deal.chain(deal.pre(lambda a: a > 0), deal.pure)\n"
        "@deal.pre(lambda _: _.x != 3)\n"
        "@deal.post(lambda r: r > 0)\n"
        "@deal.ensure(lambda x, result: result == x)\n"
        "@deal.raises(ValueError)\n"
        "@deal.has('io')\n"
        "def f(x: int) -> int:\n    return x\n"
    )
    assert found == Contract(("x > 0", "x != 3"), ("result > 0", "result == x"), ("ValueError",))


def test_docstrings_of_pep_316_and_crosshair() -> None:
    found = contract(
        'def f(n: int, xs: list[int]) -> int:\n    """Do it.\n\n    pre: n > 0\n'
        "    pre:\n        n < 9\n\n        len(xs) == n\n"
        "    post: __return__ == n * 2\n    post: _ > 0\n"
        "    post[xs]:\n        len(xs) == len(__old__.xs)\n    raises: ValueError, KeyError\n"
        '    """\n    return n * 2\n'
    )
    assert found == Contract(
        ("n > 0", "n < 9", "len(xs) == n"),
        ("result == n * 2", "result > 0", "len(xs) == len(old(xs))"),
        ("ValueError", "KeyError"),
    )


def test_prose_with_colons_is_no_contract() -> None:
    text = 'def f(x):\n    """Needs pre-conditions: none.\n\n    Raises:\n        never\n    """'
    assert submissions_from_source(text + "\n    return x\n") == []


def test_leading_asserts_are_preconditions_and_later_ones_are_checks() -> None:
    text = 'def f(x: int):\n    """D."""\n    assert x > 0\n    y = x\n    assert y\n    return y'
    assert contract(text) == Contract(("x > 0",))
    later = contract("def f(x: int) -> int:\n    y = x\n    assert y >= 0\n    return y\n")
    assert later.empty
    only = contract("def f(x: int) -> None:\n    assert x > 0\n")
    assert only.empty


def test_a_condition_that_is_a_function_of_the_file_is_called() -> None:
    (item,) = submissions_from_source(
        "import deal\ndef ok(v): return v > 0\n@deal.pre(ok)\ndef f(x: int): return x\n"
    )
    assert isinstance(item, Submission)
    assert item.contract.requires == ("ok(x)",)
    assert "def ok" in item.code


def test_judged_code_has_no_contract_library_and_the_same_lines() -> None:
    text = (
        "import deal\n\n@deal.pre(\n    lambda x: x > 0\n)\n@staticmethod\ndef f(x: int):\n"
        "    return x\n"
    )
    (item,) = submissions_from_source(text, "x.py")
    assert isinstance(item, Submission)
    assert "deal" not in item.code
    assert "@staticmethod" in item.code
    assert item.code.count("\n") == text.count("\n")
    assert item.code.split("\n")[6] == "def f(x: int):"
    assert item.id == "x.py:7:f"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("def f(:\n", 1, "does not parse"),
        ("import deal\n@deal.pre(unknown)\ndef f(x): pass\n", 2, "not defined in this file"),
        ("import deal\n@deal.pre(lambda *a: a)\ndef f(x): pass\n", 2, "over *args"),
        ("import deal\n@deal.pre(p.q)\ndef f(x): pass\n", 2, "neither lambda nor name"),
        ("import deal\n@deal.wat(lambda x: x)\ndef f(x): pass\n", 2, "not one that the judge"),
        (
            "import icontract\n@icontract.ensure(lambda OLD: OLD.y)\ndef f(x): pass\n",
            2,
            "names nothing known",
        ),
        (
            "import deal\nclass K:\n    @deal.pre(lambda self: 1)\n    def m(self): pass\n",
            4,
            "the method `K.m` carries a contract",
        ),
    ],
)
def test_what_cannot_be_read_is_a_line_and_a_sentence(text: str, line: int, says: str) -> None:
    (item,) = submissions_from_source(text)
    assert isinstance(item, BadLine)
    assert item.line == line
    assert says in item.message


def test_a_file_that_is_not_utf8_is_named_and_a_mark_at_its_start_is_no_fault() -> None:
    (item,) = submissions_from_source(b"x = 1\n# \xff\n", "odd.py")
    assert isinstance(item, BadLine)
    assert (item.line, "odd.py is not UTF-8" in item.message) == (2, True)
    (good,) = submissions_from_source(b"\xef\xbb\xbfdef f(x: int):\n    assert x\n    return x\n")
    assert isinstance(good, Submission)


def test_every_function_with_a_contract_is_found_once() -> None:
    items = submissions_from_source(
        "def a(x: int):\n    assert x\n    return x\n\ndef b(x): return x\n\n"
        "def a(x: int):\n    assert x > 1\n    return x\n"
    )
    assert [(i.line, getattr(i, "entry_point", None)) for i in items] == [(7, "a")]
