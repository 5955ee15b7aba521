"""A base model that takes a second to make: real architecture and tokenizer, hardly trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.example import Example
from distill.family import generate


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from distill.tiny import Recipe, pretrain

    torch.set_num_threads(1)
    recipe = Recipe(
        hidden=32, layers=1, heads=2, intermediate=64, vocabulary=640, steps=20, batch=8
    )
    return pretrain(recipe, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def rows() -> list[Example]:
    return [
        Example(
            id=task.id,
            task_id=task.id,
            messages=(("user", task.prompt),),
            completion=task.reference.rstrip(),
            source="reference",
            group=task.family,
            category=task.category,
        )
        for task in generate(3, 24)
    ]
