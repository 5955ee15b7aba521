"""What is kept: only by consent, never personal data; and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from tests.workbench.server.conftest import Running, Start
from workbench.server.feedback import Keeper, Seen, make_tasks, without_personal_data
from workbench.settings import load_settings
from workbench.stages.drift import check_drift, measure
from workbench.store.database import Store, open_store
from workbench.store.tables import AlertRow, ServedRow, TaskRow
from workbench.tasks import Task, add_tasks

ASK = "Write def add(a: int, b: int) -> int. It returns a plus b."
ADD = {
    "entry_point": "add",
    "signature": "def add(a: int, b: int) -> int",
    "ensures": ["result == a + b"],
}
TASK = Task("x", ASK, "add", ADD["signature"], ensures=("result == a + b",))  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(load_settings(tmp_path, env={})) as one:
        yield one


def kept(store: Store) -> list[ServedRow]:
    with store.read() as session:
        return list(session.exec(select(ServedRow)))


def row(**changed: object) -> ServedRow:
    fields = {
        "model": "student", "version_digest": "d", "prompt": "p", "category": "code",
        "finish": "stop", "characters": 80, "answered_by": "student", "verdict": "proved",
    }  # fmt: skip
    return ServedRow(**{**fields, **changed})


def test_lines_with_personal_data_or_secrets_are_taken_out() -> None:
    text = (
        "Write a function.\nMail me at jo.doe@corp-mail.net\n"
        "key = 'AKIAIOSFODNN7EXAMPLQ'\nIt returns 4."
    )
    clean = without_personal_data(text)
    assert clean.text.splitlines()[0] == "Write a function."
    assert clean.text.splitlines()[3] == "It returns 4."
    assert "jo.doe" not in clean.text
    assert "AKIA" not in clean.text
    assert len(clean.kinds) == 2


def test_nothing_is_kept_unless_the_server_says_so_and_the_client_does_not_object(
    start: Start, running: Running
) -> None:
    def ask(server: Running, **more: object) -> None:
        body = {"messages": [{"role": "user", "content": ASK}], "max_tokens": 8, **more}
        assert server.post("/v1/chat/completions", body).status_code == 200

    ask(running)
    assert running.service.keeper is None
    with start() as server:
        assert server.verifier.store is not None
        server.service.keeper = Keeper(server.verifier.store)
        ask(server, store=False)
        assert kept(server.verifier.store) == []
        ask(server)
        ask(server, verify=True, contract=ADD, temperature=0, max_tokens=60)
        plain, verified = kept(server.verifier.store)
        assert (plain.prompt, plain.contract_json, plain.verdict) == (ASK, None, None)
        assert verified.contract_json is not None
        assert verified.verdict is not None
        assert [task.entry_point for task in make_tasks(server.verifier.store)] == ["add"]


def test_kept_contracts_become_tasks_once_and_never_a_held_out_one(store: Store) -> None:
    keeper = Keeper(store)
    seen = Seen("student", "d", ASK, "stop", 10, "student", TASK, "proved")
    for _ in range(3):
        keeper.keep(seen)
    secret = Task("e", "Held  OUT question", "add", TASK.signature, split="eval")
    add_tasks(store, [secret])
    keeper.keep(Seen("student", "d", "held out Question", "stop", 10, "student", TASK, "proved"))
    (made,) = make_tasks(store)
    assert (made.prompt, made.split, made.source) == (ASK, "train", "served")
    assert make_tasks(store) == []
    with store.read() as session:
        assert len(session.exec(select(TaskRow)).all()) == 2


def test_steady_service_raises_nothing_and_what_moved_raises_an_alert_until_it_is_back(
    store: Store,
) -> None:
    def serve(count: int, proved_of_ten: int, characters: int, category: str = "code") -> None:
        with store.write() as session:
            for number in range(count):
                verdict = "proved" if number % 10 < proved_of_ten else "refuted"
                session.add(
                    row(verdict=verdict, characters=characters + number % 7, category=category)
                )

    def alerts() -> set[str]:
        with store.read() as session:
            rows = session.exec(select(AlertRow).where(AlertRow.kind == "drift"))
            return {one.subject for one in rows if one.cleared_at is None}

    serve(20, 7, 80)
    assert check_drift(store, window=10) == []
    serve(380, 7, 80)
    assert not any(one.moved for one in check_drift(store, window=100))
    serve(100, 3, 400, category="chat")
    moved = {one.name for one in check_drift(store, window=100) if one.moved}
    assert moved == {"proved rate", "length", "mix"}
    assert alerts() == moved
    serve(1200, 7, 80)
    check_drift(store, window=100)
    assert alerts() == set()


def test_refusals_are_a_figure_of_their_own() -> None:
    before = [row() for _ in range(100)]
    now = [row(characters=0 if n % 3 == 0 else 80) for n in range(100)]
    found = {one.name: one for one in measure(before, now)}
    assert found["refusal rate"].moved
    assert "0% to 34%" in found["refusal rate"].sentence
    assert not found["mix"].moved
