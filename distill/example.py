"""A training row: the conversation before it, the completion, and where both came from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

Turn = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """One row. ``messages`` are (role, content) turns, ``completion`` the assistant's text.

    ``weight`` is how often a pass sees the row (proof-weighted training); ``rejected`` is the
    losing completion of a preference pair; ``facts`` are what the row rests on (verdict,
    obligations, cost, licence, policy), as plain JSON values.
    """

    id: str
    task_id: str
    messages: tuple[Turn, ...]
    completion: str
    source: str
    weight: float = 1.0
    rejected: str | None = None
    group: str | None = None
    """What must not be on both sides of a split; the task when None."""
    category: str | None = None
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 hex of the row's canonical JSON."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()


def canonical(value: object) -> str:
    """Return ``value`` as JSON that is the same text for the same value everywhere."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
