"""GPU memory arithmetic: what fits, and how many requests at once."""

from lmi_deployer.sizing.kv_cache import kv_bytes_per_token
from lmi_deployer.sizing.measuring import measure
from lmi_deployer.sizing.memory import Bound, Memory
from lmi_deployer.sizing.setup import Setup
from lmi_deployer.sizing.weights import weights_bytes_per_gpu

__all__ = [
    "Bound",
    "Memory",
    "Setup",
    "kv_bytes_per_token",
    "measure",
    "weights_bytes_per_gpu",
]
