"""Facts of a model, from its config.json in the spelling of each family, or from the catalog."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.errors import InputError
from lmi_deployer.model_facts import ModelFacts, from_catalog, from_config

GPT2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_head": 12, "n_layer": 12,
        "n_embd": 768, "n_positions": 1024, "n_ctx": 1024}  # fmt: skip
GPTJ = {"model_type": "gptj", "n_head": 16, "n_layer": 28, "n_embd": 4096, "n_positions": 2048}
BLOOM = {"model_type": "bloom", "n_head": 112, "n_layer": 70, "n_embed": 14336}
FALCON_7B = {"model_type": "falcon", "num_attention_heads": 71, "num_hidden_layers": 32,
             "hidden_size": 4544, "multi_query": True, "new_decoder_architecture": False,
             "torch_dtype": "bfloat16"}  # fmt: skip
FALCON_40B = {"model_type": "falcon", "num_attention_heads": 128, "num_kv_heads": 8,
              "num_hidden_layers": 60, "hidden_size": 8192, "new_decoder_architecture": True,
              "multi_query": True}  # fmt: skip
MPT = {"model_type": "mpt", "n_heads": 32, "n_layers": 32, "d_model": 4096, "max_seq_len": 2048,
       "attn_config": {"attn_type": "multihead_attention"}}  # fmt: skip
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_attention_heads": 64,
         "num_key_value_heads": 8, "num_hidden_layers": 80, "hidden_size": 8192,
         "max_position_embeddings": 4096, "torch_dtype": "float16"}  # fmt: skip
WHOLE_LLAMA = {**LLAMA, "intermediate_size": 28672, "vocab_size": 32000}
STARCODER = {"model_type": "gpt_bigcode", "n_head": 48, "n_layer": 40, "n_embd": 6144,
             "multi_query": True, "n_positions": 8192}  # fmt: skip
CHATGLM = {"model_type": "chatglm", "num_attention_heads": 32, "num_layers": 28,
           "hidden_size": 4096, "kv_channels": 128, "multi_query_attention": True,
           "multi_query_group_num": 2, "seq_length": 32768,
           "auto_map": {"AutoModelForCausalLM": "m.M"}}  # fmt: skip
LLAVA = {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"],
         "text_config": {"num_attention_heads": 32, "num_key_value_heads": 32,
                         "num_hidden_layers": 32, "hidden_size": 4096, "torch_dtype": "float16"},
         "vision_config": {"num_attention_heads": 16, "hidden_size": 1024}}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "heads", "kv_heads", "layers", "hidden_size", "head_dim", "positions"),
    [
        (GPT2, 12, 12, 12, 768, 64, 1024),
        (GPTJ, 16, 16, 28, 4096, 256, 2048),
        (BLOOM, 112, 112, 70, 14336, 128, 2048),
        (FALCON_7B, 71, 1, 32, 4544, 64, 2048),
        (FALCON_40B, 128, 8, 60, 8192, 64, 2048),
        (MPT, 32, 32, 32, 4096, 128, 2048),
        (LLAMA, 64, 8, 80, 8192, 128, 4096),
        (STARCODER, 48, 1, 40, 6144, 128, 8192),
        (CHATGLM, 32, 2, 28, 4096, 128, 32768),
        (LLAVA, 32, 32, 32, 4096, 128, 2048),
    ],
    ids=lambda item: item["model_type"] if isinstance(item, dict) else "",
)
def test_each_family_names_its_numbers_differently(
    config, heads, kv_heads, layers, hidden_size, head_dim, positions
):
    facts = from_config(config)
    assert facts.num_attention_heads == heads
    assert facts.num_key_value_heads == kv_heads
    assert facts.num_hidden_layers == layers
    assert facts.hidden_size == hidden_size
    assert facts.head_dim == head_dim
    assert facts.max_position_embeddings == positions


def test_an_explicit_head_size_need_not_be_the_quotient():
    config = {"num_attention_heads": 16, "hidden_size": 3072, "head_dim": 256}
    assert from_config(config).head_dim == 256


def test_stretched_positions_reach_further():
    config = {"n_positions": 2048, "rope_scaling": {"type": "linear", "factor": 4.0}}
    assert from_config(config).max_position_embeddings == 8192
    config["rope_scaling"] = {"rope_type": "llama3", "factor": 4.0}
    assert from_config(config).max_position_embeddings == 2048


def test_grouped_query_attention_shares_heads():
    assert from_config(LLAMA).is_grouped_query is True
    assert from_config(MPT).is_grouped_query is False
    assert from_config({"num_attention_heads": 8}).is_grouped_query is None


def test_a_number_that_is_left_out_is_the_one_of_its_class():
    facts = from_config({"model_type": "mistral", "num_attention_heads": 32})
    assert facts.num_key_value_heads == 8
    assert facts.is_grouped_query is True


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("float16", "fp16"), ("torch.bfloat16", "bf16"), ("float32", "fp32"), ("float8", "float8")],
)
def test_the_precision_is_named_as_options_name_it(name, dtype):
    assert from_config({"torch_dtype": name}).torch_dtype == dtype
    assert from_config({"text_config": {"dtype": name}}).torch_dtype == dtype


@pytest.mark.parametrize(
    ("section", "method"),
    [
        (None, None),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "gptq"}, "gptq"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes4"),
        ({"load_in_8bit": True}, "bitsandbytes8"),
    ],
)
def test_the_quantization_is_the_method_of_the_weights(section, method):
    facts = from_config({} if section is None else {"quantization_config": section})
    assert facts.quantization == method
    assert facts.has_quantization_known


def test_nothing_is_known_of_the_quantization_without_a_configuration():
    assert not ModelFacts().has_quantization_known


@pytest.mark.parametrize(
    ("version", "is_known"), [("4.31.0.dev0", False), ("4.35.2", True), ("5.0", True), ("x", True)]
)
def test_an_old_config_json_alone_cannot_say_that_weights_are_plain(version, is_known):
    config = {**WHOLE_LLAMA, "transformers_version": version}
    assert from_config(config).has_quantization_known is is_known
    counted = from_config(config, parameter_counts={"F16": 68_976_648_192})
    assert counted.has_quantization_known
    assert counted.quantization is None


def test_the_weight_files_tell_the_quantization_that_nothing_else_does():
    counts = {"F8_E4M3": 68_451_041_280, "BF16": 525_606_912}
    facts = from_config(WHOLE_LLAMA, parameter_counts=counts)
    assert facts.quantization == "fp8"
    assert facts.has_quantization_known


def test_a_whole_configuration_gives_a_shape_and_a_count():
    facts = from_config(WHOLE_LLAMA, model_id="some/llama", stored_bytes=137_953_296_384)
    assert facts.model_id == "some/llama"
    assert facts.shape is not None
    assert facts.parameter_count == facts.shape.parameter_count == 68_976_648_192
    assert facts.weight_bytes == facts.shape.stored_bytes == 137_953_296_384
    assert facts.shape_problem is None


def test_a_part_of_a_configuration_says_why_it_gives_no_shape():
    facts = from_config(GPTJ)
    assert facts.shape is None
    assert facts.parameter_count is None
    assert facts.shape_problem == "the model configuration lacks vocab_size"


def test_code_of_its_own_is_needed_where_auto_map_names_it():
    assert from_config(CHATGLM).needs_remote_code is True
    assert from_config(CHATGLM).auto_classes == ("AutoModelForCausalLM",)
    assert from_config(LLAMA).needs_remote_code is False


def test_code_that_transformers_has_taken_in_may_be_needed():
    config = {"model_type": "falcon", "auto_map": {"AutoModelForCausalLM": "m.M"}}
    assert from_config(config).needs_remote_code is None


def test_a_diffusers_model_has_a_type_of_the_servers_making():
    assert from_config({"_diffusers_version": "0.21"}).model_type == "stable-diffusion"


@pytest.mark.parametrize("config", [None, [], "text", 1, [("model_type", "llama")]])
def test_what_is_no_object_is_refused(config):
    with pytest.raises(InputError):
        from_config(config)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["model_type", "architectures", "auto_map", "text_config", "quantization_config", "n_head",
     "hidden_size", "torch_dtype", "multi_query", "multi_query_attention", "num_kv_heads"]
)  # fmt: skip


@given(st.dictionaries(NAMES, JSON))
@example({"n_ctx": 2, "rope_scaling": {"type": "linear", "factor": float("inf")}})
@example({"n_ctx": 2, "rope_scaling": {"type": ["linear"], "factor": 2}})
def test_a_value_of_the_wrong_type_is_unknown(config):
    facts = from_config(config)
    assert facts.model_type is None or isinstance(facts.model_type, str)
    assert facts.architectures is None or all(isinstance(name, str) for name in facts.architectures)
    assert facts.hidden_size is None or facts.hidden_size > 0


def test_every_model_of_the_catalog_has_its_facts():
    for model_id in catalog.names("models"):
        model = catalog.find_model(model_id)
        assert model is not None
        facts = from_catalog(model)
        assert facts.model_type == model.model_type
        assert facts.num_attention_heads == model.num_attention_heads
        assert facts.num_key_value_heads == model.num_key_value_heads
        assert facts.head_dim
        assert facts.model_id == model_id
        assert facts.parameter_count == model.parameter_count
