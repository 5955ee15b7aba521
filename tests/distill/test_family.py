"""The task family: text, meaning, contract and split agree with each other."""

from __future__ import annotations

import ast
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.family import FamilyTask, generate, held_out_family, python
from distill.family.contracts import conditions, examples
from distill.family.pretraining import sample
from distill.family.rewrite import tidy, vary
from distill.family.shapes import CATEGORIES, draw, family
from distill.family.syntax import Binary, Const, Var, evaluate, mutants
from distill.family.wording import Words

SEEDS = st.integers(0, 10**6)


def run(code: str, name: str) -> Any:
    space: dict[str, Any] = {}
    exec(code, space)  # our own rendering of our own syntax, never a candidate
    return space[name]


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.sampled_from(["concise", "guards", "steps"]))
def test_the_python_text_computes_what_the_syntax_means(seed: int, style: str) -> None:
    random = Random(seed)
    drawn = draw(random)
    pairs = examples(drawn, random)
    head = python.signature("f", drawn.parameters, drawn.returns)
    function = run(python.function(head, drawn.body, style), "f")
    other = run(python.function(head, vary(drawn.body, random), style), "f")
    order = {name: place for place, (name, _) in enumerate(drawn.parameters)}
    neat = run(python.function(head, tidy(drawn.body, order), style), "f")
    for args, expected in pairs or ():
        assert function(*args) == other(*args) == neat(*args) == expected


def variables(task: FamilyTask) -> list[str]:
    node = ast.parse(task.signature + ": ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    return [arg.arg for arg in node.args.args]


@pytest.mark.parametrize("seed", [0, 1])
def test_contracts_hold_for_the_reference_and_break_for_a_wrong_result(seed: int) -> None:
    for task in generate(seed, 120, held_out=30):
        function, names = run(task.reference, task.entry_point), variables(task)
        for args, expected in task.examples:
            space = dict(zip(names, args, strict=True))
            assert all(eval(clause, dict(space)) for clause in task.requires)
            assert function(*args) == expected
            assert all(eval(clause, {**space, "result": expected}) for clause in task.ensures)
            wrong = [*expected, 0] if isinstance(expected, list) else expected + 100_000  # type: ignore[operator]
            assert not all(eval(clause, {**space, "result": wrong}) for clause in task.ensures)


def test_the_same_seed_gives_the_same_tasks_and_another_seed_gives_others() -> None:
    one, again, other = generate(4, 60, held_out=20), generate(4, 60, held_out=20), generate(5, 60)
    assert one == again
    assert not {task.prompt for task in one} & {task.prompt for task in other}


def test_no_family_is_on_both_sides_of_the_split() -> None:
    tasks = generate(7, 300, held_out=80)
    trained = {task.family for task in tasks if task.split == "train"}
    held = {task.family for task in tasks if task.split == "eval"}
    assert len(held) > 40
    assert not trained & held
    assert all(held_out_family(name, 7) for name in held)


def test_no_prompt_and_no_identity_occurs_twice() -> None:
    tasks = generate(2, 400, held_out=60)
    assert len({task.id for task in tasks}) == len(tasks) == 460
    assert len({task.prompt for task in tasks}) == len(tasks)


def test_every_category_is_drawn_and_every_prompt_shows_the_signature() -> None:
    tasks = generate(0, 400)
    assert {task.category for task in tasks} == set(CATEGORIES)
    assert all(task.signature in task.prompt for task in tasks)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        generate(0, -1)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_examples_tell_the_function_from_nearly_all_its_mutants(seed: int) -> None:
    random = Random(seed)
    drawn = draw(random)
    pairs = examples(drawn, random)
    if pairs is None:
        return
    names = [name for name, _ in drawn.parameters]

    def agrees(node: Any) -> bool:
        try:
            return all(
                evaluate(node, dict(zip(names, args, strict=True))) == expected  # type: ignore[arg-type]
                for args, expected in pairs
            )
        except (ValueError, ZeroDivisionError):
            return False

    assert agrees(drawn.body)
    alive = [node for node in mutants(drawn.body) if agrees(node)]
    assert len(alive) <= 2 + len(list(mutants(drawn.body))) // 3


def test_a_conditional_result_is_compared_as_a_whole() -> None:
    found = [c for task in generate(0, 200) for c in task.ensures if " if " in c and "for" not in c]
    assert found
    assert all(clause.startswith("result == (") for clause in found if "else" in clause)


def test_the_dialects_say_the_same_in_other_words() -> None:
    node = Binary("add", Var("a"), Const(3))
    spoken = {d: {Words(d, Random(i)).value(node) for i in range(20)} for d in "AB"}
    assert spoken["A"] == {"a plus 3", "the sum of a and 3"}
    assert not spoken["A"] & spoken["B"]


def test_pretraining_never_shows_a_whole_task_in_the_target_dialect() -> None:
    random = Random(0)
    prompts = {sample(random)[0] for _ in range(3000)}
    assert not prompts & {task.prompt for task in generate(0, 500, held_out=100)}
    never = (" increased by ", " reduced by ", " top value ", " smallest ", " come to", " tally ")
    assert not [prompt for prompt in prompts if any(words in prompt for words in never)]


def test_family_names_forget_names_and_constants() -> None:
    one = Binary("add", Var("a"), Const(3))
    assert family(one) == family(Binary("add", Var("q"), Const(9))) == "add(v,k)"


def test_max_of_a_list_without_default_requires_an_element() -> None:
    random = Random(0)
    needed = [conditions(draw(random, "fold"))[0] for _ in range(300)]
    assert any(clauses and "len(" in clauses[0] for clauses in needed)
