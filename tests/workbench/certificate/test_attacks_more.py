"""More attacks: archives that deceive, names that do not travel, questions in disguise."""

from __future__ import annotations

import contextlib
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.certificate.sample import (
    edit_lines,
    payload_of,
    reseal,
    round_evidence,
    sha,
    sign,
)
from tests.workbench.certificate.test_attacks_bytes import refusal
from tests.workbench.certificate.test_attacks_keys import envelope_of, other_key, write
from workbench.certificate import CertificateError, SigningKey, TaskRecord, issue, verify
from workbench.certificate.archive import pack, unpack
from workbench.certificate.bundle import check_name
from workbench.certificate.question import same_question
from workbench.certificate.strict import canonical

SMALL = (
    "adapter/adapter_config.json",
    "evidence/selection-policy.json",
    "evidence/examples.jsonl",
)


@pytest.mark.parametrize("name", SMALL)
def test_each_flipped_byte_of_a_small_file_is_refused(
    bundle: Path, key: SigningKey, name: str
) -> None:
    path = bundle / name
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x20]) + good[place + 1 :])
        assert refusal(bundle, key) == ("files", "changed-file")


DEVICES = ("nul", "CON", "aux.json", "a/com1.txt", "lpt9", "prn.", "a.", "a./b", "x" * 241)


@pytest.mark.parametrize("name", DEVICES)
def test_names_that_some_system_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(CertificateError) as caught:
        check_name(name)
    assert caught.value.code == "bad-name"


@pytest.mark.parametrize("name", ["console.json", "auxiliary", "com.txt", "nul1", "a/b-1._x"])
def test_names_that_only_look_like_devices_are_names(name: str) -> None:
    check_name(name)


def test_a_case_clash_in_the_signed_sums_is_refused(bundle: Path, key: SigningKey) -> None:
    text = (bundle / "SHA256SUMS").read_text() + f"{'0' * 64}  readme.md\n"
    lines = sorted(text.splitlines(), key=lambda line: line[66:])
    data = "".join(line + "\n" for line in lines)
    (bundle / "SHA256SUMS").write_text(data)
    statement = payload_of(bundle)
    for subject in statement["subject"]:
        if subject["name"] == "SHA256SUMS":
            subject["digest"]["sha256"] = sha(data)
    sign(bundle, statement, key)
    assert refusal(bundle, key) == ("files", "case-clash")


def zip_file(path: Path, entries: list[tuple[str, bytes]]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data)
    return path.read_bytes()


def _encrypted(data: bytes) -> bytes:
    """Set the encryption bit in both headers."""
    at, central = data.index(b"PK\3\4") + 6, data.index(b"PK\1\2") + 8
    return data[:at] + b"\1\0" + data[at + 2 : central] + b"\1\0" + data[central + 2 :]


def _other_local_name(data: bytes) -> bytes:
    """The header before the data says another name than the directory at the end."""
    return data.replace(b"safe.txt", b"evil.txt", 1)


def _wrong_sum(data: bytes) -> bytes:
    at = data.index(b"PK\1\2") + 16
    return data[:at] + struct.pack("<I", zlib.crc32(b"other")) + data[at + 4 :]


def _overlapping(data: bytes) -> bytes:
    """Two entries of the directory point at the same data, as bombs without recursion do."""
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 4)
    return data[: second + 42] + data[first + 42 : first + 46] + data[second + 46 :]


def _small_claim(data: bytes) -> bytes:
    """The directory says that the data is shorter than it is."""
    at = data.index(b"PK\1\2") + 24
    return data[:at] + struct.pack("<I", 1) + data[at + 4 :]


TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "encrypted": _encrypted,
    "another name before the data": _other_local_name,
    "a wrong checksum": _wrong_sum,
    "overlapping entries": _overlapping,
    "no directory": lambda data: data[: data.index(b"PK\1\2")],
    "empty": lambda data: b"",
    "not a zip": lambda data: b"\x1f\x8b" + data[10:40],
}


