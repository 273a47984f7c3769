"""Which engine the server takes, whether it runs mpirun, and which handler module it loads."""

from __future__ import annotations

import pytest

from lmi_deployer.model_facts import ModelFacts
from tests.unit.server.images import LLAMA, ORDER, chosen, flavors_of, outcomes

ID = {"option.model_id": "a/b"}
GPT2 = ModelFacts(model_type="gpt2", architectures=("GPT2LMHeadModel",), num_attention_heads=12)
T5 = ModelFacts(model_type="t5", architectures=("T5ForConditionalGeneration",))
DIFFUSERS = ModelFacts(model_type="stable-diffusion")
SINCE_0_28 = ORDER[ORDER.index("0.28.0") :]


@pytest.mark.parametrize("version", ORDER)
@pytest.mark.parametrize("name", ["python", "MPI ", "Pyhton", "", "TritonServer2"])
def test_an_engine_that_does_not_exist_stops_the_load(version, name):
    found = chosen(version, flavors_of(version)[0], {**ID, "engine": name})
    assert outcomes(found)["engine"] == "load_error"


def test_the_case_of_an_engine_matters_and_is_pointed_out():
    found = chosen("0.25.0", "deepspeed", {**ID, "engine": "mpi"})
    assert found.problems[0].fix == "MPI; case matters"
    assert found.engine == "MPI"


@pytest.mark.parametrize(
    ("version", "flavor", "name"),
    [
        ("0.22.1", "deepspeed", "MPI"),
        ("0.25.0", "deepspeed", "FasterTransformer"),
        ("0.28.0", "lmi", "DeepSpeed"),
    ],
)
def test_an_engine_of_another_version_stops_the_load(version, flavor, name):
    found = chosen(version, flavor, {**ID, "engine": name})
    assert found.problems[0].outcome == "load_error"
    assert found.problems[0].fix


def test_an_engine_without_python_has_no_handler():
    found = chosen("0.25.0", "deepspeed", {"engine": "OnnxRuntime"})
    assert found.handler is None
    assert found.reason == "the engine OnnxRuntime runs no Python handler"
    assert not found.problems


@pytest.mark.parametrize("version", SINCE_0_28)
def test_from_0_28_on_the_engine_is_python_unless_told(version):
    found = chosen(version, "lmi", ID)
    assert found.engine == "Python"


@pytest.mark.parametrize(
    ("version", "flavor", "model", "engine"),
    [
        ("0.22.1", "deepspeed", GPT2, "DeepSpeed"),
        ("0.22.1", "fastertransformer", T5, "FasterTransformer"),
        ("0.22.1", "deepspeed", LLAMA, "Python"),
        ("0.24.0", "fastertransformer", GPT2, "FasterTransformer"),
        ("0.25.0", "deepspeed", GPT2, "DeepSpeed"),
        ("0.25.0", "deepspeed", LLAMA, "Python"),
        ("0.25.0", "tensorrtllm", LLAMA, "MPI"),
        ("0.25.0", "tensorrtllm", None, "MPI"),
        ("0.25.0", "deepspeed", None, None),
        ("0.25.0", "neuronx", None, "Python"),
        ("0.27.0", "deepspeed", LLAMA, "MPI"),
        ("0.27.0", "deepspeed", None, None),
    ],
)
def test_the_engine_is_inferred_from_the_models_type_up_to_0_27(version, flavor, model, engine):
    assert chosen(version, flavor, ID, model).engine == engine


def test_0_22_1_infers_no_fast_engine_where_the_degree_does_not_divide_the_heads():
    file = {**ID, "option.tensor_parallel_degree": "5"}
    assert chosen("0.22.1", "deepspeed", file, GPT2).engine == "Python"


def test_an_engine_that_cannot_be_told_leaves_the_handler_open():
    found = chosen("0.25.0", "deepspeed", ID, None)
    assert found.handler is None
    assert found.reason == "without `engine` it depends on the model's type, which is not known"


