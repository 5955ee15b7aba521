"""Exports that engines can use: GGUF that llama.cpp answers alike, templates that are the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from distill import gguf_file, llamacpp
from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.errors import DistillError
from distill.example import Example
from distill.export import merge
from distill.loading import load_tokenizer
from distill.serving import chat_pieces, modelfile, vllm_command
from distill.student import Student
from distill.trainer import train

engine = pytest.mark.skipif(not llamacpp.available(), reason="xllamacpp is not installed")
CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ '<s>' }}{% for m in messages %}<|h|>{{ m['role'] }}<|/h|>\n\n{{ m['content'] }}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|h|>assistant<|/h|>\n\n{% endif %}"
)
LATE = (
    "{% for m in messages %}[{{ loop.index }}]{{ m['role'] }}:{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def adapter(base: Path, rows: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = TrainingPlan(
        lora=LoraConfig(rank=8, alpha=16, embeddings=False),
        training=TrainConfig(epochs=8, batch=8, rate=2e-2),
    )
    return train(rows, base, plan, tmp_path_factory.mktemp("adapter")).adapter_dir


@engine
def test_llama_cpp_answers_as_we_do_merged_and_with_the_adapter(
    base: Path, adapter: Path, rows: list[Example], tmp_path: Path
) -> None:
    adapted, plain = Student.load(base, adapter), Student.load(base)
    asked = [row.messages for row in rows[:6]]
    prompts = [adapted.render(one) for one in asked]
    ours = [g.text for g in adapted.generate(asked, max_tokens=24)]
    assert ours != [g.text for g in plain.generate(asked, max_tokens=24)]
    whole = merge(base, adapter, tmp_path / "merged").folder
    gguf_file.write_model(whole, tmp_path / "whole.gguf", kind="f32")
    theirs = llamacpp.complete(tmp_path / "whole.gguf", prompts, max_tokens=24)
    assert llamacpp.compare(prompts, ours, theirs).same == 6
    gguf_file.write_model(base, tmp_path / "base.gguf", kind="f32")
    gguf_file.write_lora(adapter, base, tmp_path / "lora.gguf")
    theirs = llamacpp.complete(
        tmp_path / "base.gguf", prompts, max_tokens=24, lora=tmp_path / "lora.gguf"
    )
    assert llamacpp.compare(prompts, ours, theirs).same == 6


@engine
def test_a_file_that_llama_cpp_cannot_load_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "torn.gguf").write_bytes(b"GGUF")
    with pytest.raises(DistillError, match=r"could not run torn\.gguf"):
        llamacpp.complete(tmp_path / "torn.gguf", ["x"], max_tokens=1)


def copied(base: Path, folder: Path, **changes: object) -> Path:
    folder.mkdir()
    for path in base.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def test_what_gguf_does_not_cover_is_refused_by_name(
    base: Path, adapter: Path, rows: list[Example], tmp_path: Path
) -> None:
    out = tmp_path / "x.gguf"
    with pytest.raises(DistillError, match="not for MixtralForCausalLM"):
        gguf_file.write_model(
            copied(base, tmp_path / "a", architectures=["MixtralForCausalLM"]), out
        )
    with pytest.raises(DistillError, match="rotary scaling"):
        gguf_file.write_model(
            copied(base, tmp_path / "b", rope_parameters={"rope_type": "llama3"}), out
        )
    other = copied(base, tmp_path / "c")
    data = json.loads((other / "tokenizer.json").read_text())
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\s+"
    (other / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(DistillError, match="cuts text in a way"):
        gguf_file.write_model(other, out)
    shared = train(
        rows[:4], base,
        TrainingPlan(lora=LoraConfig(embeddings=True), training=TrainConfig(epochs=1)),
        tmp_path / "shared",
    )  # fmt: skip
    with pytest.raises(DistillError, match="changes the embeddings"):
        gguf_file.write_lora(shared.adapter_dir, base, out)
    assert not out.exists()


@dataclass
class Templated:
    """A tokenizer with another chat template."""

    real: Any
    template: str
    bos_token: str | None = None
    eos_token: str = "<|im_end|>"

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> Any:
        return self.real.apply_chat_template(messages, chat_template=self.template, **options)


@pytest.mark.parametrize(("template", "bos"), [(CHATML, None), (LLAMA3, "<s>")])
def test_known_kinds_of_template_come_apart_and_together(
    base: Path, template: str, bos: str | None
) -> None:
    tokenizer = Templated(load_tokenizer(base), template, bos)
    pieces = chat_pieces(tokenizer)
    assert pieces.before["assistant"] in template.replace("' }}", "")
    assert pieces.start == (bos or "")
    assert ("You help." in pieces.go) == (template == CHATML)


def test_a_template_that_counts_turns_is_refused(base: Path) -> None:
    with pytest.raises(DistillError, match="no Ollama template"):
        chat_pieces(Templated(load_tokenizer(base), LATE))


def test_the_modelfile_has_the_models_own_template_and_stops(base: Path) -> None:
    text = modelfile("student.gguf", load_tokenizer(base), context=512, answer_tokens=96)
    assert text == (
        "FROM ./student.gguf\n"
        'TEMPLATE """{{ range .Messages }}{{ if eq .Role "system" }}<|system|>{{ .Content }}<|end|>'
        '{{ else if eq .Role "user" }}<|user|>{{ .Content }}<|end|>'
        '{{ else if eq .Role "assistant" }}<|assistant|>{{ .Content }}<|end|>{{ end }}{{ end }}'
        '<|assistant|>"""\n'
        'PARAMETER stop "<|end|>"\n'
        "PARAMETER temperature 0\nPARAMETER num_ctx 512\nPARAMETER num_predict 96\n"
    )


def test_the_line_for_vllm_names_the_adapter_and_its_rank(adapter: Path) -> None:
    line = vllm_command("Qwen/Qwen2.5-Coder-1.5B", adapter, name="r1")
    assert line == (
        "vllm serve Qwen/Qwen2.5-Coder-1.5B --enable-lora --max-lora-rank 8 "
        f"--lora-modules r1={adapter}"
    )