@pytest.mark.parametrize("trick", TRICKS)
def test_an_archive_that_deceives_is_no_sound_zip(tmp_path: Path, trick: str) -> None:
    data = zip_file(tmp_path / "a.zip", [("safe.txt", b"safe" * 99), ("more.txt", b"more" * 99)])
    (tmp_path / "a.zip").write_bytes(TRICKS[trick](data))
    (tmp_path / "out").mkdir()
    with pytest.raises(CertificateError) as caught:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert caught.value.code == "bad-zip"


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    data = zip_file(tmp_path / "a.zip", [("safe.txt", b"safe" * 99)])
    (tmp_path / "a.zip").write_bytes(_small_claim(data))
    (tmp_path / "out").mkdir()
    with contextlib.suppress(CertificateError):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    written = tmp_path / "out/safe.txt"
    assert not written.exists() or len(written.read_bytes()) <= 1


@pytest.mark.parametrize(
    "name", ["C:\\evil", "C:/evil", "\\\\host\\x", "a/../../b", "./a", "a//b", "", "dir/", "a\0b"]
)
def test_an_archive_s_names_are_bundle_names_on_every_system(tmp_path: Path, name: str) -> None:
    data = zip_file(tmp_path / "a.zip", [("N" * max(len(name), 1), b"x")])
    if len(name):
        data = data.replace(b"N" * len(name), name.encode())
    else:
        data = data.replace(b"N", b"/")
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "out").mkdir()
    with pytest.raises(CertificateError) as caught:
        unpack(tmp_path / "a.zip", tmp_path / "out")
    assert caught.value.code in ("bad-name", "bad-zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_bytes_before_and_after_an_archive_change_nothing_that_is_signed(
    tmp_path: Path, bundle: Path, key: SigningKey
) -> None:
    pack(bundle, tmp_path / "a.zip")
    data = (tmp_path / "a.zip").read_bytes()
    for number, odd in enumerate((b"#!/bin/sh\n" + data, data + b"tail")):
        (tmp_path / "b.zip").write_bytes(odd)
        target = tmp_path / f"out{number}"
        target.mkdir()
        with contextlib.suppress(CertificateError):
            unpack(tmp_path / "b.zip", target)
            assert verify(target, [key.public]).exit_code == 0


@pytest.mark.parametrize("keyid", ["x" * 1_000_000, "\u0000", "'; --", "../../k"])
def test_a_keyid_is_only_a_hint_whatever_it_is(bundle: Path, key: SigningKey, keyid: str) -> None:
    envelope = envelope_of(bundle)
    envelope["signatures"][0]["keyid"] = keyid
    write(bundle, envelope)
    assert verify(bundle, [key.public]).exit_code == 0


def test_the_keyid_of_another_trusted_key_gives_that_key_no_voice(
    bundle: Path, key: SigningKey
) -> None:
    other = other_key().public
    envelope = envelope_of(bundle)
    envelope["signatures"][0]["keyid"] = other.keyid
    write(bundle, envelope)
    report = verify(bundle, [key.public, other])
    assert report.keyids == (key.keyid,)
    write(bundle, {**envelope, "signatures": envelope["signatures"][:1] * 8})
    assert verify(bundle, [other]).failed[0].code == "bad-signature"


def _renamed(task: TaskRecord, **changes: Any) -> TaskRecord:
    """A held-out twin of a training task with a digest that fits its changed text."""
    fields = {**json.loads(task.model_dump_json()), "id": "t00002", "split": "eval", **changes}
    contract = {name: fields[name] for name in ("requires", "ensures", "raises", "helpers")}
    asked = {name: fields[name] for name in ("prompt", "entry_point", "signature", "tests",
                                             "test_code")}  # fmt: skip
    fields["digest"] = sha(canonical({**asked, "contract": contract}))
    return TaskRecord.model_validate_json(json.dumps(fields))


