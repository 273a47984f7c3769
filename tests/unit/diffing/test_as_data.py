from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings

from lmi_deployer.diffing.as_data import EFFECTS, STATUSES, comparison_as_json, json_schema
from lmi_deployer.diffing.comparing import Pair, compare_all
from lmi_deployer.diffing.comparison import Cause, Status
from lmi_deployer.diffing.snapshot import Item, Source
from lmi_deployer.impact import Impact
from tests.diffing_samples import HUB_TOKEN, comparison, samples, snapshot
from tests.unit.diffing.generated_snapshots import SIDES


def closed(schema: Any) -> Any:
    """The schema without the keys that a later version may add."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: closed(value) for key, value in schema.items()}
    is_object = told.get("type") == "object" and isinstance(told.get("properties"), dict)
    return {**told, "additionalProperties": False} if is_object else told


VALIDATOR = jsonschema.Draft202012Validator(closed(json_schema()))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_has_every_word():
    told = json_schema()["$defs"]
    assert told["impact"]["enum"] == [impact.label for impact in Impact]
    assert set(told["profile"]["properties"]["status"]["enum"]) == set(get_args(Status))
    assert set(STATUSES) == set(get_args(Status))
    assert set(told["change"]["properties"]["cause"]["enum"]) == set(get_args(Cause))
    assert set(told["item"]["properties"]["source"]["enum"]) == set(get_args(Source))
    assert set(told["profile"]["properties"]["effects"]["properties"]) == set(EFFECTS)


@pytest.mark.parametrize("name", sorted(samples()))
def test_every_sample_is_as_the_schema_says(name):
    document = comparison_as_json(samples()[name])
    VALIDATOR.validate({"schema_version": 1, **document})
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text) == document
    assert HUB_TOKEN not in text


@settings(max_examples=100, deadline=None)
@given(SIDES)
def test_any_comparison_is_as_the_schema_says(sides):
    before, after = sides
    pairs = [
        Pair(before=before, after=after),
        Pair(before=None, after=after),
        Pair(before=before, after=None),
    ]
    VALIDATOR.validate(comparison_as_json(compare_all(pairs, before="a", after="b")))


def test_what_could_not_be_read_is_not_said_to_have_no_impact():
    document = comparison_as_json(samples()["unread"])
    assert (document["impact"], document["changed"]) == ("unknown", True)
    VALIDATOR.validate(document)


def test_it_says_what_changed_where_and_what_that_costs():
    document = comparison_as_json(samples()["new_machine"])
    assert (document["changed"], document["impact"]) == (True, "new-endpoint-config")
    assert document["cost"] == {
        "usd_per_hour_delta": 5.575,
        "usd_per_hour_delta_at_first": 5.575,
        "usd_per_month_delta": 4069.75,
        "hours_per_month": 730,
    }
    assert document["totals"]["changed"] == document["totals"]["profiles"] == 1
    (profile,) = document["profiles"]
    first = profile["changes"][0]
    assert (first["key"], first["cause"], first["side"]) == ("instance_type", "profile", "after")
    assert (first["file"], first["line"]) == ("profiles/chat.yaml", 9)
    assert (first["before"]["value"], first["after"]["value"]) == (
        "ml.g5.2xlarge",
        "ml.g5.12xlarge",
    )
    assert profile["effects"]["memory"]["after"]["verdict"] == "fits"
    assert profile["effects"]["cost"]["before"]["usd_per_hour"] == 1.515
    assert [item["code"] for item in profile["findings"]["gone"]] == ["LMI212"]
    assert "-option.tensor_parallel_degree=1" in profile["rendered"]


def test_what_could_not_be_read_has_its_findings_and_its_text():
    (unread,) = comparison_as_json(samples()["unread"])["unread"]
    assert (unread["name"], unread["side"]) == ("profiles/chat.yaml", "after")
    assert unread["findings"][0]["code"] == "LMI001"
    assert unread["text_diff"][1] == "-    backend: lmi-dist"


def test_an_unknown_price_is_null_and_not_nothing():
    dearer = replace(snapshot(), cost=None)
    assert comparison_as_json(comparison(None, dearer))["cost"]["usd_per_hour_delta"] is None


def test_a_number_that_json_does_not_have_is_told_as_text():
    side = snapshot()
    odd = Item(value=float("inf"), source="profile", reason="")
    found = comparison(side, replace(side, values={**side.values, "options.x": odd}))
    text = json.dumps(comparison_as_json(found), allow_nan=False)
    assert '"inf"' in text
