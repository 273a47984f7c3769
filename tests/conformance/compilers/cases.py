"""Specs that compile: every version and backend that does, over degrees, models and sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from lmi_deployer import catalog
from lmi_deployer.catalog.compiler_rows import Compiler
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.spec import ResolvedSpec
from tests.specs import make_spec

INSTANCES: dict[Backend, dict[int, str]] = {
    "trtllm": {1: "ml.g5.2xlarge", 4: "ml.g5.12xlarge", 8: "ml.p4d.24xlarge"},
    "deepspeed": {1: "ml.g5.2xlarge", 4: "ml.g5.12xlarge", 8: "ml.p4d.24xlarge"},
    "neuronx": {2: "ml.inf2.xlarge", 24: "ml.inf2.48xlarge"},
}
"""A machine for each tensor parallel degree."""
MODELS: dict[Backend, tuple[str, ...]] = {
    "trtllm": ("TheBloke/Llama-2-7B-fp16", "tiiuae/falcon-7b"),
    "deepspeed": ("EleutherAI/gpt-j-6b", "EleutherAI/gpt-neox-20b"),
    "neuronx": ("TheBloke/Llama-2-7B-fp16", "EleutherAI/gpt-j-6b"),
}
SOURCES = (None, "s3://acme-models/llama/")
PROFILE = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {{id: {model}{source}, dtype: fp16}}
container: {{version: "{version}"}}
traffic: {{max_input_len: 1024, max_output_len: 512}}
profiles:
  only:
    instance_type: {instance}
    backend: {backend}
    tensor_parallel_degree: {degree}
    max_rolling_batch_size: 4
"""
PIPELINE = "    options: {{option.pipeline_parallel_degree: {stages}}}\n"


@dataclass(frozen=True)
class Case:
    """One backend of one version that compiles."""

    version: str
    backend: Backend
    compiler: Compiler

    def __str__(self) -> str:
        return f"{self.version}-{self.backend}"

    def spec(
        self,
        degree: int,
        *,
        model: str | None = None,
        source: str | None = None,
        stages: int = 1,
        more: str = "",
    ) -> ResolvedSpec:
        """A spec that this compiler compiles; `more` is laid over with `--set`."""
        text = PROFILE.format(
            model=model or MODELS[self.backend][0],
            source=f", source: {source}" if source else "",
            version=self.version,
            instance=INSTANCES[self.backend][degree],
            backend=self.backend,
            degree=degree,
        )
        if stages != 1:
            text += PIPELINE.format(stages=stages)
        return make_spec(*([more] if more else []), text=text, hardware="only")

    def specs(self) -> Iterator[ResolvedSpec]:
        """A good range of them."""
        for degree, model, source in product(
            INSTANCES[self.backend], MODELS[self.backend], SOURCES
        ):
            yield self.spec(degree, model=model, source=source)
        if self.backend == "trtllm":
            for degree, stages in product((1, 4), (2, 3)):
                yield self.spec(degree, stages=stages)


def cases(*, refused: bool = False) -> list[Case]:
    """Every backend of every version that compiles; with `refused`, those that are to."""
    found = []
    for version in catalog.names(catalog.CONTAINERS):
        for backend in catalog.container(version).backends:
            compiler = catalog.compiler(version, backend)
            if compiler is not None and (compiler.refused is not None) == refused:
                found.append(Case(version, backend, compiler))
    return found
