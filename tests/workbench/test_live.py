"""A live question: text is told while it grows, every answer is judged, one failure stays alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from teachers.model import Answer, Failure, FailureKind, Finish, Identity, Prompt, Sampling
from workbench.settings import load_settings
from workbench.stages.live import ask_live
from workbench.store import Store
from workbench.store.views import answers, live
from workbench.tasks import Task, add_tasks

CODE = "def double(x: int) -> int:\n    return x + x\n"
TASK = Task(
    id="own/double",
    prompt="Double x.",
    entry_point="double",
    signature="def double(x: int) -> int",
    ensures=("result == 2 * x",),
)


class Slow:
    """A teacher of the tests that streams its answer, or fails."""

    def __init__(self, name: str, text: str, *, fails: bool = False) -> None:
        self.name, self.text, self.fails = name, text, fails
        self.asked = 0

    @property
    def identity(self) -> Identity:
        return Identity(provider="tests", model=self.name, local=True)

    async def answer(self, prompt: Prompt, sampling: Sampling) -> Answer:
        raise AssertionError("a teacher that can stream is streamed")

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[str | Answer]:
        self.asked += 1
        if self.fails:
            failure = Failure(FailureKind.BAD_REQUEST, "no such model")
            yield self.whole(text="", finish=Finish.FAILED, failure=failure)
            return
        for line in self.text.splitlines(keepends=True):
            yield line
        yield self.whole(text=self.text, finish=Finish.STOP)

    def whole(self, **more: Any) -> Answer:
        return Answer(provider="tests", model=self.name, cost=Decimal(0), **more)

    async def close(self) -> None:
        return


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.open(load_settings(tmp_path / "home"))
    add_tasks(opened, [TASK])
    return opened


def test_every_answer_is_judged_and_a_failure_stays_alone(store: Store) -> None:
    right = Slow("tests:right", f"Here:\n```python\n{CODE}```\n")
    wrong = Slow("tests:wrong", f"```python\n{CODE.replace('x + x', 'x * x')}```")
    broken = Slow("tests:broken", "", fails=True)
    found = ask_live(store, store.settings, TASK, [right, wrong, broken])
    assert set(found) == {"tests:right", "tests:wrong"}
    with store.engine.connect() as connection:
        words = {g.source_id: g.word for g in answers.by_ids(connection, list(found.values()))}
        told = {p.source: p.state for p in live.pieces(connection, TASK.id)}
    assert words == {"tests:right": "proved", "tests:wrong": "refuted"}
    assert told == {"tests:right": "judged", "tests:wrong": "judged", "tests:broken": "failed"}
    again = ask_live(store, store.settings, TASK, [right])
    assert again["tests:right"] == found["tests:right"]
    assert right.asked == 1, "what was answered is not asked again"
    store.close()


def test_a_stored_proof_is_solved_again_from_its_bytes(store: Store) -> None:
    from sqlmodel import select

    from workbench.errors import NotFoundError, StoreError
    from workbench.stages.recheck import recheck_verdict
    from workbench.store.tables import ObligationRow, VerdictRow

    ask_live(store, store.settings, TASK, [Slow("tests:right", f"```python\n{CODE}```")])
    with store.read() as session:
        verdict = session.exec(select(VerdictRow.id)).one()
        formula = session.exec(select(ObligationRow.digest)).first()
    assert verdict is not None
    assert formula is not None
    found = recheck_verdict(store, verdict).as_json()
    assert found["outcome"] == "confirmed"
    assert {a["solver"] for a in found["obligations"][0]["answers"]} == {"z3", "cvc5"}
    with pytest.raises(NotFoundError, match="no verdict 999"):
        recheck_verdict(store, 999)
    store.blobs.path(formula).write_text("(assert true)")
    with pytest.raises(StoreError):
        recheck_verdict(store, verdict)
    store.close()
