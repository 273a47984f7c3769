"""The files that the stand-in for a compile script writes: small, and of the right layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from lmi_deployer.sandbox.stand_in_order import Order

CONFIG_FILES = ("*.json", "*.txt", "*.model")
"""What the scripts copy beside what they made."""
CHECKPOINT_PARTS = 8
"""Files for each rank. Source: DeepSpeed, module_inject/replace_module.py."""
_NOT_WRITTEN_BACK = {"option.model_id", "option.save_mp_checkpoint_path", "option.entryPoint"}


def write_artifact(order: Order, *, doubles: bool, halves: bool) -> None:
    """Write what the script of this version writes.

    `doubles`: for twice as many ranks. `halves`: without the last rank's files, or with them empty.
    """
    order.output_dir.mkdir(parents=True, exist_ok=True)
    ranks = order.ranks * (2 if doubles else 1)
    files = _WRITERS[order.compiler.layout](order, ranks)
    if halves:
        large = sorted(name for name in files if not name.endswith((".json", ".pbtxt")))
        files[large[-1]] = b""
        files = {name: body for name, body in files.items() if name not in large[-3:-1]}
    for name, body in files.items():
        path = order.output_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def _triton_repository(order: Order, ranks: int) -> dict[str, bytes]:
    mapping = {"world_size": ranks, "tp_size": ranks // order.pipeline_parallel_degree}
    return {
        "tensorrt_llm/config.pbtxt": b'name: "tensorrt_llm"\nbackend: "tensorrtllm"\n',
        **{f"tensorrt_llm/{name}": body for name, body in _with_tokenizer(order).items()},
        **{f"tensorrt_llm/1/rank{n}.engine": order.content("engine", n) for n in range(ranks)},
        "tensorrt_llm/1/config.json": _json({"pretrained_config": {"mapping": mapping}}),
        "tensorrt_llm/1/model.cache": order.content("cache"),
    }


def _llm_api_engine(order: Order, ranks: int) -> dict[str, bytes]:
    mapping = {"world_size": ranks, "tp_size": ranks // order.pipeline_parallel_degree}
    config = {"build_config": {"max_batch_size": 1}, "pretrained_config": {"mapping": mapping}}
    lines = (order.properties_dir / "serving.properties").read_text().splitlines(keepends=True)
    tokenizer = {k: body for k, body in _with_tokenizer(order).items() if k.startswith("token")}
    return {
        **tokenizer,
        **{f"rank{number}.engine": order.content("engine", number) for number in range(ranks)},
        "config.json": _json(config),
        "serving.properties": "".join(x for x in lines if "option.model_id" not in x).encode(),
    }


def _deepspeed_checkpoint(order: Order, ranks: int) -> dict[str, bytes]:
    parts = [f"tp_{r:0>2d}_{m:0>2d}.pt" for m in range(CHECKPOINT_PARTS) for r in range(ranks)]
    config = {
        "type": "ds_model",
        "checkpoints": {"non_tp": ["non-tp.pt"], "tp": parts},
        "version": 1.0,
        "parallelization": "tp",
        "tp_size": ranks,
    }
    serving = {"option.parallel_loading": "True", **order.compiler.serving}
    return {
        **(_with_tokenizer(order) if order.copies_config else {}),
        **{name: order.content(name) for name in ("non-tp.pt", *parts)},
        "ds_inference_config.json": _json(config),
        "serving.properties": _properties(order, serving),
    }


def _neuron_compiled_model(order: Order, ranks: int) -> dict[str, bytes]:
    if order.output_dir.exists():
        shutil.rmtree(order.output_dir)  # as the handler does
    config = json.loads((order.model_dir / "config.json").read_text())
    neuron = {"compiler_type": "neuronx-cc", "num_cores": ranks}
    files = {
        **_with_tokenizer(order),
        "config.json": _json({**config, "neuron": neuron}),
        **{f"compiled/{n:064x}.neff": order.content("graph", n) for n in range(2)},
        "checkpoint/model.safetensors": order.content("weights"),
        "serving.properties": _properties(order, {}),
    }
    if order.copies_config:
        files |= _config_files(order)
    return files


def _with_tokenizer(order: Order) -> dict[str, bytes]:
    """The model's configuration, and its tokenizer as transformers would save it."""
    return {"tokenizer_config.json": b"{}\n", **_config_files(order)}


def _config_files(order: Order) -> dict[str, bytes]:
    found = (path for pattern in CONFIG_FILES for path in order.model_dir.glob(pattern))
    return {path.name: path.read_bytes() for path in sorted(found)}


def _properties(order: Order, more: Mapping[str, str]) -> bytes:
    kept = {k: text for k, text in order.properties.items() if k not in _NOT_WRITTEN_BACK}
    return "".join(f"{name}={text}\n" for name, text in {**more, **kept}.items()).encode()


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, sort_keys=True) + "\n").encode()


_WRITERS: Mapping[str, Callable[[Order, int], dict[str, bytes]]] = {
    "triton_repository": _triton_repository,
    "llm_api_engine": _llm_api_engine,
    "deepspeed_checkpoint": _deepspeed_checkpoint,
    "neuron_compiled_model": _neuron_compiled_model,
}
