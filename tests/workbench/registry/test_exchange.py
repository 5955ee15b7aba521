"""Bundles in and out of registries: verified both ways, whatever the registry says or does."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.workbench.certificate.sample import reseal, round_evidence
from tests.workbench.certificate.test_attacks_keys import other_key
from workbench.certificate import CertificateError, Policy, SigningKey, issue
from workbench.certificate.archive import pack, unpack
from workbench.errors import InputError, MissingPartError, NotFoundError, RegistryError
from workbench.registry import (
    Entry,
    Trust,
    add_bundle,
    list_entries,
    open_shelf,
    pull_bundle,
    show_entry,
)


@pytest.fixture
def trust(key: SigningKey) -> Trust:
    return Trust([key.public])


def test_a_bundle_goes_in_is_listed_and_comes_back_the_same(
    location: str, bundle: Path, trust: Trust, tmp_path: Path
) -> None:
    shelf = open_shelf(location)
    entry, new = add_bundle(shelf, bundle, trust, licence="Apache-2.0")
    assert new
    assert add_bundle(shelf, bundle, trust, licence="Apache-2.0") == (entry, False)
    assert list_entries(open_shelf(location)) == [entry]
    assert show_entry(shelf, entry.certificate[:10]) == entry
    out = tmp_path / "deep" / "out"
    pulled, report = pull_bundle(open_shelf(location), entry.certificate[:12], out, trust)
    assert pulled == entry
    assert report.exit_code == 0
    names = sorted(p.relative_to(bundle) for p in bundle.rglob("*") if p.is_file())
    assert sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file()) == names
    assert all((out / name).read_bytes() == (bundle / name).read_bytes() for name in names)
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    with pytest.raises(InputError, match="exists"):
        pull_bundle(shelf, entry.certificate, out, trust)


def test_two_rounds_lie_side_by_side(
    location: str, bundle: Path, trust: Trust, key: SigningKey, tmp_path: Path
) -> None:
    shelf = open_shelf(location)
    first, _ = add_bundle(shelf, bundle, trust)
    previous = replace(round_evidence(tmp_path, number=2), previous=first.certificate)
    issue(previous, key, tmp_path / "b2")
    second, _ = add_bundle(shelf, tmp_path / "b2", trust)
    listed = [e.number for e in list_entries(shelf) if isinstance(e, Entry)]
    assert listed == [1, 2]
    assert {first.certificate, second.certificate} == set(shelf.identities())


def test_nothing_unverified_goes_in(
    location: str, bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    shelf = open_shelf(location)
    with pytest.raises(CertificateError) as caught:
        add_bundle(shelf, bundle, Trust([other_key().public]))
    assert caught.value.code == "bad-signature"
    with pytest.raises(CertificateError) as caught:
        add_bundle(shelf, bundle, Trust([key.public], Policy(require_lift=True)))
    assert caught.value.code == "policy"
    with pytest.raises(CertificateError, match="is revoked"):
        add_bundle(shelf, bundle, Trust([key.public], revoked=frozenset({key.keyid})))
    (bundle / "evidence/dataset.jsonl").write_text("{}\n")
    with pytest.raises(CertificateError) as caught:
        add_bundle(shelf, bundle, Trust([key.public]))
    assert caught.value.code == "changed-file"
    if not isinstance(location, str) or "://" in location:
        assert shelf.identities() == []
    else:
        assert not Path(location).exists()


def test_who_pulls_trusts_his_own_keys_only(
    location: str, bundle: Path, trust: Trust, tmp_path: Path
) -> None:
    shelf = open_shelf(location)
    entry, _ = add_bundle(shelf, bundle, trust)
    with pytest.raises(CertificateError) as caught:
        pull_bundle(shelf, entry.certificate, tmp_path / "out", Trust([other_key().public]))
    assert caught.value.code == "bad-signature"
    assert not (tmp_path / "out").exists()


def lie(location: str, identity: str, **changes: Any) -> None:
    path = Path(location) / identity / "entry.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


LIES: dict[str, dict[str, Any]] = {
    "more rows": {"rows": 9000},
    "a level": {"level": "gold"},
    "a lift": {"lift": True, "low": 5},
    "another base": {"base_model": "large"},
    "other task licences": {"task_licences": {"CC0-1.0": 2}},
    "no terms": {"terms": []},
    "no ledger": {"ledger": []},
}


@pytest.mark.parametrize("name", LIES)
def test_a_registry_that_lies_about_a_bundle_is_found_out(
    bundle: Path, trust: Trust, tmp_path: Path, name: str
) -> None:
    location = str(tmp_path / "shelf")
    entry, _ = add_bundle(open_shelf(location), bundle, trust)
    lie(location, entry.certificate, **LIES[name])
    with pytest.raises(CertificateError) as caught:
        pull_bundle(open_shelf(location), entry.certificate, tmp_path / "out", trust)
    assert caught.value.code == "registry-entry"
    assert next(iter(LIES[name])) in str(caught.value)


def test_other_bytes_other_sizes_and_other_bundles_are_refused(
    bundle: Path, trust: Trust, key: SigningKey, tmp_path: Path
) -> None:
    location = tmp_path / "shelf"
    shelf = open_shelf(str(location))
    entry, _ = add_bundle(shelf, bundle, trust)
    archive = location / entry.certificate / "bundle.zip"
    good = archive.read_bytes()
    for bad in (good + b"x", good[:-1], bytes(len(good)), b""):
        archive.write_bytes(bad)
        with pytest.raises(CertificateError) as caught:
            pull_bundle(shelf, entry.certificate, tmp_path / "out", trust)
        assert caught.value.code == "registry-archive"
    # A sound bundle of the same signer in the place of another: old for new.
    issue(round_evidence(tmp_path, number=2), key, tmp_path / "b2")
    second, _ = add_bundle(shelf, tmp_path / "b2", trust)
    archive.write_bytes((location / second.certificate / "bundle.zip").read_bytes())
    lie(str(location), entry.certificate, archive=second.archive.model_dump())
    with pytest.raises(CertificateError) as caught:
        pull_bundle(shelf, entry.certificate, tmp_path / "out", trust)
    assert caught.value.code == "registry-entry"
    assert "gave another certificate" in str(caught.value)
    lie(str(location), entry.certificate, certificate=second.certificate)
    assert [type(e).__name__ for e in list_entries(shelf)] == ["CertificateError", "Entry"]
    assert not (tmp_path / "out").exists()


def test_a_changed_bundle_with_a_fitting_entry_is_refused(
    bundle: Path, trust: Trust, tmp_path: Path
) -> None:
    """The registry owner edits a row and repairs archive and entry; the signature is left."""
    location = tmp_path / "shelf"
    shelf = open_shelf(str(location))
    entry, _ = add_bundle(shelf, bundle, trust)
    reseal(bundle, other_key())
    packed = location / entry.certificate / "bundle.zip"
    packed.unlink()
    pack(bundle, packed)
    import hashlib

    data = packed.read_bytes()
    lie(
        str(location),
        entry.certificate,
        archive={"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)},
    )
    with pytest.raises(CertificateError) as caught:
        pull_bundle(shelf, entry.certificate, tmp_path / "out", trust)
    assert caught.value.code == "bad-signature"


def test_the_first_archive_of_a_certificate_stays(
    location: str, bundle: Path, trust: Trust
) -> None:
    shelf = open_shelf(location)
    add_bundle(shelf, bundle, trust)
    (bundle / "extra").mkdir()
    (bundle / "extra/note.txt").write_text("unsigned")
    with pytest.raises(CertificateError) as caught:
        add_bundle(shelf, bundle, trust)
    assert caught.value.code == "already-there"


def test_what_was_interrupted_is_not_listed(bundle: Path, trust: Trust, tmp_path: Path) -> None:
    location = tmp_path / "shelf"
    shelf = open_shelf(str(location))
    entry, _ = add_bundle(shelf, bundle, trust)
    (location / entry.certificate / "entry.json").rename(tmp_path / "entry.json")
    (location / ".adding-x").mkdir()
    (location / "notes").mkdir()
    assert list_entries(shelf) == []
    with pytest.raises(NotFoundError):
        show_entry(shelf, entry.certificate)


def test_an_object_without_entry_is_not_there(s3_location: str, bundle: Path, trust: Trust) -> None:
    import s3fs

    shelf = open_shelf(s3_location)
    entry, _ = add_bundle(shelf, bundle, trust)
    s3fs.S3FileSystem().rm(f"{s3_location}/{entry.certificate}/entry.json")
    assert list_entries(open_shelf(s3_location)) == []
    assert add_bundle(open_shelf(s3_location), bundle, trust)[1]


def test_places_that_are_not_there_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no registry at"):
        list_entries(open_shelf(str(tmp_path / "nowhere")))
    pytest.importorskip("oras", reason="oras is not installed")
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with pytest.raises(RegistryError, match="cannot be used"):
        open_shelf(f"oci://127.0.0.1:{free}/x")
    for wrong in ("oci://host", "oci:///x", "oci://host/name:tag", "s3://", "xyz://bucket/x"):
        with pytest.raises(InputError):
            open_shelf(wrong)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RegistryError, match="no registry at"):
        list_entries(open_shelf(str(tmp_path / "file")))


def test_a_bucket_that_is_not_there_is_a_sentence_and_is_not_made(
    s3_location: str, bundle: Path, trust: Trust
) -> None:
    import s3fs

    shelf = open_shelf("s3://no-such-bucket-anywhere/x")
    with pytest.raises(RegistryError, match="cannot be used"):
        add_bundle(shelf, bundle, trust)
    with pytest.raises(RegistryError, match="no bucket"):
        list_entries(shelf)
    assert not s3fs.S3FileSystem().exists("no-such-bucket-anywhere")
    assert list_entries(open_shelf(s3_location)) == []


@pytest.mark.parametrize(("scheme", "module"), [("oci://h/x", "oras"), ("s3://b/x", "fsspec")])
def test_a_missing_client_is_named_with_the_line_to_install(
    monkeypatch: pytest.MonkeyPatch, scheme: str, module: str
) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("oci", "remote"):
        monkeypatch.delitem(sys.modules, f"workbench.registry.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPartError, match=r"distillation-workbench\[registry\]"):
        open_shelf(scheme)


def invoke(*arguments: str) -> tuple[int, str]:
    from workbench.cli import cert, registry
    from workbench.errors import WorkbenchError

    app = {"registry": registry.app, "cert": cert.app}[arguments[0]]
    done = CliRunner().invoke(app, list(arguments[1:]))
    if isinstance(done.exception, WorkbenchError):
        return 2, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_commands_add_list_show_pull_and_refuse(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    pub = tmp_path / "signer.pub"
    pub.write_bytes(key.public.pem)
    shelf = str(tmp_path / "shelf")
    keys = ("--key", str(pub))
    status, text = invoke(
        "registry", "add", shelf, str(bundle), *keys, "--licence", "MIT", "--json"
    )
    added = json.loads(text)
    assert (status, added["new"], added["licence"]) == (0, True, "MIT")
    identity = added["certificate"]
    assert identity[:16] in invoke("registry", "list", shelf)[1]
    assert json.loads(invoke("registry", "list", shelf, "--json")[1])[0]["rows"] == 2
    status, text = invoke("registry", "show", shelf, identity[:8])
    assert status == 0
    assert "1.000000" in text
    assert "no lift" in text
    out = tmp_path / "out"
    assert invoke("registry", "pull", shelf, identity[:8], str(out), *keys)[0] == 0
    assert invoke("registry", "pull", shelf, identity[:8], str(out), *keys)[0] == 2
    assert invoke("registry", "pull", shelf, "0" * 8, str(tmp_path / "o2"), *keys)[0] == 2
    stranger = tmp_path / "stranger.pub"
    stranger.write_bytes(other_key().public.pem)
    status, text = invoke(
        "registry", "pull", shelf, identity, str(tmp_path / "o3"), "--key", str(stranger)
    )
    assert status == 1
    assert "Refused" in text
    assert invoke("registry", "add", shelf, str(bundle), *keys, "--licence", "<b>")[0] == 1
    assert invoke("registry", "list", str(tmp_path / "nowhere"))[0] == 2


def test_who_wrote_what_is_printed_from_a_verified_bundle(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    pub = tmp_path / "signer.pub"
    pub.write_bytes(key.public.pem)
    status, text = invoke("cert", "ledger", str(bundle), "--key", str(pub), "--json")
    rows = {row["source"]: row for row in json.loads(text)}
    assert status == 0
    assert rows["good"]["share"] == "1.000000"
    status, text = invoke("cert", "ledger", str(bundle), "--key", str(pub), "--examples")
    assert [line.split("\t")[:3] for line in text.splitlines()[1:]] == [
        ["0", "t00000", "good"],
        ["1", "t00001", "good"],
    ]
    (bundle / "README.md").write_text("x")
    status, text = invoke("cert", "ledger", str(bundle), "--key", str(pub))
    assert status == 1
    assert "Refused" in text


def test_a_pulled_archive_is_the_zip_that_verify_reads(
    bundle: Path, trust: Trust, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    entry, _ = add_bundle(open_shelf(str(shelf)), bundle, trust)
    (tmp_path / "again").mkdir()
    unpack(shelf / entry.certificate / "bundle.zip", tmp_path / "again")
    assert (tmp_path / "again/certificate.json").is_file()
