"""Keys on disk and the command line around certificates."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workbench.certificate import CertificateError, SigningKey, load_signing_key, trusted_keys
from workbench.certificate.keys import (
    export_key,
    list_keys,
    new_key,
    revoke_key,
    revoked_keyids,
    trust_key,
)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("WORKBENCH_KEY_PASSPHRASE", raising=False)
    return tmp_path / "config"


def test_a_new_key_is_for_its_owner_only_and_trusted(config: Path) -> None:
    made = new_key()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert [key.keyid for key in trusted_keys()] == [made.keyid]
    assert load_signing_key().keyid == made.keyid == export_key().keyid
    assert made.keyid not in repr(load_signing_key()).replace(made.keyid[:16], "")
    with pytest.raises(CertificateError, match="never overwritten"):
        new_key()


def test_a_passphrase_is_needed_and_must_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_key("work", passphrase=b"open sesame")
    assert made.encrypted
    assert load_signing_key("work", passphrase=b"open sesame").keyid == made.keyid
    for passphrase, word in ((None, "needs its passphrase"), (b"wrong", "passphrase is wrong")):
        with pytest.raises(CertificateError, match=word):
            load_signing_key("work", passphrase=passphrase)
    monkeypatch.setenv("WORKBENCH_KEY_PASSPHRASE", "open sesame")
    assert load_signing_key("work").keyid == made.keyid
    bare = new_key("bare")
    assert load_signing_key("bare").keyid == bare.keyid
    with pytest.raises(CertificateError, match="has no passphrase"):
        load_signing_key("bare", passphrase=b"x")


def test_keys_rotate_by_revoking_the_old_one() -> None:
    old, new = new_key("a-old"), new_key("b-new")
    revoke_key(old.keyid, "rotated\nout")
    assert [key.name for key in list_keys()] == ["b-new", "a-old"]
    assert load_signing_key().keyid == new.keyid
    assert [key.keyid for key in trusted_keys()] == [new.keyid]
    assert revoked_keyids() == {old.keyid}
    with pytest.raises(CertificateError, match="revoked"):
        load_signing_key("a-old")
    with pytest.raises(CertificateError, match="revoked"):
        trust_key(old.path.with_suffix(".pub"), name="again")


@pytest.mark.parametrize("name", ["", "../x", "a b", "ä", "a/b"])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(CertificateError, match="cannot name a key"):
        new_key(name)


def test_missing_and_damaged_keys_are_sentences(config: Path) -> None:
    with pytest.raises(CertificateError, match="workbench key new"):
        load_signing_key()
    made = new_key()
    with pytest.raises(CertificateError, match="known are: default"):
        load_signing_key("other")
    made.path.write_text("garbage")
    with pytest.raises(CertificateError, match="damaged"):
        load_signing_key()
    with pytest.raises(CertificateError, match="not a keyid"):
        revoke_key("abc", "")


def test_another_key_does_not_take_a_trusted_name(tmp_path: Path) -> None:
    new_key("one")
    two = new_key("two")
    with pytest.raises(CertificateError, match="different --name"):
        trust_key(two.path.with_suffix(".pub"), name="one")


def invoke(*arguments: str) -> tuple[int, str]:
    from workbench.cli import cert
    from workbench.cli import key as key_commands
    from workbench.errors import WorkbenchError

    app = {"cert": cert.app, "key": key_commands.app}[arguments[0]]
    done = CliRunner().invoke(app, list(arguments[1:]))
    if isinstance(done.exception, WorkbenchError):
        return 2, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_commands_make_list_export_trust_and_revoke(tmp_path: Path) -> None:
    assert invoke("key", "new", "mine", "--json")[0] == 0
    assert invoke("key", "export", "mine", "--out", str(tmp_path / "mine.pub"))[0] == 0
    assert "BEGIN PUBLIC KEY" in invoke("key", "export")[1]
    assert invoke("key", "trust", str(tmp_path / "mine.pub"), "--name", "friend")[0] == 0
    status, text = invoke("key", "list", "--json")
    rows = json.loads(text)
    assert status == 0
    assert [row["kind"] for row in rows] == ["signing", "trusted", "trusted"]
    assert invoke("key", "revoke", "mine", "--reason", "lost")[0] == 0
    assert json.loads(invoke("key", "list", "--json")[1])[0]["state"] == "revoked"
    assert invoke("key", "trust", str(tmp_path / "nowhere.pub"))[0] == 2
    assert invoke("key", "new", "mine")[0] == 2


def test_verify_show_pack_and_rows_from_the_command_line(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    pub = tmp_path / "signer.pub"
    pub.write_bytes(key.public.pem)
    trust = ("--key", str(pub))
    status, text = invoke("cert", "verify", str(bundle), *trust, "--json")
    report = json.loads(text)
    assert (status, report["exit"]) == (0, 0)
    assert {check["status"] for check in report["checks"]} == {"pass", "skipped"}
    assert invoke("cert", "verify", str(bundle), *trust, "--min-round", "9")[0] == 1
    assert invoke("cert", "verify", str(bundle))[0] == 2  # nobody is trusted yet
    assert invoke("cert", "verify", str(tmp_path / "nowhere"), *trust)[0] == 2
    assert invoke("cert", "verify", str(bundle), "--key", str(bundle / "README.md"))[0] == 2
    status, text = invoke("cert", "show", str(bundle), *trust)
    assert status == 0
    assert text.index("recheckable:") < text.index("reproducible:") < text.index("asserted:")
    archive = tmp_path / "b.zip"
    assert invoke("cert", "pack", str(bundle), str(archive))[0] == 0
    assert invoke("cert", "verify", str(archive), *trust)[0] == 0
    proof = tmp_path / "row.json"
    assert invoke("cert", "prove-row", str(bundle), "0", "--out", str(proof))[0] == 0
    assert invoke("cert", "check-row", str(proof), *trust)[0] == 0
    proof.write_text(proof.read_text().replace('"index": 0', '"index": 1'))
    assert invoke("cert", "check-row", str(proof), *trust)[0] == 1
    assert invoke("cert", "prove-row", str(bundle), "99")[0] == 2


def test_a_policy_file_and_a_revocation_list_are_honoured(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    pub = tmp_path / "signer.pub"
    pub.write_bytes(key.public.pem)
    (tmp_path / "p.toml").write_text('min_level = "bronze"\n')
    run = ("cert", "verify", str(bundle), "--key", str(pub))
    assert invoke(*run, "--policy", str(tmp_path / "p.toml"))[0] == 1
    (tmp_path / "p.toml").write_text("min_level = 3\n")
    assert invoke(*run, "--policy", str(tmp_path / "p.toml"))[0] == 2
    (tmp_path / "revoked").write_text(f"{key.keyid} 2026-01-01T00:00:00Z stolen\n")
    status, text = invoke(*run, "--revoked", str(tmp_path / "revoked"))
    assert (status, "is revoked" in text) == (2, True)


def test_a_stranger_s_statement_is_not_shown(bundle: Path, tmp_path: Path) -> None:
    other = new_key("other")
    status, text = invoke("cert", "show", str(bundle), "--key", str(other.path.with_suffix(".pub")))
    assert status == 1
    assert "Promoted" not in text
