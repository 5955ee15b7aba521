"""Is every guard of the verifier held by a test: take one away, and see whether a test fails.

    python -m tests.workbench.certificate.mutation [--map FILE] [--part 1/4] [--sample N]

A guard is a statement that raises ``CertificateError``, or that notes or returns what will be
raised. First the tests run once over a copy in
which every guard notes which tests reach it: one that none reaches is missed at once. Then, one at
a time, a guard does nothing, and the tests that reach it run until one fails. Prints the guards
that nobody missed and the score; minutes in all, so no test of the suite. ``--map`` keeps what the
first run found, for the next part.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("certificate", "registry")
TESTS = (
    "tests/workbench/certificate",
    "tests/workbench/registry",
    "tests/workbench/stages/test_verifying.py",
)
SLOW = ("test_fuzz.py", "test_attack_list.py", "test_interop.py")
MOST_TESTS = 30

Guard = tuple[str, int, int]

RECORDER = """
import os

_known = set()


def seen(place):
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    if test and (place, test) not in _known:
        _known.add((place, test))
        with open(os.environ["GUARDS_SEEN"], "a", encoding="utf-8") as file:
            file.write(place + chr(9) + test + chr(10))
"""


def guards() -> list[Guard]:
    """Return file, first and last line of every guard."""
    found: list[Guard] = []
    for path in sorted(p for name in PACKAGES for p in (ROOT / "workbench" / name).glob("*.py")):
        tree = ast.parse(path.read_text())
        notes = [node for node in ast.walk(tree) if _refuses(node)]
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name.endswith("_fault"):
                notes += [node for node in ast.walk(function) if _names_a_fault(node)]
        found += [
            (str(path.relative_to(ROOT)), node.lineno, node.end_lineno or node.lineno)
            for node in notes
            if isinstance(node, ast.stmt)
        ]
    return sorted(found)


def _refuses(node: ast.AST) -> bool:
    """Whether a statement raises a refusal, or notes it for later."""
    if isinstance(node, ast.Raise):
        made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return _name(made) in ("CertificateError", "_sorted", "fault", "malformed")
    if isinstance(node, ast.Assign):
        made = node.value.func if isinstance(node.value, ast.Call) else None
        return _name(made) == "CertificateError"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return isinstance(node.value.func, ast.Attribute) and node.value.func.attr == "fault"
    return False


def _names_a_fault(node: ast.AST) -> bool:
    return isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple | ast.JoinedStr)


def _name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def replaced(text: str, start: int, end: int, by: str) -> str:
    """Return the source with the statement in those lines replaced by another."""
    lines = text.splitlines()
    indent = len(lines[start - 1]) - len(lines[start - 1].lstrip())
    lines[start - 1 : end] = [" " * indent + by] + [""] * (end - start)
    return "\n".join(lines) + "\n"


def run_tests(folder: Path, tests: Sequence[str], *more: str, **env: str) -> int:
    """Run tests in a copy of the project; return pytest's status."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, *tests]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        env={**os.environ, **env, "PYTHONPATH": str(folder)},
    ).returncode


def reached(folder: Path, chosen: Sequence[Guard]) -> dict[str, list[str]]:
    """Run everything once with noting guards; return guard -> the tests that reach it."""
    (folder / "guards_seen.py").write_text(RECORDER)
    good: dict[str, str] = {}
    for name, start, _ in sorted(chosen, reverse=True):
        path = folder / name
        text = path.read_text()
        good.setdefault(name, text)
        lines = text.splitlines()
        indent = len(lines[start - 1]) - len(lines[start - 1].lstrip())
        call = f'__import__("guards_seen").seen("{name}:{start}")'
        lines.insert(start - 1, " " * indent + call)
        path.write_text("\n".join(lines) + "\n")
    notes = folder / "seen.txt"
    notes.touch()
    ignored = [f"--deselect={TESTS[0]}/{name}" for name in SLOW]
    run_tests(folder, TESTS, *ignored, GUARDS_SEEN=str(notes))
    for name, text in good.items():
        (folder / name).write_text(text)
    found: dict[str, list[str]] = {}
    for line in notes.read_text().splitlines():
        place, _, test = line.partition("\t")
        found.setdefault(place, []).append(test)
    return found


def survives(folder: Path, guard: Guard, tests: Sequence[str]) -> bool:
    """Whether none of the tests fails without the guard."""
    name, start, end = guard
    target = folder / name
    good = target.read_text()
    target.write_text(replaced(good, start, end, "pass"))
    try:
        return not tests or run_tests(folder, tests[:MOST_TESTS], "-x") == 0
    finally:
        target.write_text(good)


def copy_project(folder: Path) -> None:
    """Copy what the tests need."""
    for part in ("workbench", "judge", "teachers", "distill", "tests", "pyproject.toml"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)


def main() -> None:
    """Try the mutants and print the score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--map", type=Path, help="where to keep which test reaches which guard")
    parser.add_argument("--sample", type=int, help="how many guards to try; default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", help="K/N: every N-th guard, from the K-th on")
    options = parser.parse_args()
    first, step = map(int, options.part.split("/"))
    every = guards()
    chosen = every[first - 1 :: step]
    if options.sample is not None:
        chosen = sorted(random.Random(options.seed).sample(chosen, options.sample))
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_project(folder)
        if options.map is not None and options.map.is_file():
            tests = json.loads(options.map.read_text())
        else:
            tests = reached(folder, every)
            if options.map is not None:
                options.map.write_text(json.dumps(tests))
        for guard in chosen:
            place = f"{guard[0]}:{guard[1]}"
            if survives(folder, guard, tests.get(place, ())):
                missed += 1
                why = "" if place in tests else " (no test reaches it)"
                print(f"nobody missed {place}{why}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards are held by a test")


if __name__ == "__main__":
    main()
