"""A lock of one model, and of a copy of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lmi_deployer.lockfile import Lock
from lmi_deployer.locking.parsing import parse

COMMIT = "a123456789" * 4
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 22,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "vocab_size": 32000,
    "torch_dtype": "bfloat16",
}
ENTRY = {
    "id": "TheBloke/Llama-2-7B-fp16",
    "requested": "main",
    "commit": COMMIT,
    "facts_from": "hub",
    "checked": "2026-11-21",
    "config": CONFIG,
    "weights": {"safetensors": {"bytes": 2_200_119_864, "files": 1}},
}
COPY = {
    **ENTRY,
    "source": "s3://acme/llama/",
    "commit": None,
    "content": "f00d",
    "facts_from": "s3",
}


def a_lock(*entries: Mapping[str, Any]) -> Lock:
    text = json.dumps({"lock_version": 1, "models": list(entries)}, indent=2)
    return parse(text, "profiles/lmi.lock")
