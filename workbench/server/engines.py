"""Engines that run elsewhere: their command lines, their processes, and waiting until they answer.

What they are given is the base and the adapter; the chat template stays with our server. A model
that is larger than one machine is vLLM's (tensor and pipeline parallelism, on Ray) or llama.cpp's
(layers on other machines, by RPC): here are only the options that say so.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

from workbench.errors import InputError, MissingPartError

__all__ = ["KINDS", "ONE_MACHINE", "Process", "Spread", "start_process"]

KINDS = ("torch", "vllm", "llamacpp")
"""Engines by name; an address (http://...) is one more."""
_START_SECONDS = 600.0
_LLAMA = """
import sys, threading, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.hostnames, p.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
p.n_parallel, p.n_ctx, p.warmup = int(sys.argv[3]), int(sys.argv[4]), False
server = xllamacpp.Server(p)
sys.stdin.read()
"""


@dataclass(slots=True)
class Process:
    """A running engine: where it listens, what it calls the model, and its process if ours."""

    url: str
    model: str
    child: subprocess.Popen[bytes] | None = None
    folder: Path | None = None
    """A folder to delete with it."""

    def close(self) -> None:
        """End it."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self.child is not None and self.child.stdin is not None:
            self.child.stdin.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a model is laid over several accelerators or machines."""

    tensor: int = 1
    """Parts of each layer: accelerators of one machine (vLLM)."""
    pipeline: int = 1
    """Runs of layers: machines of a Ray cluster (vLLM)."""
    rpc: tuple[str, ...] = ()
    """Machines that run llama.cpp's rpc-server, HOST:PORT each."""

    def check(self, kind: str) -> None:
        """Refuse what the engine ``kind`` cannot do, before anything is loaded."""
        parts = self.tensor > 1 or self.pipeline > 1
        if parts and kind != "vllm":
            raise InputError(
                f"--tensor and --pipeline are vLLM's, and the engine is {kind}.",
                "Add --engine vllm, or leave them out.",
            )
        if self.rpc and kind != "llamacpp":
            raise InputError(
                f"--rpc is llama.cpp's, and the engine is {kind}.", "Add --engine llamacpp."
            )
        for place in self.rpc:
            host, _, port = place.rpartition(":")
            if not host or not port.isdecimal():
                raise InputError(f"--rpc {place!r} is not HOST:PORT.", "For example: node2:50052")


ONE_MACHINE = Spread()


def start_process(
    kind: str, name: str, base: str, adapter: Path | None, batch: int,
    spread: Spread = ONE_MACHINE,
) -> Process:  # fmt: skip
    """Start the engine ``kind`` over the model, or name the one at an address; wait until it is up.

    Raises ``MissingPartError`` when it is not installed and ``InputError`` when it does not start.
    """
    spread.check(kind)
    if kind.startswith(("http://", "https://")):
        return _known(kind.rstrip("/"))
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    if kind == "vllm":
        process = _vllm(url, port, name, base, adapter, spread)
    elif kind == "llamacpp":
        process = _llamacpp(url, port, base, adapter, batch, spread)
    else:
        raise InputError(
            f"There is no engine {kind!r}.", f"Known: {', '.join(KINDS)}, or an address."
        )
    _wait(process)
    return process


def _known(url: str) -> Process:
    try:
        answer = httpx.get(f"{url}/models", timeout=10)
        names = [one["id"] for one in answer.json()["data"]]
        return Process(url, str(names[0]))
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"No OpenAI-compatible engine answers at {url} ({type(error).__name__}).",
            "Give its address with /v1, for example http://127.0.0.1:8000/v1",
        ) from error


def _vllm(
    url: str, port: int, name: str, base: str, adapter: Path | None, spread: Spread
) -> Process:
    from distill.errors import DistillError
    from distill.serving import vllm_lora

    program = shutil.which("vllm")
    if program is None:
        raise MissingPartError(
            "The engine vLLM is not installed.", "Install it with: pip install vllm"
        )
    command = [program, "serve", base, "--host", "127.0.0.1", "--port", str(port),
               "--served-model-name", "base"]  # fmt: skip
    if spread.tensor > 1:
        command += ["--tensor-parallel-size", str(spread.tensor)]
    if spread.pipeline > 1:
        # Stages are on several machines, which only Ray reaches.
        command += ["--pipeline-parallel-size", str(spread.pipeline),
                    "--distributed-executor-backend", "ray"]  # fmt: skip
    model = "base"
    if adapter is not None:
        try:
            command += vllm_lora(adapter, name)
        except DistillError as error:
            raise InputError(str(error)) from error
        model = name
    return Process(f"{url}/v1", model, _spawn(command))


def _llamacpp(
    url: str, port: int, base: str, adapter: Path | None, batch: int, spread: Spread
) -> Process:
    """Write base and adapter as one GGUF file and serve it; with RPC by ``llama-server``."""
    from distill.errors import DistillError
    from distill.export import merge
    from distill.gguf_file import write_model

    program = shutil.which("llama-server")
    if spread.rpc and program is None:
        raise MissingPartError(
            "llama-server, which reaches other machines by RPC, is not on the PATH.",
            "Build llama.cpp with -DGGML_RPC=ON, here and for rpc-server on the others.",
        )
    if not spread.rpc and find_spec("xllamacpp") is None:
        raise MissingPartError.extra("The engine llama.cpp", "export")
    folder = Path(tempfile.mkdtemp(prefix="workbench-gguf-"))
    try:
        source = Path(base)
        if adapter is not None:
            source = folder / "merged"
            merge(base, adapter, source)
        write_model(source, folder / "model.gguf", kind="f32")
    except DistillError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(str(error)) from error
    config = json.loads((source / "config.json").read_text("utf-8"))
    context = int(config.get("max_position_embeddings", 4096)) * batch
    file = str(folder / "model.gguf")
    command = [sys.executable, "-c", _LLAMA, file, str(port), str(batch), str(context)]
    if spread.rpc and program is not None:
        command = [program, "--model", file, "--host", "127.0.0.1", "--port", str(port),
                   "--parallel", str(batch), "--ctx-size", str(context), "--n-gpu-layers", "999",
                   "--rpc", ",".join(spread.rpc)]  # fmt: skip
    return Process(f"{url}/v1", "model", _spawn(command), folder)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # An open pipe as its input: llama.cpp's process ends when ours does, however that ends.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait(process: Process) -> None:
    deadline = time.monotonic() + _START_SECONDS
    assert process.child is not None
    while True:
        try:
            if httpx.get(f"{process.url}/models", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if process.child.poll() is not None or time.monotonic() > deadline:
            process.close()
            raise InputError("The engine did not start.", "Start it by hand to see what it says.")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
