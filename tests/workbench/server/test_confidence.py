"""Who is asked first: by judged history of the student's agreement with itself; and following."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from tests.workbench.server.conftest import Running, Start
from tests.workbench.server.test_fleet import adapter
from workbench.errors import InputError
from workbench.server.confidence import Confidence
from workbench.server.follow import Follower
from workbench.server.library import Library
from workbench.stages.sources import register_student
from workbench.stages.train import shipped_base
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, ReliabilityRow, RouteRow, SettingRow

BODY = {
    "messages": [
        {"role": "user", "content": "Write def add(a: int, b: int) -> int. It returns a plus b."}
    ],
    "temperature": 0,
    "max_tokens": 48,
    "verify": True,
    "repairs": 0,
    "contract": {
        "entry_point": "add",
        "signature": "def add(a: int, b: int) -> int",
        "ensures": ["result == a + b"],
    },
}


@pytest.fixture(scope="module")
def server(start: Start) -> Iterator[Running]:
    with start(teachers=("synthesis",)) as one:
        yield one


def store_of(server: Running) -> Store:
    assert server.verifier.store is not None
    return server.verifier.store


def calibrate(server: Running, observed: float) -> None:
    """Write down that answers of any agreement were proved this often."""
    store = store_of(server)
    digest = server.service.fleet.get(None).version.base_digest
    source = register_student(store, model=digest, name="student:base").id
    with store.write() as session:
        for low in (0.0, 0.5):
            session.add(
                ReliabilityRow(fit_id=f"fit-{observed}", source_id=source, category="", low=low,
                               high=low + 0.5, count=99, predicted=low, observed=observed)
            )  # fmt: skip


def test_who_is_asked_first_follows_the_judged_history(server: Running) -> None:
    confidence = Confidence(store_of(server), 0.6)
    server.verifier.confidence = confidence
    with pytest.raises(InputError, match="workbench route calibrate"):
        confidence.require(server.service.fleet.get(None).version)
    plain = server.post("/v1/chat/completions", BODY).json()["workbench"]
    assert "routing" not in plain, "nobody has measured this student: it answers as before"

    calibrate(server, 0.05)
    confidence.require(server.service.fleet.get(None).version)
    found = server.post("/v1/chat/completions", BODY).json()["workbench"]
    assert found["routing"]["asked_first"] == "teachers"
    assert found["routing"]["chance"] == pytest.approx(0.0545)
    assert found["answered_by"] == "synthesis"
    assert [one["source"] for one in found["attempts"]] == ["synthesis"]

    calibrate(server, 0.95)
    found = server.post("/v1/chat/completions", BODY).json()["workbench"]
    assert found["routing"]["asked_first"] == "student"
    assert found["attempts"][0]["source"] == "student"
    with store_of(server).read() as session:
        rows = session.exec(select(RouteRow).where(RouteRow.run_id == "serve")).all()
    assert (rows[0].wanted, rows[0].source_id) == ("student:base", "synthesis")
    assert "below 60%" in rows[0].why
    assert len(rows) == 2


def test_a_student_that_is_passed_over_answers_when_no_teacher_can(server: Running) -> None:
    server.verifier.confidence = Confidence(store_of(server), 0.6)
    calibrate(server, 0.01)
    hard = {**BODY["contract"], "ensures": ["result == a ** b // 7 or a < b"]}  # type: ignore[dict-item]
    nobody = {**BODY, "contract": hard}
    found = server.post("/v1/chat/completions", nobody).json()["workbench"]
    assert found["routing"]["asked_first"] == "teachers"
    assert [one["source"] for one in found["attempts"]] == ["synthesis", "student"]
    asked = server.post("/v1/chat/completions", {**BODY, "fallback": False}).json()["workbench"]
    assert "routing" not in asked, "nobody else may be asked"


def test_the_server_follows_the_student_in_use(server: Running, tmp_path: Path) -> None:
    store, fleet = store_of(server), server.service.fleet
    library = Library(store, server.verifier.settings)
    follower = Follower(fleet, library, server.service.metrics, "student")
    assert not follower.look()

    def put_in_use(name: str) -> None:
        with store.write() as session:
            session.merge(
                SettingRow(
                    key="promoted_student",
                    value=canonical({"adapter": name, "source": None, "previous": []}),
                )
            )

    folder = adapter(store.home / "rounds" / "r1", 4)
    with store.write() as session:
        session.add(
            AdapterRow(id="a1", base=shipped_base(), base_digest="-", path="rounds/r1",
                       digest="d1", config_json="{}", metrics_json="{}")
        )  # fmt: skip
        session.add(
            AdapterRow(id="a2", base=shipped_base(), base_digest="-", path="rounds/r2",
                       digest="d2", config_json="{}", metrics_json="{}")
        )  # fmt: skip
    assert folder.is_dir()
    put_in_use("a1")
    assert follower.look()
    assert fleet.get(None).version.adapter_digest is not None
    assert not follower.look()
    put_in_use("a2")  # its folder is not there
    with pytest.raises(InputError, match="no adapter folder"):
        follower.look()
    assert fleet.get(None).version.adapter_digest is not None, "the old one goes on"
    assert "no adapter folder" in fleet.failures["student"]
    assert not follower.look(), "what did not load is not tried again and again"
