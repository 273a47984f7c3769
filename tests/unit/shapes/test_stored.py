"""How checkpoints that are quantized already are stored."""

from __future__ import annotations

from typing import Any

import pytest

from lmi_deployer import shapes
from lmi_deployer.model_shape import StoredFormat
from lmi_deployer.shapes.stored import completed
from tests.unit.shapes.configs import DEEPSEEK_V3, GPT_OSS_20B, LLAMA_8B


def stored(section: dict[str, Any]) -> StoredFormat | None:
    return shapes.from_config({**LLAMA_8B, "quantization_config": section}).stored


PACKED = {"config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int",
                                                    "group_size": 128}}}}  # fmt: skip
FLOATS = {"config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
          "kv_cache_scheme": {"num_bits": 8, "type": "float"}}  # fmt: skip
WHOLE = {"config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}}}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": True},
            StoredFormat(method="gptq", bits=4, group_size=128, has_act_order=True),
        ),
        (
            {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": False},
            StoredFormat(method="gptq", bits=8),
        ),
        (
            {"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemm"},
            StoredFormat(method="awq", bits=4, group_size=64),
        ),
        (
            {"quant_method": "fp8", "activation_scheme": "static"},
            StoredFormat(method="fp8", bits=8),
        ),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            StoredFormat(method="bitsandbytes4", bits=4),
        ),
        ({"load_in_8bit": True}, StoredFormat(method="bitsandbytes8", bits=8)),
        (
            {"quant_method": "compressed-tensors", **PACKED},
            StoredFormat(method="int4", bits=4, group_size=128),
        ),
        (
            {"quant_method": "compressed-tensors", **FLOATS},
            StoredFormat(method="fp8", bits=8, kv_cache_dtype="fp8"),
        ),
        ({"quant_method": "compressed-tensors", **WHOLE}, StoredFormat(method="int8", bits=8)),
        (
            {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
            StoredFormat(method="fp8", bits=8, kv_cache_dtype="fp8"),
        ),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4"},
            StoredFormat(method="nvfp4", bits=4, group_size=16),
        ),
        ({"quant_method": "fbgemm_fp8"}, StoredFormat(method="fp8", bits=8)),
    ],
)
def test_each_method_says_its_bits_and_groups(section, expected):
    assert stored(section) == expected


def test_fp8_in_blocks_shares_a_scale_over_a_block():
    assert shapes.from_config(DEEPSEEK_V3).stored == StoredFormat(
        method="fp8", bits=8, group_size=128 * 128
    )


def test_gpt_oss_quantizes_its_experts_only():
    found = shapes.from_config(GPT_OSS_20B).stored
    assert found is not None
    assert (found.method, found.group_size, found.covers_experts_only) == ("mxfp4", 32, True)


BESIDE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("quantize_config.json", {"bits": 8, "group_size": -1, "desc_act": False, "damp_percent": 0.1},
     {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": False}),
    ("quant_config.json", {"zero_point": True, "q_group_size": 128, "w_bit": 4},
     {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}),
    ("hf_quant_config.json",
     {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}},
     {"quant_method": "modelopt", "quant_algo": "FP8"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "expected"), BESIDE, ids=[row[0] for row in BESIDE])
@pytest.mark.parametrize("config", [{}, {"quantization_config": None}], ids=["left out", "null"])
def test_a_file_of_other_tools_says_it_where_the_configuration_does_not(
    config, name, said, expected
):
    found = completed({**LLAMA_8B, **config}, {name}, lambda _name: said)
    assert found == {**LLAMA_8B, "quantization_config": expected}
    shape = shapes.from_config(found)
    assert shape.stored is not None


def test_what_the_configuration_says_itself_goes_before_any_file_beside_it():
    config = {**LLAMA_8B, "quantization_config": {"quant_method": "awq", "bits": 4}}
    assert completed(config, {"quantize_config.json"}, lambda _name: {"bits": 8}) == config
    assert completed(LLAMA_8B, {"other.json"}, lambda _name: {"bits": 8}) == LLAMA_8B


def test_a_method_that_nobody_described_is_doubted():
    shape = shapes.from_config({**LLAMA_8B, "quantization_config": {"quant_method": "qqq"}})
    assert shape.stored == StoredFormat(method="qqq", bits=8)
    assert "how qqq stores weights is not known" in shape.doubts[0]


def test_plain_weights_are_not_stored_in_any_format():
    assert shapes.from_config(LLAMA_8B).stored is None
