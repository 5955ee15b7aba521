"""What to do next: one sentence and the command that does it, from the state of the home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from workbench.store.views import certificates, rounds


@dataclass(frozen=True, slots=True)
class Step:
    """A sentence for a person and the command line that follows from it."""

    sentence: str
    command: tuple[str, ...]


def next_step(connection: Connection, home: Path) -> Step:
    """Return the step that the home waits for."""
    found = rounds.all_rounds(connection)
    if not found:
        return Step(
            "No round has run here yet. The demo runs a whole one on this machine.",
            ("workbench", "demo"),
        )
    newest = found[0]
    if newest.state == "open":
        return Step(
            f"Round {newest.number} stands after “{newest.stage}”. If nothing is running, go on"
            " where it stopped; nothing is asked or paid for twice.",
            ("workbench", "rounds", "resume", newest.id),
        )
    if newest.state == "stopped":
        return Step(
            f"Round {newest.number} was stopped after “{newest.stage}”. It can go on from there.",
            ("workbench", "rounds", "resume", newest.id),
        )
    certificate = certificates.of_round(connection, newest.id)
    if certificate is not None and certificate.state != "verified":
        return Step(
            f"Check the certificate of round {newest.number} again, obligations included, as a"
            " stranger would.",
            ("workbench", "cert", "verify", str(home / certificate.path), "--recheck"),
        )
    return Step(
        f"Round {newest.number} is finished. Another round starts from the student that stands"
        " now.",
        ("workbench", "rounds", "run", *_fresh(newest)),
    )


def _fresh(newest: rounds.Round) -> tuple[str, ...]:
    """Return what makes the next round another one: other tasks, or the same once more."""
    family = newest.config.get("family")
    if isinstance(family, dict) and isinstance(family.get("seed"), int):
        return ("--seed", str(family["seed"] + 1))
    return ("--again",)
