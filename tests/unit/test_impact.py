"""What the parts that differ between two deployments come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lmi_deployer.impact import (
    ARTIFACTS_FROM,
    CACHED_ENGINE,
    IMPACTS,
    MODEL_LINE,
    UNKNOWN,
    Deployed,
    Impact,
    Part,
    changed_names,
    changed_parts,
    impact_of,
)

ENGINES = "s3://acme-lmi/engines/"
SERVED = Deployed(
    endpoint="chat-g5",
    properties={"engine": "MPI", MODEL_LINE: "acme/chat"},
    model={"image": "0.25.0-x", "role": "arn:1", ARTIFACTS_FROM: "account"},
    endpoint_config={"InstanceType": "ml.g5.2xlarge", "InitialInstanceCount": "1"},
    tags={"team": "search"},
)
AHEAD = replace(
    SERVED,
    properties={"engine": "MPI", MODEL_LINE: f"{ENGINES}0123456789abcdef/artifact/"},
    engine="0123456789abcdef",
    is_compiled_ahead=True,
    engine_cache=ENGINES,
)
AT_START = replace(SERVED, engine="fedcba9876543210")
OPEN = replace(AT_START, cached_engine="0123456789abcdef", engine_cache=ENGINES)
"""Served from a cache that nobody looked into, or else compiled at the start."""
LOADED = replace(OPEN, engine=None)
"""The same where the container compiles nothing."""
GATED = replace(AHEAD, gate="prompts", minimum_agreement=0.8)


def changed(before: Deployed, **fields: Any) -> frozenset[Part]:
    return changed_parts(before, replace(before, **fields))


@pytest.mark.parametrize("deployed", [SERVED, AHEAD, AT_START, OPEN, LOADED, GATED])
def test_what_stays_as_it_is_changes_nothing(deployed: Deployed):
    assert changed_parts(deployed, deployed) == frozenset()
    assert impact_of(()) is Impact.NONE


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"endpoint": "other"}, Part.ENDPOINT),
        ({"properties": {"engine": "Python"}}, Part.FILES),
        ({"model": {"image": "0.26.0-x"}}, Part.MODEL),
        ({"endpoint_config": {"InstanceType": "ml.g5.4xlarge"}}, Part.ENDPOINT_CONFIG),
        ({"tags": {"team": "other"}}, Part.TAGS),
    ],
)
def test_each_part_costs_what_the_table_says(fields: dict[str, Any], part: Part):
    parts = changed(SERVED, **fields)
    assert parts == {part}
    assert impact_of(parts) is IMPACTS[part]


def test_what_differs_has_a_name():
    other = replace(SERVED, properties={MODEL_LINE: "acme/other"}, endpoint="other")
    assert changed_names(SERVED, other) == {
        Part.FILES: ("engine", MODEL_LINE),
        Part.ENDPOINT: ("name",),
    }


def test_what_one_side_does_not_tell_is_not_compared():
    assert changed(SERVED, properties=None, model={}, endpoint_config=None) == frozenset()
    assert changed(SERVED, endpoint=UNKNOWN) == frozenset()
    assert changed(AT_START, engine=UNKNOWN) == frozenset()
    assert changed(replace(AT_START, engine=UNKNOWN), engine="1") == frozenset()


def test_a_tag_that_is_wanted_no_more_stays_and_one_that_is_missing_is_given():
    assert changed(SERVED, tags={}) == frozenset()
    assert changed(SERVED, tags={"team": "search", "cost-center": "a"}) == {Part.TAGS}


def test_only_the_side_that_compiles_can_compile_something_else():
    assert changed(AT_START, engine=None) == frozenset()
    assert changed(SERVED, engine="1") == {Part.ENGINE}
    assert Part.ENGINE in changed_parts(AHEAD, AT_START)
    assert Part.ENGINE in changed_parts(AT_START, AHEAD)


def test_an_engine_that_lies_in_the_cache_is_not_compiled():
    other = replace(AHEAD, engine="1" * 16, is_engine_ready=True)
    assert Part.ENGINE not in changed_parts(AHEAD, other)
    assert Part.ENGINE in changed_parts(AHEAD, replace(other, is_engine_ready=None))


def test_an_engine_that_the_cache_has_lost_is_compiled_again():
    lost = replace(AHEAD, is_engine_ready=False)
    assert changed_parts(AHEAD, lost) == {Part.ENGINE}
    assert changed_parts(lost, lost) == frozenset()


@pytest.mark.parametrize(
    ("fields", "is_compiled"),
    [
        ({"minimum_agreement": 0.9}, True),
        ({"minimum_agreement": 0.5}, False),
        ({"gate": "others"}, True),
        ({"gate": None}, False),
        ({"gate": UNKNOWN}, False),
    ],
)
def test_a_quality_gate_compiles_again_what_may_not_pass_it(
    fields: dict[str, Any], is_compiled: bool
):
    assert (Part.ENGINE in changed(GATED, **fields)) == is_compiled
    assert Part.ENGINE in changed_parts(AHEAD, GATED)


def test_another_cache_has_to_be_filled_first():
    moved = {"engine_cache": "s3://acme-other/"}
    assert Part.ENGINE in changed(AHEAD, **moved)
    # A profile that leaves the cache to the account, beside one that names it.
    assert Part.ENGINE in changed(replace(AHEAD, engine_cache=None), **moved)
    # A profile beside what was deployed in an account.
    unsaid = replace(AHEAD, engine_cache=None, model={"image": "0.25.0-x"})
    assert changed(unsaid, **moved) == frozenset()


def test_the_line_with_an_engine_says_nothing_where_its_folder_is_not_known():
    unseen = {"engine": "MPI", MODEL_LINE: "s3://<artifacts>/engines/0123456789abcdef/artifact/"}
    model = {"image": "0.25.0-x"}
    assert changed(AHEAD, properties=unseen, engine_cache=None, model=model) == frozenset()
    other = {**unseen, "engine": "Python"}
    names = changed_names(AHEAD, replace(AHEAD, properties=other, engine_cache=None, model=model))
    assert names == {Part.FILES: ("engine",)}


@pytest.mark.parametrize(
    "fields",
    [
        {"cached_engine": None, "engine_cache": None},
        {"cached_engine": "1" * 16},
        {"engine_cache": "s3://acme-other/"},
        {"engine_cache": None},
        {"gate": "prompts", "minimum_agreement": 0.8},
    ],
)
def test_an_engine_that_a_cache_may_hold_may_be_lost(fields: dict[str, Any]):
    assert changed(OPEN, **fields) == {Part.FILES, Part.ENGINE}
    assert changed(LOADED, **fields) == {Part.FILES}
    assert changed_parts(AHEAD, replace(OPEN, **fields)) == {Part.FILES, Part.ENGINE}
    names = changed_names(LOADED, replace(LOADED, **fields))
    assert names == {Part.FILES: (CACHED_ENGINE,)}  # no line differs yet


def test_an_engine_that_a_cache_may_hold_may_take_over():
    assert changed_parts(AT_START, OPEN) == {Part.FILES}
    gated = replace(OPEN, gate="prompts", minimum_agreement=0.8)
    assert changed(gated, minimum_agreement=0.5) == {Part.FILES}
    assert changed_parts(OPEN, AHEAD) == {Part.FILES, Part.ENGINE}


def test_an_engine_that_was_compiled_ahead_is_taken_to_be_in_its_cache():
    assert changed_parts(AHEAD, OPEN) == frozenset()
    mild = replace(OPEN, gate="prompts", minimum_agreement=0.5)
    assert changed_parts(GATED, mild) == frozenset()


def test_of_what_is_live_or_not_told_nothing_is_made_up():
    live = replace(AT_START, gate=UNKNOWN)
    assert changed_parts(live, OPEN) == frozenset()
    assert changed_parts(replace(SERVED, engine=UNKNOWN), OPEN) == frozenset()


def test_labels_are_as_people_write_them():
    labels = [impact.label for impact in Impact]
    assert labels == [
        "none", "restart", "new-endpoint-config", "recompile", "replace-endpoint", "incompatible",
    ]  # fmt: skip
