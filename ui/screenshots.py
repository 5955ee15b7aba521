"""Take a picture of every screen in light, in dark and on a phone.

The command is ``python -m ui.screenshots DIR``. It needs Chromium and the Python package
playwright; where one is missing it says which, with the line that installs it, and ends with
status 2.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from workbench.cli.ui import server_command
from workbench.errors import MissingPartError, WorkbenchError
from workbench.settings import load_settings
from workbench.store import Store
from workbench.store.views import answers, matrix

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TALLEST = 4_000
PATIENCE = 120_000
"""Milliseconds; a machine at work is slow, and a screen that is slow is still a screen."""


@dataclass(frozen=True, slots=True)
class Look:
    """One way of looking at a screen."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


LOOKS = (
    Look("light", 1280, 860, "light"),
    Look("dark", 1280, 860, "dark"),
    Look("phone", 390, 844, "light"),
)


def main(arguments: list[str]) -> int:
    """Take the pictures into the folder named by the only argument; return the exit status."""
    if len(arguments) != 1:
        print("usage: python -m ui.screenshots DIR", file=sys.stderr)
        return 2
    try:
        for path in take(Path(arguments[0])):
            print(path)
    except WorkbenchError as error:
        print(f"workbench: {error}", file=sys.stderr)
        return 2
    return 0


def take(folder: Path) -> Iterator[Path]:
    """Yield the path of each picture as soon as it is there."""
    executable = chromium()
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with serving() as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            for look in LOOKS:
                yield from _pictures(browser, address, look, folder)
        finally:
            browser.close()


def chromium() -> str:
    """Return the path of a Chromium; raise a sentence when it or playwright is missing."""
    if find_spec("playwright") is None:
        raise MissingPartError.extra("Taking pictures", "dev")
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise MissingPartError(
        "There is no Chromium on this machine.",
        "Install it with: apt-get update && apt-get install -y chromium",
    )


@contextmanager
def serving(environment: dict[str, str] | None = None) -> Iterator[str]:
    """Serve the dashboard on a free loopback port for the length of the block; yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    app = Path(__file__).resolve().parent / "app.py"
    server = subprocess.Popen(
        server_command(app, port),
        env=environment if environment is not None else dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until ``url`` answers; raise a sentence when the server ends or a minute has passed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise WorkbenchError(
                f"The dashboard ended at once with status {server.returncode}.",
                "Run `workbench ui` to see why.",
            )
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise WorkbenchError("The dashboard did not answer within a minute.", "Run `workbench doctor`.")


def addresses() -> dict[str, str]:
    """Return screen name -> address, with a task and a proof from the store if it has any."""
    settings = load_settings()
    task, verdict = "", ""
    if (settings.home / "workbench.db").exists():
        with (
            Store.open(settings, read_only=True) as store,
            store.engine.connect() as connection,
        ):
            task, verdict = _worth_showing(connection)
    compare = f"?{urlencode({'task': task})}" if task else ""
    proof = f"?{urlencode({'verdict': verdict})}" if verdict else ""
    return {
        "overview": "/",
        "matrix": "/matrix",
        "compare": f"/compare{compare}",
        "proof": f"/proof{proof}",
        "rounds": "/rounds",
        "contracts": "/contracts",
        "dataset": "/dataset",
        "train": "/train",
        "student": "/student",
        "sources": "/sources",
        "certificates": "/certificates",
        "runs": "/runs",
        "doctor": "/doctor",
    }


def _worth_showing(connection: object) -> tuple[str, str]:
    """Choose a task where a student fails and a teacher has a proof, and that proof."""
    from sqlalchemy import Connection

    assert isinstance(connection, Connection)
    for mode in (matrix.Mode.STUDENT_FAILS, matrix.Mode.DIFFERENT, matrix.Mode.ALL):
        found = matrix.page(connection, matrix.Filter(mode=mode), size=20).rows
        # A refutation says more than a missing answer.
        student = matrix.newest_student(connection) or ""
        found = tuple(
            sorted(
                found,
                key=lambda r: (
                    student not in r.cells or r.cells[student].word != "refuted",
                    all(c.word != "refuted" for c in r.cells.values()),
                ),
            )
        )
        if found:
            names = [s.id for s in matrix.sources(connection)]
            given = answers.answers(connection, found[0].task_id, names)
            proofs = [g.finding.id for g in given if g.finding and g.word == "proved"]
            proofs += [e.verdict_id for e in answers.latest_proofs(connection, last=1)]
            return found[0].task_id, str(proofs[0]) if proofs else ""
    return "", ""


def _pictures(browser: Browser, address: str, look: Look, folder: Path) -> Iterator[Path]:
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme
    )
    page = context.new_page()
    for name, path in addresses().items():
        page.set_viewport_size({"width": look.width, "height": look.height})
        page.goto(address + path)
        settle(page)
        tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size(
            {"width": look.width, "height": max(look.height, min(TALLEST, int(tall)))}
        )
        page.wait_for_timeout(700)
        target = folder / f"{name}-{look.name}.png"
        page.screenshot(path=str(target))
        yield target
    context.close()


def settle(page: Page) -> None:
    """Wait until the screen is drawn and its script rests."""
    page.wait_for_selector("[data-testid=stMainBlockContainer]", timeout=PATIENCE)
    page.wait_for_selector(
        "[data-testid=stHeading], [data-testid=stHtml] .wb-lead", timeout=PATIENCE
    )
    page.wait_for_function(
        "!document.querySelector('[data-test-script-state=running], [data-testid=stSkeleton]')",
        timeout=PATIENCE,
    )
    page.wait_for_timeout(600)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
