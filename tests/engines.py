"""A profile whose engine is compiled ahead of time, its step, and an artifact that fits."""

from __future__ import annotations

from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.aot.jobs import compile_step
from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER, Manifest
from lmi_deployer.artifact.store import Store
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine
from tests.specs import PROFILE, TARGET, make_spec

REVISION = "b" * 40
COMPILED = (
    PROFILE.replace("-fp16}", f"-fp16, revision: {REVISION}}}")
    + """\
  trt:
    instance_type: ml.g5.12xlarge
    backend: trtllm
    compile: {mode: aot, cache: "s3://acme-lmi/engines/"}
"""
)
"""PROFILE with a second hardware profile, `trt`, that is compiled by a training job."""
ON_S3 = "model.source=s3://acme-models/llama/"
RANKS = 4


def compiled_spec(*overrides: str, text: str = COMPILED) -> ResolvedSpec:
    """The spec of `trt`, with `--set` overrides."""
    return make_spec(*overrides, text=text, hardware="trt")


def an_engine(spec: ResolvedSpec, cache: str = "s3://acme-lmi/engines/") -> Engine:
    """The engine that a spec needs, in a cache that nobody has looked into."""
    digest = None if spec.weights.source is None else "a" * 64
    return Engine(inputs=engine_inputs(spec, digest), cache=cache)


def a_step(*overrides: str, cache: str = "s3://acme-lmi/engines/") -> CompileEngine:
    """The step that compiles it."""
    spec = compiled_spec(*overrides)
    return compile_step(spec, an_engine(spec, cache), TARGET)


def artifact_files(ranks: int = RANKS) -> dict[str, bytes]:
    """What LMI 0.25.0 makes and takes, in small."""
    engines = {
        f"tensorrt_llm/1/llama_float16_tp{ranks}_rank{rank}.engine": b"engine %d" % rank
        for rank in range(ranks)
    }
    return {
        "tensorrt_llm/config.pbtxt": b'name: "tensorrt_llm"\n',
        "tensorrt_llm/tokenizer_config.json": b"{}",
        "tensorrt_llm/tokenizer.json": b"{}",
        "tensorrt_llm/1/config.json": b'{"builder_config": {"tensor_parallel": %d}}' % ranks,
        **engines,
    }


def put_artifact(store: Store, step: CompileEngine, **made: str) -> Manifest:
    """Put a whole artifact into the step's cache, and commit it."""
    from lmi_deployer.artifact.committing import adopt

    prefix = f"{step.key[:16]}/"
    for path, content in artifact_files().items():
        store.write(f"{prefix}{ARTIFACT_FOLDER}{path}", content)
    return adopt(
        store,
        prefix,
        inputs=step.job["inputs"],
        layout=step.job["layout"],
        made={"runner": step.runner, **made},
        quality=None,
    )
