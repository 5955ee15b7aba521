"""Changed bytes and files: every one a named rejection, no crash, no accept."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workbench.certificate.sample import reseal
from workbench.certificate import CertificateError, Report, SigningKey, verify
from workbench.certificate.archive import pack, unpack


def refusal(bundle: Path, key: SigningKey) -> tuple[str, str]:
    """Verify and return the id and code of the first failed check."""
    report = verify(bundle, [key.public])
    assert report.exit_code == 1, report.sentence
    return report.failed[0].id, report.failed[0].code


FILES = (
    "adapter/adapter_model.safetensors",
    "adapter/adapter_config.json",
    "evidence/tasks.jsonl",
    "evidence/candidates.jsonl",
    "evidence/verdicts.jsonl",
    "evidence/dataset.jsonl",
    "evidence/examples.jsonl",
    "evidence/selection.jsonl",
    "evidence/evaluation.jsonl",
    "evidence/training.json",
    "evidence/round.json",
    "README.md",
    "SHA256SUMS",
)


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "flip": flip,
    "truncate": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "newline": lambda data: data + b"\n",
    "crlf": lambda data: data.replace(b"\n", b"\r\n") + b"\r\n",
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "utf16": lambda data: data.decode("latin-1").encode("utf-16"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", FILES)
def test_any_changed_signed_file_is_refused(
    bundle: Path, key: SigningKey, name: str, change: str
) -> None:
    path = bundle / name
    path.write_bytes(CHANGES[change](path.read_bytes()))
    assert refusal(bundle, key) == ("files", "changed-file")


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_certificate_is_refused(bundle: Path, key: SigningKey, change: str) -> None:
    path = bundle / "certificate.json"
    path.write_bytes(CHANGES[change](path.read_bytes()))
    assert refusal(bundle, key)[0] in ("envelope", "signature")


def test_every_flipped_byte_of_the_certificate_is_refused_or_changes_nothing(
    bundle: Path, key: SigningKey
) -> None:
    from workbench.certificate.envelope import open_envelope, signers

    data = (bundle / "certificate.json").read_bytes()
    payload = open_envelope(data).payload
    for place in range(0, len(data), 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            envelope = open_envelope(changed)
        except CertificateError:
            continue
        if signers(envelope, [key.public]):
            # Only the keyid is free: it is a hint, and the payload is still the signed one.
            assert envelope.payload == payload


def test_a_flipped_byte_in_each_obligation_is_refused(bundle: Path, key: SigningKey) -> None:
    for path in sorted((bundle / "evidence/obligations").iterdir()):
        data = path.read_bytes()
        path.write_bytes(flip(data))
        assert refusal(bundle, key) == ("files", "changed-file")
        path.write_bytes(data)


@pytest.mark.parametrize("name", [*FILES, "certificate.json"])
def test_a_missing_file_is_refused(bundle: Path, key: SigningKey, name: str) -> None:
    (bundle / name).unlink()
    assert refusal(bundle, key)[1] == "missing-file"


@pytest.mark.parametrize("name", ["note.txt", "evidence/more.jsonl", "adapter/x.json"])
def test_an_extra_file_is_refused(bundle: Path, key: SigningKey, name: str) -> None:
    (bundle / name).write_text("x")
    assert refusal(bundle, key) == ("files", "extra-file")


def test_files_under_extra_are_named_as_unsigned(bundle: Path, key: SigningKey) -> None:
    (bundle / "extra").mkdir()
    (bundle / "extra/note.txt").write_text("x")
    report = verify(bundle, [key.public])
    assert report.exit_code == 0
    assert report.unsigned_files == ("extra/note.txt",)


def test_two_swapped_obligations_are_refused(bundle: Path, key: SigningKey) -> None:
    one, two = sorted((bundle / "evidence/obligations").iterdir())[:2]
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert refusal(bundle, key) == ("files", "changed-file")
    reseal(bundle, key)
    assert refusal(bundle, key) == ("files", "renamed")


def test_a_renamed_file_is_refused(bundle: Path, key: SigningKey) -> None:
    (bundle / "evidence/tasks.jsonl").rename(bundle / "evidence/task.jsonl")
    assert refusal(bundle, key) == ("files", "missing-file")
    reseal(bundle, key)
    assert refusal(bundle, key) == ("files", "extra-file")


def test_symbolic_links_are_refused(bundle: Path, key: SigningKey) -> None:
    (bundle / "README.md").unlink()
    (bundle / "README.md").symlink_to("/etc/passwd")
    assert refusal(bundle, key) == ("envelope", "symlink")


def test_a_linked_folder_is_refused(bundle: Path, key: SigningKey, tmp_path: Path) -> None:
    shutil.move(bundle / "evidence", tmp_path / "elsewhere")
    (bundle / "evidence").symlink_to(tmp_path / "elsewhere")
    assert refusal(bundle, key) == ("envelope", "symlink")


def test_a_pipe_is_refused_without_waiting(bundle: Path, key: SigningKey) -> None:
    (bundle / "certificate.json").unlink()
    os.mkfifo(bundle / "certificate.json")
    assert refusal(bundle, key) == ("envelope", "odd-file")


def test_names_that_differ_only_in_case_are_refused(bundle: Path, key: SigningKey) -> None:
    (bundle / "readme.md").write_text("x")
    assert refusal(bundle, key) == ("envelope", "case-clash")


@pytest.mark.parametrize("name", ["a b", "ä", ".hidden", "x\ny"])
def test_strange_names_are_refused(bundle: Path, key: SigningKey, name: str) -> None:
    (bundle / name).write_text("x")
    assert refusal(bundle, key) == ("envelope", "bad-name")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{digest}  ../outside", "bad-name"),
        ("{digest}  /etc/passwd", "bad-name"),
        ("{digest}  certificate.json", "malformed"),
        ("{digest}  extra/x", "malformed"),
        ("{digest} *README.md", "malformed"),
        ("xyz  README.md", "malformed"),
        ("", "malformed"),
    ],
)
def test_sums_with_strange_lines_are_refused_even_when_signed(
    bundle: Path, key: SigningKey, line: str, code: str
) -> None:
    from tests.workbench.certificate.sample import payload_of, sha, sign

    text = line.replace("{digest}", "0" * 64) + "\n"
    (bundle / "SHA256SUMS").write_text(text)
    statement = payload_of(bundle)
    statement["subject"] = [{"name": "SHA256SUMS", "digest": {"sha256": sha(text)}}]
    sign(bundle, statement, key)
    assert refusal(bundle, key) == ("files", code)


def test_a_pickle_in_the_adapter_is_refused_even_when_signed(bundle: Path, key: SigningKey) -> None:
    (bundle / "adapter/pytorch_model.bin").write_bytes(b"\x80\x04.")
    reseal(bundle, key)
    assert refusal(bundle, key) == ("adapter", "adapter-file")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04.",
        (10**9).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}tail",
        (30).to_bytes(8, "little") + b'{"a":{"data_offsets":[0,"1"]}}',
        (28).to_bytes(8, "little") + b'{"a":{"data_offsets":[4,8]}}' + bytes(8),
        (7).to_bytes(8, "little") + b'{"a":1}',
        (17).to_bytes(8, "little") + b'{"a":1,"a":2,   }',
    ],
)
def test_what_is_no_safetensors_is_refused_even_when_signed(
    bundle: Path, key: SigningKey, data: bytes
) -> None:
    (bundle / "adapter/adapter_model.safetensors").write_bytes(data)
    reseal(bundle, key)
    assert refusal(bundle, key)[0] == "adapter"


def zipped(tmp_path: Path, entries: list[tuple[str, bytes, int]]) -> Path:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([("../evil", b"x", 0o100644)], "bad-name"),
        ([("/evil", b"x", 0o100644)], "bad-name"),
        ([("a\\..\\evil", b"x", 0o100644)], "bad-name"),
        ([("a", b"x", 0o100644), ("a", b"y", 0o100644)], "duplicate-name"),
        ([("a", b"x", 0o100644), ("A", b"y", 0o100644)], "duplicate-name"),
        ([("link", b"/etc/passwd", 0o120777)], "odd-file"),
        ([("bomb", bytes(50_000_000), 0o100644)], "too-large"),
        ([("a", b"x", 0o100644), ("a/b", b"y", 0o100644)], "bad-zip"),
    ],
)
def test_zip_tricks_are_refused_and_write_nothing_outside(
    tmp_path: Path, entries: list[tuple[str, bytes, int]], code: str
) -> None:
    path = zipped(tmp_path, entries)
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    with pytest.raises(CertificateError) as caught:
        unpack(path, inside)
    assert caught.value.code == code
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.zip", "in"]
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["side"]


def test_a_damaged_zip_is_refused(tmp_path: Path, bundle: Path) -> None:
    path = tmp_path / "b.zip"
    pack(bundle, path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        target = tmp_path / f"out{place}"
        target.mkdir()
        try:
            unpack(path, target)
        except CertificateError:
            continue


def test_a_packed_bundle_comes_back_and_packs_to_the_same_bytes(
    tmp_path: Path, bundle: Path, key: SigningKey
) -> None:
    one, two = tmp_path / "1.zip", tmp_path / "2.zip"
    pack(bundle, one)
    pack(bundle, two)
    with pytest.raises(CertificateError, match="never written over"):
        pack(bundle, one)
    assert one.read_bytes() == two.read_bytes()
    (tmp_path / "out").mkdir()
    unpack(one, tmp_path / "out")
    report: Report = verify(tmp_path / "out", [key.public])
    assert report.exit_code == 0
