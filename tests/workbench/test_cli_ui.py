"""``workbench ui``: the sentences for what can be in the way, and where it listens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli.ui import server_command

CLI = [sys.executable, "-c", "from workbench.cli import main; main()", "ui"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def test_a_taken_port_gets_a_sentence_and_another_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", str(port))
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken." in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_chromium_gets_the_line_that_installs_it(tmp_path: Path) -> None:
    pytest.importorskip("playwright", reason="playwright is not installed")
    done = run("--screenshots", str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 2
    assert "apt-get install -y chromium" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("--screenshots", str(tmp_path / "file" / "inside"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_it_listens_on_this_machine_only_and_tells_nobody() -> None:
    command = server_command(Path("ui/app.py"), 8501)
    assert "--server.address=127.0.0.1" in command
    assert "--browser.gatherUsageStats=false" in command


def test_running_streamlit_by_hand_is_as_safe() -> None:
    config = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"
    assert 'address = "127.0.0.1"' in config.read_text()
    assert "gatherUsageStats = false" in config.read_text()


def test_beyond_this_machine_it_wants_to_know_who_comes() -> None:
    clean = dict.fromkeys(("PASSWORD", "HEADER", "PROXY"), "")
    done = run(
        "--address", "0.0.0.0", **{f"WORKBENCH_UI_{name}": value for name, value in clean.items()}
    )
    assert done.returncode == 2
    assert "WORKBENCH_UI_PASSWORD" in done.stderr
    assert "Traceback" not in done.stderr


def test_beyond_this_machine_the_guard_stands_in_front() -> None:
    command = server_command(Path("ui/app.py"), 8501, address="0.0.0.0", hosts=("bench.example",))
    assert "ui/guarded.py" in command
    assert "--server.allowedHosts=bench.example" in command
    assert "--server.allowedHosts=localhost" not in command


def test_on_this_machine_only_its_own_names_are_answered() -> None:
    command = server_command(Path("ui/app.py"), 8501)
    assert "ui/app.py" in command
    assert "--server.allowedHosts=127.0.0.1" in command
