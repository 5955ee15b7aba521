"""The half that a child does: the same report as without it, and nothing is left behind."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.certificate.sample import edit_lines, reseal
from workbench.certificate import Report, SigningKey, verify
from workbench.certificate import beside as besides
from workbench.certificate.beside import start_half
from workbench.certificate.bundle import Bundle, open_bundle
from workbench.certificate.leak import Leak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a child is made on Linux only")

Rows = list[dict[str, Any]]


def nothing(folder: Path) -> None:
    pass


def flipped(folder: Path) -> None:
    path = next((folder / "evidence/obligations").iterdir())
    path.write_bytes(path.read_bytes() + b" ")


def edited(name: str, change: Callable[[Rows], Rows]) -> Callable[[Path], None]:
    return lambda folder: edit_lines(folder / f"evidence/{name}.jsonl", change)


CHANGES: dict[str, Callable[[Path], None]] = {
    "good": nothing,
    "an obligation that changed": flipped,
    "a verdict that is malformed": edited("verdicts", lambda rows: [{**rows[0], "x": 1}]),
    "a verdict twice": edited("verdicts", lambda rows: [rows[0], *rows]),
    "a verdict less": edited("verdicts", lambda rows: rows[1:]),
    "an answer less": edited("candidates", lambda rows: rows[:-1]),
    "a proof by nothing": edited("verdicts", lambda rows: [{**r, "obligations": []} for r in rows]),
    "a bound without a word": edited(
        "verdicts", lambda rows: [{**r, "recheck": "disputed"} for r in rows]
    ),
    "a task held out twice": edited(
        "tasks", lambda rows: [{**row, "prompt": "Add."} for row in rows]
    ),
    "a task that is malformed": edited("tasks", lambda rows: [{**rows[0], "x": 1}]),
    "no verdicts": lambda folder: (folder / "evidence/verdicts.jsonl").unlink(),
}


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every verification fork, wherever the tests run; list the children."""
    made: list[int] = []
    fork = os.fork

    def counted() -> int:
        child = fork()
        if child:
            made.append(child)
        return child

    monkeypatch.setattr(besides, "_FEWEST", 0)
    monkeypatch.setattr(besides, "_may_fork", lambda: True)
    monkeypatch.setattr(besides.os, "fork", counted)
    return made


def told(report: Report) -> list[tuple[str, str, str]]:
    return [(check.id, check.status, check.detail) for check in report.checks]


@pytest.mark.parametrize("resealed", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_child_finds_what_is_found_without_one(
    bundle: Path,
    key: SigningKey,
    forks: list[int],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    resealed: bool,
) -> None:
    CHANGES[change](bundle)
    if resealed:
        reseal(bundle, key)
    beside = verify(bundle, [key.public])
    assert forks or "files" in {check.id for check in beside.failed}
    for child in forks:
        with pytest.raises(ChildProcessError):
            os.waitpid(child, os.WNOHANG)
    monkeypatch.setattr(besides, "_may_fork", lambda: False)
    assert told(verify(bundle, [key.public])) == told(beside)


@pytest.mark.parametrize("part", ["judged", "find_leak", "hashed"])
def test_the_work_is_the_child_s(
    bundle: Path, key: SigningKey, forks: list[int], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    parent = os.getpid()
    work = getattr(besides, part)

    def only_there(given: Bundle) -> Any:
        assert os.getpid() != parent
        return work(given)

    monkeypatch.setattr(besides, part, only_there)
    assert verify(bundle, [key.public]).exit_code == 0
    assert len(forks) == 1


@pytest.mark.parametrize("part", ["judged", "find_leak", "hashed"])
def test_a_child_that_dies_or_fails_is_replaced(
    bundle: Path, key: SigningKey, forks: list[int], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    parent = os.getpid()
    work = getattr(besides, part)
    for how in (lambda: os._exit(9), lambda: 1 // 0):

        def dying(given: Bundle, how: Callable[[], object] = how) -> Any:
            if os.getpid() != parent:
                how()
            return work(given)

        monkeypatch.setattr(besides, part, dying)
        assert verify(bundle, [key.public]).exit_code == 0
    assert len(forks) == 2


def test_tasks_that_changed_between_two_readings_are_refused(
    bundle: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(besides, "find_leak", lambda bundle: Leak("0" * 64))
    failed = verify(bundle, [key.public]).failed
    assert [(check.id, check.code) for check in failed] == [("disjoint", "changed-file")]


def test_a_child_nobody_asks_is_waited_for(bundle: Path, forks: list[int]) -> None:
    opened = open_bundle(bundle)
    start_half(opened).close()
    with pytest.raises(ChildProcessError):
        os.waitpid(forks[0], os.WNOHANG)


def test_beside_other_threads_nothing_is_forked(
    bundle: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(besides, "_FEWEST", 0)
    monkeypatch.delattr(besides.os, "fork")
    found: list[Report] = []
    done = threading.Event()
    thread = threading.Thread(
        target=lambda: (found.append(verify(bundle, [key.public])), done.set())
    )
    thread.start()
    thread.join()
    assert done.is_set()
    assert found[0].exit_code == 0
