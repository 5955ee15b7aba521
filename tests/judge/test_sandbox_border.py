"""Nothing in the project runs code or programs outside the sandbox, but for what is listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("judge", "teachers", "distill", "workbench", "ui")
RUNNING = {"exec", "eval", "compile", "__import__"}
MODULES = {"subprocess", "pickle", "marshal", "shelve", "runpy", "code", "codeop", "pty", "ctypes"}
UNPICKLING = {"pickle", "marshal", "runpy", "shelve"}
OS_CALLS = {"system", "popen", "fork", "forkpty", "execv", "execve", "execvp", "posix_spawn"}
HOME = "judge/sandbox/"

PROGRAMS = {
    "judge/solve.py": "starts the solver's own process; no candidate code enters it",
    "judge/child.py": "starts the judge's own workers",
    "teachers/child.py": "starts the formal teacher's own workers",
    "teachers/machine.py": "asks nvidia-smi how much memory the graphics card has",
    "teachers/worker.py": "forks the formal teacher's own jobs",
    "workbench/": "starts git, the server and the user interface, never a candidate",
    "distill/": "starts training and export programs of the project",
    "ui/": "starts jobs of the workbench",
}
"""Files and folders that may start programs, and which."""
TEXTS = {
    "judge/prove/filtering.py": "evaluates the prover's own guesses: arithmetic, comparisons and a "
    "few pure builtins, every node looked at, no attribute, over plain values",
    "judge/drafting.py": "evaluates the draft's own templates over the plain values of examples",
    "judge/wire.py": "pickles between the judge's own processes, in which no candidate runs",
}
"""Files that turn text into something that runs, and why that text is nobody else's."""


def uses(tree: ast.AST) -> Iterator[tuple[str, int, bool]]:
    """Yield what could run something: its name, its line, and whether it runs code from text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.removeprefix("builtins.") in RUNNING:
                yield name, node.lineno, True
            elif name.startswith("os.") and name[3:] in OS_CALLS:
                yield name, node.lineno, False
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            for name in names if isinstance(node, ast.Import) else [node.module or ""]:
                if name.partition(".")[0] in MODULES:
                    yield name, node.lineno, name in UNPICKLING


def found(text: str) -> list[str]:
    return [name for name, _, _ in uses(ast.parse(text))]


@pytest.mark.parametrize(
    "text",
    [
        "exec(code)",
        "x = eval('1')",
        "compile(s, 'f', 'exec')",
        "import subprocess",
        "from subprocess import run",
        "import os\nos.system('x')",
        "os.fork()",
        "import pickle",
        "builtins.exec(x)",
        "__import__('os')",
    ],
)
def test_the_walk_sees_each_way_to_run_something(text: str) -> None:
    assert found(text)


def test_the_walk_leaves_innocent_code_alone() -> None:
    assert found("import re\nre.compile('x')\nmodel.eval()\ncursor.execute('x')") == []


def _allowed(name: str, code: bool) -> bool:
    places = TEXTS if code else {**PROGRAMS, **TEXTS}
    return any(name == p or (p.endswith("/") and name.startswith(p)) for p in places)


def test_only_the_sandbox_runs_code() -> None:
    outside = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(HOME):
                continue
            for what, line, code in uses(ast.parse(path.read_text(encoding="utf-8"))):
                if not _allowed(name, code):
                    outside.append(f"{name}:{line} uses {what}")
    assert outside == [], "run untrusted code through judge.sandbox, or say here why it is none"


def test_what_runs_inside_the_sandbox_is_only_its_own_folder() -> None:
    running = {
        path.name
        for path in (ROOT / HOME).rglob("*.py")
        if any(code for _, _, code in uses(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert running == {"execute.py"}
