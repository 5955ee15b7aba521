"""The pieces: Merkle trees against the RFC, levels and lift, the selection rule, row proofs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workbench.certificate.sample import payload_of, sign
from workbench.certificate import CertificateError, SelectionRecord, SigningKey
from workbench.certificate.bundle import open_bundle
from workbench.certificate.levels import level_of, lift, mcnemar
from workbench.certificate.merkle import inclusion_proof, leaf_hash, root, verify_inclusion
from workbench.certificate.proof import check_row, prove_row
from workbench.certificate.rules import winner

# The eight leaves and the tree hashes of the Certificate Transparency reference tests.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root([]) == hashlib.sha256(b"").digest()


def recursive(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, section 2.1, word for word."""
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + recursive(leaves[:k]) + recursive(leaves[k:])).digest()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_every_leaf_has_a_proof_and_nothing_else_has(
    leaves: list[bytes], data: st.DataObject
) -> None:
    top = root(leaves)
    assert top == recursive(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_proof(leaves, index)
    size = len(leaves)
    assert verify_inclusion(leaves[index], index, size, path, top)
    assert not verify_inclusion(leaves[index] + b"x", index, size, path, top)
    assert not verify_inclusion(leaves[index], size, size, path, top)
    assert not verify_inclusion(leaves[index], -1, size, path, top)
    assert not verify_inclusion(leaves[index], index, size, [*path, bytes(32)], top)
    if path:
        assert not verify_inclusion(leaves[index], index, size, path[:-1], top)
        assert not verify_inclusion(leaves[index], index, size, [b"short"], top)


def test_an_inner_node_cannot_pass_for_a_leaf() -> None:
    inner = leaf_hash(LEAVES[0]) + leaf_hash(LEAVES[1])
    assert root([inner]) != root(LEAVES[:2])


@pytest.mark.parametrize(
    ("proved", "name"),
    [(0, "none"), (999, "none"), (1000, "bronze"), (9999, "bronze"), (10_000, "silver"),
     (100_000, "gold"), (1_000_000, "platinum")],
)  # fmt: skip
def test_levels_are_what_they_say(proved: int, name: str) -> None:
    assert level_of(proved) == name


def test_lift_is_exact_integers_with_its_interval() -> None:
    strong = lift(200, 100, 4)
    assert strong.gain == 480_000
    assert 380_000 < strong.low < 480_000 < strong.high < 580_000
    assert strong.measured
    assert strong.sentence.startswith("+48.0 points")
    none = lift(200, 5, 4)
    assert not none.measured
    assert none.sentence.startswith("no lift")
    assert lift(0, 0, 0) == lift(0, 0, 0)
    assert not lift(50, 0, 30).measured
    assert lift(10, 10, 0).high <= 1_000_000


def test_the_interval_is_that_of_the_formula_in_floats() -> None:
    for total, fixed, broken in ((200, 100, 4), (50, 7, 7), (1000, 3, 40)):
        size, b, c = total + 2, fixed + 0.5, broken + 0.5
        centre = (b - c) / size
        margin = 1.959964 * ((b + c) - (b - c) ** 2 / size) ** 0.5 / size
        found = lift(total, fixed, broken)
        assert abs(found.low - 1e6 * (centre - margin)) < 3
        assert abs(found.high - 1e6 * (centre + margin)) < 3


def test_mcnemar_is_the_exact_binomial() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == 2 / 32
    assert mcnemar(3, 3) == 1.0


candidates = st.builds(
    lambda verdict, training, counts, attempt, size, rejected, number: {
        "answer": number,
        "candidate": hashlib.sha256(str(number).encode()).hexdigest(),
        "source": f"s{number % 3}",
        "verdict": verdict,
        "training": training,
        "basis": "",
        "same": min(counts[0], counts[1]),
        "others": max(counts[0], counts[1]),
        "right": counts[2],
        "wrong": counts[3],
        "attempt": attempt,
        "characters": size,
        "size": size - attempt,
        "all_right": counts[3],
        "all_wrong": counts[2],
        "rejected": rejected,
    },
    st.sampled_from(["proved", "bounded", "tested", "partial", "refuted", "unknown", "error"]),
    st.sampled_from(["allowed", "allowed", "forbidden", "unknown"]),
    st.tuples(*[st.integers(0, 4)] * 4),
    st.integers(0, 2),
    st.integers(10, 13),
    st.sampled_from([None, None, None, "no"]),
    st.integers(1, 10**6),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(candidates, max_size=6, unique_by=lambda c: c["answer"]),
    st.sampled_from([["proved"], ["proved", "bounded"], ["proved", "bounded", "tested"]]),
    st.tuples(*[st.sampled_from([0.1, 0.2, 0.3, 0.5, 1.0])] * 3),
    st.sampled_from(["train", "eval"]),
    st.sampled_from([None, 0, 0.05, 0.2]),
)
def test_the_verifier_s_rule_and_the_workbench_s_choose_the_same(
    standing: list[dict[str, Any]],
    accept: list[str],
    weights: tuple[float, ...],
    split: str,
    margin: float | None,
) -> None:
    from workbench.stages.selection_rule import RULES, apply_rule

    rule = RULES[0] if margin is None else RULES[1]
    policy: dict[str, Any] = {
        "accept": accept,
        "weights": dict(zip(("verification", "agreement", "history"), weights, strict=True)),
    }
    if margin is not None:
        policy["margin"] = margin
    task = {"task": "t", "category": "c", "split": split, "candidates": standing}
    theirs = apply_rule({"rule": rule, "policy": policy, "tasks": [task]})[0]["answer"]
    ours = winner(rule, policy, SelectionRecord.model_validate_json(json.dumps(task)))
    assert (None if ours is None else ours.answer) == theirs


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"accept": ["refuted"], "weights": {"verification": 1, "agreement": 0, "history": 0}},
        {"accept": ["proved"], "weights": {"verification": 0, "agreement": 1, "history": 0}},
        {"accept": "proved", "weights": {"verification": 1, "agreement": 0, "history": 0}},
        {"accept": ["proved"], "weights": {"verification": True, "agreement": 0, "history": 0}},
        {"accept": ["proved"], "weights": [1, 0, 0]},
    ],
)
def test_a_policy_that_cannot_be_is_refused(policy: dict[str, Any]) -> None:
    record = SelectionRecord(task="t", category="c", split="train", candidates=())
    with pytest.raises(CertificateError):
        winner("verified-first/1", policy, record)
    with pytest.raises(CertificateError, match="not known"):
        winner("another/1", policy, record)


