"""The second signature: ML-DSA-65 beside ed25519, demanded or not, and never enough alone."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from tests.workbench.certificate.sample import round_evidence
from tests.workbench.certificate.test_attacks_keys import envelope_of, other_key, write
from workbench.certificate import CertificateError, Policy, SigningKey, issue, verify
from workbench.certificate.algorithms import ML_DSA, generate
from workbench.certificate.keys import (
    PublicKey,
    export_key,
    list_keys,
    load_public_key,
    load_signing_key,
    load_signing_keys,
    new_key,
    revoke_key,
    trusted_keys,
)

DEMAND = Policy(require_post_quantum=True)


def available() -> bool:
    try:
        generate(ML_DSA)
    except CertificateError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not available(), reason="the cryptography package here has no ML-DSA"
)


@pytest.fixture(scope="module")
def pair() -> list[SigningKey]:
    return [
        SigningKey(Ed25519PrivateKey.generate(), "me"),
        SigningKey(generate(ML_DSA), "me.pq"),
    ]


@pytest.fixture
def signed(tmp_path: Path, pair: list[SigningKey]) -> Path:
    issue(round_evidence(tmp_path), pair, tmp_path / "b")
    return tmp_path / "b"


def outcome(folder: Path, keys: list[PublicKey], policy: Policy | None = None) -> str:
    report = verify(folder, keys, policy=policy)
    return report.failed[0].code if report.failed else "ok"


def test_two_signatures_hold_and_either_reader_is_served(
    signed: Path, pair: list[SigningKey]
) -> None:
    ed, pq = (key.public for key in pair)
    assert [len(base64.b64decode(s["sig"])) for s in envelope_of(signed)["signatures"]] == [
        64,
        3309,
    ]
    assert outcome(signed, [ed]) == "ok"
    assert outcome(signed, [ed, pq], DEMAND) == "ok"
    report = verify(signed, [ed, pq])
    assert report.keyids == (ed.keyid, pq.keyid)


def test_a_demanded_second_signature_must_be_there_trusted_and_true(
    signed: Path, pair: list[SigningKey]
) -> None:
    ed, pq = (key.public for key in pair)
    stranger = SigningKey(generate(ML_DSA), "stranger").public
    assert outcome(signed, [ed], DEMAND) == "bad-signature"
    assert outcome(signed, [ed, stranger], DEMAND) == "bad-signature"
    good = envelope_of(signed)
    for change in (_flipped, _dropped, _swapped):
        write(signed, change(json.loads(json.dumps(good))))
        assert outcome(signed, [ed, pq], DEMAND) == "bad-signature"


def _flipped(envelope: Any) -> Any:
    raw = bytearray(base64.b64decode(envelope["signatures"][1]["sig"]))
    raw[1000] ^= 1
    envelope["signatures"][1]["sig"] = base64.b64encode(bytes(raw)).decode()
    return envelope


def _dropped(envelope: Any) -> Any:
    envelope["signatures"].pop()
    return envelope


def _swapped(envelope: Any) -> Any:
    """An ed25519 signature offered where ML-DSA's was, under its keyid."""
    envelope["signatures"][1]["sig"] = envelope["signatures"][0]["sig"]
    return envelope


def test_the_second_signature_is_never_enough_alone_and_is_no_second_person(
    signed: Path, pair: list[SigningKey]
) -> None:
    ed, pq = (key.public for key in pair)
    assert outcome(signed, [pq]) == "bad-signature"
    assert outcome(signed, [pq, other_key().public]) == "bad-signature"
    assert outcome(signed, [ed, pq], Policy(threshold=2)) == "bad-signature"


def test_other_parameter_sets_and_lengths_are_no_keys(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import mldsa

    for kind in (mldsa.MLDSA44PrivateKey, mldsa.MLDSA87PrivateKey):
        pem = (
            kind.generate()
            .public_key()
            .public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
        )
        (tmp_path / "k.pub").write_bytes(pem)
        with pytest.raises(CertificateError) as caught:
            load_public_key(tmp_path / "k.pub")
        assert caught.value.code == "bad-key"
    with pytest.raises(CertificateError) as caught:
        PublicKey(bytes(32), "x", ML_DSA)
    assert caught.value.code == "bad-key"


def test_keys_get_lose_and_lock_their_second_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("WORKBENCH_KEY_PASSPHRASE", raising=False)
    plain = new_key("plain")
    assert not plain.post_quantum
    assert len(load_signing_keys("plain")) == 1
    with pytest.raises(CertificateError, match="no ML-DSA half"):
        export_key("plain", post_quantum=True)
    assert new_key("plain", post_quantum=True).keyid == plain.keyid
    assert [key.algorithm for key in load_signing_keys("plain")] == ["ed25519", "ml-dsa-65"]
    assert load_signing_key("plain").algorithm == "ed25519"
    new_key("locked", passphrase=b"open sesame", post_quantum=True)
    assert len(load_signing_keys("locked", passphrase=b"open sesame")) == 2
    with pytest.raises(CertificateError, match="passphrase is wrong"):
        load_signing_keys("locked", passphrase=b"wrong")
    assert [info.name for info in list_keys()] == ["locked", "plain"]
    assert {key.name for key in trusted_keys()} == {
        "plain", "plain.pq", "locked", "locked.pq",
    }  # fmt: skip
    again = load_public_key(tmp_path / "config/keys/plain.pq.pub")
    assert again.raw == export_key("plain", post_quantum=True).raw
    revoke_key(again.keyid, "lost")
    with pytest.raises(CertificateError, match="revoked"):
        load_signing_keys("plain")


def test_the_commands_make_show_and_revoke_both_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.cli import key as commands

    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))

    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(commands.app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.output

    invoke("new", "mine", "--pq")
    assert "ed25519 + ml-dsa-65" in invoke("list")
    invoke("export", "mine", "--pq", "--out", str(tmp_path / "mine.pq.pub"))
    assert load_public_key(tmp_path / "mine.pq.pub").algorithm == "ml-dsa-65"
    invoke("trust", str(tmp_path / "mine.pq.pub"), "--name", "friend")
    assert invoke("revoke", "mine").count("revoked ") == 2
    assert trusted_keys() == []


def test_a_machine_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.certificate import algorithms

    monkeypatch.setattr(algorithms, "_mldsa", lambda: None)
    with pytest.raises(CertificateError) as caught:
        generate(ML_DSA)
    assert caught.value.code == "unsupported"


def test_securesystemslib_reads_past_the_second_signature(
    signed: Path, pair: list[SigningKey]
) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not installed")
    signer = pytest.importorskip("securesystemslib.signer")
    key = pair[0]
    envelope = dsse.Envelope.from_dict(envelope_of(signed))
    theirs = signer.SSlibKey(key.keyid, "ed25519", "ed25519", {"public": key.public.raw.hex()})
    assert list(envelope.verify([theirs], 1)) == [key.keyid]
