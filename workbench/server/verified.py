"""Verified serving: an answer with its verdict, repaired, else from a teacher; and who answered.

The student answers first, unless a threshold is set and its chance is below it: ``confidence``.
Its answer is judged against the request's contract; a refuted one goes back with its
counterexample; what is still not good enough goes to the teachers, in order, within the home's
caps. The best answer by the ladder is returned with its verdict, whatever that is: a client that
only wants proved answers reads the verdict.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.server.confidence import Confidence, Opinion
from workbench.server.feedback import Seen
from workbench.server.fleet import Served
from workbench.server.problems import RequestProblem
from workbench.server.service import Done, Service, Wanted
from workbench.settings import Settings
from workbench.stages.door import Door
from workbench.stages.prompts import repair_prompt, teacher_prompt
from workbench.store.database import Store
from workbench.tasks import Task, submission

if TYPE_CHECKING:
    from judge.verdict import Judgement
    from teachers.gateway import Gateway
    from teachers.protocol import Teacher
    from workbench.certificate.keys import SigningKey
    from workbench.retrieval import Embedder, Retriever

_INDEX_SECONDS = 600.0
_ACCEPTED = {"proved": 0, "bounded": 1, "tested": 2}


@dataclass(frozen=True, slots=True)
class Demand:
    """What a client wants verified, and what may be done for it."""

    task: Task | None
    """The question with its contract; None when nothing is to be judged."""
    repairs: int = 1
    fallback: bool = True
    receipt: bool = False
    accept: str = "proved"

    @classmethod
    def read(
        cls, contract: dict[str, Any] | None, verify: bool, repairs: int, fallback: bool,
        receipt: bool,
    ) -> Demand:  # fmt: skip
        """Read a request's fields; raises ``RequestProblem`` with a sentence."""
        if not verify:
            return cls(None, receipt=receipt)
        if contract is None:
            raise RequestProblem(
                'verify is set without a contract; send "contract": {"entry_point": ..., '
                '"signature": ..., "requires": [...], "ensures": [...]}'
            )
        fields = dict(contract)
        accept = fields.pop("accept", "proved")
        if accept not in _ACCEPTED:
            raise RequestProblem(f"accept is {accept!r}; it must be one of {', '.join(_ACCEPTED)}")
        return cls(_task(fields), repairs, fallback, receipt, accept)

    def good_enough(self, judgement: Judgement | None) -> bool:
        """Whether the verdict is what the client accepts."""
        if judgement is None:
            return False
        rank = _ACCEPTED.get(judgement.verdict.word)
        return rank is not None and rank <= _ACCEPTED[self.accept]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer on the way, with its verdict."""

    source: str
    done: Done
    judgement: Judgement | None
    reason: str = ""
    """Why there was nothing to judge, where that is so."""
    cost: Decimal | None = Decimal(0)

    @property
    def verdict(self) -> str:
        """The verdict's word; an answer without code is malformed."""
        return "malformed" if self.judgement is None else self.judgement.verdict.word

    @property
    def rank(self) -> int:
        """Its place on the ladder; of equals the first is taken."""
        return 0 if self.judgement is None else self.judgement.verdict.rank

    @property
    def said(self) -> str:
        """What the judge said of it."""
        return self.reason if self.judgement is None else self.judgement.explanation

    @property
    def record(self) -> dict[str, Any]:
        """What the response says of it."""
        return {"source": self.source, "verdict": self.verdict, "explanation": self.said,
                "cost": None if self.cost is None else str(self.cost)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verified:
    """What goes back: the chosen answer, the model's name, and the record beside it."""

    model: str
    done: Done
    record: dict[str, Any]


@dataclass(slots=True)
class Verifier:
    """Judges what is served. ``teachers`` are names in the order in which they are asked."""

    service: Service
    settings: Settings
    store: Store | None = None
    teachers: tuple[str, ...] = ()
    key: SigningKey | None = None
    embed: Embedder | None = None
    """Finds like examples by meaning; None goes by words."""
    confidence: Confidence | None = None
    """Weighs the student before it answers; None always lets it answer first."""
    _index: tuple[float, Retriever] | None = None
    _judging: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def answer(self, wanted: Wanted, demand: Demand) -> Verified:
        """Answer, judge, repair, fall back; see the module."""
        served = self.service.fleet.get(wanted.model)
        name = served.version.spec.name
        if demand.receipt and self.key is None:
            raise RequestProblem(
                "receipts are not signed here; start the server with --key NAME", status=501
            )
        task = None if demand.task is None else _asked(demand.task, wanted)
        if task is None:
            done = await self.service.whole(wanted, served)
            record: dict[str, Any] = {"answered_by": name, "model": served.version.facts}
            chosen = Attempt(name, done, None)
        else:
            await self._contract_holds_up(task)
            quiet = replace(wanted, keep=False)
            opinion = await self._opinion(quiet, demand, served, task)
            attempts = await self._attempts(quiet, demand, task, name, opinion)
            chosen = max(attempts, key=lambda one: one.rank)
            record = self._record(chosen, attempts, served.version.facts)
            if opinion is not None and self.confidence is not None:
                record["routing"] = opinion.record
                await asyncio.to_thread(self.confidence.note, task, opinion, chosen.source)
            self.service.metrics.judged(chosen.verdict, "student" if chosen.source == name else
                                        "teacher")  # fmt: skip
            await self._keep(wanted, served, task, chosen)
        if demand.receipt:
            assert self.key is not None
            record["receipt"] = _receipt(wanted, task, chosen, record, self.key)
        return Verified(name, chosen.done, record)

    def with_examples(self, wanted: Wanted, count: int) -> tuple[Wanted, list[dict[str, Any]]]:
        """Put proved examples before the question; returns it with the citations."""
        if isinstance(wanted.prompt, str):
            raise RequestProblem("examples need a conversation, not a text to continue")
        if self.store is None:
            raise RequestProblem("this server has no store to take examples from", status=501)
        found = self._examples(self.store).find(wanted.prompt[-1][1], count)
        turns = [turn for one in found for turn in (("user", one.prompt), ("assistant", one.code))]
        system = [turn for turn in wanted.prompt if turn[0] == "system"]
        rest = [turn for turn in wanted.prompt if turn[0] != "system"]
        cited = [
            {"task": one.task_id, "candidate": one.candidate_id, "likeness": round(one.likeness, 4)}
            for one in found
        ]
        return replace(wanted, prompt=(*system, *turns, *rest)), cited

    def _examples(self, store: Store) -> Retriever:
        """Return the index of proved examples, made anew when it is older than some minutes."""
        from workbench.retrieval import Retriever

        made, index = self._index or (0.0, None)
        if index is None or time.monotonic() - made > _INDEX_SECONDS:
            index = Retriever.of(store, self.embed)
            self._index = (time.monotonic(), index)
        return index

    async def _keep(self, wanted: Wanted, served: Served, task: Task, chosen: Attempt) -> None:
        keeper, question = self.service.keeper, wanted.question
        if keeper is None or not wanted.keep or question is None:
            return
        version = served.version
        seen = Seen(
            version.spec.name, version.digest, question, chosen.done.finish,
            len(chosen.done.text), chosen.source, task, chosen.verdict,
        )  # fmt: skip
        await asyncio.to_thread(keeper.keep, seen)

    async def _contract_holds_up(self, task: Task) -> None:
        """Refuse a contract that cannot be used before any answer is paid for."""
        stub = f"{task.signature.rstrip(':')}:\n    raise NotImplementedError\n"
        found = await self._judge(replace(task, tests=(), test_code=None), stub)
        if found.verdict.word in ("bad_contract", "vacuous", "malformed"):
            raise RequestProblem(f"the contract cannot be used: {found.explanation}")

    async def _opinion(
        self, wanted: Wanted, demand: Demand, served: Served, task: Task
    ) -> Opinion | None:
        """Weigh the student, where there is a threshold and somebody else who could be asked."""
        if self.confidence is None or not (demand.fallback and self.teachers):
            return None
        return await self.confidence.opinion(self.service, wanted, served, task)

    async def _attempts(
        self, wanted: Wanted, demand: Demand, task: Task, name: str, opinion: Opinion | None
    ) -> list[Attempt]:
        teachers_first = opinion is not None and not opinion.student_first
        attempts: list[Attempt] = []
        if teachers_first:
            attempts = await self._ask_teachers(demand, task, [])
            if any(demand.good_enough(one.judgement) for one in attempts):
                return attempts
        ready = opinion.greedy if opinion is not None and wanted.ask.temperature == 0 else None
        tried = await self._ask_student(wanted, demand, task, name, ready)
        attempts += tried
        settled = demand.good_enough(tried[-1].judgement) or teachers_first
        if demand.fallback and self.teachers and not settled:
            attempts += await self._ask_teachers(demand, task, tried[-1:])
        return attempts

    async def _ask_student(
        self, wanted: Wanted, demand: Demand, task: Task, name: str, ready: Done | None
    ) -> list[Attempt]:
        """Let the student answer, and repair what was refuted; ``ready`` is its first answer."""
        attempts: list[Attempt] = []
        asked = wanted
        for _ in range(1 + demand.repairs):
            done, ready = ready or await self.service.whole(asked), None
            attempts.append(await self._attempt(name, done, task))
            last = attempts[-1]
            if demand.good_enough(last.judgement):
                break
            if last.verdict not in ("refuted", "malformed") or isinstance(asked.prompt, str):
                break
            asked = replace(asked, prompt=(*asked.prompt, *_given_back(last)))
        return attempts

    async def _attempt(
        self, source: str, done: Done, task: Task, cost: Decimal | None = Decimal(0)
    ) -> Attempt:
        from teachers import extract_code

        if done.finish == "length":
            return Attempt(source, done, None, "The answer was cut at max_tokens.", cost)
        found = extract_code(done.text, task.entry_point, task.signature)
        if found.code is None:
            return Attempt(source, done, None, f"There is no code in it: {found.reason}.", cost)
        return Attempt(source, done, await self._judge(task, found.code), "", cost)

    async def _judge(self, task: Task, code: str) -> Judgement:
        from judge import judge_many

        one = submission(task, code, task.id)
        budget = self.settings.budget()
        async with self._judging:
            found = await asyncio.to_thread(lambda: list(judge_many([one], budget=budget)))
        return found[0]

    async def _ask_teachers(
        self, demand: Demand, task: Task, before: Sequence[Attempt]
    ) -> list[Attempt]:
        """Ask one teacher after another until an answer is good enough or a cap is met."""
        from workbench.stages.ask import open_teachers

        if self.store is None:
            return []
        attempts: list[Attempt] = []
        run = f"serve-{uuid.uuid4().hex[:12]}"
        gateway = Door().gateway(self.store, self.settings, run)
        async with AsyncExitStack() as stack:
            for teacher in open_teachers(self.teachers):
                stack.push_async_callback(teacher.close)
                attempts.append(await self._ask(gateway, teacher, task, [*before, *attempts]))
                if demand.good_enough(attempts[-1].judgement):
                    break
        return attempts

    async def _ask(
        self, gateway: Gateway, teacher: Teacher, task: Task, before: Sequence[Attempt]
    ) -> Attempt:
        from teachers.model import Finish, Sampling

        inputs = [
            tuple(one.judgement.counterexample.args)
            for one in before
            if one.judgement is not None and one.judgement.counterexample is not None
        ]
        # Only a formal teacher reads the inputs; the others read the question as it was.
        prompt = repair_prompt(task, [], inputs, []) if inputs else teacher_prompt(task)
        answer = await gateway.ask(teacher, prompt, Sampling())
        usage = answer.usage
        finish = "length" if answer.finish is Finish.LENGTH else "stop"
        done = Done(answer.text, finish, usage.input_tokens or 0, usage.output_tokens or 0,
                    answer.seconds, answer.seconds)  # fmt: skip
        if answer.finish is not Finish.STOP:
            why = answer.failure.message if answer.failure else str(answer.finish)
            return Attempt(teacher.name, done, None, f"No answer: {why}", answer.cost)
        return await self._attempt(teacher.name, done, task, answer.cost)

    def _record(
        self, chosen: Attempt, attempts: Sequence[Attempt], facts: dict[str, object]
    ) -> dict[str, Any]:
        from judge import to_record

        judgement = chosen.judgement
        said: dict[str, Any] = {"verdict": chosen.verdict, "explanation": chosen.said}
        if judgement is not None:
            said = to_record(judgement)
            said.pop("id", None)
        costs = [one.cost for one in attempts]
        return {
            "answered_by": chosen.source,
            "model": facts,
            "verdict": said,
            "obligations": [] if judgement is None else [o.digest for o in judgement.obligations],
            "attempts": [one.record for one in attempts],
            "cost": None if None in costs else str(sum((c for c in costs if c), Decimal(0))),
        }


def _task(fields: dict[str, Any]) -> Task:
    from workbench.task_formats import BadLineError, ours

    record = {"id": "served", "prompt": "-", **fields}
    for name in ("entry_point", "signature"):
        if not isinstance(record.get(name), str):
            raise RequestProblem(f"the contract lacks {name!r}")
    try:
        return ours(record, "none")
    except (BadLineError, InputError) as error:
        raise RequestProblem(f"the contract cannot be used: {error}") from error


def _asked(task: Task, wanted: Wanted) -> Task:
    """Return the task with the question that the client asked."""
    text = wanted.prompt
    if not isinstance(text, str):
        text = next((content for role, content in reversed(text) if role == "user"), "")
    return replace(task, prompt=text or "-")


def _given_back(attempt: Attempt) -> tuple[tuple[str, str], tuple[str, str]]:
    return (
        ("assistant", attempt.done.text),
        ("user", f"That is not right yet. {attempt.said}\nGive the whole corrected function."),
    )


def _receipt(
    wanted: Wanted, task: Task | None, chosen: Attempt, record: dict[str, Any], key: SigningKey
) -> dict[str, Any]:
    from workbench.certificate.receipt import make_receipt, prompt_digest

    ask = wanted.ask
    contract = None
    if task is not None:
        contract = {"entry_point": task.entry_point, "signature": task.signature, **task.contract}
    return make_receipt(
        chosen.done.text,
        {
            "answered_by": record["answered_by"],
            "model": record["model"],
            "prompt": {"sha256": prompt_digest(wanted.prompt)},
            "sampling": {
                "max_tokens": ask.max_tokens,
                "temperature": str(ask.temperature),
                "top_p": str(ask.top_p),
                "seed": ask.seed,
                "stop": list(ask.stop),
            },
            "contract": contract,
            "verdict": record.get("verdict", {}).get("verdict"),
            "obligations": record.get("obligations", []),
        },
        key,
    )
