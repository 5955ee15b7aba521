"""Students to take away: lineage, compared exports, and an Ollama that is switched to."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

from distill import llamacpp
from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.example import Example
from distill.family import generate
from distill.student import Student, base_digest
from distill.trainer import train
from workbench.errors import InputError, NotFoundError, StageError
from workbench.stages.deploy import deploy_student, deployed, switch_back
from workbench.stages.promote import override_gate, promoted_student
from workbench.stages.students import Export, chosen_adapter, export_student, lineage
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import AdapterRow, RoundRow

engine = pytest.mark.skipif(not llamacpp.available(), reason="xllamacpp is not installed")


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    rows = [
        Example(t.id, t.id, (("user", t.prompt),), t.reference.rstrip(), "reference")
        for t in generate(3, 8)
    ]
    return [
        train(
            rows, base,
            TrainingPlan(
                lora=LoraConfig(rank=4, embeddings=False),
                training=TrainConfig(epochs=1, batch=8, rate=2e-2, seed=seed),
            ),
            tmp_path_factory.mktemp(f"adapter{seed}"),
        ).adapter_dir
        for seed in (0, 1)
    ]  # fmt: skip


@pytest.fixture
def taught(store: Store, base: Path, adapters: list[Path]) -> Store:
    """A home with two trained rounds; the gate said no to both."""
    import shutil

    for number, folder in enumerate(adapters, 1):
        path = f"rounds/r{number}/adapter"
        shutil.copytree(folder, store.home / path)
        facts = json.loads((folder / "manifest.json").read_text())
        with store.write() as session:
            row = AdapterRow(
                id=f"r{number}-a", round_id=f"r{number}", path=path, digest=facts["digest"],
                base=str(base), base_digest=base_digest(base),
                config_json=canonical(facts["config"]), metrics_json=canonical({"examples": 8}),
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(
                RoundRow(
                    id=f"r{number}", number=number, config_json="{}", adapter_id=row.id,
                    promoted=False, decision="Not promoted.",
                )
            )  # fmt: skip
    return store


def test_the_lineage_names_data_method_and_the_one_in_use(taught: Store) -> None:
    override_gate(taught, "r1", reason="first", author="ada")
    found = {one.adapter_id: one for one in lineage(taught)}
    assert found["r1-a"].in_use
    assert not found["r2-a"].in_use
    assert (found["r1-a"].method, found["r1-a"].examples) == ("sft", 8)


@engine
def test_an_export_holds_what_engines_need_and_was_compared(
    taught: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match="no adapter to take away"):
        export_student(taught, tmp_path / "out")
    with pytest.raises(NotFoundError, match="no student 'r9'"):
        chosen_adapter(taught, "r9")
    found = export_student(taught, Path("out"), name="r2", kind="f32")
    assert found.files == ["Modelfile", "adapter", "merged", "student.gguf"]
    assert "3 of 3 greedy answers" in found.found[1]
    assert found.commands[0].startswith("vllm serve ")
    assert str(tmp_path / "out" / "adapter") in found.commands[0]
    with pytest.raises(InputError, match="exists already"):
        export_student(taught, tmp_path / "out", name="r2")


@engine
def test_an_answer_that_llama_cpp_gives_otherwise_stops_the_export(
    taught: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llamacpp, "complete", lambda path, prompts, max_tokens: ["x"] * 3)
    with pytest.raises(InputError, match="nothing was written"):
        export_student(taught, tmp_path / "out", name="r2")
    assert not list(tmp_path.glob("out*"))


class OllamaOfOneMachine:
    """The part of Ollama's protocol that a deployment uses, over real students."""

    def __init__(self, server: HTTPServer) -> None:
        self.blobs: dict[str, bytes] = {}
        self.models: dict[str, str] = {}
        self.students: dict[str, Student] = {}
        self.asked: list[dict[str, object]] = []
        server.expect_request("/api/create").respond_with_handler(self.create)
        server.expect_request("/api/chat").respond_with_handler(self.chat)
        server.expect_request("/api/copy").respond_with_handler(self.copy)
        server.expect_request(re.compile("/api/blobs/.*")).respond_with_handler(self.blob)

    def blob(self, request: Request) -> Response:
        data = request.get_data()
        name = request.path.rsplit("/", 1)[1]
        assert name == "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[name] = data
        return Response(status=201)

    def create(self, request: Request) -> Response:
        asked = request.get_json()
        self.asked.append(asked)
        (file,) = asked["files"].values()
        assert self.blobs[file].startswith(b"GGUF")
        self.models[asked["model"]] = asked["model"]
        return self.json({"status": "success"})

    def copy(self, request: Request) -> Response:
        asked = request.get_json()
        if asked["source"] not in self.models:
            return Response(json.dumps({"error": "model not found"}), 404)
        self.models[asked["destination"]] = self.models[asked["source"]]
        return Response(status=200)

    def chat(self, request: Request) -> Response:
        asked = request.get_json()
        prompt = asked["messages"][0]["content"]
        student = self.students[asked["model"].split(":")[1].split("-")[0]]
        text = student.generate([(("user", prompt),)], max_tokens=64)[0].text
        return self.json({"message": {"role": "assistant", "content": text}, "done": True})

    @staticmethod
    def json(value: object) -> Response:
        return Response(json.dumps(value), content_type="application/json")


