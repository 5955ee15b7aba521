"""A small round as evidence, and how tests lie about it with a valid signature."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.certificate import (
    AnswerRecord,
    CounterexampleRecord,
    EvaluationRecord,
    IdentityRecord,
    ObligationRecord,
    RoundEvidence,
    SelectionCandidate,
    SelectionPolicy,
    SelectionRecord,
    SourceRecord,
    TaskRecord,
    TrainingRecord,
    VerdictRecord,
)
from workbench.certificate.adapter import adapter_digest
from workbench.certificate.envelope import pae
from workbench.certificate.keys import SigningKey
from workbench.certificate.strict import canonical

IDENTITY = IdentityRecord(
    encoder="test/1", solvers=(("cvc5", "1.4.2"), ("z3", "5.4.0")), rlimit=10**6
)
HEAD = "(set-logic ALL)\n(declare-const v.x Int)\n"
COMPANION = HEAD + "(assert true)\n(check-sat)\n"


def sha(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def goal(number: int) -> str:
    """A valid goal: x + n is above x + n - 1."""
    return HEAD + f"(assert (not (> (+ v.x {number}) (+ v.x {number - 1}))))\n(check-sat)\n"


def task(name: str, number: int, split: str) -> TaskRecord:
    contract = {
        "requires": [],
        "ensures": ["result >= 0", f"result == x + {number} or (result == 0 and x + {number} < 0)"],
        "raises": [],
        "helpers": "",
    }
    fields: dict[str, Any] = {
        "prompt": f"Write add(x) that returns x plus {number}, but nothing below 0.",
        "entry_point": "add",
        "signature": "def add(x: int) -> int",
        "tests": [{"args": [1], "expected": 1 + number}],
        "test_code": None,
    }
    digest = sha(canonical({**fields, "contract": contract}))
    return TaskRecord.model_validate_json(
        json.dumps(
            {**fields, **contract, "id": name, "digest": digest, "category": "ints", "split": split}
        )
    )


def right(number: int) -> str:
    head = f"def add(x: int) -> int:\n    y = x + {number}\n"
    return head + "    if y < 0:\n        return 0\n    return y\n"


def wrong(number: int) -> str:
    return f"def add(x: int) -> int:\n    return x - {number}\n"


def proved(candidate: str, name: str, number: int) -> VerdictRecord:
    return VerdictRecord(
        candidate=candidate,
        task=name,
        verdict="proved",
        method="straight-line",
        obligations=(
            ObligationRecord(
                digest=sha(goal(number)), kind="safety", text="result == x + n", logic="ALL"
            ),
            ObligationRecord(
                digest=sha(COMPANION), kind="companion", text="True", logic="ALL", expected="sat"
            ),
        ),
        plan='{"strategy":"straight-line"}',
        recheck="confirmed",
        identity=IDENTITY,
        rlimit=881,
    )


def refuted(candidate: str, name: str) -> VerdictRecord:
    return VerdictRecord(
        candidate=candidate,
        task=name,
        verdict="refuted",
        method="search",
        counterexample=CounterexampleRecord(args=(1,), result=0, violates="result >= 0"),
        identity=IDENTITY,
    )


def adapter_folder(folder: Path, size: int = 64) -> Path:
    """Write a real safetensors adapter with ``size`` bytes of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}\n')
    body = bytes(range(64)) * (size // 64)
    header = json.dumps(
        {"a": {"dtype": "U8", "shape": [len(body)], "data_offsets": [0, len(body)]}},
        separators=(",", ":"),
    ).encode()
    header += b" " * (-len(header) % 8)
    (folder / "adapter_model.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + body
    )
    return folder


def round_evidence(
    folder: Path, *, tasks: int = 4, number: int = 1, train: int | None = None, weights: int = 64
) -> RoundEvidence:
    """``train`` tasks (default half) are for training; a good and a bad teacher answered."""
    split = tasks // 2 if train is None else train
    adapter = adapter_folder(folder / "adapter-source", weights)
    records = [task(f"t{i:05}", i + 1, "train" if i < split else "eval") for i in range(tasks)]
    answers: list[AnswerRecord] = []
    verdicts: list[VerdictRecord] = []
    selected: list[SelectionRecord] = []
    rows: list[dict[str, Any]] = []
    examples: list[int] = []
    evaluation: list[EvaluationRecord] = []
    obligations = {sha(COMPANION): COMPANION}
    for i, record in enumerate(records):
        n = i + 1
        names = ("good", "bad") if record.split == "train" else ("student:r1", "student:base")
        good, bad = sha(right(n)), sha(wrong(n))
        for offset, (source, code) in enumerate(zip(names, (right(n), wrong(n)), strict=True)):
            answers.append(
                AnswerRecord(
                    answer=2 * i + offset + 1,
                    task=record.id,
                    source=source,
                    candidate=sha(code),
                    code=code,
                    cost="0.0012",
                )
            )
        verdicts += [proved(good, record.id, n), refuted(bad, record.id)]
        obligations[sha(goal(n))] = goal(n)
        if record.split == "train":
            selected.append(selection(record, answers[-2:]))
            examples.append(2 * i + 1)
            rows.append(
                {
                    "id": f"row{i}",
                    "task_id": record.id,
                    "messages": [["user", record.prompt]],
                    "completion": right(n).strip("\n"),
                }
            )
        else:
            evaluation.append(
                EvaluationRecord(
                    task=record.id,
                    category="ints",
                    base_candidate=bad,
                    base_verdict="refuted",
                    student_candidate=good,
                    student_verdict="proved",
                )
            )
    dataset = b"".join(canonical(row).encode() + b"\n" for row in rows)
    digests = {f"adapter/{p.name}": sha(p.read_bytes()) for p in sorted(adapter.iterdir())}
    return RoundEvidence(
        number=number,
        round_id=f"r{number:04}",
        config={"lr": 0.001},
        tasks=tuple(records),
        sources=(
            *(
                SourceRecord(
                    id=name, kind="teacher", provider="test", model=name, training_policy="allowed"
                )
                for name in ("good", "bad")
            ),
            *(
                SourceRecord(id=name, kind="student", provider="local", model="tiny")
                for name in ("student:base", "student:r1")
            ),
        ),
        answers=tuple(answers),
        verdicts=tuple(verdicts),
        obligations=obligations,
        selection=SelectionPolicy(
            rule="verified-first/1",
            policy={
                "accept": ["proved"],
                "weights": {"verification": 0.5, "agreement": 0.3, "history": 0.2},
            },
        ),
        selected=tuple(selected),
        dataset=dataset,
        examples=tuple(examples),
        evaluation=tuple(evaluation),
        base_model="tiny",
        base_digest=sha("base"),
        versions={"workbench": "0.1.0", "python": "3.11"},
        training=TrainingRecord(
            method="lora",
            seed=0,
            steps=10,
            dataset_digest=sha(dataset),
            base_digest=sha("base"),
            adapter_digest=adapter_digest(digests),
            config={"rank": 8},
            losses=("2.0", "1.0", "0.5"),
        ),
        adapter_dir=adapter,
        promoted=True,
        decision="Promoted: the interval lies above zero.",
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:10:00Z",
    )


def selection(record: TaskRecord, answers: list[AnswerRecord]) -> SelectionRecord:
    return SelectionRecord(
        task=record.id,
        category=record.category,
        split=record.split,
        candidates=tuple(
            SelectionCandidate(
                answer=answer.answer,
                candidate=answer.candidate,
                source=answer.source,
                verdict="proved" if answer.source == "good" else "refuted",
                training="allowed",
                basis="",
                same=0,
                others=1,
                right=3,
                wrong=1,
                attempt=0,
                characters=len(answer.code),
            )
            for answer in answers
        ),
    )


def payload_of(folder: Path) -> Any:
    envelope = json.loads((folder / "certificate.json").read_text())
    return json.loads(base64.b64decode(envelope["payload"]))


def sign(folder: Path, payload: Any, key: SigningKey) -> None:
    """Write an envelope of any payload: JSON value or raw bytes."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    kind = "application/vnd.in-toto+json"
    envelope = {
        "payload": base64.b64encode(raw).decode(),
        "payloadType": kind,
        "signatures": [
            {"keyid": key.keyid, "sig": base64.b64encode(key.sign(pae(kind, raw))).decode()}
        ],
    }
    (folder / "certificate.json").write_text(json.dumps(envelope))


def reseal(folder: Path, key: SigningKey, change: Callable[[Any], None] | None = None) -> None:
    """What a lying signer does: fix up sums, subjects and signature after changing files."""
    names = sorted(
        str(p.relative_to(folder))
        for p in folder.rglob("*")
        if p.is_file() and p.name not in ("certificate.json", "SHA256SUMS")
    )
    sums = {name: sha((folder / name).read_bytes()) for name in names}
    text = "".join(f"{sums[name]}  {name}\n" for name in names)
    (folder / "SHA256SUMS").write_text(text)
    statement = payload_of(folder)
    subjects = {"SHA256SUMS": sha(text)} | {
        name: digest for name, digest in sums.items() if name.startswith("adapter/")
    }
    statement["subject"] = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())
    ]
    if change is not None:
        change(statement)
    sign(folder, statement, key)


def edit_lines(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Change JSON Lines and write them in their canonical spelling."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(canonical(row) + "\n" for row in change(rows)))
