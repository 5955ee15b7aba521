"""Jobs: they live in processes of their own and say how they ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui import jobs
from ui.widgets import work


def wait(home: Path, state: str, seconds: float = 60.0) -> jobs.Job:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        (job,) = jobs.jobs(home)
        if job.state == state:
            return job
        time.sleep(0.1)
    raise AssertionError(f"the job is {job.state}, not {state}: {job.tail}")


def test_a_job_ends_as_done_with_what_it_said(tmp_path: Path) -> None:
    assert jobs.start(tmp_path, ["workbench", "--version"]).status is None
    assert wait(tmp_path, "done").tail.strip()


def test_a_mistake_ends_as_failed_with_its_sentence(tmp_path: Path) -> None:
    jobs.start(tmp_path, ["workbench", "no-such-command"])
    assert "no-such-command" in wait(tmp_path, "failed").tail


def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    jobs.start(tmp_path, ["workbench", "a b; touch $(echo broken) 'x'"])
    wait(tmp_path, "failed")
    assert not list(tmp_path.rglob("broken"))


def test_only_workbench_commands_are_jobs(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workbench command"):
        jobs.start(tmp_path, ["rm", "-r", "x"])


def test_a_job_whose_process_is_gone_is_not_called_running(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "00000000000000000001"
    folder.mkdir(parents=True)
    record = {"command": ["workbench", "demo"], "pid": 2**22 + 5, "started": 0.0}
    (folder / "command.json").write_text(json.dumps(record))
    (job,) = jobs.jobs(tmp_path)
    assert job.state == "lost"


def test_a_half_written_job_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "00000000000000000002"
    folder.mkdir(parents=True)
    (folder / "command.json").write_text('{"command": [')
    assert jobs.jobs(tmp_path) == ()


def test_the_screen_runs_again_when_a_job_that_it_followed_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    command = ("workbench", "doctor")
    running = jobs.Job(tmp_path, command, process.pid, time.time(), None)
    asked = []

    def newest(_: object) -> jobs.Job:
        asked.append(1)
        if len(asked) == 1:
            return running
        process.kill()
        process.wait()
        return replace(running, status=0)

    monkeypatch.setattr(work, "newest", newest)

    def screen() -> None:
        import streamlit as st

        from ui.widgets import work

        st.session_state["runs"] = st.session_state.get("runs", 0) + 1
        work.follow(("workbench", "doctor"), quiet=True)

    app = AppTest.from_function(screen).run()
    assert app.session_state["runs"] == 2
