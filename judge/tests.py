"""A task's own tests: run in the sandbox, compared outside it.

Two kinds. *Cases* are arguments and what must come back: the candidate sees the arguments only, and
the comparison happens here, on plain data (``judge.plain.equal``, which allows floats to differ by
``TOLERANCE``, as EvalPlus does). *Test code* is a program with ``def check(candidate)`` or bare
asserts: it runs in a process of its own, and its calls of the candidate are carried over here to
the candidate's process and back, as plain data. So a candidate can neither read an expected value
nor patch the checker, return an object with its own idea of equality, or end the program early.

What remains: a candidate sees every input it is given and may have memorised the answers; a checker
that hands over what is not plain data (a function, say) cannot be used; a candidate that changes an
argument is seen to do so only in lists, dicts and sets; and identity (``is``) does not survive.

It fails what other harnesses let through: every case is compared with its own result (nothing is
paired up by position and cut to the shorter), and a case that hangs costs only itself.
"""

from __future__ import annotations

import ast
import builtins
import sys
from dataclasses import dataclass, field, replace
from typing import Any

from judge import plain
from judge.contract import Case, Submission
from judge.sandbox import Call, Limits, Outcome, Sandbox, Session
from judge.verdict import Counterexample

TOLERANCE = 1e-6
"""How far a number may be from an expected float (absolute, and a tenth of it relative)."""
_CHECK_CPU, _CHECK_WALL = 10.0, 30.0


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a task's own tests said.

    ``counterexample`` is the first wrong answer. ``resource`` is the sentence of the first test
    that met a limit; ``unsafe``, ``malformed`` and ``broken`` (the test code itself is at fault)
    are sentences too, each None when there is nothing to say.
    """

    __test__ = False  # pytest: not a test class

    passed: int = 0
    failed: int = 0
    total: int = 0
    counterexample: Counterexample | None = None
    unsafe: str | None = None
    resource: str | None = None
    malformed: str | None = None
    broken: str | None = None
    layers: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether every test passed (a task without tests passes nothing, so it is not clean)."""
        return self.total > 0 and self.passed == self.total and self.malformed is None


