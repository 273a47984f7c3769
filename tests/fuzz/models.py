"""Models' config.json and profiles, generated: real ones with parts replaced by what is odd."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from lmi_deployer import catalog
from tests.fuzz.demands import SECRET
from tests.fuzz.generators import ODD_KEYS, ODD_VALUES, mostly

PROFILES = Path(__file__).parents[2] / "profiles"
NUMBERS = st.sampled_from((0, 1, 7, 8, 71, 4096, -1, 2**31, 10**9 + 7, 10**400, 0.5, 1e308))
ODD_JSON = st.recursive(
    st.one_of(NUMBERS, st.booleans(), st.none(), st.sampled_from(ODD_VALUES), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip
CONFIG_KEYS = (
    "model_type", "architectures", "auto_map", "num_attention_heads", "num_key_value_heads",
    "num_kv_heads", "hidden_size", "head_dim", "max_position_embeddings", "n_positions",
    "torch_dtype", "dtype", "quantization_config", "text_config", "multi_query",
    "new_decoder_architecture", "multi_query_attention", "multi_query_group_num",
    "_diffusers_version", "vocab_size", "n_head",
)  # fmt: skip
FAMILIES = ("llama", "t5", "falcon", "gpt_bigcode", "chatglm", "mixtral", "bloom", "\ud800", "x\ny")


@cache
def configurations() -> tuple[dict[str, Any], ...]:
    """A config.json for each model of the catalog, from its facts."""
    found = []
    for name in catalog.names("models"):
        model = catalog.find_model(name)
        if model is not None:
            found.append({
                "model_type": model.model_type,
                "architectures": list(model.architectures or ()),
                "num_attention_heads": model.num_attention_heads,
                "num_key_value_heads": model.num_key_value_heads,
                "num_hidden_layers": model.num_hidden_layers,
                "hidden_size": model.hidden_size,
                "max_position_embeddings": model.max_position_embeddings,
                "torch_dtype": model.published_dtype,
            })  # fmt: skip
    return tuple(found)


def _config_value(key: str) -> st.SearchStrategy[Any]:
    if key == "model_type":
        return st.sampled_from(FAMILIES)
    if key == "architectures":
        return st.lists(
            st.sampled_from((*ODD_VALUES, "LlamaForCausalLM", "T5ForConditionalGeneration")),
            max_size=2,
        )
    if key == "quantization_config":
        return st.fixed_dictionaries(
            {"quant_method": st.sampled_from((*ODD_VALUES, "awq", "gptq", "bitsandbytes"))}
        )
    return NUMBERS


CONFIG_CHANGES = st.sampled_from(CONFIG_KEYS).flatmap(
    lambda key: st.tuples(st.just(key), mostly(_config_value(key), ODD_JSON))
)
CONFIGS = st.builds(
    lambda base, changes: json.dumps({**base, **dict(changes)}).encode(),
    st.deferred(lambda: st.sampled_from(({}, *configurations()))),
    st.lists(CONFIG_CHANGES, max_size=6),
)


@cache
def shipped() -> tuple[Any, ...]:
    """The profiles that come with lmi-deploy, as data."""
    return tuple(yaml.safe_load(path.read_text()) for path in sorted(PROFILES.glob("*.yaml")))


def _paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands, in each mapping and list."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    inside = [
        found
        for key, value in items
        if isinstance(value, dict | list)
        for found in _paths(value, (*path, key))
    ]
    return [*((*path, key) for key in (data if isinstance(data, dict) else range(len(data)))),
            *inside]  # fmt: skip


def _changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path; its parents are copied, the rest is shared."""
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = _changed(copy[path[0]], path[1:], value)
    return copy


PROFILE_VALUES = st.one_of(
    ODD_JSON,
    st.sampled_from(
        ("auto", "max", "vllm", "lmi-dist", "trtllm", "deepspeed", "awq", "fp16", "0.36.0-lmi27",
         "0.27.0", "ml.g5.48xlarge", "ml.p4d.24xlarge", "ml.inf2.24xlarge", "tensorrtllm", SECRET)
    ),
    st.dictionaries(st.sampled_from((*ODD_KEYS, "extends", "method", "option.dtype", "engine")),
                    ODD_JSON, max_size=2),
)  # fmt: skip


@st.composite
def profiles(draw: st.DrawFn) -> bytes:
    """A shipped profile with a few of its parts replaced, as YAML that may hold anything."""
    data = draw(st.sampled_from(shipped()))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_paths(data)))
        data = _changed(data, path, draw(PROFILE_VALUES))
        if not isinstance(data, dict):
            break
    return json.dumps(data).encode()


YAML_PIECES = st.lists(
    st.sampled_from(
        (b"a", b": ", b"\n", b"  ", b"- ", b"[", b"]", b"{", b"}", b",", b"'", b'"', b"|", b">",
         b"&a ", b"*a", b"!t ", b"%", b"#", b"? ", b"---\n", b"...\n", b"\t", b"\\", b"\xc2\x85",
         b"\xe2\x80\xa8", b"name: ", b"profiles:\n", b"~", b"1e9", b"\x00", b"\xff", b"<<: ")
    ),
    max_size=24,
).map(b"".join)  # fmt: skip
