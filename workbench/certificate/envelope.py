"""DSSE envelopes: bytes, and signatures over them with their type. Knows no statement.

The signature covers the pre-authentication encoding of type and payload, never JSON that was
parsed and printed again. ``keyid`` is a hint that decides nothing: every trusted key is tried.
Source: https://github.com/secure-systems-lab/dsse (protocol 1.0.2, envelope 1.0.2).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.certificate.errors import CertificateError
from workbench.certificate.keys import PublicKey, SigningKey
from workbench.certificate.strict import load_json

__all__ = ["PAYLOAD_TYPE", "Envelope", "open_envelope", "pae", "seal", "signers"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_LIMIT = 4 * 1024 * 1024
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9_-]*={0,2}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A read envelope: payload bytes that nobody has vouched for yet, and the signatures."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, keys: Sequence[SigningKey]) -> bytes:
    """Sign ``payload`` with every key and return the envelope file's bytes."""
    message = pae(PAYLOAD_TYPE, payload)
    signatures = [
        {"keyid": key.keyid, "sig": base64.b64encode(key.sign(message)).decode()} for key in keys
    ]
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": signatures,
    }
    return json.dumps(envelope, indent=1).encode()


def open_envelope(data: bytes) -> Envelope:
    """Read an envelope strictly; raise ``CertificateError`` when it is not one of ours."""
    value = load_json(data, "the envelope", limit=_LIMIT)
    if data.strip() != data or b"\r" in data:
        # Layout means nothing, yet what was appended or converted on the way is worth a word.
        raise CertificateError("malformed", "the envelope has white space around it or CR in it")
    _fields(value, "the envelope", {"payload", "payloadType", "signatures"})
    if value["payloadType"] != PAYLOAD_TYPE:
        raise CertificateError("payload-type", f"the envelope's payloadType is not {PAYLOAD_TYPE}")
    signatures = value["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= 8:
        raise CertificateError("malformed", "the envelope does not have one to eight signatures")
    return Envelope(
        PAYLOAD_TYPE,
        _decode(value["payload"], "payload"),
        tuple(_signature(signature) for signature in signatures),
    )


def signers(envelope: Envelope, trusted: Sequence[PublicKey]) -> list[PublicKey]:
    """Return the trusted keys that signed the envelope, each once, whatever its keyids say."""
    message = pae(envelope.payload_type, envelope.payload)
    found: dict[tuple[str, bytes], PublicKey] = {}
    for key in trusted:
        if any(key.verifies(signature, message) for signature in envelope.signatures):
            found[key.algorithm, key.raw] = key
    return list(found.values())


def _signature(value: Any) -> bytes:
    if isinstance(value, dict) and "keyid" not in value:
        value = {**value, "keyid": ""}
    _fields(value, "a signature", {"keyid", "sig"})
    if not isinstance(value["keyid"], str):
        raise CertificateError("malformed", "a signature's keyid is not text")
    return _decode(value["sig"], "sig")


def _fields(value: Any, what: str, names: set[str]) -> None:
    if not isinstance(value, dict) or set(value) != names:
        expected = ", ".join(sorted(names))
        raise CertificateError("malformed", f"{what} does not have exactly the fields {expected}")


def _decode(value: Any, what: str) -> bytes:
    """Decode standard or URL-safe base64 that is padded and has one spelling."""
    if not isinstance(value, str) or not _BASE64.fullmatch(value) or len(value) % 4:
        raise CertificateError("malformed", f"{what} is not base64")
    # A text of this form and length decodes without fail; stray bits are what is left to refuse.
    data = base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    if base64.b64encode(data).decode().replace("+", "-").replace("/", "_") != value.replace(
        "+", "-"
    ).replace("/", "_"):
        raise CertificateError("malformed", f"{what} has stray bits in its base64 padding")
    return data
