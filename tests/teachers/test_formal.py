"""The two formal teachers: right, readable, repeatable, and honest about what they cannot do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachers import Answer, Finish, Prompt, Sampling, Specification, Teacher, extract_code
from teachers.child import Child
from teachers.codec import specification_fields
from teachers.enumeration import ExamplesTeacher
from teachers.formal.order import mention_order, tidy
from teachers.formal.read import OutsideError, read
from teachers.formal.term import evaluate
from teachers.formal.write import expression
from teachers.synthesis import SynthesisTeacher


@pytest.fixture(scope="module")
def synthesis() -> Iterator[Teacher]:
    teacher = SynthesisTeacher()
    yield teacher
    asyncio.run(teacher.close())


@pytest.fixture(scope="module")
def examples() -> Iterator[Teacher]:
    teacher = ExamplesTeacher()
    yield teacher
    asyncio.run(teacher.close())


def ask(teacher: Teacher, specification: Specification, text: str = "Write it.") -> Answer:
    """Ask once."""
    return asyncio.run(teacher.answer(Prompt.of(text, specification=specification), Sampling()))


def contract(
    parameters: str, ensures: tuple[str, ...], requires: tuple[str, ...] = (), returns: str = "int"
) -> Specification:
    """Return a specification over integers named by ``parameters``."""
    names = tuple((name, "int") for name in parameters.split())
    return Specification("f", names, returns, requires, ensures)


def by_example(
    function: Callable[..., object], parameters: str, rows: list[tuple[object, ...]]
) -> Specification:
    """Return a specification that only has examples of ``function``."""
    names = tuple(
        (name, "list[int]" if name.endswith("s") else "int") for name in parameters.split()
    )
    shown = tuple((row, function(*row)) for row in rows)
    kind = {bool: "bool", int: "int", list: "list[int]"}[type(shown[0][1])]
    return Specification("f", names, kind, examples=shown)


def source(answer: Answer) -> str:
    """Return the code of an answer that has some."""
    assert answer.finish is Finish.STOP, answer.text
    code = extract_code(answer.text, "f").code
    assert code is not None
    return code


def callable_of(answer: Answer) -> Callable[..., object]:
    """Return the function that a formal teacher, our own code, wrote."""
    space: dict[str, object] = {}
    exec(source(answer), space)
    function = space["f"]
    assert callable(function)
    return function


@pytest.mark.parametrize(
    ("specification", "truth"),
    [
        (contract("a b", ("result == abs(a - b)",)), lambda a, b: abs(a - b)),
        (
            contract("a b c", ("result >= a", "result >= b", "result >= c",
                               "result == a or result == b or result == c")),
            lambda a, b, c: max(a, b, c),
        ),
        (contract("a", ("result == a % -7",)), lambda a: a % -7),
        (contract("a", ("result == (3 * a + 5) // 4",)), lambda a: (3 * a + 5) // 4),
        (contract("a", ("result == a // -3",)), lambda a: a // -3),
        (
            contract("a b", ("result == (a * 3 - b if a > b else b + 7)",)),
            lambda a, b: a * 3 - b if a > b else b + 7,
        ),
        (contract("a b", ("result == (0 < b < a)",), returns="bool"), lambda a, b: 0 < b < a),
        (contract("a b", ("result == a * b + 3",)), lambda a, b: a * b + 3),
    ],
)  # fmt: skip
def test_synthesis_meets_the_contract_on_every_input_tried(
    synthesis: Teacher, specification: Specification, truth: Callable[..., object]
) -> None:
    function = callable_of(ask(synthesis, specification))
    for point in itertools.product(
        (-23, -8, -1, 0, 1, 5, 6, 7, 30), repeat=len(specification.parameters)
    ):
        assert function(*point) == truth(*point), point


def test_synthesis_respects_a_precondition(synthesis: Teacher) -> None:
    clamp = contract(
        "x lo hi",
        ("lo <= result <= hi", "result == x or result == lo or result == hi",
         "result == x or x < lo or x > hi", "result == lo or x >= lo",
         "result == hi or x <= hi"),
        ("lo <= hi",),
    )  # fmt: skip
    function = callable_of(ask(synthesis, clamp))
    for x, lo, width in itertools.product(range(-6, 7), range(-4, 4), range(4)):
        assert function(x, lo, lo + width) == min(max(x, lo), lo + width)


def test_the_largest_of_five_is_one_readable_line(synthesis: Teacher) -> None:
    names = "a b c d e"
    bounds = tuple(f"result >= {name}" for name in names.split())
    chosen = " or ".join(f"result == {name}" for name in names.split())
    code = source(ask(synthesis, contract(names, (*bounds, chosen))))
    assert code.splitlines()[1].strip() == "return max(a, b, c, d, e)"


@pytest.mark.parametrize(
    ("specification", "part"),
    [
        (contract("a", ()), "no postcondition"),
        (contract("a", ("result == a ** 2",)), "Pow"),
        (contract("a b", ("result == a // b",)), "divisor"),
        (contract("a", ("result == sum(range(a))",)), "range"),
        (contract("a", ("result >",)), "not a Python expression"),
        (contract("a", ("(result > a) + 1 == 2",)), "mixed"),
        (contract("a", ("result > a", "result < a")), "no function"),
        (Specification("f", (("xs", "list[int]"),), "int", (), ("result > 0",)), "list[int]"),
    ],
)
def test_synthesis_says_what_it_cannot_do(
    synthesis: Teacher, specification: Specification, part: str
) -> None:
    answer = ask(synthesis, specification)
    assert answer.finish is Finish.CANNOT
    assert part in answer.text


def test_synthesis_does_not_answer_against_the_examples(synthesis: Teacher) -> None:
    loose = Specification(
        "f", (("a", "int"),), "int", (), ("result >= a",), (((1,), 5), ((2,), 6), ((9,), 13))
    )
    answer = ask(synthesis, loose)
    if answer.finish is Finish.STOP:
        assert [callable_of(answer)(a) for a in (1, 2, 9)] == [5, 6, 13]


LISTS: list[tuple[object, ...]] = [
    ([1, 2, 3, 4],), ([],), ([-5, 7, 7, 0],), ([10],), ([-3, -2],), ([4, 5, 9, 12, -1],),
    ([6, 3, 8],), ([3, 4, 4],),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "parameters", "rows", "expected"),
    [
        (lambda xs: sum(x for x in xs if x > 3), "xs", LISTS, "sum(x for x in xs if x > 3)"),
        (lambda xs: len([x for x in xs if x % 2 == 0]), "xs", LISTS, "% 2 == 0"),
        (lambda xs: [x * 2 for x in xs if x > 0], "xs", LISTS, "[x * 2 for x in xs if x > 0]"),
        (lambda xs: max(xs, default=0), "xs", LISTS, "max(xs, default=0)"),
        (lambda xs: sum(x * x for x in xs), "xs", LISTS, "x * x"),
        (lambda xs: all(x > 0 for x in xs), "xs", LISTS, "all("),
        (lambda xs: sorted(xs), "xs", LISTS, "sorted(xs)"),
    ],
)
def test_examples_of_list_functions_become_readable_code(
    examples: Teacher,
    function: Callable[..., object],
    parameters: str,
    rows: list[tuple[object, ...]],
    expected: str,
) -> None:
    answer = ask(examples, by_example(function, parameters, rows), "entries above 3, twice")
    assert expected in source(answer)
    for row in [*rows, ([8, 1, -9, 3, 20],)]:
        assert callable_of(answer)(*row) == function(*row)


def test_every_answer_of_the_examples_teacher_fits_every_example(examples: Teacher) -> None:
    rows: list[tuple[object, ...]] = [
        (a, b) for a, b in [(1, 9), (5, 5), (-3, 2), (8, -1), (0, 0), (12, 30), (7, 6), (-9, -9)]
    ]
    specification = by_example(lambda a, b: a * 2 - b if a > b else b + 11, "a b", rows)
    function = callable_of(ask(examples, specification, "above, 11, twice"))
    for args, result in specification.examples:
        assert function(*args) == result


def test_a_refuting_input_makes_the_examples_teacher_look_again(examples: Teacher) -> None:
    few = Specification(
        "f",
        (("a", "int"), ("b", "int")),
        "int",
        ensures=("result == max(a, b) + 1",),
        examples=(((1, 5), 6), ((2, 9), 10)),
    )
    first = callable_of(ask(examples, few))
    assert first(7, 3) == 4, "two examples do not tell a maximum from its second operand"
    again = Specification(
        few.entry_point, few.parameters, few.returns, (), few.ensures, few.examples,
        counterexamples=((7, 3),),
    )  # fmt: skip
    assert callable_of(ask(examples, again))(7, 3) == 8


def test_a_relational_contract_tells_the_right_result_of_a_refuting_input(
    examples: Teacher,
) -> None:
    ensures = ("result >= a", "result >= b", "result == a or result == b")
    specification = Specification(
        "f", (("a", "int"), ("b", "int")), "int", (), ensures, (((1, 5), 5), ((2, 9), 9)),
        counterexamples=((7, 3), (-1, -4)),
    )  # fmt: skip
    function = callable_of(ask(examples, specification))
    assert (function(7, 3), function(-1, -4)) == (7, -1)


@pytest.mark.parametrize(
    ("specification", "part"),
    [
        (Specification("f", (("a", "int"),), "int"), "no examples"),
        (Specification("f", (("s", "str"),), "str", examples=((("a",), "b"),)), "s: str"),
        (Specification("f", (("a", "int"),), "int", examples=(((1, 2), 3),)), "2 arguments"),
        (
            Specification("f", (("a", "int"),), "int", examples=(((1,), 3), ((1,), 4))),
            "no program",
        ),
        (Specification("f", (("a", "int"),), "float", examples=(((1,), 0.5),)), "0.5"),
    ],
)
def test_the_examples_teacher_says_what_it_cannot_do(
    examples: Teacher, specification: Specification, part: str
) -> None:
    answer = ask(examples, specification)
    assert answer.finish is Finish.CANNOT
    assert part in answer.text


def test_prose_alone_is_an_honest_no(examples: Teacher, synthesis: Teacher) -> None:
    for teacher in (examples, synthesis):
        answer = asyncio.run(teacher.answer(Prompt.of("write a sort"), Sampling()))
        assert answer.finish is Finish.CANNOT


def test_answers_are_the_same_in_a_new_process() -> None:
    specification = by_example(lambda xs: sum(x for x in xs if x > 3) * 2, "xs", LISTS)
    texts = set()
    for _ in range(2):
        teacher = ExamplesTeacher()
        texts.add(ask(teacher, specification).text)
        asyncio.run(teacher.close())
    assert len(texts) == 1


def test_a_killed_child_is_a_failure_and_the_next_job_gets_a_new_one() -> None:
    child = Child(fuse=0.0)
    specification = specification_fields(by_example(lambda xs: len(xs), "xs", LISTS))
    job = {"name": "examples", "specification": specification, "hint": ""}
    assert "failed" in child.run(job)
    child._fuse = 60.0
    assert "len(xs)" in child.run(job)["code"]
    child.close()


def test_the_child_does_not_inherit_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-key-0123456789")
    child = Child()
    child.run({"name": "examples", "specification": specification_fields(contract("a", ()))})
    assert child._process is not None
    environment = Path(f"/proc/{child._process.pid}/environ")
    if not environment.exists():
        pytest.skip("no /proc on this system")
    assert b"not-a-real-key" not in environment.read_bytes()
    child.close()


@pytest.mark.parametrize(
    "text",
    ["a - (b - 3)", "-(a + b) * 2", "a // 3 % 5", "abs(a) if a < b else -b",
     "not (a < b and b < 3)", "max(a, b, 3) - min(a, b)", "a % 3 == 0 or b != 1", "--a",
     "(a if a > b else b) + 1", "a - -3", "1 - (2 - a) * (b - a)"],
)  # fmt: skip
def test_reading_writing_and_python_agree(text: str) -> None:
    kinds = {"a": "int", "b": "int"}
    term = read(text, kinds)
    written = expression(term)
    for a, b in itertools.product(range(-5, 6), repeat=2):
        truth = eval(text, {}, {"a": a, "b": b})
        assert evaluate(term, {"a": a, "b": b}) == truth
        assert eval(written, {}, {"a": a, "b": b}) == truth, written


@pytest.mark.parametrize("text", ["__import__('os')", "a.b", "open('x')", "a if b", "lambda: a"])
def test_what_is_not_in_the_language_is_refused_by_name(text: str) -> None:
    with pytest.raises(OutsideError, match=r"outside|expression"):
        read(text, {"a": "int", "b": "int"})


@pytest.mark.parametrize(
    ("given", "settled"),
    [("3 + b", "b + 3"), ("5 * a", "a * 5"), ("a + (4 - b)", "a - b + 4"), ("b + a", "a + b"),
     ("max(b, a) - min(a, b)", "abs(a - b)"), ("abs(b - a) * 2", "abs(a - b) * 2"),
     ("max(3, b, a)", "max(a, b, 3)"), ("a % 5 < 1", "a % 5 == 0"), ("3 - a", "3 - a"),
     ("0 - a", "-a"), ("-(a - 2)", "2 - a")],
)  # fmt: skip
def test_equal_programs_are_written_in_one_settled_form(given: str, settled: str) -> None:
    kinds = {"a": "int", "b": "int"}
    term = tidy(read(given, kinds), mention_order(["b", "a"], ["result == a + b"]))
    assert expression(term) == settled


@given(st.recursive(
    st.sampled_from(["a", "b", "c", "0", "1", "7"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "% 3 +", "// 2 -"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(st.sampled_from(["max", "min"]), inner, inner).map(
            lambda parts: f"{parts[0]}({parts[1]}, {parts[2]})"
        ),
        inner.map(lambda text: f"abs({text})"),
        inner.map(lambda text: f"(-{text})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} if {two[1]} % 4 < 1 else {two[0]})"),
    ),
    max_leaves=8,
))  # fmt: skip
def test_the_settled_form_means_the_same(text: str) -> None:
    term = read(text, dict.fromkeys("abc", "int"))
    settled = tidy(term, {"b": 0, "a": 1, "c": 2})
    for a, b, c in itertools.product((-7, 0, 3), repeat=3):
        env = {"a": a, "b": b, "c": c}
        assert evaluate(settled, env) == evaluate(term, env), expression(settled)


def test_a_result_that_the_contract_names_is_written_as_it_is_named(synthesis: Teacher) -> None:
    said = contract("a b", ("result == (9 if b > 3 else a if b == 1 else b - a)",))
    body = source(ask(synthesis, said)).splitlines()[1:]
    assert [line.strip() for line in body] == [
        "if b > 3:", "return 9", "if b == 1:", "return a", "return b - a",
    ]  # fmt: skip
