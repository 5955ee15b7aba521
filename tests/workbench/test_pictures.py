"""Pictures of tasks: from the task file into the store, from there to those who can see."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.teachers.test_images import png
from tests.workbench.test_cli_ask import KEY, Run, Served, rows, run
from workbench.errors import StageError
from workbench.settings import Settings
from workbench.stages.ask import task_questions
from workbench.store.tables import AnswerRow, TaskRow
from workbench.task_files import read_task_file
from workbench.tasks import task_of

__all__ = ["run"]

LINE = {
    "id": "shot",
    "prompt": "Write the function in the picture.",
    "entry_point": "f",
    "signature": "def f(x: int) -> int",
    "split": "train",
}
DATA = base64.b64encode(png(4, 4)).decode()


def task_file(folder: Path, *images: str, **more: Any) -> Path:
    path = folder / "tasks.jsonl"
    path.write_text(json.dumps({**LINE, **more, "images": list(images)}) + "\n")
    return path


def sent_images(served: Served) -> list[list[str]]:
    """Return for each request the URLs of its pictures."""
    return [
        [
            part["image_url"]["url"]
            for part in body["messages"][-1]["content"]
            if part["type"] == "image_url"
        ]
        for _, body in served.server.requests
    ]


def test_a_task_takes_its_pictures_along_and_a_command_adds_one(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shot.png").write_bytes(png())
    (tmp_path / "more.png").write_bytes(png(8, 8))
    path = task_file(tmp_path, "shot.png", f"data:image/png;base64,{DATA}")
    assert run("tasks", "import", str(path)).status == 0
    assert run("tasks", "import", str(path)).out.strip() == "0 new, 1 already here."
    assert "pictures: image/png" in run("tasks", "show", "shot").out
    (tmp_path / "shot.png").unlink()  # the store has it
    monkeypatch.setenv("COMPATIBLE_API_KEY", KEY)
    with Served() as served:
        asked = ["ask", "shot", "--no-judge", "--teachers", served.name]
        assert run(*asked).status == 0
        assert run(*asked).status == 0
        assert run(*asked, "--image", str(tmp_path / "more.png")).status == 0
        first, second = sent_images(served)
    own = base64.b64encode(png()).decode()
    assert first == [f"data:image/png;base64,{each}" for each in (own, DATA)]
    assert len(second) == 3, "another picture is another question"
    assert len(rows(settings, AnswerRow)) == 2


def test_who_reads_text_only_is_refused_before_anything_is_sent(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "shot.png").write_bytes(png())
    run("tasks", "import", str(task_file(tmp_path, "shot.png")))
    with Served() as served:
        done = run("ask", "shot", "--no-judge", "--teachers", f"synthesis,{served.name}")
        assert done.status == 2
        assert "synthesis reads text only, and task 'shot' has pictures." in done.err
        assert served.server.requests == []
    assert "the student reads text only" in run("ask", "shot", "--teachers", "student").err
    assert rows(settings, AnswerRow) == []


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (["none.png"], "cannot be read"),
        (["../outside.png"], "is not in the folder of the task file"),
        (["notes.txt"], "save it as PNG, JPEG, GIF or WebP"),
        (["data:image/png;base64,%%%"], "is no data URL"),
        (["data:image/png,abc"], "is no data URL"),
        (["data:image/png;base64,aGVsbG8="], "is no picture that models take"),
        (["notes.txt"] * 21, "21 pictures are more"),
        ([7], "images.0"),
    ],
)
def test_a_bad_picture_is_a_bad_line_with_its_reason(
    tmp_path: Path, images: list[Any], said: str
) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(png())
    (folder / "notes.txt").write_text("no picture at all, only words")
    read = read_task_file(task_file(folder, *images))
    [bad] = read.bad
    assert said in bad.message
    assert read.tasks == ()


@pytest.mark.parametrize("name", ["none.png", "words.png"])
def test_a_bad_picture_of_a_command_is_one_sentence(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "words.png").write_text("these are words")
    (tmp_path / "good.png").write_bytes(png())
    run("tasks", "import", str(task_file(tmp_path, "good.png")))
    done = run("ask", "shot", "--image", str(tmp_path / name), "--teachers", "openai:gpt-5")
    assert done.status == 2
    assert name in done.err
    assert "Traceback" not in done.err


def test_pictures_are_part_of_what_a_task_is(run: Run, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(png())
    plain = read_task_file(task_file(tmp_path)).tasks[0]
    [seen] = read_task_file(task_file(tmp_path, "shot.png")).tasks
    assert plain.digest != seen.digest
    run("tasks", "import", str(task_file(tmp_path, "shot.png")))
    [row] = rows(settings, TaskRow)
    assert task_of(row) == seen
    assert task_of(row).digest == row.digest
    with pytest.raises(StageError, match="a store that was not given"):
        task_questions([task_of(row)])


def test_a_model_of_this_machine_can_be_shown_a_picture(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shot.png").write_bytes(png())
    with Served() as served:
        shown = run("models", "try", served.name, "Which?", "--image", str(tmp_path / "shot.png"))
        assert shown.status == 0
        assert len(sent_images(served)[0]) == 1
    done = run("models", "try", "synthesis", "Which?", "--image", str(tmp_path / "shot.png"))
    assert done.status == 2
    assert "synthesis reads text only" in done.err
