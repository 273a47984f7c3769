"""Settings that rules across fields speak of in some version, with the values worth combining."""

from __future__ import annotations

COMBINATIONS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "option.dtype": ("fp16", "bf16", "fp32", "int8", "auto", "FP16"),
        "option.quantize": (
            *("awq", "gptq", "bitsandbytes8", "bitsandbytes4", "smoothquant", "dynamic_int8"),
            *("static_int8", "no-such"),
        ),
    },
    {
        "option.rolling_batch": ("auto", "disable", "vllm", "lmi-dist", "scheduler", "trtllm"),
        "option.enable_streaming": ("true", "false", "huggingface"),
        "batch_size": ("1", "4"),
    },
    {
        "option.device_map": ("auto", "cpu"),
        "option.quantize": ("bitsandbytes4", "bitsandbytes8", "gptq"),
        "option.tensor_parallel_degree": ("-1", "0", "2", "8", "max"),
    },
    {
        "option.load_in_4bit": ("true", "false"),
        "option.load_in_8bit": ("true", "false"),
        "option.quantize": ("bitsandbytes4", "bitsandbytes8", "awq"),
        "option.device_map": ("auto",),
    },
    {
        "option.smoothquant_alpha": ("0.5", "1.5", "abc"),
        "option.quantize": ("smoothquant", "dynamic_int8"),
        "option.dtype": ("fp16", "bf16", "fp32"),
    },
    {"option.checkpoint": ("checkpoint.json",), "option.dtype": ("fp16", "bf16", "no-such")},
    {
        "option.enable_cuda_graph": ("true", "false"),
        "option.tensor_parallel_degree": ("1", "2", "4"),
    },
    {
        "option.enable_lora": ("true", "false"),
        "option.speculative_draft_model": ("draft",),
        "option.load_format": ("auto", "sagemaker_fast_model_loader"),
    },
    {
        "option.model_loader": ("tnx", "optimum", "vllm", "nxdi"),
        "option.partition_schema": ("legacy", "optimum", "safetensors", "compile_only"),
        "option.save_mp_checkpoint_path": ("/tmp/saved",),
    },
    {
        "option.model_loader": ("tnx", "optimum", "vllm"),
        "option.fuse_qkv": ("true", "false"),
        "option.on_device_embedding": ("true",),
        "option.load_in_8bit": ("true",),
        "option.quantize": ("static_int8",),
    },
    {
        "engine": ("Python", "MPI", "DeepSpeed"),
        "option.rolling_batch": (
            *("auto", "disable", "vllm", "lmi-dist", "scheduler", "trtllm", "deepspeed"),
        ),
        "option.tensor_parallel_degree": ("1", "4"),
    },
    {
        "engine": ("Python", "MPI"),
        "option.mpi_mode": ("true", "false", "True"),
        "option.rolling_batch": ("lmi-dist", "vllm", "trtllm", "auto"),
    },
    {
        "option.pipeline_parallel_degree": ("1", "2", "4", "0", "-1"),
        "option.tensor_parallel_degree": ("1", "2", "4", "max"),
        "option.rolling_batch": ("vllm", "lmi-dist", "disable", "auto"),
    },
    {
        "option.rolling_batch": ("auto", "disable", "tnx", "vllm"),
        "batch_size": ("1", "4"),
        "option.batch_size": ("1", "4"),
        "option.max_rolling_batch_size": ("1", "4", "16"),
    },
    {
        "option.use_v2_block_manager": ("true", "false"),
        "option.speculative_model": ("draft", "[ngram]"),
        "option.num_speculative_tokens": ("4",),
    },
    {
        "option.enable_auto_tool_choice": ("true", "false"),
        "option.tool_call_parser": ("hermes", "no-such"),
    },
    {
        "option.enable_reasoning": ("true", "false"),
        "option.reasoning_parser": ("deepseek_r1", "no-such"),
    },
    {
        "option.max_rolling_batch_size": ("32", "64"),
        "option.max_num_seqs": ("32", "64"),
        "option.tensor_parallel_size": ("2", "4"),
    },
    {"option.quantize": ("awq", "gptq"), "option.quantization": ("awq", "gptq")},
    {
        "option.max_rolling_batch_prefill_tokens": ("4096", "8192"),
        "option.max_num_batched_tokens": ("4096", "8192"),
    },
    {"option.cpu_offload_gb_per_gpu": ("1", "2"), "option.cpu_offload_gb": ("1", "2")},
    {
        "option.backend": ("pytorch", "tensorrt"),
        "option.use_cuda_graph": ("true", "no"),
        "option.kv_cache_dtype": ("auto", "fp8"),
    },
    {"option.dtype": ("fp16", "bf16"), "option.data_type": ("fp16", "bf16", "no-such")},
    {"option.quantize": ("smoothquant",), "quantize": ("awq",)},
)
