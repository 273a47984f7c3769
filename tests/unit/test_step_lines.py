"""The steps of a plan as lines for people."""

from __future__ import annotations

from lmi_deployer.plan import make_plan
from lmi_deployer.state import ObservedState
from lmi_deployer.step_lines import PAGE_COLUMNS, plan_text
from tests.specs import a_compile_step, a_deployment


def test_a_plan_shows_where_an_engine_goes_and_what_compiling_it_takes():
    plan = make_plan(a_deployment(), ObservedState(), compiling=a_compile_step())
    lines = plan_text(plan).splitlines()
    assert lines[0] == "Plan: 5 to create, 0 to change, 0 to delete"
    assert lines[1] == "  + trt_engine        s3://acme-models/engines/0123456789abcdef/"
    assert lines[2].strip() == "training job on ml.g5.2xlarge, 20 to 110 min, $8 to $46"
    assert all(len(line) <= PAGE_COLUMNS for line in lines)
