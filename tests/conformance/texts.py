"""Texts to try as values: of each kind of field, of some fields by name, and odd keys."""

from __future__ import annotations

GOOD: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false", "True", "FALSE", "yes", "off", "1", "0"),
    "int": ("1", "8", "64", "+4"),
    "float": ("0.5", "1", ".5", "1e-1"),
    "text": ("abc", "ABC", "a b"),
    "list": ("128,256", "128", "[1.0, 2.0]", "0.5"),
    "other": ("abc", "image=1,audio=2", "{'a': 1}"),
}
BAD: dict[str, tuple[str, ...]] = {
    "bool": ("", "abc", "2", "1.0", " true"),
    "int": (
        "",
        "abc",
        "0",
        "-1",
        "99999999999",
        "2.5",
        "2.0",
        " 8",
        "8 ",
        "1_000",
        "\u0661",  # ARABIC-INDIC DIGIT ONE, which Java and Python both read as 1
        "1e3",
        "true",
        "None",
        "max",
        "auto",
    ),
    "float": (
        "",
        "abc",
        "-0.5",
        "0",
        "1.5",
        "nan",
        "inf",
        " 0.5",
        "0.5 ",
        "1_0.5",
        "\u0661",
        "True",
    ),
    "text": ("", " ", "None"),
    "list": ("", "a,b", "128, 256", "[128", "(1, 2)", "abc"),
    "other": ("", "image", "image=a", "image=1,image=2", "[1]", "1"),
}

# Texts with a meaning, by field: what some version allows, and what its neighbours do.
WORDS: dict[str, tuple[str, ...]] = {
    "dtype": (
        *("auto", "fp16", "bf16", "fp32", "float16", "bfloat16", "float32", "int8", "half"),
        *("FP16", "BF16", "Float16", "no-such"),
    ),
    "data_type": ("fp16", "no-such"),
    "quantize": (
        *("awq", "gptq", "squeezellm", "bitsandbytes", "bitsandbytes4", "bitsandbytes8"),
        *("smoothquant", "dynamic_int8", "static_int8", "fp8", "deepspeedfp", "marlin", "AWQ"),
        *("gptq_marlin", "awq_marlin", "fbgemm_fp8", "no-such"),
    ),
    "rolling_batch": (
        *("auto", "disable", "vllm", "lmi-dist", "scheduler", "trtllm", "deepspeed", "tnx"),
        *("neuronx", "AUTO", "VLLM", "lmi_dist", "no-such"),
    ),
    "enable_streaming": ("true", "false", "huggingface", "True", "HuggingFace", "yes"),
    "task": ("text-generation", "generate", "text-embedding", "auto", "fill-mask", "no-such"),
    "device": ("cuda", "auto", "neuron", "cpu", "0"),
    "device_map": ("auto", "balanced", "cpu"),
    "engine": ("Python", "MPI", "DeepSpeed", "python", "mpi"),
    "mpi_mode": ("true", "false", "True", "1"),
    "tokenizer_mode": ("auto", "slow", "mistral"),
    "load_format": ("auto", "safetensors", "sagemaker_fast_model_loader"),
    "group_query_attention": ("shard-over-heads", "shard_over_heads", "replicated-heads"),
    "smoothquant_alpha": ("0", "0.5", "1", "1.1", "-0.1"),
    "backend": ("pytorch", "tensorrt"),
    "stop_sequence": ("[\"a\", 'b']", "a,b", ""),
    "output_formatter": ("json", "jsonlines", "custom"),
    "tool_call_parser": ("hermes", "no-such"),
    "reasoning_parser": ("deepseek_r1", "no-such"),
}

# Keys that some handler reads without declaring them, and the kind of their values.
UNDECLARED: dict[str, str] = {
    "max_rolling_batch_prefill_tokens": "int",
    "paged_attention": "bool",
    "decoding_strategy": "text",
    "multi_gpu": "text",
    "stop_sequence": "text",
    "sessions_expiration": "int",
    "enable_block_reuse": "bool",
    "free_gpu_memory_fraction": "float",
    "kv_cache_free_gpu_mem_fraction": "float",
    "max_tokens": "int",
    "max_attention_window": "list",
    "sink_token_length": "int",
    "use_cuda_graph": "bool",
    "kv_cache_dtype": "text",
    "max_num_seqs": "int",
    "tensor_parallel_size": "int",
    "pipeline_parallel_size": "int",
}
MISSPELT = (
    "option.tensor_paralel_degree",
    "option.Quantize",
    "option.max-model-len",
    "option.quantise",
    "option.rolling-batch",
    "option.load_in_8_bit",
    "option.model_Id",
    "option.",
    "OPTION_QUANTIZE",
    "quantize",
    "tensor_parallel_degree",
    "max_rolling_batch_size",
    "dtype",
)
SERVER_SETTINGS: dict[str, tuple[str, ...]] = {
    "batch_size": ("1", "4", "0", "-1", "abc", "", "8 ", "2.0", "\u0661"),
    "option.batch_size": ("1", "4", "0", "abc", "", "8 "),
    "max_batch_delay": ("100",),
    "job_queue_size": ("1000",),
    "minWorkers": ("1",),
    "maxWorkers": ("1",),
    "option.model_loading_timeout": ("1200",),
    "option.predict_timeout": ("240",),
    "option.parallel_loading": ("true",),
    "option.mpi_mode": ("true", "false"),
}
