"""What `lmi-deploy status` says of an endpoint that is not as it was deployed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.deployed import Account


def status(account: Account) -> dict[str, Any]:
    done = account("status", account.name, "-o", "json")
    assert done.status == 0, done.err
    (row,) = json.loads(done.out)["deployments"]
    return dict(row)


@pytest.mark.parametrize(
    ("operation", "thing"),
    [("DescribeModel", "model"), ("DescribeEndpointConfig", "endpoint configuration")],
)
def test_an_endpoint_whose_model_is_gone_is_deployed_all_the_same(
    deployed: Account, operation: str, thing: str
):
    message = f'Could not find {thing} "arn".'
    deployed.refuse(operation, message, code="ValidationException", times=2)
    row = status(deployed)
    assert (row["status"], row["up_to_date"]) == ("InService", False)
    assert "is gone" in row["difference"]
    deployed.ask("faults", "DELETE")
    assert status(deployed)["up_to_date"]


def test_a_profile_that_nobody_deployed_is_absent(account: Account):
    row = status(account)
    assert (row["status"], row["difference"]) == ("absent", "it is not deployed")


def test_the_reason_of_a_failure_is_shown_on_one_line_and_without_secrets(account: Account):
    token = f"hf_{'a' * 30}"
    reason = f"no capacity \x1b[31m\n::error::{token}"
    account.ask("faults", endpoint=account.endpoint, outcome="fail", reason=reason)
    assert account("up", account.name, "-p", "g5", "--yes").status == 6
    text = account("status", account.name).out
    assert "no capacity \\x1b[31m\\n::error::***" in text
    assert token not in account("status", account.name, "-o", "json").out
