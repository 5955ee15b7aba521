"""What each check of a verification asks, in its order; the re-check's own are in ``recheck``."""

from __future__ import annotations

__all__ = ["CLAIMS", "TIMESTAMP"]

CLAIMS = {
    "envelope": "The certificate is a DSSE envelope of one payload.",
    "signature": "Enough distinct trusted keys signed exactly this payload.",
    "statement": "The payload is a strict in-toto statement about a distillation round.",
    "policy": "The certificate meets the verifier's own demands.",
    "files": "The files are exactly those that were signed, byte for byte.",
    "adapter": "The adapter is safetensors and configuration, nothing that could run.",
    "evidence": "The evidence is strict, sorted, unique, each row in its one spelling.",
    "identities": "Code, tasks and obligations are what their digests name.",
    "verdicts": "Each verdict is about a known answer and carries what its word needs.",
    "selection": "The stated rule, applied again, chooses exactly the training rows.",
    "dataset": "Each training row teaches the judged code of its winner for its task.",
    "disjoint": "No held-out task is among the training tasks.",
    "evaluation": "Each held-out task has its pair, with the verdicts of the evidence.",
    "training": "The training record is about this dataset, base and adapter.",
    "figures": "Every count, root, level and lift follows from the evidence.",
    "claims": "Claims and their bases are those of the format.",
    "pages": "README.md and report.html say what the evidence says.",
}

TIMESTAMP = "A named authority saw exactly this payload at the time it says."
"""The check that is asked only of whoever names an authority."""
