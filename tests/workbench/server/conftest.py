"""A real server on this machine, in a thread, over the small model that the project ships."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from workbench.server.app import create_app
from workbench.server.fleet import Fleet, Spec
from workbench.server.gate import Guard
from workbench.server.library import Library
from workbench.server.metrics import Metrics
from workbench.server.service import Service
from workbench.server.verified import Verifier
from workbench.settings import load_settings
from workbench.stages.train import shipped_base
from workbench.store.database import open_store


@dataclass(frozen=True)
class Running:
    """A server under test."""

    url: str
    service: Service
    verifier: Verifier
    home: Path

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60, **more)

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=120, **more)


Start = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    import uvicorn

    @contextmanager
    def started(
        *, batch: int = 8, queue: int = 64, timeout: float = 60.0, token: str | None = None,
        teachers: tuple[str, ...] = (), key: Any = None,
    ) -> Iterator[Running]:  # fmt: skip
        home = tmp_path_factory.mktemp("home")
        settings = load_settings(home, env={})
        store = open_store(settings)
        library = Library(store, settings)
        fleet = Fleet(batch=batch, queue=queue, device="cpu")
        fleet.load(Spec("student", shipped_base()))
        service = Service(fleet, Metrics(fleet.all), timeout=timeout)
        verifier = Verifier(service, settings, store, teachers, key)
        app = create_app(service, verifier, library=library, guard=Guard(token))
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none")
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive(), "the server ended while it started"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Running(f"http://127.0.0.1:{port}", service, verifier, home)
        finally:
            server.should_exit = True
            thread.join(30)
            fleet.close()
            store.close()

    return started


@pytest.fixture(scope="session")
def running(start: Start) -> Iterator[Running]:
    with start() as one:
        yield one
