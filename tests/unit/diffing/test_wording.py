from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer.diffing import wording
from lmi_deployer.diffing.comparing import Pair, compare
from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff
from lmi_deployer.diffing.page_lines import ALIKE
from lmi_deployer.diffing.snapshot import Item
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Impact
from lmi_deployer.spec import Value
from tests.diffing_samples import HOSTILE, HUB_TOKEN, samples, shipped, snapshot
from tests.unit.diffing.generated_snapshots import SIDES, VALUES


def item(value: Value, unit: str = "") -> Item:
    return Item(value=value, unit=unit, source="profile", reason="here")


def change(before: Item | None, after: Item | None, key: str = "a") -> Change:
    return Change(
        key=key, before=before, after=after, cause="profile", place=None, impact=Impact.NONE
    )


def only(name: str) -> ProfileDiff:
    return samples()[name].profiles[0]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "", "not set"),
        (True, "", "true"),
        (64, "", "64"),
        (64, "GB", "64 GB"),
        (1024, "tokens", "1024 tokens"),
        (16384, "tokens", "16,384 tokens"),
        (16384, "", "16384"),
        (0.9, "", "0.9"),
        (float("nan"), "", "nan"),
        ("a\nb", "", "a\\nb"),
        ("\ud800", "", "\\ud800"),
        (f"x {HUB_TOKEN}", "", "***"),
    ],
)
def test_a_value_is_shown_with_its_unit_on_one_line(value, unit, shown):
    assert wording.shown(None if value is None else item(value, unit)) == shown


def test_a_value_under_a_key_that_promises_a_secret_is_hidden():
    assert wording.shown(item("sesame"), "options.option.api_token") == "***"


@pytest.mark.parametrize(
    ("units", "shown"),
    [
        (("sequences", "sequences"), ("8", "12 sequences")),
        (("s", "tokens"), ("8 s", "12 tokens")),
        (("", ""), ("8", "12")),
    ],
)
def test_a_unit_that_both_values_have_is_told_once(units, shown):
    sides = item(8, units[0]), item(12, units[1])
    assert wording.shown_values(change(*sides), unit_once=True) == shown
    in_a_table = wording.shown_values(change(*sides))
    assert in_a_table == tuple(f"{side.value} {side.unit}".strip() for side in sides)


def test_a_number_beside_one_with_separators_has_them_too():
    sides = item(8400, "s"), item(12000, "s")
    assert wording.shown_values(change(*sides)) == ("8,400 s", "12,000 s")
    assert wording.shown_values(change(*sides), unit_once=True) == ("8,400", "12,000 s")
    assert wording.shown_values(change(item(8400, "s"), None)) == ("8400 s", "not set")


def total(*diffs: ProfileDiff, **others: Any) -> str:
    return wording.total_cost(Comparison(before="a", after="b", profiles=diffs, **others))


def test_what_goes_costs_until_it_is_down_and_the_total_says_so():
    assert total(only("removed")) == (
        "-$1.51 per hour, -$1,106 per 730 hours once the old endpoints are down, "
        "unchanged until then"
    )
    assert total(only("renamed")) == (
        "cost unchanged once the old endpoints are down, +$1.51 per hour until then"
    )


def test_what_cannot_be_deployed_saves_nothing_and_the_total_says_so():
    after, before = only("new_machine").before, only("new_machine").after
    cheaper = replace(only("new_machine"), before=before, after=after, impact=Impact.INCOMPATIBLE)
    assert total(cheaper).startswith("-$5.58 per hour, ")
    assert " if all of it can be deployed, unchanged until then (prices of " in total(cheaper)


def test_a_sum_over_price_lists_names_them_and_one_of_a_single_list_does_not():
    elsewhere = only("added")
    assert "prices" not in total(elsewhere)
    assert total(elsewhere, only("new_machine")).endswith(
        "(prices of us-east-1 from 2026-08-01 to 2026-08-17)"
    )
    assert elsewhere.after is not None
    assert elsewhere.after.cost is not None
    cost = replace(elsewhere.after.cost, region="eu-west-1", as_of="2026-09-01")
    other = replace(elsewhere, after=replace(elsewhere.after, cost=cost))
    assert total(elsewhere, other).endswith(
        "(prices of eu-west-1 of 2026-09-01, us-east-1 of 2026-08-17)"
    )


def test_a_space_at_the_end_of_a_value_is_no_unit():
    assert wording.shown_values(change(item("a "), item("a"))) == ("a ", "a")


