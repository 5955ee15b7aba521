"""The judge: (code, contract) to verdict. A library that knows no database and no command line.

Importing it is cheap: solvers, sandbox and pool are loaded when they are first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from judge.adequacy import Adequacy, Specimen, assess, assess_many
    from judge.contract import Budget, Case, Contract, Submission
    from judge.front import prove
    from judge.pool import judge, judge_many
    from judge.reading.forms import submissions_from_source
    from judge.reading.lines import BadLine, read_submissions
    from judge.record import to_record
    from judge.score import Score, Weights, score_terms
    from judge.verdict import Counterexample, Identity, Judgement, Obligation, Recheck, Verdict

__all__ = [
    "Adequacy",
    "BadLine",
    "Budget",
    "Case",
    "Contract",
    "Counterexample",
    "Identity",
    "Judgement",
    "Obligation",
    "Recheck",
    "Score",
    "Specimen",
    "Submission",
    "Verdict",
    "Weights",
    "assess",
    "assess_many",
    "judge",
    "judge_many",
    "prove",
    "read_submissions",
    "score_terms",
    "submissions_from_source",
    "to_record",
]

_HOMES = {
    "judge.adequacy": ("Adequacy", "Specimen", "assess", "assess_many"),
    "judge.contract": ("Budget", "Case", "Contract", "Submission"),
    "judge.pool": ("judge", "judge_many"),
    "judge.reading.forms": ("submissions_from_source",),
    "judge.reading.lines": ("BadLine", "read_submissions"),
    "judge.record": ("to_record",),
    "judge.score": ("Score", "Weights", "score_terms"),
    "judge.verdict": (
        "Counterexample", "Identity", "Judgement", "Obligation", "Recheck", "Verdict"
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


class _Prover(ModuleType):
    """The package ``judge.prove``, which can also be called: ``judge.prove(code, contract)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from judge.front import prove

        return prove(*args, **kwargs)


class _Package(ModuleType):
    """This package; it makes its sub-package ``prove`` callable however that is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "prove" and isinstance(value, ModuleType):
            value.__class__ = _Prover
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name == "prove":
        return importlib.import_module("judge.prove")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'judge' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
