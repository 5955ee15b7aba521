"""Why an answer got its verdict: a task, its answers with their code, and the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workbench.store.views.matrix import VERDICT, WORD
from workbench.store.views.reading import moment, one, rows, stored


@dataclass(frozen=True, slots=True)
class Task:
    """What was asked, whole."""

    id: str
    prompt: str
    entry_point: str
    signature: str
    requires: tuple[str, ...]
    ensures: tuple[str, ...]
    raises: tuple[str, ...]
    helpers: str
    tests: tuple[Mapping[str, Any], ...]
    category: str
    family: str | None
    split: str
    source: str
    licence: str
    adequacy: Any


@dataclass(frozen=True, slots=True)
class Obligation:
    """One property of one verdict; the SMT-LIB text is the blob ``digest``."""

    position: int
    kind: str
    text: str
    digest: str
    logic: str
    expected: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Override:
    """What a person said about a verdict."""

    decision: str
    reason: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A failing call as a person writes it down: what was called, what came, what was asked."""

    call: str
    got: str
    asks: str

    @property
    def text(self) -> str:
        """Three lines: the call, what came back, what was asked instead."""
        return f"{self.call}\n→ {self.got}\n✗ {self.asks}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with everything that stands behind it."""

    id: int
    word: str
    method: str
    bound: str | None
    cases: int
    explanation: str
    reason: str | None
    counterexample: Counterexample | None
    invariants: tuple[str, ...]
    assumptions: tuple[str, ...]
    findings: tuple[str, ...]
    recheck: str
    sandbox: tuple[str, ...]
    terms: Any
    score: float
    rlimit: int
    seconds: float
    identity: Mapping[str, Any]
    obligations: tuple[Obligation, ...]
    overrides: tuple[Override, ...]

    @property
    def override(self) -> Override | None:
        """The word of a person that stands now, or None when there is none or it was cleared."""
        last = self.overrides[-1] if self.overrides else None
        return None if last is None or last.decision == "clear" else last


@dataclass(frozen=True, slots=True)
class Given:
    """One answer: where it came from, what it cost, its code and the newest verdict on it."""

    id: int
    source_id: str
    attempt: int
    word: str
    finish: str
    text: str
    code: str | None
    candidate_id: str | None
    no_code_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None
    seconds: float
    at: datetime
    finding: Finding | None


def task(connection: Connection, task_id: str) -> Task | None:
    """Return a task, or None when there is none with this id."""
    r = one(connection, "SELECT * FROM task WHERE id = :id", id=task_id)
    if r is None:
        return None
    contract = stored(r["contract_json"]) or {}
    return Task(
        r["id"],
        r["prompt"],
        r["entry_point"],
        r["signature"],
        tuple(contract.get("requires", ())),
        tuple(contract.get("ensures", ())),
        tuple(contract.get("raises", ())),
        str(contract.get("helpers", "") or ""),
        tuple(stored(r["tests_json"]) or ()),
        r["category"],
        r["family"],
        r["split"],
        r["source"],
        r["licence"],
        stored(r["adequacy_json"]),
    )


def answers(connection: Connection, task_id: str, sources: Sequence[str]) -> tuple[Given, ...]:
    """Return the newest answer of each of ``sources`` to a task, in their order."""
    if not sources:
        return ()
    found = rows(
        connection,
        f"""SELECT a.*, c.code AS code, v.id AS verdict_id, {WORD} AS word
        FROM (SELECT source_id, max(id) AS id FROM answer
              WHERE task_id = :task AND source_id IN :sources GROUP BY source_id) n
        JOIN answer a ON a.id = n.id {VERDICT}
        LEFT JOIN candidate c ON c.id = a.candidate_id""",
        task=task_id,
        sources=list(sources),
    )
    given = {r["source_id"]: _given(connection, r) for r in found}
    return tuple(given[s] for s in sources if s in given)


def by_ids(connection: Connection, ids: Sequence[int]) -> tuple[Given, ...]:
    """Return these answers in this order; an id that does not exist is left out."""
    if not ids:
        return ()
    found = rows(
        connection,
        f"""SELECT a.*, c.code AS code, v.id AS verdict_id, {WORD} AS word FROM answer a {VERDICT}
        LEFT JOIN candidate c ON c.id = a.candidate_id WHERE a.id IN :ids""",
        ids=list(ids),
    )
    given = {r["id"]: _given(connection, r) for r in found}
    return tuple(given[number] for number in ids if number in given)