def test_two_secrets_are_told_apart_without_being_told():
    shown = wording.shown_values(change(item("one"), item("two"), "options.option.api_token"))
    assert shown == ("***", f"***{ALIKE}")


def test_long_values_are_shown_from_where_they_differ():
    before, after = wording.shown_values(change(item("x" * 500 + "old"), item("x" * 500 + "new")))
    assert before == f"...{'x' * 20}old"
    assert after == f"...{'x' * 20}new"


LONG = st.text(st.sampled_from("ab\u00e9"), min_size=130, max_size=300)


@given(LONG, LONG, LONG)
def test_the_first_difference_of_two_long_values_is_shown(same, one, other):
    one, other = f"{same}a{one}", f"{same}b{other}"
    shown = wording.shown_values(change(item(one), item(other)))
    left, right = same[-20:] + "a", same[-20:] + "b"
    assert (shown[0][3:24], shown[1][3:24]) == (left, right)


@given(VALUES, VALUES)
def test_values_that_differ_never_look_alike_and_are_never_long(before, after):
    shown = wording.shown_values(change(item(before), item(after)))
    assert shown[0] != shown[1]
    for text in shown:
        assert text.isprintable()
        assert len(text) <= wording.LONGEST_VALUE + len(ALIKE)


def test_the_title_names_every_class_worst_first():
    assert wording.impact_titles(only("new_machine")) == "NEW ENDPOINT CONFIG, RESTART"
    assert wording.impact_titles(only("recompile")) == "RECOMPILE"
    assert wording.impact_titles(only("refused")) == "INCOMPATIBLE, RESTART"
    assert wording.impact_titles(only("comment_only")) == "NO IMPACT"


@pytest.mark.parametrize(
    ("cause", "place", "text"),
    [
        ("profile", Place("profiles/x.yaml", 31), "profiles/x.yaml:31"),
        ("profile", None, "the profile"),
        ("override", None, "--set"),
        ("lock", Place("profiles/lmi.lock", 3), "lock, profiles/lmi.lock:3"),
        ("lock", None, "lock"),
        ("catalog", None, "catalog or version of lmi-deploy (here)"),
        ("derived", None, "here"),
        ("deployed", None, "as deployed"),
        ("deployed", Place("x.yaml", 2), "as deployed, x.yaml:2"),
    ],
)
def test_a_cause_is_told_with_its_line(cause, place, text):
    told = replace(change(None, item(1)), cause=cause, place=place)
    assert wording.cause(told) == text


def test_a_rule_that_no_longer_holds_is_not_the_reason_of_a_value():
    gone = replace(change(item(1), None), cause="derived")
    assert wording.cause(gone) == "no longer (here)"
    silent = replace(item(1), reason="")
    for sides in ((silent, None), (None, silent)):
        told = replace(change(*sides), cause="derived")
        assert wording.cause(told) == "follows from other values"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("comment_only", "no effective change"),
        ("added", "added"),
        ("removed", "removed"),
        ("new_machine", "2 values changed"),
        ("restart", "1 value changed"),
        ("taken_over", "names changed"),
    ],
)
def test_what_became_of_a_profile_is_one_clause(name, text):
    assert wording.status_text(only(name)) == text


def test_totals_count_everything():
    assert wording.totals(samples()["several"]) == (
        "4 profiles: 1 changed, 1 added, 1 removed, 1 equal; 8 files are the same on both sides"
    )
    assert wording.totals(samples()["unread"]) == (
        "0 profiles; 1 could not be read; 3 files are the same on both sides"
    )


def test_the_effects_of_another_machine():
    assert dict(wording.effects(only("new_machine"))) == {
        "memory per GPU": "21.6 -> 21.2 of 22.0 GiB, fits",
        "head-room": "7.4 -> 16.4 GiB",
        "batch ceiling": "9 -> 83 sequences",
        "cost": (
            "$1.51 -> $7.09 per hour: +$5.58 per hour, +$4,070 per 730 hours "
            "(prices of us-east-1 from 2026-08-01 to 2026-08-17)"
        ),
    }


def test_what_is_there_on_one_side_only_costs_nothing_on_no_other():
    month = "$1.51 per hour, {}$1,106 per 730 hours"
    priced = "(us-east-1, price of 2026-08-17)"
    assert dict(wording.effects(only("added")))["cost"] == f"+{month.format('+')} {priced}"
    assert dict(wording.effects(only("removed")))["cost"] == (
        f"-{month.format('-')}, once its endpoint is down {priced}"
    )


