"""The part of a config.json that a lock keeps: what says something about memory, speed or loading.

Left out is what does not, rather than kept what is known to: a family that nobody has seen yet
names its numbers as it likes, and a review should see them move.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from lmi_deployer.secrets import is_secret

_NOISE = re.compile(
    r"transformers_version|_name_or_path|.*_token_ids?|.*token_index|id2label|label2id|num_labels"
    r"|problem_type|finetuning_task|task_specific_params|task|summary_.*|output_.*|return_dict.*"
    r"|.*dropout.*|.*_pdrop|.*initializer.*|init_.*|initial_.*|.*_init|.*_std"
    r"|use_cache|chunk_size_feed_forward"
    r"|is_encoder_decoder_cache|gradient_checkpointing|pretraining_tp|rms_norm_eps|layer_norm_e.*"
    r"|norm_eps|router_aux_loss_coef|aux_loss_alpha|seq_aux|.*_loss.*|torchscript|use_bfloat16"
    r"|pruned_heads|prefix|bad_words_ids|begin_suppress_tokens|suppress_tokens|diversity_penalty"
    r"|temperature|top_k|top_p|typical_p|do_sample|early_stopping|length_penalty|min_length"
    r"|max_length|no_repeat_ngram_size|repetition_penalty|num_beams|num_beam_groups"
    r"|num_return_sequences|remove_invalid_values|exponential_decay_length_penalty"
    r"|encoder_no_repeat_ngram_size|forced_.*|tf_legacy_loss|tokenizer_class|unsloth_.*|dataset.*"
    r"|actorder_.*|model_file_base_name|model_name_or_path|true_sequential|static_groups"
    r"|damp_percent|tokenizer|batch_size|pad_token|bos_token|eos_token"
)
"""Keys of generation, training and bookkeeping, which no loader sizes anything by."""
MAX_DEPTH = 8
MAX_KEYS = 200
MAX_ITEMS = 256
LONGEST_LIST = 64
"""A longer list of module names is told by its patterns."""
LONGEST_TEXT = 200
MAX_INTEGER = 2**60
MAX_KEPT_CHARACTERS = 200_000
"""Twenty times more than the longest list of modules that a quantized model names."""
_UNFIT = object()


def relevant_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that a lock keeps, as plain JSON."""
    return _kept_mapping(config, 0)


def is_endless(kept: Mapping[str, Any]) -> bool:
    """Whether the kept part is longer than that of any model."""
    return len(json.dumps(kept)) > MAX_KEPT_CHARACTERS


def parsed(raw: bytes) -> dict[str, Any] | None:
    """A JSON object, or None for anything else. NaN and infinities stay what they are."""
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # also text that is no UTF-8, and endless numbers
        return None
    return data if isinstance(data, dict) else None


def _kept(value: object, depth: int) -> Any:
    """The value as far as it is kept, or _UNFIT."""
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return _kept_mapping(value, depth)
    if isinstance(value, list) and depth < MAX_DEPTH:
        return _kept_list(value, depth)
    match value:
        case bool():
            fits = True
        case int():
            fits = abs(value) < MAX_INTEGER
        case float():
            fits = math.isfinite(value)
        case str():
            fits = is_name(value)
        case _:
            fits = False
    return value if fits else _UNFIT


def _kept_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, item in list(value.items())[:MAX_KEYS]:
        if not is_name(key) or _NOISE.fullmatch(key) or is_secret(key, item):
            continue
        fit = _kept(item, depth + 1)
        if fit is not _UNFIT and fit != {}:
            kept[key] = fit
    return kept


def _kept_list(value: list[Any], depth: int) -> Any:
    if len(value) > LONGEST_LIST and all(isinstance(item, str) for item in value):
        patterns = dict.fromkeys(re.sub(r"\d+", "*", item) for item in value)
        value = list(patterns) if any("*" in item for item in patterns) else value
    items = [fit for item in value if (fit := _kept(item, depth + 1)) is not _UNFIT]
    return items if len(items) <= MAX_ITEMS else _UNFIT


def is_name(text: object) -> TypeGuard[str]:
    """Whether something is a text that can be shown and written as it is."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_TEXT and text.isprintable()
