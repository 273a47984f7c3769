"""What environment variables other than OPTION_<NAME> set, by version."""

from __future__ import annotations

import pytest

from lmi_deployer.server.merged import Merged
from lmi_deployer.server.merging import merge
from tests.unit.server.images import ORDER, flavors_of, image

LAST = ORDER[-1]
NO_FILE: dict[str, str] = {}


def merged(
    version: str, properties: dict[str, str], /, flavor: str = "", **environment: str
) -> Merged:
    return merge(image(version, flavor or flavors_of(version)[0]), properties, environment)


def from_environment(version: str, /, flavor: str = "", **environment: str) -> dict[str, str]:
    return dict(merged(version, NO_FILE, flavor, **environment).texts)


def unread(found: Merged) -> dict[str, str | None]:
    return {item.name: item.instead for item in found.unread}


def test_server_variables_are_defaults_of_the_file():
    assert from_environment(LAST, SERVING_JOB_QUEUE_SIZE="9") == {"job_queue_size": "9"}
    found = merged(LAST, {"job_queue_size": "1"}, SERVING_JOB_QUEUE_SIZE="9")
    assert found.texts == {"job_queue_size": "1"}
    assert found.overridden[0].name == "SERVING_JOB_QUEUE_SIZE"


def test_the_server_sees_its_own_variables_only_after_it_has_chosen():
    assert merged(LAST, NO_FILE, SERVING_BATCH_SIZE="9").late == {"batch_size"}


def test_up_to_0_26_options_come_after_the_engine_is_chosen():
    assert merged("0.26.0", NO_FILE, OPTION_MODEL_ID="a").late == {"option.model_id"}
    assert not merged("0.27.0", NO_FILE, OPTION_MODEL_ID="a").late


def test_workers_have_a_variable_from_0_26_on():
    assert from_environment("0.26.0", SERVING_MAX_WORKERS="1") == {"maxWorkers": "1"}
    assert "SERVING_MAX_WORKERS" in unread(merged("0.25.0", NO_FILE, SERVING_MAX_WORKERS="1"))


@pytest.mark.parametrize("version", ORDER)
def test_the_degree_and_the_timeouts_have_variables_of_their_own(version):
    found = from_environment(
        version, TENSOR_PARALLEL_DEGREE="4", MODEL_LOADING_TIMEOUT="9", PREDICT_TIMEOUT="8"
    )
    assert found == {
        "option.tensor_parallel_degree": "4",
        "option.model_loading_timeout": "9",
        "option.predict_timeout": "8",
    }


@pytest.mark.parametrize("version", ORDER[1:])
def test_an_option_variable_beats_the_other_variable_of_its_key(version):
    found = merged(version, NO_FILE, TENSOR_PARALLEL_DEGREE="4", OPTION_TENSOR_PARALLEL_DEGREE="2")
    assert found.texts == {"option.tensor_parallel_degree": "2"}
    assert found.overridden[0].name == "TENSOR_PARALLEL_DEGREE"


@pytest.mark.parametrize("version", ORDER)
def test_hf_model_id_makes_a_model_of_its_own(version):
    found = merged(version, NO_FILE, HF_MODEL_ID="a/b", HF_TASK="text-generation")
    assert found.texts == {"option.model_id": "a/b", "option.task": "text-generation"}
    beside_a_file = merged(version, {"option.model_id": "c/d"}, HF_MODEL_ID="a/b")
    assert beside_a_file.texts == {"option.model_id": "c/d"}
    assert "HF_MODEL_ID" in unread(beside_a_file)


def test_hf_model_id_beats_the_option_variable():
    found = merged(LAST, NO_FILE, OPTION_MODEL_ID="c/d", HF_MODEL_ID="a/b")
    assert found.texts == {"option.model_id": "a/b"}
    assert found.overridden[0].name == "OPTION_MODEL_ID"


def test_hf_task_is_read_only_beside_hf_model_id():
    assert unread(merged(LAST, NO_FILE, HF_TASK="x")) == {"HF_TASK": "HF_MODEL_ID"}


def test_the_revision_variable_changed_its_name_in_0_27():
    old = {"HF_MODEL_ID": "a/b", "HF_MODEL_REVISION": "r"}
    new = {"HF_MODEL_ID": "a/b", "HF_REVISION": "r"}
    assert from_environment("0.26.0", **old)["option.revision"] == "r"
    assert from_environment("0.27.0", **new)["option.revision"] == "r"
    assert "HF_REVISION" in unread(merged("0.26.0", NO_FILE, **new))
    assert "HF_MODEL_REVISION" in unread(merged("0.27.0", NO_FILE, **old))