DISGUISES: dict[str, dict[str, Any]] = {
    "another id": {},
    "other layout": {"prompt": "Write add(x)  that returns\nx plus 1, but nothing below 0."},
    "other case and marks": {"prompt": "WRITE `add(x)` that returns X plus 1; but nothing below 0"},
    "another name in the prompt": {
        "prompt": "Write lift(x) that returns x plus 1, but nothing below 0.",
        "entry_point": "lift", "signature": "def lift(x: int) -> int", "tests": [],
    },
    "other words, same contract": {"prompt": "Add one; never go under zero."},
    "other words, other names": {
        "prompt": "Add one; never go under zero.",
        "entry_point": "plus",
        "signature": "def plus(n: int) -> int:",
        "ensures": ["result == n + 1 or (result  == 0 and n + 1 < 0)", "result >= 0"],
    },
    "another category": {"category": "other", "prompt": "Add one; never go under zero."},
}  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_training_task_held_out_in_disguise_is_a_leak(
    tmp_path: Path, key: SigningKey, disguise: str
) -> None:
    evidence = round_evidence(tmp_path)
    twin = _renamed(evidence.tasks[0], **DISGUISES[disguise])
    assert same_question([twin], evidence.tasks[:2]) == ("t00002", "t00000") or disguise == (
        "another id"
    )
    tasks = (*evidence.tasks[:2], twin, *evidence.tasks[3:])
    rows = tuple(
        row.model_copy(update={"category": twin.category}) if row.task == "t00002" else row
        for row in evidence.evaluation
    )
    with pytest.raises(CertificateError) as caught:
        issue(replace(evidence, tasks=tasks, evaluation=rows), key, tmp_path / "b")
    assert caught.value.code == "leak"


OTHERS: dict[str, dict[str, Any]] = {
    "another number": {"prompt": "Add two.", "ensures": ["result == x + 2"]},
    "another type": {"prompt": "Add.", "signature": "def add(x: float) -> float"},
    "other tests": {"prompt": "Add.", "tests": [{"args": [7], "expected": 8}]},
    "another precondition": {"prompt": "Add.", "requires": ["x > 0"]},
    "no contract": {"prompt": "Add.", "ensures": [], "requires": [], "tests": []},
    "an attribute of that name": {"prompt": "Add.", "ensures": ["result == a.x"]},
}


@pytest.mark.parametrize("other", OTHERS)
def test_tasks_that_ask_something_else_are_not_confused(tmp_path: Path, other: str) -> None:
    first = round_evidence(tmp_path).tasks[0]
    assert same_question([_renamed(first, **OTHERS[other])], [first]) is None


def test_a_signature_that_does_not_parse_still_compares(tmp_path: Path) -> None:
    first = round_evidence(tmp_path).tasks[0]
    odd = _renamed(first, signature="def add(", prompt="Add.")
    assert same_question([odd], [first]) is None
    assert same_question([odd], [_renamed(first, signature="def add(", prompt="Plus.")]) is not None


def test_evidence_of_one_round_beside_another_s_statement_is_refused(
    tmp_path: Path, bundle: Path, key: SigningKey
) -> None:
    """Round 2 passes off the adapter of round 1: files fit, the record names another."""
    issue(round_evidence(tmp_path, tasks=6, number=2), key, tmp_path / "b2")
    for name in ("dataset", "examples"):
        data = (bundle / f"evidence/{name}.jsonl").read_bytes()
        (tmp_path / f"b2/evidence/{name}.jsonl").write_bytes(data)
    reseal(tmp_path / "b2", key)
    report = verify(tmp_path / "b2", [key.public])
    assert {"selection", "training"} <= {check.id for check in report.failed}


def test_an_unknown_that_is_counted_as_right_on_a_held_out_task_is_refused(
    bundle: Path, key: SigningKey
) -> None:
    def unknown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {**row, "verdict": "unknown", "reason": "timeout"} if row["task"] == "t00002" else row
            for row in rows
        ]

    edit_lines(bundle / "evidence/verdicts.jsonl", unknown)
    reseal(bundle, key)
    report = verify(bundle, [key.public])
    assert ("evaluation", "evaluation") in {(c.id, c.code) for c in report.failed}
