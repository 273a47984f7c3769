"""The installed browser without a network: a page is opened from a file, and may ask for no more.

Without a browser these tests are skipped, or fail where LMI_DEPLOY_REQUIRE_BROWSER is 1.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from playwright.sync_api import (
    Browser,
    Dialog,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT_MS = 30_000


@dataclass
class Opened:
    """A page in the browser, and all that it did since it was opened beside showing itself."""

    page: Page
    url: str = ""
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write down errors, dialogs and requests for anything but the file itself."""
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda line: self.problems.append(f"{line.type}: {line.text}"))
        self.page.on("request", self._on_request)
        self.page.on("dialog", self._on_dialog)
        self.page.on("popup", lambda other: self.problems.append(f"window: {other.url}"))

    def _on_request(self, request: Request) -> None:
        if request.url.partition("#")[0] != self.url:
            self.problems.append(f"request: {request.url}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()


Opener = Callable[..., Opened]


def installed_browser() -> str | None:
    """The first browser on PATH; None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of a file; its processes are gone afterwards."""
    found = installed_browser()
    if found is None:
        missing = f"no browser is installed: one of {', '.join(BROWSERS)}"
        if os.environ.get("LMI_DEPLOY_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    home = str(tmp_path_factory.mktemp("home"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=ARGUMENTS, env={**os.environ, "HOME": home}
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def opener(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    """Opens a document as a file without a network, always in the same tab of the same options.

    A tab takes half a second to make, and a document that is loaded anew remembers nothing.
    """
    folder = tmp_path_factory.mktemp("pages")
    tabs: dict[tuple[tuple[str, Any], ...], Opened] = {}

    def opener(
        document: str,
        *,
        width: int = 1200,
        color_scheme: Literal["light", "dark"] = "light",
        **options: Any,
    ) -> Opened:
        name = tuple(sorted(options.items()))
        if name not in tabs:
            context = browser.new_context(offline=True, **options)
            context.set_default_timeout(WAIT_MS)
            tabs[name] = Opened(context.new_page())
        opened = tabs[name]
        file = folder / f"{hashlib.sha256(document.encode()).hexdigest()}.html"
        file.write_text(document, encoding="utf-8")
        opened.page.set_viewport_size(ViewportSize(width=width, height=800))
        opened.page.emulate_media(media="null", color_scheme=color_scheme)
        opened.page.goto("about:blank")
        opened.url = file.as_uri()
        opened.problems.clear()
        opened.page.goto(opened.url)
        return opened

    yield opener
    for opened in tabs.values():
        opened.page.context.close()
