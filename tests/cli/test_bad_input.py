"""Every kind of mistake ends in one clear message and a status, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Outcome
from tests.specs import PROFILE

ROLE = "arn:aws:iam::123456789012:role/serving"


def is_clean(outcome: Outcome) -> bool:
    return "Traceback" not in outcome.err and outcome.err.strip() != ""


@pytest.mark.parametrize(
    ("arguments", "problem", "way_out"),
    [
        (["render", "chatt"], "there is no profile 'chatt'", "did you mean 'chat'?"),
        (["render", "none.yaml"], "there is no file none.yaml", "a path to a profile"),
        (["render", "chat", "-p", "g6"], "no hardware profile 'g6'", "one of g5"),
        (
            ["render", "chat", "--set", "instance_type=ml.g5.12xlage"],
            "unknown instance type 'ml.g5.12xlage'",
            "did you mean 'ml.g5.12xlarge'?",
        ),
        (
            ["render", "chat", "--set", "container.version=0.99.0"],
            "unknown container version '0.99.0'",
            "fix: ",
        ),
        (["render", "chat", "--set", "backend"], "is not of the form key=value", "fix: "),
        (
            ["render", "chat", "--set", "bakend=vllm"],
            "is not a known key",
            "did you mean 'backend'?",
        ),
        (
            ["render", "chat", "--set", "tensor_parallel_degree=8"],
            "is 8, but ml.g5.2xlarge has 1 GPU",
            "1 here, or an instance type with 8 GPUs",
        ),
        (
            ["up", "chat", "--sandbox", "--region", "mars-1"],
            "SageMaker has no region mars-1",
            "fix: ",
        ),
        (["apply", "no.plan"], "no.plan cannot be read", ""),
        (["catalog", "planets"], "is not one of", ""),
        (
            ["plan", "chat", "--out", "x", "--offline"],
            "a plan for a live account",
            "fix: ",
        ),
        (["invoke"], "Missing argument", ""),
        (["up"], "Missing argument", ""),
        (["render", "chat", "--frmat", "env"], "No such option", ""),
    ],
)
def test_a_mistake_is_named_with_the_way_out(
    lmi: Command, arguments: list[str], problem: str, way_out: str
):
    done = lmi(*arguments)
    assert done.status == 2
    assert is_clean(done)
    assert problem in done.err
    assert way_out in done.err
    assert done.out == ""


def test_a_misspelt_command_is_not_taken_for_a_model(lmi: Command):
    done = lmi("validat")
    assert done.status == 2
    assert "there is no command or profile 'validat'" in done.err
    assert "did you mean 'validate'?" in done.err


def test_an_unreadable_profile_is_said(lmi: Command):
    Path("profiles/folder.yaml").mkdir()
    assert lmi("render", "profiles/folder.yaml").status == 2
    Path("profiles/latin.yaml").write_bytes(b"name: \xe9")
    done = lmi("render", "profiles/latin.yaml")
    assert done.status == 2
    assert "profiles/latin.yaml:1: is not UTF-8 text" in done.err


def test_a_cycle_of_inheritance_is_said(lmi: Command):
    text = PROFILE.replace("g5:\n", "g5:\n    extends: g5\n")
    Path("profiles/chat.yaml").write_text(text)
    done = lmi("render", "chat")
    assert done.status == 2
    assert "the inheritance is a cycle: g5 -> g5" in done.err


@pytest.mark.parametrize("command", ["render", "up", "plan", "status"])
def test_a_secret_in_a_profile_is_refused_and_never_repeated(kept: Command, lmi: Command, command):
    secret = "hf_" + "abcdefghijklmnopqrstuvwxyz"
    Path("profiles/chat.yaml").write_text(PROFILE + f"options: {{option.env: {secret}}}\n")
    done = lmi(command, "chat") if command == "render" else kept(command, "chat")
    assert done.status == 2
    assert "LMI006" in done.err
    assert secret not in done.err + done.out


def test_without_credentials_the_plan_is_shown_and_both_ways_on(lmi: Command):
    done = lmi("up", "chat", "--region", "us-east-1", "--role", ROLE)
    assert done.status == 1
    assert "Plan: 4 to create" in done.out
    assert "chat-g5-<hash>" in done.out
    assert "live state unknown" in done.out
    assert "there are no AWS credentials" in done.err
    assert "--sandbox" in done.err
    assert "aws configure sso" in done.err


def test_an_offline_plan_needs_no_account(lmi: Command):
    done = lmi("plan", "chat", "--offline")
    assert done.status == 0
    assert "Plan: 4 to create" in done.out
    document = json.loads(lmi("plan", "chat", "--offline", "-o", "json").out)
    assert document["live_state"] == "unknown"


def test_a_missing_region_is_named(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    done = lmi("plan", "chat")
    assert done.status == 2
    assert "no region is set" in done.err
    assert "--region us-east-1" in done.err


def test_unknown_credentials_are_named(lmi: Command):
    done = lmi("plan", "chat", "--region", "us-east-1", "--aws-profile", "nobody")
    assert done.status == 2
    assert "nobody" in done.err


def test_a_role_is_asked_for_when_nobody_names_one(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, sandbox_url: str
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    done = lmi("plan", "chat", "--region", "us-east-1")
    assert done.status == 2
    assert "execution role" in done.err
    assert "LMI_DEPLOY_ROLE" in done.err


def test_a_request_that_sagemaker_would_refuse_is_never_sent(kept: Command):
    done = kept("up", "chat", "--yes", "--role", "arn:aws:iam::1:role/x")
    assert done.status == 2
    assert "SageMaker would refuse this" in done.err
    assert "ExecutionRoleArn" in done.err
    assert kept("status").out.startswith("nothing is deployed")


def test_a_state_file_means_the_sandbox_even_without_saying_so(lmi: Command):
    done = lmi("up", "chat", "--yes", "--sandbox-state", "state")
    assert done.status == 0
    assert "no AWS, no cost" in done.out


def test_a_name_that_no_file_can_have_is_just_unknown(lmi: Command):
    for command in ("render", "validate", "plan"):
        done = lmi(command, "x" * 5000 + ".yaml")
        assert done.status == 2
        assert is_clean(done)


def test_a_missing_bucket_stops_the_run_before_it_is_approved(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, sandbox_url: str
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("LMI_DEPLOY_ROLE", ROLE)
    done = lmi("up", "chat", "--yes", "--artifacts", "s3://no-such-bucket-anywhere/x/")
    assert done.status == 2
    assert "Plan: 4 to create" in done.out
    assert "aws s3 mb s3://no-such-bucket-anywhere" in done.err


@pytest.mark.parametrize("key", ["aws:team", "lmi-deploy:deployment", "a?", "x" * 129])
def test_a_tag_that_is_reserved_or_malformed_is_refused(lmi: Command, key: str):
    done = lmi("render", "chat", "--set", f'endpoint.tags={{"{key}": "x"}}')
    assert done.status == 2
    assert "endpoint.tags" in done.err
