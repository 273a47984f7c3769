"""action.yml and its example as files: what GitHub takes, and what a stranger could not use."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.edges.actions_runner import read_action

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
EXAMPLE = ROOT / ".github" / "examples" / "review.yml"
DOCUMENT = read_action(ACTION)
STEPS: list[Mapping[str, Any]] = DOCUMENT["runs"]["steps"]


@pytest.mark.parametrize(
    ("file", "schema"), [(ACTION, "github-actions"), (EXAMPLE, "github-workflows")]
)
def test_github_takes_the_action_and_the_example(file: Path, schema: str):
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*words, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_example_knows_the_action_and_needs_no_more_than_a_comment_does():
    text = EXAMPLE.read_text()
    workflow = yaml.safe_load(text)
    steps = workflow["jobs"]["review"]["steps"]
    (used,) = [step for step in steps if "/lmi-deploy@" in step.get("uses", "")]
    assert set(used["with"]) <= set(DOCUMENT["inputs"])
    assert set(re.findall(rf"steps\.{used['id']}\.outputs\.([\w-]+)", text)) <= set(
        DOCUMENT["outputs"]
    )
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    # YAML 1.1 reads `on` as a truth value. A filter of paths would leave an old comment standing.
    assert workflow[True] == {"pull_request": None}
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


def test_the_guide_has_every_input_and_output():
    guide = (ROOT / "docs" / "reviewing.md").read_text()
    names = set(re.findall(r"^\| `([\w-]+)` \|", guide, re.MULTILINE))
    assert names == set(DOCUMENT["inputs"]) | set(DOCUMENT["outputs"])


def test_no_script_has_an_expression_pasted_into_it():
    assert [step["run"] for step in STEPS if "run" in step and "${{" in step["run"]] == []


def test_every_other_action_is_pinned_to_a_commit():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name)] == []


def test_every_input_is_used():
    used = re.findall(r"inputs\.([\w-]+)", ACTION.read_text())
    assert set(used) == set(DOCUMENT["inputs"])
