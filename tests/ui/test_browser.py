"""Journeys in a real Chromium: links, a click into a cell, keys, reloads, two browsers, a phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ui.screenshots import BROWSERS, FLAGS, LOOKS, PATIENCE, addresses, serving, settle

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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, filled: Path) -> Iterator[str]:
    home = tmp_path_factory.mktemp("site") / "home"
    shutil.copytree(filled, home)
    with serving({**os.environ, "WORKBENCH_HOME": str(home)}) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    yield opened
    context.close()


def text(page: Page) -> str:
    return page.locator("[data-testid=stMain]").inner_text()


def test_a_first_visit_finds_nothing_and_the_command_that_fills_it(
    page: Page, tmp_path: Path
) -> None:
    with serving({**os.environ, "WORKBENCH_HOME": str(tmp_path / "none")}) as address:
        page.goto(address)
        settle(page)
        page.wait_for_function("document.body.innerText.includes('workbench demo')")


def test_nothing_is_fetched_from_anywhere_else(page: Page, site: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/matrix", "/rounds"):
        page.goto(site + path)
        settle(page)
    others = [u for u in asked if not u.startswith((site, site.replace("http", "ws"), "data:"))]
    assert not [u for u in others if not u.startswith("blob:")]


def test_a_link_reproduces_the_view(page: Page, site: str) -> None:
    page.goto(f"{site}/matrix?mode=refuted&search=clamp")
    settle(page)
    assert "mode=refuted" in page.url
    shown = text(page)
    page.reload()
    settle(page)
    assert text(page) == shown


def test_from_the_matrix_to_the_failing_call(page: Page, site: str) -> None:
    page.goto(f"{site}/matrix?mode=refuted&search=clamp")
    settle(page)
    grid = page.locator("[data-testid=stDataFrame] canvas").first
    box = grid.bounding_box()
    assert box is not None
    # A grid is a canvas: a click has a place. This is the first source's cell in the first row.
    page.mouse.click(box["x"] + 300, box["y"] + 55)
    page.wait_for_url("**/compare?*", timeout=PATIENCE)
    settle(page)
    assert "ensures" in text(page)
    assert "task=clamp" in page.url


def test_keys_step_through_the_filtered_tasks(page: Page, site: str) -> None:
    page.goto(f"{site}/compare?task=clamp%2F00004&in_search=clamp")
    settle(page)
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_url("**task=clamp%2F00008**", timeout=PATIENCE)
    settle(page)
    assert "clamp/00008" in text(page)


def test_two_browsers_see_each_others_word(browser: Browser, site: str) -> None:
    first, second = browser.new_page(), browser.new_page()
    for one in (first, second):
        one.set_default_timeout(PATIENCE)
        one.goto(f"{site}/compare?task=clamp%2F00012")
        settle(one)
    first.get_by_text("Disagree with the judge").first.click()
    first.get_by_label("Reason").first.fill("The prompt asks for something else.")
    first.get_by_role("button", name="Record it").first.click()
    first.get_by_text("accepted by a person").first.wait_for(timeout=PATIENCE)
    second.reload()
    settle(second)
    assert "accepted by a person" in text(second)
    first.close()
    second.close()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_no_screen_is_wider_than_its_window_or_breaks(
    browser: Browser, site: str, look: object
) -> None:
    from ui.screenshots import Look

    assert isinstance(look, Look)
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    for path in addresses().values():
        page.goto(site + path)
        settle(page)
        assert page.locator("[data-testid=stException]").count() == 0, path
        wide = page.evaluate(
            "(() => { const m = document.querySelector('[data-testid=stMain]');"
            " return m.scrollWidth - m.clientWidth; })()"
        )
        assert wide <= 1, f"{path} is {wide} px wider than the window"
    context.close()
