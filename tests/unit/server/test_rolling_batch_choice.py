"""Which backend serves: what the server and its handlers make of option.rolling_batch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.model_facts import ModelFacts
from tests.unit.server.images import LLAMA, ORDER, chosen, flavors_of, image, of, outcomes

MISTRAL = ModelFacts(model_type="mistral", architectures=("MistralForCausalLM",))
BERT = ModelFacts(model_type="bert", architectures=("BertForSequenceClassification",))
T5 = ModelFacts(model_type="t5", architectures=("T5ForConditionalGeneration",))
NEOX = ModelFacts(model_type="gpt_neox", architectures=("GPTNeoXForCausalLM",))
RB = "option.rolling_batch"
TP = "option.tensor_parallel_degree"


@pytest.mark.parametrize(
    ("version", "flavor", "properties", "handler"),
    [
        ("0.22.1", "deepspeed", {"engine": "Python"}, "hf-accelerate"),
        ("0.25.0", "deepspeed", {"engine": "Python"}, "hf-accelerate"),
        ("0.25.0", "deepspeed", {"engine": "Python", "rolling_batch": "scheduler"}, "scheduler"),
        ("0.25.0", "deepspeed", {"engine": "MPI", "rolling_batch": "lmi-dist"}, "lmi-dist"),
        ("0.25.0", "deepspeed", {"engine": "MPI", "rolling_batch": "LMI-Dist"}, "lmi-dist"),
        ("0.25.0", "deepspeed",
         {"engine": "Python", "rolling_batch": "vllm", "tensor_parallel_degree": 1}, "vllm"),
        ("0.25.0", "deepspeed", {"engine": "DeepSpeed"}, "deepspeed"),
        ("0.25.0", "deepspeed", {"engine": "DeepSpeed", "rolling_batch": "deepspeed"}, "deepspeed"),
        ("0.25.0", "tensorrtllm", {}, "trtllm"),
        ("0.25.0", "tensorrtllm", {"engine": "MPI", "rolling_batch": "auto"}, "trtllm"),
        ("0.25.0", "neuronx",
         {"engine": "Python", "rolling_batch": "auto", "tensor_parallel_degree": 2}, "neuronx"),
        ("0.26.0", "deepspeed", {"engine": "Python", "rolling_batch": "vllm"}, "vllm"),
        ("0.27.0", "deepspeed", {"rolling_batch": "vllm"}, "vllm"),
        ("0.27.0", "deepspeed", {}, "lmi-dist"),
        ("0.28.0", "lmi", {}, "lmi-dist"),
        ("0.28.0", "lmi", {"rolling_batch": "vllm"}, "vllm"),
        ("0.28.0", "lmi", {"rolling_batch": "disable"}, "hf-accelerate"),
        ("0.28.0", "tensorrtllm", {}, "trtllm"),
        ("0.28.0", "tensorrtllm", {"rolling_batch": "auto"}, "trtllm"),
        ("0.28.0", "neuronx", {"tensor_parallel_degree": 2}, "neuronx"),
        ("0.30.0", "neuronx", {}, "neuronx"),
        ("0.32.0", "lmi", {}, "lmi-dist"),
        ("0.33.0", "lmi", {}, "vllm"),
        ("0.33.0", "tensorrtllm", {}, "trtllm"),
        ("0.35.0", "lmi", {}, "vllm"),
        ("0.35.0", "lmi", {"rolling_batch": "vllm"}, "vllm"),
        ("0.35.0", "lmi", {"rolling_batch": "disable"}, "hf-accelerate"),
    ],
)  # fmt: skip
def test_what_serves_a_llama_without_complaint(version, flavor, properties, handler):
    found = of(version, flavor, **properties)
    assert (found.handler, found.problems) == (handler, ())


# ------------------------------------------------------------------------------- auto


def test_auto_is_lmi_dist_for_listed_architectures_under_mpi():
    found = of("0.25.0", "deepspeed", engine="MPI", rolling_batch="auto")
    assert (found.handler, found.rolling_batch, found.problems) == ("lmi-dist", "lmi-dist", ())


@pytest.mark.parametrize(
    ("model", "engine"), [(MISTRAL, "MPI"), (LLAMA, "Python")], ids=["architecture", "engine"]
)
@pytest.mark.parametrize("version", ["0.23.0", "0.24.0", "0.25.0", "0.26.0"])
def test_auto_silently_becomes_the_scheduler_otherwise(version, model, engine):
    found = of(version, "deepspeed", model, engine=engine, rolling_batch="auto")
    assert found.handler == "scheduler"
    assert outcomes(found) == {RB: "fallback"}


def test_what_auto_becomes_is_left_open_without_the_architecture():
    found = of("0.25.0", "deepspeed", None, engine="MPI", rolling_batch="auto")
    assert found.handler is None
    assert [item.missing for item in found.problems] == [("model.architectures",)]
    assert "model.architectures" in (found.reason or "")


@pytest.mark.parametrize(("version", "handler"), [("0.28.0", "scheduler"), ("0.30.0", "lmi-dist")])
def test_gpt_neox_is_on_no_list_up_to_0_29_since_the_list_has_a_dash(version, handler):
    assert of(version, "lmi", NEOX).handler == handler


def test_auto_silently_becomes_the_scheduler_for_unlisted_types_of_0_28_and_0_29():
    assert outcomes(of("0.28.0", "lmi", NEOX, rolling_batch="auto")) == {RB: "fallback"}
    assert of("0.28.0", "lmi", LLAMA, rolling_batch="auto").problems == ()


def test_the_lists_of_0_27_to_0_29_need_the_models_type():
    found = of("0.28.0", "lmi", None, rolling_batch="auto")
    assert found.handler is None
    assert found.problems[0].missing == ("model.model_type",)
    assert of("0.30.0", "lmi", None, rolling_batch="auto").handler == "lmi-dist"


def test_an_unknown_model_is_taken_for_text_generation_and_the_result_says_so():
    assert of("0.30.0", "lmi", None).assumed == ("model.architectures",)
    assert of("0.30.0", "lmi", LLAMA).assumed == ()


@pytest.mark.parametrize("version", ["0.28.0", "0.32.0", "0.33.0", "0.35.0"])
def test_other_models_than_text_generation_have_no_rolling_batch(version):
    assert of(version, "lmi", BERT).handler == "hf-accelerate"
    assert of(version, "lmi", BERT).problems == ()
    assert outcomes(of(version, "lmi", BERT, rolling_batch="auto")) == {RB: "fallback"}


def test_the_scheduler_does_not_load_encoder_decoder_models():
    found = of("0.25.0", "deepspeed", T5, engine="Python", rolling_batch="scheduler")
    assert outcomes(found) == {RB: "load_error"}


def test_neuron_takes_vllm_for_large_batches_in_0_30():
    assert of("0.30.0", "neuronx", max_rolling_batch_size=11).written[RB] == "tnx"
    assert of("0.30.0", "neuronx", max_rolling_batch_size=12).written[RB] == "vllm"


# ---------------------------------------------------------------------- unknown values, disable


@pytest.mark.parametrize(
    ("version", "outcome"),
    [("0.23.0", "load_error"), ("0.25.0", "fallback"), ("0.26.0", "load_error"),
     ("0.28.0", "load_error"), ("0.35.0", "load_error")],
)  # fmt: skip
def test_a_rolling_batch_that_nobody_knows(version, outcome):
    found = of(version, flavors_of(version)[0], engine="Python", rolling_batch="vlm")
    assert outcomes(found)[RB] == outcome


def test_an_unknown_rolling_batch_is_taken_for_auto_in_0_25():
    found = of("0.25.0", "deepspeed", engine="MPI", rolling_batch="vlm")
    assert (found.handler, found.rolling_batch) == ("lmi-dist", "lmi-dist")
    assert found.problems[0].fix == "did you mean 'vllm'?"


def test_case_is_ignored_up_to_0_25_alone():
    file = {"engine": "MPI", "rolling_batch": "LMI-DIST"}
    assert of("0.25.0", "deepspeed", **file).problems == ()
    assert outcomes(of("0.26.0", "deepspeed", **file)) == {RB: "load_error"}


@pytest.mark.parametrize(
    ("version", "outcome"),
    [("0.23.0", "load_error"), ("0.24.0", "load_error"), ("0.25.0", "request_error"),
     ("0.26.0", "request_error")],
)  # fmt: skip
def test_an_explicit_disable_does_harm_up_to_0_26(version, outcome):
    found = of(version, "deepspeed", engine="Python", rolling_batch="disable")
    assert outcomes(found) == {RB: outcome}
    assert of("0.27.0", "deepspeed", engine="Python", rolling_batch="disable").problems == ()


def test_0_22_1_reads_no_rolling_batch():
    found = of("0.22.1", "deepspeed", engine="Python", rolling_batch="auto")
    assert outcomes(found) == {RB: "ignored"}


@pytest.mark.parametrize("version", ["0.23.0", "0.24.0"])
def test_the_deepspeed_handler_leaves_a_rolling_batch_hanging(version):
    found = of(version, "deepspeed", engine="DeepSpeed", rolling_batch="auto")
    assert outcomes(found) == {RB: "request_error"}


def test_the_deepspeed_handler_does_not_load_lmi_dist():
    file = {"engine": "MPI", "entryPoint": "djl_python.deepspeed", "rolling_batch": "lmi-dist"}
    assert outcomes(of("0.25.0", "deepspeed", **file)) == {RB: "load_error"}


def test_the_neuron_handler_takes_any_value_for_auto():
    found = of("0.25.0", "neuronx", engine="Python", rolling_batch="vllm", tensor_parallel_degree=2)
    assert (found.handler, found.rolling_batch) == ("neuronx", "auto")
    assert outcomes(found) == {RB: "fallback"}


# --------------------------------------------------------------------------- without the prefix


def test_0_27_leaves_a_bare_rolling_batch_to_the_handler_where_the_engine_is_written():
    file = {"option.model_id": "a/b", "rolling_batch": "vllm"}
    found = chosen("0.27.0", "deepspeed", {**file, "engine": "Python"})
    assert (found.handler, found.problems) == ("vllm", ())
    assert "option.max_rolling_batch_size" not in found.written
    found = chosen("0.27.0", "deepspeed", file)
    assert (found.handler, outcomes(found)) == ("lmi-dist", {RB: "fallback"})


def test_0_27_writes_its_batch_size_over_a_bare_one_where_a_rolling_batch_is_on():
    file = {"option.model_id": "a/b", "engine": "Python", "max_rolling_batch_size": "8"}
    found = chosen("0.27.0", "deepspeed", {**file, RB: "vllm"})
    assert outcomes(found) == {"option.max_rolling_batch_size": "fallback"}
    assert chosen("0.27.0", "deepspeed", file).problems == ()


# ---------------------------------------------------------------------------------- in general

KEYS = st.sampled_from(
    ["engine", RB, TP, "option.entryPoint", "option.mpi_mode", "option.async_mode", "batch_size",
     "option.enable_lora", "option.max_rolling_batch_size", "option.model_id", "load_models"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["Python", "MPI", "auto", "vllm", "lmi-dist", "disable", "true", "1", "max"]),
    st.text(max_size=8),
)
MODELS = st.sampled_from([None, LLAMA, BERT, T5, NEOX, ModelFacts(model_type="llama")])
IMAGES = st.sampled_from([(version, name) for version in ORDER for name in flavors_of(version)])


@given(IMAGES, st.dictionaries(KEYS, VALUES), MODELS)
def test_every_file_gets_an_answer_or_a_reason(at, properties, model):
    version, flavor = at
    found = chosen(version, flavor, properties, model)
    is_stopped = "load_error" in outcomes(found).values()
    assert found.handler is not None or found.reason is not None or is_stopped
    assert all(item.problem and item.key for item in found.problems)
    facts = image(version, flavor)
    known = {*facts.engines, *facts.other_engines, None}
    assert found.engine in known
