"""Is every guard of the verifier held by a test: take one away, and see whether a test fails.

    python -m tests.workbench.certificate.mutation [--sample N] [--seed S] [--part 1/4]

A guard is a statement that raises ``CertificateError``. Each mutant is a copy of the project in a
temporary folder in which one guard does nothing; the attack tests run on it until one fails.
Prints the guards that nobody missed and the score. Takes seconds a mutant; no test of the suite.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("certificate", "registry")
NAMES = (
    "lying_signer", "attacks_keys", "attacks_bytes", "selection", "pieces", "strict", "key_files",
    "post_quantum", "timestamp", "recheck_bundle",
)  # fmt: skip
TESTS = (
    *(f"tests/workbench/certificate/test_{name}.py" for name in NAMES),
    "tests/workbench/registry",
)


def guards() -> list[tuple[str, int, int]]:
    """Return file, first and last line of every guard."""
    found: list[tuple[str, int, int]] = []
    for path in sorted(p for name in PACKAGES for p in (ROOT / "workbench" / name).glob("*.py")):
        tree = ast.parse(path.read_text())
        found += [
            (str(path.relative_to(ROOT)), node.lineno, node.end_lineno or node.lineno)
            for node in ast.walk(tree)
            if isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and isinstance(node.exc.func, ast.Name)
            and node.exc.func.id == "CertificateError"
        ]
    return sorted(found)


def survives(folder: Path, guard: tuple[str, int, int]) -> bool:
    """Whether no test fails without the guard."""
    name, start, end = guard
    target = folder / name
    good = target.read_text()
    lines = good.splitlines()
    indent = len(lines[start - 1]) - len(lines[start - 1].lstrip())
    lines[start - 1 : end] = [" " * indent + "pass"] + [""] * (end - start)
    target.write_text("\n".join(lines) + "\n")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:asyncio",
             "-p", "no:cacheprovider", *TESTS],
            cwd=folder, capture_output=True, env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip
    finally:
        target.write_text(good)
    return done.returncode == 0


def main() -> None:
    """Try the mutants and print the score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, help="how many guards to try; default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", help="K/N: every N-th guard, from the K-th on")
    options = parser.parse_args()
    first, step = map(int, options.part.split("/"))
    chosen = guards()[first - 1 :: step]
    if options.sample is not None:
        chosen = sorted(random.Random(options.seed).sample(chosen, options.sample))
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("workbench", "judge", "teachers", "distill", "tests", "pyproject.toml"):
            source = ROOT / part
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / part, ignore=ignore)
            else:
                shutil.copy(source, folder / part)
        for guard in chosen:
            if survives(folder, guard):
                missed += 1
                print(f"nobody missed {guard[0]}:{guard[1]}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} guards are held by a test")


if __name__ == "__main__":
    main()
