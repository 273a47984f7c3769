"""The pipelines and policies that docs/ci.md offers, as far as they can be checked here."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from lmi_deployer.cli import cli

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
PIPELINES = {
    ".github/examples/compile.yml": "vendor.github-workflows",
    "docs/ci/gitlab-compile.yml": "vendor.gitlab-ci",
}
FILES = (*PIPELINES, "docs/ci/buildspec-compile.yml")


def texts(value: Any) -> Iterator[str]:
    """Every text of a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def commands(text: str) -> list[list[str]]:
    """The words of every call of lmi-deploy in a shell text, up to the next operator."""
    lines = [line.partition(" #")[0] for line in text.splitlines()]
    calls = [re.split(r"\|\||&&|;|\|", line)[0] for line in lines]
    return [shlex.split(call)[1:] for call in calls if call.strip().startswith("lmi-deploy ")]


@pytest.mark.parametrize(("file", "schema"), PIPELINES.items())
def test_a_pipeline_is_what_its_service_takes(file: str, schema: str):
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        schema,
        str(ROOT / file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES)
def test_every_command_of_a_pipeline_is_one_that_lmi_deploy_has(file: str):
    document = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    calls = [call for text in texts(document) for call in commands(text)]
    assert {call[0] for call in calls} == {"compile"}
    for call in calls:
        cli.make_context("lmi-deploy", list(call), resilient_parsing=False)
        command = cli.get_command(cli.make_context("lmi-deploy", ["compile"]), call[0])
        assert command is not None
        command.make_context(call[0], list(call[1:]))


def test_the_guide_links_every_pipeline():
    links = set(re.findall(r"\]\((?:\.\./)?([^)]+\.yml)\)", GUIDE))
    assert {link if link.startswith(".") else f"docs/{link}" for link in links} == set(FILES)


def test_the_policies_name_actions_that_exist():
    session = botocore.session.get_session()
    named = {"servicequotas": "service-quotas"}
    elsewhere = {"iam:PassRole", "s3:ListBucket"}  # permissions without a call of that name
    policies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
    listed = [
        action
        for policy in policies
        for statement in policy["Statement"]
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]
    assert listed
    for action in set(listed) - elsewhere:
        service, operation = action.split(":")
        model = session.get_service_model(named.get(service, service))
        assert operation in model.operation_names
