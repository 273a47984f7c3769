"""What goes wrong on AWS ends in one clear message, the right status, and nothing unreported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.sandbox import running_sandbox
from tests.cli.conftest import Command

UP = ("up", "chat", "-p", "g5", "--sandbox", "--yes")
Fault = Callable[..., None]


@pytest.fixture
def fault() -> Iterator[Fault]:
    """A sandbox that all commands find, and that can be told to go wrong."""
    with running_sandbox() as settings, announced(settings):

        def inject(**fault: Any) -> None:
            url = f"{settings.endpoint_url}/lmi-sandbox/faults"
            with urlopen(Request(url, data=json.dumps(fault).encode())) as answer:
                assert answer.status == 201

        yield inject


MAKING = ("PutObject", "CreateModel", "CreateEndpointConfig", "CreateEndpoint")


@pytest.mark.parametrize("operation", MAKING)
def test_a_refused_call_says_what_was_made_and_the_same_command_goes_on(
    lmi: Command, fault: Fault, operation: str
):
    fault(operation=operation, code="AccessDeniedException", message="no", times=9)
    failed = lmi(*UP)
    assert failed.status == 1
    assert f"error: {operation} " in failed.err
    made = failed.err.partition("Made so far: ")[2]
    assert ("sagemaker_model" in made) == (MAKING.index(operation) > 1)
    assert "costing money" not in failed.err  # a refused endpoint is none
    assert "Traceback" not in failed.err


def test_a_failed_creation_has_its_own_status_the_reason_and_a_way_on(lmi: Command, fault: Fault):
    fault(endpoint="chat-g5", outcome="fail", reason="did not pass the ping health check")
    failed = lmi(*UP)
    assert failed.status == 6
    assert "ended as Failed: did not pass the ping health check" in failed.err
    assert "/aws/sagemaker/Endpoints/chat-g5" in failed.err
    assert "Failed" in lmi("status", "--sandbox").out
    again = lmi(*UP)
    assert again.status == 0
    assert "- endpoint          chat-g5" in again.out
    assert "did not pass the ping health check" in again.out


def test_an_update_that_sagemaker_rolled_back_is_a_failure(lmi: Command, fault: Fault):
    assert lmi(*UP).status == 0
    fault(endpoint="chat-g5", outcome="roll_back", reason="alarm in ALARM state")
    failed = lmi(*UP, "--set", "max_rolling_batch_size=24")
    assert failed.status == 6
    assert "rolled endpoint chat-g5 back to" in failed.err
    assert "alarm in ALARM state" in failed.err
    assert lmi(*UP).status == 0  # the old configuration was kept, and is what is live


def test_an_answer_with_an_error_code_is_a_failure_that_keeps_the_old_configuration(
    lmi: Command, fault: Fault
):
    assert lmi(*UP).status == 0
    fault(endpoint="chat-g5", outcome="answer", status=200, body={"code": 424, "error": "OOM"})
    failed = lmi(*UP, "--set", "max_rolling_batch_size=24")
    assert failed.status == 6
    assert "code 424: OOM" in failed.err
    assert "deleting" not in failed.err
    fault(endpoint="chat-g5", outcome="answer", status=200, body={"code": 424, "error": "OOM"})
    again = lmi(*UP, "--set", "max_rolling_batch_size=24")  # it is asked again, not waved through
    assert again.status == 6
    assert "deleting" not in again.err
    assert lmi(*UP, "--set", "max_rolling_batch_size=24").status == 0


def test_what_was_made_is_reported_however_quiet_the_run(lmi: Command, fault: Fault):
    fault(endpoint="chat-g5", outcome="fail")
    failed = lmi(*UP, "-q")
    assert "Endpoint chat-g5 may be running and costing money" in failed.err
    assert "`lmi-deploy down chat-g5` removes it" in failed.err


def test_programs_hear_of_what_was_deployed_before_the_failure(lmi: Command, fault: Fault):
    path = Path("profiles/chat.yaml")
    path.write_text(path.read_text() + "  g5b: {extends: g5}\n")
    fault(endpoint="chat-g5b", outcome="fail")
    failed = lmi("up", "chat", "-p", "all", "--sandbox", "--yes", "-o", "json")
    assert failed.status == 6
    first, second = json.loads(failed.out)["deployments"]
    assert (first["endpoint"], first["status"]) == ("chat-g5", "InService")
    assert "ended as Failed" in second["error"]


def test_a_lack_of_capacity_is_passed_on(lmi: Command, fault: Fault):
    fault(endpoint="*", outcome="no_capacity")
    failed = lmi(*UP)
    assert failed.status == 6
    assert "InsufficientInstanceCapacity" in failed.err


def test_ctrl_c_says_what_was_made_and_how_to_go_on(
    lmi: Command, fault: Fault, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lmi_deployer.edges.aws.Aws.invoke", interrupt)
    monkeypatch.setattr("sys.argv", ["lmi-deploy", *UP])
    stopped = lmi(*UP)
    assert stopped.status == 130
    assert "Made so far: bundle s3://" in stopped.err
    assert "may be running and costing money" in stopped.err
    assert "go on with `lmi-deploy up chat -p g5 --sandbox --yes`" in stopped.err
    monkeypatch.undo()


def test_a_sandbox_of_another_region_is_not_used_by_mistake(lmi: Command, fault: Fault):
    refused = lmi("status", "--sandbox", "--region", "eu-west-1")
    assert refused.status == 2
    assert "the running sandbox is for us-east-1" in refused.err