def run_tests(
    sandbox: Sandbox,
    submission: Submission,
    limits: Limits | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> TestReport:
    """Run every test of a submission; cases and checker each load the code once."""
    chosen = limits if limits is not None else sandbox.policy.limits
    report = TestReport(layers=sandbox.layers)
    if submission.tests:
        report = _run_cases(sandbox, submission, chosen, report, tolerance)
    if submission.test_code is not None and report.unsafe is None and report.malformed is None:
        report = _run_checker(sandbox, submission, chosen, report)
    return report


def load_fault(loaded: Outcome) -> tuple[str, str] | None:
    """Say why code did not load: the field of the report that it belongs to, and a sentence."""
    if loaded.kind == "returned":
        return None
    if loaded.kind == "forbidden":
        return "unsafe", f"While it was loaded, {loaded.message}."
    if loaded.resource:
        return "resource", f"While it was loaded, {reason(loaded)}."
    where = f" (line {loaded.line})" if loaded.line else ""
    if loaded.exception in ("SyntaxError", "IndentationError", "TabError"):
        return "malformed", f"The code does not parse: {loaded.message}{where}."
    if loaded.kind == "raised":
        said = f": {loaded.message}" if loaded.message else ""
        return "malformed", f"Loading the code raised {loaded.exception}{said}{where}."
    return "malformed", f"The code could not be loaded: {loaded.message}."


def _not_loaded(report: TestReport, fault: tuple[str, str]) -> TestReport:
    field, text = fault
    if field == "unsafe":
        return replace(report, unsafe=text)
    if field == "resource":
        return replace(report, resource=report.resource or text)
    return replace(report, malformed=text)


def reason(outcome: Outcome) -> str:
    """Say in a clause how a call ended that gave no answer."""
    if outcome.kind == "memory":
        return (
            outcome.message
            if outcome.exception is None and outcome.message
            else "it ran out of memory"
        )
    if outcome.kind == "depth":
        return "it recursed deeper than CPython allows"
    return outcome.message or outcome.kind


def _run_cases(
    sandbox: Sandbox, submission: Submission, limits: Limits, report: TestReport, tolerance: float
) -> TestReport:
    calls = [Call(submission.entry_point, case.args) for case in submission.tests]
    report = replace(report, total=len(calls))
    with sandbox.session(submission.code, limits) as session:
        fault = load_fault(session.loaded)
        if fault is not None:
            return _not_loaded(replace(report, failed=len(calls)), fault)
        outcomes = session.call(calls)
    for case, outcome in zip(submission.tests, outcomes, strict=True):
        report = _count(report, submission, case, outcome, tolerance)
    return report


def _count(
    report: TestReport, submission: Submission, case: Case, outcome: Outcome, tolerance: float
) -> TestReport:
    """Add one case's outcome to the report."""
    if passes(case, outcome, tolerance=tolerance):
        return replace(report, passed=report.passed + 1)
    report = replace(report, failed=report.failed + 1)
    call = plain.call_text(submission.entry_point, case.args)
    if outcome.kind == "forbidden":
        return replace(report, unsafe=report.unsafe or f"On {call}, {outcome.message}.")
    if outcome.kind == "missing":
        return replace(report, malformed=f"The code defines no function {submission.entry_point}.")
    if outcome.resource:
        return replace(report, resource=report.resource or f"on {call}, {reason(outcome)}.")
    if outcome.kind == "not_run" or report.counterexample is not None:
        return report
    return replace(report, counterexample=_wrong(case, outcome))


def passes(case: Case, outcome: Outcome, *, tolerance: float = TOLERANCE) -> bool:
    """Tell whether an outcome is what a case expects."""
    if case.raises is not None:
        return outcome.kind == "raised" and case.raises.rpartition(".")[2] in outcome.bases
    return outcome.ok and plain.equal(outcome.value, case.expected, tolerance=tolerance)


def _wrong(case: Case, outcome: Outcome) -> Counterexample:
    if outcome.kind == "returned":
        violates = None if case.raises is None else f"the test expects {case.raises}"
        return Counterexample(
            case.args, result=outcome.value, violates=violates, expected=case.expected
        )
    if outcome.kind == "raised":
        return Counterexample(
            case.args, raised=outcome.exception, message=outcome.message, expected=case.expected
        )
    return Counterexample(case.args, violates=reason(outcome), expected=case.expected)


@dataclass
class _Relay:
    """Carries a checker's calls to the candidate's process; remembers what it needs to tell."""

    session: Session
    last: tuple[str, tuple[Any, ...], Outcome] | None = None
    calls: int = 0
    unsafe: str | None = None
    resource: str | None = None
    missing: str | None = None
    seen: set[str] = field(default_factory=set)

    def __call__(self, name: str, args: tuple[Any, ...]) -> Outcome:
        outcome = self.session.call([Call(name, args)])[0]
        self.calls += 1
        self.last = (name, args, outcome)
        call = plain.call_text(name, args)
        if outcome.kind == "forbidden":
            self.unsafe = self.unsafe or f"On {call}, {outcome.message}."
        elif outcome.kind == "missing":
            self.missing = self.missing or f"The code defines no function {name}."
        elif outcome.resource:
            self.resource = self.resource or f"on {call}, {reason(outcome)}."
        return outcome


def _run_checker(
    sandbox: Sandbox, submission: Submission, limits: Limits, report: TestReport
) -> TestReport:
    report = replace(report, total=report.total + 1)
    prepared = _prepare(submission)
    if isinstance(prepared, str):
        return replace(report, failed=report.failed + 1, broken=prepared)
    code, proxies, shift = prepared
    patient = replace(limits, total_seconds=max(limits.total_seconds, 2 * _CHECK_WALL))
    checker_limits = replace(patient, cpu_seconds=_CHECK_CPU, wall_seconds=_CHECK_WALL)
    with sandbox.session(submission.code, patient) as candidate:
        fault = load_fault(candidate.loaded)
        if fault is not None:
            return _not_loaded(replace(report, failed=report.failed + 1), fault)
        relay = _Relay(candidate)
        with sandbox.session(code, checker_limits, proxies=proxies, on_proxy=relay) as checker:
            loaded = checker.loaded
    line = loaded.line - shift if loaded.line is not None else None
    return _conclude(report, submission, relay, replace(loaded, line=line))


def _conclude(
    report: TestReport, submission: Submission, relay: _Relay, loaded: Outcome
) -> TestReport:
    """Turn the end of the checker into a pass, a failure, or a fault of the test code."""
    if loaded.kind == "returned" and not (relay.unsafe or relay.missing):
        return replace(report, passed=report.passed + 1)
    report = replace(report, failed=report.failed + 1)
    if relay.unsafe is not None:
        return replace(report, unsafe=relay.unsafe)
    if relay.missing is not None:
        return replace(report, malformed=relay.missing)
    if relay.resource is not None:
        return replace(report, resource=report.resource or relay.resource)
    if relay.last is None or loaded.kind not in ("raised", "depth"):
        said = f"{loaded.exception}: {loaded.message}" if loaded.exception else loaded.message
        return replace(report, broken=f"The test code itself failed: {said}.")
    if loaded.exception == "PlainError":
        return replace(
            report, broken=f"The test code hands over what is not plain: {loaded.message}."
        )
    if report.counterexample is not None:
        return report
    name, args, outcome = relay.last
    asked = _statement(submission.test_code or "", loaded.line) or loaded.message or "its tests"
    violates = (
        f"the test asks {asked}"
        if name == submission.entry_point
        else (f"after {plain.call_text(name, args)} the test asks {asked}")
    )
    if outcome.kind == "unplain":
        violates = f"{violates}, and {outcome.message}"
    found = Counterexample(
        args,
        result=outcome.value if outcome.ok else None,
        raised=outcome.exception,
        message=outcome.message if outcome.exception else None,
        violates=violates,
    )
    return replace(report, counterexample=found)


def _statement(code: str, line: int | None) -> str | None:
    """Return the source of the innermost statement at a line."""
    if line is None:
        return None
    best: ast.stmt | None = None
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            best = node if best is None or node.lineno >= best.lineno else best
    return ast.unparse(best).splitlines()[0][:300] if best is not None else None


def _prepare(submission: Submission) -> tuple[str, tuple[str, ...], int] | str:
    """Return the checker's program, the names it calls across, and by how many lines the program
    starts later than the test code; or what is wrong with the test code."""
    assert submission.test_code is not None
    try:
        tree = ast.parse(submission.test_code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"The test code does not parse: {error}."
    names = _free_names(tree) - set(dir(builtins)) - {"check"}
    modules = sorted(names & sys.stdlib_module_names)  # tests lean on what answers import
    proxies = (names - set(modules)) | {submission.entry_point, "candidate"}
    prelude = "".join(f"import {name}\n" for name in modules)
    code = prelude + submission.test_code
    defined = any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
    if defined and not any(_calls_check(node) for node in tree.body):
        code = f"{code}\n\ncheck({submission.entry_point})\n"
    return code, tuple(sorted(proxies)), len(modules)


def _calls_check(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "check"
        for part in ast.walk(node)
    )


def _free_names(tree: ast.Module) -> set[str]:
    """Names that are called and nowhere bound in the test code."""
    bound: set[str] = set()
    called: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            called.add(node.id)
    return called - bound
