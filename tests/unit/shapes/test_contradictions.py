"""What weight files say against, or beside, their config.json."""

from __future__ import annotations

import pytest

from lmi_deployer import shapes
from lmi_deployer.errors import InputError
from tests.unit.shapes import configs

LLAMA = shapes.from_config(configs.LLAMA_8B)
LAYERS = shapes.matrices(LLAMA).layers
REST = LLAMA.parameter_count - LAYERS


def test_weight_files_of_another_size_contradict_the_configuration():
    shape = shapes.from_config(configs.LLAMA_8B, parameter_counts={"BF16": 13_015_864_320})
    assert shape.contradictions == (
        "the weight files hold 13.02 billion parameters, and the configuration comes to 8.03",
    )
    assert shape.parameter_count == 13_015_864_320
    assert shapes.matrices(shape).total == 13_015_864_320


def test_weight_files_that_differ_a_little_do_not():
    counts = {"BF16": LLAMA.parameter_count + 64 * 32}
    assert shapes.from_config(configs.LLAMA_8B, parameter_counts=counts) == LLAMA


@pytest.mark.parametrize(
    ("quantization", "counts"),
    [
        # 4 bits in groups of 128: eight weights in a word, one zero and one scale for a group.
        ({"quant_method": "gptq", "bits": 4, "group_size": 128},
         {"I32": LAYERS // 8 + LAYERS // 1024, "F16": REST + LAYERS // 128}),
        ({"quant_method": "awq", "bits": 4, "group_size": 128},
         {"I32": LAYERS // 8 + LAYERS // 1024, "F16": REST + LAYERS // 128}),
        ({"quant_method": "fp8"}, {"F8_E4M3": LAYERS, "BF16": REST, "F32": 448}),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True},
         {"U8": LAYERS // 2 + LAYERS // 64, "BF16": REST}),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, {"I8": LAYERS, "F16": REST}),
    ],
)  # fmt: skip
def test_packed_weights_are_unpacked_before_they_are_compared(quantization, counts):
    config = {**configs.LLAMA_8B, "quantization_config": quantization}
    shape = shapes.from_config(config, parameter_counts=counts)
    assert shape.contradictions == ()
    assert shape.parameter_count == LLAMA.parameter_count
    halved = {name: count // 2 for name, count in counts.items()}
    assert shapes.from_config(config, parameter_counts=halved).contradictions


@pytest.mark.parametrize("method", ["gptq", "awq", "fp8", "compressed-tensors", "mxfp4"])
def test_plain_files_contradict_a_configuration_that_calls_them_quantized(method):
    groups = {"group_0": {"weights": {"num_bits": 8, "type": "int"}}}
    said = {"quant_method": method, "config_groups": groups}
    config = {**configs.LLAMA_8B, "quantization_config": said}
    (problem,) = shapes.from_config(
        config, parameter_counts={"BF16": LLAMA.parameter_count}
    ).contradictions
    assert "the files hold only BF16" in problem


def test_experts_that_are_missing_leave_a_token_less_to_pass_and_never_nothing():
    whole = shapes.from_config(configs.LLAMA_4_SCOUT)
    cut = shapes.from_config(configs.LLAMA_4_SCOUT, parameter_counts={"BF16": 1_000_000_000})
    assert cut.contradictions
    assert 0 < shapes.active_parameters(cut) < shapes.active_parameters(whole)


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        (configs.FALCON_7B, {"BF16": 7_217_189_760}),  # a copy of the embedding as head
        (configs.GPT2, {"F32": 137_022_720}),  # masks
        (configs.GEMMA_3_4B, {"BF16": 4_300_079_472}),
        (configs.GEMMA_3_4B, {"BF16": 3_880_263_168}),  # without its tower
        (configs.GPT_OSS_20B, {"BF16": 1_804_459_584, "U8": 10_192_158_720}),
        (configs.DEEPSEEK_V3, {"BF16": 3_918_786_560, "F8_E4M3": 680_571_043_840,
                               "F32": 41_555_600}),  # and a layer that drafts tokens
    ],
)  # fmt: skip
def test_what_files_hold_beside_the_model_is_no_contradiction(config, counts):
    shape = shapes.from_config(config, parameter_counts=counts)
    assert shape.contradictions == ()
    assert shape.parameter_count == shapes.from_config(config).parameter_count


@pytest.mark.parametrize(
    ("counts", "method"),
    [
        ({"F8_E4M3": LAYERS, "BF16": REST}, "fp8"),
        ({"I8": LAYERS, "BF16": REST}, "int8"),
        ({"I32": LAYERS // 8 + LAYERS // 1024, "F16": REST + LAYERS // 128}, "gptq"),
    ],
)
def test_quantized_weights_that_nothing_announces_are_found_and_said(counts, method):
    shape = shapes.from_config(configs.LLAMA_8B, parameter_counts=counts)
    assert shape.stored is not None
    assert shape.stored.method == method
    assert "does not say that the weights are quantized" in shape.doubts[0]


def test_the_files_tell_the_dtype_of_plain_weights():
    counts = {"F32": LLAMA.parameter_count}
    assert shapes.from_config(configs.LLAMA_8B, parameter_counts=counts).stored_dtype == "fp32"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"num_attention_heads": 33}, "33 attention heads do not divide hidden_size 4096"),
        ({"num_key_value_heads": 5}, "5 KV heads do not divide 32 attention heads"),
        (
            {"num_local_experts": 4, "num_experts_per_tok": 8},
            "a token goes to 8 experts of 4",
        ),
    ],
)
def test_a_configuration_may_contradict_itself(changed, words):
    assert words in shapes.from_config({**configs.LLAMA_8B, **changed}).contradictions


def test_a_family_never_seen_is_counted_with_a_doubt():
    shape = shapes.from_config({**configs.LLAMA_8B, "model_type": "foo"})
    assert shape.parameter_count == LLAMA.parameter_count
    assert shape.doubts == ("family foo is not known: counted as a Llama-like model",)


@pytest.mark.parametrize("is_gated", [True, False])
@pytest.mark.parametrize("is_tied", [True, False])
def test_weight_files_tell_how_a_family_never_seen_is_built(is_gated, is_tied):
    parts = shapes.matrices(LLAMA)
    held = parts.total - (0 if is_gated else parts.dense_mlp // 3)
    held -= parts.output_embedding if is_tied else 0
    config = {**configs.LLAMA_8B, "model_type": "foo"}
    del config["tie_word_embeddings"]
    shape = shapes.from_config(config, parameter_counts={"BF16": held})
    assert (shape.has_gated_mlp, shape.has_tied_embeddings) == (is_gated, is_tied)
    assert shape.parameter_count == held
    assert shape.contradictions == ()


def test_what_a_family_never_seen_hides_is_doubted_rather_than_called_a_contradiction():
    config = {**configs.LLAMA_8B, "model_type": "foo"}
    shape = shapes.from_config(config, parameter_counts={"BF16": 2 * LLAMA.parameter_count})
    assert shape.contradictions == ()
    assert "the weight files hold 16.06 billion" in shape.doubts[1]
    assert shapes.matrices(shape).unexplained == LLAMA.parameter_count


def test_numbers_that_a_class_fills_in_are_said():
    config = dict(configs.LLAMA_8B)
    del config["intermediate_size"], config["vocab_size"]
    said = shapes.from_config(config).doubts[0]
    assert said.endswith("by default: vocab_size 32000, intermediate_size 11008")


def test_layers_of_another_kind_are_doubted():
    config = {**configs.LLAMA_8B, "model_type": "jamba", "mamba_d_state": 16}
    assert any("not all attention" in doubt for doubt in shapes.from_config(config).doubts)


def test_a_tower_never_seen_is_estimated():
    config = {**configs.LLAVA_7B, "model_type": "foo_vl"}
    shape = shapes.from_config(config)
    exact = shapes.from_config(configs.LLAVA_7B).vision_parameters
    assert shape.vision_parameters == pytest.approx(exact, rel=0.02)
    assert any("vision tower is estimated" in doubt for doubt in shape.doubts)


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({}, "hidden_size, num_hidden_layers, num_attention_heads, vocab_size"),
        ({"model_type": "llama"}, "hidden_size, num_hidden_layers"),
        ({"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}, "vocab_size"),
        (
            {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 9},
            "intermediate_size",
        ),
    ],
)
def test_what_cannot_be_derived_is_said_to_be_missing(config, missing):
    with pytest.raises(InputError, match=f"lacks {missing}"):
        shapes.from_config(config)


def test_a_configuration_of_no_possible_model_is_refused():
    config = {**configs.LLAMA_8B, "hidden_size": 2**39, "num_attention_heads": 2**20}
    with pytest.raises(InputError, match="which no model has"):
        shapes.from_config(config)
