"""The gate: each check fails on an adapter or on figures that are made to fail it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distill import export
from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.digests import folder_digest, folder_files
from distill.evaluate import by_category, paired
from distill.example import Example
from distill.gate import Decision, gate, soundness, with_checks
from distill.student import base_digest
from distill.trainer import train

N = 100
NO, YES = [False] * N, [True] * N


def decided(before: list[bool], after: list[bool], categories: list[str] | None = None) -> Decision:
    names = categories or ["all"] * N
    return gate(
        paired(before, after),
        by_category(names, before, after),
        outputs_changed=sum(a != b for a, b in zip(before, after, strict=True)),
    )


def failed(decision: Decision) -> set[str]:
    return {name for name, passed, _ in decision.checks if not passed}


def test_a_clear_gain_is_promoted() -> None:
    assert decided(NO, [True] * 40 + [False] * 60).promote


def test_a_gain_that_may_be_chance_or_is_small_is_not() -> None:
    both = {"enough gain", "gain beyond its interval"}
    assert failed(decided(NO, [True] * 4 + [False] * 96)) == both
    small = gate(paired([False] * 400, [True] * 16 + [False] * 384), {}, outputs_changed=16)
    assert failed(small) == {"enough gain"}
    mixed = [True] * 50 + [False] * 50
    flipped = [True] * 45 + [False] * 5 + [True] * 11 + [False] * 39
    assert "gain beyond its interval" in failed(decided(mixed, flipped))


def test_an_adapter_that_changes_nothing_or_breaks_a_category_is_not() -> None:
    assert "changes outputs" in failed(decided(NO, NO))
    before = [False] * 80 + [True] * 20
    after = [True] * 80 + [False] * 20
    decision = decided(before, after, ["new"] * 80 + ["old"] * 20)
    assert failed(decision) == {"no category is worse"}
    assert "old" in decision.reason


@pytest.fixture(scope="module")
def adapter(base: Path, rows: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = TrainingPlan(
        lora=LoraConfig(rank=4, embeddings=False), training=TrainConfig(epochs=1, batch=8)
    )
    return train(rows, base, plan, tmp_path_factory.mktemp("gate")).adapter_dir


def altered(adapter: Path, base: Path, folder: Path, factor: float) -> Path:
    """Copy an adapter with its second halves scaled, and a manifest that says so."""
    from safetensors.numpy import load_file, save_file

    folder.mkdir()
    weights = load_file(adapter / "adapter_model.safetensors")
    scaled = {k: v * factor if "lora_B" in k else v for k, v in weights.items()}
    save_file(scaled, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    facts = {
        "format": 1, "digest": folder_digest(folder), "files": folder_files(folder),
        "base_digest": base_digest(base),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(facts))
    return folder


def test_a_trained_adapter_is_sound(base: Path, adapter: Path) -> None:
    checks = soundness(base, adapter)
    assert [(name, passed) for name, passed, _ in checks] == [
        ("adapter acts", True), ("template and end token agree", True),
        ("merged equals unmerged", True),
    ]  # fmt: skip


def test_an_idle_adapter_and_one_that_does_not_merge_are_refused(
    base: Path, adapter: Path, rows: list[Example], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    yes = Decision(True, "Promoted: better.", ())
    idle = with_checks(yes, soundness(base, altered(adapter, base, tmp_path / "idle", 0.0)))
    assert not idle.promote
    assert "adapter acts failed" in idle.reason
    # Adapted embeddings that stay tied to the output layer change it when they are merged.
    plan = TrainingPlan(
        lora=LoraConfig(rank=4, embeddings=True), training=TrainConfig(epochs=2, rate=5e-3)
    )
    shared = train(rows, base, plan, tmp_path / "shared").adapter_dir
    monkeypatch.setattr(export, "_untie", lambda model: None)
    tied = with_checks(yes, soundness(base, shared))
    assert "merged equals unmerged failed" in tied.reason


def test_a_template_without_the_end_token_is_refused(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    other = tmp_path / "base"
    other.mkdir()
    for path in base.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    template = (other / "chat_template.jinja").read_text()
    (other / "chat_template.jinja").write_text(template.replace("<|end|>", "\n"))
    fitted = altered(adapter, other, tmp_path / "fitted", 1.0)
    assert ("template and end token agree", False) in [c[:2] for c in soundness(other, fitted)]
