"""A differential fuzzer: random programs of the subset, our semantics against CPython's.

Each program runs in CPython on a few inputs. The machine must agree on literal inputs (value or
exception), and the prover, told the input by a precondition, must never prove a wrong result nor
refute the right one. Random contracts are put to it as well: what it proves is attacked, what it is
certain to refute must replay, and what one solver proves the other must not deny. One program in
eight goes through the engine of paths. The programs are the fuzzer's own; they are harmless and run
in this process.

    python -m tests.judge.fuzz --seconds 60 --seed 1
"""

from __future__ import annotations

import argparse
import copy
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from benchmarks._judge_engines import cpu_seconds
from judge.contract import Budget, Contract
from judge.plain import same
from judge.prove import Proof, prove
from judge.prove.traces import NotPlain, from_value, to_value
from judge.recheck import check
from judge.subset import read
from judge.symbolic import term as T
from judge.symbolic.function import derivation
from judge.symbolic.machine import VAGUE
from judge.symbolic.plan import Mode, Plan
from judge.symbolic.values import Unsupported
from judge.verdict import Recheck
from tests.judge.attack import (
    MACHINE,
    Claim,
    Inputs,
    Limited,
    Target,
    TimeUpError,
    assault,
    limit_memory,
)
from tests.judge.grammar import Grammar
from tests.judge.grammar_small import Generator
from tests.judge.shrink import shrunk

RESOURCES = (MemoryError, RecursionError, TimeUpError)
BUDGET = Budget(rlimit=1_500_000)
SAMPLES = 4
MACHINE_SECONDS = 10.0
"""CPU time of one run of the machine on literals; more is a defect like a wrong answer."""


@dataclass(frozen=True)
class Finding:
    """One disagreement."""

    what: str
    code: str
    args: tuple[object, ...]

    def __str__(self) -> str:
        return f"{self.what}\nargs = {self.args!r}\n{self.code}"


@dataclass(frozen=True)
class Program:
    """A random function with inputs, and what CPython says of each."""

    code: str
    inputs: tuple[tuple[object, ...], ...]
    outcomes: tuple[tuple[str, object], ...]
    """``("value", v)`` or ``("raises", name)``, one an input."""


def small(seed: int) -> Program:
    """A program of the small grammar."""
    generator = Generator(random.Random(seed))
    code, kinds = generator.program()
    inputs = [tuple(generator.argument(kind) for kind in kinds) for _ in range(SAMPLES)]
    return observed(code, inputs)


def rich(seed: int) -> tuple[Program, Grammar]:
    """A program of the large grammar, and the grammar with its names still known."""
    grammar = Grammar(random.Random(seed))
    code, _ = grammar.program()
    target = Target(Claim("f", code))
    return observed(code, list(islice(Inputs(target, seed), SAMPLES))), grammar


def observed(code: str, inputs: list[tuple[object, ...]]) -> Program:
    """The inputs that CPython answers within its resources, with the answers."""
    seen = []
    for args in inputs:
        try:
            seen.append((args, python_says(code, args)))
        except RESOURCES:
            continue
    return Program(code, tuple(a for a, _ in seen), tuple(o for _, o in seen))


def python_says(code: str, args: tuple[object, ...]) -> tuple[str, object]:
    """CPython's outcome: ('value', v) or ('raises', name)."""
    scope: dict[str, object] = {}
    exec(compile(code, "<fuzz>", "exec"), scope)
    function = scope["f"]
    assert callable(function)
    try:
        with Limited(0.2):
            return "value", function(*copy.deepcopy(args))
    except RESOURCES:
        raise
    except OverflowError as raised:
        if MACHINE.search(str(raised)):
            raise MemoryError from raised
        return "raises", "OverflowError"
    except Exception as raised:  # noqa: BLE001 (an exception is an outcome like another)
        return "raises", type(raised).__name__


def machine_says(code: str, args: tuple[object, ...]) -> tuple[str, object] | None:
    """Our outcome on literal inputs, or None where it is not modelled; "hangs" is an outcome."""
    try:
        with Limited(MACHINE_SECONDS):
            return _machine_says(code, args)
    except TimeUpError:
        return "hangs", MACHINE_SECONDS


def _machine_says(code: str, args: tuple[object, ...]) -> tuple[str, object] | None:
    with T.fresh_table():
        try:
            candidate = read(code, "f", "", None)
            inputs = {n: to_value(a) for (n, _), a in zip(candidate.parameters, args, strict=True)}
            mode = Mode(unroll=30, concrete=True)
            derived = derivation(candidate, Contract(), Plan(), mode, inputs)
        except (Unsupported, NotPlain):
            return None
        alive = [o for o in derived.outcomes if not o.state.dead]
        if len(alive) != 1 or not all(T.is_true(f) for f in alive[0].state.facts):
            return None
        end = alive[0]
        if end.kind == "raise":
            name = end.exception or ""
            return None if name.startswith(VAGUE) else ("raises", name)
        if end.value is None:
            return None
        try:
            return "value", from_value(end.value, end.state)
        except NotPlain:
            return None


def agree(ours: tuple[str, object], theirs: tuple[str, object]) -> bool:
    """Whether two outcomes are the same, to the type and the sign of a zero."""
    return ours[0] == theirs[0] and same(ours[1], theirs[1])


def check_machine(program: Program) -> tuple[Finding | None, bool]:
    """On literal inputs the machine says what CPython says: (a disagreement, was it modelled)."""
    modelled = False
    for args, theirs in zip(program.inputs, program.outcomes, strict=True):
        ours = machine_says(program.code, args)
        modelled |= ours is not None
        if ours is not None and not agree(ours, theirs):
            code = shrunk(program.code, lambda text, args=args: apart(text, args))  # type: ignore[misc]
            said = f"CPython: {python_says(code, args)!r}; machine: {machine_says(code, args)!r}"
            return Finding(said, code, args), True
    return None, modelled


