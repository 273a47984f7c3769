"""The named rules behind `auto`: each gives a value, says why, and what it did not take.

`resolve.py` asks them in the order in which one needs the answer of another.
"""

from __future__ import annotations

from lmi_deployer.rules.backend import Fit, Standing, backend, loads_by_itself, refusals
from lmi_deployer.rules.batch import max_rolling_batch_size
from lmi_deployer.rules.choice import Case, Choice
from lmi_deployer.rules.degree import loaded_bytes, tensor_parallel_degree
from lmi_deployer.rules.lengths import has_encoder, max_input_len, max_model_len, max_output_len
from lmi_deployer.rules.options import (
    device_map,
    max_num_tokens,
    model_loading_timeout,
    multi_query_mode,
    output_formatter,
    predict_timeout,
    use_custom_all_reduce,
)
from lmi_deployer.rules.weights import (
    MILDEST_FIRST,
    dtype,
    gpu_bytes,
    method_refusal,
    revision,
    shrinkage,
    starts_in,
)

__all__ = [
    "MILDEST_FIRST",
    "Case",
    "Choice",
    "Fit",
    "Standing",
    "backend",
    "device_map",
    "dtype",
    "gpu_bytes",
    "has_encoder",
    "loaded_bytes",
    "loads_by_itself",
    "max_input_len",
    "max_model_len",
    "max_num_tokens",
    "max_output_len",
    "max_rolling_batch_size",
    "method_refusal",
    "model_loading_timeout",
    "multi_query_mode",
    "output_formatter",
    "predict_timeout",
    "refusals",
    "revision",
    "shrinkage",
    "starts_in",
    "tensor_parallel_degree",
    "use_custom_all_reduce",
]
