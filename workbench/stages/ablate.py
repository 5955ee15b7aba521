"""Which rows helped: arms of one round trained on equally many tokens, examined on the same tasks.

Published ablations disagree about hard filters for correctness, so a run can find out for itself.
An arm is a choice of rows; passes are scaled so that every arm sees as many tokens as the round's
own winners would have given. Adapters lie in ``rounds/ROUND/ablation/`` and are not registered.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.errors import InputError, StageError
from workbench.settings import Settings
from workbench.stages.answers import round_answers
from workbench.stages.contest import Budget, Sat, sit_pupil
from workbench.stages.events import Listener, Reporter
from workbench.stages.judge import verdicts_of
from workbench.stages.prompts import student_messages
from workbench.stages.select import train_tasks
from workbench.stages.train import round_rows, training_plan
from workbench.store.database import Store
from workbench.store.tables import AnswerRow, CandidateRow

if TYPE_CHECKING:
    from distill.config import TrainingPlan
    from distill.evaluate import Paired
    from distill.example import Example

__all__ = ["ARMS", "Ablation", "Arm", "arm_rows", "run_ablation"]

ARMS = ("all", "tested", "proved", "proof-weighted", "synthetic-only", "repair")
_VERIFIED = ("proved", "bounded", "tested")
_WEIGHTS = {"proved": 2.0, "bounded": 1.0, "tested": 0.5}


@dataclass(frozen=True, slots=True)
class Arm:
    """One choice of rows and what came of it."""

    name: str
    rows: int
    tokens: int
    """Tokens of one pass over its rows."""
    epochs: float
    """Passes that make it as many tokens as every other arm."""
    sat: Sat
    against_base: Paired
    against_first: Paired
    """Against the first arm; of the first arm itself, no difference."""


@dataclass(frozen=True, slots=True)
class Ablation:
    """All arms of a round, in the order asked, and the sources' common ground."""

    round_id: str
    tasks: int
    tokens: int
    """Tokens that every arm was trained on."""
    base: Sat
    arms: tuple[Arm, ...]
    left_out: Mapping[str, str]
    """Arm -> why it has no rows."""

    @property
    def sentence(self) -> str:
        """Say which arms differ from the first beyond their interval."""
        first, rest = self.arms[0], self.arms[1:]
        better = [a for a in rest if a.against_first.low > 0]
        worse = [a for a in rest if a.against_first.high < 0]
        parts = [
            f"{arm.name} is {'better' if arm in better else 'worse'} than {first.name} "
            f"({arm.against_first.gain * 100:+.1f} points, {arm.against_first.low * 100:+.1f} to "
            f"{arm.against_first.high * 100:+.1f})"
            for arm in [*better, *worse]
        ]
        if not parts:
            return f"No arm differs from {first.name} beyond its interval on {self.tasks} tasks."
        return "; ".join(parts) + "."


