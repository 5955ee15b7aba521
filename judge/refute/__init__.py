"""Refuting: inputs on which a candidate breaks its contract, replayed in CPython and made small.

Sound, not complete: what is reported was seen to happen; what is not found may still be there.
"""

from judge.refute.minimise import minimise
from judge.refute.oracle import ContractFaultError
from judge.refute.replay import Replay, replay
from judge.refute.search import SearchReport, search

__all__ = ["ContractFaultError", "Replay", "SearchReport", "minimise", "replay", "search"]
