"""The two kinds of signature: ed25519, which every certificate has, and ML-DSA-65 beside it.

ML-DSA (FIPS 204, with an empty context) holds where a quantum computer breaks ed25519; it is
optional, and never enough alone. Needs ``cryptography`` built on an OpenSSL that has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workbench.certificate.curve import is_sound_point
from workbench.certificate.errors import CertificateError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "ED25519",
    "ML_DSA",
    "Algorithm",
    "algorithm_of",
    "check_public",
    "generate",
    "open_public",
    "raw_of",
    "verifies",
]

Algorithm = Literal["ed25519", "ml-dsa-65"]

ED25519: Algorithm = "ed25519"
ML_DSA: Algorithm = "ml-dsa-65"

_SIZES = {ED25519: 32, ML_DSA: 1952}
_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def algorithm_of(key: object) -> Algorithm | None:
    """Return which of the two an opened private or public key is for, or None."""
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return ED25519
    module = _mldsa()
    if module is not None and isinstance(key, module.MLDSA65PrivateKey | module.MLDSA65PublicKey):
        return ML_DSA
    return None


def generate(algorithm: Algorithm) -> Any:
    """Return a new private key."""
    return Ed25519PrivateKey.generate() if algorithm == ED25519 else _class("Private").generate()


def raw_of(public: Any) -> bytes:
    """Return the raw bytes of an opened public key."""
    raw: bytes = public.public_bytes(*_RAW)
    return raw


def open_public(algorithm: Algorithm, raw: bytes) -> Any:
    """Return the opened public key of raw bytes that were checked."""
    if algorithm == ED25519:
        return Ed25519PublicKey.from_public_bytes(raw)
    return _class("Public").from_public_bytes(raw)


def check_public(algorithm: Algorithm, raw: bytes) -> None:
    """Refuse raw bytes that are no sound public key of the algorithm."""
    if algorithm == ED25519:
        if len(raw) != _SIZES[ED25519] or not is_sound_point(raw):
            raise CertificateError(
                "weak-key",
                "the public key is no point of the prime-order group (a small-order key verifies "
                "forged signatures); get the signer's real key",
            )
        return
    if len(raw) != _SIZES[ML_DSA]:
        raise CertificateError("bad-key", f"an ML-DSA-65 public key has {_SIZES[ML_DSA]} bytes")
    open_public(algorithm, raw)


def verifies(algorithm: Algorithm, raw: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is this key's over ``message``."""
    try:
        open_public(algorithm, raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _mldsa() -> ModuleType | None:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        return None
    return mldsa


def _class(half: str) -> Any:
    """Return the class of ML-DSA-65 keys; a sentence where this machine has none."""
    module = _mldsa()
    if module is not None and _works(module):
        return getattr(module, f"MLDSA65{half}Key")
    raise CertificateError(
        "unsupported",
        "ML-DSA is not in the cryptography package here; upgrade it: pip install -U cryptography",
    )


def _works(module: ModuleType) -> bool:
    """Whether the OpenSSL underneath can do it, too."""
    try:
        module.MLDSA65PrivateKey.from_seed_bytes(bytes(32))
    except UnsupportedAlgorithm:
        return False
    return True
