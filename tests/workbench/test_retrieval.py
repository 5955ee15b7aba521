"""Examples are like the question, unlike each other, proved, and never from held-out tasks."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.retrieval import Embedder, Retriever, _Example
from workbench.stages.train import shipped_base

PROMPTS = [
    "Give the sum of the numbers in a list.",
    "Give the sum of the numbers of a list.",
    "Sum three prices into a list.",
    "Reverse a string.",
    "Find the largest of three values.",
]
EXAMPLES = [_Example(f"t/{i}", f"c{i}", prompt, "code") for i, prompt in enumerate(PROMPTS)]


def test_the_likest_come_last_and_near_copies_make_room() -> None:
    found = Retriever(EXAMPLES).find("sum of all numbers in the list", 2)
    assert found[-1].prompt == PROMPTS[0]
    assert found[-1].likeness == 1.0
    assert found[0].prompt == PROMPTS[2], "a near copy of the first says nothing new"


def test_a_question_like_nothing_gets_nothing() -> None:
    assert Retriever(EXAMPLES).find("zebra", 3) == []
    assert Retriever([]).find("sum", 3) == []
    assert Retriever(EXAMPLES).find("sum", 0) == []


@pytest.mark.parametrize("question", ["", "  ", "the of and", "\x00", "\ud800", "zzzz"])
def test_a_question_without_a_word_that_counts_gets_nothing(question: str) -> None:
    examples = [_Example("a", "c", "Return the sum of xs.", "x")]
    assert Retriever(examples).find(question, 3) == []
    wordless = Retriever([_Example("a", "c", "the of", "x")])
    assert wordless.find(question, 3) == wordless.find("sum", 3) == []


def test_a_task_is_not_shown_its_own_answer() -> None:
    found = Retriever(EXAMPLES).find(PROMPTS[3], 3, without="t/3")
    assert "t/3" not in {one.task_id for one in found}


def test_a_local_model_embeds() -> None:
    embed = Embedder(shipped_base())
    rows = embed(PROMPTS)
    assert rows.shape[0] == len(PROMPTS)
    assert (rows**2).sum(1) == pytest.approx([1.0] * len(PROMPTS))
    found = Retriever(EXAMPLES, embed).find(PROMPTS[3], 1)
    assert found[0].prompt == PROMPTS[3]


def test_a_model_that_is_none_is_a_sentence() -> None:
    with pytest.raises(InputError, match="cannot be loaded as an embedding model"):
        Embedder("no/such-model-here")
