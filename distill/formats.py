"""Dataset rows in the shapes that trainers read, and as deterministic JSON Lines.

``prompt_completion``, ``chat``, ``preference`` and ``unpaired`` are TRL's own shapes; ``alpaca``
and those that begin with ``sharegpt`` are LLaMA-Factory's; ``openai`` is a line of OpenAI's
fine-tuning files, which is ``chat``; ``repair`` is a conversation in which a wrong answer was given
back with the input that refutes it. Nothing here needs a training library. Files: ``exporting``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from distill.errors import DistillError
from distill.example import Example, canonical

Row = dict[str, Any]


def _turns(example: Example) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in example.messages]


def _reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def prompt_completion(example: Example) -> Iterator[Row]:
    """TRL's conversational prompt-completion: the loss falls on the completion only."""
    yield {"prompt": _turns(example), "completion": [_reply(example.completion)]}


def chat(example: Example) -> Iterator[Row]:
    """Chat messages, as OpenAI's fine-tuning files have them."""
    yield {"messages": [*_turns(example), _reply(example.completion)]}


def preference(example: Example) -> Iterator[Row]:
    """TRL's preference pair, for DPO; rows without a rejected half give nothing."""
    if example.rejected is not None:
        yield {
            "prompt": _turns(example),
            "chosen": [_reply(example.completion)],
            "rejected": [_reply(example.rejected)],
        }


def unpaired(example: Example) -> Iterator[Row]:
    """TRL's unpaired preference, for KTO: the completion is good, the rejected half is not."""
    prompt = _turns(example)
    yield {"prompt": prompt, "completion": [_reply(example.completion)], "label": True}
    if example.rejected is not None:
        yield {"prompt": prompt, "completion": [_reply(example.rejected)], "label": False}


_SHAREGPT = {"user": "human", "assistant": "gpt", "system": "system"}


def sharegpt(example: Example) -> Iterator[Row]:
    """ShareGPT conversations; a leading system turn goes to the ``system`` field."""
    turns = [*example.messages, ("assistant", example.completion)]
    row: Row = {}
    if turns[0][0] == "system":
        row["system"] = turns.pop(0)[1]
    row["conversations"] = [{"from": _SHAREGPT[role], "value": text} for role, text in turns]
    yield row


def sharegpt_preference(example: Example) -> Iterator[Row]:
    """ShareGPT with a chosen and a rejected answer, for DPO in LLaMA-Factory."""
    if example.rejected is not None:
        (row,) = sharegpt(example)
        yield {
            **row,
            "conversations": row["conversations"][:-1],
            "chosen": {"from": "gpt", "value": example.completion},
            "rejected": {"from": "gpt", "value": example.rejected},
        }


def sharegpt_kto(example: Example) -> Iterator[Row]:
    """ShareGPT with a label, for KTO in LLaMA-Factory."""
    (row,) = sharegpt(example)
    yield {**row, "kto_tag": True}
    if example.rejected is not None:
        answer = {"from": "gpt", "value": example.rejected}
        yield {**row, "conversations": [*row["conversations"][:-1], answer], "kto_tag": False}


def alpaca(example: Example) -> Iterator[Row]:
    """Alpaca: one instruction and its output; earlier turns go to ``history``."""
    turns = list(example.messages)
    row: Row = {"instruction": turns[-1][1], "input": "", "output": example.completion}
    if turns[0][0] == "system":
        row["system"] = turns.pop(0)[1]
    pairs = turns[:-1]
    if pairs:
        row["history"] = [
            [ask[1], answer[1]] for ask, answer in zip(pairs[::2], pairs[1::2], strict=True)
        ]
    yield row


def repair(example: Example) -> Iterator[Row]:
    """A repair triple as prompt-completion: wrong code, its counterexample, the right code.

    Rows without a refuted answer, or without the sentence that refutes it, give nothing.
    """
    said = example.facts.get("refutation")
    if example.rejected is not None and isinstance(said, str):
        turns = [
            *_turns(example),
            _reply(example.rejected),
            {"role": "user", "content": f"{said} Correct it."},
        ]
        yield {"prompt": turns, "completion": [_reply(example.completion)]}


FORMATS: dict[str, Callable[[Example], Iterator[Row]]] = {
    "prompt-completion": prompt_completion,
    "chat": chat,
    "openai": chat,
    "preference": preference,
    "kto": unpaired,
    "sharegpt": sharegpt,
    "sharegpt-preference": sharegpt_preference,
    "sharegpt-kto": sharegpt_kto,
    "alpaca": alpaca,
    "repair": repair,
}


def rows(examples: Iterable[Example], form: str) -> Iterator[Row]:
    """Yield the rows of ``examples`` in the format named ``form``, in order, one at a time."""
    if form not in FORMATS:
        raise DistillError(f"there is no format {form!r}; known are {', '.join(FORMATS)}")
    for example in examples:
        yield from FORMATS[form](example)


def write_jsonl(path: Path, rows: Iterable[Row]) -> int:
    """Write ``rows`` as JSON Lines, atomically; returns how many. The bytes depend on rows only."""
    part = path.with_name(path.name + ".part")
    count = 0
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(canonical(row) + "\n")
            count += 1
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
    return count


def read_jsonl(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file; a broken line is a ``DistillError`` with its number."""
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DistillError(f"{path.name}, line {number}: not JSON ({error.msg})") from error
            if not isinstance(row, dict):
                raise DistillError(f"{path.name}, line {number}: a row must be a JSON object")
            yield row


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write whole examples, with their facts; :func:`read_examples` reads them back."""
    from dataclasses import asdict

    return write_jsonl(path, (asdict(example) for example in examples))


def read_examples(path: Path) -> list[Example]:
    """Read what :func:`write_examples` wrote; a missing or unknown field is named with its line."""
    return list(iter_examples(path))


def iter_examples(path: Path) -> Iterator[Example]:
    """Yield the rows of a file one at a time, so that a million of them need no more memory."""
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            turns = tuple((str(role), str(text)) for role, text in row.pop("messages"))
            example = Example(messages=turns, **row)
        except (KeyError, TypeError, ValueError) as error:
            raise DistillError(
                f"{path.name}, row {number}: not a training row ({error})"
            ) from error
        yield example
