"""Names of people: where a text says whose it is, and, with a model, wherever they stand.

Authorship is said in few ways (``Author:``, ``Copyright (c) 2024 ...``, ``Signed-off-by:``,
``__author__ = ...``); those are found without a model. For all other places a local
token-classification model is needed, one that marks persons (``PER`` or ``PERSON``); it reads
prompts and what is prose in code (comments and strings), since on identifiers such models misfire.
What it is not: certainty; such a model misses names and sees some where there are none.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from distill.errors import DistillError

_MARK = re.compile(
    r"(?:@author\b|\b__author__\s*=|\bauthors?\s*[:=]|\bmaintainers?\s*[:=]|\bcopyright\b"
    r"|©|\b(?:signed-off|co-authored|reviewed|reported)-by\s*:|\b(?:written|created|coded) by\b)",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"(?:[\s\"':=,©\-–]|\([cC]\)|\d{4}|\bby\b)*")
_NAME = re.compile(r"[^\W\d_]['’\w-]*\.?(?:[ \t]+[^\W\d_]['’\w-]*\.?){1,3}")
_NOBODY = frozenset(
    {
        "ab", "ag", "all", "authors", "company", "contributors", "corp", "corporation",
        "developers", "foundation", "gmbh", "google", "group", "holder", "holders", "inc",
        "institute", "limited", "llc", "ltd", "microsoft", "notice", "owner", "owners", "project",
        "rights", "sa", "software", "team", "the", "university",
    }
)  # fmt: skip
"""Words (lower case) that show that an owner is no person."""
_SURE = 0.8
"""Least certainty of the model for a name to count."""
_PERSON = ("PER", "PERSON")


def authors(text: str) -> Iterator[int]:
    """Yield the place of each name that a mark of authorship gives."""
    for mark in _MARK.finditer(text):
        end = text.find("\n", mark.end())
        line_end = len(text) if end < 0 else end
        before = _BEFORE.match(text, mark.end(), line_end)
        start = before.end() if before is not None else mark.end()
        found = _NAME.match(text, start, line_end)
        if found is None:
            continue
        words = found[0].split()
        named = words[0][0].isupper() and any(word[0].isupper() for word in words[1:])
        if named and not any(word.strip(".,").lower() in _NOBODY for word in words):
            yield start


def spoken(text: str, model: str) -> Iterator[int]:
    """Yield the place of each name that ``model`` (a folder or hub id) sees in a text.

    Raises ``DistillError`` when the model cannot be loaded or marks no persons.
    """
    classify = _classifier(model)
    for place, line in _lines(text):
        for one in classify(line):
            label = str(one["entity_group"]).upper()
            if label in _PERSON and float(one["score"]) >= _SURE:
                yield place + int(one["start"])


def prose(code: str) -> str:
    """Return ``code`` with everything blanked but comments and strings; lines stay in place.

    A text that is no Python comes back whole.
    """
    lines = [[" "] * len(line) for line in code.splitlines()]
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                _keep(lines, token)
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return code
    return "\n".join("".join(line) for line in lines)


def _keep(lines: list[list[str]], token: tokenize.TokenInfo) -> None:
    (first, column), pieces = token.start, token.string.split("\n")
    for offset, piece in enumerate(pieces):
        start = column if offset == 0 else 0
        lines[first - 1 + offset][start : start + len(piece)] = piece


def _lines(text: str) -> Iterator[tuple[int, str]]:
    place = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            yield place, line
        place += len(line)


@lru_cache(maxsize=2)
def _classifier(model: str) -> Any:
    try:
        transformers = import_module("transformers")
    except ModuleNotFoundError as error:
        raise DistillError(
            'names need the extra train: pip install "distillation-workbench[train]"'
        ) from error
    from distill.loading import quiet

    with quiet():
        try:
            network = transformers.AutoModelForTokenClassification.from_pretrained(
                model, use_safetensors=True
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        except (OSError, ValueError) as error:
            raise DistillError(
                f"the model {model!r} that finds names cannot be loaded: "
                f"{str(error).splitlines()[0]}"
            ) from error
        if not _marks_persons(list(network.config.id2label.values())):
            raise DistillError(
                f"the model {model!r} marks no persons (its labels: "
                f"{', '.join(map(str, network.config.id2label.values()))}); give one with PER"
            )
        return transformers.pipeline(
            "token-classification", model=network, tokenizer=tokenizer,
            aggregation_strategy="simple",
        )  # fmt: skip


def _marks_persons(labels: Sequence[object]) -> bool:
    return any(str(label).upper().split("-")[-1] in _PERSON for label in labels)
