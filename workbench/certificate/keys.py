"""Signing keys: one PKCS#8 file a key, kept apart from the home. Trust is explicit.

A key is ed25519. Beside it may lie a second half for ML-DSA-65, ``NAME.pq.pem``, which then signs
as well.

``keyid`` is the SHA-256 of the public key's SubjectPublicKeyInfo in DER, which anybody computes
with ``openssl pkey -pubin -in K.pub -outform DER | sha256sum``. A key that came with a bundle is
never trusted because it came with it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from workbench.certificate.algorithms import (
    ED25519,
    ML_DSA,
    Algorithm,
    algorithm_of,
    check_public,
    generate,
    open_public,
    raw_of,
    verifies,
)
from workbench.certificate.errors import CertificateError

__all__ = [
    "PublicKey",
    "SigningKey",
    "export_key",
    "key_folder",
    "list_keys",
    "load_public_key",
    "load_signing_key",
    "load_signing_keys",
    "new_key",
    "revoke_key",
    "revoked_keyids",
    "trust_key",
    "trusted_keys",
]

_MAX_FILE = 64 * 1024
_SUFFIX = ".pem"
_PQ = ".pq"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key whose point has been checked."""

    raw: bytes
    name: str = ""
    algorithm: Algorithm = ED25519

    def __post_init__(self) -> None:
        check_public(self.algorithm, self.raw)

    @property
    def keyid(self) -> str:
        """SHA-256 hex of the SubjectPublicKeyInfo in DER."""
        der = self._key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(der).hexdigest()

    @property
    def pem(self) -> bytes:
        """The key as a PEM file."""
        pem: bytes = self._key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` is this key's over ``message``."""
        return verifies(self.algorithm, self.raw, signature, message)

    def _key(self) -> Any:
        return open_public(self.algorithm, self.raw)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that has been opened. Its repr shows the keyid only."""

    secret: Any
    """An opened private key of ``cryptography``, ed25519 or ML-DSA-65."""
    name: str = ""

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r}, keyid={self.keyid[:16]}...)"

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(raw_of(self.secret.public_key()), self.name, self.algorithm)

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        found = algorithm_of(self.secret)
        if found is None:
            raise CertificateError("bad-key", "a signing key is ed25519 or ML-DSA-65")
        return found

    @property
    def keyid(self) -> str:
        """The keyid of the public half."""
        return self.public.keyid

    def sign(self, message: bytes) -> bytes:
        """Sign ``message``: 64 bytes by ed25519, 3,309 by ML-DSA-65."""
        signature: bytes = self.secret.sign(message)
        return signature


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What can be said about a stored key without opening it."""

    name: str
    keyid: str
    path: Path
    encrypted: bool
    revoked: bool
    post_quantum: bool = False
    """Whether an ML-DSA half lies beside it."""


def key_folder() -> Path:
    """Return the folder of keys: under ``WORKBENCH_CONFIG``, else the user's config folder."""
    configured = os.environ.get("WORKBENCH_CONFIG")
    if configured:
        return Path(configured).expanduser() / "keys"
    from platformdirs import user_config_path

    return user_config_path("workbench") / "keys"


def new_key(
    name: str = "default", *, passphrase: bytes | None = None, post_quantum: bool = False
) -> KeyInfo:
    """Make a key, store it with mode 0600, trust it, and return what there is to know.

    With ``post_quantum`` an ML-DSA half is made as well, or added to the key that there is.
    """
    _check_name(name)
    if post_quantum and (key_folder() / f"{name}{_SUFFIX}").exists():
        _make(name + _PQ, ML_DSA, passphrase)
        return _info(name)
    if post_quantum:
        generate(ML_DSA)  # before anything is written: this machine may not have it
    _make(name, ED25519, passphrase)
    if post_quantum:
        _make(name + _PQ, ML_DSA, passphrase)
    return _info(name)


def _make(stem: str, algorithm: Algorithm, passphrase: bytes | None) -> None:
    secret = generate(algorithm)
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        protection = serialization.BestAvailableEncryption(passphrase)
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    folder = key_folder()
    _write_new(folder / f"{stem}{_SUFFIX}", pem, 0o600)
    _write_new(folder / f"{stem}.pub", SigningKey(secret).public.pem, 0o644)
    trust_key(folder / f"{stem}.pub", name=stem)


def list_keys() -> list[KeyInfo]:
    """Return the stored signing keys that are not revoked first, then the others, by name."""
    folder = key_folder()
    if not folder.is_dir():
        return []
    names = sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))
    names = [name for name in names if not name.endswith(_PQ)]
    return sorted((_info(name) for name in names), key=lambda info: (info.revoked, info.name))


def load_signing_key(name: str | None = None, *, passphrase: bytes | None = None) -> SigningKey:
    """Open a stored key; without a name the first that is not revoked.

    An encrypted key without ``passphrase`` takes it from ``WORKBENCH_KEY_PASSPHRASE``.
    """
    return _opened(_named(name), ED25519, passphrase)


def load_signing_keys(
    name: str | None = None, *, passphrase: bytes | None = None
) -> list[SigningKey]:
    """Open a stored key as ``load_signing_key`` does, and its ML-DSA half where it has one."""
    name = _named(name)
    keys = [_opened(name, ED25519, passphrase)]
    if (key_folder() / f"{name}{_PQ}{_SUFFIX}").is_file():
        keys.append(_opened(name, ML_DSA, passphrase))
    return keys


def _named(name: str | None) -> str:
    if name is None:
        usable = [info for info in list_keys() if not info.revoked]
        if not usable:
            raise CertificateError("no-key", "there is no signing key; make one: workbench key new")
        name = usable[0].name
    _check_name(name)
    return name


def _opened(name: str, algorithm: Algorithm, passphrase: bytes | None) -> SigningKey:
    stem = name if algorithm == ED25519 else name + _PQ
    path = key_folder() / f"{stem}{_SUFFIX}"
    if not path.is_file():
        known = ", ".join(info.name for info in list_keys()) or "none"
        raise CertificateError("no-key", f"there is no signing key {name!r}; known are: {known}")
    data = _read(path)
    if passphrase is None and b"ENCRYPTED" in data:
        passphrase = os.environ.get("WORKBENCH_KEY_PASSPHRASE", "").encode() or None
    try:
        secret = serialization.load_pem_private_key(data, passphrase or None)
    except TypeError:
        wanted = "has no passphrase"
        if passphrase is None:
            wanted = "needs its passphrase; set WORKBENCH_KEY_PASSPHRASE"
        raise CertificateError("passphrase", f"key {name!r} {wanted}") from None
    except (ValueError, UnsupportedAlgorithm):
        wrong = "or the passphrase is wrong" if passphrase else "or the file is damaged"
        raise CertificateError("bad-key", f"{path} is not a private key, {wrong}") from None
    if algorithm_of(secret) != algorithm:
        raise CertificateError("bad-key", f"{path} is not a key for {algorithm}")
    key = SigningKey(secret, stem)
    if key.keyid in revoked_keyids():
        raise CertificateError("revoked-key", f"key {name!r} is revoked; make a new one")
    return key


def load_public_key(path: Path) -> PublicKey:
    """Read a public key file: PEM or DER, nothing but sound ed25519 and ML-DSA-65."""
    data = _read(path)
    try:
        if b"-----BEGIN" in data:
            key = serialization.load_pem_public_key(data)
        else:
            key = serialization.load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError("bad-key", f"{path} is not a public key file") from None
    algorithm = algorithm_of(key)
    if algorithm is None:
        raise CertificateError("bad-key", f"{path} is not an ed25519 or ML-DSA-65 public key")
    return PublicKey(raw_of(key), path.stem, algorithm)


def export_key(name: str | None = None, *, post_quantum: bool = False) -> PublicKey:
    """Return the public half of a stored key; needs no passphrase."""
    keys = list_keys()
    if name is None and keys:
        name = keys[0].name
    if name is None or not (key_folder() / f"{name}.pub").is_file():
        known = ", ".join(info.name for info in keys) or "none"
        raise CertificateError("no-key", f"there is no key {name!r}; known are: {known}")
    if not post_quantum:
        return load_public_key(key_folder() / f"{name}.pub")
    path = key_folder() / f"{name}{_PQ}.pub"
    if not path.is_file():
        raise CertificateError(
            "no-key", f"key {name!r} has no ML-DSA half; make it: workbench key new {name} --pq"
        )
    return load_public_key(path)


def trust_key(path: Path, *, name: str | None = None) -> PublicKey:
    """Trust a public key from now on; refuses keys that are weak or revoked."""
    key = load_public_key(path)
    if key.keyid in revoked_keyids():
        raise CertificateError("revoked-key", f"{path} is revoked here and is not trusted again")
    label = name or path.stem
    _check_name(label.removesuffix(_PQ))
    folder = key_folder() / "trusted"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{label}.pub"
    if target.exists() and load_public_key(target).raw != key.raw:
        raise CertificateError(
            "name-taken", f"another trusted key is called {label!r}; give a different --name"
        )
    target.write_bytes(key.pem)
    return PublicKey(key.raw, label, key.algorithm)


def trusted_keys() -> list[PublicKey]:
    """Return the keys that are trusted here and not revoked, by name."""
    folder = key_folder() / "trusted"
    revoked = revoked_keyids()
    keys = [load_public_key(path) for path in sorted(folder.glob("*.pub"))]
    return [key for key in keys if key.keyid not in revoked]


def revoke_key(keyid: str, reason: str) -> None:
    """Add a keyid to the revocation list; what it signed is refused from now on."""
    if len(keyid) != 64 or set(keyid) - set("0123456789abcdef"):
        raise CertificateError("bad-keyid", f"{keyid!r} is not a keyid (64 hexadecimal digits)")
    folder = key_folder()
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    note = " ".join(reason.split()) or "no reason given"
    with (folder / "revoked").open("a", encoding="utf-8") as file:
        file.write(f"{keyid} {moment} {note}\n")


def revoked_keyids(path: Path | None = None) -> frozenset[str]:
    """Read a revocation list: a keyid begins each line. Default: the list of this user."""
    file = path or key_folder() / "revoked"
    if not file.is_file():
        if path is not None:
            raise CertificateError("no-file", f"there is no revocation list at {path}")
        return frozenset()
    lines = _read(file).decode("utf-8", "replace").splitlines()
    return frozenset(line.split()[0] for line in lines if line.strip())


def _info(name: str) -> KeyInfo:
    path = key_folder() / f"{name}{_SUFFIX}"
    keyid = load_public_key(path.with_suffix(".pub")).keyid
    encrypted = b"ENCRYPTED" in _read(path)
    second = path.with_name(f"{name}{_PQ}{_SUFFIX}").is_file()
    return KeyInfo(name, keyid, path, encrypted, keyid in revoked_keyids(), second)


def _check_name(name: str) -> None:
    if not name or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise CertificateError(
            "bad-name", f"{name!r} cannot name a key; use letters, digits, - and _"
        )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise CertificateError("no-file", f"cannot read {path}: {error.strerror}") from None
    if len(data) > _MAX_FILE:
        raise CertificateError("too-large", f"{path} is too large to be a key file")
    return data


def _write_new(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise CertificateError("name-taken", f"{path} exists; it is never overwritten") from None
    except OSError as error:
        raise CertificateError("no-file", f"cannot write {path}: {error.strerror}") from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
