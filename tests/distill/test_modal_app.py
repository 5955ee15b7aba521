"""The Modal script, run against a stand-in for Modal whose volume is a folder of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from distill import job
from distill.config import TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.modal_app import write_modal


class FolderVolume:
    """What the script uses of ``modal.Volume``, over a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commits = 0

    def reload(self) -> None:
        pass

    def commit(self) -> None:
        self.commits += 1

    def batch_upload(self, force: bool = False) -> FolderVolume:
        assert force
        return self

    def __enter__(self) -> FolderVolume:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def put_directory(self, local: str, remote: str) -> None:
        shutil.copytree(local, self.root / remote.lstrip("/"), dirs_exist_ok=True)

    def put_file(self, local: str, remote: str) -> None:
        target = self.root / remote.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(local, target)

    def listdir(self, path: str, *, recursive: bool = False) -> list[Any]:
        assert recursive
        files = [one for one in (self.root / path).rglob("*") if one.is_file()]
        return [
            types.SimpleNamespace(path=str(one.relative_to(self.root)), type=1) for one in files
        ]

    def read_file(self, path: str) -> Iterator[bytes]:
        yield (self.root / path).read_bytes()


class Recorder:
    """Stands for an app or an image: remembers how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def function(self, **options: Any) -> Callable[[Any], Any]:
        self.calls.append(("function", (), options))

        def made(body: Any) -> Any:
            return types.SimpleNamespace(remote=body)

        return made

    def local_entrypoint(self) -> Callable[[Any], Any]:
        return lambda body: body

    def pip_install_from_requirements(self, *given: Any) -> Recorder:
        self.calls.append(("requirements", given, {}))
        return self


def loaded(script: Path, volume: FolderVolume, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    app = Recorder()
    stand_in = types.SimpleNamespace(
        App=lambda name: app,
        Image=types.SimpleNamespace(debian_slim=lambda python_version: Recorder()),
        Volume=types.SimpleNamespace(from_name=lambda name, create_if_missing: volume),
        Secret=types.SimpleNamespace(from_name=lambda name: f"secret {name}"),
        is_local=lambda: True,
        volume=types.SimpleNamespace(FileEntryType=types.SimpleNamespace(FILE=1)),
    )
    monkeypatch.setitem(sys.modules, "modal", stand_in)  # type: ignore[arg-type]
    names: dict[str, Any] = {"__file__": str(script), "__name__": "modal_app"}
    exec(compile(script.read_text(), str(script), "exec"), names)
    names["JOB"] = str(volume.root / "r1")
    names["options"] = app.calls[0][2]
    return names


def test_the_script_uploads_runs_and_brings_the_result_back(
    base: Path, rows: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r1"
    job.write(folder, "r1", rows, base, TrainingPlan(training=TrainConfig(checkpoint=0.05)))
    script = write_modal(folder, gpu="L4", hours=2, secret="hub")
    volume = FolderVolume(tmp_path / "volume")
    names = loaded(script, volume, monkeypatch)
    assert names["options"]["gpu"] == "L4"
    assert names["options"]["timeout"] == 7200
    assert names["options"]["secrets"] == ["secret hub"]
    commands: list[list[str]] = []

    def runs(command: list[str], check: bool) -> Any:
        commands.append(command)
        result = Path(command[1]).parent / "result" / "adapter"
        result.mkdir(parents=True)
        (result / "manifest.json").write_text("{}")
        (result.parent / "checkpoints-x").mkdir()
        (result.parent / "checkpoints-x" / "big").write_text("")
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", runs)
    names["main"](test_only=True)
    assert commands == [[sys.executable, str(volume.root / "r1" / "run.py"), "--test-only"]]
    assert (volume.root / "r1" / "rows.jsonl").is_file()
    assert (volume.root / "r1" / "code" / "distill" / "job.py").is_file()
    assert (folder / "result" / "adapter" / "manifest.json").read_text() == "{}"
    assert not (folder / "result" / "checkpoints-x").exists()
    assert volume.commits == 1


def test_a_job_that_cannot_go_on_after_a_preemption_is_refused(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    job.write(tmp_path / "r1", "r1", rows, base, TrainingPlan())
    with pytest.raises(DistillError, match="checkpoint every 5%"):
        write_modal(tmp_path / "r1")


def test_the_library_itself_takes_the_script(
    base: Path, rows: list[Example], tmp_path: Path
) -> None:
    """Modal's own command line reads it and shows its options; nothing is asked of a network."""
    pytest.importorskip("modal", reason="the program modal is not here: pip install modal")
    job.write(
        tmp_path / "r1", "r1", rows, base, TrainingPlan(training=TrainConfig(checkpoint=0.05))
    )
    script = write_modal(tmp_path / "r1", secret="hub")
    done = subprocess.run(
        [sys.executable, "-m", "modal", "run", str(script), "--help"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--test-only" in done.stdout
    assert "--merge-only" in done.stdout
