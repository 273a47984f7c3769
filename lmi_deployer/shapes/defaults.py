"""What a configuration class takes for a number that config.json leaves out.

The part that describes the language model of a multimodal one holds only what differs from its
class; a whole config.json leaves out what its class had no name for when it was written.
Source: src/transformers/models/*/configuration_*.py of transformers 4.57.
"""

from __future__ import annotations

from collections.abc import Mapping

_COLUMNS = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
            "num_attention_heads", "num_key_value_heads", "head_dim",
            "max_position_embeddings")  # fmt: skip
_ROWS: Mapping[str, tuple[int | None, ...]] = {
    "llama": (32000, 4096, 11008, 32, 32, None, None, 2048),
    "mistral": (32000, 4096, 14336, 32, 32, 8, None, 131072),
    "mixtral": (32000, 4096, 14336, 32, 32, 8, None, 131072),
    "qwen2": (151936, 4096, 22016, 32, 32, 32, None, 32768),
    "qwen2_moe": (151936, 2048, 5632, 24, 16, 16, None, 32768),
    "qwen2_vl": (152064, 8192, 29568, 80, 64, 8, None, 32768),
    "qwen2_vl_text": (152064, 8192, 29568, 80, 64, 8, None, 32768),
    "qwen2_5_vl": (152064, 8192, 29568, 80, 64, 8, None, 32768),
    "qwen2_5_vl_text": (152064, 8192, 29568, 80, 64, 8, None, 32768),
    "qwen3": (151936, 4096, 22016, 32, 32, 32, 128, 32768),
    "qwen3_moe": (151936, 2048, 6144, 24, 32, 4, None, 32768),
    "gemma": (256000, 3072, 24576, 28, 16, 16, 256, 8192),
    "gemma2": (256000, 2304, 9216, 26, 8, 4, 256, 8192),
    "gemma3_text": (262208, 2304, 9216, 26, 8, 4, 256, 131072),
    "phi3": (32064, 3072, 8192, 32, 32, None, None, 4096),
    "phimoe": (32064, 4096, 6400, 32, 32, 8, None, 131072),
    "starcoder2": (49152, 3072, 12288, 30, 24, 2, None, 4096),
    "falcon": (65024, 4544, None, 32, 71, None, None, 2048),
    "RefinedWeb": (None, None, None, None, None, None, None, 2048),
    "RefinedWebModel": (None, None, None, None, None, None, None, 2048),
    # Without a class's word, what vLLM takes (default_max_len).
    "bloom": (None, None, None, None, None, None, None, 2048),
    "gpt_oss": (201088, 2880, 2880, 36, 64, 8, 64, 131072),
    "llama4_text": (202048, 5120, 8192, 48, 40, 8, 128, 131072),
    "mllama_text_model": (128256, 4096, 14336, 40, 32, 8, None, 131072),
    "glm": (151552, 4096, 13696, 40, 32, 2, 128, 131072),
    "glm4": (151552, 4096, 13696, 40, 32, 2, 128, 131072),
    "deepseek_v3": (129280, 7168, 18432, 61, 128, 128, None, 4096),
    "seed_oss": (155136, 4096, 27648, 64, 80, 8, 128, 524288),
    "t5": (32128, 512, 2048, 6, 8, None, 64, None),
    "mt5": (250112, 512, 1024, 8, 6, None, 64, None),
    "umt5": (250112, 512, 1024, 8, 6, None, 64, None),
}
DEFAULTS: Mapping[str, Mapping[str, int]] = {
    model_type: {
        name: value for name, value in zip(_COLUMNS, row, strict=True) if value is not None
    }
    for model_type, row in _ROWS.items()
}
"""By model_type and our name of the number."""
TEXT_TYPES: Mapping[str, str] = {
    "gemma3": "gemma3_text",
    "llama4": "llama4_text",
    "llava": "llama",
    "llava_next": "llama",
    "mllama": "mllama_text_model",
    "mistral3": "mistral",
    "pixtral": "mistral",
    "qwen3_vl": "qwen3",
    "qwen3_vl_moe": "qwen3_moe",
}
"""By the model_type of a multimodal model: that of its language model, where no part says it."""