def apart(code: str, args: tuple[object, ...]) -> bool:
    """Whether machine and CPython disagree on one input."""
    try:
        theirs = python_says(code, args)
    except (*RESOURCES, SyntaxError):  # a smaller program may be none
        return False
    ours = machine_says(code, args)
    return ours is not None and not agree(ours, theirs)


def check_prover(program: Program) -> Finding | None:
    """With the input pinned, the right result is never refuted and a wrong one never proved."""
    for args, (how, result) in zip(program.inputs[:1], program.outcomes, strict=False):
        pins = tuple(f"p{n} == {a!r}" for n, a in enumerate(args))
        if how != "value" or "nan" in repr((args, result)) or "inf" in repr((args, result)):
            continue
        right = prove(program.code, "f", Contract(pins, (f"result == {result!r}",)), BUDGET)
        if right.outcome == "refuted" and right.method == "straight-line" and right.certain:
            what = f"refuted the right result {result!r}: {right.reason}"
            if right.args is None or same(right.args, args):
                return Finding(what, program.code, args)
        wrong = prove(program.code, "f", Contract(pins, (f"result != {result!r}",)), BUDGET)
        if wrong.outcome in ("proved", "partial"):
            return Finding(f"proved that the result is not {result!r}", program.code, args)
    return None


def check_contract(program: Program, grammar: Grammar, seed: int) -> tuple[Finding | None, str]:
    """A random contract: (a proof that an attack breaks or a claim that does not replay, word)."""
    rng = random.Random(seed)
    raised = {str(what) for how, what in program.outcomes if how == "raises"}
    grammar.names = {
        kind: [n for n in names if n[0] == "p"] for kind, names in grammar.names.items()
    }
    grammar.names[grammar.result] += ["result"] * 3
    clauses = tuple(grammar.expr("bool", 2) for _ in range(rng.randint(0, 2)))
    contract = Contract((), clauses, tuple(sorted(raised)))
    claim = Claim("f", program.code, (), clauses, contract.raises)
    proof = prove(program.code, "f", contract, BUDGET)
    if proof.outcome in ("proved", "partial"):
        found = assault(claim, 400, seed)
        if found.broken is not None:
            said = f"{proof.outcome} ({proof.method}) {clauses} raises {contract.raises}, but"
            return Finding(f"{said} {found.why}", program.code, found.broken), proof.outcome
        if (denied := _denied(proof, seed)) is not None:
            return Finding(denied, program.code, ()), proof.outcome
    refuted = proof.outcome == "refuted" and proof.certain
    if refuted and proof.args is not None and Target(claim).rule(proof.args).word == "kept":
        what = f"certain that {clauses} raises {contract.raises} is broken: {proof.reason}"
        return Finding(what, program.code, proof.args), proof.outcome
    return None, proof.outcome


def _denied(proof: Proof, seed: int) -> str | None:
    if seed % 5 or not proof.obligations:
        return None
    report = check(proof.obligations, rlimit=BUDGET.rlimit)
    if report.outcome is not Recheck.DISPUTED:
        return None
    return f"two solvers disagree: {report.disputed[0].sentence}"


def one(seed: int, *, deep: bool) -> tuple[Finding | None, bool]:
    """One program of the small grammar: (a disagreement, whether it was modelled)."""
    program = small(seed)
    found, modelled = check_machine(program)
    if found is None and modelled and deep:
        found = check_prover(program)
    return found, modelled


def one_rich(seed: int, *, deep: bool) -> tuple[Finding | None, str]:
    """One program of the large grammar: (a disagreement, what became of it)."""
    program, grammar = rich(seed)
    found, modelled = check_machine(program)
    if found is not None or not deep:
        return found, "modelled" if modelled else "not modelled"
    if (found := check_prover(program)) is not None:
        return found, "pinned"
    return check_contract(program, grammar, seed)


def main() -> int:
    """Fuzz for a given time; exit 1 when there was a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shallow", action="store_true", help="literal inputs only, no prover")
    parser.add_argument("--go-on", action="store_true", help="do not stop at a disagreement")
    options = parser.parse_args()
    from tests.judge import fuzz_paths  # it builds on this module

    limit_memory()
    began, spent = time.monotonic(), cpu_seconds()
    words: Counter[str] = Counter()
    count = found_any = 0
    while time.monotonic() < began + options.seconds:
        seed = options.seed * 1_000_000_007 + count
        deep = not options.shallow and count % 8 < 2
        try:
            if count % 8 == 5:
                found, _ = fuzz_paths.one(seed)
                word = "by paths"
            elif count % 4 == 3:
                found, known = one(seed, deep=deep)
                word = "small, modelled" if known else "small, not modelled"
            else:
                found, word = one_rich(seed, deep=deep)
        except MemoryError:
            found, word = None, "out of memory"
        count += 1
        words[word] += 1
        if found is not None:
            found_any += 1
            sys.stdout.write(f"DISAGREEMENT (seed {seed})\n{found}\n")
            sys.stdout.flush()
            if not options.go_on:
                return 1
    told = ", ".join(f"{n} {word}" for word, n in words.most_common())
    minutes = (cpu_seconds() - spent) / 60
    rate = 60 * count / max(minutes, 1e-9)
    sys.stdout.write(
        f"{count} programs in {minutes:.1f} CPU minutes ({rate:.0f} an hour), "
        f"{found_any} disagreements: {told}\n"
    )
    return 1 if found_any else 0


if __name__ == "__main__":
    raise SystemExit(main())
