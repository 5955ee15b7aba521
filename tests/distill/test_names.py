"""Names of people: said as authors, or seen by a model that was trained for it here."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.errors import DistillError
from distill.example import Example
from distill.filter_config import checked_filters
from distill.filters import run_filters
from distill.names import prose
from distill.privacy import personal

NAMES = ("Alice", "Bob", "Carol", "Dave")
PLAIN = (
    "the",
    "list",
    "of",
    "numbers",
    "asked",
    "for",
    "sum",
    "a",
    "function",
    "by",
    "return",
    "#",
)


@pytest.mark.parametrize(
    "line",
    [
        "# Author: Jane Doe",
        "# @author Jane Doe <jane>",
        '__author__ = "Ada King Lovelace"',
        "Copyright (c) 2019-2021 Ada Lovelace",
        "© 2020 by José Álvarez",
        "Signed-off-by: Ludwig van Beethoven",
        "Co-authored-by: Jean-Luc O'Neil",
        "This was written by Grace Hopper in 1959.",
    ],
)
def test_who_is_said_to_have_written_something_is_found(line: str) -> None:
    assert [(one.kind, one.line) for one in personal(f"x\n{line}\n")] == [("name of a person", 2)]


@pytest.mark.parametrize(
    "line",
    [
        "def author(name: str) -> str:",
        "author: str = field()",
        "Copyright 2020 Google Inc",
        "# Copyright (c) 2024 The Project Authors. All rights reserved.",
        "the code is written by hand",
        "Return the author: the first name in the list.",
        "created by splitting the list",
        "authors = [a for a in books]",
        "# Author:",
    ],
)
def test_what_names_no_person_stays(line: str) -> None:
    assert personal(line) == []


def test_only_comments_and_strings_of_code_are_prose() -> None:
    code = 'def Alice(Bob):\n    """Ask Carol\n    or Dave."""\n    return Bob  # for Alice\n'
    kept = prose(code)
    assert [len(line) for line in kept.splitlines()] == [len(line) for line in code.splitlines()]
    assert kept.split() == ['"""Ask', "Carol", "or", 'Dave."""', "#", "for", "Alice"]
    assert prose("not ( python") == "not ( python"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A token classifier of a few thousand weights that has learnt four names."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

    words = ("[PAD]", "[UNK]", *PLAIN, *NAMES)
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    )
    torch.manual_seed(0)
    network = BertForTokenClassification(
        BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, id2label={0: "O", 1: "B-PER"}, label2id={"O": 0, "B-PER": 1},
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-2)
    for _ in range(40):
        tokens = torch.randint(1, len(words), (16, 8))
        loss = network(input_ids=tokens, labels=(tokens >= len(words) - 4).long()).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = tmp_path_factory.mktemp("names")
    network.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return str(folder)


def test_a_model_finds_names_where_nothing_marks_them(model: str) -> None:
    found = personal("the sum of numbers\nAlice asked for a list\n", names=model)
    assert [(one.kind, one.line) for one in found] == [("name of a person", 2)]
    assert personal("the sum of numbers", names=model) == []


def test_the_filter_takes_a_row_that_names_somebody(model: str) -> None:
    def row(name: str, ask: str, code: str) -> Example:
        return Example(name, name, (("user", ask),), code, "source")

    rows = [
        row("asked", "Bob asked for a sum", "def f(a):\n    return a"),
        row("commented", "a sum", "def f(a):\n    return a  # for Carol"),
        row("only a variable", "a sum", "def f(Dave):\n    return Dave"),
    ]
    rules = checked_filters({"filter": [{"rule": "personal", "names": model}]}, "here")
    found = run_filters(rows, rules)
    assert [one.id for one in found.rows] == ["only a variable"]
    assert [one.reason for one in found.removed] == [
        "name of a person in line 1", "name of a person in line 3",
    ]  # fmt: skip


def test_a_model_that_cannot_be_used_is_a_sentence(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DistillError, match="finds names cannot be loaded"):
        personal("Alice", names=str(tmp_path))