def run_ablation(
    store: Store,
    settings: Settings,
    round_id: str,
    *,
    arms: Sequence[str] = ARMS,
    on_event: Listener | None = None,
) -> Ablation:
    """Train and examine every arm; what is done already is found again.

    Raises ``InputError`` for an unknown arm, ``StageError`` when no arm has rows.
    """
    from distill.estimate import row_lengths
    from distill.evaluate import paired
    from distill.loading import load_tokenizer
    from workbench.stages.evaluate import held_out_tasks
    from workbench.stages.rounds import config_of
    from workbench.stages.student import load_student

    config, reporter = config_of(store, round_id), Reporter(store, on_event, round_id)
    assert config.base is not None  # decided when the round was planned
    plan, tasks = training_plan(config.training), held_out_tasks(store, round_id)
    if plan.training.method != "sft":
        raise InputError(
            "Arms are compared by supervised training.", "Use a round with method sft."
        )
    rows, left_out = _rows_of_arms(store, settings, round_id, arms, plan, config.samples)
    tokenizer = load_tokenizer(config.base)
    winners = round_rows(store, round_id, plan)[1]
    total = round(sum(row_lengths(tokenizer, winners)) * plan.training.epochs)
    budget = Budget(max_tokens=config.student_tokens)
    base = sit_pupil(
        store, settings, load_student(store, config.base), tasks, budget, reporter=reporter
    )
    right = {"": [base.right(task.id, config.counts) > 0 for task in tasks]}
    found: list[Arm] = []
    for name, chosen in rows.items():
        lengths = row_lengths(tokenizer, chosen)
        once = round(sum(n * row.weight for n, row in zip(lengths, chosen, strict=True)))
        sat = _trained_and_sat(
            store, settings, (round_id, name), chosen, _with_epochs(plan, total / once),
            (config.base, tasks, budget), reporter,
        )  # fmt: skip
        right[name] = [sat.right(task.id, config.counts) > 0 for task in tasks]
        first = right[found[0].name] if found else right[name]
        found.append(
            Arm(
                name, len(chosen), once, total / once, sat,
                paired(right[""], right[name]),
                paired(first, right[name]),
            )
        )  # fmt: skip
    result = Ablation(round_id, len(tasks), total, base, tuple(found), left_out)
    reporter.done("ablate", result.sentence, {arm.name: arm.against_base.gain for arm in found})
    return result


def _rows_of_arms(
    store: Store,
    settings: Settings,
    round_id: str,
    arms: Sequence[str],
    plan: TrainingPlan,
    samples: int,
) -> tuple[dict[str, list[Example]], dict[str, str]]:
    """Return the rows of each arm, and why an arm has none; ``samples`` the round has of a task."""
    from distill.rows import repeats

    rows: dict[str, list[Example]] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(arms):
        chosen = arm_rows(store, settings, round_id, name)
        if name.startswith("samples-") and int(name[8:]) > samples:
            left_out[name] = (
                f"the round has {samples} answer{'s' if samples > 1 else ''} of each source to a "
                f"task; run one with samples = {name[8:]} and a temperature"
            )
            continue
        if any(repeats(row, plan.training.seed) for row in chosen):
            rows[name] = chosen
        else:
            left_out[name] = "the round has no such rows"
    if not rows:
        raise StageError(
            f"Round {round_id} has no rows for any of these arms.", "Ask and judge first."
        )
    return rows, left_out


def _with_epochs(plan: TrainingPlan, epochs: float) -> TrainingPlan:
    training = plan.training.model_copy(update={"epochs": epochs})
    return plan.model_copy(update={"training": training})


def _trained_and_sat(
    store: Store,
    settings: Settings,
    name: tuple[str, str],
    rows: Sequence[Example],
    plan: TrainingPlan,
    examination: tuple[str, Sequence[object], Budget],
    reporter: Reporter,
) -> Sat:
    from distill.trainer import train
    from workbench.stages.student import load_student

    round_id, arm = name
    base, tasks, budget = examination
    reporter.start("ablate", None, f"{arm}: {len(rows)} rows, {plan.training.epochs:.2f} passes")
    folder = store.settings.rounds / round_id / "ablation" / arm
    record = train(rows, base, plan, folder)
    pupil = load_student(store, base, adapter=record.adapter_dir, name=f"arm:{round_id}/{arm}")
    return sit_pupil(store, settings, pupil, tasks, budget, reporter=reporter)  # type: ignore[arg-type]


