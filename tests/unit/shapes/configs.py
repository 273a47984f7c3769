"""The parts that matter of published config.json files, with the published parameter counts."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

LLAMA_8B: Config = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "rope_scaling": {"factor": 8.0, "rope_type": "llama3",
                     "original_max_position_embeddings": 8192},
}  # fmt: skip
QWEN_7B: Config = {
    "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
    "vocab_size": 152064, "max_position_embeddings": 32768, "tie_word_embeddings": False,
    "sliding_window": 131072, "use_sliding_window": False, "torch_dtype": "bfloat16",
}  # fmt: skip
MISTRAL_7B: Config = {
    "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "vocab_size": 32000, "max_position_embeddings": 32768, "sliding_window": 4096,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
FALCON_7B: Config = {
    "model_type": "RefinedWebModel", "alibi": False, "bias": False, "hidden_size": 4544,
    "multi_query": True, "n_head": 71, "n_layer": 32, "parallel_attn": True,
    "vocab_size": 65024, "torch_dtype": "bfloat16",
}  # fmt: skip
GPT2: Config = {
    "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
    "n_positions": 1024, "vocab_size": 50257,
}  # fmt: skip
DEEPSEEK_V3: Config = {
    "model_type": "deepseek_v3", "first_k_dense_replace": 3, "hidden_size": 7168,
    "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840,
    "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_attention_heads": 128, "num_experts_per_tok": 8,
    "num_hidden_layers": 61, "num_key_value_heads": 128, "num_nextn_predict_layers": 1,
    "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                            "weight_block_size": [128, 128]},
    "rope_scaling": {"factor": 40, "original_max_position_embeddings": 4096, "type": "yarn"},
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": 129280,
}  # fmt: skip
GPT_OSS_20B: Config = {
    "model_type": "gpt_oss", "attention_bias": True, "experts_per_token": 4, "head_dim": 64,
    "hidden_act": "silu", "hidden_size": 2880, "intermediate_size": 2880,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "max_position_embeddings": 131072, "num_attention_heads": 64, "num_experts_per_tok": 4,
    "num_hidden_layers": 24, "num_key_value_heads": 8, "num_local_experts": 32,
    "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
    "rope_scaling": {"factor": 32.0, "original_max_position_embeddings": 4096,
                     "rope_type": "yarn"},
    "sliding_window": 128, "tie_word_embeddings": False, "vocab_size": 201088,
}  # fmt: skip
GEMMA_3_4B: Config = {
    "model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"],
    "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                    "num_hidden_layers": 34, "sliding_window": 1024,
                    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "vision_config": {"hidden_size": 1152, "image_size": 896, "intermediate_size": 4304,
                      "model_type": "siglip_vision_model", "num_attention_heads": 16,
                      "num_hidden_layers": 27, "patch_size": 14, "vision_use_head": False},
    "torch_dtype": "bfloat16",
}  # fmt: skip
LLAVA_7B: Config = {
    "model_type": "llava", "tie_word_embeddings": False,
    "text_config": {"model_type": "llama", "max_position_embeddings": 4096, "vocab_size": 32064,
                    "torch_dtype": "float16"},
    "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
                      "model_type": "clip_vision_model", "num_attention_heads": 16,
                      "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768,
                      "vocab_size": 32000},
}  # fmt: skip
QWEN2_VL_7B: Config = {
    **QWEN_7B, "model_type": "qwen2_vl",
    "vision_config": {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "in_chans": 3,
                      "mlp_ratio": 4, "num_heads": 16, "patch_size": 14, "spatial_merge_size": 2,
                      "temporal_patch_size": 2},
}  # fmt: skip
QWEN2_5_VL_7B: Config = {
    **QWEN_7B, "model_type": "qwen2_5_vl",
    "vision_config": {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420,
                      "num_heads": 16, "out_hidden_size": 3584, "patch_size": 14},
}  # fmt: skip
PIXTRAL_PARAMS: Config = {
    "dim": 5120, "n_layers": 40, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32,
    "n_kv_heads": 8, "vocab_size": 131072,
    "vision_encoder": {"hidden_size": 1024, "image_size": 1024, "patch_size": 16,
                       "intermediate_size": 4096, "num_hidden_layers": 24},
}  # fmt: skip
LLAMA_4_SCOUT: Config = {
    "model_type": "llama4",
    "text_config": {"model_type": "llama4_text", "attention_chunk_size": 8192, "head_dim": 128,
                    "hidden_size": 5120, "interleave_moe_layer_step": 1,
                    "intermediate_size": 8192, "intermediate_size_mlp": 16384,
                    "max_position_embeddings": 10485760, "num_attention_heads": 40,
                    "num_experts_per_tok": 1, "num_hidden_layers": 48, "num_key_value_heads": 8,
                    "num_local_experts": 16, "vocab_size": 202048},
    "vision_config": {"hidden_size": 1408, "image_size": 336, "intermediate_size": 5632,
                      "model_type": "llama4_vision_model", "num_hidden_layers": 34,
                      "patch_size": 14, "pixel_shuffle_ratio": 0.5, "projector_input_dim": 4096,
                      "projector_output_dim": 4096, "vision_output_dim": 4096},
}  # fmt: skip
LLAMA_3_2_VISION: Config = {
    "model_type": "mllama",
    "text_config": {"model_type": "mllama_text_model", "hidden_size": 4096,
                    "intermediate_size": 14336, "num_hidden_layers": 40,
                    "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38]},
    "vision_config": {"hidden_size": 1280, "image_size": 560, "intermediate_size": 5120,
                      "model_type": "mllama_vision_model", "num_global_layers": 8,
                      "num_hidden_layers": 32, "patch_size": 14, "vision_output_dim": 7680},
}  # fmt: skip
PUBLISHED: dict[str, tuple[Config, int]] = {
    "llama-3.1-8b": (LLAMA_8B, 8_030_261_248),
    "qwen2.5-7b": (QWEN_7B, 7_615_616_512),
    "mistral-7b": (MISTRAL_7B, 7_241_732_096),
    "falcon-7b": (FALCON_7B, 6_921_720_704),
    "gpt2": (GPT2, 124_439_808),
    "deepseek-v3": (DEEPSEEK_V3, 671_026_419_200),
    "gpt-oss-20b": (GPT_OSS_20B, 20_914_757_184),
    "gemma-3-4b": (GEMMA_3_4B, 4_300_079_472),
    "llava-1.5-7b": (LLAVA_7B, 7_063_427_072),
    "qwen2-vl-7b": (QWEN2_VL_7B, 8_291_375_616),
    "qwen2.5-vl-7b": (QWEN2_5_VL_7B, 8_292_166_656),
    "pixtral-12b": (PIXTRAL_PARAMS, 12_682_739_712),
    "llama-4-scout": (LLAMA_4_SCOUT, 108_641_793_536),
    "chatglm3-6b": (
        {"model_type": "chatglm", "add_bias_linear": False, "add_qkv_bias": True,
         "ffn_hidden_size": 13696, "hidden_size": 4096, "kv_channels": 128,
         "multi_query_attention": True, "multi_query_group_num": 2, "num_attention_heads": 32,
         "num_layers": 28, "padded_vocab_size": 65024, "seq_length": 8192,
         "tie_word_embeddings": False}, 6_243_584_000),
    "opt-350m": (
        {"model_type": "opt", "do_layer_norm_before": False, "ffn_dim": 4096,
         "hidden_size": 1024, "max_position_embeddings": 2048, "num_attention_heads": 16,
         "num_hidden_layers": 24, "vocab_size": 50272, "word_embed_proj_dim": 512}, 331_196_416),
    "gpt-neo-2.7b": (
        {"model_type": "gpt_neo", "hidden_size": 2560, "intermediate_size": None,
         "max_position_embeddings": 2048, "num_heads": 20, "num_layers": 32,
         "vocab_size": 50257}, 2_651_307_520),
    "bloom-3b": (
        {"model_type": "bloom", "n_layer": 30, "num_attention_heads": 32, "n_embed": 2560,
         "vocab_size": 250880}, 3_002_557_440),
    "pythia-2.8b": (
        {"model_type": "gpt_neox", "hidden_size": 2560, "intermediate_size": 10240,
         "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 32,
         "tie_word_embeddings": False, "vocab_size": 50304}, 2_775_208_960),
    "falcon-rw-1b": (
        {"model_type": "falcon", "alibi": True, "bias": True, "hidden_size": 2048,
         "multi_query": False, "new_decoder_architecture": False, "num_attention_heads": 32,
         "num_hidden_layers": 24, "parallel_attn": False, "vocab_size": 50304}, 1_311_625_216),
    "falcon-40b-with-a-tied-head": (
        {"model_type": "RefinedWeb", "bias": False, "hidden_size": 8192, "n_head": 128,
         "n_head_kv": 8, "n_layer": 60, "parallel_attn": True, "vocab_size": 65024},
        41_303_293_952),
    "t5-large": (
        {"model_type": "t5", "d_ff": 4096, "d_kv": 64, "d_model": 1024, "n_positions": 512,
         "is_encoder_decoder": True, "num_heads": 16, "num_layers": 24, "vocab_size": 32128},
        737_668_096),
    "flan-t5-base": (
        {"model_type": "t5", "d_ff": 2048, "d_kv": 64, "d_model": 768, "num_decoder_layers": 12,
         "feed_forward_proj": "gated-gelu", "num_heads": 12, "num_layers": 12,
         "tie_word_embeddings": False, "vocab_size": 32128}, 247_577_856),
    "stablelm-2-1.6b": (
        {"model_type": "stablelm", "hidden_size": 2048, "intermediate_size": 5632,
         "num_attention_heads": 32, "num_hidden_layers": 24, "num_key_value_heads": 32,
         "tie_word_embeddings": False, "use_qkv_bias": True, "vocab_size": 100352},
        1_644_515_328),
    "command-r": (
        {"model_type": "cohere", "hidden_size": 8192, "intermediate_size": 22528,
         "num_attention_heads": 64, "num_hidden_layers": 40, "num_key_value_heads": 64,
         "use_qk_norm": False, "vocab_size": 256000}, 34_980_831_232),
    "qwen1.5-moe": (
        {"model_type": "qwen2_moe", "decoder_sparse_step": 1, "hidden_size": 2048,
         "intermediate_size": 5632, "moe_intermediate_size": 1408, "num_attention_heads": 16,
         "num_experts": 60, "num_experts_per_tok": 4, "num_hidden_layers": 24,
         "num_key_value_heads": 16, "shared_expert_intermediate_size": 5632,
         "tie_word_embeddings": False, "vocab_size": 151936}, 14_315_784_192),
    "deepseek-moe-16b": (
        {"model_type": "deepseek", "first_k_dense_replace": 1, "hidden_size": 2048,
         "intermediate_size": 10944, "moe_intermediate_size": 1408, "moe_layer_freq": 1,
         "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 16,
         "num_experts_per_tok": 6, "num_hidden_layers": 28, "num_key_value_heads": 16,
         "tie_word_embeddings": False, "vocab_size": 102400}, 16_375_728_128),
    "dbrx": (
        {"model_type": "dbrx", "attn_config": {"clip_qkv": 8, "kv_n_heads": 8}, "d_model": 6144,
         "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
         "max_seq_len": 32768, "n_heads": 48, "n_layers": 40, "tie_word_embeddings": False,
         "vocab_size": 100352}, 131_596_523_520),
    "phi-3.5-moe": (
        {"model_type": "phimoe", "attention_bias": True, "hidden_size": 4096,
         "intermediate_size": 6400, "lm_head_bias": True, "num_attention_heads": 32,
         "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8,
         "num_local_experts": 16, "tie_word_embeddings": False, "vocab_size": 32064},
        41_873_153_344),
    "mpt-7b": (
        {"model_type": "mpt", "attn_config": {"alibi": True}, "d_model": 4096,
         "expansion_ratio": 4, "max_seq_len": 2048, "n_heads": 32, "n_layers": 32,
         "no_bias": True, "vocab_size": 50432}, 6_649_286_656),
    "qwen-7b": (
        {"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016,
         "kv_channels": 128, "no_bias": True, "num_attention_heads": 32,
         "num_hidden_layers": 32, "seq_length": 8192, "tie_word_embeddings": False,
         "vocab_size": 151936}, 7_721_324_544),
    "starcoder": (
        {"model_type": "gpt_bigcode", "multi_query": True, "n_embd": 6144, "n_head": 48,
         "n_inner": 24576, "n_layer": 40, "n_positions": 8192, "vocab_size": 49152},
        15_517_456_384),
    "phi-1.5": (
        {"model_type": "phi", "hidden_size": 2048, "intermediate_size": 8192,
         "num_attention_heads": 32, "num_hidden_layers": 24, "tie_word_embeddings": False,
         "vocab_size": 51200}, 1_418_270_720),
    "olmo-7b": (
        {"model_type": "olmo", "hidden_size": 4096, "intermediate_size": 11008,
         "num_attention_heads": 32, "num_hidden_layers": 32, "tie_word_embeddings": False,
         "vocab_size": 50304}, 6_888_095_744),
    "mixtral-params.json": (
        {"dim": 4096, "n_layers": 32, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32,
         "n_kv_heads": 8, "vocab_size": 32000,
         "moe": {"num_experts_per_tok": 2, "num_experts": 8}}, 46_702_792_704),
}  # fmt: skip
"""Name: (configuration, parameters that the publisher or the hub counts, vision tower included)."""
