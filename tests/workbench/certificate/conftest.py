"""One issued bundle a session, copied for each test that breaks it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.workbench.certificate.sample import round_evidence
from workbench.certificate import SigningKey, issue


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate(), "signer")


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    folder = tmp_path_factory.mktemp("master")
    issue(round_evidence(folder), key, folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def bundle(master: Path, tmp_path: Path) -> Path:
    target = tmp_path / "bundle"
    shutil.copytree(master, target)
    return target
