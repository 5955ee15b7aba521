"""What a verifier demands beyond intactness: his own words, never the certificate's.

A policy is a TOML file; each field is optional and each that is given must hold::

    threshold = 1                    # distinct trusted ed25519 keys that must have signed
    min_round = 3                    # refuse older rounds (a replayed certificate)
    previous = "<64 hex digits>"     # the certificate that must come before; "" for none
    encoders = ["..."]               # judge encoders that are accepted
    solvers = { z3 = ["5.4.0"] }     # versions that are accepted, by solver
    min_level = "bronze"
    require_lift = true
    require_promoted = true
    require_post_quantum = true      # a trusted ML-DSA key must have signed as well
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from workbench.certificate.errors import CertificateError
from workbench.certificate.levels import LEVELS
from workbench.certificate.statement import Predicate
from workbench.certificate.strict import Strict

__all__ = ["Policy", "check_policy", "read_policy"]


class Policy(Strict):
    """A verifier's demands; the defaults demand nothing but one trusted signature."""

    threshold: Annotated[int, Field(ge=1, le=8)] = 1
    min_round: Annotated[int, Field(ge=1)] | None = None
    previous: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] | None = None
    encoders: list[str] | None = None
    solvers: dict[str, list[str]] | None = None
    min_level: Literal["none", "bronze", "silver", "gold", "platinum"] | None = None
    require_lift: bool = False
    require_promoted: bool = False
    require_post_quantum: bool = False


def read_policy(path: Path) -> Policy:
    """Read a policy file; a ``CertificateError`` names what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateError("bad-policy", f"cannot read the policy {path}: {error}") from None
    try:
        return Policy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CertificateError("bad-policy", f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise CertificateError("bad-policy", f"{path}: {field}: {problem['msg']}") from None


def check_policy(policy: Policy, predicate: Predicate) -> str:
    """Check every demand against a statement; return how many were made."""
    demands: list[Callable[[Policy, Predicate], str | None]] = [
        _min_round, _previous, _encoders, _solvers, _min_level, _lift, _promoted,
    ]  # fmt: skip
    for demand in demands:
        if problem := demand(policy, predicate):
            raise CertificateError("policy", problem)
    made = policy.model_fields_set
    return f"demanded: {', '.join(sorted(made))}" if made else "nothing demanded"


def _min_round(policy: Policy, predicate: Predicate) -> str | None:
    if policy.min_round is None or predicate.round.number >= policy.min_round:
        return None
    return f"round {predicate.round.number} is older than round {policy.min_round}"


def _previous(policy: Policy, predicate: Predicate) -> str | None:
    if policy.previous is None or (predicate.round.previous_certificate or "") == policy.previous:
        return None
    named = predicate.round.previous_certificate or "none"
    return f"the certificate before this one is {named}, not {policy.previous or 'none'}"


def _encoders(policy: Policy, predicate: Predicate) -> str | None:
    if policy.encoders is None:
        return None
    strange = sorted(set(predicate.judge.encoders) - set(policy.encoders))
    return f"encoder {strange[0]} is not accepted" if strange else None


def _solvers(policy: Policy, predicate: Predicate) -> str | None:
    for solver in predicate.judge.solvers if policy.solvers is not None else ():
        assert policy.solvers is not None
        if solver.version not in policy.solvers.get(solver.name, []):
            return f"{solver.name} {solver.version} is not accepted"
    return None


def _min_level(policy: Policy, predicate: Predicate) -> str | None:
    order = [name for name, _ in reversed(LEVELS)]
    rank = {"none": -1, **{name: index for index, name in enumerate(order)}}
    if policy.min_level is None or rank[predicate.level.name] >= rank[policy.min_level]:
        return None
    return f"the level is {predicate.level.name}, below {policy.min_level}"


def _lift(policy: Policy, predicate: Predicate) -> str | None:
    if policy.require_lift and not predicate.level.lift:
        return "no lift was measured"
    return None


def _promoted(policy: Policy, predicate: Predicate) -> str | None:
    if policy.require_promoted and predicate.promoted is not True:
        return "the round's student was not promoted"
    return None
