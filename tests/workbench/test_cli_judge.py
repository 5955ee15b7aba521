"""``workbench judge`` and ``check``: the formats, the exit statuses, and what rubbish gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLAMP = {
    "id": "clamp/1",
    "entry_point": "clamp",
    "code": "def clamp(x: int, lo: int, hi: int) -> int:\n    return max(lo, min(x, hi))\n",
    "requires": ["lo <= hi"],
    "ensures": ["lo <= result <= hi", "result == x or x < lo or x > hi"],
}
WRONG = {
    **CLAMP,
    "id": "clamp/2",
    "code": CLAMP["code"].replace("max(lo, min(x, hi))", "min(x, hi)"),
}


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from workbench.cli import main; main()", *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_right_and_a_wrong_candidate_come_back_in_order_with_status_one() -> None:
    done = run("judge", "-", stdin=f"{json.dumps(CLAMP)}\n{json.dumps(WRONG)}\n")
    first, second = records(done)
    assert (first["id"], first["verdict"], first["recheck"]) == ("clamp/1", "proved", "confirmed")
    assert (second["id"], second["verdict"]) == ("clamp/2", "refuted")
    found = second["counterexample"]
    assert isinstance(found, dict)
    assert found["violates"] == "lo <= result <= hi"
    x, lo, hi = found["args"]
    assert lo <= hi
    assert not lo <= min(x, hi) <= hi
    assert done.returncode == 1


def test_a_demanded_layer_that_is_missing_is_a_sentence_and_status_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKBENCH_SANDBOX_MINIMUM", "landlok")
    done = run("judge", "-", stdin=f"{json.dumps(CLAMP)}\n")
    assert (done.returncode, done.stdout) == (3, "")
    assert "landlok: there is no such layer" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_only_proved_candidates_give_status_zero(tmp_path: Path) -> None:
    file = tmp_path / "candidates.jsonl"
    file.write_text(json.dumps(CLAMP) + "\n")
    out = tmp_path / "obligations"
    done = run("judge", str(file), "--obligations", str(out))
    assert done.returncode == 0
    assert len(list(out.glob("*.smt2"))) >= 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"id": "x", "entry_point"', "line 2"),
        ('{"id": "x"}', "line 2"),
        ("[1, 2]", "line 2"),
        (json.dumps({**CLAMP, "reqires": []}), "line 2"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_judged(line: str, says: str) -> None:
    good = json.dumps(CLAMP)
    done = run("judge", "-", stdin=f"{good}\n{line}\n{good}\n")
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert [record["verdict"] for record in records(done)] == ["proved", "error", "proved"]


@pytest.mark.parametrize("args", [("judge", "nowhere.jsonl"), ("check", "nowhere.py")])
def test_a_missing_file_is_a_sentence_and_status_two(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_judges_the_other_files_where_one_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "half.py"
    file.write_text(
        'def half(n: int) -> int:\n    """post: __return__ <= abs(n)"""\n    return n // 2\n'
    )
    done = run("check", str(tmp_path / "gone.py"), str(file))
    assert done.returncode == 2
    assert "gone.py cannot be read: No such file" in done.stderr
    assert "half: proved" in done.stdout


def test_check_reads_the_contracts_of_a_python_file(tmp_path: Path) -> None:
    file = tmp_path / "little.py"
    file.write_text(
        "def half(n: int) -> int:\n"
        '    """Halve.\n\n'
        "    pre: n >= 0\n"
        '    post: 0 <= __return__ <= n\n    """\n'
        "    return n // 2\n\n\n"
        "def wrong(n: int) -> int:\n"
        '    """Count down.\n\n'
        '    post: __return__ < 10\n    """\n'
        "    return n - 1\n"
    )
    done = run("check", str(file))
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{file}:1:1: ✓ half: proved")
    assert second.startswith(f"{file}:10:1: ✗ wrong: refuted: wrong(")


def test_check_of_a_file_in_another_encoding_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "latin.py"
    file.write_bytes("# caf\xe9\n".encode("latin-1"))
    done = run("check", str(file))
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr


def test_check_goes_on_past_a_file_it_cannot_read_and_walks_folders(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("# caf\xe9\n".encode("latin-1"))
    (tmp_path / "b.py").write_text("def f(n: int) -> int:\n    assert n > 0\n    return 6 // n\n")
    (tmp_path / ".hidden.py").write_text("def g(n: int) -> int:\n    assert n\n    return 1\n")
    done = run("check", str(tmp_path))
    assert done.returncode == 2
    assert "a.py:1:1: " in done.stderr
    assert "not UTF-8" in done.stderr
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == ["✓ f"]
