"""Replays the answers of a stored run: the offline and the reproducible way to run.

The file is JSON Lines, one answer a line: ``{"key": REQUEST_KEY, "prompt_digest": ...,
"sample": 0, "source": "openai:MODEL", "answer": {...}}``. A request is matched by its prompt digest
and sample index, so that a recorded teacher answers whoever was asked when it was recorded. What is
not in the file is CANNOT with a sentence; nothing is made up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from teachers.codec import answer_from_json, answer_to_json, canonical, prompt_digest, request_key
from teachers.errors import TeacherError
from teachers.model import Answer, Finish, Identity, Prompt, Sampling
from teachers.protocol import Named, Teacher


class RecordedTeacher(Named):
    """Answers from one file of recorded answers; its identity names the file's digest."""

    def __init__(self, path: Path) -> None:
        self._answers: dict[tuple[str, int], Answer] = {}
        try:
            data = path.read_bytes()
        except OSError as error:
            raise TeacherError(
                f"{path}: recorded answers cannot be read ({error.strerror})"
            ) from None
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
                key = (str(fields["prompt_digest"]), int(fields["sample"]))
                self._answers[key] = answer_from_json(canonical(fields["answer"]))
            except (ValueError, KeyError, TypeError) as error:
                raise TeacherError(
                    f"{path}, line {number}: not a recorded answer ({type(error).__name__}: "
                    f"{error}); remove the line or record again"
                ) from None
        import hashlib

        version = hashlib.sha256(data).hexdigest()[:16]
        identity = Identity("recorded", path.name, local=True, version=version)
        super().__init__(f"recorded:{path}", identity)

    def __len__(self) -> int:
        return len(self._answers)

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        """See ``Teacher``."""
        found = self._answers.get((prompt_digest(prompt), sampling.sample))
        if found is None:
            return Answer(
                text="this prompt and sample are not among the recorded answers",
                finish=Finish.CANNOT,
                provider="recorded",
                model=self._identity.model,
            )
        return replace(found, provider="recorded", model=self._identity.model)

    async def close(self) -> None:
        """See ``Teacher``."""


def recorded_line(teacher: Teacher, prompt: Prompt, sampling: Sampling, answer: Answer) -> str:
    """Return the line that stores ``answer`` for replay, without its newline."""
    fields = {
        "key": request_key(teacher.identity, prompt, sampling),
        "prompt_digest": prompt_digest(prompt),
        "sample": sampling.sample,
        "source": teacher.name,
        "answer": json.loads(answer_to_json(answer)),
    }
    return canonical(fields)


def write_recording(path: Path, lines: Iterable[str]) -> int:
    """Write recorded lines to ``path`` as one file, whole or not at all; return their number."""
    partial = path.with_name(path.name + ".partial")
    count = 0
    with partial.open("w", encoding="ascii", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
    partial.replace(path)
    return count
