"""What `plan` and `up` say of the endpoint that is there before they change it."""

from __future__ import annotations

import json

from lmi_deployer.cli.sandbox_finder import announced
from tests.cli.conftest import Command
from tests.cli.deployed import Account, quick_sandbox

PLAN = ("plan", "chat", "-p", "g5")
OTHER = ("--set", "max_rolling_batch_size=4")
RESTART = (
    "Impact  restart: serving.properties (option.max_rolling_batch_size) changes; the endpoint "
    "answers\n        throughout\n"
)


def test_a_plan_and_an_update_say_what_they_do_to_the_endpoint(lmi: Command):
    with quick_sandbox(describes=0) as settings, announced(settings):
        account = Account(settings, lmi, "chat")
        assert "Impact" not in account.up().out  # there is nothing yet
        assert RESTART in account(*PLAN, *OTHER).out
        tagged = account(*PLAN, "--set", "endpoint.tags.team=search").out
        assert "Impact  none: tags (team) change; nothing that runs notices\n" in tagged
        (plan,) = json.loads(account(*PLAN, *OTHER, "-o", "json").out)["plans"]
        assert (plan["impact"], plan["unread"]) == ("restart", [])
        assert plan["changed"] == {"files": ["option.max_rolling_batch_size"]}
        assert RESTART in account.up(*OTHER).out


def test_without_an_account_the_impact_is_not_known(lmi: Command):
    shown = lmi(*PLAN, "--offline").out
    assert "\nImpact  not known: nobody has looked at what is live\n" in shown
    (plan,) = json.loads(lmi(*PLAN, "--offline", "-o", "json").out)["plans"]
    assert (plan["impact"], plan["changed"], plan["unread"]) == (None, {}, [])