def test_one_row_is_shown_with_its_proof_and_nothing_else(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    proof = tmp_path / "row.json"
    proof.write_bytes(prove_row(open_bundle(bundle), 1))
    found = check_row(proof, [key.public])
    assert (found.index, found.rows, found.row["task_id"]) == (1, 2, "t00001")
    assert "t00000" not in proof.read_text()
    good = json.loads(proof.read_text())
    for change in (
        {"index": 0},
        {"row": good["row"].replace("add", "bad")},
        {"path": []},
        {"path": [*good["path"], "0" * 64]},
    ):
        proof.write_text(json.dumps({**good, **change}))
        with pytest.raises(CertificateError) as caught:
            check_row(proof, [key.public])
        assert caught.value.code == "not-included"
    for change in ({"more": 1}, {"index": "1"}, {"path": ["zz"]}, {"envelope": []}):
        proof.write_text(json.dumps({**good, **change}))
        with pytest.raises(CertificateError):
            check_row(proof, [key.public])


def test_a_row_of_a_dataset_that_nobody_signed_is_refused(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    from tests.workbench.certificate.test_attacks_keys import other_key

    sign(bundle, payload_of(bundle), other_key())
    (tmp_path / "row.json").write_bytes(prove_row(open_bundle(bundle), 0))
    with pytest.raises(CertificateError) as caught:
        check_row(tmp_path / "row.json", [key.public])
    assert caught.value.code == "bad-signature"
    with pytest.raises(CertificateError, match="no row 7"):
        prove_row(open_bundle(bundle), 7)


def test_rounds_follow_each_other_and_a_broken_chain_is_named(
    tmp_path: Path, key: SigningKey
) -> None:
    import base64
    from dataclasses import replace

    from tests.workbench.certificate.sample import round_evidence
    from workbench.certificate import issue
    from workbench.certificate.chain import check_chain

    folders = [tmp_path / f"b{number}" for number in (1, 2, 3)]
    identities: list[str] = []
    for number, folder in enumerate(folders, 1):
        evidence = round_evidence(tmp_path / f"r{number}", number=number)
        previous = identities[-1] if identities else None
        identities.append(issue(replace(evidence, previous=previous), key, folder))
    whole = check_chain(folders[::-1], [key.public])
    assert whole.holds
    assert [link.number for link in whole.links] == [1, 2, 3]
    origin, size, top, _ = whole.checkpoint.split("\n")
    assert (origin, size) == ("distillation-workbench/rounds", "3")
    assert base64.b64decode(top) == root([bytes.fromhex(name) for name in identities])
    gap = check_chain([folders[0], folders[2]], [key.public])
    assert not gap.holds
    assert "is not here" in str(gap.links[1].problem)
    (folders[1] / "README.md").write_text("x")
    broken = check_chain(folders, [key.public])
    assert not broken.holds
    assert "Refused" in str(broken.links[0].problem)
    alone = tmp_path / "alone"
    issue(round_evidence(tmp_path / "r9", number=9), key, alone)
    assert check_chain([alone], [key.public]).holds
    unlinked = check_chain([folders[0], alone], [key.public])
    assert "names no certificate" in str(unlinked.links[1].problem)
    with pytest.raises(CertificateError):
        check_chain([], [key.public])
