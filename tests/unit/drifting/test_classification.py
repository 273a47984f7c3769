"""What becomes of what was seen, without any account."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.deployment import VERIFIED_TAG, Deployment
from lmi_deployer.drifting.classification import classify
from lmi_deployer.drifting.files import problems_of_files
from lmi_deployer.drifting.states import Counts, Drift, LiveFiles, Seen
from lmi_deployer.plan import expected_objects, make_plan
from lmi_deployer.state import IN_FLIGHT, ObservedEndpoint, ObservedEngine, ObservedState
from tests.specs import a_deployment

WANTED = a_deployment("endpoint.tags={team: search}")
OLDER = "chat-g5-00000000"
BY_HAND = "chat-by-hand"


def observed(wanted: Deployment = WANTED, **changed: Any) -> ObservedState:
    """What is there of a deployment that is as it should be."""
    config = wanted.endpoint_config_name
    state = ObservedState(
        endpoint=ObservedEndpoint(
            status="InService", endpoint_config_name=config, tags=dict(wanted.tags)
        ),
        endpoint_configs={config: dict(wanted.tags)},
        models={wanted.model_name: dict(wanted.tags)},
        objects=expected_objects(wanted),
    )
    return replace(state, **changed)


def seen(**changed: Any) -> Seen:
    files = LiveFiles(folder=WANTED.bundle_folder, manifest=WANTED.bundle.manifest)
    whole = Seen(
        name="chat-g5",
        status="InService",
        config=WANTED.endpoint_config_name,
        tags=dict(WANTED.tags),
        counts=Counts(configured=1, current=1, desired=1),
        wanted=WANTED,
        observed=observed(),
        files=files,
    )
    return replace(whole, **changed)


def older(**changed: Any) -> Seen:
    """An endpoint that runs an older configuration of ours."""
    state = observed(endpoint_configs={OLDER: dict(WANTED.tags)})
    return seen(config=OLDER, observed=state, differing=("instance_type",), **changed)


def both(**changed: Any) -> Seen:
    """The same, with the wanted configuration made as well."""
    made = {OLDER: dict(WANTED.tags), WANTED.endpoint_config_name: dict(WANTED.tags)}
    return replace(older(**changed), observed=observed(endpoint_configs=made))


def test_what_is_as_wanted_is_in_sync_and_needs_no_plan():
    assert classify(seen()).drift is Drift.IN_SYNC
    assert make_plan(WANTED, observed(), verify=False).steps == ()


def test_an_endpoint_that_is_another_profiles_is_missing_and_nothing_is_done_to_it():
    whose = "endpoint chat-g5 (made for other / g5)"
    state = observed(endpoint=None, endpoint_configs={}, foreign=(whose,))
    verdict = classify(seen(observed=state, config=BY_HAND, tags={}))
    assert (verdict.drift, verdict.needs_up) == (Drift.MISSING, False)
    assert whose in verdict.reasons[0]


@pytest.mark.parametrize(
    ("what", "drift", "said"),
    [
        (older(), Drift.BEHIND, "`up` would change instance_type"),
        (older(engine_reason="another engine"), Drift.BEHIND, "another engine"),
        (replace(older(), differing=()), Drift.BEHIND, "this lmi-deploy writes its files"),
        (both(failure="no ping"), Drift.ROLLED_BACK, "did not come up: no ping"),
        (both(), Drift.ROLLED_BACK, "SageMaker gives no reason"),
        (seen(config=BY_HAND), Drift.CHANGED_OUTSIDE, "which lmi-deploy did not make"),
        (seen(differing=("model.image",)), Drift.CHANGED_OUTSIDE, "something else in it"),
        (seen(gone=("its model is gone",)), Drift.CHANGED_OUTSIDE, "its model is gone"),
        (seen(counts=Counts(configured=1, current=2, desired=2)), Drift.CHANGED_OUTSIDE, "runs 2 "),
        (seen(counts=Counts(configured=2, current=2, desired=4)), Drift.CHANGED_OUTSIDE, "soon 4"),
        (seen(status="Failed", failure="no room"), Drift.FAILED, "it is Failed: no room"),
        (seen(status="UpdateRollbackFailed"), Drift.FAILED, "SageMaker gives no reason"),
        (seen(status="OutOfService"), Drift.FAILED, "it is OutOfService"),
        (seen(status="Updating", pending=OLDER), Drift.UPDATING, f"it is Updating to {OLDER}"),
        (seen(status="RollingBack", failure="no ping"), Drift.UPDATING, "RollingBack: no ping"),
        (seen(status=None), Drift.MISSING, "there is no endpoint chat-g5"),
        (seen(unknown="nothing describes it"), Drift.UNKNOWN, "nothing describes it"),
        (seen(unread=("ListModels: no",)), Drift.UNREADABLE, "ListModels: no"),
        (seen(observed=None), Drift.UNREADABLE, "it could not be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_class_is_told_with_its_reason(what: Seen, drift: Drift, said: str):
    verdict = classify(what)
    assert verdict.drift is drift
    assert any(said in reason for reason in verdict.reasons), verdict.reasons


def test_a_configuration_that_was_in_service_and_is_no_more_was_taken_out_by_somebody():
    tags = {**WANTED.tags, VERIFIED_TAG: WANTED.endpoint_config_name}
    verdict = classify(both(tags=tags))
    assert verdict.drift is Drift.CHANGED_OUTSIDE
    assert verdict.reasons[0] == f"it was moved from {WANTED.endpoint_config_name} to {OLDER}"


@pytest.mark.parametrize("status", sorted(IN_FLIGHT))
def test_what_is_in_flight_is_no_drift_yet(status: str):
    verdict = classify(seen(status=status, config=BY_HAND, unread=("no",)))
    assert verdict.drift is Drift.UPDATING
    assert not verdict.drift.is_drift


def test_only_what_needs_nobody_is_no_drift():
    calm = {drift for drift in Drift if not drift.is_drift}
    assert calm == {Drift.IN_SYNC, Drift.UPDATING}


def test_all_reasons_are_told_the_weightiest_first():
    what = older(
        counts=Counts(configured=1, current=3, desired=3), tags={**WANTED.tags, "team": "ads"}
    )
    verdict = classify(what)
    assert verdict.drift is Drift.CHANGED_OUTSIDE
    edited, scaled, behind = verdict.reasons
    assert edited == "its tag team is 'ads', and was 'search'"
    assert "runs 3 " in scaled
    assert behind == "`up` would change instance_type"
    assert (verdict.is_scaled, verdict.needs_up) == (True, True)


def test_instances_alone_are_nothing_that_up_would_mend():
    verdict = classify(seen(counts=Counts(configured=1, current=3, desired=3)))
    assert (verdict.is_scaled, verdict.needs_up) == (True, False)


@pytest.mark.parametrize(
    ("of_endpoint", "of_config", "drift"),
    [
        ("search", "search", Drift.IN_SYNC),
        ("ads", "ads", Drift.BEHIND),
        (None, None, Drift.BEHIND),
        ("ads", "search", Drift.CHANGED_OUTSIDE),
        (None, "search", Drift.CHANGED_OUTSIDE),
        ("search", "ads", Drift.CHANGED_OUTSIDE),
        ("ads", "news", Drift.CHANGED_OUTSIDE),
    ],
)
def test_a_tag_that_differs_on_one_of_two_was_edited_and_on_both_the_profile_changed(
    of_endpoint: str | None, of_config: str | None, drift: Drift
):
    def tags(value: str | None) -> Mapping[str, str]:
        others = {key: text for key, text in WANTED.tags.items() if key != "team"}
        return others if value is None else {**others, "team": value}

    configs = {WANTED.endpoint_config_name: tags(of_config)}
    state = observed(endpoint_configs=configs)
    assert classify(seen(tags=tags(of_endpoint), observed=state)).drift is drift


def test_a_tag_of_others_is_no_drift():
    assert classify(seen(tags={**WANTED.tags, "owner": "me"})).drift is Drift.IN_SYNC


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (ObservedEngine(folder="s3://a/1/", manifest_sha256=None), "is not there"),
        (
            ObservedEngine(folder="s3://a/1/", manifest_sha256="1", problems=("x is missing",)),
            "is damaged (x is missing)",
        ),
    ],
)
def test_an_engine_that_is_served_and_no_longer_whole_was_changed_outside(
    engine: ObservedEngine, said: str
):
    verdict = classify(seen(engine=engine))
    assert verdict.drift is Drift.CHANGED_OUTSIDE
    assert verdict.reasons == (f"the engine that it serves, s3://a/1/, {said}",)


def test_what_other_runs_left_is_no_drift_and_is_named():
    configs = {WANTED.endpoint_config_name: dict(WANTED.tags), OLDER: dict(WANTED.tags)}
    verdict = classify(seen(observed=observed(endpoint_configs=configs), failure="no ping"))
    assert verdict.drift is Drift.IN_SYNC
    assert verdict.notes == (
        f"an update to {OLDER} was rolled back: no ping",
        f"left of other runs: {OLDER}; `up` removes it",
    )


def test_a_model_that_is_gone_is_told_even_where_nothing_can_be_compared():
    verdict = classify(seen(wanted=None, gone=("its model is gone",)))
    assert (verdict.drift, verdict.reasons) == (Drift.CHANGED_OUTSIDE, ("its model is gone",))


FOLDER = WANTED.bundle_folder


def problems(objects: Mapping[str, str | None], manifest: bytes | None) -> list[str]:
    return list(problems_of_files(LiveFiles(folder=FOLDER, manifest=manifest), objects))


def test_files_that_are_as_they_were_uploaded_have_no_problems():
    assert problems(expected_objects(WANTED), WANTED.bundle.manifest) == []


def test_a_manifest_that_does_not_give_its_folder_the_name_is_none_of_ours():
    other = json.dumps({"files": {}}).encode()
    (said,) = problems(expected_objects(WANTED), other)
    assert said == f"{FOLDER}manifest.json is not what lmi-deploy uploaded"
    assert len(problems(expected_objects(WANTED), None)) == 1


PATHS = st.sampled_from(["model/serving.properties", "model/model.py", "model/a"])
HASHES = st.sampled_from([hashlib.sha256(text).hexdigest() for text in (b"a", b"b")])


@given(st.dictionaries(PATHS, st.none() | HASHES))
def test_just_the_files_that_differ_are_named(found: dict[str, str | None]):
    wanted = expected_objects(WANTED)
    objects = {f"{FOLDER}{path}": sha256 for path, sha256 in found.items()}
    objects[f"{FOLDER}manifest.json"] = wanted[f"{FOLDER}manifest.json"]
    named = {line.partition(" ")[0] for line in problems(objects, WANTED.bundle.manifest)}
    assert named == {
        uri for uri in wanted.keys() | objects.keys() if wanted.get(uri, "") != objects.get(uri, "")
    }
