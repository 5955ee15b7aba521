"""The front of the command line: its table of commands is true and each one has help."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from workbench.cli import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_has_a_module_with_one_door(name: str) -> None:
    module = import_module(f"workbench.cli.{name}")
    assert hasattr(module, "app") != hasattr(module, "command")


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from workbench.cli import main; main()", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_with_its_sentence() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_an_unknown_command_is_a_usage_error_with_the_name() -> None:
    done = run("jugde")
    assert done.returncode == 2
    assert "jugde" in done.stderr
    assert "Traceback" not in done.stderr


def test_version_prints_and_exits() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.strip().count(".") == 2
