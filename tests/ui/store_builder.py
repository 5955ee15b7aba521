"""Fill a temporary home with rows, through the tables, so that screens have something to show.

Test data and nothing else: the verdicts were written down here by hand, no judge ran. Everything is
derived from ``seed``, so two stores of the same size are equal.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel

from workbench.settings import Settings
from workbench.store import Store, canonical, digest
from workbench.store import tables as t

START = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
IDENTITY = {"encoder": "1", "solvers": [["z3", "5.4.0"], ["cvc5", "1.4.2"]], "rlimit": 1, "seed": 0}


@dataclass(frozen=True)
class Shape:
    """A kind of task with a right and a wrong answer, and the call that shows the wrong one."""

    name: str
    category: str
    prompt: str
    signature: str
    requires: list[str]
    ensures: list[str]
    right: str
    wrong: str
    args: list[Any]
    wrong_result: Any


SHAPES = (
    Shape(
        "clamp",
        "branches",
        "Keep x within the limits lo and hi.",
        "def {f}(x: int, lo: int, hi: int) -> int",
        ["lo <= hi"],
        ["lo <= result <= hi", "result == x or x < lo or x > hi"],
        "def {f}(x: int, lo: int, hi: int) -> int:\n    return max(lo, min(x, hi))\n",
        "def {f}(x: int, lo: int, hi: int) -> int:\n    return min(x, max(lo, hi))\n",
        [0, 1, 1],
        0,
    ),
    Shape(
        "largest",
        "branches",
        "Return the largest of the three numbers.",
        "def {f}(a: int, b: int, c: int) -> int",
        [],
        ["result >= a and result >= b and result >= c", "result in (a, b, c)"],
        "def {f}(a: int, b: int, c: int) -> int:\n    if a >= b and a >= c:\n        return a\n"
        "    return b if b >= c else c\n",
        "def {f}(a: int, b: int, c: int) -> int:\n    if a > b:\n        return a\n    return b\n",
        [0, 0, 1],
        0,
    ),
    Shape(
        "sum_above",
        "lists",
        "Add up the numbers in the list that are greater than {k}.",
        "def {f}(xs: list[int]) -> int",
        [],
        ["result == sum(x for x in xs if x > {k})"],
        "def {f}(xs: list[int]) -> int:\n    return sum(x for x in xs if x > {k})\n",
        "def {f}(xs: list[int]) -> int:\n    return sum(x for x in xs if x >= {k})\n",
        [["{k}"]],
        "{k}",
    ),
    Shape(
        "triangle",
        "recursion",
        "Add the whole numbers from 0 to n.",
        "def {f}(n: int) -> int",
        ["n >= 0"],
        ["2 * result == n * (n + 1)"],
        "def {f}(n: int) -> int:\n    total = 0\n    for i in range(n + 1):\n        total += i\n"
        "    return total\n",
        "def {f}(n: int) -> int:\n    total = 0\n    for i in range(n):\n        total += i\n"
        "    return total\n",
        [1],
        0,
    ),
)

SOURCES = (
    ("synthesis", "teacher", "synthesis", True),
    ("examples", "teacher", "examples", True),
    ("openai:gpt-5-mini", "teacher", "openai", False),
    ("student:base", "student", "student", True),
    ("student:r1", "student", "student", True),
)
# How often each source is proved, refuted and undecided, in hundredths.
MOODS = {
    "synthesis": (78, 0, 2),
    "examples": (66, 22, 4),
    "openai:gpt-5-mini": (84, 8, 5),
    "student:base": (22, 55, 3),
    "student:r1": (74, 16, 4),
}


def build(home: Path | Settings, *, tasks: int = 48, seed: int = 0) -> Store:
    """Make a home with ``tasks`` tasks, five sources, two rounds and a certificate."""
    store = Store.open(home)
    builder = _Builder(store, random.Random(seed))
    builder.sources()
    builder.tasks(tasks)
    builder.answers()
    builder.rounds()
    return store


FILTERED = {
    "filters": [{"rule": "length", "settings": {"most": 400}, "before": 21, "after": 20}],
    "removed": [{"task": "clamp/00004", "rule": "length", "reason": "It has 512 tokens."}],
}
"""What a selection writes down about its filters."""


class _Builder:
    def __init__(self, store: Store, chance: random.Random) -> None:
        self.store = store
        self.chance = chance
        self.made: list[tuple[t.TaskRow, Shape, int]] = []
        self.words: dict[tuple[str, str], tuple[int, int | None, str, str | None]] = {}
        self.clock = START

    def tick(self, seconds: float = 1.0) -> datetime:
        self.clock += timedelta(seconds=seconds)
        return self.clock

    def add(self, rows: list[SQLModel]) -> None:
        with self.store.write() as session:
            session.add_all(rows)

    def sources(self) -> None:
        self.add(
            [
                t.SourceRow(
                    id=name,
                    kind=kind,
                    provider=provider,
                    model=name.split(":")[-1],
                    local=local,
                    training_policy="allowed" if local else "unknown",
                    policy_basis="runs here" if local else "nobody said",
                    created_at=self.tick(),
                )
                for name, kind, provider, local in SOURCES
            ]
        )

    def tasks(self, number: int) -> None:
        rows: list[SQLModel] = []
        for n in range(number):
            shape = SHAPES[n % len(SHAPES)]
            k = self.chance.randrange(2, 9)
            task = t.TaskRow(
                id=f"{shape.name}/{n:05d}",
                digest=digest(f"{shape.name}{n}"),
                prompt=shape.prompt.replace("{k}", str(k)),
                entry_point=shape.name,
                signature=shape.signature.replace("{f}", shape.name),
                contract_json=canonical(
                    {
                        "requires": shape.requires,
                        "ensures": [e.replace("{k}", str(k)) for e in shape.ensures],
                        "raises": [],
                        "helpers": "",
                    }
                ),
                tests_json=canonical([]),
                category=shape.category,
                family=shape.name,
                split="eval" if n % 3 == 0 else "train",
                source="written for the tests",
                licence="Apache-2.0",
                reference=self.spell(shape.right, shape, k),
                adequacy_json=canonical(_assessed(shape, k)) if n in (0, 2) else None,
                created_at=self.tick(0.01),
            )
            self.made.append((task, shape, k))
            rows.append(task)
        self.add(rows)

    def answers(self) -> None:
        """Give every source an answer to every task, with a verdict on it."""
        codes: dict[str, t.CandidateRow] = {}
        answers: list[SQLModel] = []
        verdicts: dict[tuple[str, str], t.VerdictRow] = {}
        obligations: list[SQLModel] = []
        answer_id = verdict_id = 0
        for task, shape, k in self.made:
            for source, *_ in SOURCES:
                if source == "synthesis" and shape.category == "lists":
                    word, code = "cannot", None
                else:
                    word, code = self.mood(source, shape, k)
                answer_id += 1
                candidate = digest(code) if code is not None else None
                if code is not None and candidate is not None and candidate not in codes:
                    codes[candidate] = t.CandidateRow(id=candidate, code=code, created_at=START)
                answers.append(self.answer(answer_id, task.id, source, code, candidate, word))
                found = None
                if code is not None and candidate is not None:
                    found = verdicts.get((candidate, task.id))
                    if found is None:
                        verdict_id += 1
                        found = self.verdict(verdict_id, candidate, task.id, shape, k, word)
                        verdicts[candidate, task.id] = found
                        if found.verdict == "proved":
                            obligations += self.obligations(verdict_id, shape, k)
                self.words[task.id, source] = (
                    answer_id,
                    found.id if found else None,
                    found.verdict if found else word,
                    candidate,
                )
        self.add(list(codes.values()))
        for first in range(0, len(answers), 20_000):
            self.add(answers[first : first + 20_000])
        self.add(list(verdicts.values()))
        self.add(obligations)

    def mood(self, source: str, shape: Shape, k: int) -> tuple[str, str | None]:
        proved, refuted, unknown = MOODS[source]
        drawn = self.chance.randrange(100)
        if drawn < proved:
            return "proved", self.spell(shape.right, shape, k)
        if drawn < proved + refuted:
            return "refuted", self.spell(shape.wrong, shape, k)
        if drawn < proved + refuted + unknown:
            return "unknown", self.spell(shape.right, shape, k) + "# through a construct unread\n"
        if source == "synthesis":
            return "cannot", None
        return "malformed", self.spell(shape.right, shape, k).replace(
            "def ", "def ", 1
        ) + "return ("

    @staticmethod
    def spell(code: str, shape: Shape, k: int) -> str:
        return code.replace("{f}", shape.name).replace("{k}", str(k))

    def answer(
        self,
        number: int,
        task: str,
        source: str,
        code: str | None,
        candidate: str | None,
        word: str,
    ) -> t.AnswerRow:
        paid = source.startswith("openai")
        return t.AnswerRow(
            id=number,
            task_id=task,
            source_id=source,
            round_id=None,
            prompt_digest=digest(task),
            sampling_digest=digest("greedy"),
            sampling_json='{"temperature":0.0}',
            text=f"Here it is.\n```python\n{code}```\n" if code else "That is out of my reach.",
            finish="stop" if code else word,
            candidate_id=candidate,
            input_tokens=96,
            output_tokens=48,
            cost="0.00031" if paid else "0",
            seconds=round(self.chance.uniform(0.02, 2.4), 3),
            created_at=self.tick(0.02),
        )

    def verdict(
        self, number: int, candidate: str, task: str, shape: Shape, k: int, word: str
    ) -> t.VerdictRow:
        args, got = _fill(shape.args, k), _fill(shape.wrong_result, k)
        clause = shape.ensures[0].replace("{k}", str(k))
        call = f"{shape.name}({', '.join(map(repr, args))})"
        explained = {
            "proved": "Every obligation is unsatisfiable and the loop terminates.",
            "refuted": f"{call} returned {got!r}; the contract asks {clause}.",
            "unknown": "Line 3 uses a construct outside the subset.",
            "malformed": "Line 3 does not parse: '(' was never closed.",
        }
        return t.VerdictRow(
            id=number,
            candidate_id=candidate,
            task_id=task,
            identity_digest=digest(IDENTITY),
            identity_json=canonical(IDENTITY),
            verdict=word,
            method={"proved": "straight-line", "refuted": "search"}.get(word, "none"),
            cases=240 if word == "refuted" else 0,
            explanation=explained[word],
            reason=explained[word] if word in ("unknown", "malformed") else None,
            counterexample_json=canonical(
                {"args": args, "result": got, "raised": None, "violates": clause}
            )
            if word == "refuted"
            else None,
            recheck="confirmed" if word == "proved" else "none",
            sandbox_json='["rlimits","seccomp"]',
            terms_json='[["verification",1.0]]' if word == "proved" else "[]",
            score=1.0 if word == "proved" else 0.0,
            rlimit=40_211,
            seconds=0.013,
            created_at=self.tick(0.02),
        )

    def obligations(self, verdict: int, shape: Shape, k: int) -> list[SQLModel]:
        rows: list[SQLModel] = []
        for position, clause in enumerate((*shape.ensures, "the precondition can be met")):
            companion = position == len(shape.ensures)
            smt2 = (
                f"; {clause}\n(set-logic QF_LIA)\n(declare-const x Int)\n"
                f"(assert (> x {k}))\n{'' if companion else '(assert (< x 0))'}\n(check-sat)\n"
            )
            rows.append(
                t.ObligationRow(
                    verdict_id=verdict,
                    position=position,
                    kind="companion" if companion else "safety",
                    text=clause.replace("{k}", str(k)),
                    digest=self.store.blobs.put_text(smt2)
                    if len(self.made) < 1_000
                    else digest(smt2),
                    logic="QF_LIA",
                    expected="sat" if companion else "unsat",
                )
            )
        return rows

    def rounds(self) -> None:
        """Finish round 1 with a certificate; leave round 2 in the middle of judging."""
        config = {
            "seed": 0,
            "teachers": ["synthesis", "examples"],
            "training": {"lora": {"rank": 16}},
        }
        first = t.RoundRow(
            id="r1",
            number=1,
            stage="certified",
            state="done",
            config_json=canonical(config),
            base_source_id="student:base",
            student_source_id="student:r1",
            snapshot_id="s1",
            adapter_id="a1",
            promoted=True,
            decision="Promoted: the gain's interval lies above 5 points and nothing regressed.",
            created_at=self.tick(),
            updated_at=self.tick(400),
        )
        second = t.RoundRow(
            id="r2",
            number=2,
            stage="asked",
            state="open",
            config_json=canonical({**config, "seed": 1, "training": {"lora": {"rank": 32}}}),
            parent_id="r1",
            base_source_id="student:r1",
            created_at=self.tick(),
            updated_at=self.tick(30),
        )
        self.add([first])
        self.add([second])
        self.add(
            [
                t.SnapshotRow(
                    id="s1",
                    round_id="r1",
                    digest=digest("snapshot"),
                    rows=0,
                    rule="proved-first/1",
                    funnel_json=canonical(_funnel(self.words)),
                    inputs_digest=self.store.blobs.put_text(canonical(FILTERED)),
                    created_at=self.tick(),
                ),
                t.AdapterRow(
                    id="a1",
                    round_id="r1",
                    path="rounds/0001/adapter",
                    digest=digest("adapter"),
                    base="tiny",
                    base_digest=digest("tiny"),
                    snapshot_id="s1",
                    config_json=canonical(config["training"]),
                    metrics_json=canonical({"steps": 60, "examples": 32, "losses": [[60, 0.2]]}),
                    promoted_at=self.tick(),
                    created_at=self.tick(),
                ),
                t.SettingRow(
                    key="promoted_student",
                    value=canonical({"adapter": "a1", "source": "student:r1", "previous": [None]}),
                ),
            ]
        )
        self.examples()
        self.evaluation()
        self.events()
        self.certificate()

    def examples(self) -> None:
        rows: list[SQLModel] = []
        picks: list[SQLModel] = []
        for task, _, _ in self.made:
            if task.split != "train":
                continue
            best = next(
                (s for s in ("synthesis", "examples") if self.words[task.id, s][2] == "proved"),
                None,
            )
            if best is None:
                picks.append(
                    t.SelectionRow(
                        round_id="r1", task_id=task.id, reason="Nothing verified: no winner."
                    )
                )
                continue
            answer, verdict, _, candidate = self.words[task.id, best]
            assert verdict is not None
            assert candidate is not None
            picks.append(
                t.SelectionRow(
                    round_id="r1",
                    task_id=task.id,
                    answer_id=answer,
                    verdict_id=verdict,
                    score=0.91,
                    terms_json=canonical({"verification": 1.0, "agreement": 0.8, "history": 0.85}),
                    reason="Proved; ahead by agreement.",
                )
            )
            rows.append(
                t.ExampleRow(
                    snapshot_id="s1",
                    position=len(rows),
                    task_id=task.id,
                    source_id=best,
                    answer_id=answer,
                    verdict_id=verdict,
                    candidate_id=candidate,
                )
            )
        self.add(picks)
        self.add(rows)
        with self.store.write() as session:
            snapshot = session.get(t.SnapshotRow, "s1")
            assert snapshot is not None
            snapshot.rows = len(rows)

    def evaluation(self) -> None:
        self.add(
            [
                t.EvaluationRow(
                    round_id="r1",
                    task_id=task.id,
                    category=task.category,
                    base_answer_id=self.words[task.id, "student:base"][0],
                    base_verdict=self.words[task.id, "student:base"][2],
                    student_answer_id=self.words[task.id, "student:r1"][0],
                    student_verdict=self.words[task.id, "student:r1"][2],
                )
                for task, _, _ in self.made
                if task.split == "eval"
            ]
        )

    def events(self) -> None:
        def event(number: int, stage: str, kind: str, **more: Any) -> t.EventRow:
            return t.EventRow(
                round_id=f"r{number}", stage=stage, kind=kind, created_at=self.tick(), **more
            )

        rows: list[SQLModel] = []
        for stage in ("baseline", "asked", "judged", "selected"):
            rows += [event(1, stage, "start"), event(1, stage, "done")]
        rows.append(event(1, "trained", "start", total=60))
        for step in range(1, 61):
            loss = round(1.9 * 0.95**step + 0.12 + self.chance.uniform(-0.03, 0.03), 4)
            rows.append(
                event(
                    1,
                    "trained",
                    "loss",
                    done=step,
                    total=60,
                    data_json=canonical({"step": step, "loss": loss}),
                )
            )
        for stage in ("trained", "evaluated", "promoted", "certified"):
            rows.append(event(1, stage, "done"))
        rows += [
            event(2, "asked", "start", total=32),
            event(2, "asked", "error", message="openai:gpt-5-mini: no key in the environment"),
            event(2, "asked", "done", done=32, total=32),
            event(2, "judged", "start", total=160),
            event(2, "judged", "progress", done=61, total=160, message="judging answers"),
        ]
        self.add(rows)

    def certificate(self) -> None:
        checks = [
            ("envelope", "the signature fits a trusted key", "pass", "ed25519, one signature"),
            ("files", "every file has its digest", "pass", "all files match SHA256SUMS"),
            ("recheck", "the obligations are unsat again", "skipped", "run with --recheck"),
        ]
        self.add(
            [
                t.CertificateRow(
                    id=digest("certificate"),
                    round_id="r1",
                    path="certificates/0001",
                    keyid=digest("key"),
                    checks_json=canonical(
                        [{"id": i, "claim": c, "status": s, "detail": d} for i, c, s, d in checks]
                    ),
                    verified_at=self.tick(),
                    created_at=self.tick(),
                )
            ]
        )


def _fill(value: Any, k: int) -> Any:
    if isinstance(value, list):
        return [_fill(v, k) for v in value]
    return k if value == "{k}" else value


def _assessed(shape: Shape, k: int) -> dict[str, Any]:
    """A strong contract for the first shape, a weak one with a survivor for the third."""
    weak = shape.name == "sum_above"
    survivor = {"change": "line 2: > became >=", "example": f"[{k}]", "code": shape.wrong}
    return {
        "verdict": "weak" if weak else "ok",
        "explanation": "1 of 9 mutants survives." if weak else "All 9 mutants are killed.",
        "satisfiable": "sat",
        "total": True,
        "holds_for_reference": True,
        "deterministic": not weak,
        "mutants": 9,
        "killed": 8 if weak else 9,
        "equivalent": 2,
        "hung": 0,
        "survivors": [survivor] if weak else [],
    }


def _funnel(words: dict[tuple[str, str], tuple[int, int | None, str, str | None]]) -> list[Any]:
    answered = len(words)
    proved = sum(1 for found in words.values() if found[2] == "proved")
    return [["answers", answered], ["verified", proved]]
