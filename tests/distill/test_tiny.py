"""The tiny student: exact pretraining, a sensible tokenizer, and the base that is shipped."""

from __future__ import annotations

import ast
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from distill import tiny
from distill.digests import folder_digest
from distill.family import generate, python
from distill.family.names import entry_point
from distill.family.shapes import draw
from distill.family.wording import Words
from distill.student import Student

SMALL = tiny.Recipe(
    hidden=16, layers=1, heads=2, intermediate=32, vocabulary=512, steps=12, batch=4, warmup=2
)
SHIPPED = Path(__file__).resolve().parents[2] / "data" / "models" / "tiny"


class StoppedError(Exception):
    """Stands for a kill."""


def test_a_stopped_pretraining_continues_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny, "CHECKPOINT_EVERY", 5)
    whole = tiny.pretrain(SMALL, tmp_path / "whole")
    real, calls = tiny._Pretraining.advance, 0

    def stop(self: tiny._Pretraining, pairs: list[tuple[str, str]]) -> float:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise StoppedError
        return real(self, pairs)

    monkeypatch.setattr(tiny._Pretraining, "advance", stop)
    with pytest.raises(StoppedError):
        tiny.pretrain(SMALL, tmp_path / "again")
    monkeypatch.setattr(tiny._Pretraining, "advance", real)
    again = tiny.pretrain(SMALL, tmp_path / "again")
    assert folder_digest(again) == folder_digest(whole)
    assert not (again / "pretraining.pt").exists()


def test_models_of_one_recipe_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--hidden", "16", "--layers", "1", "--heads", "2", "--intermediate", "32",
             "--vocabulary", "512", "--batch", "4", "--warmup", "2"]  # fmt: skip
    one, two = tmp_path / "one", tmp_path / "two"
    assert tiny.main(["--out", str(one), "--steps", "4", *small]) == 0
    assert tiny.main(["--out", str(two), "--steps", "5", *small]) == 0
    found = tiny.compare(one, one, prompts=4)
    assert (found.tokenizer, found.furthest, found.same) == (True, 0.0, 4)
    assert tiny.compare(one, two, prompts=4).furthest > 0
    capsys.readouterr()
    # With something to compare, what is made already is not made again.
    before = (one / "model.safetensors").stat().st_mtime_ns
    assert tiny.main(["--out", str(one), "--compare", str(two), "--steps", "4", *small]) == 0
    assert (one / "model.safetensors").stat().st_mtime_ns == before
    assert "weights differ by up to" in capsys.readouterr().out


def test_batches_from_any_step_are_the_same() -> None:
    from_start = list(islice(tiny._stream(SMALL, 0), 12))
    assert list(islice(tiny._stream(SMALL, 5), 7)) == from_start[5:]


def test_the_tokenizer_keeps_text_and_has_small_numbers_whole() -> None:
    tokenizer = tiny.build_tokenizer(tiny.Recipe())
    text = "def gauge_fee(xs: list[int]) -> int:\n    return 407  # naïve ☃\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    numbers = tokenizer([str(n) for n in range(64)], add_special_tokens=False)["input_ids"]
    assert all(len(one) == 1 for one in numbers)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert chat == "<|user|>hi<|end|><|assistant|>"


@pytest.fixture(scope="module")
def shipped() -> Student:
    return Student.load(SHIPPED)


def test_the_shipped_base_reads_its_own_dialect_and_writes_python(shipped: Student) -> None:
    random, asked = Random(11), []
    for _ in range(60):
        drawn = draw(random)
        head = python.signature(entry_point(random), drawn.parameters, drawn.returns)
        asked.append((("user", Words("A", random).prompt(head, drawn.body)),))
    answers = shipped.generate(asked, max_tokens=96, batch_size=60)
    assert sum(parses(one.text) for one in answers) >= 54


def test_the_shipped_base_does_not_know_the_target_dialect_yet(shipped: Student) -> None:
    tasks = [task for task in generate(21, 1, held_out=80) if task.split == "eval"]
    answers = shipped.generate([(("user", t.prompt),) for t in tasks], max_tokens=96, batch_size=80)
    right = sum(same(one.text, task) for one, task in zip(answers, tasks, strict=True))
    assert right < 0.4 * len(tasks)


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def same(text: str, task: object) -> bool:
    """Whether the text is the reference up to layout; a lower bound on being right."""
    reference = str(getattr(task, "reference", ""))
    return parses(text) and ast.dump(ast.parse(text)) == ast.dump(ast.parse(reference))
