"""The home is saved while others write, destroyed, and comes back byte for byte."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from workbench.backup import read_manifest, restore_backup, write_backup
from workbench.errors import InputError, WorkbenchError
from workbench.settings import Settings, load_settings
from workbench.store.database import open_store
from workbench.store.tables import RoundRow


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    found = load_settings()
    with open_store(found) as store:
        for number in range(1, 6):
            with store.write() as session:
                session.add(RoundRow(id=f"r{number}", number=number, config_json="{}"))
        for text in ("one", "two", "three"):
            store.blobs.put(text.encode() * 1000)
    home = found.home
    (home / "rounds/r1/adapter").mkdir(parents=True)
    (home / "rounds/r1/adapter/adapter_model.safetensors").write_bytes(os.urandom(300_000))
    (home / "config.toml").write_text("jobs = 1\n")
    (home / "locks/x.lock").write_text("held")
    (home / "odd name ü").write_text("x")
    return found


def contents(home: Path) -> dict[str, str]:
    return {
        str(p.relative_to(home)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(home.rglob("*"))
        if p.is_file() and "locks" not in p.parts and not p.name.startswith("workbench.db")
    }


def rounds(settings: Settings) -> list[str]:
    with open_store(settings) as store, store.read() as session:
        return sorted(row.id for row in session.exec(select(RoundRow)))


def test_a_destroyed_home_comes_back(settings: Settings, tmp_path: Path) -> None:
    before = contents(settings.home)
    file = tmp_path / "safe/home.tar"
    done = write_backup(settings, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.files == len(before) + 1
    assert len(read_manifest(file)["files"]) == done.files
    shutil.rmtree(settings.home)
    again = restore_backup(file, settings.home)
    assert (again.files, again.size, again.made) == (done.files, done.size, done.made)
    assert contents(settings.home) == before
    assert rounds(settings) == [f"r{n}" for n in range(1, 6)]
    assert not (settings.home / "locks/x.lock").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "safe"]


def test_it_is_taken_while_somebody_writes(settings: Settings, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 100
        with open_store(settings) as store:
            while not stop.is_set():
                number += 1
                with store.write() as session:
                    session.add(RoundRow(id=f"r{number}", number=number, config_json="{}"))
                store.blobs.put(str(number).encode())

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            write_backup(settings, tmp_path / f"{number}.tar")
    finally:
        stop.set()
        thread.join()
    for number in range(3):
        restore_backup(tmp_path / f"{number}.tar", tmp_path / f"home{number}")
        found = rounds(load_settings(tmp_path / f"home{number}"))
        assert found[0] == "r1"


def test_an_existing_home_is_refused_or_set_aside(settings: Settings, tmp_path: Path) -> None:
    write_backup(settings, tmp_path / "b.tar")
    (settings.home / "later").write_text("x")
    with pytest.raises(InputError, match="--replace"):
        restore_backup(tmp_path / "b.tar", settings.home)
    restore_backup(tmp_path / "b.tar", settings.home, replace=True)
    assert not (settings.home / "later").exists()
    (kept,) = tmp_path.glob("home.before-*")
    assert (kept / "later").read_text() == "x"
    (tmp_path / "empty").mkdir()
    restore_backup(tmp_path / "b.tar", tmp_path / "empty")
    assert (tmp_path / "empty/workbench.db").is_file()


KILLER = """
import os, signal, sys
from pathlib import Path
import workbench.backup as backup
from workbench.settings import load_settings
whole, name = getattr(backup, sys.argv[1]), sys.argv[1]
calls = 0
def dying(*arguments):
    global calls
    calls += 1
    if calls == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*arguments)
setattr(backup, name, dying)
if name == "_add":
    backup.write_backup(load_settings(), Path(sys.argv[2]))
else:
    backup.restore_backup(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def killed(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLER, *arguments], capture_output=True)
    assert done.returncode == -9, done.stderr


