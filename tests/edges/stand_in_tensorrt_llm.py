"""What a native build calls of tensorrt-llm, standing in for it where there is no GPU.

The test makes it a package of that name. It takes what the LLM API of 0.21 takes, writes a small
engine in the layout of that version, and notes what it was given in calls.json beside it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Any


class QuantAlgo(StrEnum):
    """As strenum of the library: made from its value."""

    FP8 = "FP8"
    W4A16_AWQ = "W4A16_AWQ"


class _Fields:
    """A configuration that is known by its fields; unknown ones are refused."""

    names: tuple[str, ...] = ()

    def __init__(self, **fields: Any) -> None:
        unknown = set(fields) - set(self.names)
        if unknown:
            raise TypeError(f"unexpected keyword arguments {sorted(unknown)}")
        self.fields = fields


class QuantConfig(_Fields):
    names: tuple[str, ...] = (
        "quant_algo",
        "kv_cache_quant_algo",
        "group_size",
        "smoothquant_val",
        "clamp_val",
    )
    names += ("use_meta_recipe", "has_zero_point", "pre_quant_scales", "exclude_modules")


class CalibConfig(_Fields):
    names: tuple[str, ...] = ("device", "calib_dataset", "calib_batches", "calib_batch_size")
    names += ("calib_max_seq_length", "random_seed", "tokenizer_max_seq_length")


class PluginConfig:
    def __init__(self, gemm_plugin: str | None) -> None:
        self.fields: dict[str, Any] = {"gemm_plugin": gemm_plugin}
        self.is_validated = False

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "manage_weights":
            self.fields[name] = value

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> PluginConfig:
        return cls(arguments.gemm_plugin)

    def validate(self) -> None:
        self.is_validated = True


class SpeculativeDecodingMode:
    @staticmethod
    def from_arguments(arguments: argparse.Namespace) -> str:
        return arguments.speculative_decoding_mode or "none"


class BuildConfig:
    def __init__(self, fields: dict[str, Any], plugins: PluginConfig) -> None:
        assert plugins.is_validated
        self.fields = {**fields, "plugin_config": plugins.fields}

    @classmethod
    def from_dict(cls, fields: dict[str, Any], plugin_config: PluginConfig) -> BuildConfig:
        return cls(fields, plugin_config)

    def update_from_dict(self, fields: dict[str, Any]) -> None:
        self.fields.update(fields)


def infer_cluster_config() -> dict[str, Any]:
    return {"cluster_key": "L4"}


def parse_arguments() -> argparse.ArgumentParser:
    """The parser of trtllm-build, as far as tests give it something to read."""
    parser = argparse.ArgumentParser()
    for name, default in (
        ("max_batch_size", 2048),
        ("max_input_len", 1024),
        ("max_seq_len", None),
        ("max_beam_width", 1),
        ("max_num_tokens", 8192),
        ("opt_num_tokens", None),
        ("max_encoder_input_len", 1024),
        ("max_prompt_embedding_table_size", 0),
        ("max_draft_len", 0),
        ("auto_parallel", 1),
        ("gpus_per_node", 8),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in (
        "weight_sparsity",
        "weight_streaming",
        "fast_build",
        "enable_debug_output",
        "dry_run",
        "monitor_memory",
        "gather_context_logits",
        "gather_generation_logits",
        "gather_all_token_logits",
    ):
        parser.add_argument(f"--{name}", action="store_true")
    for name in (
        "build_config",
        "input_timing_cache",
        "visualize_network",
        "speculative_decoding_mode",
        "cluster_key",
        "gemm_plugin",
    ):
        parser.add_argument(f"--{name}")
    parser.add_argument("--profiling_verbosity", default="layer_names_only")
    parser.add_argument("--multiple_profiles", default="disable")
    parser.add_argument("--kv_cache_type", default=argparse.SUPPRESS)
    return parser


class LLM:
    def __init__(
        self,
        model: str,
        build_config: BuildConfig,
        tensor_parallel_size: int,
        pipeline_parallel_size: int,
        quant_config: QuantConfig | None,
        calib_config: CalibConfig | None,
        **others: Any,
    ) -> None:
        self._model = Path(model)
        self._ranks = tensor_parallel_size * pipeline_parallel_size
        self._calls = {
            "model": model,
            "build_config": build_config.fields,
            "tensor_parallel_size": tensor_parallel_size,
            "pipeline_parallel_size": pipeline_parallel_size,
            "quant_config": quant_config and quant_config.fields,
            "calib_config": calib_config and calib_config.fields,
            "others": others,
        }

    def save(self, folder: str) -> None:
        target = Path(folder)
        target.mkdir(exist_ok=True, parents=True)
        mapping = {"world_size": self._ranks, "tp_size": self._ranks, "pp_size": 1}
        config = {
            "version": "0.21.0rc1",
            "pretrained_config": {"mapping": mapping},
            "build_config": self._calls["build_config"],
        }
        (target / "config.json").write_text(json.dumps(config))
        (target / "calls.json").write_text(json.dumps(self._calls))
        for rank in range(self._ranks):
            (target / f"rank{rank}.engine").write_text(f"engine {rank}")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(self._model / name, target / name)
