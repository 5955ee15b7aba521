"""First paint and interaction of the dashboard over many answers, beside an eager ``st.dataframe``.

    python benchmarks/ui_first_paint.py [--answers 100000]

Makes a temporary store of that many answers, serves the dashboard, and times in a real headless
Chromium: warm first paint of each screen, then interactions that nobody did before (nothing about
them is cached), and the bytes that came over the web socket. An interaction lasts from the event in
the browser until the script has run and the screen rests. In the same run and the same browser it
does so for a page that hands all the answers to ``st.dataframe`` at once. Needs Chromium and
playwright; says so when they are missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket

EAGER = """
import os, sqlite3
import pandas as pd
import streamlit as st
frame = pd.read_sql(
    "SELECT a.id, a.task_id, a.source_id, a.finish, v.verdict, c.code FROM answer a"
    " LEFT JOIN verdict v ON v.candidate_id = a.candidate_id AND v.task_id = a.task_id"
    " LEFT JOIN candidate c ON c.id = a.candidate_id",
    sqlite3.connect(os.environ["WORKBENCH_HOME"] + "/workbench.db"),
)
st.title("Everything")
st.text_input("Search", key="search")
st.dataframe(frame, on_select="rerun", selection_mode="single-row")
"""
SCREENS = (
    *("", "matrix", "compare", "proof", "contracts", "dataset", "train", "rounds", "student"),
    *("sources", "certificates", "runs"),
)
DRAWN = (
    "[data-testid=stMainBlockContainer] :is([data-testid=stDataFrame], [data-testid=stCode],"
    " .wb-lead, .wb-bars, .wb-checks)"
)
IDLE = "!document.querySelector('[data-test-script-state=running]')"
WATCH = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    const seen = window.wbSeen = {began: 0, ran: false, rested: 0};
    const begin = () => { if (!seen.began) seen.began = performance.now(); };
    for (const kind of ['click', 'keydown']) addEventListener(kind, begin, {capture: true});
    const look = () => {
        const running = app.getAttribute('data-test-script-state') === 'running';
        if (running) { seen.ran = true; seen.rested = 0; }
        else if (seen.ran && !seen.rested) seen.rested = performance.now();
    };
    new MutationObserver(look).observe(app, {attributes: true});
}"""
"""Starts a clock at the person's event and stops it when the script that it caused has ended."""
RESTED = """() => {
    const seen = window.wbSeen;
    return seen.rested && performance.now() - seen.rested > 400
        && !document.querySelector('[data-stale=true]');
}"""


@dataclass
class Row:
    """One measurement: seconds and kilobytes received."""

    what: str
    seconds: float
    kilobytes: float


class Wire:
    """Counts the bytes that a page receives over its web sockets."""

    def __init__(self, page: Page) -> None:
        self.received = 0
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)

    def _count(self, frame: str | bytes) -> None:
        self.received += len(frame)


def measure(page: Page, wire: Wire, what: str, act: object, drawn: str = DRAWN) -> Row:
    """Time ``act`` until ``drawn`` is there and the script rests."""
    assert callable(act)
    before, start = wire.received, time.perf_counter()
    act()
    page.wait_for_selector(drawn, timeout=180_000)
    page.wait_for_function(IDLE, timeout=180_000)
    return Row(what, time.perf_counter() - start, (wire.received - before) / 1000)


def dashboard(browser: Browser, address: str, *, paint: bool = True) -> Iterator[Row]:
    """Yield the dashboard's measurements; each screen is visited once before, to be warm."""
    for name in SCREENS if paint else ("matrix",):
        for warm in (False, True):
            page = browser.new_page()
            wire = Wire(page)
            row = measure(
                page, wire, f"/{name} first paint", lambda p=page, n=name: p.goto(f"{address}/{n}")
            )
            if warm:
                yield row
            page.close()
    for what, path, act in INTERACTIONS:
        yield interact(browser, address, what, path, act)


def interact(
    browser: Browser, address: str, what: str, path: str, act: Callable[[Page], None]
) -> Row:
    """Open ``path`` in a page of its own, do ``act``, and time what the person waits for."""
    page = browser.new_page(viewport={"width": 1280, "height": 2_400})
    wire = Wire(page)
    measure(page, wire, "open", lambda: page.goto(f"{address}/{path}"))
    page.wait_for_timeout(700)
    page.evaluate(WATCH)
    before = wire.received
    act(page)
    page.wait_for_function(RESTED, timeout=180_000)
    took = page.evaluate("(window.wbSeen.rested - window.wbSeen.began) / 1000")
    row = Row(what, float(took), (wire.received - before) / 1000)
    page.close()
    return row