def attempts(connection: Connection, task_id: str, source: str) -> tuple[Given, ...]:
    """Return every answer of one source to a task, oldest first: the repairs after each other."""
    found = rows(
        connection,
        f"""SELECT a.*, c.code AS code, v.id AS verdict_id, {WORD} AS word FROM answer a {VERDICT}
        LEFT JOIN candidate c ON c.id = a.candidate_id
        WHERE a.task_id = :task AND a.source_id = :source ORDER BY a.id""",
        task=task_id,
        source=source,
    )
    return tuple(_given(connection, r) for r in found)


def _given(connection: Connection, r: Mapping[str, Any]) -> Given:
    return Given(
        r["id"],
        r["source_id"],
        r["attempt"],
        r["word"],
        r["finish"],
        r["text"],
        r["code"],
        r["candidate_id"],
        r["no_code_reason"],
        r["input_tokens"],
        r["output_tokens"],
        r["cost"],
        r["seconds"],
        moment(r["created_at"]),
        finding(connection, r["verdict_id"]) if r["verdict_id"] is not None else None,
    )


def finding(connection: Connection, verdict_id: int) -> Finding | None:
    """Return a verdict with its obligations and what people said about it, or None."""
    r = one(
        connection,
        "SELECT v.*, t.entry_point AS entry_point FROM verdict v JOIN task t ON t.id = v.task_id"
        " WHERE v.id = :id",
        id=verdict_id,
    )
    if r is None:
        return None
    obligations = rows(
        connection,
        "SELECT position, kind, text, digest, logic, expected, line FROM obligation"
        " WHERE verdict_id = :id ORDER BY position",
        id=verdict_id,
    )
    said = rows(
        connection,
        'SELECT decision, reason, author, created_at FROM "override"'
        " WHERE verdict_id = :id ORDER BY id",
        id=verdict_id,
    )
    return Finding(
        r["id"],
        r["verdict"],
        r["method"],
        r["bound"],
        r["cases"],
        r["explanation"],
        r["reason"],
        _counterexample(r["entry_point"], stored(r["counterexample_json"])),
        tuple(stored(r["invariants_json"]) or ()),
        tuple(stored(r["assumptions_json"]) or ()),
        tuple(stored(r["findings_json"]) or ()),
        r["recheck"],
        tuple(stored(r["sandbox_json"]) or ()),
        stored(r["terms_json"]),
        r["score"],
        r["rlimit"],
        r["seconds"],
        stored(r["identity_json"]) or {},
        tuple(Obligation(**o) for o in obligations),
        tuple(
            Override(s["decision"], s["reason"], s["author"], moment(s["created_at"])) for s in said
        ),
    )


def _counterexample(name: str, found: Mapping[str, Any] | None) -> Counterexample | None:
    """Write a stored counterexample down; its values are in the judge's plain encoding."""
    if found is None:
        return None
    from judge.plain import from_json

    call = f"{name}({', '.join(repr(from_json(a)) for a in found.get('args', ()))})"
    raised, violates = found.get("raised"), found.get("violates")
    if raised:
        told = f": {found['message']}" if found.get("message") else ""
        got = f"raised {raised}{told}"
    else:
        got = f"returned {from_json(found.get('result'))!r}"
    if violates:
        asks = f"the contract asks {violates}"
    elif raised:
        asks = "the contract allows no such exception"
    else:
        asks = f"the test expects {from_json(found.get('expected'))!r}"
    return Counterexample(call, got, asks)


@dataclass(frozen=True, slots=True)
class Entry:
    """One verdict in a list of proofs."""

    verdict_id: int
    task_id: str
    method: str
    obligations: int
    recheck: str


def latest_proofs(connection: Connection, *, last: int = 100) -> tuple[Entry, ...]:
    """Return the newest proved verdicts."""
    found = rows(
        connection,
        "SELECT v.id AS verdict_id, v.task_id AS task_id, v.method AS method,"
        " (SELECT count(*) FROM obligation o WHERE o.verdict_id = v.id) AS obligations,"
        " v.recheck AS recheck FROM verdict v WHERE v.verdict = 'proved'"
        " ORDER BY v.id DESC LIMIT :last",
        last=last,
    )
    return tuple(Entry(**r) for r in found)


@dataclass(frozen=True, slots=True)
class Proof:
    """One verdict with the code and the task it speaks about."""

    finding: Finding
    code: str
    candidate_id: str
    task: Task


def proof(connection: Connection, verdict_id: int) -> Proof | None:
    """Return what the proof of a verdict is made of, or None when there is no such verdict."""
    r = one(
        connection,
        "SELECT v.task_id, v.candidate_id, c.code FROM verdict v"
        " JOIN candidate c ON c.id = v.candidate_id WHERE v.id = :id",
        id=verdict_id,
    )
    found = finding(connection, verdict_id)
    about = task(connection, r["task_id"]) if r else None
    if r is None or found is None or about is None:
        return None
    return Proof(found, r["code"], r["candidate_id"], about)