def test_up_to_0_26_the_engine_is_sought_before_option_model_id_is_read():
    found = chosen("0.25.0", "deepspeed", {}, GPT2, {"OPTION_MODEL_ID": "a/b"})
    assert found.engine == "DeepSpeed"
    assert outcomes(found) == {"option.model_id": "unchecked"}
    assert outcomes(chosen("0.27.0", "deepspeed", {}, GPT2, {"OPTION_MODEL_ID": "a/b"})) == {}


def test_up_to_0_26_option_engine_reaches_the_handler_alone():
    file = {**ID, "option.rolling_batch": "vllm", "option.tensor_parallel_degree": "1"}
    found = chosen("0.25.0", "deepspeed", file, LLAMA, {"OPTION_ENGINE": "Python"})
    assert (found.engine, found.handler, found.problems) == ("Python", "vllm", ())
    found = chosen("0.25.0", "deepspeed", file, GPT2, {"OPTION_ENGINE": "Python"})
    assert outcomes(found)["option.engine"] == "fallback"


def test_the_list_of_models_may_name_the_engine():
    models = {"SERVING_LOAD_MODELS": "m::MPI:*=s3://a/b"}
    assert chosen("0.25.0", "deepspeed", ID, LLAMA, models).engine == "MPI"


@pytest.mark.parametrize(
    ("version", "properties", "is_mpi"),
    [
        ("0.22.1", {"engine": "DeepSpeed"}, True),
        ("0.23.0", {"engine": "MPI"}, True),
        ("0.23.0", {"engine": "MPI", "option.mpi_mode": "false"}, False),
        ("0.25.0", {"engine": "Python", "option.mpi_mode": "TRUE"}, True),
        ("0.26.0", {"engine": "MPI", "option.mpi_mode": "false"}, True),
        ("0.26.0", {"engine": "Python", "option.mpi_mode": "true"}, True),
        ("0.26.0", {"engine": "Python"}, False),
    ],
)
def test_the_engine_or_mpi_mode_starts_mpirun(version, properties, is_mpi):
    assert chosen(version, "deepspeed", {**ID, **properties}).is_mpi is is_mpi


def test_from_0_26_on_the_engine_mpi_overrules_mpi_mode():
    found = chosen("0.26.0", "deepspeed", {**ID, "engine": "MPI", "option.mpi_mode": "false"})
    assert outcomes(found) == {"option.mpi_mode": "fallback"}
    assert found.written["option.mpi_mode"] == "true"


def test_a_neuron_image_cannot_run_mpi():
    file = {**ID, "engine": "MPI", "option.tensor_parallel_degree": "2"}
    assert outcomes(chosen("0.28.0", "neuronx", file))["engine"] == "load_error"


def test_0_27_chooses_mpi_on_neuron_unless_the_engine_is_written():
    file = {**ID, "option.tensor_parallel_degree": "2"}
    found = chosen("0.27.0", "neuronx", file)
    assert outcomes(found)["engine"] == "load_error"
    found = chosen("0.27.0", "neuronx", {**file, "engine": "Python"})
    assert (found.handler, found.problems) == ("neuronx", ())


@pytest.mark.parametrize(
    ("version", "flavor", "properties", "module"),
    [
        ("0.25.0", "deepspeed", {"engine": "Python"}, "djl_python.huggingface"),
        ("0.25.0", "deepspeed", {"engine": "DeepSpeed"}, "djl_python.deepspeed"),
        ("0.25.0", "tensorrtllm", {}, "djl_python.tensorrt_llm"),
        ("0.24.0", "fastertransformer", {"engine": "FasterTransformer"},
         "djl_python.fastertransformer"),
        ("0.23.0", "neuronx", {"option.tensor_parallel_degree": "2"},
         "djl_python.transformers-neuronx"),
        ("0.24.0", "neuronx", {"option.tensor_parallel_degree": "2"},
         "djl_python.transformers_neuronx"),
        ("0.28.0", "tensorrtllm", {}, "djl_python.tensorrt_llm"),
        ("0.33.0", "tensorrtllm", {}, "djl_python.lmi_trtllm.trtllm_async_service"),
        ("0.33.0", "lmi", {}, "djl_python.huggingface"),
        ("0.34.0", "lmi", {}, "djl_python.huggingface"),
        ("0.35.0", "lmi", {}, "djl_python.lmi_vllm.vllm_async_service"),
        ("0.35.0", "lmi", {"option.rolling_batch": "vllm"}, "djl_python.huggingface"),
    ],
)  # fmt: skip
def test_every_image_has_a_default_handler(version, flavor, properties, module):
    found = chosen(version, flavor, {**ID, **properties})
    assert found.entry_point == module
    assert found.problems == ()


