"""What a row's code does: on probes of its parameters' types, beside another row, on given inputs.

Everything that is run is run in the sandbox; a proof comes from the judge. Work is spread over
processes when there is much of it. What it is not: a verdict. Nothing here enters a dataset by
itself; it groups rows, splits tasks and finds what must not be trained on.
"""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import StageError

if TYPE_CHECKING:
    from judge.sandbox import Call, Sandbox

__all__ = [
    "Subject",
    "behaviour",
    "constants_of",
    "differ",
    "in_sandbox",
    "probe_all",
    "probe_apart",
    "probe_inputs",
    "same_all",
    "spread",
    "subject_of",
]

Args = tuple[object, ...]
T = TypeVar("T")
R = TypeVar("R")

PROBES = 32
_ALONE = 48
"""Up to so many pieces of work are done here; more are spread over processes."""
_CHUNK = 24


@dataclass(frozen=True, slots=True)
class Subject:
    """A function to be run: its code, its name, its parameters' types as written."""

    code: str
    entry_point: str
    kinds: tuple[str, ...]
    requires: tuple[str, ...] = ()


def subject_of(
    code: str, entry_point: str | None = None, signature: str = "", requires: Sequence[str] = ()
) -> Subject | None:
    """Return the function in ``code``: the one named, else the last; None if there is none.

    Types come from its annotations, and where it has none from ``signature``.
    """
    try:
        tree = ast.parse(code)
        given = ast.parse(f"{signature}: ...").body if signature else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    named = [node for node in functions if entry_point in (None, node.name)]
    if not named:
        return None
    kinds = _kinds(named[-1])
    if "" in kinds and given and isinstance(given[0], ast.FunctionDef):
        said = _kinds(given[0])
        kinds = said if len(said) == len(kinds) else kinds
    return Subject(code, named[-1].name, kinds, tuple(requires))


