"""Loops by invariants: guess, filter by traces, keep what is inductive, check the goals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from judge.prove.candidates import Guesses
from judge.prove.filtering import survivors
from judge.prove.helper_values import helper_functions
from judge.prove.houdini import Houdini, Needed, Tag
from judge.prove.result import Proof
from judge.prove.session import Session, check_plan, finish
from judge.prove.subsumption import news, strongest
from judge.prove.syntax import Loops
from judge.prove.termination import measures
from judge.prove.traces import collect
from judge.symbolic import term as T
from judge.symbolic.function import Derivation
from judge.symbolic.plan import LoopPlan, Mode, Plan
from judge.symbolic.values import Unsupported

PATIENCE = 4
"""What is said of pairs of elements is hard to decide, and little else is said in that tier."""

Found = dict[str, dict[str, None]]
"""Texts by loop, in order."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One round of the search: which guesses, and how patient."""

    texts: Callable[[Guesses], list[str]]
    patience: int = 1


TIERS = (
    Tier(Guesses.lean),
    Tier(Guesses.plain),
    Tier(Guesses.regional, PATIENCE),
    Tier(Guesses.ordered, PATIENCE),
    Tier(Guesses.first),
    Tier(Guesses.second),
    Tier(Guesses.again, 2),
    Tier(Guesses.polynomial),
)
HORN = 4
"""After this tier a Horn solver is asked: it finds in little time what it finds at all."""


@dataclass(slots=True)
class Progress:
    """What the tiers so far have found: inductive guesses, and what each goal needed of them."""

    found: Found = field(default_factory=dict)
    needed: Needed = field(default_factory=dict)
    tried: set[tuple[str, str, int]] = field(default_factory=set)

    def news(self, fresh: dict[str, list[str]]) -> bool:
        """Whether some guess was not tried yet beside as much as is found now."""
        size = sum(map(len, self.found.values()))
        asked = {(key, text, size) for key, texts in fresh.items() for text in texts}
        some = not asked <= self.tried
        self.tried |= asked
        return some


def prove(session: Session, first: Derivation) -> Proof | None:
    """Search for invariants, tier by tier."""
    return search_tiers(session, first, Plan("invariants"))


def search_tiers(session: Session, first: Derivation, base: Plan) -> Proof:
    """Try ever more guesses; ``base`` brings what is already found (a recursion's measure).

    What one tier finds inductive the next ones assume and do not ask again.
    """
    loops = Loops(session.candidate)
    traces = collect(session, first.shapes)
    helpers = helper_functions(session)
    guessers = {
        key: Guesses(session, info, loops, traces.heads.get(key, []))
        for key, info in first.loops.items()
    }
    progress = Progress({key: {} for key in guessers})
    reason = "no invariant was found"
    for number, tier in enumerate((Tier(Guesses.hinted), *TIERS) if session.hints else TIERS):
        fresh = {}
        for key, guesser in guessers.items():
            known = progress.found[key]
            texts = [t for t in dict.fromkeys(tier.texts(guesser)) if t not in known]
            kept = survivors(news(texts, known), guesser.snapshots, helpers)
            fresh[key] = translatable(session, first, key, kept, known)
        found: Proof | str | None = None
        if not number or progress.news(fresh):
            with T.fresh_table():
                found = attempt(session, base, progress, fresh, tier.patience)
        if tier is TIERS[HORN] and not isinstance(found, Proof) and session.z3.left:
            found = _by_horn(session, first, base, progress) or found
        if isinstance(found, Proof):
            return found
        reason = found or reason
        if not session.z3.left:
            reason = "the budget ran out while searching for invariants"
            break
    return Proof(
        "unknown",
        base.strategy,
        reason=reason,
        findings=tuple(session.findings),
        rlimit=session.z3.spent,
    )


def _by_horn(
    session: Session, first: Derivation, base: Plan, progress: Progress
) -> Proof | str | None:
    """With the relations that a Horn solver finds, checked like any guess."""
    from judge.prove.horn import relations

    proposed = relations(session, first, base)
    if not any(proposed.values()):
        return None
    fresh = {
        key: translatable(session, first, key, proposed.get(key, []), known)
        for key, known in progress.found.items()
    }
    with T.fresh_table():
        return attempt(session, base, progress, fresh, 1)


def translatable(
    session: Session, first: Derivation, key: str, texts: list[str], found: Iterable[str] = ()
) -> list[str]:
    """The guesses that mean something at the head, each meaning once, and none of ``found``."""
    executor, head = first.executor, first.loops[key].head
    if executor is None or head is None:
        return []
    kept: dict[int, str] = {}
    for text in [*found, *texts]:
        try:
            term = executor.formula(text, head)
        except (Unsupported, RecursionError):
            continue
        if not term.bound and not T.is_true(term) and not T.is_false(term):
            kept.setdefault(term.id, text)
    known = set(found)
    return [text for text in kept.values() if text not in known]


def attempt(
    session: Session, base: Plan, progress: Progress, fresh: dict[str, list[str]], patience: int
) -> Proof | str:
    """Houdini over new guesses beside what is found; a proof, or the reason why not."""
    texts = {key: [*progress.found[key], *fresh[key]] for key in fresh}
    loops = {key: LoopPlan(tuple(found)) for key, found in texts.items()}
    plan = Plan(base.strategy, loops, base.measure, base.guarantees)
    derived = session.derive(plan, Mode(search=True))
    tags: dict[Tag, str] = {
        (k, n): text for k, all_of in texts.items() for n, text in enumerate(all_of)
    }
    settled = frozenset((k, n) for k in texts for n in range(len(progress.found[k])))
    search = Houdini(session.z3, derived.goals, tags, patience, settled)
    if not search.run():
        return "the budget ran out while searching for invariants"
    for key in texts:
        kept = [text for (k, _), text in search.active.items() if k == key]
        progress.found[key] = dict.fromkeys(strongest(kept))
    open_one, used = search.settle(lambda g: g.kind != "termination", progress.needed)
    if open_one is not None:
        where = f" (line {open_one.line})" if open_one.line is not None else ""
        return f"no invariant was found that shows '{open_one.text}'{where}"
    more = search.shown(lambda g: g.kind == "termination")
    final, extra = measures(session, derived, search)
    needed = search.closure(used | more | extra)
    return _final(session, plan, final, needed, search)


def _final(
    session: Session,
    plan: Plan,
    found: dict[str, str],
    needed: set[Tag],
    search: Houdini,
) -> Proof | str:
    """Check the finished plan by its texts; on surprise, with all invariants instead of few."""
    for tags in (needed, set(search.active)):
        loops = {
            key: LoopPlan(
                tuple(t for n, t in enumerate(loop.invariants) if (key, n) in tags),
                found.get(key),
            )
            for key, loop in plan.loops.items()
        }
        final = Plan(plan.strategy, loops, plan.measure, plan.guarantees)
        checked = check_plan(session, final)
        if not checked.failed:
            return finish(session, final, checked)
    one = checked.failed[0][0]
    return f"the obligation '{one.text}' is out of reach within the budget"
