"""A saved plan reads back as it was made, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.errors import InputError
from lmi_deployer.plan import make_down_plan, make_plan
from lmi_deployer.plan_file import STEP_TYPES, SavedPlan, _digest, parse_plan, plan_as_json
from lmi_deployer.state import ObservedState
from tests.specs import a_deployment

WANTED = a_deployment()
SAVED = SavedPlan(
    plan=make_plan(WANTED, ObservedState()),
    title="chat / g5",
    region="us-east-1",
    account="123456789012",
)


def test_a_plan_reads_back_as_it_was_saved():
    text = json.dumps(plan_as_json(SAVED))
    again = parse_plan(text, "plan.json")
    assert json.dumps(plan_as_json(again)) == text
    assert again.plan.bundle == SAVED.plan.bundle
    assert again.plan.steps[1] == SAVED.plan.steps[1]


texts = st.dictionaries(st.text(), st.text(), max_size=2)
FIELDS = {
    "request": texts,
    "tags": texts,
    "uris": st.lists(st.text(), max_size=2).map(tuple),
    "kind": st.sampled_from(["model", "endpoint"]),
    "runner": st.sampled_from(["sagemaker", "optimization", "docker", "native"]),
    "job": st.dictionaries(st.text(), st.text() | st.none() | st.integers(), max_size=2),
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
    with pytest.raises(InputError, match="schema version 99; this lmi-deploy reads 2"):
        parse_plan(text, "plan.json")


@given(st.text() | st.from_regex(r"[\[{]{0,2000}", fullmatch=True))
def test_any_other_text_is_refused_cleanly(text):
    with pytest.raises(InputError):
        parse_plan(text, "plan.json")
