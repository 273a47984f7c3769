"""What each backend needs before it loads, and what the server fills in for it."""

from __future__ import annotations

import pytest

from lmi_deployer.model_facts import ModelFacts
from tests.unit.server.images import LLAMA, ORDER, chosen, of, outcomes

ID = {"option.model_id": "a/b"}
T5 = ModelFacts(model_type="t5", architectures=("T5ForConditionalGeneration",))
SINCE_0_33 = ORDER[ORDER.index("0.33.0") :]
SINCE_0_35 = ORDER[ORDER.index("0.35.0") :]
RB = "option.rolling_batch"
TP = "option.tensor_parallel_degree"


@pytest.mark.parametrize(
    ("version", "outcome"),
    [("0.23.0", "request_error"), ("0.25.0", "request_error"), ("0.27.0", "load_error")],
)
def test_lmi_dist_needs_mpi(version, outcome):
    found = of(version, "deepspeed", engine="Python", rolling_batch="lmi-dist")
    assert outcomes(found) == {RB: outcome}


def test_0_26_lets_lmi_dist_run_without_mpi_on_one_gpu():
    file = {"engine": "Python", "rolling_batch": "lmi-dist"}
    assert of("0.26.0", "deepspeed", **file, tensor_parallel_degree=1).problems == ()
    found = of("0.26.0", "deepspeed", **file, tensor_parallel_degree=2)
    assert outcomes(found) == {RB: "load_error"}


def test_from_0_28_on_the_server_turns_mpi_on_for_lmi_dist():
    found = of("0.28.0", "lmi", engine="Python", rolling_batch="lmi-dist")
    assert (found.is_mpi, found.written["option.mpi_mode"], found.problems) == (True, "true", ())


def test_the_handler_of_0_26_takes_mpi_mode_only_in_lower_case():
    file = {"engine": "Python", "rolling_batch": "lmi-dist", "tensor_parallel_degree": 2}
    assert of("0.26.0", "deepspeed", **file, mpi_mode="true").problems == ()
    assert outcomes(of("0.26.0", "deepspeed", **file, mpi_mode="True")) == {RB: "load_error"}


def test_up_to_0_25_the_handler_takes_an_inferred_engine_for_mpi():
    found = of("0.25.0", "deepspeed", rolling_batch="lmi-dist")
    assert found.is_mpi is False
    assert outcomes(found) == {RB: "unchecked"}


@pytest.mark.parametrize("version", ["0.23.0", "0.24.0", "0.25.0"])
def test_vllm_needs_a_written_engine_and_degree_up_to_0_25(version):
    found = of(version, "deepspeed", rolling_batch="vllm")
    assert outcomes(found) == {RB: "load_error", TP: "load_error"}
    found = of(version, "deepspeed", engine="Python", rolling_batch="vllm")
    assert outcomes(found) == {TP: "load_error"}


@pytest.mark.parametrize(
    ("version", "flavor"),
    [("0.25.0", "deepspeed"), ("0.26.0", "deepspeed"), ("0.28.0", "lmi"), ("0.35.0", "lmi")],
)
def test_vllm_does_not_load_with_the_engine_mpi(version, flavor):
    found = of(version, flavor, engine="MPI", rolling_batch="vllm", tensor_parallel_degree=1)
    assert outcomes(found)["engine"] == "load_error"


@pytest.mark.parametrize("version", SINCE_0_33)
def test_lmi_dist_becomes_vllm_from_0_33_on(version):
    found = of(version, "lmi", rolling_batch="lmi-dist")
    assert (found.handler, found.written[RB]) == ("vllm", "vllm")
    assert outcomes(found) == {RB: "fallback"}
    with_mpi = of(version, "lmi", engine="MPI", rolling_batch="lmi-dist")
    assert outcomes(with_mpi)["engine"] == "load_error"


@pytest.mark.parametrize("version", ["0.26.0", "0.27.0"])
def test_tensorrt_llm_needs_mpi(version):
    assert outcomes(of(version, "tensorrtllm", engine="Python")) == {"engine": "load_error"}
    assert of("0.28.0", "tensorrtllm", engine="Python").problems == ()


def test_tensorrt_llm_serves_t5_alone_without_rolling_batch():
    found = of("0.28.0", "tensorrtllm", rolling_batch="disable")
    assert outcomes(found) == {RB: "load_error"}
    t5 = of("0.28.0", "tensorrtllm", T5)
    assert (t5.handler, t5.rolling_batch, t5.problems) == ("trtllm", "disable", ())
    assert t5.written["batch_size"] == "32"
    unknown = of("0.28.0", "tensorrtllm", None, rolling_batch="disable")
    assert unknown.problems[0].missing == ("model.model_type",)


def test_disable_makes_the_tensorrt_llm_image_take_another_handler_up_to_0_26():
    found = of("0.25.0", "tensorrtllm", engine="Python", rolling_batch="disable")
    assert found.entry_point == "djl_python.huggingface"
    assert outcomes(found) == {RB: "request_error"}


# ----------------------------------------------------------------------------- dynamic batches


@pytest.mark.parametrize("version", ["0.28.0", "0.32.0", "0.35.0"])
def test_a_batch_size_above_one_turns_the_rolling_batch_off(version):
    found = of(version, "lmi", batch_size=4, rolling_batch="vllm")
    assert (found.handler, found.written[RB]) == ("hf-accelerate", "disable")
    assert outcomes(found) == {RB: "fallback"}
    assert of(version, "lmi", batch_size=4).problems == ()
    assert of(version, "lmi", batch_size=1, rolling_batch="vllm").handler == "vllm"


