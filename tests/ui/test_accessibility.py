"""Every screen under axe-core (WCAG 2.1, levels A and AA) in the same Chromium, light and dark.

What is Streamlit's own to mend is listed in ``THEIRS`` by rule and place, with the reason; anything
else fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ui.screenshots import BROWSERS, FLAGS, LOOKS, PATIENCE, addresses, serving, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(
        find_spec("axe_playwright_python") is None, reason="axe-playwright-python is not installed"
    ),
]

THEIRS: dict[str, tuple[str, ...]] = {
    # The menu's sections are lists whose items are wrapped once more than HTML allows.
    "list": ("stSidebarNavItems",),
    "listitem": ('<li class="st-emotion-cache',),
}
"""axe rule -> what the failing element contains where it is Streamlit's own widget."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, filled: Path) -> Path:
    target = tmp_path_factory.mktemp("axe") / "home"
    shutil.copytree(filled, target)
    return target


@pytest.fixture(scope="module")
def site(home: Path) -> Iterator[str]:
    with serving({**os.environ, "WORKBENCH_HOME": str(home)}) as address:
        yield address


def ours(violations: list[dict[str, Any]]) -> list[str]:
    """Return one line for each finding that is not known to be Streamlit's own."""
    lines = []
    for violation in violations:
        for node in violation["nodes"]:
            if any(part in node["html"] for part in THEIRS.get(violation["id"], ())):
                continue
            lines.append(f"{violation['id']}: {' '.join(node['target'])} {node['html'][:160]}")
    return lines


@pytest.mark.parametrize("look", LOOKS[:2], ids=lambda look: look.name)
def test_axe_finds_nothing_of_ours(
    browser: Browser, site: str, home: Path, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    options = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
        "resultTypes": ["violations"],
    }
    found: dict[str, list[str]] = {}
    for name, path in addresses().items():
        page.goto(site + path)
        settle(page)
        report = Axe().run(page, options=options).response
        if lines := ours(report["violations"]):
            found[name] = lines
    context.close()
    told = "\n".join(f"{name}\n  " + "\n  ".join(lines) for name, lines in found.items())
    assert not found, told
