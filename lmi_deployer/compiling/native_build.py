"""Builds an engine with the tensorrt-llm of this machine, as LMI 0.33.0 does inside its image.

A program of its own: it stands where the image has /opt/djl/partition/trt_llm_partition.py, takes
the same arguments, reads serving.properties in the same way, and makes the same calls of the LLM
API, so that the engine is the same. It imports nothing of lmi_deployer.

Source: djl-serving@0.33.0-dlc:serving/docker/partition/{trt_llm_partition,utils}.py,
TensorRT-LLM@v0.21.0rc1:tensorrt_llm/commands/build.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PROPERTIES_FILE = "serving.properties"
PREFIX = "option."


def _algorithm(text: str) -> Any:
    from tensorrt_llm.llmapi import QuantAlgo  # type: ignore[import-not-found]

    return QuantAlgo(text.upper())


def _flag(text: str) -> bool:
    return text.lower() == "true"


QUANTIZATION: Mapping[str, Callable[[str], Any]] = {
    "quant_algo": _algorithm,
    "kv_cache_quant_algo": _algorithm,
    "group_size": int,
    "smoothquant_val": float,
    "clamp_val": json.loads,
    "use_meta_recipe": _flag,
    "has_zero_point": _flag,
    "pre_quant_scales": _flag,
    "exclude_modules": json.loads,
}
"""Options that become fields of QuantConfig, and how their text is read."""
CALIBRATION: Mapping[str, Callable[[str], Any]] = {
    "device": str,
    "calib_dataset": str,
    "calib_batches": int,
    "calib_batch_size": int,
    "calib_max_seq_length": int,
    "random_seed": int,
    "tokenizer_max_seq_length": int,
}
"""Options that become fields of CalibConfig."""
LLM_ARGUMENTS: Mapping[str, Callable[[str], Any]] = {
    "dtype": str,
    "revision": str,
    "trust_remote_code": str,
}
"""Options that are arguments of LLM, which turns texts into what it needs."""
BUILD_FIELDS = (
    "max_input_len",
    "max_seq_len",
    "max_batch_size",
    "max_beam_width",
    "max_num_tokens",
    "opt_num_tokens",
    "max_prompt_embedding_table_size",
    "max_encoder_input_len",
    "max_draft_len",
    "gather_context_logits",
    "gather_generation_logits",
    "weight_sparsity",
    "weight_streaming",
    "profiling_verbosity",
    "enable_debug_output",
    "input_timing_cache",
    "dry_run",
    "visualize_network",
    "monitor_memory",
)
"""Fields of BuildConfig that are taken as trtllm-build's own parser reads them."""
KEY_VALUE_SHARING = {
    "sharded_io_allowlist": [r"past_key_value_\d+", r"present_key_value_\d*"],
    "same_buffer_io": {r"past_key_value_(\d+)": r"present_key_value_\1"},
}
"""What trtllm-build tells the automatic partitioning of the names of KV-cache tensors."""


def read_properties(folder: Path) -> dict[str, str]:
    """The options in serving.properties, without their prefix.

    The image's script takes variables OPTION_* for what the file leaves out; the entry point keeps
    those from every script. A missing file stops it here, where the image's builds for hours first.
    """
    options = {}
    for line in (folder / PROPERTIES_FILE).read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        key, equals, value = line.strip().partition("=")
        if not equals:
            raise SystemExit(f"{PROPERTIES_FILE}: {line!r} has no '='")
        options[key.strip().removeprefix(PREFIX)] = value.strip()
    return options


