"""Hostile bytes in every place that is parsed: a report or a ``CertificateError``, nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workbench.certificate.sample import payload_of, reseal, sign
from workbench.certificate import CertificateError, SigningKey, verify
from workbench.certificate.bundle import parse_sums
from workbench.certificate.envelope import open_envelope
from workbench.certificate.statement import read_statement

SHARED = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

json_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


@SHARED
@given(st.binary(max_size=300))
def test_noise_is_an_error_of_ours(noise: bytes) -> None:
    for read in (open_envelope, read_statement, parse_sums):
        try:
            read(noise)
        except CertificateError:
            continue


@SHARED
@given(data=st.data())
def test_an_envelope_with_any_value_anywhere_never_crashes(
    data: st.DataObject, bundle: Path, key: SigningKey
) -> None:
    path = bundle / "certificate.json"
    good = json.loads(path.read_text())
    place = data.draw(st.sampled_from(places(good)))
    try:
        path.write_text(json.dumps(put(good, place, data.draw(json_values))))
        verify(bundle, [key.public])
    finally:
        path.write_text(json.dumps(good))


@SHARED
@given(data=st.data())
def test_a_signed_statement_with_another_value_anywhere_is_refused(
    data: st.DataObject, bundle: Path, key: SigningKey
) -> None:
    good = payload_of(bundle)
    place = data.draw(st.sampled_from(places(good)))
    changed = put(good, place, data.draw(json_values))
    try:
        sign(bundle, changed, key)
        report = verify(bundle, [key.public])
        issued_at = changed == put(good, ("predicate", "round", "issuedAt"), None)
        assert report.exit_code == 1 or changed == good or issued_at
    finally:
        sign(bundle, good, key)


NAMES = (
    "tasks",
    "sources",
    "candidates",
    "verdicts",
    "selection",
    "evaluation",
    "examples",
    "dataset",
)


@SHARED
@given(data=st.data())
def test_signed_evidence_with_any_value_anywhere_never_crashes(
    data: st.DataObject, bundle: Path, key: SigningKey
) -> None:
    path = bundle / f"evidence/{data.draw(st.sampled_from(NAMES))}.jsonl"
    before = path.read_bytes()
    rows = [json.loads(line) for line in before.splitlines()]
    place = data.draw(st.sampled_from(places(rows)[1:]))
    changed = put(rows, place, data.draw(json_values))
    text = "".join(
        json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        for row in changed
    )
    try:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        reseal(bundle, key)
        verify(bundle, [key.public])
    finally:
        path.write_bytes(before)
        reseal(bundle, key)


@SHARED
@given(place=st.integers(0, 10**9), noise=st.binary(min_size=1, max_size=4), data=st.data())
def test_signed_evidence_with_noise_inside_never_crashes(
    place: int, noise: bytes, data: st.DataObject, bundle: Path, key: SigningKey
) -> None:
    names = [f"{name}.jsonl" for name in NAMES] + ["training.json", "round.json"]
    path = bundle / "evidence" / data.draw(st.sampled_from(names))
    before = path.read_bytes()
    at = place % len(before)
    try:
        path.write_bytes(before[:at] + noise + before[at + len(noise) :])
        reseal(bundle, key)
        verify(bundle, [key.public])
    finally:
        path.write_bytes(before)
        reseal(bundle, key)
