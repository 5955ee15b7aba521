"""Invariant hints: from a file, a line or a teacher; checked by the prover, never believed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from judge import Budget, Contract, Submission, judge
from teachers.model import Answer, Finish, Sampling
from teachers.recorded import RecordedTeacher, recorded_line, write_recording
from workbench.settings import Settings
from workbench.stages.hints import ask_hints, hint_prompt, hints_in, lacks_invariant
from workbench.store.database import Store

CODE = """def f(n: int) -> list[int]:
    out = [2]
    for _ in range(n):
        out.append(4 * out[-1] + 3)
    return out
"""
HINT = "all(v % 3 == 2 for v in out)"
LINE = {"id": "a", "entry_point": "f", "code": CODE, "requires": ["n >= 0"],
        "ensures": ["all(v % 6 != 3 for v in result)"]}  # fmt: skip
ITEM = Submission("a", "f", CODE, Contract(("n >= 0",), ("all(v % 6 != 3 for v in result)",)))
SMALL = Budget(rlimit=3_000_000, cases=100)


def run(*args: str, line: dict[str, object]) -> tuple[dict[str, object], str]:
    done = subprocess.run(
        [sys.executable, "-c", "from workbench.cli import main; main()", "judge", "-", *args,
         "--jobs", "1", "--rlimit", "3000000", "--cases", "100"],
        input=json.dumps(line), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def recording(path: Path, text: str, finish: Finish = Finish.STOP) -> Path:
    """What a teacher once answered to exactly this question."""
    asked = hint_prompt(ITEM, judge(ITEM, SMALL))
    empty = path.with_suffix(".none")
    write_recording(empty, [])
    answer = Answer(text, finish, "recorded", "somebody")
    line = recorded_line(RecordedTeacher(empty), asked, Sampling(), answer)
    write_recording(path, [line])
    return path


@pytest.mark.usefixtures("settings")
def test_a_line_and_a_file_bring_hints_that_make_the_proof(tmp_path: Path) -> None:
    found, _ = run(line=LINE)
    assert found["verdict"] == "bounded"
    found, _ = run(line={**LINE, "hints": [HINT]})
    assert found["verdict"] == "proved"
    file = tmp_path / "hints.jsonl"
    rows = [{"id": "a", "hints": [HINT, "len(out) < 0", "no ( python"]}, {"id": "b", "hints": []}]
    file.write_text("\n".join(map(json.dumps, rows)))
    found, said = run("--hints", str(file), line=LINE)
    assert found["verdict"] == "proved"
    assert any("v % 3 == 2" in text for text in found["invariants"])  # type: ignore[union-attr]
    assert "not in the input: b" in said


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("text", ["nonsense", '{"id": "a"}', '{"id": "a", "hints": [1]}', "[]"])
def test_a_bad_hint_file_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hints.jsonl"
    file.write_text(f"\n{text}\n")
    found, said = run("--hints", str(file), line=LINE)
    assert found == {}
    assert "line 2" in said
    assert "Traceback" not in said


def test_a_wrong_hint_never_makes_a_proof() -> None:
    contract = Contract(("n >= 0",), ("all(v % 6 == 3 for v in result)",))
    hints = ("all(v % 6 == 3 for v in out)", "False", "len(out) == 0 and n < 0")
    wrong = Submission("a", "f", CODE, contract, hints=hints)
    assert judge(wrong, SMALL).verdict.word == "refuted"


def test_a_teacher_is_asked_through_the_door_and_read(
    tmp_path: Path, store: Store, settings: Settings
) -> None:
    first = judge(ITEM, SMALL)
    assert lacks_invariant(ITEM, first)
    path = recording(tmp_path / "r.jsonl", f'Here: ["{HINT}", "n >= 0"]')
    found, failed = ask_hints(store, settings, f"recorded:{path}", [(ITEM, first)])
    assert found == {"a": (HINT, "n >= 0")}
    assert failed == []


def test_a_teacher_that_has_none_is_a_sentence(
    tmp_path: Path, store: Store, settings: Settings
) -> None:
    first = judge(ITEM, SMALL)
    path = recording(tmp_path / "r.jsonl", "I do not know.")
    found, failed = ask_hints(store, settings, f"recorded:{path}", [(ITEM, first)])
    assert found == {}
    assert "no Python expression" in failed[0]
    empty = tmp_path / "empty.jsonl"
    write_recording(empty, [])
    _, failed = ask_hints(store, settings, f"recorded:{empty}", [(ITEM, first)])
    assert "gave no hints" in failed[0]


@pytest.mark.usefixtures("settings")
def test_the_command_asks_a_teacher_where_the_proof_is_open(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.jsonl", f"- `{HINT}`\n- `len(out) > n`")
    found, said = run("--ask-hints", f"recorded:{path}", line=LINE)
    assert found["verdict"] == "proved"
    assert "1 came out otherwise" in said
    found, said = run("--ask-hints", "nobody:here", line=LINE)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('["a >= 0", "b == 2 * a"]', ("a >= 0", "b == 2 * a")),
        ("1. `a >= 0`\n2. b == 2 * a,", ("a >= 0", "b == 2 * a")),
        ("```python\na >= 0\n```", ("a >= 0",)),
        ("a >= 0\na >= 0", ("a >= 0",)),
        ("The loop keeps going.", ()),
        ("[" * 5_000, ()),
        ("", ()),
    ],
)
def test_expressions_are_found_in_replies(text: str, wanted: tuple[str, ...]) -> None:
    assert hints_in(text) == wanted
