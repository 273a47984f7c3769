"""The steps of a plan as lines for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer.impact import Impact, Part
from lmi_deployer.plan import make_plan
from lmi_deployer.plan_impact import PlanImpact
from lmi_deployer.state import ObservedState
from lmi_deployer.step_lines import PAGE_COLUMNS, impact_text, plan_text
from lmi_deployer.steps import AddTags, UpdateEndpoint
from tests.specs import a_compile_step, a_deployment


def test_a_plan_shows_where_an_engine_goes_and_what_compiling_it_takes():
    plan = make_plan(a_deployment(), ObservedState(), compiling=a_compile_step())
    lines = plan_text(plan).splitlines()
    assert lines[0] == "Plan: 5 to create, 0 to change, 0 to delete"
    assert lines[1] == "  + trt_engine        s3://acme-models/engines/0123456789abcdef/"
    assert lines[2].strip() == "training job on ml.g5.2xlarge, 20 to 110 min, $8 to $46"
    assert all(len(line) <= PAGE_COLUMNS for line in lines)


RESTART, NONE = Impact.RESTART, Impact.NONE
MACHINES = {Part.FILES: ("a", "b", "c", "d"), Part.ENDPOINT_CONFIG: ("InstanceType",)}


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (PlanImpact(impact=RESTART, changed={Part.FILES: ("option.dtype",)}),
         "restart: serving.properties (option.dtype) changes; the endpoint answers throughout"),
        (PlanImpact(impact=Impact.NEW_ENDPOINT_CONFIG, changed=MACHINES),
         ("new-endpoint-config: the endpoint configuration (InstanceType) and serving.properties"
         " (a, b, c and 1 more) change; the endpoint answers throughout")),
        (PlanImpact(impact=Impact.RECOMPILE),
         "recompile: its engine is compiled again; the endpoint answers throughout"),
        (PlanImpact(impact=Impact.RECOMPILE, changed={Part.ENGINE: ("engine",)}),
         "recompile: what is compiled changes; the endpoint answers throughout"),
        (PlanImpact(impact=RESTART, is_answering=False),
         "restart: it becomes another version of itself; it does not answer now"),
        (PlanImpact(impact=Impact.REPLACE_ENDPOINT),
         ("replace-endpoint: it has failed, and SageMaker takes nothing but a deletion then;"
         " nothing answers until it is made again")),
        (PlanImpact(impact=NONE, changed={Part.TAGS: ("team",)}),
         "none: tags (team) change; nothing that runs notices"),
        (PlanImpact(impact=NONE), "none: nothing of it changes; nothing that runs notices"),
        (PlanImpact(impact=RESTART, unread=("model: denied",)),
         ("at least restart: it becomes another version of itself; the endpoint answers throughout"
         " could not be read: model: denied")),
    ],
)  # fmt: skip
def test_what_a_plan_does_to_an_endpoint_is_told(effect: PlanImpact, text: str):
    shown = impact_text(effect)
    assert " ".join(shown.split()) == f"Impact {text}"
    assert all(len(line) <= PAGE_COLUMNS for line in shown.splitlines())


def test_the_name_of_a_line_that_is_live_cannot_move_the_cursor():
    effect = PlanImpact(impact=RESTART, changed={Part.FILES: ("\x1b[2Jx",)})
    assert impact_text(effect).startswith("Impact  restart: serving.properties (\\x1b[2Jx)")


def test_no_name_in_a_plan_can_move_the_cursor():
    steps = (UpdateEndpoint("chat\x1b[2J", "b\r", "a\x1b[31m"), AddTags("model", "x", {"\x1b": ""}))
    plan = replace(make_plan(a_deployment(), ObservedState()), steps=steps)
    assert plan_text(plan).replace("\n", "").isprintable()
