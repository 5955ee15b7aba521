"""What a certificate claims, and what each claim rests on. The list is part of the format.

``recheckable``: anybody with the bundle finds out, with a CPU and minutes. ``reproducible``: it
takes the model or hardware. ``asserted``: the signer's word and nothing more. A verifier refuses
a certificate whose list differs, so no signer can call his word a recheckable fact.
"""

from __future__ import annotations

from workbench.certificate.statement import Claim

__all__ = ["LIMITS", "claims"]

LIMITS = (
    "A proof covers the contract that the task states, not what somebody may have meant by it.",
    "Proofs assume enough memory, time and stack; the assumptions of each are in its verdict.",
    "Verdicts of bounded and tested hold for the inputs that were looked at, and no others.",
    "Unknown is not proof: such candidates are counted apart and never as right.",
    "Held-out tasks show what this student does on tasks like them, nothing wider.",
)
"""What no certificate of this format says; a round may add sentences."""

_ALWAYS = (
    ("integrity", "Every file is the one that was signed.", "recheckable", "files"),
    ("grammar", "Every obligation is plain SMT-LIB within a strict grammar.", "recheckable",
     "recheck-grammar"),
    ("derivation", "Each proved, partial or bounded verdict rests on exactly the obligations that "
     "its code, its task's contract and its plan give.", "recheckable", "recheck-derivation"),
    ("proofs", "Each obligation has its expected answer from Z3 and from cvc5, preconditions are "
     "satisfiable.", "recheckable", "recheck-solvers"),
    ("counterexamples", "Each refuted candidate fails when it is run on its counterexample.",
     "recheckable", "recheck-counterexamples"),
    ("tests", "Each winner passes the tests of its task.", "recheckable", "recheck-tests"),
    ("selection", "The training rows are exactly the winners that the stated rule chooses.",
     "recheckable", "selection"),
    ("dataset", "Each training row teaches the judged code of its winner for its task.",
     "recheckable", "dataset"),
    ("disjoint", "No held-out task is among the training rows.", "recheckable", "disjoint"),
    ("evaluation", "The figures of the evaluation follow from its rows.", "recheckable",
     "evaluation"),
    ("chain", "It follows the certificate that it names; with that one's bundle beside this, "
     "workbench cert chain shows it.", "asserted", None),
    ("agreement", "The counts of agreeing sources and of earlier successes that order the "
     "winners.", "asserted", None),
    ("authors", "Each answer was written by the source it names.", "asserted", None),
    ("terms", "The terms of each source allow training as stated.", "asserted", None),
    ("time", "Issued, started and finished when stated.", "asserted", None),
)  # fmt: skip

_FIRST = (
    "chain", "It is the first of its rounds: it names no certificate before it.", "asserted", None,
)  # fmt: skip

_FILTERED = (
    "selection", "The training rows are the winners that the stated rule chooses, less those that "
    "a filter took out; each of these is recorded with its reason.", "recheckable", "selection",
)  # fmt: skip

_WITH_EVALUATION = (
    ("held-out-answers", "The base and the student give these answers to the held-out tasks.",
     "reproducible", None),
)  # fmt: skip

_WITH_TRAINING = (
    ("training-data", "The training record names the dataset in this bundle.", "recheckable",
     "training"),
    ("training", "Training with this configuration on this dataset gives a student like this one; "
     "not bit for bit on other hardware.", "reproducible", None),
    ("adapter-origin", "This adapter is what that training gave.", "asserted", None),
)  # fmt: skip


def claims(*, trained: bool, evaluated: bool, filtered: bool, first: bool) -> tuple[Claim, ...]:
    """Return the claims of a certificate for a round that did or did not do these things.

    ``first`` is whether it names no certificate before it.
    """
    others: dict[str, tuple[str, str, str, str | None]] = {}
    if filtered:
        others["selection"] = _FILTERED
    if first:
        others["chain"] = _FIRST
    rows = [others.get(row[0], row) for row in _ALWAYS]
    if evaluated:
        rows += _WITH_EVALUATION
    if trained:
        rows += _WITH_TRAINING
    return tuple(
        Claim.model_validate({"id": name, "text": text, "basis": basis, "check": check})
        for name, text, basis, check in rows
    )
