"""The few libraries whose answers the server's checks depend on, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.conformance.inside import stand_ins
from tests.conformance.inside.stand_ins import StandIn, make_module

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}
"""The config.json that every case is judged with: Llama 2 7B."""


class Dtype:
    """torch.dtype: a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


class Cuda(StandIn):
    """torch.cuda of a machine with Ampere GPUs; `gpus` is set anew for each case."""

    gpus = 0

    @classmethod
    def device_count(cls) -> int:
        return cls.gpus

    @classmethod
    def is_available(cls) -> bool:
        return cls.gpus > 0

    @classmethod
    def is_bf16_supported(cls) -> bool:
        return True

    @classmethod
    def get_device_capability(cls, *_: object) -> tuple[int, int]:
        return (8, 0)


class ModelConfig:
    """transformers.PretrainedConfig of the model that every case is judged with."""

    def __init__(self) -> None:
        self.__dict__.update(LLAMA)

    @classmethod
    def from_pretrained(cls, *_: object, **__: object) -> ModelConfig:
        return cls()

    def to_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


class PeftConfig(ModelConfig):
    """peft.PeftConfig of an adapter for the same model."""

    task_type = "CAUSAL_LM"
    base_model_name_or_path = "model"


class Parser:
    """argparse's part in vLLM: it takes every argument; vLLM's own checks are out of scope."""

    def __init__(self, *_: object, **__: object) -> None:
        self._actions: list[object] = []

    def parse_args(self, args: Sequence[str]) -> list[str]:
        return list(args)


class _EveryName(dict[str, Any]):
    """Annotations of a class that seems to have a field of every name."""

    def __contains__(self, _: object) -> bool:
        return True


def engine_args_class(fields: Sequence[str] | None) -> type:
    """vllm.EngineArgs with these fields, or with every one; it takes any keyword."""

    class EngineArgs:
        quantization = None
        max_num_batched_tokens = None
        cpu_offload_gb = 0
        served_model_name = None
        tokenizer_mode = "auto"
        model = "model"

        def __init__(self, **values: object) -> None:
            self.__dict__.update(values)

        @staticmethod
        def add_cli_args(parser: Parser) -> Parser:
            return parser

        @classmethod
        def from_cli_args(cls, _: object) -> EngineArgs:
            return cls()

    EngineArgs.__annotations__ = _EveryName() if fields is None else dict.fromkeys(fields, Any)
    return EngineArgs


class Parsers:
    """vLLM's registers of tool and reasoning parsers, with a few names of each."""

    tool_parsers = dict.fromkeys(("hermes", "llama3_json", "mistral", "jamba"), StandIn)
    reasoning_parsers = dict.fromkeys(("deepseek_r1", "granite"), StandIn)


class ToolParserManager:
    tool_parsers = Parsers.tool_parsers

    @classmethod
    def list_registered(cls) -> list[str]:
        return list(cls.tool_parsers)

    @classmethod
    def get_tool_parser(cls, name: str) -> type:
        return cls.tool_parsers[name]


class ReasoningParserManager:
    reasoning_parsers = Parsers.reasoning_parsers

    @classmethod
    def list_registered(cls) -> list[str]:
        return list(cls.reasoning_parsers)

    @classmethod
    def get_reasoning_parser(cls, name: str) -> type:
        return cls.reasoning_parsers[name]


def install(vllm_fields: Sequence[str] | None) -> None:
    """Put these libraries, and a stand-in for every other, in place in this process."""
    stand_ins.install()
    torch = make_module("torch", dtype=Dtype, cuda=Cuda)
    for name in ("float32", "float16", "bfloat16", "int8", "float8_e4m3fn"):
        setattr(torch, name, Dtype(name))
    make_module("transformers", AutoConfig=ModelConfig, PretrainedConfig=ModelConfig)
    make_module("peft", PeftConfig=PeftConfig)
    engine_args = engine_args_class(vllm_fields)
    make_module("vllm", EngineArgs=engine_args, AsyncEngineArgs=engine_args)
    for name in ("vllm.utils", "vllm.utils.argparse_utils"):
        make_module(name, FlexibleArgumentParser=Parser, StoreBoolean=StandIn)
    for name in ("vllm.entrypoints.openai.tool_parsers", "vllm.tool_parsers"):
        make_module(name, ToolParserManager=ToolParserManager)
    for name in (
        "vllm.entrypoints.openai.reasoning_parsers",
        "vllm.reasoning.abs_reasoning_parsers",
    ):
        make_module(name, ReasoningParserManager=ReasoningParserManager)