@pytest.fixture
def ollama(httpserver: HTTPServer, base: Path, adapters: list[Path]) -> OllamaOfOneMachine:
    found = OllamaOfOneMachine(httpserver)
    found.students = {f"r{n}": Student.load(base, path) for n, path in enumerate(adapters, 1)}
    return found


def exported(store: Store, name: str, folder: Path) -> tuple[Export, AdapterRow]:
    row = chosen_adapter(store, name)
    return export_student(store, folder, name=name, kind="f32"), row


def test_a_student_is_created_tried_switched_to_and_rolled_back(
    taught: Store, tmp_path: Path, httpserver: HTTPServer, ollama: OllamaOfOneMachine
) -> None:
    host = httpserver.url_for("")
    for name in ("r1", "r2"):
        export, row = exported(taught, name, tmp_path / name)
        found = deploy_student(taught, export.folder, row, name="student", host=host)
        assert (found.same, found.tried) == (3, 3)
        assert ollama.models["student:latest"] == found.tag
    asked = ollama.asked[0]
    assert asked["parameters"] == {
        "stop": ["<|end|>"], "temperature": 0, "num_ctx": 512, "num_predict": 256,
    }  # fmt: skip
    assert "<|user|>{{ .Content }}" in str(asked["template"])
    back = switch_back(taught)
    assert back.tag.startswith("student:r1-")
    assert ollama.models["student:latest"] == back.tag == deployed(taught).tag  # type: ignore[union-attr]
    with pytest.raises(StageError, match="No student was deployed before"):
        switch_back(taught)


def test_a_model_that_answers_otherwise_there_is_not_switched_to(
    taught: Store, tmp_path: Path, httpserver: HTTPServer, ollama: OllamaOfOneMachine, base: Path
) -> None:
    class Mute:
        def generate(self, asked: object, max_tokens: int) -> list[object]:
            return [type("Said", (), {"text": "no"})]

    ollama.students["r1"] = Mute()  # type: ignore[assignment]
    export, row = exported(taught, "r1", tmp_path / "r1")
    with pytest.raises(StageError, match="nothing was switched"):
        deploy_student(taught, export.folder, row, name="student", host=httpserver.url_for(""))
    assert "student:latest" not in ollama.models
    assert deployed(taught) is None
    with pytest.raises(InputError, match="no model name"):
        deploy_student(taught, export.folder, row, name="A Student", host="x")
    with pytest.raises(StageError, match="No Ollama answers"):
        deploy_student(taught, export.folder, row, name="s", host="http://127.0.0.1:9")


def test_the_command_line_tells_and_rolls_back(taught: Store) -> None:
    from workbench.cli.student import app

    override_gate(taught, "r1", reason="first", author="ada")
    run = CliRunner()
    assert "against the gate. ada: first" in run.invoke(app, ["status"]).output
    listed = json.loads(run.invoke(app, ["list", "--json"]).output)
    assert {one["adapter_id"] for one in listed} == {"r1-a", "r2-a"}
    assert "the base model" in run.invoke(app, ["rollback"]).output
    assert promoted_student(taught).adapter_id is None
