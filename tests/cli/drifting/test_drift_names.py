"""What `lmi-deploy drift` is asked for: profiles, endpoints, folders and revisions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.deployed import Account


def git(*arguments: str) -> None:
    who = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    env = {**os.environ, **dict.fromkeys(who, "a@b.c")}
    subprocess.run(["git", *arguments], check=True, capture_output=True, env=env)


def test_a_profile_that_was_never_deployed_is_missing_only_where_it_is_named(account: Account):
    assert account.endpoint not in {row["endpoint"] for row in account.report()["deployments"]}
    row = account.drift(account.name)
    assert (row["state"], row["reasons"]) == (
        "missing",
        [f"there is no endpoint {account.endpoint}"],
    )
    assert account("drift", account.name, "-p", "g5", "--exit-code").status == 3


def test_of_a_named_profile_only_what_is_deployed_counts_unless_the_hardware_is_named(
    deployed: Account,
):
    deployed.edit(
        ("profiles:\n", "profiles:\n  large: {extends: g5, instance_type: ml.g5.12xlarge}\n")
    )
    (row,) = deployed.report(deployed.name)["deployments"]
    assert row["endpoint"] == deployed.endpoint
    rows = deployed.report(deployed.name, "-p", "all")["deployments"]
    assert [row["state"] for row in rows] == ["missing", "in sync"]


def test_a_deployment_can_be_named_by_its_endpoint(deployed: Account):
    (row,) = deployed.report(deployed.endpoint)["deployments"]
    assert row["state"] == "in sync"
    refused = deployed("drift", "nowhere")
    assert refused.status == 2
    assert "there is no profile 'nowhere' in profiles, and no deployment" in refused.err


def test_a_folder_of_profiles_is_compared_with_everything(deployed: Account):
    Path("elsewhere").mkdir()
    shutil.move(deployed.file, "elsewhere/x.yaml")
    assert deployed.drift()["state"] == "unknown"
    row = deployed.drift("elsewhere/")
    assert (row["state"], row["file"]) == ("in sync", "elsewhere/x.yaml")
    assert deployed.drift("elsewhere/x.yaml")["state"] == "in sync"


def test_live_is_compared_with_the_profiles_at_a_revision(
    deployed: Account, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    deployed.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    assert deployed.drift()["state"] == "behind"
    row = deployed.drift("--rev", "main")
    assert row["state"] == "in sync"
    report = deployed.report("--rev", "main")
    assert report["profiles"].startswith("profiles at main (")
    assert len(report["revision"]) == 40
    assert not any("check main out" in note for note in report["notes"])
    deployed.tag(team="ads")
    assert any("check main out" in note for note in deployed.report("--rev", "main")["notes"])
    deployed.tag(team="search")
    git("rm", "-q", "-f", str(deployed.file))
    assert deployed.drift("--rev", "HEAD", str(deployed.file))["state"] == "in sync"
    wrong = deployed("drift", "--rev", "nowhere")
    assert wrong.status == 2
    assert "there is no git revision 'nowhere'" in wrong.err


def test_a_folder_that_is_no_repository_has_no_revisions(account: Account):
    done = account("drift", "--rev", "main")
    assert done.status == 2
    assert "is not inside a git repository" in done.err


def test_the_text_says_the_same_and_no_secret(deployed: Account):
    deployed.tag(team=f"hf_{'a' * 30}")
    done = deployed("drift", deployed.name)
    assert done.status == 0
    assert f"{deployed.endpoint}: changed outside" in done.out
    assert "its tag team is '***', and was 'search'" in done.out
    assert f"mend: lmi-deploy up {deployed.name} -p g5 --sandbox" in done.out
    assert "1 deployment: 1 changed outside" in done.out
    assert "hf_" not in done.out
    assert "hf_" not in json.dumps(deployed.drift())


def test_without_credentials_nothing_is_said_and_the_status_is_one(lmi: Command):
    done = lmi("drift", "--region", "us-east-1")
    assert (done.status, done.out) == (1, "")
    assert "there are no AWS credentials" in done.err


def test_one_endpoint_takes_a_bounded_number_of_calls_and_changes_nothing(deployed: Account):
    deployed.ask("calls", "DELETE")
    deployed.report(deployed.name)
    calls = deployed.ask("calls")
    assert len(calls) <= 14, calls
    changing = ("Create", "Update", "Delete", "Put", "Add")
    assert not [name for _, name in calls if name.startswith(changing)]


def test_a_hardware_profile_that_nothing_has_is_refused(deployed: Account):
    assert [row["hardware"] for row in deployed.report("-p", "g5")["deployments"]] == ["g5"]
    refused = deployed("drift", "-p", "g6")
    assert refused.status == 2
    assert "no hardware profile 'g6' is in profiles, and none is deployed" in refused.err
    deployed.edit(("profiles:\n", "profiles:\n  g6: {extends: g5, instance_type: ml.g6.2xlarge}\n"))
    deployed.tag(**{"lmi-deploy:deployment": "other"})
    assert deployed.report("-p", "g6")["deployments"] == []
