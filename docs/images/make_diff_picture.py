"""Takes docs/images/diff.png: the page that the example of docs/diffing.md makes, in a browser.

Run it with `make picture` after a change of the page. Letters differ a little between machines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser.conftest import ARGUMENTS, installed_browser

HERE = Path(__file__).parent
STORY = HERE.parent / "diffing.md"
MADE = "diff.html"
WIDTH, HEIGHT = 1000, 1320


def page_of_the_story(folder: Path) -> Path:
    """The file that the lines below `### The page` write, in a repository of their own."""
    text = STORY.read_text(encoding="utf-8")
    (profile,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    section = text.partition("### The page\n")[2].partition("\n![")[0]
    lines = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "chat.yaml").write_text(profile, encoding="utf-8")
    setup = ["git init -q -b main .", "git add profiles", "git commit -q -m chat"]
    person = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (
            ("NAME", "lmi"),
            ("EMAIL", "lmi@example.com"),
            ("DATE", "2026-01-02T03:04:05Z"),
        )
    }
    variables = {
        **os.environ,
        **person,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    script = "\n".join(["set -e", *setup, *lines])
    # The lines are those of our own page.
    subprocess.run(["bash", "-c", script], cwd=folder, env=variables, check=True)  # noqa: S603, S607
    return folder / MADE


def main() -> None:
    """Write the picture beside this file."""
    browser_file = installed_browser()
    if browser_file is None:
        sys.exit("no browser is installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = page_of_the_story(Path(folder))
        browser = playwright.chromium.launch(executable_path=browser_file, args=ARGUMENTS)
        size = ViewportSize(width=WIDTH, height=HEIGHT)
        page = browser.new_page(viewport=size, offline=True, color_scheme="light")
        page.goto(page_file.as_uri())
        page.screenshot(path=HERE / "diff.png")
        browser.close()


if __name__ == "__main__":
    main()
