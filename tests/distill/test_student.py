"""Batch generation: the same answers in any company, and refusals that say what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from distill.errors import DistillError
from distill.example import Example
from distill.student import Student


@pytest.fixture(scope="module")
def student(base: Path) -> Student:
    return Student.load(base)


def test_answers_do_not_depend_on_the_batch(student: Student, rows: list[Example]) -> None:
    asked = [row.messages for row in rows[:9]]
    together = student.generate(asked, max_tokens=24, batch_size=9)
    alone = student.generate(asked, max_tokens=24, batch_size=1)
    assert [one.text for one in together] == [one.text for one in alone]
    assert all(one.input_tokens > 10 and one.output_tokens <= 24 for one in together)


def test_greedy_answers_are_those_of_transformers(student: Student, rows: list[Example]) -> None:
    import torch

    asked = rows[0].messages
    ids = student.tokenizer(student.render(asked), add_special_tokens=False, return_tensors="pt")
    with torch.inference_mode():
        out = student.model.generate(
            input_ids=ids["input_ids"], attention_mask=torch.ones_like(ids["input_ids"]),
            max_new_tokens=16, do_sample=False,
        )  # fmt: skip
    theirs = student.tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert student.generate([asked], max_tokens=16)[0].text == theirs


def test_sampling_repeats_with_its_seed_and_differs_with_another(
    student: Student, rows: list[Example]
) -> None:
    asked = [row.messages for row in rows[:4]]
    texts = [
        [g.text for g in student.generate(asked, max_tokens=20, temperature=1.5, seed=seed)]
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(
    student: Student, rows: list[Example]
) -> None:
    whole = student.generate([rows[0].messages], max_tokens=24)[0]
    middle = whole.text[4:7]
    cut = student.generate([rows[0].messages], max_tokens=24, stop=(middle,))[0]
    assert cut.finish == "stop"
    assert cut.text == whole.text[: whole.text.index(middle)]


def test_a_cut_answer_says_so_and_progress_is_told(student: Student, rows: list[Example]) -> None:
    seen: list[tuple[int, int]] = []
    asked = [row.messages for row in rows[:5]]
    answers = student.generate(
        asked,
        max_tokens=2,
        batch_size=2,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert all(one.finish == "length" and one.output_tokens == 2 for one in answers)
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert student.generate([], max_tokens=3) == []


def test_bad_requests_are_refused(student: Student) -> None:
    with pytest.raises(DistillError, match="at least 1 token"):
        student.generate([(("user", "x"),)], max_tokens=0)
    with pytest.raises(DistillError, match="conversation 0 is empty"):
        student.generate([()], max_tokens=4)


def test_models_that_cannot_be_used_are_refused_with_the_mend(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DistillError, match="give an existing folder or a hub id"):
        Student.load(tmp_path / "absent" / "model")
    with pytest.raises(DistillError, match=r"no config\.json"):
        Student.load(tmp_path)
    pickled = tmp_path / "pickled"
    shutil.copytree(base, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(DistillError, match="pickled weights are refused"):
        Student.load(pickled)
    mute = tmp_path / "mute"
    shutil.copytree(base, mute)
    (mute / "chat_template.jinja").unlink()
    with pytest.raises(DistillError, match="no chat template"):
        Student.load(mute)
