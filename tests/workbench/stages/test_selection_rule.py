"""The rule that chooses winners: gates, order, reasons, and that it is a function of its inputs."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from typing import Any

import pytest

from workbench.stages.selection_rule import RULE, RULES, apply_rule, funnel, program_size


def candidate(answer: int, **more: Any) -> dict[str, Any]:
    return {
        "answer": answer,
        "candidate": f"{answer:064x}",
        "source": f"teacher-{answer}",
        "verdict": "proved",
        "training": "allowed",
        "basis": "free",
        "same": 0,
        "others": 1,
        "right": 0,
        "wrong": 0,
        "all_right": 0,
        "all_wrong": 0,
        "attempt": 0,
        "size": 9,
        "characters": 50,
        "rejected": None,
        **more,
    }


def inputs(
    *candidates: dict[str, Any], split: str = "train", rule: str = RULE, **policy: Any
) -> dict[str, Any]:
    if rule == RULE:
        policy.setdefault("margin", 0.05)
    return {
        "rule": rule,
        "policy": {
            "accept": ["proved"],
            "weights": {"verification": 0.5, "agreement": 0.3, "history": 0.2},
            **policy,
        },
        "tasks": [{"task": "t", "category": "c", "split": split, "candidates": list(candidates)}],
    }


def winner(*candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return apply_rule(inputs(*candidates, **more))[0]


def test_the_score_is_the_weighted_sum_and_every_term_is_visible() -> None:
    won = winner(candidate(1, same=1, others=1, right=3, wrong=0))
    assert won["score"] == pytest.approx(0.5 * 1.0 + 0.3 * 1.0 + 0.2 * 4 / 5)
    assert won["terms"]["history"] == {"value": 0.8, "weight": 0.2}
    assert "teacher-1 won with proved" in won["reason"]


@pytest.mark.parametrize(
    "verdict", ["partial", "unknown", "refuted", "unsafe", "malformed", "vacuous", "error"]
)
def test_a_verdict_below_the_gate_never_wins_however_good_the_rest(verdict: str) -> None:
    won = winner(candidate(1, verdict=verdict, same=1, right=1000))
    assert won["answer"] is None
    assert f"teacher-1: {verdict}" in won["reason"]


def test_tested_wins_only_where_the_policy_accepts_it() -> None:
    assert winner(candidate(1, verdict="tested"))["answer"] is None
    accept = ["proved", "bounded", "tested"]
    assert winner(candidate(1, verdict="tested"), accept=accept)["answer"] == 1


def test_a_proof_wins_over_a_test_when_the_rest_is_the_same() -> None:
    accept = ["proved", "bounded", "tested"]
    tested = candidate(1, verdict="tested")
    assert winner(tested, candidate(2), accept=accept)["answer"] == 2


@pytest.mark.parametrize("policy", ["unknown", "forbidden"])
def test_terms_that_do_not_allow_training_block_with_the_reason(policy: str) -> None:
    won = winner(candidate(1, training=policy, basis="nobody read them"))
    assert won["answer"] is None
    assert f"is {policy} (nobody read them)" in won["reason"]


def test_a_persons_rejection_blocks() -> None:
    won = winner(candidate(1, rejected="reads badly"), candidate(2, same=0))
    assert won["answer"] == 2


def test_a_held_out_task_has_no_winner() -> None:
    won = winner(candidate(1), split="eval")
    assert won["answer"] is None
    assert "held out" in won["reason"]


def test_no_answer_is_a_reason() -> None:
    assert winner()["reason"] == "No source answered with code."


def test_near_the_best_score_the_simplest_program_wins() -> None:
    surer = candidate(1, right=40, wrong=0, size=12)
    simpler = candidate(2, right=30, wrong=1, size=9)
    assert winner(surer, simpler)["answer"] == 2
    assert "the simplest of 2" in winner(surer, simpler)["reason"]
    assert winner(surer, simpler, margin=0.0)["answer"] == 1


def test_simplicity_does_not_reach_beyond_the_margin() -> None:
    agreed = candidate(1, same=1, others=1, size=30)
    alone = candidate(2, same=0, others=1, size=3)
    assert winner(agreed, alone)["answer"] == 1


def test_of_equally_simple_programs_the_source_with_the_better_record_wins() -> None:
    often_right = candidate(1, all_right=90, all_wrong=1, characters=70)
    often_wrong = candidate(2, all_right=90, all_wrong=30)
    assert winner(often_right, often_wrong)["answer"] == 1


def test_ties_are_broken_by_attempt_then_length_then_names() -> None:
    for rule in RULES:
        assert winner(candidate(1, attempt=1), candidate(2), rule=rule)["answer"] == 2
        assert winner(candidate(1, characters=60), candidate(2), rule=rule)["answer"] == 2
        assert winner(candidate(2), candidate(1), rule=rule)["answer"] == 1


def test_the_first_version_lets_the_score_alone_decide() -> None:
    surer = candidate(1, right=40, size=12)
    assert winner(surer, candidate(2, right=30, size=9), rule="verified-first/1")["answer"] == 1


@pytest.mark.parametrize("margin", [-0.1, "wide", True, float("nan")])
def test_a_margin_that_is_no_distance_is_refused(margin: object) -> None:
    with pytest.raises(ValueError, match="margin"):
        winner(candidate(1), margin=margin)


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ("def f(a: int) -> int:\n    return a\n", 1),
        ('def f(a):\n    """Say a."""\n    return a + 1\n', 3),
        ("def f(a, b):\n    return a if a > b else b\n", 6),
        ("def f(a, b):\n    if a > b:\n        return a\n    return b\n", 6),
        ("def f(xs):\n    return sum(x for x in xs)\n", 7),
        ("def f(a):\n    return " + " + ".join(["a"] * 900), 1799),
        ("def f(:", 7),
        ("", 1),
    ],
)
def test_the_size_of_a_program_does_not_depend_on_how_it_is_laid_out(code: str, size: int) -> None:
    assert program_size(code) == size


def test_the_order_of_the_candidates_does_not_matter() -> None:
    several = [candidate(n, same=n % 2, right=n % 3, size=8 + n % 3) for n in range(1, 9)]
    expected = winner(*several)
    for seed in range(10):
        shuffled = copy.deepcopy(several)
        random.Random(seed).shuffle(shuffled)
        assert winner(*shuffled) == expected


def test_applying_the_rule_changes_nothing_in_its_inputs() -> None:
    given = inputs(candidate(1), candidate(2))
    before = json.dumps(given)
    apply_rule(given)
    assert json.dumps(given) == before


def test_the_funnel_counts_what_is_left_after_each_gate() -> None:
    found = funnel(
        inputs(candidate(1), candidate(2, training="unknown"), candidate(3, verdict="refuted"))
    )
    assert found == {"tasks": 1, "candidates": 3, "verified": 2, "trainable": 1, "winners": 1,
                     "removed": 0}  # fmt: skip


def test_inputs_of_another_rule_are_refused() -> None:
    with pytest.raises(ValueError, match="other/1"):
        apply_rule({**inputs(), "rule": "other/1"})


def test_a_policy_cannot_accept_what_is_refuted() -> None:
    with pytest.raises(ValueError, match="cannot accept 'refuted'"):
        winner(accept=["proved", "refuted"])


@pytest.mark.parametrize("rule", RULES)
def test_the_verifier_of_certificates_chooses_the_same_winners(rule: str) -> None:
    from workbench.certificate.evidence import SelectionRecord
    from workbench.certificate.rules import winner as verified_winner
    from workbench.certificate.strict import model_of

    for seed in range(200):
        draw = random.Random(seed)
        verdicts = ("proved", "bounded", "tested", "refuted", "unknown")
        several = []
        for number in range(1, draw.randint(2, 6)):
            others = draw.randint(0, 3)
            several.append(
                candidate(
                    number,
                    verdict=draw.choice(verdicts),
                    others=others,
                    same=draw.randint(0, others),
                    right=draw.randint(0, 5),
                    wrong=draw.randint(0, 5),
                    attempt=draw.randint(0, 2),
                    all_right=draw.randint(0, 9),
                    all_wrong=draw.randint(0, 3),
                    size=draw.randint(5, 7),
                    characters=draw.randint(40, 42),
                    training=draw.choice(("allowed", "allowed", "unknown")),
                )
            )
        given = inputs(*several, accept=["proved", "bounded", "tested"], rule=rule)
        ours = apply_rule(given)[0]["answer"]
        record = model_of(SelectionRecord, given["tasks"][0], "record")
        theirs = verified_winner(rule, given["policy"], record)
        assert ours == (None if theirs is None else theirs.answer)


def test_the_rule_loads_nothing_heavy() -> None:
    code = (
        "import sys, workbench.stages.selection_rule\n"
        "heavy = {'sqlmodel', 'sqlalchemy', 'torch', 'z3', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
