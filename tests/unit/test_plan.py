"""The planner: what was seen and what is wanted decide the steps, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.deployment import FOLDER_TAG, VERIFIED_TAG
from lmi_deployer.errors import InputError
from lmi_deployer.plan import Plan, expected_objects, make_down_plan, make_plan
from lmi_deployer.state import ObservedEndpoint, ObservedEngine, ObservedState
from lmi_deployer.steps import (
    AddTags,
    AwaitEndpoint,
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    DeleteObjects,
    SettleEndpoint,
    UpdateEndpoint,
    UploadBundle,
    VerifyEndpoint,
)
from tests.specs import a_compile_step, a_deployment

WANTED = a_deployment()
OLD_CONFIG, OLD_MODEL = "chat-g5-00000000", "chat-g5-11111111"
STRAY = f"{WANTED.bundle_folder}model/stray.bin"
OLD_OBJECT = f"{WANTED.identity.folder}0123456789abcdef/manifest.json"
TAGS = dict(WANTED.tags)
VERIFIED = {**TAGS, VERIFIED_TAG: WANTED.endpoint_config_name}


def kinds(plan: Plan) -> list[type]:
    return [type(step) for step in plan.steps]


def uploaded() -> dict[str, str | None]:
    return dict(expected_objects(WANTED))


def live(status: str = "InService", config: str = WANTED.endpoint_config_name) -> ObservedEndpoint:
    return ObservedEndpoint(status=status, endpoint_config_name=config, tags=VERIFIED)


def deployed(endpoint: ObservedEndpoint | None = None) -> ObservedState:
    """Everything as the plan leaves it."""
    return ObservedState(
        endpoint=endpoint or live(),
        endpoint_configs={WANTED.endpoint_config_name: TAGS},
        models={WANTED.model_name: TAGS},
        objects=uploaded(),
    )


def test_an_empty_account_gets_everything_in_the_order_of_dependence():
    plan = make_plan(WANTED, ObservedState())
    assert kinds(plan) == [
        UploadBundle,
        CreateModel,
        CreateEndpointConfig,
        CreateEndpoint,
        AwaitEndpoint,
        VerifyEndpoint,
    ]


def test_an_engine_is_compiled_before_anything_is_made():
    compiling = a_compile_step()
    plan = make_plan(WANTED, ObservedState(), compiling=compiling)
    assert plan.steps[0] is compiling
    assert plan.steps[1:] == make_plan(WANTED, ObservedState()).steps
    assert make_plan(WANTED, deployed(), compiling=compiling).steps == (compiling,)


def test_a_plan_holds_for_the_engine_that_was_seen_and_for_no_other():
    seen = ObservedEngine(folder="s3://acme/engines/0/", manifest_sha256="1")
    plan = make_plan(WANTED, replace(deployed(), engine=seen))
    assert plan.engine == seen
    others = [None, replace(seen, manifest_sha256="2"), replace(seen, problems=("x is missing",))]
    for other in others:
        digest = replace(deployed(), engine=other).digest
        assert digest != plan.observed_digest


def test_nothing_is_done_when_everything_is_as_wanted():
    assert make_plan(WANTED, deployed()).steps == ()


def test_verification_can_be_left_out():
    assert VerifyEndpoint not in kinds(make_plan(WANTED, ObservedState(), verify=False))


def test_a_changed_profile_updates_the_endpoint_and_removes_what_it_replaces_last():
    seen = ObservedState(
        endpoint=live(config=OLD_CONFIG),
        endpoint_configs={OLD_CONFIG: TAGS},
        models={OLD_MODEL: TAGS},
        objects={OLD_OBJECT: "x"},
    )
    plan = make_plan(WANTED, seen)
    assert kinds(plan) == [
        UploadBundle,
        CreateModel,
        CreateEndpointConfig,
        UpdateEndpoint,
        AwaitEndpoint,
        VerifyEndpoint,
        DeleteEndpointConfig,
        DeleteModel,
        DeleteObjects,
    ]
    assert plan.steps[3] == UpdateEndpoint("chat-g5", WANTED.endpoint_config_name, OLD_CONFIG)
    assert plan.steps[6] == DeleteEndpointConfig(OLD_CONFIG)


def test_an_interrupted_run_goes_on_where_it_stopped():
    seen = ObservedState(models={WANTED.model_name: TAGS}, objects=uploaded())
    assert kinds(make_plan(WANTED, seen))[:2] == [CreateEndpointConfig, CreateEndpoint]


@pytest.mark.parametrize("status", ["Creating", "Updating"])
def test_an_endpoint_on_its_way_to_the_wanted_configuration_is_only_waited_for(status):
    endpoint = replace(live(status), pending_config_name=WANTED.endpoint_config_name)
    assert kinds(make_plan(WANTED, deployed(endpoint))) == [AwaitEndpoint, VerifyEndpoint]


def test_an_endpoint_on_its_way_elsewhere_is_let_settle_and_then_updated():
    endpoint = replace(live("Updating"), pending_config_name=OLD_CONFIG)
    steps = kinds(make_plan(WANTED, deployed(endpoint)))
    assert steps[:3] == [SettleEndpoint, UpdateEndpoint, AwaitEndpoint]


def test_an_update_that_does_not_say_where_it_leads_is_not_trusted():
    assert kinds(make_plan(WANTED, deployed(live("Updating"))))[0] is SettleEndpoint


def test_a_failed_endpoint_is_replaced_since_it_takes_no_update():
    plan = make_plan(WANTED, deployed(replace(live("Failed"), failure_reason="out of memory")))
    assert kinds(plan)[:2] == [DeleteEndpoint, CreateEndpoint]
    assert plan.steps[0] == DeleteEndpoint("chat-g5", "out of memory")


def test_an_endpoint_being_deleted_is_waited_for_and_made_anew():
    steps = kinds(make_plan(WANTED, deployed(live("Deleting"))))
    assert steps[:3] == [SettleEndpoint, CreateEndpoint, AwaitEndpoint]


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
@pytest.mark.parametrize("config", [OLD_CONFIG, WANTED.endpoint_config_name])
def test_an_endpoint_that_is_not_well_is_updated_but_never_deleted(status, config):
    # After a failed rollback it still serves, with a mix of both configurations.
    steps = kinds(make_plan(WANTED, deployed(live(status, config))))
    assert steps[:3] == [UpdateEndpoint, AwaitEndpoint, VerifyEndpoint]
    assert DeleteEndpoint not in steps


def test_a_model_that_has_not_answered_yet_is_asked_again_before_anything_is_removed():
    endpoint = replace(live(), tags=TAGS)
    seen = replace(deployed(endpoint), models={WANTED.model_name: TAGS, OLD_MODEL: TAGS})
    assert kinds(make_plan(WANTED, seen)) == [VerifyEndpoint, DeleteModel]


def test_an_answer_under_an_earlier_configuration_does_not_count():
    endpoint = replace(live(), tags={**TAGS, VERIFIED_TAG: OLD_CONFIG})
    assert kinds(make_plan(WANTED, deployed(endpoint))) == [VerifyEndpoint]


def test_a_changed_file_on_s3_is_uploaded_again():
    objects = {**uploaded(), next(iter(uploaded())): "another hash"}
    assert kinds(make_plan(WANTED, replace(deployed(), objects=objects))) == [UploadBundle]


def test_an_upload_without_its_manifest_is_not_complete():
    objects = {path: sha for path, sha in uploaded().items() if "manifest" not in path}
    assert kinds(make_plan(WANTED, replace(deployed(), objects=objects))) == [UploadBundle]


def test_a_stray_file_beside_the_bundle_is_removed_since_sagemaker_would_download_it():
    plan = make_plan(WANTED, replace(deployed(), objects={**uploaded(), STRAY: "x"}))
    assert plan.steps == (DeleteObjects((STRAY,)),)


def test_tags_that_the_profile_changed_are_put_on_what_exists_without_redeploying():
    team = {**TAGS, "team": "search"}
    plan = make_plan(replace(WANTED, tags=team), deployed())
    added = {"team": "search"}
    assert plan.steps == (
        AddTags("model", WANTED.model_name, added),
        AddTags("endpoint-config", WANTED.endpoint_config_name, added),
        AddTags("endpoint", "chat-g5", added),
    )


def test_an_endpoint_somebody_else_made_is_left_alone():
    with pytest.raises(InputError, match="not made for this hardware profile: endpoint chat-g5"):
        make_plan(WANTED, ObservedState(foreign=("endpoint chat-g5",)))


def test_removing_starts_with_the_endpoint_which_costs_money():
    plan = make_down_plan(WANTED.identity, deployed())
    assert kinds(plan) == [DeleteEndpoint, DeleteEndpointConfig, DeleteModel, DeleteObjects]


def test_removing_what_is_being_made_waits_until_sagemaker_lets_it():
    plan = make_down_plan(WANTED.identity, deployed(live("Creating")))
    assert kinds(plan)[:2] == [SettleEndpoint, DeleteEndpoint]


def test_removing_nothing_takes_no_steps():
    assert make_down_plan(WANTED.identity, ObservedState()).steps == ()


def simulate(plan: Plan, seen: ObservedState) -> ObservedState:
    """What AWS looks like after the steps, each refused where SageMaker would refuse it."""
    state = seen
    for step in plan.steps:
        state = _after(step, state)
    return state


def _after(step: object, state: ObservedState) -> ObservedState:  # noqa: C901, PLR0911, PLR0912
    endpoint = state.endpoint
    match step:
        case UploadBundle():
            return replace(state, objects={**state.objects, **uploaded()})
        case CreateModel():
            assert step.request["ModelName"] not in state.models
            return replace(state, models={**state.models, step.request["ModelName"]: TAGS})
        case CreateEndpointConfig():
            name = step.request["EndpointConfigName"]
            assert name not in state.endpoint_configs
            assert WANTED.model_name in state.models
            return replace(state, endpoint_configs={**state.endpoint_configs, name: TAGS})
        case CreateEndpoint():
            assert endpoint is None
            assert step.request["EndpointConfigName"] in state.endpoint_configs
            return replace(state, endpoint=replace(live("Creating"), tags=TAGS))
        case UpdateEndpoint():
            assert endpoint is not None
            assert endpoint.status in {"InService", "OutOfService", "UpdateRollbackFailed"}
            assert step.endpoint_config in state.endpoint_configs
            updating = replace(
                endpoint, status="Updating", pending_config_name=step.endpoint_config
            )
            return replace(state, endpoint=updating)
        case SettleEndpoint() | AwaitEndpoint():
            return replace(state, endpoint=_settled(endpoint))
        case VerifyEndpoint():
            assert endpoint is not None
            assert endpoint.status == "InService"
            verified = {**endpoint.tags, VERIFIED_TAG: step.endpoint_config}
            return replace(state, endpoint=replace(endpoint, tags=verified))
        case AddTags("endpoint"):
            assert endpoint is not None
            return replace(state, endpoint=replace(endpoint, tags={**endpoint.tags, **step.tags}))
        case AddTags("model"):
            tags = {**state.models[step.name], **step.tags}
            return replace(state, models={**state.models, step.name: tags})
        case AddTags():
            tags = {**state.endpoint_configs[step.name], **step.tags}
            return replace(state, endpoint_configs={**state.endpoint_configs, step.name: tags})
        case DeleteEndpoint():
            assert endpoint is not None
            assert endpoint.status not in {"Creating", "Updating", "RollingBack"}
            return replace(state, endpoint=None)
        case DeleteEndpointConfig():
            assert endpoint is None or endpoint.endpoint_config_name != step.endpoint_config
            configs = dict(state.endpoint_configs)
            del configs[step.endpoint_config]
            return replace(state, endpoint_configs=configs)
        case DeleteModel():
            models = dict(state.models)
            del models[step.model]
            return replace(state, models=models)
        case DeleteObjects():
            left = {path: sha for path, sha in state.objects.items() if path not in step.uris}
            return replace(state, objects=left)
    raise AssertionError(step)


def _settled(endpoint: ObservedEndpoint | None) -> ObservedEndpoint | None:
    assert endpoint is not None
    if endpoint.status == "Deleting":
        return None
    moves = endpoint.status in {"Creating", "Updating"}
    config = (moves and endpoint.pending_config_name) or endpoint.endpoint_config_name
    return replace(
        endpoint, status="InService", endpoint_config_name=config, pending_config_name=None
    )


PATHS = [*uploaded(), STRAY, OLD_OBJECT, "s3://earlier/lmi-deploy/chat-g5/ffff/model/x"]
configs = st.sampled_from([WANTED.endpoint_config_name, OLD_CONFIG, "chat-g5-22222222"])
endpoints = st.builds(
    ObservedEndpoint,
    status=st.sampled_from(
        [
            *("Creating", "InService", "Updating", "RollingBack", "SystemUpdating"),
            *("Failed", "UpdateRollbackFailed", "Deleting", "OutOfService"),
        ]
    ),
    endpoint_config_name=configs,
    pending_config_name=st.none() | configs,
    failure_reason=st.none() | st.just("why"),
    tags=st.sampled_from([TAGS, VERIFIED, {**TAGS, "team": "search", FOLDER_TAG: "s3://earlier/"}]),
)


@st.composite
def leftovers(draw: st.DrawFn) -> ObservedState:
    """Any state that runs of this tool, finished or interrupted, can leave."""
    endpoint = draw(st.none() | endpoints)
    used = {endpoint.endpoint_config_name} if endpoint else set()
    if endpoint and endpoint.pending_config_name:
        used.add(endpoint.pending_config_name)
    extra = draw(st.sets(configs))
    models = draw(st.sets(st.sampled_from([WANTED.model_name, OLD_MODEL])))
    if WANTED.endpoint_config_name in used | extra:
        models.add(WANTED.model_name)
    objects = draw(st.dictionaries(st.sampled_from(PATHS), st.just("stale")))
    complete = draw(st.booleans())
    return ObservedState(
        endpoint=endpoint,
        endpoint_configs=dict.fromkeys(sorted(used | extra), TAGS),
        models=dict.fromkeys(sorted(models), TAGS),
        objects={**objects, **uploaded()} if complete else objects,
    )


@given(leftovers())
def test_whatever_was_left_behind_the_plan_leads_to_exactly_what_is_wanted(seen):
    reached = simulate(make_plan(WANTED, seen), seen)
    assert make_plan(WANTED, reached).steps == ()
    assert reached.endpoint is not None
    assert reached.endpoint.status == "InService"
    assert reached.endpoint.endpoint_config_name == WANTED.endpoint_config_name
    assert reached.endpoint.tags[VERIFIED_TAG] == WANTED.endpoint_config_name
    assert list(reached.endpoint_configs) == [WANTED.endpoint_config_name]
    assert list(reached.models) == [WANTED.model_name]
    assert reached.objects == uploaded()


@given(leftovers())
def test_whatever_was_left_behind_removing_leaves_nothing(seen):
    reached = simulate(make_down_plan(WANTED.identity, seen), seen)
    assert reached == ObservedState()


@given(leftovers(), leftovers())
def test_states_that_differ_but_in_the_endpoint_have_different_digests(one, other):
    alike = replace(other, endpoint=one.endpoint)
    assert (one.digest == alike.digest) == (one == alike)


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "SystemUpdating"])
def test_an_endpoint_that_settles_as_it_was_going_to_is_no_change(status):
    config = WANTED.endpoint_config_name
    moving = replace(live(status), pending_config_name=config)
    assert deployed(moving).digest == deployed().digest
    assert deployed(live("Deleting")).digest == replace(deployed(), endpoint=None).digest


@pytest.mark.parametrize(
    "changed", [live("Failed"), live(config=OLD_CONFIG), replace(live(), tags={}), live("Deleting")]
)
def test_an_endpoint_that_has_become_something_else_is_a_change(changed):
    assert deployed(changed).digest != deployed().digest
