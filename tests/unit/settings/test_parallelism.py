"""Tensor and pipeline degrees: what the server starts on the devices, and what handlers compare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.lint import judge_settings, make_target
from lmi_deployer.settings.rules import parallelism
from lmi_deployer.settings.view import Issue

TENSOR, PIPELINE, CLUSTER = parallelism.TENSOR, parallelism.PIPELINE, parallelism.CLUSTER
RULES = {"LMI201", "LMI207", "LMI308", "LMI309", "LMI310"}
FOUR_GPUS = "ml.g5.12xlarge"
VLLM = {"engine": "Python", "option.rolling_batch": "vllm"}
LMI_DIST = {"engine": "MPI", "option.rolling_batch": "lmi-dist"}
HUGGING_FACE = {"engine": "Python", "option.rolling_batch": "disable"}
NEURONX = {"engine": "Python", "option.rolling_batch": "tnx"}


def issues(
    version: str,
    backend: dict[str, str],
    degrees: dict[str, str],
    *,
    flavor: str = "lmi",
    instance: str | None = FOUR_GPUS,
) -> list[Issue]:
    settings = {"option.model_id": "acme/chat", **backend, **degrees}
    found = judge_settings(make_target(version, flavor, instance), settings, {}).issues
    keys = {TENSOR, PIPELINE, CLUSTER, "minWorkers", "maxWorkers", "gpu.minWorkers"}
    return [issue for issue in found if issue.key in keys and issue.code in RULES]


def verdicts(*arguments, **options) -> dict[str, str]:
    return {issue.key: issue.severity for issue in issues(*arguments, **options)}


@pytest.mark.parametrize("backend", [VLLM, LMI_DIST, HUGGING_FACE])
@pytest.mark.parametrize("degree", ["4", "max"])
def test_a_degree_that_takes_all_gpus_has_nothing(backend, degree):
    assert issues("0.30.0", backend, {TENSOR: degree, PIPELINE: "1"}) == []


@pytest.mark.parametrize("backend", [VLLM, LMI_DIST, HUGGING_FACE])
def test_a_degree_beyond_the_gpus_is_an_error(backend):
    assert verdicts("0.30.0", backend, {TENSOR: "8"}) == {TENSOR: "error"}


def test_no_degree_beyond_the_gpus_is_known_without_an_instance_type():
    assert issues("0.30.0", VLLM, {TENSOR: "8"}, instance=None) == []


@pytest.mark.parametrize(
    ("version", "degrees", "expected"),
    [
        ("0.28.0", {TENSOR: "4", PIPELINE: "8"}, {}),  # nothing reads it yet
        ("0.30.0", {TENSOR: "2", PIPELINE: "2"}, {}),
        ("0.30.0", {TENSOR: "4", PIPELINE: "2"}, {TENSOR: "error"}),
        ("0.30.0", {PIPELINE: "2"}, {}),  # the server divides the GPUs
        ("0.30.0", {TENSOR: "max", PIPELINE: "2"}, {}),
    ],
)
def test_stages_multiply_the_gpus_of_a_copy(version, degrees, expected):
    assert verdicts(version, LMI_DIST, degrees) == expected


def test_max_counts_for_every_stage_where_a_python_engine_looks_for_gpus():
    found = issues("0.30.0", HUGGING_FACE, {TENSOR: "max", PIPELINE: "2"}, instance=None)
    assert [(issue.code, issue.key) for issue in found] == [("LMI309", TENSOR)]


def test_under_mpi_0_stands_for_all_gpus():
    (found,) = issues("0.25.0", LMI_DIST, {TENSOR: "0"}, flavor="deepspeed")
    assert (found.code, found.severity) == ("LMI308", "warning")
    assert "takes 4" in found.problem


def test_under_mpi_0_stands_for_all_gpus_of_an_unknown_machine():
    (found,) = issues("0.25.0", LMI_DIST, {TENSOR: "0"}, flavor="deepspeed", instance=None)
    assert "takes all GPUs" in found.problem


def test_a_negative_degree_stops_the_load_under_mpi():
    (found,) = issues("0.25.0", LMI_DIST, {TENSOR: "-1"}, flavor="deepspeed", instance=None)
    assert (found.code, found.severity) == ("LMI309", "error")


@pytest.mark.parametrize(("backend", "expected"), [(VLLM, {TENSOR: "warning"}), (HUGGING_FACE, {})])
def test_a_degree_below_1_is_up_to_the_library_of_a_python_engine(backend, expected):
    assert verdicts("0.30.0", backend, {TENSOR: "-1"}) == expected


@pytest.mark.parametrize(
    ("version", "backend", "degrees", "expected"),
    [
        ("0.30.0", LMI_DIST, {TENSOR: "4"}, ("LMI308", "warning")),  # 1 takes its place
        ("0.30.0", LMI_DIST, {}, ("LMI309", "error")),  # the GPUs are divided by it
        ("0.30.0", HUGGING_FACE, {TENSOR: "4"}, ("LMI309", "error")),
        ("0.30.0", HUGGING_FACE, {}, ("LMI309", "error")),
    ],
)
def test_a_pipeline_degree_of_0_is_divided_by_unless_mpi_starts_one(
    version, backend, degrees, expected
):
    (found,) = issues(version, backend, {PIPELINE: "0", **degrees}, instance=None)
    assert (found.code, found.severity) == expected


@pytest.mark.parametrize("backend", [LMI_DIST, HUGGING_FACE])
def test_a_negative_pipeline_degree_stops_the_load(backend):
    assert verdicts("0.30.0", backend, {TENSOR: "4", PIPELINE: "-1"}) == {PIPELINE: "error"}


def test_0_29_shows_the_hugging_face_handler_the_gpus_of_one_stage():
    degrees = {TENSOR: "2", PIPELINE: "2"}
    assert verdicts("0.29.0", LMI_DIST, degrees) == {PIPELINE: "error"}
    assert verdicts("0.29.0", LMI_DIST, {**degrees, "option.device_map": "auto"}) == {}


@pytest.mark.parametrize(
    ("version", "backend", "settings", "expected"),
    [
        ("0.28.0", VLLM, {}, set()),
        ("0.29.0", HUGGING_FACE, {}, {"LMI309"}),
        ("0.30.0", VLLM, {}, {"LMI309"}),
        ("0.30.0", VLLM, {"option.device_map": "auto"}, set()),
        ("0.30.0", HUGGING_FACE, {}, set()),  # compared with a rolling batch only
    ],
)
def test_a_cluster_that_is_not_there_is_more_gpus_than_the_handler_sees(
    version, backend, settings, expected
):
    found = issues(version, backend, {TENSOR: "4", CLUSTER: "2", **settings})
    assert {issue.code for issue in found} == expected


@pytest.mark.parametrize("size", ["1", "1.0", "0"])
def test_a_cluster_of_one_machine_is_what_the_handler_sees(size):
    assert issues("0.30.0", VLLM, {TENSOR: "4", CLUSTER: size}) == []


def test_neuron_cores_share_no_stages():
    found = verdicts(
        "0.30.0", NEURONX, {TENSOR: "2", PIPELINE: "2"}, flavor="neuronx", instance="ml.inf2.xlarge"
    )
    assert found == {PIPELINE: "error"}


def test_more_workers_than_groups_of_gpus_are_refused_under_mpi():
    degrees = {TENSOR: "2", "maxWorkers": "3"}
    assert verdicts("0.30.0", LMI_DIST, degrees)["maxWorkers"] == "error"
    assert "maxWorkers" not in verdicts("0.30.0", HUGGING_FACE, degrees)
    assert "maxWorkers" not in verdicts("0.30.0", LMI_DIST, {**degrees, "maxWorkers": "2"})


@pytest.mark.parametrize(
    ("workers", "key"),
    [
        ({"minWorkers": "3", "maxWorkers": "2"}, "minWorkers"),
        ({"gpu.minWorkers": "3", "maxWorkers": "2"}, "gpu.minWorkers"),
        ({"minWorkers": "2", "maxWorkers": "2"}, None),
        ({"minWorkers": "3"}, None),
        ({"minWorkers": "3", "maxWorkers": "-1"}, None),
    ],
)
def test_fewer_workers_at_most_than_at_least_are_told_apart(workers, key):
    found = issues("0.30.0", HUGGING_FACE, {TENSOR: "1", **workers})
    said = [issue.key for issue in found if issue.code == "LMI308"]
    assert said == ([key] if key else [])


@given(
    tensor=st.sampled_from(["0", "1", "4", "-2", "max", "abc", ""]),
    pipeline=st.sampled_from(["0", "1", "2", "-1", "x"]),
    backend=st.sampled_from([VLLM, LMI_DIST, HUGGING_FACE]),
    version=st.sampled_from(["0.28.0", "0.29.0", "0.30.0"]),
)
def test_what_is_wrong_without_a_machine_is_wrong_on_every_machine(
    tensor, pipeline, backend, version
):
    degrees = {TENSOR: tensor, PIPELINE: pipeline}
    anywhere = {
        (issue.code, issue.key)
        for issue in issues(version, backend, degrees, instance=None)
        if issue.severity == "error"
    }
    here = {(issue.code, issue.key) for issue in issues(version, backend, degrees)}
    assert anywhere <= here
