"""A receipt that is signed and yet not of the form of a receipt is refused, field by field."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from workbench.certificate import CertificateError, SigningKey
from workbench.certificate.envelope import open_envelope, seal
from workbench.certificate.receipt import make_receipt, prompt_digest, read_receipt
from workbench.certificate.strict import load_json

Statement = dict[str, Any]
PREDICATE = {
    "answered_by": "student",
    "model": {"version": 1},
    "prompt": {"sha256": prompt_digest("add")},
    "sampling": {},
    "contract": {},
    "verdict": "proved",
    "obligations": [],
}


def statement(key: SigningKey) -> Statement:
    envelope = open_envelope(json.dumps(make_receipt("x = 1", PREDICATE, key)).encode())
    found = load_json(envelope.payload, "the receipt", limit=10_000)
    assert isinstance(found, dict)
    return found


def test_the_receipt_that_the_others_are_made_of_is_read(key: SigningKey) -> None:
    receipt = read_receipt(seal(json.dumps(statement(key)).encode(), [key]), [key.public])
    assert receipt.covers("x = 1")
    assert receipt.asked("add")
    assert not receipt.covers("x = 2")


FAULTS: dict[str, tuple[str, Callable[[Statement], Any]]] = {
    "a list": ("no in-toto statement", lambda s: [s]),
    "one field more": ("no in-toto statement", lambda s: {**s, "more": 1}),
    "another statement": ("is not of type", lambda s: {**s, "_type": "https://example.org/S"}),
    "another predicate": ("is not of type", lambda s: {**s, "predicateType": "https://x.org/p"}),
    "no subject": ("exactly one subject", lambda s: {**s, "subject": []}),
    "two subjects": ("exactly one subject", lambda s: {**s, "subject": s["subject"] * 2}),
    "a subject without digest": ("exactly one subject", lambda s: {**s, "subject": [{}]}),
    "a predicate of nothing": ("exactly its fields", lambda s: {**s, "predicate": {}}),
    "a predicate that is a list": ("exactly its fields", lambda s: {**s, "predicate": []}),
    "no prompt": ("which prompt", lambda s: {**s, "predicate": {**s["predicate"], "prompt": 1}}),
    "a prompt without digest": (
        "which prompt",
        lambda s: {**s, "predicate": {**s["predicate"], "prompt": {"sha256": 7}}},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_signed_statement_of_another_form_is_refused(key: SigningKey, name: str) -> None:
    words, change = FAULTS[name]
    made = change(copy.deepcopy(statement(key)))
    sealed = seal(json.dumps(made, sort_keys=True).encode(), [key])
    with pytest.raises(CertificateError, match=words):
        read_receipt(sealed, [key.public])


def test_nobody_s_receipt_is_refused(key: SigningKey) -> None:
    with pytest.raises(CertificateError, match="no trusted key"):
        read_receipt(seal(json.dumps(statement(key)).encode(), [key]), [])
