"""A compile step, and the caches and weights that tests of the local runners use."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.aot.engine import EngineInputs
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.entry_point.job import (
    OUTPUT_FOLDER,
    PROPERTIES_FOLDER,
    GpuNeeded,
    Job,
    ModelInput,
    as_json,
)
from lmi_deployer.steps import CompileEngine

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference"
IMAGE = f"{REGISTRY}:0.33.0-tensorrtllm0.21.0-cu128"
GPU = "L4"
INPUTS = EngineInputs(
    kind="trt_engine",
    image="0.33.0-tensorrtllm0.21.0-cu128",
    libraries={"tensorrt_llm": "0.21.0rc1"},
    model_id="example/tiny",
    revision="0" * 40,
    weights_digest=None,
    dtype="fp16",
    quantize=None,
    tensor_parallel_degree=1,
    pipeline_parallel_degree=1,
    settings={},
    gpu_architecture="Ada Lovelace",
    compute_capability=8.9,
    gpu_memory_gib=24.0,
)
PROPERTIES = "engine=MPI\noption.max_rolling_batch_size=8\noption.tensor_parallel_degree=1\n"


class LocalWeights:
    """The part of Aws that weights and logins come through, with a folder for S3."""

    source = "s3://weights/tiny/"
    region = "us-east-1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store = FolderStore(folder)
        store.write("config.json", json.dumps({"architectures": ["LlamaForCausalLM"]}).encode())
        store.write("model.safetensors", b"weights" * 100)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            store.write(name, b"{}")
        self.digest = "d"

    @property
    def calls(self) -> LocalWeights:
        return self

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """What ECR answers."""
        assert (service, operation) == ("ecr", "GetAuthorizationToken")
        assert request == {"registryIds": ["763104351884"]}
        token = base64.b64encode(b"AWS:a:b").decode()
        return {"authorizationData": [{"authorizationToken": token}]}

    def weights_digest(self, source: str) -> str:
        assert source == self.source
        return self.digest

    def store(self, _uri: str) -> FolderStore:
        return FolderStore(self.folder)


def job_of(inputs: EngineInputs, *, is_mounted: bool, runner: str = "docker") -> Job:
    model = ModelInput(inputs.model_id, inputs.revision, is_mounted=is_mounted)
    compiler = catalog.compiler("0.33.0", "trtllm")
    assert compiler is not None
    arguments = {
        "--properties_dir": PROPERTIES_FOLDER,
        "--trt_llm_model_repo": OUTPUT_FOLDER,
        "--model_path": model.folder,
        "--tensor_parallel_degree": "1",
        "--pipeline_parallel_degree": "1",
    }
    return Job(
        inputs=inputs.document(),
        layout=compiler.layout,
        ranks=1,
        script=(compiler.script, *(text for pair in arguments.items() for text in pair)),
        environment={},
        model=model,
        gpu=GpuNeeded(compute_capability=8.9, memory_gib=24.0, count=1),
        made={"runner": runner, "image": IMAGE},
        max_seconds=600,
    )


def step_of(cache: str, *, is_mounted: bool = True, **changes: Any) -> CompileEngine:
    """A step for LMI 0.33.0; `changes` are of its inputs."""
    inputs = replace(INPUTS, **changes)
    return CompileEngine(
        key=inputs.key,
        cache=cache,
        runner="docker",
        image_uri=IMAGE,
        job=json.loads(as_json(job_of(inputs, is_mounted=is_mounted))),
        properties=PROPERTIES,
    )
