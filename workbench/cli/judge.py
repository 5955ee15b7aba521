"""``workbench judge FILE``: JSON Lines in, one judgement a line out, in the same order."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_lines, note, progress
from workbench.cluster import address_of, judge_anywhere
from workbench.errors import InputError

if TYPE_CHECKING:
    from judge import BadLine, Budget, Judgement, Submission

STATUS = {"refuted": 1, "unsafe": 1, "malformed": 1}
COULD_NOT_TELL = ("unknown", "error", "vacuous", "bad_contract")


def command(
    file: Annotated[str, typer.Argument(help="A JSON Lines file; - reads standard input.")],
    jobs: Annotated[int, typer.Option(min=1, help="Judge processes.")] = 2,
    rlimit: Annotated[
        int | None, typer.Option(min=1000, help="Solver resources a candidate.")
    ] = None,
    cases: Annotated[int | None, typer.Option(min=0, help="Inputs tried a candidate.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the search.")] = None,
    recheck: Annotated[bool, typer.Option(help="Ask a second solver.")] = True,
    obligations: Annotated[
        Path | None, typer.Option(help="Write each obligation as SHA256.smt2 into this folder.")
    ] = None,
    hints: Annotated[
        Path | None,
        typer.Option(help="JSON Lines of invariants: {id, hints}; checked, not believed."),
    ] = None,
    ask_hints: Annotated[
        str | None, typer.Option(help="Ask this teacher for the invariants of open proofs.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", help="Judge on a Ray cluster: 'ray' for one here, or its address."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The output is JSON Lines anyway.")] = False,
) -> None:
    """Judge candidates: prove them, or find an input on which they are wrong.

    Exit status 0 when nothing is refuted, 1 when something is, 2 when a line could not be read
    (the others are judged all the same), 3 when something could not be decided.
    """
    del json
    from judge import read_submissions

    with _opened(file) as lines:
        items = list(read_submissions(lines))
    if not items:
        raise InputError(f"{file} holds no candidates.", "Each line is one JSON object.")
    counts: Counter[str] = Counter()
    budget = _budget(rlimit, cases, seed, recheck)
    if hints is not None:
        items = _hinted(items, hints)
    run = _Run(jobs, budget, obligations, ask_hints, address_of(on))
    emit_lines(_records(items, run, counts))
    note(", ".join(f"{n} {word}" for word, n in counts.most_common()))
    raise typer.Exit(_status(counts))


def _status(counts: Counter[str]) -> int:
    if counts["unreadable"]:
        return 2
    if any(counts[word] for word in STATUS):
        return 1
    return 3 if any(counts[word] for word in COULD_NOT_TELL) else 0


def _budget(rlimit: int | None, cases: int | None, seed: int | None, recheck: bool) -> Budget:
    from dataclasses import replace

    from workbench.settings import load_settings

    given = {"rlimit": rlimit, "cases": cases, "seed": seed}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    base = load_settings().budget()
    return replace(base, **chosen, recheck=base.recheck and recheck)


@dataclass(frozen=True, slots=True)
class _Run:
    """How a file is judged."""

    jobs: int
    budget: Budget
    folder: Path | None
    teacher: str | None
    cluster: str | None = None

    def judgements(self, submissions: list[Submission]) -> Iterator[Judgement]:
        """Yield one judgement a submission, in order; a teacher gives open proofs a second try."""
        first = judge_anywhere(
            submissions, jobs=self.jobs, budget=self.budget, cluster=self.cluster
        )
        if self.teacher is None:
            return first
        return iter(self._again(submissions, list(first), self.teacher))

    def _again(
        self, submissions: list[Submission], first: list[Judgement], teacher: str
    ) -> list[Judgement]:
        from judge import judge_many
        from workbench.settings import load_settings
        from workbench.stages.hints import ask_hints, lacks_invariant, with_hints
        from workbench.store.database import open_store

        places = [
            n
            for n, pair in enumerate(zip(submissions, first, strict=True))
            if lacks_invariant(*pair)
        ]
        if not places:
            return first
        settings = load_settings()
        with open_store(settings) as store:
            asked = [(submissions[n], first[n]) for n in places]
            found, failed = ask_hints(store, settings, teacher, asked)
        for sentence in failed:
            note(sentence)
        places = [n for n in places if submissions[n].id in found]
        hinted = with_hints([submissions[n] for n in places], found)
        again = judge_many(hinted, jobs=self.jobs, budget=self.budget)
        gained = 0
        for n, judgement in zip(places, again, strict=True):
            # A refutation always counts; else the better of the two, never the worse.
            if judgement.verdict.word == "refuted" or first[n].verdict < judgement.verdict:
                first[n] = judgement
                gained += 1
        note(f"{teacher} was asked for the invariants of {len(asked)}; {gained} came out otherwise")
        return first


def _hinted(items: list[Submission | BadLine], path: Path) -> list[Submission | BadLine]:
    """Add the hints of a file to the submissions they are for."""
    from judge import BadLine
    from workbench.stages.hints import read_hint_file, with_hints

    with _opened(str(path)) as lines:
        text = b"".join(lines).decode("utf-8", "replace")
    found = read_hint_file(text.splitlines(), str(path))
    unknown = found.keys() - {i.id for i in items if not isinstance(i, BadLine)}
    if unknown:
        note(f"{path} has hints for {len(unknown)} ids that are not in the input: {min(unknown)}")
    return [i if isinstance(i, BadLine) else with_hints([i], found)[0] for i in items]


def _records(
    items: list[Submission | BadLine], run: _Run, counts: Counter[str]
) -> Iterator[dict[str, object]]:
    """Yield one record a line of input, in order, counting verdicts on the way."""
    from judge import BadLine, to_record

    judgements = run.judgements([item for item in items if not isinstance(item, BadLine)])
    with progress() as bars:
        task = bars.add_task("judging", total=len(items), note="")
        for item in items:
            if isinstance(item, BadLine):
                counts["unreadable"] += 1
                note(f"line {item.line}: {item.message}")
                yield {"id": item.id, "line": item.line, "verdict": "error", "method": "reading",
                       "reason": item.message}  # fmt: skip
            else:
                judgement = next(judgements)
                counts[judgement.verdict.word] += 1
                if run.folder is not None:
                    _write(judgement, run.folder)
                yield to_record(judgement)
            bars.advance(task)


def _write(judgement: Judgement, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for obligation in judgement.obligations:
            (folder / f"{obligation.digest}.smt2").write_text(obligation.smt2, encoding="ascii")
    except OSError as error:
        raise InputError(
            f"Obligations cannot be written to {folder}: {error.strerror}.",
            "Name a folder that you may write.",
        ) from error


@contextmanager
def _opened(name: str) -> Iterator[Iterable[bytes]]:
    """Yield the lines of a file, or of standard input for ``-``, as bytes."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115  (closed below; the body may raise OSError too)
    except OSError as error:
        raise InputError(
            f"{name} cannot be read: {error.strerror}.", "Name a JSON Lines file, or -."
        ) from error
    with stream:
        yield stream
