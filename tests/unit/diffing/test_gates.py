from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer.diffing.comparing import Pair, compare_all
from lmi_deployer.diffing.gates import check_gates, fail_on, max_cost_increase
from lmi_deployer.errors import GateError
from lmi_deployer.impact import Impact
from tests import diffing_samples
from tests.diffing_samples import samples, shipped, snapshot


def test_a_change_as_bad_as_the_limit_fails_and_is_named():
    error = fail_on(samples()["new_machine"], Impact.NEW_ENDPOINT_CONFIG)
    assert error is not None
    assert error.problem == ("impact new-endpoint-config or worse: chat / g5 (new-endpoint-config)")
    assert error.exit_code == 4


@pytest.mark.parametrize("impact", [item for item in Impact if item > Impact.RESTART])
def test_a_milder_change_passes(impact):
    assert fail_on(samples()["restart"], impact) is None


def test_what_is_equal_passes_every_gate():
    equal = samples()["comment_only"]
    assert fail_on(equal, Impact.NONE) is None
    assert max_cost_increase(equal, 0) is None


def test_what_could_not_be_read_has_not_passed():
    unread = samples()["unread"]
    for error in (fail_on(unread, Impact.INCOMPATIBLE), max_cost_increase(unread, 1000)):
        assert error is not None
        assert "profiles/chat.yaml" in error.problem
        assert "not known" in error.problem


def test_what_could_not_be_decided_has_not_passed_even_where_its_impact_looks_mild():
    broken = replace(snapshot(), values={}, deployed=None, cost=None)
    found = diffing_samples.comparison(broken, snapshot())
    error = fail_on(found, Impact.REPLACE_ENDPOINT)
    assert error is not None
    assert error.problem == "cannot be compared, so its impact is not known: chat / g5"
    error = max_cost_increase(found, 1000)
    assert error is not None
    assert error.problem == "cannot be compared, so what it costs is not known: chat / g5"
    assert "validate" in str(error.fix)


def test_all_that_does_not_pass_one_gate_is_told_with_its_way_out():
    found = replace(samples()["new_machine"], unread=samples()["unread"].unread)
    error = fail_on(found, Impact.RESTART)
    assert error is not None
    assert error.problem.split("\n  and: ") == [
        "impact restart or worse: chat / g5 (new-endpoint-config)",
        "cannot be compared, so its impact is not known: profiles/chat.yaml",
    ]
    assert "--fail-on" in str(error.fix)
    assert "validate" in str(error.fix)


def test_costs_within_the_limit_pass_and_those_above_name_what_costs_more():
    found = samples()["new_machine"]
    delta = found.usd_per_hour_delta
    assert delta is not None
    assert max_cost_increase(found, delta) is None
    error = max_cost_increase(found, 5)
    assert error is not None
    assert error.problem == (
        "costs rise by +$5.58 per hour, +$4,070 per 730 hours (prices of us-east-1 from 2026-08-01 "
        "to 2026-08-17), over the limit of +$5.00 per hour: chat / g5 (+$5.58)"
    )


def test_the_increase_is_that_of_everything_together():
    more, less = shipped("llama2-7b", "g5"), shipped("llama2-7b", "g5", "endpoint.instances=3")
    pairs = [Pair(before=more, after=less), Pair(before=less, after=more)]
    assert max_cost_increase(compare_all(pairs, before="a", after="b"), 0) is None


@pytest.mark.parametrize("saving", ["removed", "renamed", "incompatible"])
def test_what_goes_on_costing_or_cannot_be_deployed_pays_for_nothing_else(saving):
    (added,), (removed,) = samples()["added"].profiles, samples()["removed"].profiles
    small = shipped("llama2-7b", "g5")
    large = shipped("llama2-7b", "g5", "endpoint.instances=3")
    (less,) = diffing_samples.comparison(large, small).profiles
    if saving == "renamed":
        named = shipped("llama2-7b", "g5", "endpoint.name=other")
        (less,) = diffing_samples.comparison(large, named).profiles
    if saving == "incompatible":
        less = replace(less, impact=Impact.INCOMPATIBLE)
    saves = removed if saving == "removed" else less
    saved, added_usd = saves.usd_per_hour_delta, added.usd_per_hour_delta
    assert saved is not None
    assert saved < 0
    assert added_usd is not None
    both = replace(samples()["added"], profiles=(added, saves))
    error = max_cost_increase(both, added_usd / 2)
    assert error is not None
    assert "chat / g5 (+$1.51)" in error.problem
    assert ("`lmi-deploy down`" in error.problem) is (saving != "incompatible")
    # A machine that really becomes smaller does pay.
    (paying,) = diffing_samples.comparison(large, small).profiles
    assert max_cost_increase(replace(both, profiles=(added, paying)), 0) is None


def test_a_renamed_endpoint_costs_in_full_beside_the_one_before():
    error = max_cost_increase(samples()["renamed"], 1)
    assert error is not None
    assert error.problem == (
        "costs rise by +$1.51 per hour, +$1,106 per 730 hours, over the limit of +$1.00 per hour: "
        "chat / g5-small (+$1.51); what is removed or renamed costs until `lmi-deploy down`"
    )
    assert max_cost_increase(samples()["removed"], 0) is None


def test_an_unknown_price_has_not_passed():
    after = replace(shipped("llama2-7b", "g5", "endpoint.instances=3"), cost=None)
    error = max_cost_increase(diffing_samples.comparison(None, after), 1000)
    assert error is not None
    assert error.problem == "no price is known, so neither is the increase of costs: llama2-7b / g5"


def test_both_gates_tell_together():
    with pytest.raises(GateError) as raised:
        check_gates(samples()["new_machine"], fail_on_impact=Impact.RESTART, max_usd_per_hour=1)
    first, second = raised.value.problem.split("\n  and: ")
    assert first.startswith("impact restart or worse: ")
    assert second.startswith("costs rise by ")
    check_gates(samples()["new_machine"])
