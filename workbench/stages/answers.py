"""Answers on their way into the store: each with its candidate, linked to the round that uses it.

An answer is unique by source, task, question and sampling; asking the same again finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from workbench.stages.prompts import storable
from workbench.store.canonical import canonical, digest
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, CandidateRow, RoundAnswerRow

__all__ = [
    "Draft",
    "find_answers",
    "latest_by_source",
    "link_answer",
    "round_answers",
    "save_answers",
]


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before it has a row. ``messages`` is the conversation as it was sent."""

    task_id: str
    source_id: str
    prompt_digest: str
    sampling: Mapping[str, Any]
    messages: Sequence[tuple[str, str]]
    text: str
    finish: str
    entry_point: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: str | None = None
    seconds: float = 0.0
    first_token_seconds: float | None = None
    request_id: str | None = None
    attempt: int = 0
    parent_id: int | None = None


def find_answers(
    store: Store, source_id: str, sampling_digest: str, task_ids: Collection[str]
) -> dict[tuple[str, str], int]:
    """Return (task, prompt digest) -> answer id of what this source has answered already."""
    wanted = set(task_ids)
    query = select(AnswerRow.task_id, AnswerRow.prompt_digest, AnswerRow.id).where(
        AnswerRow.source_id == source_id, AnswerRow.sampling_digest == sampling_digest
    )
    with store.read() as session:
        return {
            (task, prompt): number
            for task, prompt, number in session.exec(query)
            if task in wanted and number is not None
        }


def save_answers(
    store: Store, drafts: Sequence[Draft], round_id: str | None, role: str
) -> list[int]:
    """Store ``drafts`` in one transaction and return their ids in order."""
    blobs = [
        store.blobs.put_text(canonical([[role_, storable(text)] for role_, text in d.messages]))
        for d in drafts
    ]
    ids: list[int] = []
    with store.write() as session:
        for draft, messages in zip(drafts, blobs, strict=True):
            row = _row(session, draft, messages, round_id)
            session.add(row)
            session.flush()
            assert row.id is not None
            link_answer(session, round_id, row.id, role)
            ids.append(row.id)
    return ids


def link_answer(session: Session, round_id: str | None, answer_id: int, role: str) -> None:
    """Note that the round uses the answer; twice is once."""
    if round_id is None:
        return
    if session.get(RoundAnswerRow, (round_id, answer_id)) is None:
        session.add(RoundAnswerRow(round_id=round_id, answer_id=answer_id, role=role))


def _row(session: Session, draft: Draft, messages: str, round_id: str | None) -> AnswerRow:
    from teachers import extract_code

    text = storable(draft.text)
    candidate_id = reason = None
    if draft.finish == "stop":
        extraction = extract_code(text, draft.entry_point)
        if extraction.code is None:
            reason = extraction.reason
        else:
            candidate_id = _candidate(session, extraction.code)
    else:
        reason = _NO_CODE.get(draft.finish, f"the answer ended with {draft.finish}")
        if text and draft.finish in ("cannot", "refusal"):
            reason = f"{reason}: {text[:300]}"
    sampling = canonical(dict(draft.sampling))
    return AnswerRow(
        task_id=draft.task_id,
        source_id=draft.source_id,
        round_id=round_id,
        prompt_digest=draft.prompt_digest,
        messages_digest=messages,
        sampling_digest=digest(sampling),
        sampling_json=sampling,
        attempt=draft.attempt,
        parent_id=draft.parent_id,
        text=text,
        finish=draft.finish,
        candidate_id=candidate_id,
        no_code_reason=reason,
        input_tokens=draft.input_tokens,
        output_tokens=draft.output_tokens,
        cached_tokens=draft.cached_tokens,
        reasoning_tokens=draft.reasoning_tokens,
        cost=draft.cost,
        seconds=draft.seconds,
        first_token_seconds=draft.first_token_seconds,
        request_id=draft.request_id,
    )


_NO_CODE = {
    "length": "the answer was cut off at the token limit",
    "refusal": "the teacher refused",
    "filtered": "the provider filtered the answer",
    "cannot": "the teacher cannot do this task",
}


def _candidate(session: Session, code: str) -> str:
    name = digest(code)
    if session.get(CandidateRow, name) is None:
        session.add(CandidateRow(id=name, code=code))
        session.flush()
    return name


def latest_by_source(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    """Keep each source's latest answer to each task: the last repair counts, not the first try."""
    best: dict[tuple[str, str, str], AnswerRow] = {}
    for row in sorted(rows, key=lambda r: (r.attempt, r.id or 0)):
        best[(row.task_id, row.source_id, row.sampling_digest)] = row
    return sorted(best.values(), key=lambda r: r.id or 0)


def round_answers(store: Store, round_id: str, *roles: str) -> list[AnswerRow]:
    """Return the answers of a round in the given roles, in the order they were made."""
    query = (
        select(AnswerRow)
        .join(RoundAnswerRow, col(RoundAnswerRow.answer_id) == col(AnswerRow.id))
        .where(RoundAnswerRow.round_id == round_id, col(RoundAnswerRow.role).in_(roles))
        .order_by(col(AnswerRow.id))
    )
    with store.read() as session:
        return list(session.exec(query))
