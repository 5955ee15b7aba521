"""The night in small: six sources, two that fail, one kill; see ``benchmarks/night.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import night


@pytest.mark.slow
def test_a_night_with_failing_providers_and_a_kill_ends_with_every_answer_once(
    tmp_path: Path,
) -> None:
    found = night.rehearse(tmp_path, tasks=8, samples=2, kills=1, outage=0.0, faulty=0.1)
    assert found.wrong == []
    assert found.answers == found.billed == 96
    assert 0 < found.bill < found.estimate
    assert found.runs >= 2


def test_a_night_that_went_wrong_is_noticed(tmp_path: Path) -> None:
    """The holding itself is held against a store that lost an answer and paid another twice."""
    import sqlite3

    (tmp_path / "home").mkdir()
    database = sqlite3.connect(tmp_path / "home" / "workbench.db")
    database.execute(
        "CREATE TABLE answer (source_id, task_id, sampling_digest, finish, created_at)"
    )
    database.execute("CREATE TABLE ledger (provider, cost, status)")
    names = [f"{name}:m" for name in night.SOURCES]
    for name in names[1:]:
        database.execute("INSERT INTO answer VALUES (?, 't', 's', 'stop', '2026-11-21')", (name,))
        database.execute("INSERT INTO ledger VALUES (?, '0.1', 'ok')", (name,))
    database.execute("INSERT INTO answer VALUES ('ollama:m', 't', 's', 'stop', '2026-11-21')")
    database.commit()
    database.close()
    (tmp_path / "log.txt").write_text(f"authorization: Bearer {night.KEY}")
    found = night.Night()
    counted: dict[str, tuple[dict[str, int], dict[str, int]]] = {
        name: ({"t": 1}, {}) for name in night.SOURCES
    }
    night._hold(found, tmp_path / "home", counted, 1, 1, 0)
    night._search(found, tmp_path)
    said = " ".join(found.wrong)
    assert "1 tasks without exactly 1 answers" in said
    assert "5 lines in the bill for 6 answers" in said
    assert "the usage comes to" in said
    assert "over the estimate" in said
    assert "the key is in" in said
    assert "log.txt" in said
