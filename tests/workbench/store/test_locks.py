"""Locks: one holder at a time, in this process or another, and none after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import BusyError
from workbench.store.locks import file_lock

HOLD = (
    "import sys, time; from pathlib import Path; from workbench.store.locks import file_lock\n"
    "with file_lock(Path(sys.argv[1]), 'A test'):\n"
    "    pid = 0\n"
    "    if len(sys.argv) > 2: import os; pid = os.fork()\n"
    "    if pid: print(pid, flush=True)\n"
    "    elif len(sys.argv) == 2: print(0, flush=True)\n"
    "    time.sleep(60)"
)


def holder(path: Path, *more: str) -> tuple[subprocess.Popen[bytes], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *more], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.stdout.close()
    return process, child


def test_a_second_holder_in_this_process_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with (
        file_lock(path, "A round"),
        pytest.raises(BusyError, match="A round is already going on"),
        file_lock(path, "A round"),
    ):
        pass
    with file_lock(path, "A round"):
        pass


def test_a_second_process_is_told_who_holds_it_and_a_kill_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    process, _ = holder(path)
    with pytest.raises(BusyError, match=f"process {process.pid} "), file_lock(path, "A test"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with file_lock(path, "A test"):
        pass


def test_a_forked_child_does_not_keep_the_lock_of_its_killed_parent(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    process, child = holder(path, "fork")
    try:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with file_lock(path, "A test"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