def _kinds(node: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(
        ast.unparse(arg.annotation) if arg.annotation is not None else ""
        for arg in (*node.args.posonlyargs, *node.args.args)
    )


def probe_inputs(
    kinds: Sequence[str], *, count: int = PROBES, near: Sequence[int] = ()
) -> list[Args] | None:
    """Return inputs of these types, the same for the same types; None for a type we cannot make.

    ``near`` are numbers whose neighbourhood is worth trying.
    """
    random = Random(f"probes/{'/'.join(kinds)}/{sorted(near)}")
    trees = [_tree(kind) for kind in kinds]
    found: list[Args] = []
    for number in range(count):
        values = [None if tree is None else _draw(tree, random, number, near) for tree in trees]
        if any(value is None for value in values):
            return None
        found.append(tuple(value[0] for value in values if value is not None))
    return found


def _tree(kind: str) -> ast.expr | None:
    try:
        return ast.parse(kind, mode="eval").body if kind else None
    except SyntaxError:
        return None


_EDGES = (0, 1, -1, 2, 3, 10, -7, 100)


def _draw(tree: ast.expr, random: Random, number: int, near: Sequence[int]) -> tuple[object] | None:
    """Return one value in a tuple of its own, or None where the type is not one of ours."""
    if isinstance(tree, ast.Name):
        return _plain(tree.id, random, number, near)
    if not isinstance(tree, ast.Subscript) or not isinstance(tree.value, ast.Name):
        return None
    name = tree.value.id.lower()
    inner = list(tree.slice.elts) if isinstance(tree.slice, ast.Tuple) else [tree.slice]

    def several(part: ast.expr) -> list[object] | None:
        drawn = [_draw(part, random, number, near) for _ in range(random.choice((0, 1, 2, 3, 5)))]
        kept = [value for value in drawn if value is not None]
        return [value[0] for value in kept] if len(kept) == len(drawn) else None

    if _draw(inner[0], Random(0), 0, ()) is None:
        return None
    if name == "list" and len(inner) == 1:
        values = several(inner[0])
        return None if values is None else (values,)
    if name == "set" and len(inner) == 1 and isinstance(inner[0], ast.Name):
        values = several(inner[0])
        return None if values is None else (set(values),)
    if name == "tuple" and all(not isinstance(part, ast.Constant) for part in inner):
        parts = [_draw(part, random, number, near) for part in inner]
        if any(part is None for part in parts):
            return None
        return (tuple(part[0] for part in parts if part is not None),)
    if name == "dict" and len(inner) == 2 and isinstance(inner[0], ast.Name):
        keys, worth = several(inner[0]), _draw(inner[1], random, number, near)
        return None if keys is None or worth is None else (dict.fromkeys(keys, worth[0]),)
    return None


def _plain(name: str, random: Random, number: int, near: Sequence[int]) -> tuple[object] | None:
    if name == "int":
        if near and number % 2:
            return (random.choice(list(near)) + random.choice((-1, 0, 1)),)
        return (random.choice(_EDGES) if number % 3 == 0 else random.randint(-60, 60),)
    if name == "bool":
        return (random.random() < 0.5,)
    if name == "float":
        return (random.choice((0.0, 1.0, -2.5, 0.5, round(random.uniform(-20, 20), 3))),)
    if name == "str":
        letters = "aaabcxyz AB01.,()[]"
        return ("".join(random.choice(letters) for _ in range(random.choice((0, 1, 2, 4, 8)))),)
    return None


def probe_all(subjects: Sequence[Subject | None], *, jobs: int = 1) -> list[str | None]:
    """Return for each subject a digest of its types and of what it does; None if it cannot run."""
    return spread(_probe_chunk, subjects, jobs)


def _probe_chunk(subjects: Sequence[Subject | None]) -> list[str | None]:
    with in_sandbox() as sandbox:
        return [None if one is None else _probed(one, sandbox) for one in subjects]


def _probed(
    subject: Subject, sandbox: Sandbox, *, count: int = PROBES, near: Sequence[int] = ()
) -> str | None:
    inputs = probe_inputs(subject.kinds, count=count, near=near)
    if not inputs:
        return None
    seen = behaviour(subject, inputs, sandbox)
    if seen is None:
        return None
    text = "\n".join((",".join(subject.kinds), *seen))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def probe_apart(subjects: Sequence[Subject | None], *, jobs: int = 1) -> list[str | None]:
    """Return digests as ``probe_all`` does, finer: who agrees with somebody is run again.

    The further inputs lie near the numbers of everybody in the group, until no group falls apart;
    so ``x > 3`` and ``x > 4`` part here, and no proof is tried of what is not so. Digests can be
    compared with those of the same call only.
    """
    found = probe_all(subjects, jobs=jobs)
    groups = _alike(found, range(len(subjects)))
    while groups:
        work = [
            (subject, near)
            for places in groups
            for near in [_numbers(subjects, places)]
            for place in places
            if (subject := subjects[place]) is not None
        ]
        closer = iter(spread(_near_chunk, work, jobs))
        split: list[list[int]] = []
        for places in groups:
            for place in places:
                found[place] = f"{found[place]}/{next(closer)}"
            parts = _alike(found, places)
            if [places] != parts:
                split += parts
        groups = split
    return found


def _alike(digests: Sequence[str | None], places: Sequence[int]) -> list[list[int]]:
    """Return the groups of two and more among ``places`` whose digests agree."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place in places:
        seen = digests[place]
        if seen is not None:
            groups[seen].append(place)
    return [group for group in groups.values() if len(group) > 1]


def _numbers(subjects: Sequence[Subject | None], places: Sequence[int]) -> tuple[int, ...]:
    codes = {one.code for place in places if (one := subjects[place]) is not None}
    return tuple(sorted({number for code in codes for number in constants_of(code)}))


def _near_chunk(work: Sequence[tuple[Subject, tuple[int, ...]]]) -> list[str | None]:
    with in_sandbox() as sandbox:
        return [
            _probed(subject, sandbox, count=min(8, 2 + len(near) // 8) * PROBES, near=near)
            for subject, near in work
        ]


def behaviour(
    subject: Subject,
    inputs: Sequence[Args],
    sandbox: Sandbox,
    *,
    losses: int = 1,
    changes: bool = True,
) -> list[str] | None:
    """Return what the subject does on each input, as text; None when some run did not end.

    With more ``losses`` than one, a run that did not end is a text of its own instead. Without
    ``changes`` only what is returned counts, not what is done to the arguments.
    """
    from judge.plain import dumps
    from judge.sandbox import Limits

    limits = Limits(cpu_seconds=0.5, wall_seconds=2.0, total_seconds=10.0, losses=losses)
    run = sandbox.run(subject.code, _calls(subject, inputs), limits)
    found: list[str] = []
    for outcome in run.outcomes:
        if outcome.kind == "returned":
            after = outcome.args_after if changes else None
            changed = "" if after is None else f" {dumps(after)}"
            found.append(f"returned {dumps(outcome.value)}{changed}")
        elif outcome.kind == "raised":
            found.append(f"raised {outcome.exception}")
        elif losses == 1:
            return None
        else:
            found.append(outcome.kind)
    return found


def _calls(subject: Subject, inputs: Sequence[Args]) -> list[Call]:
    from judge.sandbox import Call

    return [Call(subject.entry_point, args) for args in inputs]


def same_all(
    pairs: Sequence[tuple[Subject | None, Subject | None]], *, jobs: int = 1
) -> list[bool | None]:
    """Say of each pair whether it is one function: proved, told apart by a run, or neither."""
    return spread(_same_chunk, pairs, jobs, proving=True)


def _same_chunk(pairs: Sequence[tuple[Subject | None, Subject | None]]) -> list[bool | None]:
    with in_sandbox() as sandbox:
        return [None if a is None or b is None else _same(a, b, sandbox) for a, b in pairs]


def _same(one: Subject, other: Subject, sandbox: Sandbox) -> bool | None:
    from judge.contract import Budget, Contract
    from judge.equivalence import equivalent

    # A raised exception is never "the same" to the prover, so a precondition is given along.
    contract = Contract(requires=one.requires)
    first, second = _renamed(one), _renamed(other)
    found = equivalent(
        first.code, second.code, _NAME, contract, Budget(rlimit=2_000_000, recheck=False)
    )
    if found.outcome == "proved":
        return True
    if found.args is not None and differ(one, other, [found.args], sandbox):
        return False
    near = sorted(constants_of(one.code) | constants_of(other.code))
    inputs = probe_inputs(one.kinds, count=2 * PROBES, near=near) or []
    return False if differ(one, other, inputs, sandbox) else None


def differ(one: Subject, other: Subject, inputs: Sequence[Args], sandbox: Sandbox) -> bool:
    """Whether the two were seen to do different things on some of ``inputs``."""
    if not inputs:
        return False
    first, second = behaviour(one, inputs, sandbox), behaviour(other, inputs, sandbox)
    return first is not None and second is not None and first != second


_NAME = "the_function"


def _renamed(subject: Subject) -> Subject:
    """Return the subject with its function under one fixed name, calls to itself included."""

    class Rename(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            self.generic_visit(node)
            if node.name == subject.entry_point:
                node.name = _NAME
            return node

        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id == subject.entry_point:
                return ast.copy_location(ast.Name(_NAME, node.ctx), node)
            return node

    code = ast.unparse(Rename().visit(ast.parse(subject.code)))
    return Subject(code, _NAME, subject.kinds, subject.requires)


def constants_of(code: str) -> set[int]:
    """Return the whole numbers written in ``code``, which parses."""
    values = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant))
    return {value for value in values if type(value) is int and abs(value) < 10**9}


@contextmanager
def in_sandbox() -> Iterator[Sandbox]:
    from judge.sandbox import SandboxError, open_sandbox

    try:
        sandbox = open_sandbox()
    except SandboxError as error:
        raise StageError(
            f"The sandbox cannot start here: {error}.", "See what is missing: workbench doctor"
        ) from error
    with sandbox:
        yield sandbox


def spread(
    work: Callable[[Sequence[T]], list[R]], items: Sequence[T], jobs: int, *, proving: bool = False
) -> list[R]:
    """Do ``work`` in chunks ``jobs`` at a time, in order; here when there is little of it.

    What runs in sandboxes runs in processes anyway, so threads are enough to keep them busy; what
    is ``proving`` gets processes of its own.
    """
    if not items:
        return []
    if jobs <= 1 or len(items) <= _ALONE:
        return work(items)
    size = max(_CHUNK, min(400, len(items) // (4 * jobs)))
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    pool: Executor
    if proving:
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    else:
        pool = ThreadPoolExecutor(jobs)
    with pool:
        return [one for found in pool.map(work, chunks) for one in found]
