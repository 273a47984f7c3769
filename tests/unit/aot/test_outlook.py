"""What a plan says of an engine, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lmi_deployer.aot.engine import Engine, Mismatch
from lmi_deployer.aot.estimate import CompileEstimate
from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.aot.outlook import Outlook, outlook_lines
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.spec import ResolvedSpec
from tests.specs import make_spec

SPEC = make_spec("backend=trtllm", "compile.mode=aot")
DAY = 24 * 3600
ESTIMATE = CompileEstimate(
    minutes_low=20, minutes_high=110, instance_type=None, price=None, source="a page"
)


def an_engine(*problems: Mismatch, quality: object = None, is_there: bool = True) -> Engine:
    inputs = engine_inputs(SPEC, None)
    manifest = Manifest(
        inputs=inputs.document(),
        layout="triton_repository",
        files=(),
        made={"instance_type": "ml.p4d.24xlarge"},
        quality=quality,  # type: ignore[arg-type]
    )
    return Engine(
        inputs=inputs,
        cache="s3://acme/engines/",
        manifest=manifest if is_there else None,
        problems=problems,
    )


def lines(outlook: Outlook, now_days: float = 3) -> list[tuple[str, str]]:
    return list(outlook_lines(outlook, now_seconds=now_days * DAY, arguments="chat -p g5"))


@pytest.mark.parametrize(
    ("days", "age"), [(0.5, "today"), (1.5, "1 day ago"), (3, "3 days ago"), (-1, "today")]
)
def test_a_cached_engine_says_when_and_where_it_was_compiled(days, age):
    outlook = Outlook(spec=SPEC, fate="cached", engine=an_engine(), committed_seconds=0)
    ((sign, text),) = lines(outlook, days)
    assert sign == "ok"
    assert text.endswith(f"), compiled {age} on ml.p4d.24xlarge")


def test_a_cached_engine_says_what_the_gate_measured():
    engine = an_engine(quality={"agreement": 0.981})
    ((_, text),) = lines(Outlook(spec=SPEC, fate="cached", engine=engine))
    assert text.endswith(", agreement 0.98")


def test_an_engine_to_compile_says_where_and_how_long():
    engine = an_engine(is_there=False)
    outlook = Outlook(spec=SPEC, fate="compiled first", engine=engine, estimate=ESTIMATE)
    ((sign, text),) = lines(outlook)
    assert sign == "--"
    assert text == f"not in cache ({engine.key[:8]}): compile on ml.g5.2xlarge, 20 to 110 min"


def test_both_sides_of_what_does_not_fit_are_named():
    problems = [Mismatch(what=f"thing {number}", wanted="a", found="b") for number in range(7)]
    outlook = Outlook(spec=SPEC, fate="compiled first", engine=an_engine(*problems))
    shown = lines(outlook)
    assert shown[0][0] == "!!"
    assert shown[1] == ("", "thing 0: the profile needs a, the artifact is b")
    assert shown[6] == ("", "and 2 more")
    document = outlook.as_json()
    assert document["problems"][6] == {"what": "thing 6", "wanted": "a", "found": "b"}
    assert not document["is_cached"]


def in_container(spec: ResolvedSpec) -> list[str]:
    outlook = Outlook(spec=spec, fate="made in the container", estimate=ESTIMATE)
    return [text for _, text in lines(outlook)]


def test_compiling_in_the_container_says_what_each_start_costs_and_what_to_do_about_it():
    assert in_container(make_spec("backend=trtllm")) == [
        "compiled in the container at every start, which gets 25 min in all",
        "each start and scale-out compiles for 20 to 110 min an instance",
        "`lmi-deploy compile chat -p g5` compiles ahead, once",
    ]


def test_who_wants_no_engine_is_offered_none():
    shown = in_container(make_spec("backend=trtllm", "compile.mode=jit"))
    assert not any("lmi-deploy compile" in text for text in shown)


def test_a_backend_that_only_splits_its_weights_says_so():
    spec = make_spec("backend=deepspeed", "compile.mode=auto")
    assert in_container(spec)[0] == "not in cache: the container splits the weights at every start"


def test_everything_told_to_programs_is_json():
    outlook = Outlook(spec=SPEC, fate="cached", engine=an_engine(), estimate=ESTIMATE)
    document = json.loads(json.dumps(outlook.as_json()))
    assert document["uri"] == f"s3://acme/engines/{document['key'][:16]}/artifact/"
    assert document["estimate"]["minutes_high"] == 110


def test_what_an_update_takes_out_of_service_is_named():
    engine, other = an_engine(), "s3://acme/engines/0123456789abcdef/"
    cached = Outlook(spec=SPEC, fate="cached", engine=engine)
    assert len(lines(cached)) == 1  # nothing is updated
    ((_, _), (_, told)) = lines(replace(cached, until_now=()))
    assert told == "until then the endpoint's container makes its own at every start"
    ((_, _), (_, told)) = lines(replace(cached, until_now=(other,)))
    assert told == f"the endpoint serves {other} until then"
    left = replace(cached, fate="made in the container", engine=None, until_now=(other,))
    assert lines(left)[-1][1] == f"the endpoint serves {other} until then"
    assert lines(replace(left, until_now=())) == lines(replace(left, until_now=None))
    assert left.as_json()["served_until_now"] == [other]