def arm_rows(store: Store, settings: Settings, round_id: str, arm: str) -> list[Example]:
    """Return the rows of one arm, at most one a task but for ``repair`` and ``samples-N``.

    ``all`` takes each task's first answer whatever the judge said; ``tested`` the first that passed
    at least its tests; ``proved`` the round's winners; ``proof-weighted`` the verified ones, proofs
    twice and tested ones half as often; ``synthetic-only`` winners of the formal teachers;
    ``repair`` the winners, and how refuted answers were mended after their counterexample;
    ``samples-N`` every distinct proof among a source's first N answers.
    """
    if arm in ("proved", "synthetic-only"):
        winners = round_rows(store, round_id, training_plan({}))[1]
        formal = ("synthesis", "examples")
        return [row for row in winners if arm == "proved" or row.source in formal]
    field = _Answers(store, settings, round_id)
    if arm == "all":
        return field.first(lambda word: True)
    if arm == "tested":
        return field.first(lambda word: word in _VERIFIED)
    if arm == "proof-weighted":
        return [
            replace(row, weight=_WEIGHTS[str(row.facts["verdict"])])
            for row in field.best()
        ]  # fmt: skip
    if arm == "repair":
        return [*round_rows(store, round_id, training_plan({}))[1], *field.repairs()]
    if arm.startswith("samples-") and arm[8:].isdigit() and int(arm[8:]) > 0:
        return field.samples(int(arm[8:]))
    known = ", ".join(ARMS)
    raise InputError(f"There is no arm {arm!r}.", f"Known are {known}, and samples-N.")


class _Answers:
    """A round's answers with code, in the order they were made, each with its verdict."""

    def __init__(self, store: Store, settings: Settings, round_id: str) -> None:
        self._store = store
        self._tasks = {task.id: task for task in train_tasks(store, round_id)}
        rows = [
            row for row in round_answers(store, round_id, "teacher", "repair")
            if row.candidate_id is not None and row.task_id in self._tasks
        ]  # fmt: skip
        pairs = [(str(row.candidate_id), row.task_id) for row in rows]
        verdicts = verdicts_of(store, settings, pairs, or_latest=True)
        self._all = [
            (row, verdicts[pair].verdict) for row, pair in zip(rows, pairs, strict=True)
            if pair in verdicts
        ]  # fmt: skip
        self._by_task: dict[str, list[tuple[AnswerRow, str]]] = defaultdict(list)
        for row, word in self._all:
            self._by_task[row.task_id].append((row, word))

    def first(self, wanted: Callable[[str], bool]) -> list[Example]:
        """Return each task's first answer whose verdict is wanted."""
        chosen = [
            next(((row, word) for row, word in answers if wanted(word)), None)
            for answers in self._by_task.values()
        ]
        return [self._example(*one) for one in chosen if one is not None]

    def best(self) -> list[Example]:
        """Return each task's answer with the highest verified verdict, the first among equals."""
        found = []
        for answers in self._by_task.values():
            verified = [one for one in answers if one[1] in _VERIFIED]
            if verified:
                found.append(self._example(*min(verified, key=lambda o: _VERIFIED.index(o[1]))))
        return found

    def samples(self, most: int) -> list[Example]:
        """Return every distinct proved answer among each source's first ``most`` draws."""
        seen: set[tuple[str, str]] = set()
        found = []
        for row, word in self._all:
            drawn = int(json.loads(row.sampling_json).get("sample", 0))
            name = (row.task_id, str(row.candidate_id))
            if word == "proved" and drawn < most and row.attempt == 0 and name not in seen:
                seen.add(name)
                found.append(self._example(row, word))
        return found

    def repairs(self) -> list[Example]:
        """Return the mended answers with the conversation that led to them."""
        return [
            replace(self._example(row, word), id=f"repair/{row.id}", messages=self._turns(row))
            for row, word in self._all
            if row.attempt > 0 and word == "proved" and row.messages_digest
        ]

    def _turns(self, row: AnswerRow) -> tuple[tuple[str, str], ...]:
        turns = json.loads(self._store.blobs.text(row.messages_digest))
        return tuple((str(role), str(text)) for role, text in turns)

    def _example(self, row: AnswerRow, word: str) -> Example:
        from distill.example import Example

        task = self._tasks[row.task_id]
        with self._store.read() as session:
            candidate = session.get(CandidateRow, row.candidate_id)
        assert candidate is not None  # a foreign key
        return Example(
            id=f"arm/{row.id}",
            task_id=task.id,
            messages=student_messages(task),
            completion=candidate.code.strip("\n"),
            source=row.source_id,
            group=task.family,
            category=task.category,
            facts={"verdict": word, "candidate": row.candidate_id},
        )
