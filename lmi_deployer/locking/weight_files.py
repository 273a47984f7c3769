"""Which files of a checkpoint are its weights, in each format, and how many bytes they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lmi_deployer.lockfile import WeightFiles, WeightFormat

_WHOLE: Mapping[WeightFormat, str] = {
    "safetensors": "model.safetensors",
    "pytorch": "pytorch_model.bin",
}
"""The file of a checkpoint that is in one piece; an index of this name lists the pieces of others.

Source: src/transformers/utils/__init__.py of transformers, SAFE_WEIGHTS_NAME and WEIGHTS_NAME.
"""
_ENDINGS: Mapping[WeightFormat, tuple[str, ...]] = {
    "safetensors": (".safetensors",),
    "pytorch": (".bin", ".pt", ".pth"),
    "gguf": (".gguf",),
    "other": (".h5", ".msgpack", ".ot", ".ckpt", ".npz"),
}
FORMATS = tuple(_ENDINGS)
_NOT_THE_MODEL = re.compile(
    r"(training_args|optimizer|scheduler|rng_state.*|adapter_.*|tokenizer.*|scaler)\.\w+"
)
_ORIGINAL = re.compile(r"consolidated\b.*")
"""The same weights once more, in the format of their makers."""

Sizes = Mapping[str, int | None]
Problem = Callable[[str], Exception]


def weight_files(
    form: WeightFormat, sizes: Sizes, read: Callable[[str], Mapping[str, Any]], problem: Problem
) -> tuple[str, ...]:
    """The files that loaders read in this format, in order; none where there are none.

    Raises `problem` for an index that names files which are not there.
    """
    whole = _WHOLE.get(form)
    if whole is not None and whole in sizes:
        return (whole,)
    index = f"{whole}.index.json"
    if whole is not None and index in sizes:
        return _indexed(index, read(index), sizes, problem)
    found = [
        name
        for name in sizes
        if "/" not in name and name.endswith(_ENDINGS[form]) and not _NOT_THE_MODEL.fullmatch(name)
    ]
    loaded = [name for name in found if not _ORIGINAL.fullmatch(name)]
    return tuple(sorted(loaded or found))


def total(names: tuple[str, ...], sizes: Sizes) -> WeightFiles | None:
    """The files together, or None where the size of one is not known."""
    known = [size for name in names if (size := sizes[name]) is not None]
    return None if len(known) < len(names) else WeightFiles(bytes=sum(known), files=len(names))


def _indexed(
    index: str, said: Mapping[str, Any], sizes: Sizes, problem: Problem
) -> tuple[str, ...]:
    weight_map = said.get("weight_map")
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise problem(f"{index} names no files")
    names = sorted({str(name) for name in weight_map.values()})
    missing = [name for name in names if name not in sizes]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise problem(f"{index} names {missing[0][:80]!r}{others}, not there")
    return tuple(names)
