"""`drift` and `diff live` where SageMaker is still at work, and what the nightly job may do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.sandbox import SandboxSettings
from tests.cli.conftest import Command
from tests.cli.deployed import Account, quick_sandbox

ROOT = Path(__file__).parents[3]
JOB = ROOT / ".github" / "examples" / "drift.yml"
GUIDE = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
SAID_OTHERWISE = {"GetObject": "s3:GetObject", "ListObjectsV2": "s3:ListBucket",
                  "HeadBucket": "s3:ListBucket"}  # fmt: skip
"""Calls whose permission has another name. Source: Amazon S3 user guide, required permissions."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    with quick_sandbox(is_shared=False, describes=3) as settings:
        yield settings


@pytest.fixture
def account(sandbox: SandboxSettings, lmi: Command) -> Iterator[Account]:
    with announced(sandbox):
        account = Account(sandbox, lmi, "chat")
        account.up()
        yield account
        account.sagemaker.delete_endpoint(EndpointName=account.endpoint)


def test_an_update_in_flight_is_no_drift_and_its_rollback_becomes_one(account: Account):
    account.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    assert account.drift()["state"] == "behind"
    account.ask("faults", endpoint=account.endpoint, outcome="roll_back", reason="no ping")
    name = account.other_config("by-hand")
    account.sagemaker.update_endpoint(EndpointName=account.endpoint, EndpointConfigName=name)
    row = account.drift()
    assert (row["state"], row["is_drift"]) == ("updating", False)
    assert row["reasons"] == ["it is Updating to by-hand"]
    assert account("drift", "--exit-code").status == 0
    while (row := account.drift())["status"] == "Updating":
        pass
    assert row["reasons"] == ["it is RollingBack to by-hand: no ping"]
    while account.drift()["state"] == "updating":
        pass
    assert account.drift()["state"] == "behind"  # nobody wanted what was rolled back


def test_every_call_of_drift_is_one_that_the_policy_of_the_guide_allows(account: Account):
    policies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
    allowed = {
        action for policy in policies for row in policy["Statement"] for action in row["Action"]
    }
    compiles = account.file.read_text().replace("name: chat", "name: other")
    Path("profiles/other.yaml").write_text(compiles.replace("lmi-dist", "trtllm"))
    account.ask("calls", "DELETE")
    assert account("drift").status == 0
    assert account("drift", "other", "-p", "g5").status == 0
    assert account("diff", "profiles/chat.yaml", "live").status == 0
    made = {SAID_OTHERWISE.get(name, f"{service}:{name}") for service, name in account.ask("calls")}
    assert made - allowed == set()
    assert allowed - made <= {"sagemaker:ListEndpointConfigs", "sagemaker:ListModels"}


def step() -> str:
    """The script of the nightly job that calls drift."""
    (found,) = [
        item["run"]
        for item in yaml.safe_load(JOB.read_text(encoding="utf-8"))["jobs"]["drift"]["steps"]
        if "lmi-deploy drift" in item.get("run", "")
    ]
    return str(found)


@pytest.mark.parametrize("is_drift", [False, True])
def test_the_nightly_job_fails_on_drift_and_shows_it(
    account: Account, tmp_path: Path, *, is_drift: bool
):
    if is_drift:
        account.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "lmi-deploy"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m lmi_deployer "$@"\n')
    tool.chmod(0o755)
    summary = tmp_path / "summary.md"
    environment = {
        **os.environ,
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(summary),
        "LMI_DEPLOY_SANDBOX": "1",
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (3 if is_drift else 0), done.stderr
    assert ("chat-g5: behind" in summary.read_text()) == is_drift
    assert "USD/HOUR" in done.stdout


def test_the_nightly_job_is_what_github_takes_and_is_linked():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema",
               "vendor.github-workflows", str(JOB)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "](../.github/examples/drift.yml)" in GUIDE


def test_the_guide_has_every_state():
    from lmi_deployer.drifting.states import Drift

    _, table = GUIDE.split("| State |")
    told = re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE)
    assert told == sorted(told, key=[drift.value for drift in Drift].index)
    assert set(told) == {drift.value for drift in Drift}
