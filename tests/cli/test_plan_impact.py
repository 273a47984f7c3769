"""What `plan` and `up` say of the endpoint that is there before they change it."""

from __future__ import annotations

import json

from tests.cli.conftest import Command

PLAN = ("plan", "chat", "-p", "g5")
OTHER = ("--set", "max_rolling_batch_size=4")
RESTART = (
    "Impact  restart: serving.properties (option.max_rolling_batch_size) changes; the endpoint "
    "answers\n        throughout\n"
)


def test_a_plan_and_an_update_say_what_they_do_to_the_endpoint(kept: Command):
    first = kept("up", "chat", "-p", "g5", "--yes")
    assert "Impact" not in first.out  # there is nothing yet
    assert RESTART in kept(*PLAN, *OTHER).out
    tagged = kept(*PLAN, "--set", "endpoint.tags.team=search").out
    assert "Impact  none: tags (team) change; nothing that runs notices\n" in tagged
    (plan,) = json.loads(kept(*PLAN, *OTHER, "-o", "json").out)["plans"]
    assert (plan["impact"], plan["unread"]) == ("restart", [])
    assert plan["changed"] == {"files": ["option.max_rolling_batch_size"]}
    assert RESTART in kept("up", "chat", "-p", "g5", "--yes", *OTHER).out


def test_without_an_account_the_impact_is_not_known(lmi: Command):
    shown = lmi(*PLAN, "--offline").out
    assert "\nImpact  not known: nobody has looked at what is live\n" in shown
    (plan,) = json.loads(lmi(*PLAN, "--offline", "-o", "json").out)["plans"]
    assert (plan["impact"], plan["changed"], plan["unread"]) == (None, {}, [])
