"""Training a round: the judge as reward, replay, curriculum, estimates, and jobs for elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from distill.example import Example
from judge.contract import Submission
from workbench.errors import InputError
from workbench.settings import PartialSettings, load_settings
from workbench.stages.events import Reporter
from workbench.stages.job import import_job, write_job
from workbench.stages.plan import plan_round
from workbench.stages.reward import JudgeReward
from workbench.stages.round_config import RoundConfig
from workbench.stages.rounds import run_round
from workbench.stages.select import train_tasks
from workbench.stages.train import (
    estimate_round,
    read_plan,
    replan,
    round_rows,
    train_round,
    training_plan,
)
from workbench.stages.training_rows import earlier_examples, with_pass_rates
from workbench.store.database import Store

SMALL = {"lora": {"rank": 2, "alpha": 4}, "training": {"epochs": 1, "batch": 4}}


@pytest.fixture(scope="module")
def home(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """A home whose first round has its winners and is not trained yet."""
    folder = tmp_path_factory.mktemp("home")
    settings = load_settings(overrides=PartialSettings(jobs=1), env={"WORKBENCH_HOME": str(folder)})
    config = RoundConfig.model_validate(
        {"family": {"seed": 5, "train": 6, "held_out": 4}, "base": str(base),
         "student_tokens": 24, "repair": 0, "training": SMALL}
    )  # fmt: skip
    with Store.open(settings) as store:
        name = plan_round(store, settings, config)
        run_round(store, settings, name, until="selected")
        yield store, name


def rows_of(home: tuple[Store, str]) -> list[Example]:
    store, name = home
    return round_rows(store, name, training_plan(SMALL))[1]


def test_the_judge_rewards_proofs_and_nothing_that_is_wrong(home: tuple[Store, str]) -> None:
    store, name = home
    rows = rows_of(home)
    task = next(task for task in train_tasks(store, name) if task.id == rows[0].task_id)
    wrong = f"{task.signature}:\n    raise ValueError"
    texts = [rows[0].completion, wrong, "no code at all", rows[0].completion]
    with JudgeReward(store, store.settings) as reward:
        assert reward([rows[0]] * 4, texts) == [1.0, 0.0, 0.0, 1.0]
        assert reward.judged == 2
        assert reward([rows[0]], texts[:1]) == [1.0]
        assert reward.judged == 2


def test_what_the_judge_cannot_tell_or_crashes_on_is_unscored(
    home: tuple[Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from judge import pool
    from judge.verdict import Judgement, Verdict

    store, _ = home
    rows = rows_of(home)[:2]
    words = {rows[0].task_id: Verdict.UNKNOWN, rows[1].task_id: Verdict.ERROR}

    def blind(submissions: Iterator[Submission], **_: object) -> Iterator[Judgement]:
        return (Judgement(s.id, words[s.id], "none", "Nothing is known.") for s in submissions)

    monkeypatch.setattr(pool, "judge_many", blind)
    with JudgeReward(store, store.settings) as reward:
        assert reward(rows, [row.completion for row in rows]) == [None, None]


def test_an_answer_that_was_begun_is_judged_once_and_waited_for(home: tuple[Store, str]) -> None:
    store, _ = home
    row = rows_of(home)[0]
    with JudgeReward(store, store.settings) as reward:
        reward.begin(row, row.completion)
        reward.begin(row, "no code at all")
        reward.begin(row, f"```python\n{row.completion}\n```")
        assert reward([row, row], [row.completion, "no code at all"]) == [1.0, 0.0]
        assert reward.judged == 1


def test_grpo_trains_on_the_judges_word(home: tuple[Store, str], base: Path) -> None:
    store, _ = home
    plan = training_plan(
        {**SMALL, "training": {"method": "grpo", "epochs": 1, "batch": 4, "generations": 2,
                               "completion_tokens": 24}}
    )  # fmt: skip
    from distill.trainer import train

    rows = rows_of(home)[:2]
    told: list[float] = []
    with JudgeReward(store, store.settings) as reward:
        record = train(
            rows, base, plan, store.settings.rounds / "grpo",
            on_event=lambda e: told.extend([e.metrics["reward"]] if "reward" in e.metrics else []),
            reward=reward,
        )  # fmt: skip
    assert record.steps == 1
    assert len(told) == 1
    assert 0 <= told[0] <= 1


def test_pass_rates_are_measured_and_order_a_curriculum(home: tuple[Store, str]) -> None:
    from distill.rows import easy_first

    store, _ = home
    rated = with_pass_rates(store, rows_of(home))
    rates = [row.facts["pass_rate"] for row in rated]
    assert all(isinstance(rate, float) and 0 < rate <= 1 for rate in rates)
    ordered = [row.facts["pass_rate"] for row in easy_first(rated)]
    assert ordered == sorted(rates, reverse=True)  # type: ignore[type-var]


def test_rows_of_one_category_are_a_warning_where_more_is_measured(
    home: tuple[Store, str],
) -> None:
    from workbench.stages import train as module

    store, name = home
    heard: list[str] = []
    reporter = Reporter(store, lambda event: heard.append(event.message), name)
    rows = rows_of(home)
    module._warn_of_one_category(store, name, rows, reporter)
    assert heard == []
    alike = [replace(row, category="clamp") for row in rows]
    module._warn_of_one_category(store, name, alike, reporter)
    assert "All 6 rows are of the category clamp" in heard[0]


def test_the_first_round_has_nothing_to_replay(home: tuple[Store, str]) -> None:
    store, name = home
    assert earlier_examples(store, name) == []


def test_an_estimate_comes_before_a_training(home: tuple[Store, str], base: Path) -> None:
    store, name = home
    plan = training_plan(SMALL)
    found = estimate_round(store, name, base=str(base), plan=plan)
    assert found.steps == 2
    assert found.parameters > found.trainable > 0
    assert found.memory > found.parameters * 4
    assert found.seconds is not None
    assert found.seconds > 0


def test_configuration_files_become_the_rounds_settings(
    home: tuple[Store, str], tmp_path: Path
) -> None:
    lora, training = tmp_path / "lora_config.yaml", tmp_path / "training_config.yaml"
    lora.write_text("r: 3\n")
    training.write_text("learning_rate: 0.01\nepochs: 1\nbatch: 4\n")
    given = read_plan(lora, training)
    assert training_plan(given).lora.rank == 3
    assert training_plan(given).training.rate == 0.01
    training.write_text("learning_rat: 0.01\n")
    with pytest.raises(InputError, match=r"training_config\.yaml: unknown field 'learning_rat'"):
        read_plan(lora, training)


def test_a_job_goes_out_and_its_adapter_comes_back_into_the_round(
    home: tuple[Store, str], base: Path, tmp_path: Path
) -> None:
    from distill import job

    store, name = home
    folder = tmp_path / "job"
    plan = training_plan(SMALL)
    assert write_job(store, name, folder, base=str(base), plan=plan, modal=True) == 6
    assert (folder / "modal_app.py").is_file()
    with pytest.raises(InputError, match="is not finished"):
        import_job(store, folder)
    adapter = job.run(folder)
    assert import_job(store, folder) == name
    row = train_round(store, name, base=str(base), plan=training_plan(config(store, name)))
    assert row.digest in adapter.joinpath("manifest.json").read_text()
    with pytest.raises(InputError, match="is trained already"):
        replan(store, name, {})


def config(store: Store, name: str) -> dict[str, object]:
    from workbench.stages.rounds import config_of

    return config_of(store, name).training
