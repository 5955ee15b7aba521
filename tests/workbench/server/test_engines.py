"""What other engines are told: their programs are played by a script that notes its arguments."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.workbench.server.test_fleet import adapter
from workbench.errors import InputError, MissingPartError
from workbench.server.engines import Spread
from workbench.server.fleet import Fleet, Spec
from workbench.server.metrics import Metrics
from workbench.server.service import Service, Wanted
from workbench.stages.train import shipped_base

_PROGRAM = """#!{python}
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

with open({log!r}, "w") as stream:
    json.dump(sys.argv[1:], stream)
port = int(sys.argv[sys.argv.index("--port") + 1])

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{{"data": [{{"id": "x"}}]}}')
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        said = body["model"] + " heard " + str(len(body["prompt"]))
        for event in (
            {{"choices": [{{"text": said, "finish_reason": "stop"}}]}},
            {{"choices": [], "usage": {{"prompt_tokens": 5, "completion_tokens": 3}}}},
        ):
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\\n\\n")

ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def play(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program of that name on the PATH; return the file where its arguments will be."""
    log = folder / f"{name}.json"
    program = folder / name
    program.write_text(_PROGRAM.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def ask(fleet: Fleet, name: str) -> str:
    from distill.continuous import Ask

    service = Service(fleet, Metrics(fleet.all))
    return asyncio.run(service.whole(Wanted((("user", "x"),), Ask(5), name))).text


def test_vllm_gets_the_adapter_its_rank_and_how_it_is_laid_over_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = play("vllm", tmp_path, monkeypatch)
    lora = adapter(tmp_path / "lora", 1)
    fleet = Fleet(batch=4, queue=4)
    try:
        spread = Spread(tensor=4, pipeline=2)
        fleet.load(Spec("student", shipped_base(), lora, engine="vllm", spread=spread))
        assert ask(fleet, "student").startswith("student heard ")
        assert fleet.get("student").version.adapter_digest is not None
    finally:
        fleet.close()
    said = json.loads(log.read_text())
    assert said[:2] == ["serve", shipped_base()]
    line = " ".join(said)
    for part in (
        "--tensor-parallel-size 4", "--pipeline-parallel-size 2",
        "--distributed-executor-backend ray", "--enable-lora", "--max-lora-rank 8",
        f"--lora-modules student={lora}",
    ):  # fmt: skip
        assert part in line


def test_llamacpp_gets_the_machines_that_it_reaches_by_rpc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = play("llama-server", tmp_path, monkeypatch)
    fleet = Fleet(batch=4, queue=4)
    try:
        spread = Spread(rpc=("node1:50052", "node2:50052"))
        fleet.load(Spec("student", shipped_base(), engine="llamacpp", spread=spread))
        assert "heard" in ask(fleet, "student")
        said = json.loads(log.read_text())
        assert said[said.index("--rpc") + 1] == "node1:50052,node2:50052"
        assert said[said.index("--n-gpu-layers") + 1] == "999"
        assert Path(said[said.index("--model") + 1]).is_file()
    finally:
        fleet.close()
    assert not Path(said[said.index("--model") + 1]).exists(), "its file goes with it"


@pytest.mark.parametrize(
    ("engine", "spread", "says"),
    [
        ("torch", Spread(tensor=2), "are vLLM's, and the engine is torch"),
        ("llamacpp", Spread(pipeline=2), "are vLLM's"),
        ("vllm", Spread(rpc=("a:1",)), "is llama.cpp's"),
        ("llamacpp", Spread(rpc=("nowhere",)), "not HOST:PORT"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(engine: str, spread: Spread, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Fleet().load(Spec("x", shipped_base(), engine=engine, spread=spread))


def test_rpc_without_its_program_says_what_to_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingPartError, match="DGGML_RPC=ON"):
        Fleet().load(
            Spec("x", shipped_base(), engine="llamacpp", spread=Spread(rpc=("node1:50052",)))
        )
