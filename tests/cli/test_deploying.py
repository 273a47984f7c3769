"""up, status, plan, apply, invoke and down, as their users run them, against the sandbox."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Command

DEPLOY = ("chat", "-p", "g5", "--yes")


def test_the_bare_model_deploys_and_says_what_to_type_next(lmi: Command):
    done = lmi(*DEPLOY, "--sandbox")
    assert done.status == 0
    assert "Plan: 4 to create, 0 to change, 0 to delete" in done.out
    assert "chat / g5 is InService as endpoint chat-g5" in done.out
    assert "no model runs here" in done.out
    assert "lmi-deploy sandbox serve" in done.out
    assert "sandbox: no AWS, no cost" in done.out
    assert "creating endpoint chat-g5" in done.err


def test_a_second_run_changes_nothing_and_asks_nothing(kept: Command):
    assert kept("up", *DEPLOY).status == 0
    again = kept("up", "chat", "-p", "g5")
    assert again.status == 0
    assert again.out.startswith("chat / g5 is up to date (InService)    sandbox")


def test_what_is_deployed_can_be_shown_asked_and_removed(kept: Command):
    kept("up", *DEPLOY)
    shown = kept("status", "chat")
    assert "chat-g5   InService  yes" in shown.out
    everything = json.loads(kept("status", "-o", "json").out)
    assert [item["endpoint"] for item in everything["deployments"]] == ["chat-g5"]
    assert everything["sandbox"] is True
    asked = kept("invoke", "chat-g5", "--prompt", "The capital of France")
    assert asked.out.endswith("echo: The capital of France\n")
    removed = kept("down", "chat", "-p", "g5", "--yes")
    assert removed.status == 0
    assert "0 to create, 0 to change, 4 to delete" in removed.out
    assert kept("status").out.startswith("nothing is deployed")
    assert kept("down", "chat", "-p", "g5").out.startswith("chat / g5: nothing to remove")


def test_a_changed_setting_updates_the_endpoint_and_leaves_nothing_of_the_old(kept: Command):
    kept("up", *DEPLOY)
    done = kept("up", *DEPLOY, "--set", "max_rolling_batch_size=24")
    assert "Plan: 3 to create, 1 to change, 3 to delete" in done.out
    assert "--set max_rolling_batch_size=24" in done.out
    again = kept("status", "chat", "--set", "max_rolling_batch_size=24", "--exit-code")
    assert again.status == 0
    assert kept("status", "chat", "--exit-code").status == 3


def test_the_next_commands_reach_what_was_just_deployed(kept: Command, lmi: Command):
    Path("elsewhere").mkdir()
    Path("profiles/chat.yaml").rename("elsewhere/other.yaml")
    override = ("--set", "max_rolling_batch_size=24")
    done = kept("elsewhere/other.yaml", "-p", "g5", "--yes", *override)
    lines = done.out.partition("Next  ")[2].splitlines()
    commands = [shlex.split(line.strip().removeprefix("lmi-deploy")) for line in lines]
    assert [words[0] for words in commands] == ["invoke", "status", "down"]
    for words in commands:
        again = lmi(*words, *(["--yes"] if words[0] == "down" else []))
        assert again.status == 0, (words, again.err)
        if words[0] == "status":
            assert "yes" in again.out


def test_an_endpoint_can_be_removed_by_its_name_when_its_profile_is_gone(kept: Command):
    kept("up", *DEPLOY)
    Path("profiles/chat.yaml").write_text("broken: [")
    done = kept("down", "chat-g5", "--yes")
    assert (done.status, "chat-g5: removed" in done.out) == (0, True)
    assert kept("status").out.startswith("nothing is deployed")


def test_a_deployment_is_not_taken_over_by_another_profile_of_the_same_full_name(kept: Command):
    path = Path("profiles/chat.yaml")
    Path("profiles/one.yaml").write_text(
        path.read_text().replace("name: chat", "name: a-b").replace("  g5:", "  c:")
    )
    Path("profiles/two.yaml").write_text(
        path.read_text().replace("name: chat", "name: a").replace("  g5:", "  b-c:")
    )
    assert kept("up", "one", "--yes").status == 0
    refused = kept("up", "two", "--yes")
    assert refused.status == 2
    assert "endpoint a-b-c (made for a-b / c)" in refused.err
    assert kept("status", "one", "--exit-code").status == 0


def test_a_new_name_does_not_let_the_old_endpoint_be_forgotten(kept: Command):
    kept("up", *DEPLOY, "--set", "endpoint.name=old")
    renamed = kept("up", *DEPLOY)
    assert "warning: endpoint old was made for chat / g5 as well" in renamed.err
    kept("down", "chat", "-p", "g5", "--yes")
    missed = kept("down", "chat", "-p", "g5")
    assert "`lmi-deploy down old` removes it" in missed.err
    assert kept("down", "old", "--yes").status == 0


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_profile_with_a_bucket_of_its_own_can_be_tried_in_the_sandbox(lmi: Command, region):
    override = "endpoint.artifacts=s3://acme-of-my-own/x/"
    done = lmi(*DEPLOY, "--sandbox", "--region", region, "--set", override)
    assert done.status == 0
    assert "s3://acme-of-my-own/x/chat-g5/" in done.out


def test_a_renamed_tag_is_changed_in_place(kept: Command):
    kept("up", *DEPLOY)
    done = kept("up", *DEPLOY, "--set", 'endpoint.tags={"team": "search"}')
    assert "Plan: 0 to create, 3 to change, 0 to delete" in done.out


def test_files_move_with_the_folder_and_leave_nothing_behind(kept: Command):
    kept("up", *DEPLOY)
    folder = "s3://sagemaker-us-east-1-123456789012/another/"
    moved = kept("up", *DEPLOY, "--artifacts", folder)
    assert moved.status == 0
    assert "- object            s3://sagemaker-us-east-1-123456789012/lmi-deploy/" in moved.out
    assert kept("down", "chat-g5", "--yes").status == 0


def test_a_plan_can_be_saved_and_run_as_it_was_seen(kept: Command):
    planned = kept("plan", "chat", "-p", "g5", "--out", "chat.plan")
    assert "saved to chat.plan" in planned.err
    done = kept("apply", "chat.plan", "--yes")
    assert (done.status, done.out.splitlines()[-1]) == (
        0,
        "chat / g5 is InService as endpoint chat-g5",
    )
    assert kept("plan", "chat", "-p", "g5", "--exit-code").status == 0


def test_a_saved_plan_is_refused_once_the_account_has_changed(kept: Command):
    kept("plan", "chat", "-p", "g5", "--out", "chat.plan")
    kept("up", *DEPLOY)
    stale = kept("apply", "chat.plan", "--yes")
    assert stale.status == 5
    assert "has changed on AWS since the plan was made" in stale.err


def test_a_plan_that_was_changed_by_hand_is_refused(kept: Command):
    kept("plan", "chat", "-p", "g5", "--out", "chat.plan")
    path = Path("chat.plan")
    path.write_text(
        path.read_text().replace('"InitialInstanceCount": 1', '"InitialInstanceCount": 99')
    )
    refused = kept("apply", "chat.plan", "--yes")
    assert refused.status == 2
    assert "chat.plan has been changed since lmi-deploy saved it" in refused.err
    assert kept("status").out.startswith("nothing is deployed")


def test_a_plan_is_for_one_account_and_region_only(kept: Command, lmi: Command):
    kept("plan", "chat", "-p", "g5", "--out", "chat.plan")
    other = lmi("apply", "chat.plan", "--yes", "--sandbox", "--region", "eu-west-1")
    assert other.status == 5
    assert "in us-east-1; the credentials are for" in other.err


def test_planning_changes_nothing_and_can_tell_by_its_status(kept: Command):
    planned = kept("plan", "chat", "-p", "g5", "--exit-code")
    assert planned.status == 3
    assert kept("status").out.startswith("nothing is deployed")


def test_a_plan_for_programs_holds_the_requests_the_settings_and_the_findings(kept: Command):
    document = json.loads(kept("plan", "chat", "-p", "g5", "-o", "json").out)
    assert document["schema_version"] == 1
    (plan,) = document["plans"]
    assert [step["step"] for step in plan["steps"]][:2] == ["UploadBundle", "CreateModel"]
    spec = plan["spec"]
    batch = spec["properties"]["option.max_rolling_batch_size"]
    assert batch == str(spec["max_rolling_batch_size"])
    assert spec["memory"]["fits"]
    assert int(batch) <= spec["memory"]["max_sequences"]
    assert {finding["severity"] for finding in plan["findings"]} <= {"note"}


def test_several_hardware_profiles_go_through_one_approval(kept: Command):
    path = Path("profiles/chat.yaml")
    text = path.read_text() + "  g5b: {extends: g5, max_rolling_batch_size: 16}\n"
    path.write_text(text)
    done = kept("up", "chat", "-p", "g5,g5b", "--yes", "-o", "json")
    results = json.loads(done.out)["deployments"]
    assert [(item["endpoint"], item["status"]) for item in results] == [
        ("chat-g5", "InService"),
        ("chat-g5b", "InService"),
    ]
    assert all("no model runs here" in item["answer"] for item in results)
    removed = json.loads(kept("down", "chat", "-p", "all", "--yes", "-o", "json").out)
    assert all(item["removed"] for item in removed["deployments"])


def test_one_deployment_leaves_another_of_a_longer_name_alone(kept: Command):
    path = Path("profiles/chat.yaml")
    path.write_text(path.read_text() + "  g5-deadbeef: {extends: g5}\n")
    kept("up", "chat", "-p", "all", "--yes")
    kept("down", "chat", "-p", "g5", "--yes")
    left = json.loads(kept("status", "-o", "json").out)["deployments"]
    assert [(item["endpoint"], item["status"]) for item in left] == [
        ("chat-g5-deadbeef", "InService")
    ]
    assert kept("plan", "chat", "-p", "g5-deadbeef", "--exit-code").status == 0


def test_the_verification_can_be_left_out(lmi: Command):
    done = lmi(*DEPLOY, "--sandbox", "--no-smoke")
    assert "it answers" not in done.out


def test_an_archive_can_be_deployed_instead_of_loose_files(kept: Command):
    done = kept("up", *DEPLOY, "--set", "endpoint.packaging=tar.gz")
    assert done.status == 0
    assert kept("down", "chat", "-p", "g5", "--yes").status == 0


@pytest.mark.parametrize("command", ["up", "down"])
def test_nothing_changes_without_an_approval(kept: Command, command: str):
    if command == "down":
        kept("up", *DEPLOY)
    before = kept("status").out
    refused = kept(command, "chat", "-p", "g5")
    assert refused.status == 5
    assert "--yes" in refused.err
    assert kept("status").out == before
