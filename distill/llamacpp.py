"""Real llama.cpp over a GGUF file: greedy continuations, to compare with ours.

The engine (the ``xllamacpp`` wheel) runs in a child process, because it cannot be taken down safely
from within. What it is not: a server for users; give the file to llama-server or Ollama for that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from distill.errors import DistillError

_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Parity:
    """How the engine's greedy answers compare with ours."""

    compared: int
    same: int
    first_difference: str | None
    """Prompt, our text and theirs, where they first differ."""


def available() -> bool:
    """Whether the engine is installed."""
    return find_spec("xllamacpp") is not None


def complete(
    model: Path, prompts: Sequence[str], *, max_tokens: int, lora: Path | None = None
) -> list[str]:
    """Return the engine's greedy continuation of each rendered prompt.

    Raises ``DistillError`` when the engine is missing, or cannot load the file.
    """
    if not available():
        raise DistillError(
            "llama.cpp is not here; install it with pip install 'distillation-workbench[export]'"
        )
    asked = {
        "model": str(model.resolve()), "lora": str(lora.resolve()) if lora else None,
        "prompts": list(prompts),
        "max_tokens": max_tokens,
    }  # fmt: skip
    command = [sys.executable, "-m", "distill.llamacpp"]
    source = str(Path(__file__).resolve().parents[1])
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=_SECONDS,
            cwd=source, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DistillError(f"llama.cpp did not answer within {_SECONDS:.0f} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DistillError(f"llama.cpp could not run {model.name}: {last}")
    texts = json.loads(done.stdout.splitlines()[-1])
    return [str(text) for text in texts]


def compare(prompts: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> Parity:
    """Compare texts, prompt by prompt, white space at the ends aside."""
    differ = [
        f"{prompt!r}: ours {a!r}, llama.cpp {b!r}"
        for prompt, a, b in zip(prompts, ours, theirs, strict=True)
        if a.strip() != b.strip()
    ]
    return Parity(len(prompts), len(prompts) - len(differ), differ[0] if differ else None)


def _child() -> None:
    """Answer what stdin asks, and print the texts as one JSON line."""
    import os
    import time

    import xllamacpp

    asked = json.load(sys.stdin)
    params = xllamacpp.CommonParams()
    params.model.path = asked["model"]
    params.n_ctx = 4096
    params.n_gpu_layers = 0
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.cache_prompt = False
    params.verbosity = -1
    if asked["lora"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(asked["lora"], 1.0)]
    server = xllamacpp.Server(params)
    time.sleep(0.2)
    texts = []
    for prompt in asked["prompts"]:
        body = {
            "prompt": prompt, "n_predict": asked["max_tokens"], "temperature": 0.0,
            "cache_prompt": False,
        }  # fmt: skip
        if asked["lora"]:
            body["lora"] = [{"id": 0, "scale": 1.0}]
        found = server.handle_completions(body)
        texts.append(found["content"] if "content" in found else found["choices"][0]["text"])
    print(json.dumps(texts), flush=True)
    # The engine's own threads do not end by themselves.
    os._exit(0)


if __name__ == "__main__":
    _child()
