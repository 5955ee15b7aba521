"""A receipt is checked without a server: signature, answer, and the verdict again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workbench.certificate.keys import export_key, load_signing_key, new_key
from workbench.certificate.receipt import make_receipt, prompt_digest
from workbench.cli import app
from workbench.errors import InputError

ANSWER = "def add(a: int, b: int) -> int:\n    return a + b\n"
PREDICATE = {
    "answered_by": "student",
    "model": {"version": 1},
    "prompt": {"sha256": prompt_digest("add")},
    "sampling": {"max_tokens": 5},
    "contract": {
        "entry_point": "add",
        "signature": "def add(a: int, b: int) -> int",
        "requires": [],
        "ensures": ["result == a + b"],
        "raises": [],
        "helpers": "",
    },
    "verdict": "proved",
    "obligations": [],
}


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "config"))
    new_key("server")
    path = tmp_path / "server.pub"
    path.write_bytes(export_key("server").pem)
    return path


def response(tmp_path: Path, answer: str = ANSWER, **changed: Any) -> Path:
    receipt = make_receipt(answer, {**PREDICATE, **changed}, load_signing_key("server"))
    body = {"choices": [{"message": {"content": ANSWER}}], "workbench": {"receipt": receipt}}
    path = tmp_path / "response.json"
    path.write_text(json.dumps(body), "utf-8")
    return path


def verify(*args: object) -> tuple[int, dict[str, bool]]:
    done = CliRunner().invoke(app, ["receipt", "verify", *map(str, args), "--json"])
    if isinstance(done.exception, InputError):
        raise done.exception
    found = json.loads(done.stdout)
    return done.exit_code, {check["name"]: check["holds"] for check in found["checks"]}


def test_a_true_receipt_holds_and_its_verdict_is_found_again(tmp_path: Path, key: Path) -> None:
    status, checks = verify(response(tmp_path), "--key", key, "--judge")
    assert (status, checks) == (0, {"signature": True, "answer": True, "verdict": True})


def test_a_lying_signer_is_caught_by_judging_again(tmp_path: Path, key: Path) -> None:
    contract = {**PREDICATE["contract"], "ensures": ["result == a - b"]}  # type: ignore[dict-item]
    status, checks = verify(response(tmp_path, contract=contract), "--key", key, "--judge")
    assert (status, checks["signature"], checks["verdict"]) == (1, True, False)


def test_another_answer_is_not_covered(tmp_path: Path, key: Path) -> None:
    status, checks = verify(response(tmp_path, answer=ANSWER + "#"), "--key", key)
    assert (status, checks) == (1, {"signature": True, "answer": False})


def test_another_key_does_not_vouch(tmp_path: Path, key: Path) -> None:
    path = response(tmp_path)
    new_key("stranger")
    key.write_bytes(export_key("stranger").pem)
    assert verify(path, "--key", key) == (1, {"signature": False})


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"workbench": {}}', "\udcff"])
def test_what_holds_no_receipt_is_a_sentence(tmp_path: Path, key: Path, text: str) -> None:
    path = tmp_path / "rubbish.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError):
        verify(path, "--key", key)
