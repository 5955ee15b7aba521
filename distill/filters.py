"""Which rows stay in a dataset: a declared list of rules, applied in order, with a funnel.

Every rule says how many rows came in and went out, and for each removed row why, so that a removal
can be looked at and taken back. Rules that need more than the rows (proofs, runs, a model) get it
through ``Tools``; this file knows no judge and no store.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distill.dedupe import Duplicate, exact, near
from distill.errors import DistillError
from distill.example import Example
from distill.filter_config import (
    ContaminationRule,
    EmbeddingRule,
    ExactRule,
    Filters,
    LengthRule,
    LicenceRule,
    NearRule,
    PersonalRule,
    Rule,
    RungRule,
    ScoreRule,
    SecretsRule,
    SemanticRule,
    TruncationRule,
)
from distill.names import prose
from distill.privacy import personal, secrets

Reasons = dict[int, str]
"""Place of a row among those that came in -> why it goes."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A row that a rule took out."""

    id: str
    task_id: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rule at work: rows in, rows out, and what it took."""

    rule: str
    settings: Mapping[str, Any]
    before: int
    removed: tuple[Removal, ...]

    @property
    def after(self) -> int:
        """Rows that went on."""
        return self.before - len(self.removed)


@dataclass(frozen=True, slots=True)
class Filtered:
    """What stayed, in order, and the funnel."""

    rows: tuple[Example, ...]
    steps: tuple[Step, ...]

    @property
    def removed(self) -> tuple[Removal, ...]:
        """Every removal, in the order of the rules."""
        return tuple(one for step in self.steps for one in step.removed)


@dataclass(frozen=True, slots=True)
class Tools:
    """What rules borrow from whoever has a judge or a model.

    ``semantic`` returns rows that are the same function as an earlier one; ``contaminated`` gives
    place -> the protected item a row meets, and how.
    """

    semantic: Callable[[Sequence[Example]], Sequence[Duplicate]] | None = None
    contaminated: Callable[[Sequence[Example], ContaminationRule], Reasons] | None = None


@dataclass(frozen=True, slots=True)
class _Bench:
    tools: Tools
    rows: Sequence[Example] = field(default=())


def run_filters(
    examples: Sequence[Example],
    filters: Filters,
    *,
    tools: Tools | None = None,
    kept: Mapping[str, str] | None = None,
) -> Filtered:
    """Apply ``filters`` in order. Rows whose id is in ``kept`` stay: a person restored them.

    Raises ``DistillError`` when a rule needs a tool or package that is not there.
    """
    rows = list(examples)
    steps: list[Step] = []
    kept = kept or {}
    for rule in filters.filter:
        reasons = _reasons(rule, rows, tools or Tools())
        reasons = {place: why for place, why in reasons.items() if rows[place].id not in kept}
        removed = tuple(
            Removal(rows[place].id, rows[place].task_id, rule.rule, reasons[place])
            for place in sorted(reasons)
        )
        steps.append(Step(rule.rule, rule.settings, len(rows), removed))
        rows = [row for place, row in enumerate(rows) if place not in reasons]
    return Filtered(tuple(rows), tuple(steps))


def _reasons(rule: Rule, rows: Sequence[Example], tools: Tools) -> Reasons:
    if isinstance(rule, ExactRule | NearRule | EmbeddingRule | SemanticRule):
        return _duplicates(rule, rows, tools)
    if isinstance(rule, ContaminationRule):
        if tools.contaminated is None:
            raise DistillError("the rule contamination needs a judge; apply it in the workbench")
        return tools.contaminated(rows, rule)
    found = ((place, _alone(rule, row)) for place, row in enumerate(rows))
    return {place: why for place, why in found if why is not None}


def _duplicates(
    rule: ExactRule | NearRule | EmbeddingRule | SemanticRule,
    rows: Sequence[Example],
    tools: Tools,
) -> Reasons:
    found: Sequence[Duplicate]
    if isinstance(rule, ExactRule):
        found = exact(rows)
    elif isinstance(rule, NearRule):
        found = near(rows, threshold=rule.threshold)
    elif isinstance(rule, EmbeddingRule):
        from distill.embedding import alike

        found = alike(rows, rule.model, threshold=rule.threshold)
    else:
        if tools.semantic is None:
            raise DistillError("the rule semantic needs a judge; apply it in the workbench")
        found = tools.semantic(rows)
    return {one.index: one.sentence(rows[one.kept]) for one in found}


def _alone(rule: Rule, row: Example) -> str | None:
    """Return why ``row``, looked at for itself, goes; None when it stays."""
    facts = row.facts
    if isinstance(rule, RungRule):
        verdict = facts.get("verdict")
        return None if verdict in rule.accept else f"{verdict}; accepted: {', '.join(rule.accept)}"
    if isinstance(rule, ScoreRule):
        score = facts.get("score")
        if not isinstance(score, int | float):
            return "it has no score"
        return None if score > rule.above else f"score {score:.3f}; wanted: above {rule.above:g}"
    if isinstance(rule, TruncationRule):
        return _truncated(row)
    if isinstance(rule, LicenceRule):
        licence = facts.get("licence")
        return None if licence in rule.allow else f"licence {licence}; {', '.join(rule.allow)}"
    if isinstance(rule, LengthRule):
        return _length(rule, row)
    ask, answer = row.messages[-1][1], row.completion
    if isinstance(rule, SecretsRule):
        found = secrets(f"{ask}\n{answer}")
    else:
        assert isinstance(rule, PersonalRule)
        found = personal(f"{ask}\n{answer}")
        if rule.names is not None:
            found += personal(f"{ask}\n{prose(answer)}", names=rule.names)
    return "; ".join(dict.fromkeys(one.sentence for one in found)) or None


def _truncated(row: Example) -> str | None:
    if row.facts.get("finish", "stop") != "stop":
        return f"the answer ended with {row.facts['finish']!r}"
    try:
        ast.parse(row.completion)
    except (SyntaxError, ValueError) as error:
        return f"the code does not parse ({error.args[0]})"
    return None


def _length(rule: LengthRule, row: Example) -> str | None:
    asked, answered = sum(len(text) for _, text in row.messages), len(row.completion)
    if not rule.least <= answered <= rule.most:
        return f"an answer of {answered} characters; wanted: {rule.least} to {rule.most}"
    if asked > rule.most_prompt:
        return f"a prompt of {asked} characters; at most {rule.most_prompt}"
    return None
