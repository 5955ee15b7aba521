"""Merkle trees as in RFC 6962: roots, inclusion proofs and their check. Leaves are raw bytes.

A leaf is hashed with prefix 0x00 and a node with 0x01, and an unbalanced tree is split at the
largest power of two: no leaf can pass for a node, and no leaf counts twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["inclusion_proof", "leaf_hash", "root", "root_of", "verify_inclusion"]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree hash of ``leaves``; of none it is the hash of the empty string."""
    return root_of(list(map(leaf_hash, leaves)))


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the tree hash over leaves that are hashed already."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    sha256 = hashlib.sha256
    level = list(hashes)
    while len(level) > 1:
        # Pairing from the left and carrying an odd last one up equals the RFC's recursive split.
        joined = map(b"\x01%b%b".__mod__, zip(level[::2], level[1::2], strict=False))
        paired = [sha256(node).digest() for node in joined]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf ``index``, nearest sibling first (RFC 6962, 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    path: list[bytes] = []
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level, index = paired, index // 2
    return path


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes
) -> bool:
    """Check an audit path against a root (the algorithm of RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(step) != 32 for step in path):
        return False
    node, last, here = leaf_hash(leaf), size - 1, index
    for step in path:
        if last == 0:
            return False
        if here % 2 or here == last:
            node = _node(step, node)
            while here % 2 == 0 and here:
                here, last = here // 2, last // 2
        else:
            node = _node(node, step)
        here, last = here // 2, last // 2
    return last == 0 and node == expected
