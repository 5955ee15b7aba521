"""Every method trains for real on the little base, and says what it cannot learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.student import Student
from distill.trainer import TrainEvent, TrainingRecord, train

LORA = LoraConfig(rank=8, alpha=16, embeddings=True)
WRONG = "def wrong() -> int:\n    return 0"


def pairs(rows: Sequence[Example]) -> list[Example]:
    return [replace(row, rejected=WRONG) for row in rows]


def run(
    rows: Sequence[Example], base: Path, folder: Path, **settings: object
) -> tuple[TrainingRecord, list[TrainEvent]]:
    events: list[TrainEvent] = []
    reward = settings.pop("reward", None)
    plan = TrainingPlan(lora=LORA, training=TrainConfig(**settings))  # type: ignore[arg-type]
    record = train(rows, base, plan, folder, on_event=events.append, reward=reward)  # type: ignore[arg-type]
    return record, events


def told(events: Sequence[TrainEvent], name: str) -> list[float]:
    return [event.metrics[name] for event in events if name in event.metrics]


def test_dpo_learns_to_prefer_the_winner(base: Path, rows: list[Example], tmp_path: Path) -> None:
    record, events = run(pairs(rows), base, tmp_path, method="dpo", epochs=4, batch=8, rate=5e-3)
    preferred = told(events, "preferred")
    assert preferred[-1] > 0.9 >= preferred[0]
    assert record.losses[-1][1] < record.losses[0][1]
    assert record.config["training"]["method"] == "dpo"


def test_dpo_goes_on_from_an_adapter_and_compares_with_it(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    first, _ = run(rows, base, tmp_path / "sft", epochs=1, batch=8)
    second, _ = run(
        pairs(rows), base, tmp_path / "dpo",
        method="dpo", epochs=1, batch=8, rate=5e-3, adapter=str(first.adapter_dir),
    )  # fmt: skip
    assert second.adapter_digest != first.adapter_digest
    # At the first step nothing has moved: the reference is the earlier adapter, not the base.
    assert second.losses[0][1] == pytest.approx(0.693, abs=0.01)
    assert sorted(path.name for path in second.adapter_dir.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "manifest.json",
    ]  # fmt: skip
    Student.load(base, second.adapter_dir)


def test_kto_learns_from_good_and_bad_rows(base: Path, rows: list[Example], tmp_path: Path) -> None:
    record, _ = run(pairs(rows), base, tmp_path, method="kto", epochs=2, batch=8, rate=5e-3)
    assert record.steps == 12
    assert record.losses[-1][1] < record.losses[0][1]


def test_grpo_raises_the_reward_it_is_given(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    asked: list[tuple[int, int]] = []

    def shorter(examples: Sequence[Example], texts: Sequence[str]) -> list[float | None]:
        asked.append((len(examples), len({row.id for row in examples})))
        return [None if number == 0 else -float(len(t)) for number, t in enumerate(texts)]

    record, events = run(
        rows[:4], base, tmp_path, method="grpo", epochs=3, batch=8, rate=2e-2,
        generations=4, completion_tokens=16, reward=shorter,
    )  # fmt: skip
    assert record.steps == 6
    assert asked == [(8, 2)] * 6
    rewards = told(events, "reward")
    assert rewards[-1] > rewards[0]
    assert record.tokens > 0


def test_a_reward_hears_of_every_answer_at_the_token_that_ends_it(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    class Noting:
        begun: list[tuple[str, str]] = []
        asked: list[tuple[str, str]] = []

        def begin(self, example: Example, text: str) -> None:
            self.begun.append((example.id, text))

        def __call__(self, examples: Sequence[Example], texts: Sequence[str]) -> list[float]:
            self.asked += zip((one.id for one in examples), texts, strict=True)
            return [float(len(text) % 3) for text in texts]

    early = Noting()
    settings = {"method": "grpo", "epochs": 2, "batch": 8, "rate": 2e-2, "generations": 4,
                "completion_tokens": 64}  # fmt: skip
    record, _ = run(rows[:4], base, tmp_path / "early", **settings, reward=early)
    assert 0 < len(early.begun) <= len(early.asked) == 32
    assert set(early.begun) <= set(early.asked)

    def late(examples: Sequence[Example], texts: Sequence[str]) -> list[float]:
        return [float(len(text) % 3) for text in texts]

    same, _ = run(rows[:4], base, tmp_path / "late", **settings, reward=late)
    assert same.losses == record.losses


def test_gkd_comes_nearer_to_a_teacher_of_the_same_vocabulary(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    record, _ = run(
        rows[:8], base, tmp_path, method="gkd", epochs=2, batch=8, rate=5e-3,
        teacher=str(base), completion_tokens=12,
    )  # fmt: skip
    # The teacher is the base itself, so that there is nothing to learn: the divergence is nought.
    assert record.losses[0][1] == pytest.approx(0.0, abs=1e-3)


def test_gold_learns_from_a_teacher_with_another_tokenizer(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    from distill.tiny import Recipe, pretrain

    other = pretrain(
        Recipe(hidden=32, layers=1, heads=2, intermediate=64, vocabulary=700, steps=2, batch=2),
        tmp_path / "other",
    )
    with pytest.raises(DistillError, match="use method: gold"):
        run(rows[:4], base, tmp_path / "a", method="gkd", teacher=str(other), epochs=1)
    record, _ = run(
        rows[:8], base, tmp_path / "b", method="gold", epochs=1, batch=4, rate=5e-3,
        teacher=str(other), completion_tokens=12,
    )  # fmt: skip
    assert record.steps == 2
    assert record.losses[-1][1] > 0


def test_without_bitsandbytes_nothing_is_quantised(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distill.lora.find_spec", lambda name: None)
    with pytest.raises(DistillError, match="needs bitsandbytes"):
        run(rows, base, tmp_path, quantize="4bit")


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_a_quantised_base_is_trained_where_bitsandbytes_is(
    base: Path, rows: list[Example], tmp_path: Path, bits: str
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not here: pip install bitsandbytes")
    record, _ = run(rows, base, tmp_path, epochs=2, batch=8, rate=5e-3, quantize=bits)
    assert record.losses[-1][1] < record.losses[0][1]
    assert Student.load(base, record.adapter_dir).adapter_digest == record.adapter_digest


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"method": "dpo"}, "has a rejected answer"),
        ({"method": "kto"}, "are good, and kto learns from both"),
        ({"method": "grpo"}, "grpo needs a reward"),
        ({"curriculum": "easy-first"}, "no measured pass rate"),
        ({"adapter": "nowhere"}, "no adapter folder"),
        ({"method": "gkd", "teacher": "/nowhere"}, "no model folder"),
    ],
)
def test_what_a_method_cannot_do_without_is_said(
    base: Path, rows: list[Example], tmp_path: Path, settings: dict[str, str], word: str
) -> None:
    with pytest.raises(DistillError, match=word):
        run(rows, base, tmp_path, **settings)
