"""Whatever a config.json holds, the answer is a shape or an InputError, and soon."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import shapes
from lmi_deployer.errors import InputError
from lmi_deployer.shapes.families import FAMILIES
from lmi_deployer.shapes.reading import NAMES
from tests.unit.shapes import configs

NUMBERS = st.sampled_from(
    [0, 1, 2, 3, 7, -1, 128, 2**31, 2**39, 2**63, 10**400, 1.5, math.nan, math.inf, -math.inf]
)
JUNK: Any = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
KEYS = st.sampled_from(
    sorted(
        {name for names in NAMES.values() for name in names}
        | {"kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "q_lora_rank",
           "expansion_ratio", "moe_layer_freq", "first_k_dense_replace", "decoder_sparse_step",
           "mlp_only_layers", "moe_layers", "layer_types", "rope_scaling", "sliding_window_pattern",
           "max_window_layers", "use_sliding_window", "vision_config", "text_config",
           "quantization_config", "attn_config", "tie_word_embeddings", "torch_dtype",
           "num_nextn_predict_layers", "interleave_moe_layer_step", "is_encoder_decoder"}
    )
)  # fmt: skip
TYPES = st.sampled_from([*FAMILIES, "foo", "", 5])
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "vision_config": st.dictionaries(
            st.sampled_from(["hidden_size", "depth", "patch_size", "image_size", "model_type",
                             "num_hidden_layers", "mlp_ratio", "intermediate_size"]), JUNK,
        ),
        "quantization_config": st.dictionaries(
            st.sampled_from(["quant_method", "bits", "group_size", "weight_block_size",
                             "config_groups", "load_in_4bit"]),
            JUNK | st.sampled_from(["gptq", "fp8", "modelopt", "compressed-tensors"]),
        ),
        "rope_scaling": st.dictionaries(
            st.sampled_from(["type", "factor", "original_max_position_embeddings"]),
            JUNK | st.sampled_from(["yarn", "linear"]),
        ),
    },
)  # fmt: skip


@given(TYPES, st.dictionaries(KEYS, JUNK, max_size=8), SECTIONS,
       st.none() | st.dictionaries(st.sampled_from(["BF16", "I32", "U8", "X"]), JUNK))  # fmt: skip
def test_junk_in_a_configuration_never_crashes(model_type, junk, sections, counts):
    config = {**configs.LLAMA_8B, **junk, **sections, "model_type": model_type}
    try:
        shape = shapes.from_config(config, parameter_counts=counts)
    except InputError:
        return
    assert shape.parameter_count > 0
    assert shapes.matrices(shape).total == shape.parameter_count + shape.vision_parameters
    assert 0 < shapes.active_parameters(shape) <= shape.parameter_count
    assert shape.window is None or 0 < shape.window.layers <= shape.num_hidden_layers
