"""What the notebook façade hands out: values that show themselves, and turn into frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.rendering import badge, block, card, escaped

if TYPE_CHECKING:
    import pandas as pd

    from judge.adequacy import Adequacy
    from judge.contract import Contract
    from judge.verdict import Judgement
    from workbench.store.views.rounds import Outcome, Round

__all__ = ["Assessed", "Judged", "RoundView"]


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """What the judge found about a piece of code; shows the verdict, the reason and the call."""

    judgement: Judgement
    code: str

    @property
    def verdict(self) -> str:
        """The verdict's word."""
        return self.judgement.verdict.word

    @property
    def proved(self) -> bool:
        """Whether it is proved for every input."""
        return self.verdict == "proved"

    def to_record(self) -> dict[str, object]:
        """Return the record that ``workbench judge`` prints."""
        from judge.record import to_record

        return to_record(self.judgement)

    def to_frame(self) -> pd.DataFrame:
        """Return the obligations, one a row."""
        import pandas as pd

        columns = ["kind", "text", "expected", "line", "logic", "digest", "smt2"]
        return pd.DataFrame(
            [[getattr(o, c) for c in columns] for o in self.judgement.obligations],
            columns=columns,
        )

    def __repr__(self) -> str:
        return f"{self.judgement.id}: {self.verdict}. {self.judgement.explanation}"

    def _repr_html_(self) -> str:
        found = self.judgement
        parts = [
            f"<div>{badge(self.verdict)} &nbsp;{escaped(found.explanation)}</div>",
            block(self.code, word=self.verdict),
        ]
        if found.invariants:
            parts.append("<div>Invariants found by the judge</div>")
            parts.append(block("\n".join(found.invariants)))
        if found.obligations:
            lines = "\n".join(f"{o.expected:>5}  {o.kind}: {o.text}" for o in found.obligations)
            parts.append(
                f"<details><summary>{len(found.obligations)} obligations, second solver: "
                f"{escaped(found.recheck.value)}</summary>{block(lines)}</details>"
            )
        if found.findings:
            parts.append(block("\n".join(found.findings)))
        parts.append(
            f'<div style="opacity:0.75">{escaped(found.method)} · {found.cases:,} inputs tried · '
            f"{found.rlimit:,} solver resources · {found.seconds:.2f} s</div>"
        )
        return card(*parts)


@dataclass(frozen=True, slots=True, repr=False)
class Assessed:
    """What an assessment found about a contract; shows the wrong versions that it would accept."""

    found: Adequacy
    signature: str
    contract: Contract

    @property
    def verdict(self) -> str:
        """One of ok, weak, vacuous, bad and unknown."""
        return self.found.verdict

    def to_frame(self) -> pd.DataFrame:
        """Return the survivors, one a row: the change, an input that differs, the code."""
        import pandas as pd

        columns = ["change", "example", "code"]
        return pd.DataFrame(
            [[getattr(s, c) for c in columns] for s in self.found.survivors], columns=columns
        )

    def __repr__(self) -> str:
        return f"{self.signature}: {self.verdict}. {self.found.explanation}"

    def _repr_html_(self) -> str:
        found = self.found
        clauses = [
            *(f"requires  {c}" for c in self.contract.requires),
            *(f"ensures   {c}" for c in self.contract.ensures),
        ]
        parts = [
            f"<div><b>{escaped(self.verdict)}</b> &nbsp;{escaped(found.explanation)}</div>",
            block("\n".join([self.signature, *(f"    {c}" for c in clauses)])),
        ]
        if found.mutants:
            parts.append(
                f"<div>{found.killed} of {found.mutants} mutants killed; {found.equivalent} more "
                "mean the same.</div>"
            )
        for one in found.survivors[:5]:
            parts.append(f"<div>It accepts this wrong version ({escaped(one.change)}):</div>")
            parts.append(block(f"{one.code.rstrip()}\n# differs on {one.example}", word="refuted"))
        return card(*parts)


@dataclass(frozen=True, slots=True, repr=False)
class RoundView:
    """One round and, once it is evaluated, its paired figures."""

    round: Round
    outcome: Outcome | None

    @property
    def id(self) -> str:
        """The round's id, for example ``r1``."""
        return self.round.id

    @property
    def sentence(self) -> str:
        """The round in one sentence."""
        if self.outcome is None:
            return f"Round {self.round.number}: {self.round.stage}, not evaluated yet."
        o = self.outcome
        return (
            f"Round {self.round.number}: {o.before:.0%} → {o.after:.0%} of {o.n} held-out tasks "
            f"{' or '.join(o.counts)} ({o.gain * 100:+.0f} points, 95 % interval "
            f"{o.low * 100:+.0f} to {o.high * 100:+.0f}); {o.fixed} fixed, {o.broken} broken, "
            f"McNemar p = {o.p:.4g}."
        )

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        decision = self.round.decision or "The gate has not decided yet."
        certificate = self.round.certificate_id
        return card(
            f"<div><b>{escaped(self.sentence)}</b></div>",
            f"<div>{escaped(decision)}</div>",
            f'<div style="opacity:0.75">certificate: {escaped(certificate or "none yet")}</div>',
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the paired figures as one row; empty while there are none."""
        from dataclasses import asdict

        import pandas as pd

        return pd.DataFrame([asdict(self.outcome)] if self.outcome is not None else [])
