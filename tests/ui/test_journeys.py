"""A person's whole way in a real Chromium: from nothing to the certificate, and a job that outlives
the browser that started it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

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


def finished(home: Path) -> jobs.Job:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        job = jobs.jobs(home)[0]
        if job.status is not None:
            return job
        time.sleep(0.2)
    raise AssertionError(f"the job did not end: {job.tail}")


def test_from_nothing_to_the_certificate(browser: Browser, filled: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving({**os.environ, "WORKBENCH_HOME": str(home)}) as address:
        page = opened(browser, address)
        page.wait_for_function("document.body.innerText.includes('workbench demo')")
        shutil.copytree(filled, home)
        page.reload()
        page.get_by_text("made the student better").wait_for()
        page.goto(f"{address}/matrix?mode=refuted&search=clamp")
        settle(page)
        box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        assert box is not None
        # A grid is a canvas: a click has a place. This is a source's cell in the first row.
        page.mouse.click(box["x"] + 300, box["y"] + 55)
        page.wait_for_url("**/compare?*", timeout=PATIENCE)
        settle(page)
        page.get_by_text("Disagree with the judge").first.click()
        page.get_by_label("Reason").first.fill("The prompt means something else.")
        page.get_by_role("button", name="Record it").first.click()
        page.get_by_text("accepted by a person").first.wait_for()
        to_screen(page, "Dataset")
        page.get_by_role("button", name="Export", exact=True).click()
        # The rows of this home were written by hand and have no blob: the job ends in a sentence.
        page.get_by_text("failed").first.wait_for()
        assert finished(home).state == "failed"
        assert "workbench:" in finished(home).tail
        to_screen(page, "Certificates")
        assert "every file has its digest" in text(page)
        page.close()


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
