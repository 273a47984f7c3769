"""`lmi-deploy diff` with `live` in an account where the profile was not deployed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.specs import PROFILE


@pytest.mark.parametrize("words", [("chat", "live"), ("live", "chat"), ("live",)])
def test_what_was_never_deployed_does_not_stay_and_costs_nothing(kept: Command, words: list[str]):
    done = kept("diff", *words, "--exit-code")
    assert done.status == 3
    assert "endpoint chat-g5 is not deployed" in " ".join(done.out.split())
    assert "stays and costs" not in done.out
    assert "REPLACE" not in done.out
    [profile] = json.loads(kept("diff", *words, "-o", "json").out)["profiles"]
    assert profile["impact"] == "new-endpoint-config"


def test_a_plan_that_was_not_applied_is_not_live(kept: Command):
    assert kept("plan", "chat", "--out", "plan.json").status == 0
    for words in (("plan.json", "live"), ("live", "plan.json")):
        done = kept("diff", *words, "--exit-code")
        assert done.status == 3
        assert "endpoint chat-g5 is not deployed" in " ".join(done.out.split())
        assert "REPLACE" not in done.out


def test_a_plan_for_an_endpoint_that_is_somebody_elses_is_refused(kept: Command):
    assert kept("plan", "chat", "--out", "plan.json").status == 0
    other = PROFILE.replace("name: chat", "name: talk") + "    endpoint: {name: chat-g5}\n"
    Path("profiles/talk.yaml").write_text(other)
    assert kept("up", "talk", "--yes", "--no-smoke").status == 0
    for words in (("plan.json", "live"), ("live", "plan.json")):
        done = kept("diff", *words)
        assert "INCOMPATIBLE" in done.out
        assert "was not made for this hardware profile" in " ".join(done.out.split())