def taken(options: dict[str, str], fields: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The options of these names, read, and gone from `options`."""
    names = [name for name in fields if name in options]
    return {name: fields[name](options.pop(name)) for name in names}


def build_arguments(options: Mapping[str, str]) -> Any:
    """The options as trtllm-build's own parser reads them; what it does not know is named."""
    from tensorrt_llm.commands.build import parse_arguments  # type: ignore[import-not-found]

    words = dict(options)
    if "max_rolling_batch_size" in words:
        words["max_batch_size"] = words["max_rolling_batch_size"]
    line = [word for name, value in words.items() for word in (f"--{name}", value)]
    arguments, unknown = parse_arguments().parse_known_args(args=line)
    _say(f"not for the build: {' '.join(unknown)}")
    if arguments.gather_all_token_logits:
        arguments.gather_context_logits = arguments.gather_generation_logits = True
    if arguments.gather_context_logits and arguments.max_draft_len > 0:
        raise SystemExit("gather_context_logits cannot be combined with max_draft_len")
    if arguments.multiple_profiles == "enable" and arguments.opt_num_tokens is not None:
        raise SystemExit("multiple_profiles cannot be combined with opt_num_tokens")
    return arguments


def build_config(options: Mapping[str, str], timing_cache: Path) -> Any:
    """The BuildConfig that trtllm-build would make of the options."""
    from tensorrt_llm.llmapi import BuildConfig
    from tensorrt_llm.models.modeling_utils import SpeculativeDecodingMode  # type: ignore[import-not-found]
    from tensorrt_llm.plugin import PluginConfig  # type: ignore[import-not-found]

    arguments = build_arguments(options)
    plugins = PluginConfig.from_arguments(arguments)
    plugins.validate()
    if arguments.fast_build:
        plugins.manage_weights = True
    if arguments.build_config is not None:
        return BuildConfig.from_json_file(arguments.build_config, plugin_config=plugins)
    config = BuildConfig.from_dict(
        {
            **{name: getattr(arguments, name) for name in BUILD_FIELDS},
            "strongly_typed": True,
            "force_num_profiles": os.environ.get("BUILDER_FORCE_NUM_PROFILES"),
            "speculative_decoding_mode": SpeculativeDecodingMode.from_arguments(arguments),
            "output_timing_cache": str(timing_cache),
            "auto_parallel_config": {
                "world_size": arguments.auto_parallel,
                "gpus_per_node": arguments.gpus_per_node,
                **KEY_VALUE_SHARING,
                **_cluster(arguments.cluster_key),
            },
        },
        plugin_config=plugins,
    )
    if hasattr(arguments, "kv_cache_type"):  # the parser leaves it out where it is not given
        config.update_from_dict({"kv_cache_type": arguments.kv_cache_type})
    return config


def _cluster(key: str | None) -> Mapping[str, Any]:
    from tensorrt_llm.auto_parallel import infer_cluster_config  # type: ignore[import-not-found]

    return {"cluster_key": key} if key is not None else infer_cluster_config()


def build(arguments: argparse.Namespace) -> None:
    """Build the engine, and save it with its tokenizer.

    The image's script puts serving.properties beside it, which the entry point takes away again.
    """
    from tensorrt_llm.llmapi import LLM, CalibConfig, QuantConfig

    options = read_properties(arguments.properties_dir)
    quantization = taken(options, QUANTIZATION)
    calibration = taken(options, CALIBRATION)
    given = taken(options, LLM_ARGUMENTS)
    with tempfile.TemporaryDirectory() as work:
        model = LLM(
            model=arguments.model_path,
            build_config=build_config(options, Path(work) / "model.cache"),
            tensor_parallel_size=arguments.tensor_parallel_degree,
            pipeline_parallel_size=arguments.pipeline_parallel_degree,
            quant_config=QuantConfig(**quantization) if quantization else None,
            calib_config=CalibConfig(**calibration) if calibration else None,
            **given,
        )
        model.save(str(arguments.trt_llm_model_repo))
    _say(f"the engine is in {arguments.trt_llm_model_repo}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> None:
    """Take the arguments of the image's script, and build."""
    parser = argparse.ArgumentParser(description="Build a TensorRT-LLM engine.")
    parser.add_argument("--properties_dir", type=Path, required=True)
    parser.add_argument("--trt_llm_model_repo", type=Path, required=True)
    parser.add_argument("--model_path", default=None)
    parser.add_argument("--tensor_parallel_degree", type=int, required=True)
    parser.add_argument("--pipeline_parallel_degree", type=int, required=True)
    build(parser.parse_args(argv))


if __name__ == "__main__":  # workers of the LLM API import this file again
    main()
