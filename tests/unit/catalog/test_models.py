"""Model rows are arithmetic over a few numbers, so most mistakes show as a contradiction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lmi_deployer import catalog

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Model

DTYPE_BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0}
PROFILE_MODELS = (
    "TheBloke/Llama-2-7B-fp16",
    "TheBloke/Llama-2-13B-fp16",
    "TheBloke/Llama-2-70B-fp16",
    "TheBloke/Llama-2-13B-GPTQ",
    "TheBloke/Llama-2-70B-GPTQ",
    "TheBloke/Llama-2-7B-AWQ",
    "TheBloke/Llama-2-13B-AWQ",
    "TheBloke/Llama-2-70B-AWQ",
    "TheBloke/CodeLlama-34B-fp16",
    "codellama/CodeLlama-34b-hf",
    "tiiuae/falcon-7b",
    "tiiuae/falcon-40b",
    "EleutherAI/gpt-j-6b",
    "EleutherAI/gpt-neox-20b",
    "mistralai/Mistral-7B-v0.1",
    "TheBloke/Mistral-7B-v0.1-AWQ",
    "google/flan-t5-xxl",
)


def known(name: str) -> Model:
    model = catalog.find_model(name)
    assert model is not None
    return model


@pytest.mark.parametrize("name", PROFILE_MODELS)
def test_the_models_of_the_ready_profiles_are_in_the_catalog(name: str) -> None:
    assert known(name).parameter_count > 0


@pytest.mark.parametrize("name", catalog.names("models"))
def test_query_heads_share_key_value_heads_evenly(name: str) -> None:
    model = known(name)
    assert model.num_attention_heads % model.num_key_value_heads == 0
    if model.head_dim is None:
        assert model.hidden_size % model.num_attention_heads == 0


@pytest.mark.parametrize("name", catalog.names("models"))
def test_the_weight_files_hold_every_parameter_in_the_published_dtype(name: str) -> None:
    model = known(name)
    per_parameter = model.checkpoint_bytes / model.parameter_count
    if model.published_dtype in ("int4", "mxfp4"):
        assert 0.5 < per_parameter < 0.8
    else:
        assert model.published_dtype is not None
        assert per_parameter == pytest.approx(DTYPE_BYTES[model.published_dtype], rel=0.15)


@pytest.mark.parametrize("name", catalog.names("models"))
def test_a_quantized_checkpoint_says_how_and_another_does_not(name: str) -> None:
    model = known(name)
    is_quantized = model.published_dtype not in ("fp32", "fp16", "bf16")
    assert (model.quantization is not None) == is_quantized


@pytest.mark.parametrize("name", catalog.names("models"))
def test_a_model_whose_licence_must_be_accepted_is_gated(name: str) -> None:
    assert known(name).is_gated or not name.startswith(("meta-llama/", "google/gemma"))
