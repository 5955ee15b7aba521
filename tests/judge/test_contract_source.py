"""Candidates as text: limits, syntax, entry point, agreement with the task's signature."""

from __future__ import annotations

import pytest

from judge.reading import Fault, Source, read_source, signature_of

ASKED = "def f(x: int) -> int"


@pytest.mark.parametrize(
    "code",
    [
        "def f(x: int) -> int:\n    return x",
        "def f(x):\n    return x",
        'def f(x: "int"):\n    return x',
        "def f(x: int, extra: int = 3):\n    return x",
        "def f(number: int) -> int:\n    return number",
        "if True:\n    def f(x):\n        return x",
        "from math import factorial as f",
        "f = lambda x: x",
        "def f(x: 'Sized'):\n    return x",
        "def ｆ(x):\n    return x",
        "def f(x):\n    return '\\d'",
        "def f(x):\n"
        + "".join(f"    {'el' * (i > 0)}if x == {i}: return {i}\n" for i in range(80)),
    ],
)
def test_code_that_fits_the_task_is_read(code: str) -> None:
    assert isinstance(read_source(code, "f", ASKED), Source)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "there is no code"),
        ("   \n", "there is no code"),
        ("def f(x:\n", "does not parse"),
        ("def f(x):\nreturn x", "does not parse"),
        ("def g(x): return x", "does not define `f`; it defines `g`"),
        ("x = 1", "it defines no function"),
        ("async def f(x): return x", "async"),
        ("def f(x, y): return x", "takes 2 arguments and the task gives 1"),
        ("def f(): return 1", "takes 0 arguments and the task gives 1"),
        ("def f(x: float): return 1", "annotated `float` and the task says `int`"),
        ("def f(x, *, y): return 1", "keyword-only argument `y`"),
        ("(" * 5_000 + ")" * 5_000, "nested more than 90 deep"),
        ("x = " + "-" * 5_000 + "1", "nested too deeply"),
        ("x = a" + ".b" * 5_000, "nested too deeply"),
        ("x = " + "+".join(["1"] * 500), "nests expressions"),
        ("def f(x):\n" + "".join("  " * i + "if x:\n" for i in range(1, 200)), "nested more than"),
        ("x" * 10_000_000, "has 10,000,000 bytes"),
        ("x = '\ud800'", "lone surrogate U+D800"),
        ("x = 1\0", "NUL"),
        ("x = 1  # \u202e", "RIGHT-TO-LEFT OVERRIDE"),
    ],
)
def test_every_other_code_is_a_sentence(code: str, says: str) -> None:
    fault = read_source(code, "f", ASKED)
    assert isinstance(fault, Fault)
    assert says in str(fault)


def test_arguments_in_another_order_are_named_and_new_names_are_not() -> None:
    asked = "def f(low: int, high: int) -> int"
    fault = read_source("def f(high, low): return low", "f", asked)
    assert isinstance(fault, Fault)
    assert "parameter 1 is called `high` and the task calls it `low`" in fault.message
    assert isinstance(read_source("def f(a, b): return a", "f", asked), Source)


def test_a_look_alike_name_is_spelled_out() -> None:
    fault = read_source("def сlamp(x): return x", "clamp")
    assert isinstance(fault, Fault)
    assert "CYRILLIC SMALL LETTER ES" in fault.message


@pytest.mark.parametrize(
    ("mine", "theirs", "agree"),
    [
        ("List[int]", "list[int]", True),
        ("Optional[int]", "int | None", True),
        ("Union[int, None]", "Optional[int]", True),
        ("list", "list[int]", True),
        ("typing.List[int]", "list[int]", True),
        ("list[str]", "list[int]", False),
        ("Dict[str, int]", "dict[str, int]", True),
        ("dict[int, int]", "dict[str, int]", False),
        ("int", "int | None", False),
        ("Any", "int", True),
        ("Sequence[int]", "list[int]", True),
        ("tuple", "list[int]", False),
    ],
)
def test_annotations_agree_when_they_mean_the_same_values(
    mine: str, theirs: str, agree: bool
) -> None:
    found = read_source(f"def f(x: {mine}): return x", "f", f"def f(x: {theirs})")
    assert isinstance(found, Source) is agree


def test_a_signature_is_read_with_and_without_a_body() -> None:
    for tail in ("", ":", ": ..."):
        shape = signature_of(f"def f(x: int, y: str = 'a') -> bool{tail}")
        assert not isinstance(shape, Fault)
        assert shape.parameters == (("x", "int"), ("y", "str"))
        assert shape.required == 1
        assert shape.returns == "bool"
    assert isinstance(signature_of("f(x)"), Fault)
