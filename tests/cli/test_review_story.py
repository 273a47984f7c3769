"""The pull request that docs/reviewing.md tells of, from an empty folder, as its script runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import UPDATE
from tests.edges.git_repositories import ENVIRONMENT

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "reviewing.md"
BLOCK = re.compile(r"(^````\w+\n)(.*?)(^````$)", re.MULTILINE | re.DOTALL)
REVIEW = "$ lmi-deploy review --base main --dry-run\n"
"""The last line of the first block; the comment stands in the second."""


def with_blocks(guide: str, texts: Iterator[str]) -> str:
    """The guide with other texts in its blocks."""
    return BLOCK.sub(lambda found: found[1] + next(texts) + found[3], guide)


def test_the_story_prints_what_the_guide_shows(tmp_path: Path, request: pytest.FixtureRequest):
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        ["sh", str(ROOT / "docs" / "review-story.sh")],
        cwd=folder,
        env={
            **{name: text for name, text in ENVIRONMENT.items() if "CONFIG" in name},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, line, comment = done.stdout.partition(REVIEW)
    printed = [before + line, comment]
    guide = GUIDE.read_text(encoding="utf-8")
    if request.config.getoption(UPDATE):
        GUIDE.write_text(with_blocks(guide, iter(printed)), encoding="utf-8")
        return
    assert [found[2] for found in BLOCK.finditer(guide)] == printed, f"pytest {UPDATE} {__file__}"