def test_a_neuron_image_needs_the_degree_to_take_its_own_handler():
    found = chosen("0.26.0", "neuronx", {**ID, "engine": "Python"})
    assert found.entry_point == "djl_python.huggingface"
    assert outcomes(found) == {"option.tensor_parallel_degree": "fallback"}


@pytest.mark.parametrize("module", ["model.py", "https://example.org/model.py", "mine.handler"])
def test_the_users_own_code_is_custom(module):
    assert chosen("0.28.0", "lmi", {**ID, "option.entryPoint": module}).handler == "custom"


@pytest.mark.parametrize("version", [item for item in ORDER if item <= "0.27.0"])
def test_up_to_0_27_a_file_without_model_id_needs_own_code(version):
    found = chosen(version, "deepspeed", {"engine": "Python"})
    assert found.handler is None
    assert found.reason == "without option.model_id it is model.py in the model's folder"


@pytest.mark.parametrize(
    ("version", "flavor", "written", "meant"),
    [
        ("0.23.0", "neuronx", "djl_python.transformers_neuronx", "djl_python.transformers-neuronx"),
        ("0.25.0", "neuronx", "djl_python.transformers-neuronx", "djl_python.transformers_neuronx"),
        ("0.25.0", "deepspeed", "djl_python.stable_diffusion", "djl_python.stable-diffusion"),
        ("0.28.0", "lmi", "djl_python.deepspeed", "djl_python.huggingface"),
        ("0.35.0", "lmi", "djl_python.vllm_async_service",
         "djl_python.lmi_vllm.vllm_async_service"),
        ("0.28.0", "lmi", "huggingface", "djl_python.huggingface"),
        ("0.28.0", "lmi", "djl_python.hugingface", "did you mean 'djl_python.huggingface'?"),
    ],
)  # fmt: skip
def test_a_module_that_does_not_exist_stops_the_load(version, flavor, written, meant):
    file = {**ID, "engine": "Python", "option.entryPoint": written}
    found = chosen(version, flavor, {**file, "option.tensor_parallel_degree": "2"})
    problem = next(item for item in found.problems if item.key == "option.entryPoint")
    assert (problem.outcome, problem.fix) == ("load_error", meant)


def test_a_module_of_another_image_stops_the_load():
    file = {**ID, "engine": "Python", "option.entryPoint": "djl_python.tensorrt_llm"}
    found = chosen("0.25.0", "deepspeed", file)
    assert outcomes(found) == {"option.entryPoint": "load_error"}
    assert found.handler is None


def test_a_diffusers_model_brings_its_own_module():
    found = chosen("0.25.0", "deepspeed", ID, DIFFUSERS)
    assert (found.engine, found.handler) == ("DeepSpeed", "stable-diffusion")
    assert found.written["option.entryPoint"] == "djl_python.stable-diffusion"


def test_a_switch_selects_the_diffusers_handler_of_the_neuron_image():
    file = {**ID, "engine": "Python", "option.tensor_parallel_degree": "2"}
    found = chosen("0.26.0", "neuronx", {**file, "option.use_stable_diffusion": "true"})
    assert found.handler == "stable-diffusion-neuronx"
