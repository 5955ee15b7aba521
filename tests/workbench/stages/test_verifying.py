"""A verification of a home's own certificate is remembered; of anything else nothing is noted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from tests.workbench.certificate.conftest import key, master
from workbench.certificate import Check, SigningKey, verify
from workbench.certificate.verify import CHECKS
from workbench.settings import load_settings
from workbench.stages.verifying import known_certificate, verify_known
from workbench.store.database import Store, open_store
from workbench.store.tables import CertificateRow, EventRow, RoundRow

__all__ = ["key", "master"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, master: Path, key: SigningKey) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    (tmp_path / "signer.pub").write_bytes(key.public.pem)
    with open_store(load_settings()) as store:
        shutil.copytree(master, home / "certificates/r0001")
        with store.write() as session:
            session.add(RoundRow(id="r0001", number=1, config_json="{}", stage="certified"))
        with store.write() as session:
            session.add(
                CertificateRow(
                    id="0" * 64, round_id="r0001", path="certificates/r0001", keyid=key.keyid
                )
            )
    return home


def row(store: Store) -> CertificateRow:
    with store.read() as session:
        return session.exec(select(CertificateRow)).one()


def checks(store: Store) -> dict[str, str]:
    return {c["id"]: c["status"] for c in json.loads(row(store).checks_json)}


def cert_verify(*arguments: str) -> int:
    from workbench.cli import cert

    done = CliRunner().invoke(cert.app, ["verify", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code


def test_what_the_command_finds_is_in_the_store_check_by_check(home: Path, tmp_path: Path) -> None:
    pub = ("--key", str(tmp_path / "signer.pub"))
    assert cert_verify(str(home / "certificates/r0001"), *pub) == 0
    with open_store(load_settings()) as store:
        assert checks(store)["figures"] == "pass"
        assert row(store).verified_at is not None
        with store.read() as session:
            events = [e for e in session.exec(select(EventRow)) if e.stage == "verify"]
    assert [e.kind for e in events][:1] == ["start"]
    assert events[-1].kind == "done"
    told = [json.loads(e.data_json)["check"]["id"] for e in events[1:-1]]
    assert told == [name for name in CHECKS if not name.startswith("recheck-")]
    assert events[0].total == len(told)
    (home / "certificates/r0001/README.md").write_text("x")
    assert cert_verify(str(home / "certificates/r0001"), *pub) == 1
    with open_store(load_settings()) as store:
        assert checks(store)["files"] == "fail"


@pytest.mark.parametrize("how", ["a copy elsewhere", "a stranger's key", "own demands"])
def test_of_other_bundles_keys_and_demands_nothing_is_noted(
    home: Path, tmp_path: Path, how: str
) -> None:
    from tests.workbench.certificate.test_attacks_keys import other_key

    folder = home / "certificates/r0001"
    arguments = ["--key", str(tmp_path / "signer.pub")]
    if how == "a copy elsewhere":
        folder = Path(shutil.copytree(folder, tmp_path / "copy"))
        (folder / "README.md").write_text("x")
    elif how == "own demands":
        arguments += ["--min-round", "9"]
    else:
        (tmp_path / "other.pub").write_bytes(other_key().public.pem)
        arguments = ["--key", str(tmp_path / "other.pub")]
    assert cert_verify(str(folder), *arguments) == 1
    with open_store(load_settings()) as store:
        assert row(store).checks_json == "[]"
        assert row(store).verified_at is None


def test_a_re_check_is_kept_while_the_same_bytes_verify(home: Path, key: SigningKey) -> None:
    solved = [{"id": "recheck-solvers", "claim": "c", "status": "pass", "detail": "", "code": ""}]
    settings = load_settings()
    with open_store(settings) as store:
        with store.write() as session:
            there = session.exec(select(CertificateRow)).one()
            there.checks_json = json.dumps(solved)
            session.add(there)
        verify_known(store, settings, row(store), [key.public])
        assert checks(store)["recheck-solvers"] == "pass"
        assert checks(store)["recheck-tests"] == "skipped"
        (home / "certificates/r0001/README.md").write_text("x")
        verify_known(store, settings, row(store), [key.public])
        assert "recheck-solvers" not in checks(store)
        assert known_certificate(store, home / "certificates") is None


def test_a_listener_hears_each_check_begin_and_end(master: Path, key: SigningKey) -> None:
    heard: list[tuple[str, Any]] = []

    def listen(name: str, check: Check | None) -> None:
        heard.append((name, check.status if check is not None else None))

    report = verify(master, [key.public], progress=listen)
    assert [name for name, status in heard if status is not None] == [c.id for c in report.checks]
    assert list(CHECKS) == [c.id for c in report.checks]
    assert heard[:2] == [("envelope", None), ("envelope", "pass")]
