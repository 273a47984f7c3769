"""What goes wrong with GPUs, quantization, models, adapters and queues.

test_failure_modes.py has the first half.
"""

from __future__ import annotations

import pytest

from tests.pitfalls.asking import linted, validated
from tests.specs import a_deployment

# --------------------------------------------------------------------- 14, 15: the GPU


def test_14_the_host_that_goes_with_the_cuda_of_the_image_is_asked_for():
    (variant,) = a_deployment('container.version="0.28.0"').endpoint_config["ProductionVariants"]
    assert variant["InferenceAmiVersion"]


def test_14_an_image_whose_cuda_the_default_host_does_not_run_is_reported():
    found = linted("engine=Python", "0.36.0-lmi27", "lmi", instance="ml.g5.2xlarge")
    assert ("warning", "LMI211", "instance_type") in found


def test_15_bf16_on_a_gpu_without_it_is_an_error():
    settings = "engine=Python\noption.rolling_batch=vllm\noption.dtype=bf16"
    found = linted(settings, "0.30.0", "lmi", instance="ml.g4dn.12xlarge")
    assert ("error", "LMI105", "option.dtype") in found


def test_15_fp8_on_a_gpu_without_it_is_reported():
    settings = "engine=Python\noption.rolling_batch=vllm\noption.quantize=fp8"
    found = linted(settings, "0.30.0", "lmi", instance="ml.g5.2xlarge")
    assert any(code == "LMI103" for _, code, _ in found)


# ------------------------------------------------------------- 16, 17: quantization


@pytest.mark.parametrize(
    ("settings", "version", "flavor", "key"),
    [
        (
            "engine=MPI\noption.rolling_batch=lmi-dist\noption.quantize=gptq\noption.dtype=fp16",
            "0.25.0",
            "deepspeed",
            "option.dtype",
        ),
        (
            "engine=Python\noption.rolling_batch=vllm\noption.quantize=awq\noption.dtype=bf16",
            "0.26.0",
            "deepspeed",
            "option.dtype",
        ),
        (
            "engine=DeepSpeed\noption.quantize=smoothquant\noption.dtype=bf16",
            "0.25.0",
            "deepspeed",
            "option.dtype",
        ),
    ],
)
def test_16_a_dtype_that_does_not_go_with_the_method_is_an_error(settings, version, flavor, key):
    assert ("error", "LMI103", key) in linted(settings, version, flavor)


def test_16_a_method_that_the_container_only_warns_about_is_an_error():
    settings = "engine=DeepSpeed\noption.tensor_parallel_degree=1\noption.quantize=int3"
    found = linted(settings, "0.25.0", "deepspeed")
    assert any(severity == "error" and key == "option.quantize" for severity, _, key in found)


def test_16_a_quantization_that_the_container_leaves_out_is_an_error():
    settings = "engine=MPI\noption.rolling_batch=trtllm\noption.quantize=awq"
    found = linted(settings, "0.33.0", "tensorrtllm")
    assert any(severity == "error" and key == "option.quantize" for severity, _, key in found)


@pytest.mark.parametrize(
    ("settings", "version", "flavor"),
    [
        ("option.load_in_8bit=false", "0.24.0", "deepspeed"),
        ("option.load_in_8bit=true", "0.25.0", "deepspeed"),
        (
            (
                "option.rolling_batch=disable\noption.load_in_8bit=true"
                "\noption.tensor_parallel_degree=1"
            ),
            "0.30.0",
            "lmi",
        ),
    ],
)
def test_17_bitsandbytes_without_a_device_map_is_an_error(settings, version, flavor):
    text = f"engine=Python\noption.entryPoint=djl_python.huggingface\n{settings}"
    assert ("error", "LMI306", "option.load_in_8bit") in linted(text, version, flavor)


# -------------------------------------------------------------------------- 18, 19, 20


def test_18_network_isolation_is_refused_until_wheels_can_be_checked():
    found = validated("network_isolation=true")
    assert any((severity, code) == ("error", "LMI005") for severity, code, _ in found)


def test_19_a_disk_too_small_for_the_download_is_an_error():
    found = validated("model.id=TheBloke/Llama-2-70B-fp16", "instance_type=ml.g5.xlarge")
    assert ("error", "LMI204", "instance_type") in found


def test_20_a_gated_model_without_a_copy_is_an_error():
    assert ("error", "LMI402", "model.id") in validated("model.id=meta-llama/Llama-2-7b-hf")
    found = linted("option.model_id=meta-llama/Llama-2-7b-hf", "0.28.0", "lmi")
    assert ("warning", "LMI402", "option.model_id") in found


def test_20_a_model_with_code_of_its_own_has_to_be_trusted():
    config = {"model_type": "chatglm", "auto_map": {"AutoModel": "modeling_chatglm.ChatGLM"}}
    settings = "engine=Python\noption.rolling_batch=vllm"
    assert ("error", "LMI404", "option.trust_remote_code") in linted(
        settings, "0.28.0", "lmi", model=config
    )


def test_20_the_variable_that_trusts_code_stops_working():
    variable = "HF_TRUST_REMOTE_CODE"
    assert any(key == variable for _, _, key in linted(f"{variable}=true", "0.27.0", "deepspeed"))
    assert not any(
        key == variable and severity == "error"
        for severity, _, key in linted(f"{variable}=true", "0.26.0", "deepspeed")
    )


def test_21_a_family_newer_than_the_image_is_an_error():
    settings = "engine=Python\noption.rolling_batch=vllm"
    config = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    found = linted(settings, "0.27.0", "deepspeed", model=config)
    assert any((severity, code) == ("error", "LMI104") for severity, code, _ in found)


