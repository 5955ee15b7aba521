"""Students to look at and to take away: lineage, and exports for other engines.

Reading needs no torch. An export is one folder with everything that an engine needs, written only
after what it holds was compared with the student here.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import col, select

from workbench.errors import InputError, MissingPartError, NotFoundError, StageError
from workbench.stages.promote import promoted_student
from workbench.store.canonical import parse
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, RoundRow

if TYPE_CHECKING:
    from distill.gguf_file import Kind

__all__ = ["Export", "StudentRecord", "chosen_adapter", "export_student", "lineage"]


@dataclass(frozen=True, slots=True)
class StudentRecord:
    """One trained student: where it comes from, how it did, whether it is in use."""

    adapter_id: str
    round_id: str | None
    parent_round: str | None
    base: str
    base_digest: str
    snapshot_id: str | None
    method: str
    examples: int | None
    path: str
    digest: str
    decision: str | None
    """The gate's sentence, or None where the round has not come so far."""
    in_use: bool
    created_at: datetime
    promoted_at: datetime | None


def lineage(store: Store) -> list[StudentRecord]:
    """Return every trained student of the home, the latest first."""
    used = promoted_student(store).adapter_id
    with store.read() as session:
        rows = session.exec(select(AdapterRow).order_by(col(AdapterRow.created_at).desc())).all()
        rounds = {row.id: row for row in session.exec(select(RoundRow))}
    found = []
    for row in rows:
        this = rounds.get(row.round_id or "")
        training = parse(row.config_json).get("training", {})
        found.append(
            StudentRecord(
                adapter_id=row.id,
                round_id=row.round_id,
                parent_round=this.parent_id if this else None,
                base=row.base,
                base_digest=row.base_digest,
                snapshot_id=row.snapshot_id,
                method=training.get("method", "sft"),
                examples=parse(row.metrics_json).get("examples"),
                path=row.path,
                digest=row.digest,
                decision=this.decision if this else None,
                in_use=row.id == used,
                created_at=row.created_at,
                promoted_at=row.promoted_at,
            )
        )
    return found


def chosen_adapter(store: Store, name: str | None) -> AdapterRow:
    """Return the adapter with this id or of this round; the one in use when ``name`` is None."""
    wanted = name or promoted_student(store).adapter_id
    if wanted is None:
        raise StageError(
            "The student in use is the plain base model; there is no adapter to take away.",
            "Name a round, or promote one: workbench promote",
        )
    with store.read() as session:
        row = session.get(AdapterRow, wanted)
        if row is None:
            query = select(AdapterRow).where(AdapterRow.round_id == wanted)
            row = session.exec(query.order_by(col(AdapterRow.created_at).desc())).first()
        known = [*session.exec(select(AdapterRow.id)), *session.exec(select(RoundRow.id))]
    if row is None:
        raise NotFoundError.among("student", wanted, known, "See all: workbench student list")
    return row


@dataclass(slots=True)
class Export:
    """What was written, and what was found when it was compared."""

    folder: Path
    adapter_id: str
    files: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    """One sentence a comparison."""
    commands: list[str] = field(default_factory=list)
    """Lines that put it to use."""


def export_student(
    store: Store,
    folder: Path,
    *,
    name: str | None = None,
    kind: Kind = "f16",
    answer_tokens: int = 256,
    gguf: bool = True,
) -> Export:
    """Write adapter, merged model, GGUF and Modelfile to ``folder``, whole or not at all.

    The merged model's logits are compared with base plus adapter, and the GGUF's greedy answers,
    given by real llama.cpp, with ours. Raises ``InputError`` when the folder exists or a form is
    not possible for this model.
    """
    folder = folder.resolve()
    if folder.exists():
        raise InputError(f"{folder} exists already.", "Give a folder that does not.")
    row = chosen_adapter(store, name)
    try:
        from distill.errors import DistillError
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("Exporting", "train") from error
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    export = Export(folder, row.id)
    try:
        _adapter_and_merged(store, row, part, export)
        if gguf:
            _gguf(row, part, export, kind, answer_tokens)
    except DistillError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise InputError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    except ModuleNotFoundError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise MissingPartError.extra("Exporting", "train") from error
    part.replace(folder)
    export.files = sorted(path.name for path in folder.iterdir())
    return export


def _adapter_and_merged(store: Store, row: AdapterRow, part: Path, export: Export) -> None:
    from distill.export import merge
    from distill.serving import vllm_command

    shutil.copytree(store.home / row.path, part / "adapter")
    merged = merge(row.base, part / "adapter", part / "merged")
    export.found.append(
        f"Merged equals base plus adapter: logits differ by {merged.difference:.2g} at most over "
        f"{merged.tokens} positions."
    )
    line = vllm_command(row.base, part / "adapter", name=row.round_id or row.id)
    export.commands.append(line.replace(str(part), str(export.folder)))


def _gguf(row: AdapterRow, part: Path, export: Export, kind: Kind, answer_tokens: int) -> None:
    from distill import llamacpp
    from distill.errors import DistillError
    from distill.export import PROBES
    from distill.gguf_file import write_model
    from distill.serving import modelfile
    from distill.student import Student

    path = part / "student.gguf"
    write_model(part / "merged", path, kind=kind)
    student = Student.load(part / "merged")
    context = int(student.model.config.max_position_embeddings)
    text = modelfile(path.name, student.tokenizer, context=context, answer_tokens=answer_tokens)
    (part / "Modelfile").write_text(text, encoding="utf-8")
    export.commands += [
        f"ollama create student -f {export.folder}/Modelfile",
        f"llama-server -m {export.folder}/student.gguf --jinja",
    ]
    if not llamacpp.available():
        export.found.append("The GGUF was not run: llama.cpp (xllamacpp) is not installed here.")
        return
    asked = [(("user", prompt),) for prompt in PROBES]
    prompts = [student.render(one) for one in asked]
    ours = [one.text for one in student.generate(asked, max_tokens=64)]
    theirs = llamacpp.complete(path, prompts, max_tokens=64)
    parity = llamacpp.compare(prompts, ours, theirs)
    export.found.append(
        f"llama.cpp gives {parity.same} of {parity.compared} greedy answers word for word ({kind})."
    )
    if kind in ("f32", "f16") and parity.same < parity.compared:
        raise DistillError(
            f"llama.cpp answers otherwise than the student ({parity.first_difference}); nothing "
            "was written, serve the adapter with vLLM"
        )
