"""The units of the values of a profile."""

from __future__ import annotations

from collections.abc import Mapping

UNITS: Mapping[str, str] = {
    "weights_gib": "GiB",
    "volume_gb": "GB",
    "startup_timeout_seconds": "s",
    "download_timeout_seconds": "s",
    "model_loading_timeout_seconds": "s",
    "predict_timeout_seconds": "s",
    "max_seconds": "s",
    "max_input_len": "tokens",
    "max_output_len": "tokens",
    "max_tokens": "tokens",
    "max_seq_len": "tokens",
    "max_model_len": "tokens",
    "max_num_tokens": "tokens",
    "max_new_tokens": "tokens",
    "max_rolling_batch_prefill_tokens": "tokens",
    "n_positions": "tokens",
    "tokens_per_block": "tokens",
    "max_num_sequences": "sequences",
    "max_rolling_batch_size": "sequences",
    "concurrency": "requests",
}
"""Last part of a key: the unit of its value, as it stands behind the number."""
_OTHERS_NAMES = ("options.", "endpoint.tags.", "serving.properties:")
"""Begins keys whose last part is a name of the container's or of the user's own."""


def unit_of(key: str) -> str:
    """The unit of a value; nothing for what has none.

    >>> unit_of("endpoint.volume_gb"), unit_of("endpoint.tags.volume_gb")
    ('GB', '')
    """
    return "" if key.startswith(_OTHERS_NAMES) else UNITS.get(key.rpartition(".")[2], "")
