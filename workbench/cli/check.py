"""``workbench check FILE.py``: judge the functions of a Python file by their own contracts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import emit_lines, note

if TYPE_CHECKING:
    from judge import Judgement

REFUSED = ("refuted", "unsafe", "malformed")
GLYPHS = {"proved": "✓", "bounded": "✓", "tested": "✓", "partial": "~", "refuted": "✗"}


def command(
    files: Annotated[
        list[Path], typer.Argument(help="Python files with contracts, or folders of them.")
    ],
    jobs: Annotated[int, typer.Option(min=1, help="Judge processes.")] = 2,
    watch: Annotated[
        bool, typer.Option("--watch", help="Judge again when a file changes.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
) -> None:
    """Judge each function that carries a contract: icontract, deal, PEP 316 or asserts.

    One line a function, as editors read it: file:line:column, function, verdict, explanation. Exit
    status 1 when something is refuted, 2 when a contract could not be read (the other functions
    are judged all the same), 3 when something could not be decided.
    """
    status = _check(files, jobs, json)
    while watch:
        note("watching; Ctrl-C ends")
        _wait_for_change(files)
        status = _check(files, jobs, json)
    raise typer.Exit(status)


def _check(files: list[Path], jobs: int, json: bool) -> int:
    from judge import BadLine, judge_many, submissions_from_source, to_record

    places: list[tuple[Path, int, str]] = []
    submissions = []
    seen: set[str] = set()
    for file in _python_files(files):
        source = _read(file)
        if source is None:
            seen.add("unreadable")
            continue
        found = submissions_from_source(source, str(file))
        if not found and file in files:
            note(f"{file}: no function with a contract")
        for item in found:
            if isinstance(item, BadLine):
                seen.add("unreadable")
                note(f"{file}:{item.line}:1: {item.message}")
                continue
            places.append((file, item.line or 1, item.entry_point))
            submissions.append(item)
    judged = zip(places, judge_many(submissions, jobs=jobs), strict=True)
    for (file, line, name), judgement in judged:
        seen.add(judgement.verdict.word)
        if json:
            emit_lines(
                [{"file": str(file), "line": line, "function": name, **to_record(judgement)}]
            )
        else:
            typer.echo(_line(file, line, name, judgement))
    if seen & set(REFUSED):
        return 1
    if "unreadable" in seen:
        return 2
    return 3 if seen & {"unknown", "error", "vacuous", "bad_contract"} else 0


def _line(file: Path, line: int, name: str, judgement: Judgement) -> str:
    word = judgement.verdict.word
    glyph = GLYPHS.get(word, "?")
    return f"{file}:{line}:1: {glyph} {name}: {word}: {judgement.explanation}"


def _python_files(paths: list[Path]) -> list[Path]:
    """The files as named, and the Python files below the folders that are named."""
    found: list[Path] = []
    for path in paths:
        below = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [f for f in below if f == path or not _hidden(f.relative_to(path))]
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _read(file: Path) -> bytes | None:
    """The file's bytes; None, and a sentence, where there are none: the others are judged."""
    try:
        return file.read_bytes()
    except OSError as error:
        note(f"{file}:1:1: {file} cannot be read: {error.strerror}; name a Python file.")
        return None


def _wait_for_change(files: list[Path]) -> None:
    """Return when a file's time of change differs from what it is now."""

    def times() -> list[float]:
        return [
            file.stat().st_mtime if file.exists() else 0.0
            for file in [*files, *_python_files(files)]
        ]

    before = times()
    while times() == before:
        time.sleep(0.3)
