"""`lmi-deploy diff` with what is live on one side, against a sandbox in which it was deployed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend

from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.sandbox import SandboxSettings
from tests.cli.conftest import Command
from tests.cli.deployed import Account, quick_sandbox

LARGER = ("ml.g5.2xlarge", "ml.g5.4xlarge")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    with quick_sandbox(describes=0) as settings:
        yield settings


@pytest.fixture
def account(sandbox: SandboxSettings, lmi: Command) -> Iterator[Account]:
    with announced(sandbox):
        account = Account(sandbox, lmi, "chat")
        account.up()
        yield account
        account.ask("faults", "DELETE")
    get_backend("sagemaker")[sandbox.account][sandbox.region].reset()


def diff(account: Account, *arguments: str) -> dict[str, Any]:
    done = account("diff", *arguments, "-o", "json")
    assert done.status == 0, done.err
    return dict(json.loads(done.out))


def packed(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return held.getvalue()


def only(comparison: dict[str, Any]) -> dict[str, Any]:
    (profile,) = comparison["profiles"]
    return dict(profile)


def test_what_is_live_as_the_profile_says_is_no_difference(account: Account):
    done = account("diff", "live", "--exit-code")
    assert done.status == 0, done.out
    assert "no differences between live in us-east-1 and profiles" in done.out
    assert account("diff", "chat", "live", "--exit-code").status == 0


def test_what_is_live_is_compared_with_the_work_tree_as_the_plan_will_find_it(account: Account):
    account.edit(LARGER)
    found = only(diff(account, "live"))
    plan = json.loads(account("plan", "chat", "-o", "json").out)["plans"][0]
    assert found["impact"] == plan["impact"] == "new-endpoint-config"
    assert account("diff", "live", "--exit-code").status == 3
    assert account("diff", "live", "--fail-on", "new-endpoint-config").status == 4
    assert account("up", "chat", "--yes", "--no-smoke").status == 0
    assert account("diff", "live", "--exit-code").status == 0


def test_both_directions_mirror_each_other(account: Account):
    account.edit(LARGER)
    forth, back = only(diff(account, "live", "chat")), only(diff(account, "chat", "live"))
    assert forth["impact"] == back["impact"]
    (change,), (mirrored,) = forth["changes"], back["changes"]
    assert (change["before"], change["after"]) == (mirrored["after"], mirrored["before"])


def test_what_is_not_deployed_would_be_added(account: Account):
    account.edit(("profiles:\n", "profiles:\n  g6: {extends: g5, instance_type: ml.g6.2xlarge}\n"))
    found = {item["hardware"]: item for item in diff(account, "live", "--all")["profiles"]}
    assert found["g6"]["status"] == "added"
    assert "g6" in account("diff", "live", "-p", "g6").out
    assert only(diff(account, "live", "-p", "g6"))["hardware"] == "g6"


def test_a_revision_is_compared_with_what_is_live(
    account: Account, monkeypatch: pytest.MonkeyPatch
):
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@b.c")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *arguments], check=True, capture_output=True)
    account.edit(LARGER)
    assert account("diff", "git:main", "live", "--exit-code").status == 0
    assert account("diff", "live", "--exit-code").status == 3


@pytest.mark.parametrize(
    "operation", ["ListTags", "DescribeEndpointConfig", "DescribeModel", "GetObject"]
)
def test_what_one_call_refuses_is_said_and_the_rest_is_shown(account: Account, operation: str):
    account.edit(("backend: lmi-dist\n", "backend: lmi-dist\n    endpoint: {tags: {team: a}}\n"))
    account.refuse(operation, "User: me is not authorized")
    done = account("diff", "live", "--exit-code")
    assert done.status == 3
    said = " ".join(done.out.split())  # wherever its lines break
    assert operation in said
    assert "User: me is not authorized" in said
    assert ("team" in done.out) == (operation != "ListTags")


def test_an_endpoint_that_cannot_be_described_leaves_nothing_to_compare(account: Account):
    account.refuse("DescribeEndpoint", times=1)
    done = account("diff", "live")
    assert done.status == 2
    assert "DescribeEndpoint chat-g5" in done.out


@pytest.mark.parametrize("form", ["text", "markdown", "json", "html"])
def test_no_secret_of_a_live_endpoint_is_shown(account: Account, form: str):
    token = f"hf_{'a' * 30}"
    account.edit(("backend: lmi-dist\n", "backend: lmi-dist\n    endpoint: {tags: {team: a}}\n"))
    account.tag(team=token)
    account.put("model/serving.properties", f"engine=MPI\noption.hf_token={token}\n".encode())
    done = account("diff", "live", "-o", form, "--out", "diff.out")
    assert done.status == 0, done.err
    text = Path("diff.out").read_text()
    assert "team" in text
    assert token not in text


@pytest.mark.parametrize("packaging", ["prefix", "tar.gz"])
def test_a_file_edited_on_s3_moves_nothing_and_is_told(account: Account, packaging: str):
    account.edit(("lmi-dist\n", f"lmi-dist\n    endpoint: {{packaging: {packaging}}}\n"))
    account.up()
    path, body = "model/serving.properties", b"option.max_rolling_batch_size=1\n"
    if packaging == "tar.gz":
        path, body = "model.tar.gz", packed({"serving.properties": body})
    account.put(path, body)
    comparison = diff(account, "live")
    assert only(comparison)["impact"] == "unknown"  # and no restart, which `up` would not do
    assert only(comparison)["changes"] == []
    (finding,) = comparison["unread"][0]["findings"]
    assert "moves nothing" in finding["fix"]
    plan = json.loads(account("plan", "chat", "-o", "json").out)["plans"][0]
    assert plan["impact"] == "none"
    assert account.drift()["impact"] == "none"
    assert path in " ".join(account("diff", "live").out.split()).replace(". ", ".")
    account.up()
    assert account("diff", "live", "--exit-code").status == 0


def test_without_credentials_live_is_no_side(lmi: Command):
    done = lmi("diff", "live", "--region", "us-east-1")
    assert (done.status, done.out) == (1, "")
    assert "there are no AWS credentials" in done.err


def _costs(profile: dict[str, Any]) -> list[dict[str, Any]]:
    return [profile["effects"]["cost"][side] for side in ("before", "after")]


@pytest.mark.parametrize("sides", [("live",), ("chat", "live")])
def test_an_endpoint_that_somebody_scaled_differs_in_instances_and_cost(
    account: Account, sides: tuple[str, ...]
):
    variant = account.config()["ProductionVariants"][0]["VariantName"]
    wanted = {"VariantName": variant, "DesiredInstanceCount": 3}
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=account.endpoint, DesiredWeightsAndCapacities=[wanted]
    )
    account.described()
    profile = only(diff(account, *sides))
    (change,) = profile["changes"]
    assert (change["key"], change["impact"]) == ("endpoint.running_instances", "none")
    counts = {change["before"]["value"], change["after"]["value"]}
    assert counts == {1, 3}
    assert profile["impact"] == "none"  # `up` leaves it scaled
    assert len({cost["usd_per_hour"] for cost in _costs(profile)}) == 1  # nothing is saved
    assert any("3 instances run and are paid for" in note for note in profile["notes"])
