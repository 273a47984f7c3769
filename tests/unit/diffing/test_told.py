"""What a reviewer is shown: the worst first, changes only, and never more than is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer.diffing import told
from lmi_deployer.diffing.as_text import text
from lmi_deployer.diffing.comparison import Comparison
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Impact
from tests.diffing_samples import samples
from tests.unit.diffing.hand_made import change, changed, compared, unread

PLACE = Place("profiles/chat.yaml", 3)


def finding(problem: str, *, key: str = "quantize", code: str = "LMI300") -> Finding:
    return Finding(code=code, severity="warning", problem=problem, place=PLACE, key=key)


def test_the_worst_profile_comes_first_and_equal_ones_do_not_come():
    shown = [diff.title for diff in told.told(samples()["several"])]
    assert shown == ["llama2-7b / inf2", "chat / g5", "mistral-7b / g5"]


def test_a_cost_that_stays_is_no_effect_and_one_that_moves_is():
    assert told.effects(samples()["restart"].profiles[0]) == ()
    labels = [effect.label for effect in told.effects(samples()["new_machine"].profiles[0])]
    assert labels == [told.MEMORY, "head-room", "batch ceiling", told.COST]


def test_of_what_is_removed_only_its_cost_is_told():
    (removed,) = samples()["removed"].profiles
    assert [effect.label for effect in told.effects(removed)] == [told.COST]
    assert removed.gone
    assert list(told.findings(removed)) == []


def test_a_finding_in_other_words_is_told_once():
    now, before = finding("is 16"), finding("is 32")
    new, gone = finding("new", key="a"), finding("gone", key="b")
    standing = Finding.error("LMI201", "does not fit", place=PLACE, fix=None)
    diff = replace(changed([]), appeared=(now, new), gone=(before, gone), standing=(standing,))
    assert list(told.findings(diff)) == [
        ("new", new), ("still", now), ("still", standing), ("gone", gone),
    ]  # fmt: skip


def test_several_findings_about_one_key_are_all_told():
    diff = replace(
        changed([]), appeared=(finding("a"), finding("b")), gone=(finding("c"), finding("d"))
    )
    assert [kind for kind, _ in told.findings(diff)] == ["new", "new", "gone", "gone"]


UNREAD = samples()["unread"]
MILD = replace(changed([change("1", "2")]), impact=Impact.NONE)


@pytest.mark.parametrize(
    ("comparison", "impact", "cost"),
    [
        (samples()["restart"], "RESTART", "cost unchanged"),
        (UNREAD, "IMPACT UNKNOWN", "cost unknown"),
        (
            replace(UNREAD, profiles=samples()["restart"].profiles),
            "RESTART",
            "cost unchanged for what could be compared",
        ),
        (
            compared(MILD, rest=[unread("main")]),
            "IMPACT UNKNOWN",
            "cost unknown for what could be compared",
        ),
        (
            compared(replace(MILD, status="unknown")),
            "IMPACT UNKNOWN",
            "cost unknown for what could be compared",
        ),
    ],
)
def test_no_impact_is_said_only_where_everything_could_be_compared(
    comparison: Comparison, impact: str, cost: str
):
    assert told.impact_title(comparison) == impact
    assert told.cost(comparison) == cost
    assert f"; {impact}; {cost}\n" in text(comparison, width=200)


def test_an_unknown_profile_is_not_said_to_have_no_impact():
    assert told.impact_label(replace(MILD, status="unknown")) == "unknown"
    worse = replace(MILD, status="unknown", impact=Impact.INCOMPATIBLE)
    assert told.impact_label(worse) == "incompatible"
