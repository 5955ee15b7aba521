"""Houdini: from many guessed invariants to the largest inductive set among them.

One symbolic run serves the whole search: every guess stands behind a switch, a guess that a model
breaks is switched off, and what remains when nothing breaks any more is inductive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from judge.obligation import flatten, script, symbol
from judge.prove.solver import Z3, Answer
from judge.symbolic import term as T
from judge.symbolic.execute import Goal
from judge.symbolic.loops import indicator
from judge.symbolic.term import Term

Tag = tuple[str, int]
Needed = dict[int, frozenset[tuple[str, str]]]
"""The guesses, as (loop, text), that each goal needed, by its number."""

GROUP_LIMIT = 150_000
SINGLE_LIMIT = 40_000
GOAL_LIMIT = 1_500_000
MAX_OTHERS = 6
AGAIN_LIMIT = 300_000
MAX_ROUNDS = 120


def _weight(text: str) -> int:
    """Arithmetic on floats is decided bit by bit, which costs several times as much."""
    return 6 if "fp.add" in text or "fp.sub" in text else 1


def _quantified(term: Term) -> bool:
    return any(t.op in ("forall", "exists") for t in T.subterms([term]))


@dataclass(slots=True)
class Group:
    """Goals under the same facts, in one incremental solver."""

    facts: tuple[Term, ...]
    goals: list[Goal]
    text: str = ""
    flags: dict[Tag, Any] = field(default_factory=dict)
    alone: dict[int, str] = field(default_factory=dict)
    """The texts of single goals, by their claims."""


class Houdini:
    """The search over one derivation's goals."""

    def __init__(
        self,
        z3: Z3,
        goals: list[Goal],
        tags: dict[Tag, str],
        patience: int = 1,
        settled: frozenset[Tag] = frozenset(),
    ) -> None:
        self.z3 = z3
        self.patience = patience
        """By how much the limits of its questions are raised."""
        self.active: dict[Tag, str] = dict(tags)
        self.settled = settled
        """Guesses that an earlier search found inductive together: assumed, not asked again."""
        self.switches = {tag: z3.boolean(symbol(str(indicator(*tag).args[0]))) for tag in tags}
        groups: dict[tuple[int, ...], Group] = {}
        self.rest: list[Goal] = []
        for goal in goals:
            if goal.tag is None:
                self.rest.append(goal)
                continue
            key = tuple(f.id for f in goal.facts)
            groups.setdefault(key, Group(goal.facts, [])).goals.append(goal)
        self.groups = list(groups.values())
        self.quantified = {
            g.tag for group in self.groups for g in group.goals if _quantified(g.claim)
        }
        self.texts: dict[Tag, str] = dict(tags)

    # ------------------------------------------------------------ inductive set

    def run(self) -> bool:
        """Switch off until inductive; False when the budget ran out first."""
        for _ in range(MAX_ROUNDS):
            changed = False
            for group in self.groups:
                while self._weaken(group):
                    changed = True
                    if not self.z3.left:
                        return False
            if not changed:
                return True
        return False

    def _open(self, group: Group) -> list[Goal]:
        """The goals of the group's guesses that are neither dropped nor settled."""
        return [g for g in group.goals if g.tag in self.active and g.tag not in self.settled]

    def _prepare(self, group: Group) -> None:
        assertions = list(group.facts)
        for n, goal in enumerate(self._open(group)):
            assert goal.tag is not None
            name = f"goal {n}"
            flag = T.var(name, T.BOOL)
            refuted = T.not_(goal.claim)
            link = T.or_(flag, refuted) if _quantified(goal.claim) else T.iff(flag, goal.claim)
            assertions.append(link)
            group.flags[goal.tag] = self.z3.boolean(symbol(name))
        group.text = script(flatten(assertions))

    def _assumptions(self) -> list[Any]:
        return [s for tag, s in self.switches.items() if tag in self.active]

    def _few(self, tag: Tag) -> list[Any]:
        """Assume of this loop's quantified guesses the one in question only."""
        return [
            s
            for t, s in self.switches.items()
            if t in self.active and (t == tag or t[0] != tag[0] or t not in self.quantified)
        ]

    def _sets(self, tag: Tag) -> Iterator[list[Any]]:
        """What to assume when one guess is asked for: all, few, and few with one other."""
        yield self._assumptions()
        few = self._few(tag)
        yield few
        others = [t for t in self.active if t[0] == tag[0] and t != tag and t in self.quantified]
        if tag in self.quantified and len(others) <= MAX_OTHERS:
            yield from ([*few, self.switches[t]] for t in others)

    def _weaken(self, group: Group) -> bool:
        """Drop what one model breaks; whether anything was dropped."""
        alive = [g.tag for g in self._open(group) if g.tag is not None]
        if not alive:
            return False
        if not group.text:
            self._prepare(group)
        z = self.z3.z3
        # A solver of its own for each question: one that is asked again after a cancelled answer
        # may overrun its limit by far.
        solver = self.z3.solver(group.text)
        solver.add(z.Or([z.Not(group.flags[tag]) for tag in alive]))
        answer = self.z3.check(
            solver, self.patience * _weight(group.text) * GROUP_LIMIT, self._assumptions()
        )
        model = self.z3.model
        if answer == "unsat":
            return False
        dropped = []
        if answer == "sat":
            dropped = [
                tag
                for tag in alive
                if z.is_false(model.eval(group.flags[tag], model_completion=False))
            ]
        if not dropped:
            dropped = self._one_by_one(group, alive)
        for tag in dropped:
            del self.active[tag]
        return bool(dropped)

    def _one_by_one(self, group: Group, alive: list[Tag]) -> list[Tag]:
        """When the whole is too hard: keep what can be shown alone.

        What a model breaks goes first. Of what nobody can decide only the later half goes, since
        the rest may be shown when less is assumed beside it.
        """
        open_ones: list[Tag] = []
        for goal in group.goals:
            tag = goal.tag
            if tag is None or tag not in alive:
                continue
            # The goal's own text: what the other goals would add only makes it harder.
            if goal.claim.id not in group.alone:
                group.alone[goal.claim.id] = script(flatten([*group.facts, T.not_(goal.claim)]))
            answer: Answer = "unknown"
            for number, assumed in enumerate(self._sets(tag)):
                solver = self.z3.solver(group.alone[goal.claim.id])
                answer = self.z3.check(
                    solver, self.patience * _weight(group.text) * SINGLE_LIMIT, assumed
                )
                if answer == "sat" and not number:
                    return [tag]
                if answer == "unsat":
                    break
            if answer != "unsat":
                open_ones.append(tag)
        return open_ones[len(open_ones) // 2 :]

    # ------------------------------------------------------------ the goals proper

    def settle(
        self, wanted: Callable[[Goal], bool], before: Needed | None = None
    ) -> tuple[Goal | None, set[Tag]]:
        """Check untagged goals: (the first that fails, the invariants that the others needed).

        ``before`` says by their number which guesses the goals of an earlier search needed; that is
        tried first, and what is found is written there.
        """
        used = set[Tag]()
        known = {} if before is None else before
        tags = {(tag[0], text): tag for tag, text in self.active.items()}
        for number, goal in enumerate(self.rest):
            if not wanted(goal):
                continue
            assertions = [*goal.facts, T.not_(goal.claim)]
            core = None
            if number in known and known[number] <= tags.keys():
                core = self.core(assertions, AGAIN_LIMIT, {tags[t] for t in known[number]})
            if core is None:
                core = self.core(assertions)
            if core is None:
                return goal, used
            known[number] = frozenset((t[0], self.texts[t]) for t in core)
            used |= core
        return None, used

    def shown(self, wanted: Callable[[Goal], bool]) -> set[Tag]:
        """What those of the untagged goals need that hold."""
        used = set[Tag]()
        for goal in filter(wanted, self.rest):
            used |= self.core([*goal.facts, T.not_(goal.claim)]) or set()
        return used

    def core(
        self,
        assertions: list[Term],
        limit: int = GOAL_LIMIT,
        only: set[Tag] | None = None,
    ) -> set[Tag] | None:
        """The switches that an unsatisfiability needs, or None when it is not found.

        ``only`` are the guesses to assume, where not all that hold.
        """
        text = script(flatten(assertions))
        assumptions = (
            self._assumptions() if only is None else [self.switches[t] for t in sorted(only)]
        )
        for simple, most in ((True, min(limit, 500_000)), (False, limit)):
            solver = self.z3.solver(text, simple=simple)
            answer = self.z3.check(solver, most, assumptions)
            if answer == "unsat":
                names = {str(s) for s in solver.unsat_core()}
                return {t for t, s in self.switches.items() if str(s) in names}
            if answer == "sat" or not self.z3.left:
                break
        return None

    def closure(self, used: set[Tag]) -> set[Tag]:
        """The invariants that ``used`` needs to be inductive, with all that these need."""
        needed, todo = set(used), list(used)
        while todo:
            tag = todo.pop()
            for group in self.groups:
                for goal in group.goals:
                    if goal.tag != tag:
                        continue
                    core = self.core([*goal.facts, T.not_(goal.claim)])
                    extra = set(self.active) if core is None else core
                    for other in sorted(extra - needed):
                        needed.add(other)
                        todo.append(other)
        return needed
