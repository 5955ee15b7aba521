"""Trusted time: RFC 3161 time stamps over the signed payload, in ``timestamps/`` of a bundle.

A time stamp says that the payload existed when a time-stamping authority saw it, which no signer
can back-date. Whom to believe is the reader's choice: an authority counts when its certificate
leads to a root that the reader named. The folder is outside the signature, as it must be; a stamp
vouches for itself. Needs ``rfc3161-client`` (the extra ``certificate``).
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.certificate.bundle import CERTIFICATE, Bundle
from workbench.certificate.envelope import open_envelope
from workbench.certificate.errors import CertificateError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = [
    "FOLDER",
    "Stamp",
    "ask_authority",
    "check_stamps",
    "load_roots",
    "payload_of",
    "query",
    "store_stamp",
]

FOLDER = "timestamps/"
_SUFFIX = ".tsr"
_LIMIT = 256 * 1024
_MOST = 32
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp that holds."""

    name: str
    moment: datetime


def payload_of(bundle: Bundle) -> bytes:
    """Return the signed payload, which is what a time stamp is about."""
    return open_envelope(bundle.read(CERTIFICATE)).payload


def query(payload: bytes) -> bytes:
    """Return a time-stamp query (DER) over the payload's SHA-256, with a nonce."""
    client = _client()
    builder = client.TimestampRequestBuilder().data(payload)
    request = builder.hash_algorithm(client.HashAlgorithm.SHA256).build()
    data: bytes = request.as_bytes()
    return data


def ask_authority(url: str, payload: bytes) -> bytes:
    """Ask the authority at ``url`` (RFC 3161 over HTTP) and return its response."""
    if not url.startswith(("https://", "http://")):
        raise CertificateError("no-authority", f"{url} is not the address of an authority")
    request = urllib.request.Request(
        url, data=query(payload), headers={"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_LIMIT + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise CertificateError(
            "no-authority", f"{url} gave no time stamp: {error.code} {error.reason}"
        ) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise CertificateError("no-authority", f"{url} gave no time stamp: {error}") from None
    return data


def store_stamp(bundle: Bundle, response: bytes) -> str:
    """Put a response that is about this bundle into it; return the file's name."""
    found = _read(response, "the response")
    if found.imprint != _imprint(payload_of(bundle)):
        raise CertificateError("timestamp", "the response is about something else")
    name = f"{FOLDER}{hashlib.sha256(response).hexdigest()[:16]}{_SUFFIX}"
    path = bundle.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(response)
    return name


def load_roots(path: Path) -> list[Certificate]:
    """Read the certificates of authorities to believe from a PEM file."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateError("no-file", f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise CertificateError("bad-key", f"{path} holds no PEM certificate") from None


def check_stamps(bundle: Bundle, payload: bytes, roots: Sequence[Certificate]) -> Stamp:
    """Return the earliest stamp of ``payload`` that leads to one of ``roots``.

    Every stamp that is there must be about the payload; one that leads elsewhere counts nothing.
    """
    names = [n for n in bundle.files if n.startswith(FOLDER) and n.endswith(_SUFFIX)]
    if not names:
        raise CertificateError("timestamp", "there is no time stamp in the bundle")
    if len(names) > _MOST:
        raise CertificateError("timestamp", f"there are more than {_MOST} time stamps")
    found: list[Stamp] = []
    problem = ""
    for name in names:
        response = _read(bundle.read(name, limit=_LIMIT), name)
        if response.imprint != _imprint(payload):
            raise CertificateError("timestamp", f"{name} is about something else")
        why = _holds(response.whole, payload, roots)
        if why is None:
            found.append(Stamp(name, response.moment.astimezone(UTC)))
        else:
            problem = f"{name}: {why}"
    if not found:
        raise CertificateError("timestamp", f"no time stamp leads to a named authority; {problem}")
    return min(found, key=lambda stamp: stamp.moment)


def _holds(response: object, payload: bytes, roots: Sequence[Certificate]) -> str | None:
    client = _client()
    builder = client.VerifierBuilder(roots=list(dict.fromkeys(roots)))
    try:
        builder.build().verify_message(response, payload)
    except (client.VerificationError, ValueError, OverflowError) as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class _Response:
    """A response whose parts could be read."""

    whole: Any
    imprint: bytes
    moment: datetime


def _read(data: bytes, what: str) -> _Response:
    try:
        whole = _client().decode_timestamp_response(data)
        info = whole.tst_info
        return _Response(whole, bytes(info.message_imprint.message), info.gen_time)
    except (ValueError, OverflowError) as error:
        raise CertificateError("timestamp", f"{what} is no time stamp: {error}") from None


def _imprint(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()


def _client() -> Any:
    try:
        import rfc3161_client
    except ModuleNotFoundError:
        raise CertificateError(
            "unsupported",
            "time stamps need rfc3161-client: pip install 'distillation-workbench[certificate]'",
        ) from None
    return rfc3161_client
