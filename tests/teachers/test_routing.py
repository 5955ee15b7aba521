"""Routing: kinds of tasks, calibrated trust in the student, and a bandit that saves money."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from teachers.routing import DatasetRouter, Stored, calibrate, categorise, simulate


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Implement a function that sorts a list of integers.", "code"),
        ("```python\ndef f(): ...\n```\nwhat is wrong here?", "code"),
        ("How are you today?", "chat"),
        ("What does this screenshot show?", "vision"),
        ("Show the CPU usage and restart the service.", "system"),
    ],
)
def test_a_prompt_is_put_into_its_category(text: str, name: str) -> None:
    category = categorise(text)
    assert category.name == name
    assert 0 < category.confidence <= 1


def test_a_persons_word_and_an_image_decide() -> None:
    assert categorise("def f(): pass", override="chat").name == "chat"
    assert categorise("hello", has_image=True).name == "vision"


def history(seed: int, count: int = 600) -> list[Stored]:
    """Return a made-up stored run: a free source good at one category, two that cost."""
    random = Random(seed)
    rates = {
        "free": {"int": 0.9, "list": 0.05},
        "cheap": {"int": 0.7, "list": 0.8},
        "dear": {"int": 0.95, "list": 0.95},
    }
    prices = {"free": Decimal(0), "cheap": Decimal("0.001"), "dear": Decimal("0.02")}
    runs = []
    for number in range(count):
        category = random.choice(["int", "list"])
        outcomes = {
            source: (random.random() < rate[category], prices[source])
            for source, rate in rates.items()
        }
        runs.append(Stored(f"t{number}", category, outcomes))
    return runs


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_bandit_gets_proved_answers_for_a_fraction_of_asking_everybody(seed: int) -> None:
    price = {"free": Decimal(0), "cheap": Decimal("0.001"), "dear": Decimal("0.02")}
    routed, everybody = simulate(history(seed), DatasetRouter(price, seed=seed))
    assert routed.cost_per_proved is not None
    assert everybody.cost_per_proved is not None
    assert routed.cost_per_proved < everybody.cost_per_proved / 3
    assert routed.proved >= 0.95 * everybody.proved


def test_the_bandit_repeats_itself_and_says_why() -> None:
    price = {"a": Decimal(0), "b": Decimal(1)}
    first, second = (DatasetRouter(price, seed=4) for _ in range(2))
    chosen = first.choose("int")
    assert chosen == second.choose("int")
    assert chosen is not None
    assert "0 of 0" in chosen.why
    assert first.choose("int", exclude=["a", "b"]) is None


def test_a_router_without_sources_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one source"):
        DatasetRouter({})


def test_the_student_is_trusted_by_observed_rates_and_not_by_its_own_word() -> None:
    boastful = [(0.95, number % 4 == 0) for number in range(40)]
    modest = [(0.55, number % 10 != 0) for number in range(40)]
    router = calibrate([*boastful, *modest], threshold=0.8)
    assert router.student_answers(0.55)
    assert not router.student_answers(0.95)
    assert not router.student_answers(0.1), "nothing is known there"
    assert {each.count for each in router.bins} == {40}


def test_scores_outside_zero_and_one_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate([(1.5, True)], threshold=0.5)


def test_a_category_with_enough_history_goes_by_its_own_and_the_others_by_all() -> None:
    strong = [(0.9, True)] * 30
    weak = [(0.9, False)] * 30
    few = [(0.9, True)] * 3
    names = ["integers"] * 30 + ["lists"] * 30 + ["bits"] * 3
    router = calibrate([*strong, *weak, *few], threshold=0.8, categories=names)
    assert router.student_answers(0.9, "integers")
    assert not router.student_answers(0.9, "lists"), "the same score means little there"
    assert set(router.by_category) == {"integers", "lists"}
    assert not router.measured("bits")
    assert router.chance(0.9, "bits") == router.chance(0.9) == (33 + 0.5) / 64
    assert router.chance(0.2, "integers") == 0.0, "never shown there, never trusted there"
    with pytest.raises(ValueError, match="zip"):
        calibrate([*strong], threshold=0.8, categories=["integers"])