def test_the_batch_size_of_the_environment_does_not():
    found = chosen("0.32.0", "lmi", ID, LLAMA, {"SERVING_BATCH_SIZE": "4"})
    assert found.handler == "lmi-dist"


def test_0_31_looks_before_max_dynamic_batch_size_becomes_the_batch_size():
    file = {**ID, "max_dynamic_batch_size": "4"}
    assert chosen("0.30.0", "lmi", file).handler == "hf-accelerate"
    assert chosen("0.31.0", "lmi", file).handler == "lmi-dist"


# ---------------------------------------------------------------------------- asynchronous mode


@pytest.mark.parametrize("version", SINCE_0_35)
def test_vllm_is_asynchronous_by_default_from_0_35_on(version):
    found = of(version, "lmi")
    assert (found.is_async, found.rolling_batch) == (True, "disable")
    assert found.written["option.max_rolling_batch_size"] == "32"
    assert of(version, "lmi", rolling_batch="vllm").is_async is False


def test_async_mode_false_does_not_hold_beside_auto():
    found = of("0.35.0", "lmi", async_mode="false")
    assert outcomes(found) == {"option.async_mode": "fallback"}
    assert found.is_async


def test_the_hugging_face_handler_cannot_be_asynchronous():
    found = of("0.34.0", "lmi", async_mode="true")
    assert outcomes(found) == {"option.async_mode": "load_error"}
    found = of("0.35.0", "lmi", entryPoint="djl_python.huggingface")
    assert outcomes(found) == {"option.entryPoint": "load_error"}


def test_the_asynchronous_service_of_0_34_needs_the_mode_and_no_rolling_batch():
    service = {"entryPoint": "djl_python.lmi_vllm.vllm_async_service"}
    found = of("0.34.0", "lmi", **service, async_mode="true", rolling_batch="disable")
    assert (found.handler, found.problems) == ("vllm", ())
    found = of("0.34.0", "lmi", **service, async_mode="true")
    assert outcomes(found) == {RB: "request_error"}
    found = of("0.34.0", "lmi", **service, rolling_batch="disable")
    assert outcomes(found) == {"option.entryPoint": "load_error"}


def test_a_rolling_batch_leaves_the_asynchronous_trtllm_of_0_33_hanging():
    assert outcomes(of("0.33.0", "tensorrtllm", rolling_batch="trtllm")) == {RB: "request_error"}


# ------------------------------------------------------------------------- what is written along


@pytest.mark.parametrize(
    ("version", "flavor", "properties", "written"),
    [
        ("0.26.0", "deepspeed", {"engine": "Python"}, {}),
        ("0.26.0", "tensorrtllm", {"engine": "MPI"},
         {RB: "trtllm", "option.mpi_mode": "true"}),
        ("0.27.0", "deepspeed", {},
         {RB: "lmi-dist", "engine": "MPI", "option.mpi_mode": "true", TP: "max",
          "option.max_rolling_batch_size": "256"}),
        ("0.27.0", "tensorrtllm", {"engine": "MPI"},
         {RB: "trtllm", "option.mpi_mode": "true", "option.max_rolling_batch_size": "32"}),
        ("0.27.0", "tensorrtllm", {"engine": "MPI", "max_num_tokens": 8192},
         {RB: "trtllm", "option.mpi_mode": "true", "option.max_rolling_batch_size": "256"}),
        ("0.28.0", "tensorrtllm", {"tensor_parallel_degree": 1},
         {RB: "trtllm", "option.mpi_mode": "true", "option.max_num_tokens": "16384",
          "option.max_rolling_batch_size": "256"}),
        ("0.29.0", "lmi", {"rolling_batch": "vllm", "max_rolling_batch_size": 8},
         {TP: "max", "option.pipeline_parallel_degree": "1"}),
        ("0.35.0", "lmi", {},
         {RB: "disable", "option.async_mode": "true", TP: "max",
          "option.pipeline_parallel_degree": "1", "option.max_rolling_batch_size": "32"}),
    ],
)  # fmt: skip
def test_the_server_fills_in_what_is_missing(version, flavor, properties, written):
    assert of(version, flavor, **properties).written == written


def test_lora_takes_one_worker_on_the_first_gpu_from_0_31_on():
    found = of("0.31.0", "lmi", enable_lora="true")
    assert (found.written["maxWorkers"], found.written["load_on_devices"]) == ("1", "0")
    assert "maxWorkers" not in of("0.30.0", "lmi", enable_lora="true").written
    file = {**ID, "option.enable_lora": "true", "maxWorkers": "2"}
    assert outcomes(chosen("0.31.0", "lmi", file)) == {"maxWorkers": "fallback"}


def test_lmcache_refuses_more_than_one_worker_from_lmi19_on():
    file = {**ID, "option.lmcache_auto_config": "true", "maxWorkers": "2"}
    assert outcomes(chosen("0.36.0-lmi19", "lmi", file)) == {"maxWorkers": "load_error"}
    assert outcomes(chosen("0.36.0-lmi18", "lmi", file)) == {}


def test_the_async_service_of_vllm_needs_the_python_engine():
    assert outcomes(of("0.35.0", "lmi", engine="Python")) == {}
    assert outcomes(of("0.35.0", "lmi", engine="MPI")) == {"engine": "load_error"}
