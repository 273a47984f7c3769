"""The header of a safetensors file: how many numbers of which type it stores.

Source: the format's description in https://github.com/huggingface/safetensors/blob/main/README.md:
eight bytes of length, little-endian, then a JSON object of tensors, then their data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lmi_deployer.locking.config_part import parsed

_LENGTH_BYTES = 8
_FIRST_BYTES = 100_000
"""Read at once: the whole header of nearly every file."""
_MAX_HEADER_BYTES = 25_000_000
"""The limit of huggingface_hub (SAFETENSORS_MAX_HEADER_LENGTH)."""
_MAX_DIMENSIONS = 32
_MAX_DTYPES = 32
_SMALLEST_NUMBER_BITS = 4
"""F4, of the types that the format has."""
_DTYPE = re.compile(r"[A-Z][A-Z0-9_]{1,15}")


class HeaderError(Exception):
    """A file that is no safetensors file, in words."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What one file stores."""

    parameters: Mapping[str, int]
    """Numbers by dtype, as the file spells it: F16, BF16, I32, F8_E4M3."""
    data_bytes: int
    """Bytes of all tensors."""


def header_of(part: Callable[[int, int], bytes]) -> Header:
    """The header of a file of which `part(start, length)` can be read. Raises HeaderError."""
    start = part(0, _FIRST_BYTES)
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if len(start) < _LENGTH_BYTES or not 2 <= length <= _MAX_HEADER_BYTES:  # noqa: PLR2004 - `{}`
        raise HeaderError("is no safetensors file: its header has no possible length")
    end = _LENGTH_BYTES + length
    if end > len(start) == _FIRST_BYTES:
        start += part(_FIRST_BYTES, end - _FIRST_BYTES)
    return _header(start[_LENGTH_BYTES:end])


def beside_data(header: Header, size: int) -> bool:
    """Whether a file of this size has room for its tensors, and no more than a header beside."""
    return 0 < size - header.data_bytes <= _MAX_HEADER_BYTES + _LENGTH_BYTES


def _header(text: bytes) -> Header:
    """The header in its JSON. Raises HeaderError."""
    tensors = parsed(text)
    if tensors is None:
        raise HeaderError("is no safetensors file: its header is no JSON object")
    parameters: dict[str, int] = {}
    data_bytes = 0
    for name, tensor in tensors.items():
        if name == "__metadata__":
            continue
        dtype, count, end = _tensor(name, tensor)
        parameters[dtype] = parameters.get(dtype, 0) + count
        data_bytes = max(data_bytes, end)
        if len(parameters) > _MAX_DTYPES:
            raise HeaderError(f"is no safetensors file: it stores more than {_MAX_DTYPES} types")
    return Header(parameters=parameters, data_bytes=data_bytes)


def _tensor(name: str, tensor: object) -> tuple[str, int, int]:
    """Dtype, count of numbers and end of the data of one tensor. Raises HeaderError."""
    said = tensor if isinstance(tensor, dict) else {}
    dtype, shape, offsets = said.get("dtype"), _counts(said, "shape"), _counts(said, "data_offsets")
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype) or shape is None or not offsets:
        raise HeaderError(f"is no safetensors file: tensor {name[:80]!r} is not described")
    count, stored_bits = math.prod(shape), 8 * (offsets[-1] - offsets[0])
    if count * _SMALLEST_NUMBER_BITS > stored_bits:
        problem = f"tensor {name[:80]!r} has more numbers than bytes"
        raise HeaderError(f"is no safetensors file: {problem}")
    return dtype, count, offsets[-1]


def _counts(tensor: Mapping[str, Any], key: str) -> list[int] | None:
    """A short list of whole numbers."""
    value = tensor.get(key)
    if not isinstance(value, list) or len(value) > _MAX_DIMENSIONS:
        return None
    return value if all(type(item) is int and 0 <= item < 2**50 for item in value) else None
