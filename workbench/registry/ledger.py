"""The attribution ledger: who wrote each training example, what that took, and the shares.

Everything follows from a certificate's evidence: tokens, seconds and money are what the answers
record, so they are the signer's word; the arithmetic on them is not. Decimals are exact. A ledger
says who produced what; it moves no money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Annotated

from pydantic import StringConstraints

from workbench.certificate.evidence import AnswerRecord, Count, Name
from workbench.certificate.files import Evidence
from workbench.certificate.strict import Strict

__all__ = ["SHARE_RULE", "Credit", "ExampleCredit", "example_credits", "ledger", "shares"]

SHARE_RULE = "largest-remainder/6"
"""Shares are rows over all rows, cut to six decimals; the millionths that are left go one each to
the largest remainders, equal ones in the order of the sources' ids. So they sum to exactly 1."""

_PARTS = 10**6
_EXACT = Context(prec=60)

Money = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,40}(\.[0-9]{1,18})?$")]
Share = Annotated[str, StringConstraints(pattern=r"^[01]\.[0-9]{6}$")]


class Credit(Strict):
    """One source's part in a round. Sums are over all its answers, not only those that won."""

    answers: Count
    cost: Money
    """US dollars, the sum of the answers that have a price."""
    input_tokens: Count
    kind: Name
    model: str
    output_tokens: Count
    provider: str
    rows: Count
    """Training examples whose code it wrote."""
    seconds: Money
    share: Share
    source: Name
    unpriced: Count
    """Answers whose price nobody knows."""


class ExampleCredit(Strict):
    """Who wrote one training example. None means that the answer does not say."""

    answer: Count
    cost: str | None
    input_tokens: Count | None
    output_tokens: Count | None
    row: Count
    """Counted from 0, as in ``cert prove-row``."""
    seconds: str | None
    source: Name
    task: Name


def ledger(evidence: Evidence) -> tuple[Credit, ...]:
    """Return every source that answered, by id, with its rows and share."""
    rows = Counter(evidence.answers[number].source for number in evidence.examples)
    parts = shares({name: rows[name] for name in evidence.sources})
    answers: dict[str, list[AnswerRecord]] = {name: [] for name in evidence.sources}
    for answer in evidence.answers.values():
        answers[answer.source].append(answer)
    return tuple(
        Credit(
            answers=len(answers[name]),
            cost=_sum(answer.cost for answer in answers[name]),
            input_tokens=sum(answer.input_tokens or 0 for answer in answers[name]),
            kind=source.kind,
            model=source.model,
            output_tokens=sum(answer.output_tokens or 0 for answer in answers[name]),
            provider=source.provider,
            rows=rows[name],
            seconds=_sum(answer.seconds for answer in answers[name]),
            share=parts[name],
            source=name,
            unpriced=sum(answer.cost is None for answer in answers[name]),
        )
        for name, source in sorted(evidence.sources.items())
    )


def example_credits(evidence: Evidence) -> tuple[ExampleCredit, ...]:
    """Return who wrote each training row, in the order of the rows."""
    found: list[ExampleCredit] = []
    for row, number in enumerate(evidence.examples):
        answer = evidence.answers[number]
        found.append(
            ExampleCredit(
                answer=number,
                cost=answer.cost,
                input_tokens=answer.input_tokens,
                output_tokens=answer.output_tokens,
                row=row,
                seconds=answer.seconds,
                source=answer.source,
                task=answer.task,
            )
        )
    return tuple(found)


def shares(counts: Mapping[str, int]) -> dict[str, str]:
    """Return each count's share of their sum by ``SHARE_RULE``; all zero when the sum is."""
    total = sum(counts.values())
    if not total:
        return dict.fromkeys(counts, "0.000000")
    cut = {name: divmod(count * _PARTS, total) for name, count in counts.items()}
    left = _PARTS - sum(whole for whole, _ in cut.values())
    favoured = set(sorted(cut, key=lambda name: (-cut[name][1], name))[:left])
    return {
        name: f"{Decimal(whole + (name in favoured)).scaleb(-6):.6f}"
        for name, (whole, _) in cut.items()
    }


def _sum(texts: Iterable[str | None]) -> str:
    total = Decimal(0)
    for text in texts:
        if text is not None:
            total = _EXACT.add(total, Decimal(text))
    return f"{total:f}"
