"""The passes over a bundle's evidence, file after file, each row once.

The order is that of dependence: sources and tasks, the answers to them, the rows made of these;
then, with the verdicts, what the rule chose, and the held-out pairs. The verdicts come late because
another process may read them meanwhile; see ``beside``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, partial

from workbench.certificate.beside import Half
from workbench.certificate.bundle import Bundle
from workbench.certificate.consistency import (
    check_row,
    check_training,
    code_is_named,
    pair_fault,
    task_is_named,
)
from workbench.certificate.errors import CertificateError
from workbench.certificate.evidence import (
    AnswerRecord,
    ChoiceRecord,
    EvaluationRecord,
    ExampleRecord,
    RoundRecord,
    SelectionPolicy,
    SourceRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)
from workbench.certificate.figures import PASSING
from workbench.certificate.files import (
    ANSWERS,
    DATASET,
    EVALUATION,
    EVIDENCE_FILES,
    EXAMPLES,
    POLICY,
    ROUND,
    SELECTION,
    SOURCES,
    TASKS,
    TRAINING,
    VERDICTS,
    one_record,
)
from workbench.certificate.merkle import leaf_hash, root_of
from workbench.certificate.selection import Choice
from workbench.certificate.survey import Answer, Survey, Task
from workbench.certificate.verdicts import keys_digest

__all__ = ["survey"]


def survey(
    bundle: Bundle, adapter: str | None, half: Half | None = None
) -> tuple[Survey | None, CertificateError | None, Mapping[str, str]]:
    """Read the evidence of ``bundle`` once.

    ``adapter`` is the digest of the adapter's files, ``half`` what is done beside it. Returns what
    was found, or what makes the evidence unreadable, and the digest of each evidence file either
    way.
    """
    digests: dict[str, str] = {}
    names = [*EVIDENCE_FILES, *([TRAINING] if TRAINING in bundle.files else [])]
    found = None
    malformed = None
    try:
        found = _surveyed(bundle, adapter, digests, half or Half(bundle))
    except CertificateError as error:
        malformed = error
    for name in names:
        # What was not read to its end because something before it was malformed.
        if name not in digests and name in bundle.files:
            digests[name] = bundle.digest(name)
    return found, malformed, digests


def _surveyed(bundle: Bundle, adapter: str | None, digests: dict[str, str], half: Half) -> Survey:
    raw = {name: bundle.read(name) for name in (ROUND, POLICY)}
    if TRAINING in bundle.files:
        raw[TRAINING] = bundle.read(TRAINING)
    digests |= {name: hashlib.sha256(data).hexdigest() for name, data in raw.items()}
    found = Survey(
        bundle,
        one_record(raw, ROUND, RoundRecord),
        one_record(raw, POLICY, SelectionPolicy),
        one_record(raw, TRAINING, TrainingRecord) if TRAINING in raw else None,
        digests,
    )
    _sources(found)
    _tasks(found)
    keys = _answers(found)
    judged = cache(partial(_verdicts, found, keys, half))
    _rows(found, judged)
    judged()
    _selection(found)
    _evaluation(found)
    if "identities" not in found.faults:
        found.attempt("disjoint", lambda: _disjoint(found, half))
        found.attempt("training", lambda: check_training(found, adapter))
    return found


def _sorted(name: str, number: int) -> CertificateError:
    return CertificateError("not-sorted", f"{name}, line {number} is out of order or appears twice")


def _sources(found: Survey) -> None:
    last = ""
    for row, _ in found.records(SOURCES, SourceRecord):
        if not last < row.id:
            raise _sorted(SOURCES, len(found.sources) + 1)
        last = row.id
        found.sources[last] = row


def _tasks(found: Survey) -> None:
    tasks, splits = found.tasks, found.splits
    last = ""
    for row, _ in found.records(TASKS, TaskRecord):
        name = row.id
        if not last < name:
            raise _sorted(TASKS, len(tasks) + 1)
        last = name
        train = row.split == "train"
        tasks[name] = Task(name, train, row.category, row.prompt.strip())
        splits[row.split] += 1
        if not task_is_named(row):
            found.fault("identities", "task-digest", f"task {name} is not what its digest names")


def _answers(found: Survey) -> list[tuple[str, str]]:
    """Read the answers; return the pairs of task and candidate that need a verdict, sorted."""
    tasks, sources, answers = found.tasks, found.sources, found.answers
    keys: dict[tuple[str, str], tuple[str, str]] = {}
    last = -1
    for row, _ in found.records(ANSWERS, AnswerRecord):
        number = row.answer
        if not last < number:
            raise _sorted(ANSWERS, len(answers) + 1)
        last = number
        task, source = tasks.get(row.task), sources.get(row.source)
        if not code_is_named(row):
            found.fault(
                "identities",
                "candidate-digest",
                f"answer {number} is not the code its id names",
            )
        if task is None or source is None:
            found.fault(
                "identities",
                "dangling",
                f"answer {number} names a task or source that is not there",
            )
            continue
        key = (task.id, row.candidate)
        key = keys.setdefault(key, key)
        answers[number] = Answer(key, task, source, row.code, row.attempt)
    return sorted(keys)


def _verdicts(found: Survey, keys: list[tuple[str, str]], half: Half) -> None:
    found.verdicts = facts = half.verdicts()
    found.digests[VERDICTS] = facts.digest
    if facts.malformed is not None:
        raise CertificateError(*facts.malformed)
    if facts.obligations is not None:
        found.fault("identities", *facts.obligations)
    found.details["identities"] = f"{len(found.answers)} answers, {facts.named} obligations"
    found.details["verdicts"] = f"{len(facts.words)} verdicts"
    if len(keys) == len(facts.words) and keys_digest(keys) == facts.keys:
        found.words = dict(zip(keys, facts.words, strict=True))
    else:
        _unmatched(found, keys)
    if facts.fault is not None:
        found.fault("verdicts", *facts.fault)


def _unmatched(found: Survey, keys: list[tuple[str, str]]) -> None:
    """Verdicts and answers are not about the same candidates: read again and say where."""
    rows = (row for row, _ in found.records(VERDICTS, VerdictRecord))
    found.words = {(row.task, row.candidate): row.verdict for row in rows}
    for task, candidate in sorted(set(found.words) - set(keys)):
        who = f"candidate {candidate[:12]} of {task}"
        found.fault("verdicts", "dangling", f"there is a verdict on {who}, but no such answer")
    for task, candidate in sorted(set(keys) - set(found.words)):
        who = f"candidate {candidate[:12]} of {task}"
        found.fault("verdicts", "no-verdict", f"{who} has no verdict")


def _selection(found: Survey) -> None:
    sound = "identities" not in found.faults
    choice = Choice(found) if sound else None
    last = ""
    for number, (row, _) in enumerate(found.records(SELECTION, ChoiceRecord), 1):
        if not last < row.task:
            raise _sorted(SELECTION, number)
        last = row.task
        found.removed += row.removed is not None
        if choice is not None:
            choice.add(row)
    if choice is not None:
        found.attempt("selection", choice.conclude)


def _rows(found: Survey, judged: Callable[[], None]) -> None:
    """Read the training rows; ``judged`` waits for the verdicts, where a row needs them."""
    found.examples += [origin.answer for origin, _ in found.records(EXAMPLES, ExampleRecord)]
    sound = "identities" not in found.faults
    leaves: list[bytes] = []
    losers: set[tuple[str, str]] | None = None
    examples = found.examples
    for row, line in found.objects(DATASET):
        number = len(leaves)
        leaves.append(leaf_hash(line))
        if not sound or number >= len(examples) or "dataset" in found.faults:
            continue
        answer = found.answers.get(examples[number])
        if answer is None:
            found.fault("dataset", "dataset", f"row {number + 1} comes from an unknown answer")
            continue
        if losers is None and row.get("rejected") is not None:
            judged()
            losers = _losers(found)
        try:
            check_row(row, number + 1, answer, losers or set())
        except CertificateError as error:
            found.faults.setdefault("dataset", error)
    found.rows = len(leaves)
    found.rows_root = root_of(leaves)
    found.details["dataset"] = f"{found.rows} rows"
    if found.rows != len(examples):
        problem = f"{found.rows} rows, but {len(examples)} origins of rows"
        found.faults["dataset"] = CertificateError("dataset", problem)
    elif len(set(leaves)) != len(leaves):
        problem = f"two rows of {DATASET} are the same"
        found.faults["dataset"] = CertificateError("duplicate-row", problem)


def _losers(found: Survey) -> set[tuple[str, str]]:
    """Return task and code of every refuted answer."""
    return {
        (answer.task.id, answer.code.strip("\n"))
        for answer in found.answers.values()
        if found.words.get(answer.key) == "refuted"
    }


def _evaluation(found: Survey) -> None:
    pairs, leaves = found.pairs, []
    evaluated: set[str] = set()
    last = ""
    for row, line in found.records(EVALUATION, EvaluationRecord):
        if not last < row.task:
            raise _sorted(EVALUATION, pairs.total + 1)
        last = row.task
        evaluated.add(last)
        leaves.append(leaf_hash(line))
        before, after = row.base_verdict == PASSING, row.student_verdict == PASSING
        pairs.total += 1
        pairs.base += before
        pairs.student += after
        pairs.fixed += after and not before
        pairs.broken += before and not after
        if (problem := pair_fault(row, found.tasks, found.words)) is not None:
            found.fault("evaluation", "evaluation", problem)
    pairs.root = root_of(leaves)
    held_out = {task.id for task in found.tasks.values() if not task.train}
    if rest := evaluated - held_out:
        found.fault("disjoint", "leak", f"{min(rest)} was evaluated but is not held out")
    if missing := held_out - evaluated:
        problem = f"held-out task {min(missing)} was not evaluated"
        found.faults["evaluation"] = CertificateError("evaluation", problem)
    found.details["evaluation"] = f"{pairs.total} pairs"


def _disjoint(found: Survey, half: Half) -> str:
    """No held-out task is among the training tasks: by id, by digest, by what it asks."""
    answers = (found.answers.get(number) for number in found.examples)
    if both := {a.task.id for a in answers if a is not None and not a.task.train}:
        raise CertificateError("leak", f"held-out task {min(both)} is in the dataset")
    leak = half.leak()
    if leak.digest != found.digests[TASKS]:
        raise CertificateError("changed-file", f"{TASKS} changed while it was verified")
    if leak.fault is not None:
        raise CertificateError(*leak.fault)
    return f"{found.splits['train']} training and {found.splits['eval']} held-out tasks"
