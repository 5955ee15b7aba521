"""A person's whole way in a real Chromium: from nothing to the certificate, and a job that outlives
the browser that started it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from ui import jobs
from ui.screenshots import BROWSERS, FLAGS, PATIENCE, serving, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    settle(page)
    return page


def text(page: Page) -> str:
    return page.locator("[data-testid=stMain]").inner_text()


def to_screen(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    page.wait_for_url(f"**/{name.lower()}*", timeout=PATIENCE)
    page.get_by_role("heading", name=name, exact=True).wait_for()
    settle(page)


def begun(home: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while not jobs.jobs(home):
        assert time.monotonic() < deadline, "no job was started"
        time.sleep(0.1)


def finished(home: Path, seconds: float = PATIENCE / 1000) -> jobs.Job:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = jobs.jobs(home)[0]
        if job.status is not None:
            return job
        time.sleep(0.2)
    raise AssertionError(f"the job did not end: {job.tail}")


def test_from_nothing_to_the_certificate(browser: Browser, tmp_path: Path) -> None:
    """First visit, demonstration, broken task, counterexample, override, export, certificate."""
    home = tmp_path / "home"
    world = {"WORKBENCH_HOME": str(home), "WORKBENCH_CONFIG": str(tmp_path / "config")}
    with serving({**os.environ, **world}) as address:
        page = opened(browser, address)
        page.get_by_role("button", name="A quick look").click()
        begun(home)
        page.reload()
        ended = finished(home, seconds=900)
        assert ended.state in ("done", "no"), ended.tail
        page.get_by_text("held-out tasks proved").wait_for()
        task = a_refuted_task(home)
        page.goto(f"{address}/matrix?mode=refuted&search={quote(task)}")
        settle(page)
        box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        assert box is not None
        # A grid is a canvas: a click has a place. This is a source's cell in the first row.
        page.mouse.click(box["x"] + 300, box["y"] + 55)
        page.wait_for_url("**/compare?*", timeout=PATIENCE)
        settle(page)
        assert "→ returned" in text(page) or "→ raised" in text(page)
        page.get_by_text("Disagree with the judge").first.click()
        page.get_by_label("Reason").first.fill("The prompt means something else.")
        page.get_by_role("button", name="Record it").first.click()
        page.get_by_text("accepted by a person").first.wait_for()
        to_screen(page, "Dataset")
        page.get_by_role("button", name="Export", exact=True).click()
        page.get_by_role("button", name="Download it").wait_for()
        (exported,) = (home / "exports").glob("*.jsonl")
        rows = exported.read_text(encoding="utf-8").splitlines()
        assert rows
        assert all(json.loads(row)["prompt"] for row in rows)
        to_screen(page, "Certificates")
        page.get_by_role("button", name="Check it again now").click()
        page.get_by_text("Every check passed").wait_for()
        assert "✗ fails" not in text(page)
        page.close()


def a_refuted_task(home: Path) -> str:
    """Return a held-out task on which a student's answer breaks."""
    from workbench.store import Store
    from workbench.store.views import matrix

    with Store.open(home, read_only=True) as store, store.engine.connect() as connection:
        found = matrix.page(connection, matrix.Filter(mode=matrix.Mode.REFUTED, split="eval"))
        return found.rows[0].task_id


def test_a_job_outlives_a_reload_and_the_browser(
    browser: Browser, filled: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(filled, home)
    with serving({**os.environ, "WORKBENCH_HOME": str(home)}) as address:
        live = f"{address}/compare?task=clamp%2F00004&way=live"
        page = opened(browser, live)
        page.get_by_label("Remove student").click()
        settle(page)
        page.get_by_role("button", name="Ask them").click()
        begun(home)
        page.reload()
        page.close()
        job = finished(home)
        assert job.command[:3] == ("workbench", "compare", "clamp/00004")
        assert job.state == "done", job.tail
        page = opened(browser, live)
        page.get_by_label("Remove student").click()
        settle(page)
        page.get_by_text("The proof").first.wait_for()
        assert "✓ proved" in text(page)
        page.close()
