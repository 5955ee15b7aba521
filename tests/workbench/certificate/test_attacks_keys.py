"""Keys, envelopes, JSON and replays: wrong signers and second meanings are refused by name."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.workbench.certificate.sample import payload_of, round_evidence, sign
from tests.workbench.certificate.test_attacks_bytes import refusal
from workbench.certificate import (
    CertificateError,
    Policy,
    PublicKey,
    SigningKey,
    issue,
    load_public_key,
    read_policy,
    verify,
)
from workbench.certificate.envelope import PAYLOAD_TYPE, pae, seal

SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


def other_key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate(), "other")


def envelope_of(bundle: Path) -> Any:
    return json.loads((bundle / "certificate.json").read_text())


def write(bundle: Path, envelope: Any) -> None:
    (bundle / "certificate.json").write_text(json.dumps(envelope))


def test_a_certificate_signed_again_by_another_key_is_refused(
    bundle: Path, key: SigningKey
) -> None:
    sign(bundle, payload_of(bundle), other_key())
    assert refusal(bundle, key) == ("signature", "bad-signature")


def test_the_original_keyid_does_not_help_another_key(bundle: Path, key: SigningKey) -> None:
    sign(bundle, payload_of(bundle), other_key())
    envelope = envelope_of(bundle)
    envelope["signatures"][0]["keyid"] = key.keyid
    write(bundle, envelope)
    assert refusal(bundle, key) == ("signature", "bad-signature")


def test_an_old_signature_beside_a_new_one_vouches_for_nothing(
    bundle: Path, key: SigningKey
) -> None:
    old = envelope_of(bundle)["signatures"]
    statement = payload_of(bundle)
    statement["predicate"]["round"]["number"] = 99
    sign(bundle, statement, other_key())
    envelope = envelope_of(bundle)
    envelope["signatures"] += old
    write(bundle, envelope)
    assert refusal(bundle, key) == ("signature", "bad-signature")


@pytest.mark.parametrize("keyid", [None, "", "0" * 64, "anything"])
def test_a_wrong_or_missing_keyid_still_verifies(
    bundle: Path, key: SigningKey, keyid: str | None
) -> None:
    envelope = envelope_of(bundle)
    if keyid is None:
        del envelope["signatures"][0]["keyid"]
    else:
        envelope["signatures"][0]["keyid"] = keyid
    write(bundle, envelope)
    assert verify(bundle, [key.public]).exit_code == 0


@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_keys_of_small_order_are_refused_before_anything_else(raw: str) -> None:
    with pytest.raises(CertificateError) as caught:
        PublicKey(bytes.fromhex(raw))
    assert caught.value.code == "weak-key"


def test_a_signature_that_fits_every_message_is_not_accepted(bundle: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    point = bytes.fromhex(SMALL_ORDER[0])
    pem = Ed25519PublicKey.from_public_bytes(point).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "weak.pub").write_bytes(pem)
    with pytest.raises(CertificateError, match="small-order"):
        load_public_key(tmp_path / "weak.pub")


def test_a_point_with_a_small_order_part_is_refused(key: SigningKey) -> None:
    from workbench.certificate import curve

    good = curve._decode(key.public.raw)
    torsion = curve._decode(bytes.fromhex(SMALL_ORDER[4]))
    assert good is not None
    assert torsion is not None
    x, y, z, _ = curve._add(good, torsion)
    inverse = pow(z, curve._P - 2, curve._P)
    x, y = x * inverse % curve._P, y * inverse % curve._P
    mixed = (y | (x & 1) << 255).to_bytes(32, "little")
    assert curve.is_sound_point(key.public.raw)
    assert not curve.is_sound_point(mixed)


PRIVATE: dict[str, Callable[[], Any]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed448": ed448.Ed448PrivateKey.generate,
}


@pytest.mark.parametrize("kind", PRIVATE)
@pytest.mark.parametrize("encoding", ["PEM", "DER"])
def test_keys_of_other_algorithms_are_refused(tmp_path: Path, kind: str, encoding: str) -> None:
    data = (
        PRIVATE[kind]()
        .public_key()
        .public_bytes(
            getattr(serialization.Encoding, encoding),
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
    )
    (tmp_path / "k.pub").write_bytes(data)
    with pytest.raises(CertificateError, match="not an ed25519"):
        load_public_key(tmp_path / "k.pub")


@pytest.mark.parametrize(
    "data", [b"", b"x" * 44, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_key_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "k.pub").write_bytes(data)
    with pytest.raises(CertificateError) as caught:
        load_public_key(tmp_path / "k.pub")
    assert caught.value.code == "bad-key"


def test_a_key_inside_the_bundle_is_never_trusted(bundle: Path, key: SigningKey) -> None:
    stranger = other_key()
    sign(bundle, payload_of(bundle), stranger)
    (bundle / "extra").mkdir()
    (bundle / "extra/signer.pub").write_bytes(stranger.public.pem)
    assert refusal(bundle, key) == ("signature", "bad-signature")
    with pytest.raises(CertificateError, match="no trusted key"):
        verify(bundle, [])


def test_a_revoked_key_counts_for_nothing(bundle: Path, key: SigningKey) -> None:
    with pytest.raises(CertificateError, match=f"{key.keyid[:16]} is revoked") as caught:
        verify(bundle, [key.public], revoked=frozenset({key.keyid}))
    assert caught.value.code == "no-key"
    with pytest.raises(CertificateError, match="no trusted key was given"):
        verify(bundle, [])


def test_the_same_key_twice_is_one_key(bundle: Path, key: SigningKey) -> None:
    envelope = envelope_of(bundle)
    envelope["signatures"] *= 2
    write(bundle, envelope)
    report = verify(bundle, [key.public, key.public], policy=Policy(threshold=2))
    assert (report.failed[0].id, report.failed[0].code) == ("signature", "bad-signature")


def test_two_distinct_keys_reach_a_threshold_of_two(tmp_path: Path, key: SigningKey) -> None:
    second = other_key()
    issue(round_evidence(tmp_path), [key, second], tmp_path / "b")
    report = verify(tmp_path / "b", [key.public, second.public], policy=Policy(threshold=2))
    assert report.exit_code == 0
    assert set(report.keyids) == {key.keyid, second.keyid}


def test_a_malleated_signature_is_refused(bundle: Path, key: SigningKey) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    envelope = envelope_of(bundle)
    raw = base64.b64decode(envelope["signatures"][0]["sig"])
    scalar = int.from_bytes(raw[32:], "little") + order
    envelope["signatures"][0]["sig"] = base64.b64encode(
        raw[:32] + scalar.to_bytes(32, "little")
    ).decode()
    write(bundle, envelope)
    assert refusal(bundle, key) == ("signature", "bad-signature")


def test_a_signature_over_the_bare_payload_is_refused(bundle: Path, key: SigningKey) -> None:
    envelope = envelope_of(bundle)
    payload = base64.b64decode(envelope["payload"])
    envelope["signatures"][0]["sig"] = base64.b64encode(key.sign(payload)).decode()
    write(bundle, envelope)
    assert refusal(bundle, key) == ("signature", "bad-signature")


def test_a_signature_for_another_payload_type_is_refused(bundle: Path, key: SigningKey) -> None:
    envelope = envelope_of(bundle)
    payload = base64.b64decode(envelope["payload"])
    for kind in ("application/json", "text/plain"):
        envelope["signatures"][0]["sig"] = base64.b64encode(key.sign(pae(kind, payload))).decode()
        write(bundle, envelope)
        assert refusal(bundle, key) == ("signature", "bad-signature")
        write(bundle, {**envelope, "payloadType": kind})
        assert refusal(bundle, key) == ("envelope", "payload-type")


def _envelopes(good: Any) -> dict[str, Any]:
    signature = good["signatures"][0]
    return {
        "extra field": {**good, "more": 1},
        "missing field": {"payload": good["payload"], "payloadType": PAYLOAD_TYPE},
        "list": [good],
        "text": "envelope",
        "null": None,
        "null signature": {**good, "signatures": [None]},
        "int sig": {**good, "signatures": [{"keyid": "", "sig": 7}]},
        "int keyid": {**good, "signatures": [{**signature, "keyid": 7}]},
        "signature with more": {**good, "signatures": [{**signature, "x": 1}]},
        "empty signatures": {**good, "signatures": []},
        "signatures no list": {**good, "signatures": signature},
        "nine signatures": {**good, "signatures": [signature] * 9},
        "int payload": {**good, "payload": 7},
        "payload with space": {**good, "payload": " " + good["payload"]},
        "payload unpadded": {**good, "payload": "QUJ"},
        "padding bits": {**good, "payload": "QR=="},
        "payload both alphabets": {**good, "payload": "-_+/"},
        "type list": {**good, "payloadType": [PAYLOAD_TYPE]},
    }


@pytest.mark.parametrize("name", _envelopes({"signatures": [{}], "payload": ""}))
def test_odd_envelopes_are_malformed(bundle: Path, key: SigningKey, name: str) -> None:
    write(bundle, _envelopes(envelope_of(bundle))[name])
    check, code = refusal(bundle, key)
    assert (check, code) in {("envelope", "malformed"), ("envelope", "payload-type")}


def test_duplicate_keys_in_the_envelope_are_malformed(bundle: Path, key: SigningKey) -> None:
    text = (bundle / "certificate.json").read_text().lstrip("{")
    (bundle / "certificate.json").write_text('{"payload": "AAAA",' + text)
    assert refusal(bundle, key) == ("envelope", "malformed")


def test_url_safe_base64_is_accepted(bundle: Path, key: SigningKey) -> None:
    envelope = envelope_of(bundle)
    for holder, field in ((envelope, "payload"), (envelope["signatures"][0], "sig")):
        holder[field] = holder[field].replace("+", "-").replace("/", "_")
    write(bundle, envelope)
    assert verify(bundle, [key.public]).exit_code == 0


def _payloads(good: str) -> dict[str, bytes]:
    def put(old: str, new: str) -> bytes:
        assert old in good
        return good.replace(old, new, 1).encode()

    return {
        "duplicate key": put('"number": 1', '"number": 1, "number": 9'),
        "NaN": put('"number": 1', '"number": NaN'),
        "Infinity": put('"number": 1', '"number": -Infinity'),
        "1e400": put('"number": 1', '"number": 1e400'),
        "float for int": put('"number": 1', '"number": 1.0'),
        "text for int": put('"number": 1', '"number": "1"'),
        "true for int": put('"number": 1', '"number": true'),
        "huge int": put('"number": 1', '"number": 1' + "0" * 10_000),
        "negative": put('"number": 1', '"number": -1'),
        "deep": b"[" * 200_000,
        "deep objects": b'{"a":' * 200_000,
        "lone surrogate": put('"r0001"', '"\\ud800"'),
        "unknown field": put('"number": 1', '"number": 1, "more": 2'),
        "other spelling": put('"issuedAt"', '"issued_at"'),
        "list": b"[]",
        "text": b'"x"',
        "null": b"null",
        "empty": b"",
        "bom": b"\xef\xbb\xbf" + good.encode(),
        "utf16": good.encode("utf-16"),
        "not utf8": b"\xff\xfe\x00",
        "trailing": good.encode() + b"{}",
        "not json": b"{'a': 1}",
        "moment": put('Z"', '+00:00"'),
    }


_SKELETON = '"number": 1 "r0001" "issuedAt" Z"'


@pytest.mark.parametrize("name", _payloads(_SKELETON))
def test_signed_payloads_with_a_second_meaning_are_refused(
    bundle: Path, key: SigningKey, name: str
) -> None:
    sign(bundle, _payloads(json.dumps(payload_of(bundle)))[name], key)
    assert refusal(bundle, key)[0] == "statement"


def test_statements_of_another_type_are_refused(bundle: Path, key: SigningKey) -> None:
    statement = payload_of(bundle)
    sign(bundle, {**statement, "predicateType": "https://slsa.dev/provenance/v1"}, key)
    assert refusal(bundle, key) == ("statement", "predicate-type")
    sign(bundle, {**statement, "_type": "https://in-toto.io/Statement/v0.1"}, key)
    assert refusal(bundle, key) == ("statement", "statement-type")


def test_nothing_of_an_unsigned_statement_is_shown(bundle: Path, key: SigningKey) -> None:
    sign(bundle, payload_of(bundle), other_key())
    report = verify(bundle, [key.public])
    assert report.statement is None
    assert report.certificate_id is None
    assert {check.status for check in report.checks[2:]} == {"skipped"}


def test_an_older_round_is_refused_by_policy(bundle: Path, key: SigningKey) -> None:
    report = verify(bundle, [key.public], policy=Policy(min_round=2))
    assert [(c.id, c.code) for c in report.failed] == [("policy", "policy")]


def test_a_broken_chain_is_refused_by_policy(tmp_path: Path, key: SigningKey) -> None:
    first = issue(round_evidence(tmp_path), key, tmp_path / "b1")
    from dataclasses import replace

    second = replace(round_evidence(tmp_path, number=2), previous=first)
    issue(second, key, tmp_path / "b2")
    good = Policy(previous=first, min_round=2)
    assert verify(tmp_path / "b2", [key.public], policy=good).exit_code == 0
    for previous in ("0" * 64, ""):
        report = verify(tmp_path / "b2", [key.public], policy=Policy(previous=previous))
        assert report.failed[0].id == "policy"
    assert verify(tmp_path / "b1", [key.public], policy=Policy(previous="")).exit_code == 0


def test_the_certificate_of_another_round_does_not_fit_these_files(
    tmp_path: Path, bundle: Path, key: SigningKey
) -> None:
    issue(round_evidence(tmp_path, tasks=6, number=2), key, tmp_path / "b2")
    other = (tmp_path / "b2/certificate.json").read_bytes()
    (bundle / "certificate.json").write_bytes(other)
    assert refusal(bundle, key) == ("files", "changed-file")


def test_versions_and_level_can_be_demanded(bundle: Path, key: SigningKey) -> None:
    demands = (
        Policy(encoders=["other/1"]),
        Policy(solvers={"z3": ["5.4.0"], "cvc5": ["0.0"]}),
        Policy(min_level="bronze"),
        Policy(require_lift=True),
    )
    for demand in demands:
        assert verify(bundle, [key.public], policy=demand).failed[0].id == "policy"
    fine = Policy(
        encoders=["test/1"], solvers={"z3": ["5.4.0"], "cvc5": ["1.4.2"]}, require_promoted=True
    )
    assert verify(bundle, [key.public], policy=fine).exit_code == 0


@pytest.mark.parametrize(
    "text", ["min_round = 'x'", "unknown = 1", "threshold = 0", "= 1", "previous = 'zz'"]
)
def test_a_bad_policy_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(CertificateError) as caught:
        read_policy(tmp_path / "p.toml")
    assert caught.value.code == "bad-policy"


def test_an_envelope_larger_than_the_limit_is_refused(bundle: Path, key: SigningKey) -> None:
    (bundle / "certificate.json").write_bytes(b" " * 5_000_000)
    assert refusal(bundle, key) == ("envelope", "too-large")


def test_sealing_is_what_dsse_says(key: SigningKey) -> None:
    # The example of the DSSE protocol text.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    envelope = json.loads(seal(b"{}", [key]))
    assert sorted(envelope) == ["payload", "payloadType", "signatures"]


def test_random_bytes_as_envelope_or_payload_never_crash(bundle: Path, key: SigningKey) -> None:
    for size in (0, 1, 10, 1000):
        noise = os.urandom(size)
        (bundle / "certificate.json").write_bytes(noise)
        assert verify(bundle, [key.public]).exit_code == 1
