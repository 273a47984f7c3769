"""Rules about the KV cache of vLLM, on which LMI-Dist is built since 0.27.0."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.settings.view import PLAIN_WEIGHTS, Issue, View
from lmi_deployer.spec import GIB

MAX_MODEL_LEN = "option.max_model_len"
TRANSFER = "option.kv_transfer_config"
KV_ROLES = ("kv_producer", "kv_consumer", "kv_both")
DEFAULT_UTILIZATION = 0.9
"""gpu_memory_utilization where the version has no key for it. Source: vLLM 0.2.7, CacheConfig."""
MOST_TOKENS = 2**31
SURELY, NEARLY = 1.1, 0.9
"""Shares of the room beside the weights, which activations and CUDA graphs make smaller still."""
KV_CACHE_BYTES: Mapping[str | None, int] = {
    **dict.fromkeys((None, "auto", "float16", "bfloat16"), 2),
    **dict.fromkeys(("fp8", "fp8_e4m3", "fp8_e5m2"), 1),
}
"""option.kv_cache_dtype: bytes of one element; other formats are not judged."""
PLAIN_CACHE = frozenset({PLAIN_WEIGHTS, "awq", "gptq"})
"""Methods that never quantize the cache along with the weights."""
STORED_OTHERWISE = frozenset(
    f"option.{name}"
    for name in (
        *("cpu_offload_gb", "decode_context_parallel_size", "hf_overrides"),
        *("kv_cache_memory_bytes", "num_gpu_blocks_override", "rope_scaling", "runner"),
    )
)
"""Keys that change how much is stored, or how much room there is, by rules of their own."""
FULL_ATTENTION = frozenset(
    {
        *("llama", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "falcon"),
        *("gpt2", "gptj", "gpt_neox", "gpt_bigcode", "opt", "bloom", "mpt", "phi", "stablelm"),
        *("internlm", "internlm2", "dbrx", "cohere", "olmo", "olmo2", "granite", "nemotron"),
    }
)
"""Model types whose layers all keep keys and values of every token. Missing on purpose: windows
(mistral, gemma2, phi3, starcoder2), latent attention (deepseek), and state-space layers."""


def one_sequence_fits(view: View) -> Iterator[Issue]:
    """LMI203: the KV cache of the longest sequence against what the weights leave of a GPU.

    Bytes on each GPU: 2 (key and value) x layers / stages x ceil(KV heads / degree) x head_dim x
    bytes of an element x tokens. vLLM refuses to start when they are more than there are:
    gpu_memory_utilization x memory, less weights / (degree x stages) and activations, which are
    not counted here. Source: raise_if_cache_size_invalid of vllm/worker/worker.py (vLLM 0.2.7 has
    it in llm_engine.py), check_enough_kv_cache_memory of vllm/v1/core/kv_cache_utils.py.
    """
    tokens, per_token = _tokens(view), _bytes_per_token(view)
    room = _room(view)
    if tokens is None or per_token is None or room is None:
        return
    needed = tokens * per_token
    if needed <= NEARLY * room:
        return
    said = f"is {tokens}" if MAX_MODEL_LEN in view.settings else f"is not given, so it is {tokens}"
    problem = f"{said} tokens, whose KV cache takes {needed / GIB:.1f} GiB on each GPU; "
    problem += f"the weights leave {max(room, 0) / GIB:.1f} GiB"
    fix = "a higher tensor parallel degree, or GPUs with more memory"
    fitting = int(max(room, 0) / per_token) // 256 * 256
    if needed > SURELY * room:
        fix = f"less than {fitting}, {fix}" if fitting else fix
        yield Issue("LMI203", "error", MAX_MODEL_LEN, f"{problem}, and vLLM does not start", fix)
    else:
        problem += ", of which activations take a part"
        yield Issue("LMI203", "warning", MAX_MODEL_LEN, problem, f"a smaller number, {fix}")


def _tokens(view: View) -> int | None:
    """Tokens of the longest sequence; None where vLLM decides, or nothing says it."""
    entry = view.entries.entries.get(MAX_MODEL_LEN)
    if entry is None or not entry.is_used or view.model is None:
        return None
    if MAX_MODEL_LEN in view.settings:
        tokens = view.number(MAX_MODEL_LEN)
        return tokens if tokens is not None and 0 < tokens < MOST_TOKENS else None
    return view.model.max_position_embeddings


def _bytes_per_token(view: View) -> float | None:
    """KV cache of one token on one GPU; None where the formula does not fit, or facts miss."""
    model, degree = view.model, view.tensor_parallel_degree
    element = KV_CACHE_BYTES.get(view.effective("option.kv_cache_dtype"))
    if model is None or degree is None or element is None or not _keeps_every_token(model):
        return None
    if view.checkpoint_quantization not in PLAIN_CACHE:
        element = 1
    layers, heads, head_dim = model.num_hidden_layers, model.num_key_value_heads, model.head_dim
    if layers is None or heads is None or head_dim is None:
        return None
    return 2 * layers / _stages(view) * math.ceil(heads / degree) * head_dim * element


def _keeps_every_token(model: ModelFacts) -> bool:
    names = model.architectures or ()
    is_text = all(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names)
    return model.model_type in FULL_ATTENTION and is_text


def _room(view: View) -> float | None:
    """Bytes of one GPU that vLLM may use, less its part of the weights."""
    gpu, degree = view.gpu, view.tensor_parallel_degree
    if gpu is None or gpu.neuron_cores or degree is None:
        return None
    if not STORED_OTHERWISE.isdisjoint(view.settings):
        return None
    try:
        share = float(view.effective("option.gpu_memory_utilization") or DEFAULT_UTILIZATION)
    except ValueError:
        return None
    if not 0 < share <= 1:
        return None
    return share * gpu.usable_memory_gib * GIB - _weight_bytes(view) / (degree * _stages(view))


def _weight_bytes(view: View) -> int:
    """Weights as loaded, or less: nothing where they are not known, or quantized while loading."""
    if view.weight_bytes is not None:
        return view.weight_bytes
    model = view.model
    if model is None or model.weight_bytes is None:
        return 0
    if "option.quantize" in view.settings and view.checkpoint_quantization == PLAIN_WEIGHTS:
        return 0
    return model.weight_bytes // (2 if model.torch_dtype == "fp32" else 1)


def _stages(view: View) -> int:
    return max(view.number("option.pipeline_parallel_degree") or 1, 1)


def transfer_has_a_role(view: View) -> Iterator[Issue]:
    """LMI306: vLLM asks every instance with a KV connector what it does with the cache.

    Source: KVTransferConfig of vllm/config.py (0.7.3) and vllm/config/kv_transfer.py (later).
    """
    text = view.settings.get(TRANSFER)
    if text is None or view.handler != "vllm":
        return
    if view.is_on("option.lmcache_auto_config"):
        return  # the handler writes a configuration of its own
    try:
        transfer = json.loads(text)
    except (ValueError, RecursionError):
        return  # no JSON, which is said as such
    if not isinstance(transfer, dict) or transfer.get("kv_connector") is None:
        return
    role = transfer.get("kv_role")
    if role not in KV_ROLES:
        said = "no kv_role" if role is None else "a kv_role that vLLM does not know"
        problem = f"names a kv_connector and {said}; vLLM does not start"
        fix = f"add kv_role, one of {', '.join(KV_ROLES)}"
        yield Issue("LMI306", "error", TRANSFER, problem, fix)
