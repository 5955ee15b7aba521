"""Exported files: read back by the loaders of others, the same bytes again, whole or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill.errors import DistillError
from distill.example import Example
from distill.exporting import CONTAINERS, export
from distill.formats import FORMATS, iter_examples, read_jsonl, write_examples
from distill.preview import mask_preview
from distill.statistics import Statistics

ROWS = [
    Example(
        id=f"r{n}", task_id=f"t{n}", messages=(("user", f"Ask é {n}"),),
        completion=f"def f():\n    return {n}", source="synthesis", category="c" if n else None,
        rejected="def f():\n    return -1",
        facts={"verdict": "proved", "licence": "MIT", "refutation": "f() returned -1."},
    )
    for n in range(25)
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_format_in_every_container_is_read_by_datasets_as_it_was_written(
    tmp_path: Path, form: str, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets: Any = pytest.importorskip("datasets")
    out = tmp_path / ("out" if container == "folder" else f"out.{container}")
    done = export(ROWS, form, out, container=container)
    assert done.rows == len(ROWS) * (2 if form.endswith("kto") else 1)
    cache = str(tmp_path / "cache")
    if container == "folder":
        loaded = datasets.load_dataset(str(out), split="train", cache_dir=cache)
    else:
        kind = "json" if container == "jsonl" else container
        loaded = datasets.load_dataset(kind, data_files=str(out), split="train", cache_dir=cache)
    first = next(FORMATS[form](ROWS[0]))
    assert {name: value for name, value in loaded[0].items() if value is not None} == first


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for container in ("jsonl", "parquet"):
        one = export(ROWS, "chat", tmp_path / "a", container=container)
        two = export(ROWS, "chat", tmp_path / "b", container=container)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        assert one.digest == two.digest


def test_a_row_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    out.write_text("old")

    def broken() -> Iterator[Example]:
        yield ROWS[0]
        raise DistillError("row 2 is held out")

    with pytest.raises(DistillError, match="held out"):
        export(broken(), "chat", out)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_nothing_to_write_is_a_sentence_and_no_file(tmp_path: Path, container: str) -> None:
    lone = [replace(row, rejected=None) for row in ROWS]
    out = tmp_path / "out"
    with pytest.raises(DistillError, match="no row can be written as preference: none has"):
        export(lone, "preference", out, container=container)
    assert not out.is_file()
    with pytest.raises(DistillError, match="no row can be written as chat"):
        export([], "chat", tmp_path / "other", container=container)


def test_unknown_names_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DistillError, match="no container 'zip'"):
        export(ROWS, "chat", tmp_path / "x", container="zip")
    for container in CONTAINERS:
        with pytest.raises(DistillError, match="no format 'poem'"):
            export(ROWS, "poem", tmp_path / "x", container=container)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(DistillError, match="not an empty folder"):
        export(ROWS, "chat", tmp_path, container="folder")


def test_a_folder_says_what_is_in_it(tmp_path: Path) -> None:
    export(ROWS, "sharegpt", tmp_path / "set", container="folder", card="# Card\n")
    counts = json.loads((tmp_path / "set" / "statistics.json").read_text())
    assert counts["rows"] == 25
    assert counts["category"] == {"c": 24, "none": 1}
    assert counts["licence"] == {"MIT": 25}
    assert counts["methods"]["kto"]["rows"] == 50
    assert counts["characters"]["completion"]["least"] == len(ROWS[0].completion)
    info = json.loads((tmp_path / "set" / "dataset_info.json").read_text())
    assert (tmp_path / "set" / info["workbench"]["file_name"]).is_file()
    assert (tmp_path / "set" / "README.md").read_text() == "# Card\n"


def test_tokens_are_counted_by_method_where_there_is_a_tokenizer() -> None:
    counted = Statistics(tokens=lambda text: len(text.split()))
    counted.add(ROWS[0])
    methods = counted.as_json()["methods"]
    assert methods["sft"] == {"rows": 1, "tokens": 7, "trained": 4}
    assert methods["dpo"] == {"rows": 1, "tokens": 11, "trained": 8}
    assert methods["repair"]["trained"] == 4
    assert methods["repair"]["tokens"] == 3 + 4 + 5 + 4


def test_rows_are_read_back_one_at_a_time(tmp_path: Path) -> None:
    write_examples(tmp_path / "rows.jsonl", ROWS)
    read = iter_examples(tmp_path / "rows.jsonl")
    assert next(read) == ROWS[0]
    assert list(read) == ROWS[1:]


def test_a_repair_triple_is_a_conversation_that_ends_well(tmp_path: Path) -> None:
    export(ROWS[:1], "repair", tmp_path / "r.jsonl")
    (row,) = read_jsonl(tmp_path / "r.jsonl")
    assert [turn["role"] for turn in row["prompt"]] == ["user", "assistant", "user"]
    assert row["prompt"][2]["content"] == "f() returned -1. Correct it."
    assert row["completion"][0]["content"] == ROWS[0].completion


def test_trl_takes_every_format_it_knows(tmp_path: Path) -> None:
    datasets: Any = pytest.importorskip("datasets")
    from trl import data_utils

    for form in ("prompt-completion", "chat", "preference", "kto", "repair"):
        export(ROWS, form, tmp_path / f"{form}.parquet", container="parquet")
        row = datasets.Dataset.from_parquet(
            str(tmp_path / f"{form}.parquet"), cache_dir=str(tmp_path / "cache")
        )[0]
        assert data_utils.is_conversational(row), form
        unpaired = data_utils.maybe_unpair_preference_dataset if form == "preference" else None
        assert unpaired is None or unpaired(datasets.Dataset.from_list([row])).num_rows == 2


def test_the_mask_shows_what_is_trained_on(base: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    pieces = mask_preview(ROWS[0], tokenizer)
    assert [piece.trained for piece in pieces] == [False, True]
    assert ROWS[0].completion in pieces[1].text
    assert "Ask" in pieces[0].text
    assert "Ask" not in pieces[1].text
    assert pieces[1].text.endswith("<|end|>")
    tokenizer.chat_template = "{{ messages | length }}" + tokenizer.chat_template
    with pytest.raises(DistillError, match="renders the prompt otherwise"):
        mask_preview(ROWS[0], tokenizer)
