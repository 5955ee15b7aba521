"""Rows in every format, and files that come back as they went."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from distill.errors import DistillError
from distill.example import Example
from distill.formats import FORMATS, read_examples, read_jsonl, rows, write_examples, write_jsonl

ROW = Example(
    id="r1", task_id="t1", messages=(("system", "Be brief."), ("user", "Ask é")),
    completion="def f(): ...", source="synthesis", rejected="def f(: ...",
    facts={"verdict": "proved", "refutation": "f() raised."},
)  # fmt: skip


def test_each_format_has_the_fields_its_reader_expects() -> None:
    shapes = {form: [sorted(row) for row in rows([ROW], form)] for form in FORMATS}
    assert shapes == {
        "prompt-completion": [["completion", "prompt"]],
        "chat": [["messages"]],
        "openai": [["messages"]],
        "preference": [["chosen", "prompt", "rejected"]],
        "kto": [["completion", "label", "prompt"]] * 2,
        "sharegpt": [["conversations", "system"]],
        "sharegpt-preference": [["chosen", "conversations", "rejected", "system"]],
        "sharegpt-kto": [["conversations", "kto_tag", "system"]] * 2,
        "alpaca": [["input", "instruction", "output", "system"]],
        "repair": [["completion", "prompt"]],
    }


def test_a_row_without_a_loser_gives_no_pair() -> None:
    lone = replace(ROW, rejected=None)
    assert list(rows([lone], "preference")) == []
    assert [row["label"] for row in rows([lone], "kto")] == [True]


def test_trl_recognises_the_conversational_formats() -> None:
    from trl.data_utils import is_conversational

    for form in ("prompt-completion", "chat", "preference", "kto"):
        assert is_conversational(next(rows([ROW], form)))


def test_files_are_the_same_bytes_and_come_back_as_the_same_rows(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert write_examples(one, [ROW, replace(ROW, id="r2", weight=0.5)]) == 2
    back = read_examples(one)
    write_examples(two, back)
    assert one.read_bytes() == two.read_bytes()
    assert back[0] == ROW
    assert back[0].digest == ROW.digest != back[1].digest


def test_a_broken_line_is_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": \n', encoding="utf-8")
    with pytest.raises(DistillError, match=r"rows\.jsonl, line 2"):
        list(read_jsonl(path))
    write_jsonl(path, [{"id": "x"}])
    with pytest.raises(DistillError, match="row 1: not a training row"):
        read_examples(path)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DistillError, match="known are prompt-completion, chat"):
        list(rows([ROW], "xml"))
