"""What goes wrong most often with LMI containers, and the finding that says so beforehand.

The numbers are those of docs/failure-modes.md, which also tells what no finding can say. Here: the
start, names, engines and memory; test_more_failure_modes.py has the rest.
"""

from __future__ import annotations

import pytest

from lmi_deployer.lint import make_target
from tests.pitfalls.asking import Found, linted, validated
from tests.specs import a_deployment, make_spec

LONG_LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_attention_heads": 32,
    "num_key_value_heads": 16,
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "max_position_embeddings": 131072,
}
"""131072 tokens take 32 GiB of KV cache."""

# ---------------------------------------------------------------------------- 1: health check


@pytest.mark.parametrize("seconds", [600, 3300])
def test_01_sagemaker_waits_longer_than_the_server_does_for_the_model(seconds):
    setting = f"model_loading_timeout_seconds={seconds}"
    (variant,) = a_deployment(setting).endpoint_config["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] > seconds


def test_01_a_large_model_gets_more_time_than_a_small_one():
    seventy = ("model.id=TheBloke/Llama-2-70B-fp16", "instance_type=ml.p4d.24xlarge")
    specs = (make_spec(), make_spec(*seventy))
    small, large = (int(spec.settings["model_loading_timeout"]) for spec in specs)
    assert large > small


def test_01_a_loading_timeout_beyond_what_sagemaker_waits_is_reported():
    found = linted("option.model_loading_timeout=7200", "0.28.0", "lmi")
    assert ("warning", "LMI209", "option.model_loading_timeout") in found


# ---------------------------------------------------------------------- 2: sixty seconds


def test_02_a_request_longer_than_sagemaker_waits_is_reported():
    assert ("warning", "LMI209", "predict_timeout_seconds") in validated(
        "predict_timeout_seconds=300"
    )
    found = linted("option.predict_timeout=300", "0.28.0", "lmi")
    assert ("note", "LMI209", "option.predict_timeout") in found


@pytest.mark.parametrize("key", ["chunked_read_timeout", "option.chunked_read_timeout"])
@pytest.mark.parametrize("version", ["0.24.0", "0.25.0", "0.31.0"])
def test_02_a_server_wide_timeout_in_the_file_of_a_model_has_no_effect(key, version):
    flavor = "lmi" if version == "0.31.0" else "deepspeed"
    found = linted(f"{key}=120", version, flavor)
    assert any(severity != "note" and key.endswith(where) for severity, _, where in found)


# ------------------------------------------------------------------------ 3: misspelt names


@pytest.mark.parametrize(
    ("setting", "code", "key"),
    [
        ("option.rolling_back=vllm", "LMI301", "option.rolling_back"),
        ("tensor_parallel_degree=4", "LMI318", "tensor_parallel_degree"),
        ("OPTION_ROLLING_BACK=vllm", "LMI301", "option.rolling_back"),
        ("TENSOR_PARALLEL_SIZE=4", "LMI313", "TENSOR_PARALLEL_SIZE"),
    ],
)
def test_03_a_name_that_nothing_reads_is_an_error(setting, code, key):
    assert ("error", code, key) in linted(setting, "0.30.0", "lmi")


def test_03_a_misspelt_key_of_a_profile_is_an_error():
    found = validated("tensor_paralel_degree=4")
    assert ("error", "LMI002", "tensor_paralel_degree") in found


# ------------------------------------------------------------------- 4: the slow scheduler


@pytest.mark.parametrize(
    ("version", "flavor", "model"),
    [
        ("0.25.0", "deepspeed", "mistralai/Mistral-7B-v0.1"),
        ("0.27.0", "deepspeed", "google/gemma-2-9b"),
        ("0.28.0", "lmi", "EleutherAI/gpt-neox-20b"),
        ("0.29.0", "lmi", "bigcode/starcoder"),
    ],
)
def test_04_an_automatic_choice_that_falls_on_the_slow_scheduler_is_reported(
    version, flavor, model
):
    found = linted("engine=MPI\noption.rolling_batch=auto", version, flavor, model=model)
    assert ("warning", "LMI308", "option.rolling_batch") in found


def test_04_an_automatic_choice_of_the_fast_backend_is_not_reported():
    settings = "option.rolling_batch=auto"
    found = linted(settings, "0.28.0", "lmi", model="TheBloke/Llama-2-7B-fp16")
    assert not any(key == "option.rolling_batch" for _, _, key in found)


@pytest.mark.parametrize("version", ["0.25.0", "0.28.0"])
def test_04_an_automatic_choice_that_cannot_be_told_says_so(version):
    flavor = "deepspeed" if version == "0.25.0" else "lmi"
    found = linted("option.rolling_batch=auto", version, flavor)
    assert any(code == "LMI317" for _, code, _ in found)


# ------------------------------------------------- 5, 10: engine, handler and rolling batch


@pytest.mark.parametrize(
    ("settings", "version", "flavor"),
    [
        (
            (
                "engine=DeepSpeed\noption.entryPoint=djl_python.deepspeed"
                "\noption.rolling_batch=lmi-dist"
            ),
            "0.24.0",
            "deepspeed",
        ),
        ("engine=Python\noption.rolling_batch=disable", "0.25.0", "deepspeed"),
        ("engine=MPI\noption.rolling_batch=vllm", "0.25.0", "deepspeed"),
        ("engine=Python\noption.rolling_batch=lmi-dist", "0.25.0", "deepspeed"),
        ("engine=Python\noption.rolling_batch=trtllm", "0.26.0", "tensorrtllm"),
        ("engine=python\noption.rolling_batch=vllm", "0.26.0", "deepspeed"),
        ("engine=DeepSpeed", "0.28.0", "lmi"),
    ],
)
def test_05_10_engine_handler_and_rolling_batch_that_do_not_go_together_are_errors(
    settings, version, flavor
):
    found = linted(f"{settings}\noption.tensor_parallel_degree=1", version, flavor)
    assert any((severity, code) == ("error", "LMI316") for severity, code, _ in found)


# ----------------------------------------------------------------------- 6, 7: GPU memory


def test_06_lengths_beyond_the_positions_of_the_model_are_errors():
    found = linted(
        "option.max_model_len=65536", "0.28.0", "lmi", model="openlm-research/open_llama_7b"
    )
    assert ("error", "LMI401", "option.max_model_len") in found


@pytest.mark.parametrize(("length", "fits"), [("131072", False), ("16384", True)])
@pytest.mark.parametrize(
    ("version", "settings"),
    [
        ("0.28.0", "engine=MPI\noption.rolling_batch=lmi-dist"),
        ("0.33.0", "engine=Python\noption.rolling_batch=vllm"),
    ],
)
def test_06_a_sequence_larger_than_the_cache_that_is_left_is_an_error(
    version, settings, length, fits
):
    found = linted(
        f"{settings}\noption.tensor_parallel_degree=1\noption.max_model_len={length}",
        version,
        "lmi",
        instance="ml.g5.2xlarge",
        model=LONG_LLAMA,
    )
    assert (("error", "LMI203", "option.max_model_len") in found) is not fits


def test_07_weights_that_leave_no_room_for_sequences_are_reported():
    found = validated("model.id=TheBloke/Llama-2-13B-fp16")
    assert any(code == "LMI203" and severity != "note" for severity, code, _ in found)


def test_07_a_rolling_batch_that_grows_with_the_version_is_known():
    def default(version: str, flavor: str) -> str | None:
        target = make_target(version, flavor)
        return target.table.handler("lmi-dist").entries["option.max_rolling_batch_size"].default

    assert default("0.26.0", "deepspeed") != default("0.27.0", "deepspeed")


# ---------------------------------------------------------------------------- 8: copies


def test_08_several_copies_of_the_model_are_noted():
    settings = "engine=MPI\noption.rolling_batch=lmi-dist\noption.tensor_parallel_degree=1"
    found = linted(settings, "0.27.0", "deepspeed", instance="ml.g5.12xlarge")
    assert ("note", "LMI207", "option.tensor_parallel_degree") in found
    assert any(
        code == "LMI207"
        for _, code, _ in validated("instance_type=ml.g5.12xlarge", "tensor_parallel_degree=1")
    )


def test_08_a_model_of_the_environment_beside_one_of_the_file_is_reported():
    found = linted("option.model_id=org/one\nHF_MODEL_ID=org/two", "0.27.0", "deepspeed")
    assert any(key == "HF_MODEL_ID" and severity != "note" for severity, _, key in found)


# ------------------------------------------------------------ 9: tensor parallel degree


@pytest.mark.parametrize(
    ("degree", "code"), [("8", "LMI201"), ("3", "LMI202")], ids=["too many", "heads"]
)
def test_09_a_degree_that_does_not_fit_is_an_error(degree, code):
    found = linted(
        f"engine=MPI\noption.rolling_batch=lmi-dist\noption.tensor_parallel_degree={degree}",
        "0.27.0",
        "deepspeed",
        instance="ml.g5.12xlarge",
        model="TheBloke/Llama-2-7B-fp16",
    )
    assert ("error", code, "option.tensor_parallel_degree") in found


def test_09_max_is_no_degree_before_the_version_that_knows_it():
    def judged(version: str) -> Found:
        settings = "engine=Python\noption.entryPoint=djl_python.huggingface"
        return linted(f"{settings}\noption.tensor_parallel_degree=max", version, "deepspeed")

    key = "option.tensor_parallel_degree"
    assert any(severity == "error" and where == key for severity, _, where in judged("0.23.0"))
    assert not any(severity == "error" and where == key for severity, _, where in judged("0.24.0"))


# ------------------------------------------------------------------ 11: where weights are


def test_11_an_archive_is_no_place_for_a_model():
    found = linted("option.model_id=s3://acme-models/chat/model.tar.gz", "0.28.0", "lmi")
    assert ("error", "LMI402", "option.model_id") in found


# ------------------------------------------------------------- 12, 13: TensorRT-LLM


def test_12_a_family_that_cannot_be_converted_is_an_error():
    found = linted(
        "engine=MPI\noption.rolling_batch=trtllm",
        "0.25.0",
        "tensorrtllm",
        model="EleutherAI/gpt-j-6b",
    )
    assert any((severity, code) == ("error", "LMI104") for severity, code, _ in found)


def test_12_weights_that_are_quantized_already_cannot_be_quantized_while_converting():
    found = linted(
        "engine=MPI\noption.rolling_batch=trtllm\noption.quantize=smoothquant",
        "0.25.0",
        "tensorrtllm",
        model="TheBloke/Llama-2-7B-AWQ",
    )
    assert ("error", "LMI103", "option.quantize") in found


def test_12_a_host_without_the_memory_to_convert_is_reported():
    found = validated("backend=trtllm", "instance_type=ml.g5.2xlarge")
    assert ("warning", "LMI210", "instance_type") in found


def test_13_an_engine_is_not_built_on_other_gpus_than_those_that_serve():
    found = validated(
        "backend=trtllm",
        "instance_type=ml.g5.12xlarge",
        "compile={mode: aot, instance_type: ml.p4d.24xlarge}",
    )
    assert ("error", "LMI604", "compile.instance_type") in found
