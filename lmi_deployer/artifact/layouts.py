"""What keeps a folder from being a complete artifact that the server takes as compiled already.

The servers themselves look at little: a repository of Triton passes without a single engine, and
the engines of another tensor parallel degree fail only when they are loaded. Source of what they
look at: djl-serving, wlm LmiUtils.isValidTrtLlmModelRepo and the handlers of djl_python.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

Files = Mapping[str, int]
"""Bytes of every file, by its path below the folder, with "/" between the parts."""
Read = Callable[[str], bytes]

CHECKPOINT_FILE = "ds_inference_config.json"
TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "vocab.json",
        "vocab.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
    }
)
"""Any of them lets AutoTokenizer begin."""
_RANK = re.compile(r"rank_?(\d+)\.engine$")


def problems(layout: str, files: Files, read: Read, ranks: int) -> List[str]:
    """Why these files are no complete artifact of a layout; empty where they are one.

    `read` gives the content of a small file. Raises ValueError for an unknown layout.
    """
    if layout not in _CHECKS:
        raise ValueError("unknown layout: " + layout)
    if not files:
        return ["there are no files"]
    empty = [f"{path} is empty" for path, size in sorted(files.items()) if _matters(path, size)]
    return [*_CHECKS[layout](files, read, ranks), *empty]


def _matters(path: str, size: int) -> bool:
    """Whether a file without content is a broken one; markers such as `.lock` may be so."""
    return size == 0 and path.endswith(
        (".engine", ".json", ".pbtxt", ".pt", ".neff", ".safetensors")
    )


def _triton_repository(files: Files, read: Read, ranks: int) -> Iterator[str]:
    folders = sorted({path.partition("/")[0] for path in files if "/" in path})
    accepted = [
        folder
        for folder in folders
        if {folder + "/config.pbtxt", folder + "/tokenizer_config.json"} <= set(files)
    ]
    if not accepted:
        yield "no folder in it holds both config.pbtxt and tokenizer_config.json"
        return
    for folder in accepted:
        names = [path for path in files if path.startswith(folder + "/1/")]
        yield from _engines([name for name in names if name.endswith(".engine")], ranks, folder)
        config = folder + "/1/config.json"
        if config in files:
            yield from _engine_config(config, read, ranks)


def _llm_api_engine(files: Files, read: Read, ranks: int) -> Iterator[str]:
    if "config.json" not in files:
        yield "there is no config.json at the top"
        return
    config = _document("config.json", read)
    if config is None or "build_config" not in config:
        yield "config.json at the top is not that of an engine: it has no build_config"
        return
    engines = [path for path in files if "/" not in path and path.endswith(".engine")]
    yield from _engines(engines, ranks, "the top")
    yield from _engine_config("config.json", read, ranks)
    yield from _tokenizer(files)


def _engines(names: Sequence[str], ranks: int, where: str) -> Iterator[str]:
    """One engine for each rank; their names end in the rank's number."""
    found = [match.group(1) for match in map(_RANK.search, names) if match]
    numbers = sorted(int(number) for number in found)
    if numbers != list(range(ranks)):
        has = ", ".join(map(str, numbers)) or "none"
        yield f"{where} has engines of ranks {has}, and not one for each of {ranks}"


def _engine_config(path: str, read: Read, ranks: int) -> Iterator[str]:
    """The number of ranks that an engine's own configuration names, where it does."""
    config = _document(path, read)
    if config is None:
        yield f"{path} is not readable"
        return
    mapping = _member(_member(config, "pretrained_config"), "mapping")
    built = mapping.get("world_size")
    if built is None:  # before TensorRT-LLM 0.8
        builder = _member(config, "builder_config")
        degree, stages = builder.get("tensor_parallel"), builder.get("pipeline_parallel", 1)
        built = degree * stages if isinstance(degree, int) and isinstance(stages, int) else None
    if isinstance(built, int) and built != ranks:
        yield f"{path} is of an engine for {built} ranks, not {ranks}"


def _deepspeed_checkpoint(files: Files, read: Read, ranks: int) -> Iterator[str]:
    config = _document(CHECKPOINT_FILE, read) if CHECKPOINT_FILE in files else None
    if config is None:
        yield f"there is no readable {CHECKPOINT_FILE}, without which nothing was split"
    else:
        yield from _checkpoint_files(config, files, ranks)
    if "config.json" not in files:
        yield "there is no config.json of the model"
    yield from _tokenizer(files)


def _checkpoint_files(config: Dict[str, Any], files: Files, ranks: int) -> Iterator[str]:
    degree = config.get("tp_size", config.get("mp_size"))
    if degree != ranks:
        yield f"{CHECKPOINT_FILE} is of {degree} ranks, not {ranks}"
    if config.get("base_dir"):
        yield f"{CHECKPOINT_FILE} names a folder of the machine that made it"
    named = config.get("checkpoints")
    groups = list(named.values()) if isinstance(named, dict) else [named]
    names = [name for group in groups if isinstance(group, list) for name in group]
    if not names:
        yield f"{CHECKPOINT_FILE} names no files"
    for name in sorted({str(name) for name in names} - set(files)):
        yield f"{name} is named in {CHECKPOINT_FILE}, and missing"


def _neuron_split_model(files: Files, read: Read, ranks: int) -> Iterator[str]:
    del read, ranks  # the split is the same for every degree
    if "config.json" not in files:
        yield "there is no config.json of the model"
    if not any(path.startswith("pytorch_model.bin/") for path in files):
        yield "pytorch_model.bin is not a folder with the parts of the weights"
    yield from _tokenizer(files)


def _neuron_compiled_model(files: Files, read: Read, ranks: int) -> Iterator[str]:
    config = _document("config.json", read) if "config.json" in files else None
    if config is None:
        yield "there is no readable config.json"
    else:
        cores = _member(config, "neuron").get("num_cores")
        if cores is None:
            yield "config.json is that of a plain model: it has no `neuron`"
        elif cores != ranks:
            yield f"config.json is of a model for {cores} cores, not {ranks}"
    if not any(path.startswith("compiled/") and path.endswith(".neff") for path in files):
        yield "compiled/ holds no graph (*.neff)"
    weights = [path for path in files if path.startswith(("checkpoint/", "compiled/"))]
    if not any(path.endswith((".safetensors", ".bin")) or ".bin/" in path for path in weights):
        yield "neither checkpoint/ nor compiled/ holds weights"
    yield from _tokenizer(files)


def _tokenizer(files: Files) -> Iterator[str]:
    if TOKENIZER_FILES.isdisjoint(files):
        yield "there is no file of a tokenizer"


def _document(path: str, read: Read) -> Optional[Dict[str, Any]]:
    """A JSON object; None for whatever else the file holds."""
    try:
        document = json.loads(read(path))
    except (ValueError, OSError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _member(document: Dict[str, Any], name: str) -> Dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


_CHECKS: Mapping[str, Callable[[Files, Read, int], Iterator[str]]] = {
    "triton_repository": _triton_repository,
    "llm_api_engine": _llm_api_engine,
    "deepspeed_checkpoint": _deepspeed_checkpoint,
    "neuron_split_model": _neuron_split_model,
    "neuron_compiled_model": _neuron_compiled_model,
}
