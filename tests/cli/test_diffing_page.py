"""docs/diffing.md, run from its first example to its last; `--update-golden` writes it anew."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from lmi_deployer import cli
from lmi_deployer.diffing.as_data import json_schema
from lmi_deployer.impact import Impact
from tests.conftest import UPDATE

PAGE = Path(__file__).parents[2] / "docs" / "diffing.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
SKIPPED = "...\n"
"""Stands for any lines in what is shown."""


STATUS = "; echo $?"


@pytest.fixture(autouse=True)
def a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page begins with, committed."""
    text = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    Path("profiles/chat.yaml").write_text(text[0])
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "lmi")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "lmi@example.com")
        monkeypatch.setenv(f"GIT_{role}_DATE", "2026-01-02T03:04:05Z")
    for words in ("init -q -b main .", "add profiles", "commit -q -m chat"):
        subprocess.run(["git", *words.split()], check=True)


def printed(line: str) -> str:
    """What a line prints, both streams together.

    The command runs in this process where nothing else is in the line: it starts in no time.
    """
    words = line.removesuffix(STATUS)
    if words.startswith("lmi-deploy ") and "|" not in words:
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            status = cli.run(shlex.split(words)[1:])
        return out.getvalue() + (f"{status}\n" if line != words else "")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode("utf-8")


def is_shown(text: str, shown: str) -> bool:
    parts = [re.escape(part) for part in shown.split(SKIPPED)]
    return re.fullmatch("(?:.*\n)*?".join(parts), text) is not None


@pytest.mark.skipif(shutil.which("bash") is None, reason="its examples are lines of bash")
def test_every_example_prints_what_is_shown(request: pytest.FixtureRequest):
    page = PAGE.read_text("utf-8")
    is_update = bool(request.config.getoption(UPDATE))
    wrong = []

    def checked(block: re.Match[str]) -> str:
        text = block[0]
        for line, shown in COMMAND.findall(block[1]):
            if line.startswith("cat "):  # the page says what such a file holds
                Path(line.removeprefix("cat ")).write_text(shown)
                continue
            came = printed(line)
            if not is_shown(came, shown):
                wrong.append(f"$ {line}\n{came}")
                text = text.replace(f"$ {line}\n{shown}", f"$ {line}\n{came}")
        return text

    made = BLOCK.sub(checked, page)
    if is_update:
        PAGE.write_text(made, encoding="utf-8")
        return
    assert "\n".join(wrong) == "", f"pytest {UPDATE} {Path(__file__).name}"


def test_every_impact_is_in_the_table_in_its_order():
    rows = re.findall(r"^\| `([a-z-]+)` \| .* \| .* \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [impact.label for impact in Impact]


def test_the_keys_of_the_json_are_those_of_its_schema():
    table = PAGE.read_text("utf-8").partition("### JSON")[2].partition("```")[0]
    first = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", first)) == set(json_schema()["properties"])


def test_the_picture_is_there_and_loads_quickly():
    (name,) = re.findall(r"^.*\]\((images/.*\.png)\)$", PAGE.read_text("utf-8"), re.MULTILINE)
    picture = (PAGE.parent / name).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) < 300_000