def test_a_back_up_killed_in_the_middle_is_none_and_the_next_is_whole(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar"
    killed("_add", str(file))
    assert not file.exists()
    assert (tmp_path / "b.tar.partial").exists()
    with pytest.raises(InputError):
        restore_backup(tmp_path / "b.tar.partial", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    write_backup(settings, file)
    assert not (tmp_path / "b.tar.partial").exists()
    restore_backup(file, tmp_path / "other")


def test_a_restore_killed_in_the_middle_leaves_no_home_and_the_next_is_whole(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar"
    before = contents(settings.home)
    write_backup(settings, file)
    killed("_unpack", str(file), str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    restore_backup(file, tmp_path / "new")
    assert contents(tmp_path / "new") == before


def rebuilt(data: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            changed = change(member.name, file.read())
            if changed is not None:
                entry = tarfile.TarInfo(changed[0])
                entry.size = len(changed[1])
                new.addfile(entry, io.BytesIO(changed[1]))
    return out.getvalue()


def _manifest_with(name: str) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(found: str, data: bytes) -> tuple[str, bytes]:
        if found == "config.toml":
            return name, data
        if found == "MANIFEST.json":
            value = json.loads(data)
            value["files"][name] = value["files"].pop("config.toml")
            return found, json.dumps(value).encode()
        return found, data

    return change


DAMAGE: dict[str, Callable[[str, bytes], tuple[str, bytes] | None]] = {
    "a changed file": lambda n, d: (n, b"jobs = 9\n" if n == "config.toml" else d),
    "a missing file": lambda n, d: None if n == "config.toml" else (n, d),
    "a renamed file": lambda n, d: ("other" if n == "config.toml" else n, d),
    "no manifest": lambda n, d: None if n == "MANIFEST.json" else (n, d),
    "another format": lambda n, d: (n, b'{"format":"x"}' if n == "MANIFEST.json" else d),
    "a manifest that is none": lambda n, d: (n, b"[" if n == "MANIFEST.json" else d),
    "a path out of the home": _manifest_with("../evil"),
    "an absolute path": _manifest_with("/evil/file"),
    "a damaged database": lambda n, d: (n, d[:100] + b"x" * 5000 if n == "workbench.db" else d),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_back_up_makes_no_home(settings: Settings, tmp_path: Path, damage: str) -> None:
    write_backup(settings, tmp_path / "b.tar")
    bad = rebuilt((tmp_path / "b.tar").read_bytes(), DAMAGE[damage])
    (tmp_path / "bad.tar").write_bytes(bad)
    with pytest.raises(InputError):
        restore_backup(tmp_path / "bad.tar", tmp_path / "new")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["b.tar", "bad.tar", "home"]


def test_a_database_that_the_manifest_vouches_for_must_still_be_sound(
    settings: Settings, tmp_path: Path
) -> None:
    write_backup(settings, tmp_path / "b.tar")

    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name == "workbench.db":
            return name, b"not a database"
        if name == "MANIFEST.json":
            value = json.loads(data)
            value["files"]["workbench.db"] = hashlib.sha256(b"not a database").hexdigest()
            return name, json.dumps(value).encode()
        return name, data

    (tmp_path / "bad.tar").write_bytes(rebuilt((tmp_path / "b.tar").read_bytes(), change))
    with pytest.raises(InputError, match="database in"):
        restore_backup(tmp_path / "bad.tar", tmp_path / "new")


@pytest.mark.parametrize("noise", [b"", b"x" * 2000, bytes(10240)])
def test_what_is_no_back_up_is_a_sentence(tmp_path: Path, noise: bytes) -> None:
    (tmp_path / "bad.tar").write_bytes(noise)
    for read in (read_manifest, lambda path: restore_backup(path, tmp_path / "new")):
        with pytest.raises(InputError):
            read(tmp_path / "bad.tar")
    with pytest.raises(InputError, match="cannot be read"):
        restore_backup(tmp_path / "nowhere.tar", tmp_path / "new")


def test_a_truncated_back_up_is_refused(settings: Settings, tmp_path: Path) -> None:
    write_backup(settings, tmp_path / "b.tar")
    whole = (tmp_path / "b.tar").read_bytes()
    for part in (len(whole) // 3, len(whole) // 2, len(whole) - 20_000):
        (tmp_path / "cut.tar").write_bytes(whole[:part])
        with pytest.raises(InputError):
            restore_backup(tmp_path / "cut.tar", tmp_path / "new")


def test_links_are_passed_over_and_said(settings: Settings, tmp_path: Path) -> None:
    (settings.home / "link").symlink_to("/etc/passwd")
    (settings.home / "folder").symlink_to("/etc")
    done = write_backup(settings, tmp_path / "b.tar")
    assert sorted(done.passed_over) == ["folder", "link"]


def invoke(name: str, *arguments: str) -> tuple[int, str]:
    import typer

    from workbench.cli import backup, restore

    app = typer.Typer()
    app.command()({"backup": backup.command, "restore": restore.command}[name])
    done = CliRunner().invoke(app, list(arguments))
    if isinstance(done.exception, WorkbenchError):
        return 2, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_commands(settings: Settings, tmp_path: Path) -> None:
    file = str(tmp_path / "b.tar")
    assert invoke("backup", file)[0] == 0
    assert "never written over" in invoke("backup", file)[1]
    assert "inside the home" in invoke("backup", str(settings.home / "b.tar"))[1]
    assert invoke("restore", file)[0] == 2
    shutil.rmtree(settings.home)
    status, text = invoke("restore", file, "--json")
    assert status == 0
    assert json.loads(text)["home"] == str(settings.home)
    shutil.rmtree(settings.home)
    assert "no home at" in invoke("backup", str(tmp_path / "c.tar"))[1]
