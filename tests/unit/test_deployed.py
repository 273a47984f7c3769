"""The parts of a deployment: of a spec, of what SageMaker says, of each key of a profile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.aot.outlook import Outlook
from lmi_deployer.decided import values_of
from lmi_deployer.deployed import deployed_of, live_deployed
from lmi_deployer.deployment import Deployment, make_deployment
from lmi_deployer.impact import MODEL_LINE, UNKNOWN, Deployed, Part, changed_names, changed_parts
from lmi_deployer.importing.live import Live
from lmi_deployer.reaching import reach_of
from lmi_deployer.spec import ResolvedSpec
from tests.engines import COMPILED, an_engine, compiled_spec
from tests.specs import PROFILE, TARGET, make_spec

JIT = "compile.mode=jit"
PLAIN = make_spec()
SPOKEN_OUT = {"InitialVariantWeight": 1.0, "ManagedInstanceScaling": {}, "EnableSSMAccess": False}


def live_of(wanted: Deployment, **changes: Any) -> Live:
    """What SageMaker says of a deployment: more than was asked for."""
    (variant,) = wanted.endpoint_config["ProductionVariants"]
    container = wanted.model["PrimaryContainer"]
    config = {**wanted.endpoint_config, "EndpointConfigArn": "arn", "CreationTime": "today"}
    live = Live(
        name=wanted.name,
        region=TARGET.region,
        config={key: value for key, value in config.items() if key != "Tags"},
        variant={**SPOKEN_OUT, **variant},
        model={**wanted.model, "EnableNetworkIsolation": False},
        container={"Mode": "SingleModel", "Environment": {}, **container},
        tags=wanted.tags,
        properties=wanted.bundle.files.get("model/serving.properties"),
        properties_name="serving.properties",
        artifacts=TARGET.artifacts,
    )
    return replace(live, **changes)


def deployment_of(spec: ResolvedSpec) -> Deployment:
    return make_deployment(spec, TARGET)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("endpoint.tags={team: search}", "endpoint.instances=2"),
        ("endpoint.vpc={subnets: [subnet-2, subnet-1], security_groups: [sg-1]}",),
        ("backend=trtllm", JIT),
        ("container.version='0.28.0'", "backend=vllm"),
        ("instance_type=ml.inf2.24xlarge", "backend=neuronx", JIT),
    ],
)
def test_what_is_live_is_what_was_deployed(overrides: tuple[str, ...]):
    spec = make_spec(*overrides)
    live, wanted = live_deployed(live_of(deployment_of(spec))), deployed_of(spec, TARGET)
    assert replace(live, gate=None) == wanted
    assert changed_parts(live, wanted) == changed_parts(wanted, live) == frozenset()
    assert changed_parts(live, deployed_of(spec)) == frozenset()


def test_an_engine_that_is_served_is_known_again():
    from lmi_deployer.aot.commands import served_from

    spec = compiled_spec()
    engine = an_engine(spec)
    live = live_deployed(live_of(deployment_of(served_from(spec, engine.uri))))
    assert (live.engine, live.is_compiled_ahead) == (engine.key[:16], True)
    assert live.engine_cache == engine.cache
    assert changed_parts(live, deployed_of(spec, TARGET)) == frozenset()
    assert changed_parts(live, deployed_of(spec)) == frozenset()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"variant": {"InstanceType": "ml.g5.12xlarge"}}, {"endpoint_config": "InstanceType"}),
        ({"config": {"DataCaptureConfig": {"EnableCapture": True}}},
         {"endpoint_config": "DataCaptureConfig"}),
        ({"model": {"EnableNetworkIsolation": True}}, {"model": "network_isolation"}),
        ({"model": {"ExecutionRoleArn": "arn:other"}}, {"model": "role"}),
        ({"container": {"Environment": {"OPTION_DTYPE": "bf16"}}}, {"model": "environment"}),
        ({"container": {"Image": "x.amazonaws.com/djl:other"}}, {"model": "image"}),
        ({"properties": b"engine=Python\n"}, {"files": "option.model_id"}),
    ],
)  # fmt: skip
def test_what_somebody_has_done_to_an_endpoint_is_told(
    changes: dict[str, Any], names: dict[str, str]
):
    live, spec = live_of(deployment_of(make_spec())), make_spec()
    for field, change in changes.items():
        changes[field] = {**getattr(live, field), **change} if field != "properties" else change
    found = changed_names(live_deployed(replace(live, **changes)), deployed_of(spec, TARGET))
    assert {part.value for part in found} == set(names)
    assert all(name in found[Part(part)] for part, name in names.items())


def test_the_registry_and_the_digest_of_an_image_do_not_matter():
    live = live_of(deployment_of(make_spec()))
    image = f"elsewhere/{live.container['Image'].rpartition('/')[2]}@sha256:abc"
    moved = replace(live, container={**live.container, "Image": image})
    assert live_deployed(moved) == live_deployed(live)


def test_no_secret_of_an_environment_is_told():
    live = live_of(deployment_of(make_spec()))
    variables = {"HF_TOKEN": "hf_" + "a" * 30, "DB_PASSWORD": "hunter2", "PLAIN": "1"}
    told = live_deployed(replace(live, container={**live.container, "Environment": variables}))
    assert told.model["environment"] == "DB_PASSWORD=***, HF_TOKEN=***, PLAIN=1"


def test_what_could_not_be_read_is_not_known():
    live = replace(live_of(deployment_of(make_spec())), model={}, container={}, properties=None)
    told = live_deployed(live)
    assert (told.properties, told.model, told.engine) == (None, {}, UNKNOWN)
    assert changed_parts(told, deployed_of(make_spec("backend=trtllm"), TARGET)) == {
        Part.ENDPOINT_CONFIG
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"properties": None},
        {"variant": {"InstanceType": "ml.unheard-of.large"}},
        {"container": {"Image": "acme/own:1"}},
    ],
)
def test_what_a_container_compiles_cannot_always_be_told(changes: dict[str, Any]):
    live = live_of(deployment_of(make_spec("backend=trtllm", JIT)))
    assert live_deployed(live).engine not in {None, UNKNOWN}
    assert live_deployed(replace(live, **changes)).engine == UNKNOWN


def test_without_an_account_what_only_it_knows_is_left_out():
    told = deployed_of(make_spec())
    assert not {"role", "artifacts"} & set(told.model)
    own = deployed_of(make_spec("endpoint.artifacts=s3://acme/x/"))
    assert own.model["artifacts"] == "s3://acme/x/chat-g5/"
    assert changed_parts(told, own) == {Part.MODEL}


def test_an_engine_that_is_asked_for_is_served_from_where_it_will_be():
    spec = compiled_spec()
    told = deployed_of(spec)
    assert told.properties is not None
    assert told.properties[MODEL_LINE] == an_engine(spec).uri
    unnamed = deployed_of(compiled_spec("compile.cache=null"))
    assert unnamed.engine == told.engine
    assert unnamed.engine_cache is None


def test_what_was_found_out_about_the_engine_counts():
    spec = make_spec("compile.mode=auto", text=COMPILED, hardware="trt")
    engine = an_engine(spec)
    unseen, cached = deployed_of(spec), deployed_of(
        spec, outlook=Outlook(spec=spec, fate="cached", engine=engine)
    )  # fmt: skip
    assert not unseen.is_compiled_ahead
    assert (cached.engine, cached.is_engine_ready) == (engine.key[:16], True)
    assert changed_parts(unseen, cached) == {Part.FILES}
    first = Outlook(spec=spec, fate="compiled first", engine=engine)
    assert changed_parts(unseen, deployed_of(spec, outlook=first)) == {Part.FILES, Part.ENGINE}
    assert unseen.cached_engine == engine.key[:16]
    none = deployed_of(spec, outlook=Outlook(spec=spec, fate="made in the container"))
    assert none == replace(unseen, cached_engine=None, engine_cache=None)


@pytest.mark.parametrize(
    ("override", "is_another"),
    [
        ("trtllm.tokens_per_block=32", True),
        ("trtllm.kv_cache_free_gpu_mem_fraction=0.7", False),
        ("options.option.unheard_of=1", True),
        ("instance_type=ml.g5.24xlarge", False),
        ("model.revision=" + "c" * 40, False),  # this version hands none to the container
        ("endpoint.instances=2", False),
    ],
)
def test_a_container_compiles_what_reaches_the_artifact(override: str, is_another: bool):
    before, after = (deployed_of(compiled_spec(JIT, *more)) for more in ((), (override,)))
    assert (before.engine != after.engine) == is_another


@pytest.mark.parametrize(
    ("spec", "key", "parts"),
    [
        (make_spec(), "traffic.concurrency", set()),
        (make_spec(), "max_rolling_batch_size", {Part.FILES}),
        (make_spec(), "instance_type", {Part.ENDPOINT_CONFIG}),
        (make_spec("options.job_queue_size=3"), "options.job_queue_size", {Part.FILES}),
        (make_spec("endpoint.tags.team=x"), "endpoint.tags.team", {Part.TAGS}),
        (make_spec("endpoint.tags={acme.com/cost.center: x}"), "endpoint.tags.acme.com/cost.center",
         {Part.TAGS}),
        (compiled_spec(), "compile.runner", set()),
        (compiled_spec(), "instance_type", {Part.ENDPOINT_CONFIG, Part.ENGINE, Part.FILES}),
        (compiled_spec(JIT), "instance_type", {Part.ENDPOINT_CONFIG, Part.ENGINE}),
        (compiled_spec(JIT), "max_rolling_batch_size", {Part.FILES, Part.ENGINE}),
        (compiled_spec(JIT), "output_formatter", {Part.FILES}),
    ],
)  # fmt: skip
def test_a_key_reaches_the_parts_that_follow_from_it(
    spec: ResolvedSpec, key: str, parts: set[Part]
):
    assert reach_of(spec)[key] == parts


def test_keys_of_two_specs_are_not_mixed_up():
    plain, compiled = make_spec(text=PROFILE), compiled_spec()
    for _ in range(2):
        assert Part.ENGINE not in reach_of(plain)["max_rolling_batch_size"]
        assert Part.ENGINE in reach_of(compiled)["max_rolling_batch_size"]


def test_equal_deployments_are_equal_whoever_says_them():
    assert isinstance(deployed_of(make_spec()), Deployed)
    assert deployed_of(make_spec()) == deployed_of(make_spec())


NAMES = st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True)


@given(subnets=NAMES, groups=NAMES, data=st.data())
def test_the_order_of_subnets_and_groups_changes_nothing_at_all(
    subnets: list[int], groups: list[int], data: st.DataObject
):
    def spec_of(subnets: list[int], groups: list[int]) -> ResolvedSpec:
        endpoint = replace(
            PLAIN.endpoint,
            subnets=tuple(f"subnet-{name}" for name in subnets),
            security_groups=tuple(f"sg-{name}" for name in groups),
        )
        return replace(PLAIN, endpoint=endpoint)

    before = spec_of(subnets, groups)
    after = spec_of(data.draw(st.permutations(subnets)), data.draw(st.permutations(groups)))
    assert deployment_of(before) == deployment_of(after)
    assert deployed_of(before) == deployed_of(after)
    assert values_of(before) == values_of(after)
