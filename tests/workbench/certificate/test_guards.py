"""Refusals that no attack of the list happens to meet, each met here by name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tests.workbench.certificate.sample import (
    edit_lines,
    payload_of,
    reseal,
    round_evidence,
    sha,
    sign,
)
from workbench.certificate import (
    CertificateError,
    SigningKey,
    issue,
    load_signing_key,
    read_policy,
    verify,
)
from workbench.certificate import archive as archives
from workbench.certificate import bundle as bundles
from workbench.certificate.bundle import Bundle, open_bundle, parse_sums
from workbench.certificate.carry import write_verifier
from workbench.certificate.evidence import ExampleRecord
from workbench.certificate.files import EVIDENCE_FILES, evidence_files, read_evidence
from workbench.certificate.keys import export_key, new_key, revoked_keyids
from workbench.certificate.merkle import root
from workbench.certificate.proof import check_row, prove_row
from workbench.certificate.stream import Stream
from workbench.certificate.strict import (
    canonical_line,
    each_object,
    load_json,
    model_of,
    read_rows,
    split_lines,
)
from workbench.certificate.verify import verify_evidence

Rows = list[dict[str, Any]]


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(CertificateError) as caught:
        call()
    return caught.value.code


def codes(bundle: Path, key: SigningKey) -> set[tuple[str, str]]:
    reseal(bundle, key)
    report = verify(bundle, [key.public])
    assert report.exit_code == 1
    return {(check.id, check.code) for check in report.failed}


def test_an_adapter_without_its_parts_is_refused_even_when_signed(
    bundle: Path, key: SigningKey
) -> None:
    config, weights = (
        bundle / "adapter/adapter_config.json",
        bundle / "adapter/adapter_model.safetensors",
    )
    good = config.read_text()
    config.write_text("[]")
    assert ("adapter", "malformed") in codes(bundle, key)
    config.unlink()
    assert ("adapter", "missing-file") in codes(bundle, key)
    config.write_text(good)
    weights.unlink()
    assert ("adapter", "missing-file") in codes(bundle, key)


def test_too_many_files_are_refused_before_they_are_read(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives.pack(bundle, tmp_path / "a.zip")
    monkeypatch.setattr(archives, "_MAX_FILES", 3)
    (tmp_path / "out").mkdir()
    assert code_of(lambda: archives.unpack(tmp_path / "a.zip", tmp_path / "out")) == "too-large"
    assert list((tmp_path / "out").iterdir()) == []
    monkeypatch.setattr(bundles, "_MAX_FILES", 3)
    assert code_of(lambda: open_bundle(bundle)) == "too-large"


def test_folders_that_are_none_or_closed_are_sentences(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_of(lambda: open_bundle(tmp_path / "nowhere")) == "no-bundle"
    assert code_of(lambda: open_bundle(bundle / "README.md")) == "no-bundle"
    assert code_of(lambda: Bundle(bundle, ()).read("evidence")) == "odd-file"
    assert code_of(lambda: Bundle(bundle, ()).read("README.md", limit=3)) == "too-large"

    def closed(_: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(bundles.os, "scandir", closed)
    assert code_of(lambda: open_bundle(bundle)) == "missing-file"


@pytest.mark.parametrize(
    "data",
    [
        b"0" * 64 + b"  \xc3\xa4\n",
        b"0" * 64 + b"  a",
        b"0" * 64 + b"  ab",
        b"0" * 64 + b"  b\n" + b"0" * 64 + b"  a\n",
        b"0" * 64 + b"  a\n" + b"0" * 64 + b"  a\n",
    ],
)
def test_sums_that_are_not_ascii_whole_or_sorted_are_malformed(data: bytes) -> None:
    assert code_of(lambda: parse_sums(data)) == "malformed"


def test_a_signed_bundle_without_an_obligation_or_an_answer_is_refused(
    bundle: Path, key: SigningKey
) -> None:
    obligation = sorted((bundle / "evidence/obligations").iterdir())[0]
    text = obligation.read_bytes()
    obligation.unlink()
    assert ("identities", "missing-file") in codes(bundle, key)
    obligation.write_bytes(text)
    path = bundle / "evidence/candidates.jsonl"
    good = path.read_bytes()
    edit_lines(path, lambda rows: [row for row in rows if row["answer"] != 4])
    assert ("verdicts", "dangling") in codes(bundle, key)
    path.write_bytes(good)
    edit_lines(
        bundle / "evidence/verdicts.jsonl",
        lambda rows: [r for r in rows if (r["task"], r["verdict"]) != ("t00001", "refuted")],
    )
    assert ("verdicts", "no-verdict") in codes(bundle, key)


def test_bounded_by_no_bound_is_refused(bundle: Path, key: SigningKey) -> None:
    edit_lines(
        bundle / "evidence/verdicts.jsonl",
        lambda rows: [{**r, "verdict": "bounded"} if r["verdict"] == "proved" else r for r in rows],
    )
    assert ("verdicts", "no-bound") in codes(bundle, key)


def test_rows_that_are_equal_or_of_nobody_are_refused(bundle: Path, key: SigningKey) -> None:
    dataset, examples = bundle / "evidence/dataset.jsonl", bundle / "evidence/examples.jsonl"
    good = dataset.read_bytes(), examples.read_bytes()
    edit_lines(dataset, lambda rows: [rows[0], rows[0]])
    assert ("dataset", "duplicate-row") in codes(bundle, key)
    dataset.write_bytes(good[0])
    examples.write_text('{"answer":1}\n{"answer":99}\n')
    assert ("dataset", "dataset") in codes(bundle, key)


def test_more_rows_than_origins_are_refused(bundle: Path, key: SigningKey) -> None:
    (bundle / "evidence/examples.jsonl").write_text('{"answer":1}\n')
    assert ("dataset", "dataset") in codes(bundle, key)


def test_a_byte_order_mark_is_named() -> None:
    assert code_of(lambda: load_json(b"\xef\xbb\xbf{}", "x", limit=99)) == "not-utf8"


def test_an_evaluated_task_that_is_not_held_out_is_a_leak(bundle: Path, key: SigningKey) -> None:
    def more(rows: Rows) -> Rows:
        return [{**rows[0], "task": "t00001"}, *rows]

    edit_lines(bundle / "evidence/evaluation.jsonl", more)
    assert ("disjoint", "leak") in codes(bundle, key)


def test_an_adapter_without_a_training_record_is_refused(bundle: Path, key: SigningKey) -> None:
    (bundle / "evidence/training.json").unlink()
    assert ("training", "training") in codes(bundle, key)


def test_a_selection_of_an_unknown_answer_is_refused(bundle: Path, key: SigningKey) -> None:
    def unknown(rows: Rows) -> Rows:
        rows[0]["candidates"][0]["answer"] = 99
        return rows

    edit_lines(bundle / "evidence/selection.jsonl", unknown)
    assert ("selection", "selection") in codes(bundle, key)


def test_evidence_that_no_statement_can_hold_is_refused(bundle: Path, key: SigningKey) -> None:
    path = bundle / "evidence/round.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "decision": "x" * 20_000}))
    assert ("figures", "wrong-figures") in codes(bundle, key)


@pytest.mark.parametrize("name", EVIDENCE_FILES)
def test_each_evidence_file_is_missed(tmp_path: Path, name: str) -> None:
    files = dict(evidence_files(round_evidence(tmp_path)))
    files.pop(name)
    assert code_of(lambda: read_evidence(files)) == "missing-file"


def test_records_that_are_not_sorted_or_not_whole_are_refused(tmp_path: Path) -> None:
    files = dict(evidence_files(round_evidence(tmp_path)))
    tasks = files["evidence/tasks.jsonl"]
    files["evidence/tasks.jsonl"] = tasks + tasks
    assert code_of(lambda: read_evidence(files)) == "not-sorted"
    files["evidence/tasks.jsonl"] = tasks[:-1]
    assert code_of(lambda: read_evidence(files)) == "malformed"


def test_records_that_changed_after_the_verification_are_refused(
    bundle: Path, key: SigningKey
) -> None:
    report, evidence = verify_evidence(bundle, [key.public])
    assert report.exit_code == 0
    assert evidence is not None
    assert len(evidence.tasks) == 4
    path = bundle / "evidence/candidates.jsonl"
    path.write_bytes(path.read_bytes() + b" ")
    assert code_of(lambda: evidence.answers) == "changed-file"
    assert len(evidence.tasks) == 4


def test_rows_that_are_no_objects_or_no_lines_are_malformed(tmp_path: Path) -> None:
    for data in (b"[]\n", b"{}", b"{}\n\n", b"{}\r\n", b"[" * 100_000 + b"\n", b"{x}\n", b"\xff\n"):
        (tmp_path / "rows.jsonl").write_bytes(data)
        stream = Stream(Bundle(tmp_path, ("rows.jsonl",)), "rows.jsonl")
        rows = each_object(stream.blocks(), "rows")
        assert code_of(partial(list, rows)) == "malformed"
        assert stream.digest == sha(data)
    assert code_of(lambda: canonical_line(b"[" * 100_000, "x")) == "malformed"
    assert code_of(lambda: read_rows(b'{"answer":"1"}\n', ExampleRecord, "x")) == "malformed"
    assert code_of(lambda: load_json(b"{}", "x", limit=1)) == "too-large"
    assert code_of(lambda: model_of(ExampleRecord, {"answer": "\ud800"}, "x")) == "malformed"


def test_an_obligation_without_its_text_is_not_issued(tmp_path: Path, key: SigningKey) -> None:
    evidence = replace(round_evidence(tmp_path), obligations={})
    assert code_of(lambda: issue(evidence, key, tmp_path / "b")) == "missing-file"


def test_a_row_that_is_no_object_proves_nothing(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    (bundle / "evidence/dataset.jsonl").write_bytes(b"[1]\n")
    statement = payload_of(bundle)
    statement["predicate"]["dataset"].update(rows=1, root=root([b"[1]"]).hex(), digest=sha("[1]\n"))
    sign(bundle, statement, key)
    (tmp_path / "p.json").write_bytes(prove_row(open_bundle(bundle), 0))
    assert code_of(lambda: check_row(tmp_path / "p.json", [key.public])) == "malformed"
    assert code_of(lambda: check_row(tmp_path / "nowhere", [key.public])) == "no-file"


def test_a_policy_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    assert code_of(lambda: read_policy(tmp_path / "nowhere")) == "bad-policy"
    (tmp_path / "p.toml").write_bytes(b"\xff")
    assert code_of(lambda: read_policy(tmp_path / "p.toml")) == "bad-policy"


def test_key_files_that_are_none_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    assert code_of(export_key) == "no-key"
    new_key("mine")
    assert code_of(lambda: export_key("other")) == "no-key"
    assert code_of(lambda: revoked_keyids(tmp_path / "nowhere")) == "no-file"
    path = tmp_path / "config/keys/mine.pem"
    path.write_bytes(
        generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    assert code_of(lambda: load_signing_key("mine")) == "bad-key"
    path.write_bytes(b"x" * 100_000)
    assert code_of(lambda: load_signing_key("mine")) == "too-large"
    odd: Any = object()
    assert code_of(lambda: SigningKey(odd).algorithm) == "bad-key"
    (tmp_path / "closed").write_text("a file")
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "closed"))
    with pytest.raises((CertificateError, OSError)):
        new_key("more")


def test_a_missing_client_for_time_stamps_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.certificate.timestamp import query

    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    assert code_of(lambda: query(b"{}")) == "unsupported"


def test_a_heap_of_time_stamps_is_refused(bundle: Path) -> None:
    from workbench.certificate.timestamp import check_stamps, payload_of

    (bundle / "timestamps").mkdir()
    for number in range(33):
        (bundle / f"timestamps/{number}.tsr").write_bytes(b"x")
    opened = open_bundle(bundle)
    with pytest.raises(CertificateError, match="more than 32"):
        check_stamps(opened, payload_of(opened), [])


def test_an_archive_that_a_registry_says_is_huge_is_not_fetched(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    from workbench.registry import Trust, add_bundle, open_shelf, pull_bundle

    shelf = open_shelf(str(tmp_path / "shelf"))
    entry, _ = add_bundle(shelf, bundle, Trust([key.public]))
    path = tmp_path / "shelf" / entry.certificate / "entry.json"
    value = json.loads(path.read_text())
    value["archive"]["size"] = 2**50
    path.write_text(json.dumps(value))
    trust = Trust([key.public])
    assert code_of(lambda: pull_bundle(shelf, entry.certificate, tmp_path / "o", trust)) == (
        "too-large"
    )


def test_the_folder_of_keys_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.certificate import keys

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(keys.os, "open", full)
    assert code_of(lambda: new_key("mine")) == "no-file"


def test_a_private_key_object_signs_for_its_own_public_half() -> None:
    key = SigningKey(Ed25519PrivateKey.generate(), "x")
    assert key.public.verifies(key.sign(b"m"), b"m")
    assert not key.public.verifies(key.sign(b"m"), b"n")


def test_weights_with_a_header_longer_than_any_are_refused_unread(
    bundle: Path, key: SigningKey
) -> None:
    weights = bundle / "adapter/adapter_model.safetensors"
    weights.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    assert ("adapter", "adapter-file") in codes(bundle, key)


def test_a_pipe_in_the_folder_is_no_file_of_the_bundle(bundle: Path) -> None:
    os.mkfifo(bundle / "evidence/pipe")
    assert code_of(lambda: open_bundle(bundle)) == "odd-file"


def test_an_answer_of_nobody_is_refused(bundle: Path, key: SigningKey) -> None:
    def of_nobody(rows: Rows) -> Rows:
        rows[0]["source"] = "nobody"
        return rows

    edit_lines(bundle / "evidence/candidates.jsonl", of_nobody)
    assert ("identities", "dangling") in codes(bundle, key)


def test_lines_without_their_end_are_named() -> None:
    with pytest.raises(CertificateError, match="does not end with a newline"):
        split_lines(b"{}", "rows.jsonl")


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(CertificateError, match="a row: "):
        model_of(ExampleRecord, {"answer": "\ud800"}, "a row")


def test_a_verifier_is_not_written_over_a_file_or_into_nothing(tmp_path: Path) -> None:
    write_verifier(tmp_path / "verifier.pyz")
    assert code_of(lambda: write_verifier(tmp_path / "verifier.pyz")) == "exists"
    assert code_of(lambda: write_verifier(tmp_path / "no" / "verifier.pyz")) == "no-file"
