"""Proved answers to like questions, as examples to show a model, each with where it is from.

Likeness is BM25 (through bm25s), or the cosine of embeddings where a local model is given. What is
returned is chosen by maximal marginal relevance: like the question, unlike each other. Only tasks
that may be trained on are shown; a held-out task's answer would be a leak.
Source: Carbonell and Goldstein, The Use of MMR, SIGIR 1998.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from workbench.errors import InputError, MissingPartError
from workbench.store.database import Store
from workbench.store.tables import CandidateRow, TaskRow, VerdictRow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]

__all__ = ["Embedder", "Found", "Retriever"]

_BALANCE = 0.5
"""Weight of likeness to the question; the rest is unlikeness to what was chosen before."""
_POOL = 5
"""How many times as many candidates are looked at as are returned."""


@dataclass(frozen=True, slots=True)
class Found:
    """A proved example, with its citation and how like the question it is (1 is the likest)."""

    task_id: str
    candidate_id: str
    prompt: str
    code: str
    likeness: float


@dataclass(frozen=True, slots=True)
class _Example:
    task_id: str
    candidate_id: str
    prompt: str
    code: str


class Embedder:
    """A local encoder: the mean of a transformers model's last hidden states, of unit length."""

    def __init__(self, model: str | Path) -> None:
        try:
            from transformers import AutoModel, AutoTokenizer

            from distill.loading import quiet
        except ModuleNotFoundError as error:
            raise MissingPartError.extra("An embedding model", "train") from error
        try:
            with quiet():
                self._tokenizer = AutoTokenizer.from_pretrained(str(model))
                self._model = AutoModel.from_pretrained(str(model), use_safetensors=True).eval()
        except (OSError, ValueError) as error:
            raise InputError(
                f"{model} cannot be loaded as an embedding model: {str(error).splitlines()[0]}.",
                "Give the folder of a transformers model with safetensors weights.",
            ) from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token

    def __call__(self, texts: Sequence[str]) -> Vector:
        """Return one row a text."""
        import numpy as np
        import torch

        rows = []
        for begin in range(0, len(texts), 32):
            batch = self._tokenizer(
                list(texts[begin : begin + 32]), return_tensors="pt", padding=True, truncation=True,
                max_length=512,
            )  # fmt: skip
            batch.pop("token_type_ids", None)
            with torch.inference_mode():
                states = self._model(**batch).last_hidden_state.float()
            mask = batch["attention_mask"].unsqueeze(-1)
            mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            rows.append(torch.nn.functional.normalize(mean, dim=-1).double().numpy())
        return np.concatenate(rows)


class Retriever:
    """The proved examples of a store, ready to be searched."""

    def __init__(self, examples: Sequence[_Example], embed: Embedder | None = None) -> None:
        self._examples = list(examples)
        self._embed = embed
        self._index: Any = None
        self._vectors: Vector | None = None
        self._words: list[frozenset[str]] = []
        if not self._examples:
            return
        prompts = [one.prompt for one in self._examples]
        if embed is not None:
            self._vectors = embed(prompts)
        else:
            tokens = _tokens(prompts)
            self._words = [frozenset(each) for each in tokens]
            self._index = _bm25(tokens) if any(tokens) else None

    @classmethod
    def of(cls, store: Store, embed: Embedder | None = None) -> Retriever:
        """Read the proved answers to training tasks, one a task: the shortest."""
        query = (
            select(VerdictRow.task_id, VerdictRow.candidate_id, TaskRow.prompt, CandidateRow.code)
            .join(TaskRow, col(TaskRow.id) == col(VerdictRow.task_id))
            .join(CandidateRow, col(CandidateRow.id) == col(VerdictRow.candidate_id))
            .where(VerdictRow.verdict == "proved", TaskRow.split == "train")
        )
        best: dict[str, _Example] = {}
        with store.read() as session:
            for task, candidate, prompt, code in session.exec(query):
                one = _Example(task, candidate, prompt, code)
                known = best.get(task)
                if known is None or (len(code), code) < (len(known.code), known.code):
                    best[task] = one
        return cls([best[task] for task in sorted(best)], embed)

    def __len__(self) -> int:
        return len(self._examples)

    def everything(self) -> list[Found]:
        """Return all examples, in no order of likeness."""
        return [self._found(place, 0.0) for place in range(len(self._examples))]

    def find(self, question: str, count: int, *, without: str | None = None) -> list[Found]:
        """Return up to ``count`` examples, the likest last, where a model reads them best.

        ``without`` names a task whose own answer must not be shown.
        """
        if not self._examples or count < 1:
            return []
        likeness = self._likeness(question)
        pool = [
            place
            for place in sorted(range(len(likeness)), key=lambda i: (-likeness[i], i))
            if likeness[place] > 0 and self._examples[place].task_id != without
        ][: count * _POOL]
        chosen: list[int] = []
        while pool and len(chosen) < count:
            best = max(pool, key=lambda i: (self._worth(i, likeness, chosen), -i))
            pool.remove(best)
            chosen.append(best)
        chosen.sort(key=lambda i: (likeness[i], -i))
        return [self._found(place, float(likeness[place])) for place in chosen]

    def _found(self, place: int, likeness: float) -> Found:
        one = self._examples[place]
        return Found(one.task_id, one.candidate_id, one.prompt, one.code, likeness)

    def _likeness(self, question: str) -> Vector:
        """Return the likeness of every example to the question, 1 for the likest."""
        import numpy as np

        if self._vectors is not None and self._embed is not None:
            scores = self._vectors @ self._embed([question])[0]
        else:
            words = [each for tokens in _tokens([question]) for each in tokens]
            if not words or self._index is None:
                return np.zeros(len(self._examples))  # a question without a word is like nothing
            scores = np.asarray(self._index.get_scores(words), dtype=np.float64)
        most = float(scores.max(initial=0.0))
        return np.asarray(scores / most if most > 0 else scores, dtype=np.float64)

    def _worth(self, place: int, likeness: Vector, chosen: Sequence[int]) -> float:
        repeated = max((self._alike(place, other) for other in chosen), default=0.0)
        return _BALANCE * float(likeness[place]) - (1 - _BALANCE) * repeated

    def _alike(self, one: int, other: int) -> float:
        if self._vectors is not None:
            return float(self._vectors[one] @ self._vectors[other])
        first, second = self._words[one], self._words[other]
        return len(first & second) / max(1, len(first | second))


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    bm25s = _library()
    found: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords="en", return_ids=False, show_progress=False
    )
    return found


def _bm25(tokens: Sequence[Sequence[str]]) -> Any:
    bm25s = _library()
    index = bm25s.BM25()
    index.index([list(each) for each in tokens], show_progress=False)
    return index


def _library() -> Any:
    try:
        import bm25s
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("Finding examples", "serve") from error
    return bm25s
