"""A teacher's invariants within a run: asked for where a proof is open, checked, and remembered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from teachers.model import Prompt, Sampling
from tests.workbench.stages.scripted import Scripted, fenced
from workbench.settings import Settings
from workbench.stages import hints as hinting
from workbench.stages.ask import ask
from workbench.stages.hinted import judge_with_hints
from workbench.stages.judge import judge_answers
from workbench.stages.round_config import RoundConfig
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, VerdictRow
from workbench.tasks import Task, add_tasks

CODE = """def grow(n: int) -> list[int]:
    out = [2]
    for _ in range(n):
        out.append(4 * out[-1] + 3)
    return out
"""
TASK = Task(
    id="grow",
    prompt="Each element is four times the one before, and three.",
    entry_point="grow",
    signature="def grow(n: int) -> list[int]",
    requires=("n >= 0",),
    ensures=("all(v % 6 != 3 for v in result)",),
    tests=({"args": [1], "expected": [2, 11]},),
    split="train",
    category="lists",
    licence="Apache-2.0",
)


def answered(store: Store, settings: Settings, code: str = CODE) -> list[int]:
    add_tasks(store, (TASK,))
    small = settings.model_copy(update={"rlimit": 1_500_000, "cases": 20})
    ask(store, small, (TASK,), [Scripted("one", lambda *_: fenced(code))])
    with store.read() as session:
        ids = [i for i in session.exec(select(AnswerRow.id)) if i is not None]
    judge_answers(store, small, ids)
    return ids


def verdict(store: Store) -> VerdictRow:
    with store.read() as session:
        return session.exec(select(VerdictRow)).one()


def hints_of(monkeypatch: pytest.MonkeyPatch, text: str) -> Scripted:
    """A teacher by the name ``examples:wise`` who answers with ``text``."""

    def script(_: Prompt, __: Sampling) -> str:
        return text

    teacher = Scripted("wise", script)
    monkeypatch.setattr(hinting, "open_teachers", lambda _: [teacher])
    return teacher


def run(store: Store, settings: Settings, ids: list[int]) -> Any:
    small = settings.model_copy(update={"rlimit": 1_500_000, "cases": 20})
    return judge_with_hints(store, small, "wise", ids)


def test_an_open_proof_is_made_and_its_verdict_replaced(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = answered(store, settings)
    assert verdict(store).verdict != "proved"
    teacher = hints_of(monkeypatch, '["all(v % 3 == 2 for v in out)", "n < 0"]')
    report = run(store, settings, ids)
    assert (report.asked, report.gained) == (1, 1)
    row = verdict(store)
    assert row.verdict == "proved"
    assert "% 3 == 2" in (row.invariants_json or "")
    assert any("invariants were asked of wise" in text for text in parse(row.findings_json))
    assert run(store, settings, ids).asked == 0
    assert len(teacher.asked) == 1


@pytest.mark.parametrize(
    "text", ['["False", "all(v % 6 == 3 for v in out)", "len(out) < 0"]', "nothing", "[]"]
)
def test_false_hints_prove_nothing(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    ids = answered(store, settings)
    before = verdict(store).verdict
    hints_of(monkeypatch, text)
    assert run(store, settings, ids).gained == 0
    assert verdict(store).verdict == before
    assert run(store, settings, ids).gained == 0


def test_what_is_refuted_is_not_asked_about(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = answered(store, settings, CODE.replace("+ 3", "+ 1"))
    teacher = hints_of(monkeypatch, '["True"]')
    assert run(store, settings, ids).asked == 0
    assert teacher.asked == []


def test_a_round_may_name_who_is_asked() -> None:
    assert RoundConfig().ask_hints is None
    assert RoundConfig(ask_hints="ollama:wise").ask_hints == "ollama:wise"
