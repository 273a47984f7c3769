"""A saved plan reads back as it was made, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.api import Checked
from lmi_deployer.diffing.taking import take
from lmi_deployer.errors import InputError
from lmi_deployer.plan import make_down_plan, make_plan
from lmi_deployer.plan_file import (
    STEP_TYPES,
    Decided,
    SavedPlan,
    _digest,
    parse_plan,
    plan_as_json,
)
from lmi_deployer.plan_sources import Sources
from lmi_deployer.state import ObservedState
from tests.specs import a_deployment, make_spec

WANTED = a_deployment()
SAVED = SavedPlan(
    plan=make_plan(WANTED, ObservedState()),
    title="chat / g5",
    region="us-east-1",
    account="123456789012",
)
DECIDED = replace(
    SAVED,
    decided=Decided(
        snapshot=take(
            Checked(title="chat / g5", spec=make_spec(), findings=()),
            region="us-east-1",
            profile="chat",
            hardware="g5",
            file="chat.yaml",
        ),
        as_asked=None,
        sources=Sources(
            profile="chat.yaml",
            profile_sha256="0" * 64,
            lock_sha256=None,
            catalog_sha256="1" * 64,
            version="0.1.0",
            overrides=("max_rolling_batch_size=4",),
        ),
        impact="restart",
        planned_at="2026-11-21T12:00:00Z",
    ),
)


def test_a_plan_reads_back_as_it_was_saved():
    text = json.dumps(plan_as_json(SAVED))
    again = parse_plan(text, "plan.json")
    assert json.dumps(plan_as_json(again)) == text
    assert again.plan.bundle == SAVED.plan.bundle
    assert again.plan.steps[1] == SAVED.plan.steps[1]


def test_what_a_plan_was_decided_from_reads_back_as_it_was_saved():
    text = json.dumps(plan_as_json(DECIDED))
    again = parse_plan(text, "plan.json")
    assert again.decided == DECIDED.decided
    assert json.dumps(plan_as_json(again)) == text


@pytest.mark.parametrize(
    "change",
    [
        {"impact": "harmless"},
        {"impact": 3},
        {"planned_at": None},
        {"sources": {}},
        {"sources": {"profile": ["x"]}},
        {"snapshot": {}},
        {"snapshot": []},
        {"snapshot": None},
        {"as_asked": {}},
        {"as_asked": 0},
    ],
)
def test_a_forged_account_of_what_was_decided_is_refused(change):
    document = plan_as_json(DECIDED)
    del document["digest"]
    document["decided"] = {**document["decided"], **change}
    forged = {**document, "digest": _digest(document)}
    with pytest.raises(InputError, match=r"plan\.json is not a plan"):
        parse_plan(json.dumps(forged), "plan.json")


texts = st.dictionaries(st.text(), st.text(), max_size=2)
NAMED = {
    "ModelName": st.text(),
    "EndpointName": st.text(),
    "EndpointConfigName": st.text(),
    "ProductionVariants": st.just([{"InitialInstanceCount": 1, "InstanceType": "ml.g5.2xlarge"}]),
}
"""What a line of a plan tells of a request."""
FIELDS = {
    "request": st.fixed_dictionaries(NAMED),
    "tags": texts,
    "uris": st.lists(st.text(), min_size=1, max_size=2).map(tuple),
    "kind": st.sampled_from(["model", "endpoint"]),
    "runner": st.sampled_from(["sagemaker", "optimization", "docker", "native"]),
    "job": st.fixed_dictionaries({"inputs": st.just({"kind": "trt_engine"}), "image": texts}),
}


@given(st.lists(st.sampled_from(sorted(STEP_TYPES)), max_size=4), st.data())
def test_every_kind_of_step_reads_back(names, data):
    steps = tuple(
        STEP_TYPES[name](
            **{item.name: data.draw(FIELDS.get(item.name, st.text())) for item in fields(kind)}
        )
        for name in names
        for kind in [STEP_TYPES[name]]
    )
    plan = make_down_plan(WANTED.identity, ObservedState())
    saved = SavedPlan(
        plan=type(plan)(**{**vars(plan), "steps": steps}), title="t", region="r", account="a"
    )
    text = json.dumps(plan_as_json(saved))
    assert json.dumps(plan_as_json(parse_plan(text, "plan.json"))) == text


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [{"step": "RunAnything"}]},
        {"steps": [{"step": "CreateModel"}]},
        {"steps": [{"step": "CreateModel", "request": 3}]},
        {"steps": "CreateModel"},
        {"steps": [{"step": "CreateModel", "request": {}}]},
        {"steps": [{"step": "CreateEndpointConfig", "request": {"ProductionVariants": []}}]},
        {"steps": [{"step": "DeleteObjects", "uris": []}]},
        {"title": "chat / g5\x1b[2J"},
        {"title": ["chat"]},
        {"region": 3},
        {"missing_bucket": 3},
        {"bundle": {"model/serving.properties": "not base64"}},
        {"bundle": None},
        {"identity": {"deployment": "x"}},
    ],
)
def test_a_plan_that_was_tampered_with_is_refused(change):
    document = {**plan_as_json(SAVED), **change}
    with pytest.raises(InputError, match="has been changed since"):
        parse_plan(json.dumps(document), "plan.json")
    del document["digest"]
    forged = {**document, "digest": _digest(document)}
    with pytest.raises(InputError, match=r"plan\.json is not a plan"):
        parse_plan(json.dumps(forged), "plan.json")


@pytest.mark.parametrize("key", sorted(plan_as_json(SAVED)))
def test_a_plan_without_one_of_its_parts_is_refused(key):
    document = plan_as_json(SAVED)
    del document[key]
    with pytest.raises(InputError, match=r"is not a plan|has been changed"):
        parse_plan(json.dumps(document), "plan.json")


def test_a_plan_of_another_version_is_refused_with_both_versions():
    text = json.dumps({**plan_as_json(SAVED), "schema_version": 99})
    with pytest.raises(InputError, match="schema version '99'; this lmi-deploy reads 3"):
        parse_plan(text, "plan.json")


@pytest.mark.parametrize("version", [True, 3.0, None, "3", ["x"] * 9999, "\x1b[31m"])
def test_a_version_that_is_none_is_told_in_short(version):
    document = {**plan_as_json(SAVED), "schema_version": version}
    with pytest.raises(InputError, match="this lmi-deploy reads 3") as refused:
        parse_plan(json.dumps(document), "plan.json")
    assert len(refused.value.problem) < 100
    assert "\x1b" not in refused.value.problem


def test_a_plan_with_the_fields_of_another_lmi_deploy_says_which_one_made_it():
    document = plan_as_json(DECIDED)
    del document["digest"]
    document["decided"]["sources"]["version"] = "0.0.9"
    del document["decided"]["snapshot"]["image"]
    older = json.dumps({**document, "digest": _digest(document)})
    with pytest.raises(InputError, match=r"is not a plan as .* saves it: .*'0\.0\.9' has saved"):
        parse_plan(older, "plan.json")


@given(st.text() | st.from_regex(r"[\[{]{0,2000}", fullmatch=True))
def test_any_other_text_is_refused_cleanly(text):
    with pytest.raises(InputError):
        parse_plan(text, "plan.json")
