"""Blobs: written whole or not at all, checked when read; and one text for one value."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.errors import DamagedBlobError, DiskFullError, HomeError
from workbench.store.blobs import Blobs, mend_os_error
from workbench.store.canonical import canonical, digest


def test_a_blob_is_named_by_its_bytes_and_stored_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    assert name == hashlib.sha256(b"abc").hexdigest()
    before = blobs.path(name).stat().st_mtime_ns
    assert blobs.put(b"abc") == name
    assert blobs.path(name).stat().st_mtime_ns == before
    assert blobs.get(name) == b"abc"


def test_a_changed_blob_is_noticed(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    blobs.path(name).write_bytes(b"abd")
    with pytest.raises(DamagedBlobError, match="changed"):
        blobs.get(name)


def test_a_missing_blob_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DamagedBlobError, match="missing"):
        Blobs(tmp_path).get("0" * 64)


def test_a_name_that_is_no_digest_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="digest"):
        Blobs(tmp_path).path("../../etc/passwd")


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="full"):
        Blobs(tmp_path).put(b"abc")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_errors_of_the_file_system_are_sentences(tmp_path: Path) -> None:
    found = mend_os_error(OSError(errno.EACCES, "Permission denied"), tmp_path)
    assert isinstance(found, HomeError)
    assert "permission denied" in found.message


def test_a_kill_while_writing_leaves_only_whole_blobs(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workbench.store.blobs import Blobs\n"
        "blobs = Blobs(Path(sys.argv[1])); n = 0\n"
        "while True: n += 1; blobs.put(str(n).encode() * 20000); print(n, flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    blobs = Blobs(tmp_path)
    names = [p.name for p in tmp_path.rglob("*") if p.is_file() and not p.name.startswith(".")]
    assert names
    for name in names:
        blobs.get(name)


def test_canonical_json_is_one_text_for_one_value() -> None:
    assert canonical({"b": [1, 2], "a": "ü"}) == '{"a":"ü","b":[1,2]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


def test_a_digest_is_the_same_for_a_value_and_its_canonical_text() -> None:
    assert digest({"a": 1}) == digest('{"a":1}')
    assert len(digest("\ud800")) == 64