def test_what_stays_is_told_only_of_the_cost():
    assert dict(wording.effects(only("restart"))) == {
        "cost": "$1.51 per hour, unchanged (us-east-1, price of 2026-08-17)"
    }
    assert wording.effects(only("comment_only")) == ()


def test_the_effect_on_an_engine_says_whether_anybody_looked():
    effects = dict(wording.effects(only("recompile")))
    assert effects["trt_engine"].endswith("compiled ahead of time; the cache was not looked into")
    assert " -> " in effects["trt_engine"]
    diff = only("recompile")
    assert diff.after is not None
    assert diff.after.artifact is not None
    for is_cached, text in ((True, "in the cache"), (False, "not in the cache")):
        artifact = replace(diff.after.artifact, is_cached=is_cached)
        looked = replace(diff, after=replace(diff.after, artifact=artifact))
        assert dict(wording.effects(looked))["trt_engine"].endswith(f", {text}")


@pytest.mark.parametrize(
    ("profile", "hardware", "mode", "text"),
    [
        ("llama2-7b", "inf2", "jit", "compiled in the container at each start"),
        (
            "llama2-70b",
            "p4d",
            "auto",
            "compiled at each start unless the cache holds it, which was not looked into",
        ),
        (
            "llama2-7b",
            "g5-deepspeed",
            "auto",
            "used where the cache holds it, which was not looked into",
        ),
    ],
)
def test_what_nobody_has_to_compile_ahead_is_not_said_to_be(profile, hardware, mode, text):
    side = shipped(profile, hardware, f"compile.mode={mode}")
    assert side.artifact is not None
    effects = dict(wording.effects(compare(Pair(before=None, after=side))))
    assert effects[side.artifact.name].endswith(f", {text}")


def test_an_image_is_told_where_its_tag_or_its_digest_moved():
    side = snapshot()
    assert side.image is not None
    digests = [
        replace(side, image=replace(side.image, digest=f"sha256:{sign * 64}")) for sign in "ab"
    ]
    diff = replace(only("restart"), before=digests[0], after=digests[1])
    text = dict(wording.effects(diff))["image"]
    assert "(sha256:aaaaaaaaaaaa) -> " in text
    assert "image" not in dict(wording.effects(replace(diff, before=side)))


@pytest.mark.parametrize(
    ("usd_per_hour", "text"),
    [
        (20.0, "+$20.00 per hour, +$14,600 per 730 hours"),
        (-1.5, "-$1.50 per hour, -$1,095 per 730 hours"),
        (0.001, "cost unchanged"),
        (None, "cost unknown"),
    ],
)
def test_a_change_of_costs_has_its_sign_and_its_month(usd_per_hour, text):
    assert wording.cost_change(usd_per_hour) == text


def test_a_price_that_is_not_known_is_not_passed_off_as_nothing():
    diff = only("new_machine")
    assert diff.before is not None
    unpriced = replace(diff, before=replace(diff.before, cost=None))
    assert dict(wording.effects(unpriced))["cost"].startswith("unknown -> $7.09 per hour (")


def test_names_are_listed_up_to_a_number():
    assert wording.listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert wording.listed([]) == ""


@settings(max_examples=150, deadline=None)
@given(SIDES, st.booleans())
def test_nothing_said_of_any_comparison_leaves_its_line(sides, is_added):
    diff = compare(Pair(before=None if is_added else sides[0], after=sides[1]))
    told = [
        wording.impact_titles(diff),
        wording.status_text(diff),
        wording.name_before(diff),
        *(text for effect in wording.effects(diff) for text in effect),
        *(wording.cause(item) for item in diff.changes),
        *(wording.finding_text(item) for item in (*diff.appeared, *diff.gone)),
        *(text for item in diff.changes for text in wording.shown_values(item)),
    ]
    assert all(text.isprintable() for text in told)


def test_what_is_escaped_once_is_not_escaped_again():
    finding = Finding.error("LMI001", "b\n", place=Place("a\n.yaml", 3), key="k\n", fix=None)
    assert wording.finding_text(finding) == "error LMI001 a\\n.yaml:3 k\\n: b\\n"


def test_no_hostile_text_leaves_its_line_or_holds_the_token():
    diff = only("hostile")
    finding = diff.appeared[0]
    told = [
        wording.finding_text(finding),
        wording.fix_text(finding),
        wording.name_before(diff),
        wording.safe(HOSTILE),
        *(wording.cause(item) for item in diff.changes),
        *(text for item in diff.changes for text in wording.shown_values(item)),
    ]
    assert all(text.isprintable() and HUB_TOKEN not in text for text in told)
