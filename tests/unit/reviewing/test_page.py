"""The comment of a review, and what the steps after it are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer.diffing.comparison import Comparison, ProfileDiff, Unread
from lmi_deployer.diffing.snapshot import Cost, Snapshot
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Impact
from lmi_deployer.reviewing.comment import MOST_CHARACTERS, fitted, is_same, marker_of
from lmi_deployer.reviewing.outcome import changed_files, from_top, in_order, outputs_of
from lmi_deployer.reviewing.page import MOST_ERRORS, review_page

NOTHING = Comparison(before="main", after="work tree")
MARKER = marker_of("profiles")


def an_error(line: int, problem: str = "is wrong") -> Finding:
    return Finding.error("LMI201", problem, place=Place("profiles/chat.yaml", line), fix=None)


def a_diff(before: float | None, after: float | None) -> ProfileDiff:
    """A hardware profile that costs this much on each side; None for a price nobody knows."""
    sides = [
        Snapshot(
            profile="chat",
            hardware="g5",
            file="profiles/chat.yaml",
            cost=None if usd is None else Cost(usd_per_hour=usd, region="us-east-1", as_of="x"),
        )
        for usd in (before, after)
    ]
    return ProfileDiff(
        profile="chat",
        hardware="g5",
        file="profiles/chat.yaml",
        status="changed",
        impact=Impact.RECOMPILE,
        before=sides[0],
        after=sides[1],
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (5.0, 7.5, "2.50"),
        (7.5, 5.0, "-2.50"),
        (5.0, 5.0, "0.00"),
        (5.004, 5.0, "0.00"),
        (None, 5.0, ""),
    ],
)
def test_the_outputs_of_a_change(before: float | None, after: float | None, told: str):
    comparison = replace(NOTHING, profiles=(a_diff(before, after),))
    assert outputs_of(comparison, comment_url="https://x") == {
        "changed": "true", "impact": "recompile", "cost-delta": told, "comment-url": "https://x",
    }  # fmt: skip


def test_the_outputs_of_nothing():
    assert outputs_of(NOTHING, comment_url=None) == {
        "changed": "false", "impact": "none", "cost-delta": "0.00", "comment-url": "",
    }  # fmt: skip


@pytest.mark.parametrize("side", ["before", "after"])
def test_what_could_not_be_compared_has_no_impact_and_no_cost_that_is_known(side):
    unread = Unread(name="profiles/chat.yaml", side=side, findings=(an_error(3),))
    diff = a_diff(5.0, 7.5)
    for profiles in ((), (diff,)):
        outputs = outputs_of(replace(NOTHING, unread=(unread,), profiles=profiles), comment_url="")
        assert (outputs["changed"], outputs["impact"], outputs["cost-delta"]) == (
            "true", "unknown", "",
        )  # fmt: skip
    half = replace(NOTHING, profiles=(diff, replace(diff, status="unknown")))
    assert outputs_of(half, comment_url="")["impact"] == "unknown"


def test_what_cannot_get_worse_is_known_whatever_else_is_not():
    unread = Unread(name="profiles/chat.yaml", side="after", findings=(an_error(3),))
    worst = replace(a_diff(5.0, 7.5), impact=Impact.INCOMPATIBLE)
    outputs = outputs_of(replace(NOTHING, unread=(unread,), profiles=(worst,)), comment_url="")
    assert outputs["impact"] == "incompatible"


def test_files_are_named_from_the_top_of_the_repository():
    top = Path("/work tree")
    own = Finding.error("LMI414", "x", place=Place("/work tree/profiles/lmi.lock", 1), fix=None)
    assert from_top(own, top).place == Place("profiles/lmi.lock", 1)
    for place in (Place("profiles/chat.yaml", 1), Place("/elsewhere/x", 1), Place("--set")):
        assert from_top(replace(own, place=place), top).place == place


def test_only_files_that_are_still_there_are_validated():
    kept = a_diff(1, 1)
    gone = replace(kept, status="removed", file="profiles/old.yaml")
    assert changed_files(replace(NOTHING, profiles=(kept, gone, kept))) == ["profiles/chat.yaml"]


def test_errors_come_first_and_each_finding_once():
    note = Finding(code="LMI107", severity="note", problem="so", place=Place("a.yaml", 1))
    assert in_order([note, an_error(2), note, an_error(1)]) == [an_error(2), an_error(1), note]


def test_errors_and_gates_stand_below_the_comparison():
    page = review_page(
        NOTHING,
        marker=MARKER,
        errors=[an_error(3)],
        failed_gates=["impact restart or worse: chat / g5"],
    )
    head, gates, errors = (
        page.partition("#### Gates")[0],
        page.find("#### Gates"),
        page.find("#### Not"),
    )
    assert head.startswith(f"<!-- {MARKER} -->\n")
    assert 0 < gates < errors
    assert "profiles/chat.yaml:3" in page[errors:]


def test_an_error_that_the_comparison_tells_is_not_told_twice():
    unread = Unread(name="profiles/chat.yaml", side="after", findings=(an_error(3),))
    page = review_page(replace(NOTHING, unread=(unread,)), marker=MARKER, errors=[an_error(3)])
    assert "#### Not valid" not in page
    assert page.count("profiles/chat.yaml:3") == 1


def test_many_errors_are_counted():
    page = review_page(NOTHING, marker=MARKER, errors=[an_error(line) for line in range(1, 101)])
    assert page.count("`profiles/chat.yaml:") == MOST_ERRORS
    assert page.endswith("- and 80 more\n")


def test_what_a_profile_says_is_no_markup():
    hostile = "</details> @everyone [x](http://evil) <!-- --> ``` # "
    page = review_page(
        NOTHING,
        marker=MARKER,
        errors=[an_error(1, hostile)],
        failed_gates=[hostile],
    )
    for sign in ("</details>", "@everyone", "[x](http://evil"):
        assert page.count(sign) == page.count(f"`{sign}`") == 2


def test_a_comment_is_never_longer_than_github_takes():
    text = "\n".join(["x" * 100] * 1000)
    cut = fitted(text)
    assert len(cut) <= MOST_CHARACTERS
    assert cut.splitlines()[-1].startswith("The rest is left out")
    assert fitted("x" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS


def test_ends_of_lines_are_no_difference():
    assert is_same("a\r\nb\r\n", "a\nb")
    assert not is_same("a\nb", "a\nb\nc")


def test_names_that_a_marker_cannot_hold_stay_apart():
    names = ["profiles", "b/profiles", "a --> b", "a -- b", "caf\u00e9", "caf\u00e8", "x\ny", ""]
    markers = [marker_of(name) for name in names]
    assert len(set(markers)) == len(names)
    assert not any("--" in marker or "\n" in marker for marker in markers)
