"""Downloads a model from the Hugging Face Hub; run in a Python of its own."""

from __future__ import annotations

import glob
import json
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

NEVER_READ = (
    "*.gguf",
    "*.onnx",
    "*.onnx_data",
    "*.h5",
    "*.msgpack",
    "*.ot",
    "*.tflite",
    "original/*",
    "consolidated*",
)
"""The same weights in formats that no compile script reads."""
BESIDE_SAFETENSORS = ("*.bin", "*.pt", "*.pth")
"""The same weights once more, where there are safetensors."""
_SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")


def chosen(sizes: Mapping[str, int], *, reads_bin: bool) -> Dict[str, int]:
    """The files that a compile script can need, of those in a repository, with their bytes.

    >>> chosen({"model.safetensors": 9, "pytorch_model.bin": 9, "config.json": 1}, reads_bin=False)
    {'model.safetensors': 9, 'config.json': 1}
    """
    unwanted: List[str] = list(NEVER_READ)
    if not reads_bin and any(name in sizes for name in _SAFETENSORS):
        unwanted += BESIDE_SAFETENSORS
    return {
        name: size
        for name, size in sizes.items()
        if not any(fnmatch(name, pattern) for pattern in unwanted)
    }


def main(arguments: Sequence[str]) -> None:
    """Download what `arguments[0]` asks for, and write what it came to as its `answer`."""
    asked: Mapping[str, Any] = json.loads(arguments[0])
    from huggingface_hub import HfApi, snapshot_download

    model = asked["model_id"]
    revision = asked["revision"] or "main"
    info = HfApi().model_info(model, revision=revision, files_metadata=True)
    sizes = {item.rfilename: item.size or 0 for item in info.siblings or ()}
    files = chosen(sizes, reads_bin=asked["reads_bin"])
    total = sum(files.values())
    print(f"{model} at {info.sha}: {len(files)} files, {total} bytes", flush=True)  # noqa: T201
    if total > asked["free_bytes"]:
        sys.exit(f"not enough room on the disk: {asked['free_bytes']} bytes are free")
    folder = snapshot_download(
        model,
        revision=info.sha,
        cache_dir=asked["cache"],
        allow_patterns=[glob.escape(name) for name in sorted(files)],
    )
    answer = {"folder": folder, "commit": info.sha, "size_bytes": total}
    Path(asked["answer"]).write_text(json.dumps(answer))
