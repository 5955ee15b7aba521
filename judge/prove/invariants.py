"""Loops by invariants: guess, filter by traces, keep what is inductive, check the goals."""

from __future__ import annotations

from judge.prove.candidates import Guesses
from judge.prove.filtering import survivors
from judge.prove.helper_values import helper_functions
from judge.prove.houdini import Houdini, Tag
from judge.prove.polynomials import polynomials
from judge.prove.result import Proof
from judge.prove.session import Session, check_plan, finish
from judge.prove.syntax import Loops
from judge.prove.termination import measures
from judge.prove.traces import Traces, collect
from judge.symbolic import term as T
from judge.symbolic.function import Derivation
from judge.symbolic.plan import LoopPlan, Mode, Plan
from judge.symbolic.values import Unsupported

ORDERED, POLYNOMIAL = 1, 4
"""The tiers that are for lists that are rearranged, and for laws between numbers."""
HORN = 2
"""After this tier a Horn solver is asked: it finds in little time what it finds at all."""
PATIENCE = 4
"""What is said of pairs of elements is hard to decide, and little else is said in that tier."""


def prove(session: Session, first: Derivation) -> Proof | None:
    """Search for invariants, tier by tier."""
    return search_tiers(session, first, Plan("invariants"))


def search_tiers(session: Session, first: Derivation, base: Plan) -> Proof:
    """Try ever more guesses; ``base`` brings what is already found (a recursion's measure)."""
    loops = Loops(session.candidate)
    traces = collect(session, first.shapes)
    reason = "no invariant was found"
    for tier in range(5):
        guesses = _guesses(session, first, loops, traces, tier)
        if tier == ORDERED and not any(map(_orders, guesses.values())):
            continue
        plan = Plan(base.strategy, guesses, base.measure, base.guarantees)
        with T.fresh_table():
            found = attempt(session, plan, PATIENCE if tier == ORDERED else 1)
        if isinstance(found, Proof):
            return found
        reason = found
        if not session.z3.left:
            reason = "the budget ran out while searching for invariants"
            break
        if tier == HORN and isinstance(asked := _by_horn(session, first, base), Proof):
            return asked
    return Proof(
        "unknown",
        base.strategy,
        reason=reason,
        findings=tuple(session.findings),
        rlimit=session.z3.spent,
    )


def _by_horn(session: Session, first: Derivation, base: Plan) -> Proof | str | None:
    """With the relations that a Horn solver finds, checked like any guess."""
    from judge.prove.horn import relations

    proposed = relations(session, first, base)
    if not any(proposed.values()):
        return None
    loops = {
        key: LoopPlan(tuple(translatable(session, first, key, texts)))
        for key, texts in proposed.items()
    }
    plan = Plan(base.strategy, loops, base.measure, base.guarantees)
    with T.fresh_table():
        return attempt(session, plan)


def _orders(loop: LoopPlan) -> bool:
    """Whether something is said of all elements: in that tier it is about their order."""
    return any("all(" in text for text in loop.invariants)


def _guesses(
    session: Session, first: Derivation, loops: Loops, traces: Traces, tier: int
) -> dict[str, LoopPlan]:
    result = {}
    helpers = helper_functions(session)
    for key, info in first.loops.items():
        snapshots = traces.heads.get(key, [])
        guesser = Guesses(session, info, loops, snapshots)
        second = guesser.second
        texts = (guesser.lean, guesser.ordered, guesser.first, second, second)[tier]()
        if tier == POLYNOMIAL:
            texts = [*polynomials(info, snapshots), *texts]
        kept = survivors(texts, snapshots, helpers)
        result[key] = LoopPlan(tuple(translatable(session, first, key, kept)))
    return result


def translatable(session: Session, first: Derivation, key: str, texts: list[str]) -> list[str]:
    """The guesses that mean something at the loop's head, each meaning once."""
    executor, head = first.executor, first.loops[key].head
    if executor is None or head is None:
        return []
    kept: dict[int, str] = {}
    for text in texts:
        try:
            term = executor.formula(text, head)
        except (Unsupported, RecursionError):
            continue
        if not T.is_true(term) and not T.is_false(term):
            kept.setdefault(term.id, text)
    return list(kept.values())


def attempt(session: Session, plan: Plan, patience: int = 1) -> Proof | str:
    """Houdini over one set of guesses; a proof, or the reason why not."""
    derived = session.derive(plan, Mode(search=True))
    tags: dict[Tag, str] = {
        (key, n): text for key, loop in plan.loops.items() for n, text in enumerate(loop.invariants)
    }
    search = Houdini(session.z3, derived.goals, tags, patience)
    if not search.run():
        return "the budget ran out while searching for invariants"
    failed, used = search.settle(lambda g: g.kind != "termination")
    if failed:
        goal = failed[0]
        where = f" (line {goal.line})" if goal.line is not None else ""
        return f"no invariant was found that shows '{goal.text}'{where}"
    failed, more = search.settle(lambda g: g.kind == "termination")
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
