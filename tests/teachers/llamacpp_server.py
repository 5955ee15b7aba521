"""Runs llama.cpp's own HTTP server (from the ``xllamacpp`` wheel) in this process, until killed.

    python -m tests.teachers.llamacpp_server MODEL.gguf

Prints the server's address when it is up. A process of its own, because the server cannot be taken
down from within safely.
"""

from __future__ import annotations

import sys
import time

import xllamacpp


def main() -> None:
    """Start the server and stay until the parent closes our input."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 1024
    params.n_parallel = 2
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = False
    params.warmup = False
    if len(sys.argv) > 2:
        params.api_keys = [sys.argv[2]]
    server = xllamacpp.Server(params)
    time.sleep(0.2)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
