"""The tribunal by command: ballots shown, abstentions, agreement with people, bad files."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from judge.tribunal import deliberate
from teachers.model import Answer, Finish, Prompt, Sampling
from teachers.recorded import RecordedTeacher, recorded_line, write_recording
from workbench.errors import InputError
from workbench.stages.tribunal import read_pleas, read_rubric

QUESTION, ANSWER = "Why is the sky blue?", "Because air scatters short waves more."
LINE = json.dumps({"id": "sky", "question": QUESTION, "answer": ANSWER, "label": True})


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from workbench.cli import main; main()", "tribunal", *args],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


class Listener:
    """Keeps the question that jurors are asked."""

    name = "listener"
    heard = ""

    async def ask(self, prompt: str) -> str:
        self.heard = prompt
        return "{}"


def juror(folder: Path, name: str, scores: dict[str, object]) -> str:
    listener = Listener()
    asyncio.run(deliberate(QUESTION, ANSWER, [listener]))
    empty, path = folder / "none.jsonl", folder / f"{name}.jsonl"
    write_recording(empty, [])
    answer = Answer(json.dumps(scores), Finish.STOP, "recorded", name)
    asked = Prompt.of(listener.heard)
    line = recorded_line(RecordedTeacher(empty), asked, Sampling(), answer)
    write_recording(path, [line])
    return f"recorded:{path}"


@pytest.mark.usefixtures("settings")
def test_ballots_dissent_and_agreement_are_shown(tmp_path: Path) -> None:
    high = {"correctness": 1, "depth": 0.9, "fairness": 0.9, "why": "fine"}
    low = {"correctness": 0.6, "depth": 0.6, "fairness": 0.6, "why": "thin"}
    kind, strict = juror(tmp_path, "kind", high), juror(tmp_path, "strict", low)
    silent = juror(tmp_path, "silent", {})
    file = tmp_path / "pleas.jsonl"
    file.write_text(LINE + "\n")
    done = run(str(file), "--juror", kind, "--juror", strict, "--juror", silent)
    assert done.returncode == 0, done.stderr
    assert (
        "sky: accepted: 2 jurors give 0.77 on average: accepted, with 1 dissenting." in done.stdout
    )
    assert "abstains: `correctness` is no number" in done.stdout
    assert "agreement with people: 100% of 1 decided" in done.stderr
    alone = run(str(file), "--juror", kind, "--json")
    assert alone.returncode == 3
    assert json.loads(alone.stdout)["outcome"] == "no_quorum"


@pytest.mark.usefixtures("settings")
def test_nobody_votes_unasked(tmp_path: Path) -> None:
    file = tmp_path / "pleas.jsonl"
    file.write_text(LINE + "\n")
    done = run(str(file))
    assert done.returncode == 2
    assert "Nobody votes" in done.stderr


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"question": "q"}', '{"question": "q", "answer": 3}', ""]
)
def test_a_bad_file_is_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"pleas\.jsonl"):
        read_pleas([text], "pleas.jsonl")


def test_a_rubric_is_read_and_a_bad_one_named() -> None:
    text = '{"criteria": [{"name": "a", "weight": 1.0, "question": "?"}], "quorum": 1}'
    assert read_rubric(text, "r.json").quorum == 1
    for bad in ("[", "[]", '{"quorum": 0}', '{"unknown": 1}', '{"criteria": [{"name": "a"}]}'):
        with pytest.raises(InputError, match=r"r\.json is no rubric"):
            read_rubric(bad, "r.json")