def test_names_of_text_generation_inference_are_translated_in_gpu_images_from_0_27_on():
    names = {"SM_NUM_GPUS": "4", "MAX_CONCURRENT_REQUESTS": "9"}
    read = {"option.tensor_parallel_degree": "4", "job_queue_size": "9"}
    assert from_environment("0.27.0", "deepspeed", **names) == read
    assert from_environment("0.26.0", "deepspeed", **names) == {}
    assert from_environment("0.27.0", "neuronx", **names) == {}
    assert unread(merged("0.26.0", NO_FILE, "deepspeed", SM_NUM_GPUS="4")) == {
        "SM_NUM_GPUS": "TENSOR_PARALLEL_DEGREE"
    }


def test_an_empty_translated_variable_counts_as_not_set():
    assert from_environment("0.28.0", "lmi", HF_MODEL_QUANTIZE="") == {}


def test_cuda_graphs_are_the_opposite_of_eager_mode():
    assert from_environment("0.28.0", ENABLE_CUDA_GRAPHS="true") == {
        "option.enforce_eager": "false"
    }
    assert from_environment("0.28.0", ENABLE_CUDA_GRAPHS="no") == {"option.enforce_eager": "true"}


def test_the_memory_fraction_means_something_else_in_each_image():
    name = {"CUDA_MEMORY_FRACTION": "0.5"}
    assert from_environment("0.28.0", "lmi", **name) == {"option.gpu_memory_utilization": "0.5"}
    assert from_environment("0.28.0", "tensorrtllm", **name) == {
        "option.kv_cache_free_gpu_mem_fraction": "0.5"
    }


def test_sagemaker_variables_beat_the_file_from_0_35_on():
    name = {"SAGEMAKER_STARTUP_TIMEOUT": "9"}
    file = {"option.model_loading_timeout": "1"}
    found = merged("0.35.0", file, **name)
    assert found.texts == {"option.model_loading_timeout": "9"}
    assert found.overridden[0] == (
        "option.model_loading_timeout", "option.model_loading_timeout", "1",
        "SAGEMAKER_STARTUP_TIMEOUT",
    )  # fmt: skip
    assert merged("0.34.0", file, **name).texts == file
    assert "SAGEMAKER_STARTUP_TIMEOUT" in unread(merged("0.34.0", file, **name))


def test_sagemaker_workers_set_the_least_and_the_most():
    found = from_environment("0.35.0", SAGEMAKER_NUM_MODEL_WORKERS="2")
    assert found == {"minWorkers": "2", "maxWorkers": "2"}


def test_the_request_size_in_bytes_beats_the_one_in_mebibytes():
    both = {"SAGEMAKER_MAX_REQUEST_SIZE": "7", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "2"}
    assert from_environment("0.35.0", **both) == {"max_request_size": "7"}
    del both["SAGEMAKER_MAX_REQUEST_SIZE"]
    assert from_environment("0.35.0", **both) == {"max_request_size": "2097152"}
    assert from_environment("0.35.0", SAGEMAKER_MAX_PAYLOAD_IN_MB="x") == {}


def test_the_features_of_the_image_are_not_to_be_set():
    found = merged("0.27.0", NO_FILE, SERVING_FEATURES="vllm")
    assert [item.name for item in found.advice] == ["SERVING_FEATURES"]


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("SERVING_JOBQUEUE_SIZE", "SERVING_JOB_QUEUE_SIZE"),
        ("TENSOR_PARALEL_DEGREE", "TENSOR_PARALLEL_DEGREE"),
        ("MODEL_LOAD_TIMEOUT", "MODEL_LOADING_TIMEOUT"),
        ("option_dtype", "OPTION_DTYPE"),
        ("option.dtype", "OPTION_DTYPE"),
        ("tensor_parallel_degree", "TENSOR_PARALLEL_DEGREE"),
        ("SERVING_SOMETHING", None),
        ("DJL_SOMETHING", None),
    ],
)
def test_a_name_that_is_meant_for_the_server_and_unknown_is_not_read(name, instead):
    assert unread(merged(LAST, NO_FILE, **{name: "1"})) == {name: instead}


@pytest.mark.parametrize(
    "name", ["AWS_REGION", "NCCL_DEBUG", "VLLM_USE_V1", "HF_HOME", "PATH", "http_proxy"]
)
def test_names_that_others_read_are_left_alone(name):
    found = merged(LAST, NO_FILE, **{name: "1"})
    assert not found.unread
    assert not found.others


def test_a_name_of_a_library_that_is_nearly_one_of_the_servers_is_told_apart():
    assert merged(LAST, NO_FILE, HF_MODELID="a/b").others == ("HF_MODELID",)


def test_a_name_that_nobody_is_known_to_read_is_told_apart():
    found = merged(LAST, NO_FILE, MY_FLAG="1")
    assert found.others == ("MY_FLAG",)
    assert not found.unread
