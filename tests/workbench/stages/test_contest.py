"""Duels, scaling and ablations: the same tasks, judge and budget for all, and honest intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.errors import InputError, StageError
from workbench.settings import PartialSettings, load_settings
from workbench.stages.ablate import arm_rows, run_ablation
from workbench.stages.contest import Budget, contest_tasks, sit
from workbench.stages.duel import run_duel
from workbench.stages.events import Reporter
from workbench.stages.plan import plan_round
from workbench.stages.round_config import RoundConfig
from workbench.stages.rounds import run_round
from workbench.stages.train import shipped_base
from workbench.store.database import Store

SMALL = {"lora": {"rank": 2, "alpha": 4}, "training": {"epochs": 1, "batch": 4}}


@pytest.fixture(scope="module")
def home(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    folder = tmp_path_factory.mktemp("home")
    settings = load_settings(overrides=PartialSettings(jobs=1), env={"WORKBENCH_HOME": str(folder)})
    config = RoundConfig.model_validate(
        {"family": {"seed": 5, "train": 6, "held_out": 4}, "base": str(base),
         "student_tokens": 24, "repair": 1, "training": SMALL}
    )  # fmt: skip
    with Store.open(settings) as store:
        name = plan_round(store, settings, config)
        run_round(store, settings, name, until="selected")
        yield store, name


def test_a_duel_says_who_is_ahead_beyond_chance(home: tuple[Store, str], base: Path) -> None:
    store, name = home
    tasks = contest_tasks(store, round_id=name)
    assert len(tasks) == 4
    found = run_duel(
        store, store.settings, ("base", "examples"), tasks, base=str(base),
        budget=Budget(max_tokens=24),
    )  # fmt: skip
    assert found.overall.n == 4
    assert (found.overall.before_rate, found.overall.after_rate) == (0.0, 1.0)
    assert found.sentence.startswith("examples is ahead of student:base: 0.0% -> 100.0%")
    assert {flip[2] for flip in found.flips} == {"proved"}
    assert found.passes["examples"][1][0] == 1.0
    # Turned round it is the same figures with the other sign, and nothing is asked again.
    back = run_duel(
        store, store.settings, ("examples", "base"), tasks, base=str(base),
        budget=Budget(max_tokens=24),
    )  # fmt: skip
    assert back.overall.gain == -1.0
    assert back.sentence.startswith("examples is ahead of student:base")
    with pytest.raises(InputError, match=r"no teacher 'nobody'\. Known are"):
        run_duel(store, store.settings, ("nobody", "neither"), tasks, base="/nowhere")
    with pytest.raises(InputError, match=r"no teacher 'nobody'\. Known are"):
        run_duel(store, store.settings, ("base", "nobody"), tasks, base="/nowhere")
    with pytest.raises(InputError, match="the same source"):
        run_duel(store, store.settings, ("base", str(base)), tasks, base=str(base))


def test_samples_are_independent_draws_and_give_pass_at_k(
    home: tuple[Store, str], base: Path
) -> None:
    store, name = home
    tasks = contest_tasks(store, round_id=name)[:2]
    with pytest.raises(InputError, match="one answer 2 times"):
        Budget(samples=2)
    budget = Budget(samples=4, temperature=1.2, max_tokens=16)
    sat = sit(store, store.settings, "base", tasks, budget, base=str(base),
              reporter=Reporter(store))  # fmt: skip
    assert {len(words) for words in sat.verdicts.values()} == {4}
    with store.read() as session:
        from sqlmodel import select

        from workbench.store.tables import AnswerRow

        texts = [row.text for row in session.exec(select(AnswerRow)) if "1.2" in row.sampling_json]
    assert len(texts) == 8
    assert len(set(texts)) > 4


def test_a_file_of_human_eval_is_sat_as_it_comes_and_never_trained_on(
    home: tuple[Store, str], base: Path, tmp_path: Path
) -> None:
    store, _ = home
    file = tmp_path / "HumanEval.jsonl"
    item = {
        "task_id": "HumanEval/900",
        "prompt": 'def twice(n: int) -> int:\n    """Return n times two."""\n',
        "entry_point": "twice",
        "canonical_solution": "    return 2 * n\n",
        "test": "def check(candidate):\n    assert candidate(3) == 6\n",
    }
    file.write_text(json.dumps(item) + "\n")
    tasks = contest_tasks(store, file=file)
    assert [task.split for task in tasks] == ["none"]
    sat = sit(store, store.settings, "base", tasks, Budget(max_tokens=16), base=str(base),
              reporter=Reporter(store))  # fmt: skip
    assert sat.right(tasks[0].id, ("proved", "bounded", "tested")) == 0
    file.write_text("\n")
    with pytest.raises(InputError, match="is empty"):
        contest_tasks(store, file=file)


def test_arms_choose_their_rows_by_the_verdicts(home: tuple[Store, str]) -> None:
    store, name = home
    rows = {arm: arm_rows(store, store.settings, name, arm)
            for arm in ("all", "tested", "proved", "proof-weighted", "synthetic-only",
                        "samples-1", "repair")}  # fmt: skip
    assert len(rows["all"]) == 6
    assert {row.facts["verdict"] for row in rows["samples-1"]} == {"proved"}
    assert len(rows["samples-1"]) >= len(rows["proved"])
    assert {row.weight for row in rows["proof-weighted"]} <= {2.0, 1.0, 0.5}
    assert len(rows["repair"]) >= len(rows["proved"])
    for row in rows["repair"][len(rows["proved"]) :]:
        assert len(row.messages) > 1
    with pytest.raises(InputError, match=r"no arm 'best'\. Known are all, tested"):
        arm_rows(store, store.settings, name, "best")


@pytest.mark.slow
def test_arms_are_trained_on_equal_tokens_and_paired(home: tuple[Store, str]) -> None:
    store, name = home
    found = run_ablation(store, store.settings, name, arms=("all", "proved", "samples-1"))
    assert [arm.name for arm in found.arms] == ["all", "proved", "samples-1"]
    for arm in found.arms:
        assert arm.tokens * arm.epochs == pytest.approx(found.tokens)
        assert arm.against_base.n == 4
    assert found.arms[0].against_first.gain == 0
    assert "differs from all beyond its interval" in found.sentence
    again = run_ablation(store, store.settings, name, arms=("all", "proved", "samples-1"))
    assert again == found
    # The round asked each source once: more samples would be the same rows under another name.
    with pytest.raises(StageError, match="no rows for any of these arms"):
        run_ablation(store, store.settings, name, arms=("samples-4",))
    both = run_ablation(store, store.settings, name, arms=("samples-1", "samples-4"))
    assert [arm.name for arm in both.arms] == ["samples-1"]
    assert "1 answer of each source to a task" in both.left_out["samples-4"]


@pytest.mark.slow
def test_more_samples_of_a_student_that_really_samples_prove_more(tmp_path: Path) -> None:
    settings = load_settings(
        overrides=PartialSettings(jobs=1), env={"WORKBENCH_HOME": str(tmp_path)}
    )
    config = RoundConfig.model_validate(
        {"family": {"seed": 0, "train": 24, "held_out": 2}, "base": shipped_base(),
         "teachers": ["student"], "samples": 4, "temperature": 1.0, "seed": 1,
         "student_tokens": 96, "training": SMALL}
    )  # fmt: skip
    with Store.open(settings) as store:
        name = plan_round(store, settings, config)
        run_round(store, settings, name, until="selected")
        arms = {n: arm_rows(store, settings, name, f"samples-{n}") for n in (1, 2, 4)}
        places = {n: {(row.task_id, row.completion) for row in rows} for n, rows in arms.items()}
        assert places[1] <= places[2] <= places[4] > places[1]  # what was drawn first stays
        assert {row.source for row in arms[4]} == {"student:base"}
        assert {row.facts["verdict"] for row in arms[4]} == {"proved"}
        found = run_ablation(store, settings, name, arms=("samples-1", "samples-4"))
    assert [arm.name for arm in found.arms] == ["samples-1", "samples-4"]
    assert found.arms[1].epochs < found.arms[0].epochs  # as many tokens, of more rows


def test_samples_of_the_student_need_a_temperature() -> None:
    with pytest.raises(ValidationError, match="need a temperature above 0"):
        RoundConfig(teachers=("student",), samples=4)
    assert RoundConfig(teachers=("student", "examples")).others == ("examples",)


def test_an_arm_without_rows_is_named(home: tuple[Store, str]) -> None:
    store, name = home
    everything = arm_rows(store, store.settings, name, "synthetic-only")
    assert all(row.source in ("synthesis", "examples") for row in everything)
    with pytest.raises(StageError, match="no held-out tasks"):
        contest_tasks(store, earlier_than=name)


@pytest.mark.slow
def test_a_second_round_replays_the_first_and_is_checked_for_forgetting(
    home: tuple[Store, str], base: Path
) -> None:
    from workbench.stages.forgetting import forgetting, learning_curve
    from workbench.stages.train import round_rows, training_plan

    store, first = home
    run_round(store, store.settings, first, until="promoted")
    training = {**SMALL, "training": {**SMALL["training"], "replay": 0.5}}
    config = RoundConfig.model_validate(
        {"family": {"seed": 6, "train": 6, "held_out": 3}, "base": str(base),
         "student_tokens": 24, "repair": 0, "training": training, "start": "base"}
    )  # fmt: skip
    second = plan_round(store, store.settings, config)
    run_round(store, store.settings, second, until="evaluated")
    _, rows, earlier = round_rows(store, second, training_plan(training))
    assert len(earlier) > 0
    with store.read() as session:
        from workbench.store.tables import AdapterRow, RoundRow

        row = session.get(RoundRow, second)
        adapter = session.get(AdapterRow, row.adapter_id) if row else None
    assert adapter is not None
    replayed = min(len(earlier), round(0.5 * len(rows)))
    assert json.loads(adapter.metrics_json)["examples"] == len(rows) + replayed
    found = forgetting(store, store.settings, second)
    assert found.overall.n == 4
    assert found.overall.broken == 0
    assert [point.round_id for point in learning_curve(store)] == [first, second]
