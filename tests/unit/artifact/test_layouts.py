"""What a server would take as compiled, and what only looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmi_deployer.artifact.layouts import problems

Files = dict[str, bytes]
RANKS = 2


def _json(**members: Any) -> bytes:
    return json.dumps(members).encode()


def triton_repository() -> Files:
    mapping = {"world_size": RANKS, "tp_size": RANKS}
    return {
        "tensorrt_llm/config.pbtxt": b"name",
        "tensorrt_llm/tokenizer_config.json": b"{}",
        "tensorrt_llm/1/config.json": _json(pretrained_config={"mapping": mapping}),
        "tensorrt_llm/1/rank0.engine": b"0",
        "tensorrt_llm/1/rank1.engine": b"1",
    }


def older_triton_repository() -> Files:
    return {
        "tensorrt_llm/config.pbtxt": b"name",
        "tensorrt_llm/tokenizer_config.json": b"{}",
        "tensorrt_llm/1/config.json": _json(builder_config={"tensor_parallel": RANKS}),
        "tensorrt_llm/1/llama_float16_tp2_rank0.engine": b"0",
        "tensorrt_llm/1/llama_float16_tp2_rank1.engine": b"1",
        "tensorrt_llm/1/model.cache": b"",
    }


def llm_api_engine() -> Files:
    mapping = {"world_size": RANKS}
    return {
        "config.json": _json(build_config={}, pretrained_config={"mapping": mapping}),
        "tokenizer_config.json": b"{}",
        "rank0.engine": b"0",
        "rank1.engine": b"1",
        "serving.properties": b"",
    }


def deepspeed_checkpoint() -> Files:
    parts = ["tp_00_00.pt", "tp_01_00.pt"]
    named = {"non_tp": ["non-tp.pt"], "tp": parts}
    return {
        "ds_inference_config.json": _json(checkpoints=named, tp_size=RANKS),
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        **dict.fromkeys(["non-tp.pt", *parts], b"weights"),
    }


def neuron_compiled_model() -> Files:
    return {
        "config.json": _json(neuron={"num_cores": RANKS}),
        "tokenizer.json": b"{}",
        "compiled/a.neff": b"graph",
        "checkpoint/model.safetensors": b"weights",
    }


def neuron_split_model() -> Files:
    return {
        "config.json": b"{}",
        "tokenizer.json": b"{}",
        "pytorch_model.bin/p0.embedding": b"weights",
    }


WHOLE = {
    "triton_repository": triton_repository,
    "llm_api_engine": llm_api_engine,
    "deepspeed_checkpoint": deepspeed_checkpoint,
    "neuron_compiled_model": neuron_compiled_model,
    "neuron_split_model": neuron_split_model,
}


def found(layout: str, files: Files, ranks: int = RANKS) -> list[str]:
    sizes = {path: len(body) for path, body in files.items()}
    return problems(layout, sizes, files.__getitem__, ranks)


@pytest.mark.parametrize("layout", WHOLE)
def test_a_whole_artifact_has_no_problems(layout: str):
    assert found(layout, WHOLE[layout]()) == []


def test_engines_of_older_versions_are_named_after_their_model():
    assert found("triton_repository", older_triton_repository()) == []


@pytest.mark.parametrize("layout", WHOLE)
def test_no_files_are_no_artifact(layout: str):
    assert found(layout, {}) == ["there are no files"]


LOAD_BEARING = [
    (layout, path)
    for layout, make in WHOLE.items()
    for path in make()
    if path not in {"serving.properties", "tensorrt_llm/1/config.json"}
]


@pytest.mark.parametrize(("layout", "path"), LOAD_BEARING)
def test_no_file_that_the_server_needs_may_be_missing(layout: str, path: str):
    files = WHOLE[layout]()
    del files[path]
    assert found(layout, files) != []


@pytest.mark.parametrize(
    ("layout", "path"), [x for x in LOAD_BEARING if x[1] != "pytorch_model.bin/p0.embedding"]
)
def test_no_file_that_the_server_needs_may_be_empty(layout: str, path: str):
    assert found(layout, {**WHOLE[layout](), path: b""}) != []


@pytest.mark.parametrize("layout", [x for x in WHOLE if x != "neuron_split_model"])
@pytest.mark.parametrize("ranks", [1, 4])
def test_an_artifact_of_another_degree_is_none(layout: str, ranks: int):
    assert found(layout, WHOLE[layout](), ranks) != []


def test_a_configuration_of_another_degree_is_believed_over_the_files():
    files = triton_repository()
    files["tensorrt_llm/1/config.json"] = _json(pretrained_config={"mapping": {"world_size": 4}})
    assert found("triton_repository", files) == [
        "tensorrt_llm/1/config.json is of an engine for 4 ranks, not 2"
    ]


def test_an_engine_of_more_stages_has_a_rank_for_each():
    files = older_triton_repository()
    config = {"tensor_parallel": 1, "pipeline_parallel": 2}
    files["tensorrt_llm/1/config.json"] = _json(builder_config=config)
    assert found("triton_repository", files) == []


def test_a_repository_one_level_too_deep_is_not_seen_by_the_server():
    files = {f"engines/{path}": body for path, body in triton_repository().items()}
    assert found("triton_repository", files) == [
        "no folder in it holds both config.pbtxt and tokenizer_config.json"
    ]


def test_the_inside_of_a_repository_is_not_one():
    files = {path.partition("/")[2]: body for path, body in triton_repository().items()}
    assert found("triton_repository", files) != []


def test_a_repository_of_triton_is_nothing_that_0_33_takes():
    assert found("llm_api_engine", triton_repository()) == ["there is no config.json at the top"]


def test_the_configuration_of_a_plain_model_is_not_that_of_an_engine():
    files = {**llm_api_engine(), "config.json": _json(model_type="llama")}
    assert found("llm_api_engine", files) == [
        "config.json at the top is not that of an engine: it has no build_config"
    ]


def test_a_checkpoint_that_names_the_folder_of_another_machine_is_not_finished():
    files = deepspeed_checkpoint()
    config = json.loads(files["ds_inference_config.json"])
    files["ds_inference_config.json"] = _json(**config, base_dir="/tmp/partition")
    assert "names a folder of the machine" in found("deepspeed_checkpoint", files)[0]


def test_a_checkpoint_may_name_its_files_in_one_list():
    files = deepspeed_checkpoint()
    names = ["non-tp.pt", "tp_00_00.pt", "tp_01_00.pt"]
    files["ds_inference_config.json"] = _json(checkpoints=names, tp_size=RANKS)
    assert found("deepspeed_checkpoint", files) == []


def test_weights_may_lie_beside_the_graphs():
    files = neuron_compiled_model()
    files["compiled/model.safetensors"] = files.pop("checkpoint/model.safetensors")
    assert found("neuron_compiled_model", files) == []


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"null", b'{"neuron": 3}', b"[" * 100_000])
def test_a_configuration_of_anything_else_is_a_problem_and_no_crash(text: bytes):
    for layout, path in (
        ("llm_api_engine", "config.json"),
        ("triton_repository", "tensorrt_llm/1/config.json"),
        ("deepspeed_checkpoint", "ds_inference_config.json"),
        ("neuron_compiled_model", "config.json"),
    ):
        if layout == "triton_repository" and text.startswith(b"{"):
            continue  # it says nothing of ranks, and needs not
        assert found(layout, {**WHOLE[layout](), path: text}) != []


def test_an_unknown_layout_is_a_mistake():
    with pytest.raises(ValueError, match="unknown layout: tar"):
        problems("tar", {"a": 1}, lambda path: b"", 1)