# -------------------------------------------------------------------------- 22, 23, 24


@pytest.mark.parametrize("handler", ["engine=DeepSpeed", "engine=Python"])
def test_22_streaming_of_a_handler_that_has_a_rolling_batch_has_no_effect(handler):
    settings = f"{handler}\noption.rolling_batch=auto\noption.enable_streaming=true"
    found = linted(settings, "0.25.0", "deepspeed", model="TheBloke/Llama-2-7B-fp16")
    key = "option.enable_streaming"
    assert any(severity != "note" and where == key for severity, _, where in found)


def test_22_dynamic_batches_cannot_be_streamed():
    settings = "engine=Python\noption.entryPoint=djl_python.huggingface\nbatch_size=4"
    found = linted(f"{settings}\noption.enable_streaming=true", "0.25.0", "deepspeed")
    assert ("error", "LMI306", "option.enable_streaming") in found


def test_23_adapters_without_the_switch_that_loads_them_are_reported():
    settings = "engine=Python\noption.rolling_batch=vllm\noption.max_lora_rank=64"
    found = linted(settings, "0.31.0", "lmi")
    assert ("warning", "LMI307", "option.max_lora_rank") in found
    with_switch = linted(f"{settings}\noption.enable_lora=True", "0.31.0", "lmi")
    assert not any(key == "option.max_lora_rank" for _, _, key in with_switch)


def test_23_a_draft_model_beside_adapters_is_an_error():
    settings = "engine=MPI\noption.rolling_batch=lmi-dist\noption.enable_lora=true"
    found = linted(f"{settings}\noption.speculative_draft_model=org/draft", "0.29.0", "lmi")
    assert ("error", "LMI306", "option.speculative_draft_model") in found


def test_24_more_devices_than_the_instance_has_cores_are_an_error():
    settings = "engine=Python\noption.entryPoint=djl_python.transformers_neuronx"
    found = linted(
        f"{settings}\noption.tensor_parallel_degree=4",
        "0.27.0",
        "neuronx",
        instance="ml.inf2.xlarge",
    )
    assert ("error", "LMI201", "option.tensor_parallel_degree") in found


def test_24_a_missing_degree_that_picks_another_handler_is_reported():
    found = linted("engine=Python", "0.25.0", "neuronx", model="TheBloke/Llama-2-7B-fp16")
    assert ("warning", "LMI308", "option.tensor_parallel_degree") in found


def test_24_a_compilation_at_every_start_is_noted_and_given_time():
    overrides = ("backend=neuronx", "instance_type=ml.inf2.8xlarge")
    assert ("note", "LMI106", "backend") in validated(*overrides)
    (variant,) = a_deployment(*overrides).endpoint_config["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] > 1200


def test_24_a_rolling_batch_that_the_graph_cuts_to_one_is_an_error():
    settings = "engine=Python\noption.entryPoint=djl_python.transformers_neuronx"
    found = linted(
        f"{settings}\noption.rolling_batch=auto\noption.tensor_parallel_degree=2"
        "\noption.max_rolling_batch_size=8",
        "0.25.0",
        "neuronx",
    )
    assert ("error", "LMI307", "option.max_rolling_batch_size") in found


# ------------------------------------------------------------------------------- 25, others


def test_25_a_queue_shorter_than_the_rolling_batch_is_reported():
    settings = "engine=MPI\noption.rolling_batch=lmi-dist\njob_queue_size=8"
    found = linted(f"{settings}\noption.max_rolling_batch_size=32", "0.28.0", "lmi")
    assert ("note", "LMI208", "job_queue_size") in found


@pytest.mark.parametrize(
    "models",
    [
        "test::MPI:/opt/ml/model",
        "test:1.0:MPI:/opt/ml/model",
        "test::MPI:s3://acme-models/chat/",
        "one=/opt/ml/one,two::Python:/opt/ml/two",
        "test::MPI:model",
    ],
)
def test_26_a_colon_in_place_of_the_equals_sign_before_the_address_is_an_error(models):
    found = linted(f"SERVING_LOAD_MODELS={models}", "0.25.0", "deepspeed")
    assert ("error", "LMI315", "SERVING_LOAD_MODELS") in found


@pytest.mark.parametrize(
    "models",
    [
        "test::MPI=/opt/ml/model",
        "test::MPI:*=s3://acme-models/chat/",
        "/opt/ml/model",
        "file:///opt/ml/model",
        "jar:file:///opt/ml/model.jar",
        "https://models.example.com:8443/chat.zip",
        "one=/opt/ml/one,two::Python=/opt/ml/two",
        "ALL",
        "",
    ],
)
def test_26_an_address_with_colons_of_its_own_is_none(models):
    found = linted(f"SERVING_LOAD_MODELS={models}", "0.25.0", "deepspeed")
    assert not any(code == "LMI315" for _, code, _ in found)


@pytest.mark.parametrize(
    ("version", "model", "is_reported"),
    [
        ("0.27.0", "mistralai/Mistral-7B-v0.1", True),
        ("0.28.0", "mistralai/Mistral-7B-v0.1", False),
        ("0.27.0", "TheBloke/Llama-2-7B-fp16", False),
    ],
)
def test_29_mistral_in_bf16_on_the_tensorrt_llm_that_garbles_it_is_reported(
    version, model, is_reported
):
    settings = "engine=MPI\noption.rolling_batch=trtllm\noption.dtype=bf16"
    found = linted(settings, version, "tensorrtllm", model=model)
    assert (("warning", "LMI105", "option.dtype") in found) is is_reported