def _click(words: str, *, exact: bool = True) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_text(words, exact=exact).first.click()

    return act


def _next(page: Page) -> None:
    page.keyboard.press("Alt+ArrowRight")


def _turn(page: Page) -> None:
    page.get_by_label("Page 2", exact=True).first.click()


def _search(words: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        box = page.locator("input[aria-label=Search]").first
        box.fill(words)
        page.evaluate("window.wbSeen.began = 0")
        box.press("Enter")

    return act


def _choose(label: str, option: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_role("combobox", name=label).first.click()
        found = page.get_by_role("option", name=option, exact=True)
        found.wait_for()
        page.evaluate("window.wbSeen.began = 0")
        found.click()

    return act


INTERACTIONS: tuple[tuple[str, str, Callable[[Page], None]], ...] = (
    ("/matrix page turn", "matrix", _turn),
    ("/matrix last pages", "matrix?page=400", _click("399")),
    ("/matrix refuted", "matrix", _click("refuted")),
    ("/matrix different", "matrix", _click("different")),
    ("/matrix student fails", "matrix", _click("student fails")),
    ("/matrix category", "matrix", _choose("Category", "lists")),
    ("/matrix baseline", "matrix", _choose("Baseline", "student:base")),
    ("/matrix search", "matrix", _search("greater than 3")),
    ("/compare next task", "compare?task=clamp/00004", _next),
    ("/contracts page turn", "contracts", _turn),
    ("/dataset page turn", "dataset", _turn),
    ("/dataset source", "dataset", _choose("Source", "examples")),
    ("/rounds what was fixed", "rounds", _click("▲ fixed", exact=False)),
)
"""(what, where, the person's act): each on a page of its own, each for the first time."""


def eager(browser: Browser, address: str) -> Iterator[Row]:
    """Yield the same for the page that hands over everything."""
    for warm in (False, True):
        page = browser.new_page()
        wire = Wire(page)
        row = measure(page, wire, "eager first paint", lambda p=page: p.goto(address))
        if warm:
            yield row

        page.close()
    yield interact(browser, address, "eager interaction", "", _search("x"))


@contextmanager
def eager_server(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the eager page on a free port."""
    import socket

    script = folder / "eager.py"
    script.write_text(EAGER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"),
            *("--server.address=127.0.0.1", "--server.headless=true"),
            *("--browser.gatherUsageStats=false", "--server.fileWatcherType=none"),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        from ui.screenshots import wait_for

        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=15)


def main() -> int:
    """Run it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="a home made by an earlier --keep; not made anew")
    parser.add_argument("--keep", type=Path, help="make the store there and end")
    parser.add_argument("--no-paint", action="store_true", help="interactions only")
    parser.add_argument("--no-eager", action="store_true", help="leave the eager page out")
    chosen = parser.parse_args()
    from playwright.sync_api import sync_playwright

    from tests.ui.store_many import build_many
    from ui.screenshots import FLAGS, chromium, serving

    executable = chromium()
    with tempfile.TemporaryDirectory() as folder:
        home = chosen.home or chosen.keep or Path(folder) / "home"
        if chosen.home is None:
            start = time.perf_counter()
            build_many(home, answers=chosen.answers).close()
            print(f"store of {chosen.answers:,} answers: {time.perf_counter() - start:.0f} s")
        if chosen.keep is not None:
            return 0
        environment = {**os.environ, "WORKBENCH_HOME": str(home)}
        twice = 2.0 if chosen.answers > 300_000 else 1.0
        print(f"{'what':<28}{'seconds':>9}{'kB':>12}   goal", flush=True)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=executable, args=FLAGS)
            with serving(environment) as address:
                for row in dashboard(browser, address, paint=not chosen.no_paint):
                    _tell(row, _goal(row, twice))
            if not chosen.no_eager:
                with eager_server(Path(folder), environment) as address:
                    for row in eager(browser, address):
                        _tell(row, "")
            browser.close()
    return 0


def _tell(row: Row, goal: str) -> None:
    print(f"{row.what:<28}{row.seconds:>9.2f}{row.kilobytes:>12,.0f}   {goal}", flush=True)


def _goal(row: Row, times: float) -> str:
    """Say whether the goal is met; over a million answers it may take ``times`` as long."""
    limit = times * (2.5 if "first paint" in row.what else 0.5)
    met = row.seconds <= limit and row.kilobytes <= 200
    return f"{'met' if met else 'missed'} (<= {limit} s, <= 200 kB)"


if __name__ == "__main__":
    from workbench.errors import WorkbenchError

    try:
        sys.exit(main())
    except WorkbenchError as error:
        sys.exit(f"ui_first_paint: {error}")
