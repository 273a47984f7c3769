"""What the container of an optimization job does: compile a model of S3 as SageMaker Neo does.

Source: djl-serving@0.29.0-dlc:serving/docker/partition/{sm_neo_trt_llm_partition,utils}.py
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lmi_deployer.sandbox.container import UnknownImageError, below, lmi_image
from lmi_deployer.sandbox.jobs.work import InputProblemError, Launch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lmi_deployer.catalog.compiler_rows import Compiler
    from lmi_deployer.sandbox.jobs.surroundings import Surroundings

INPUT, OUTPUT, PROPERTIES = "opt/ml/neo/input", "opt/ml/neo/output", "opt/ml/neo/properties"
PROPERTIES_FILE = "serving.properties"
LAST_LINES = 5
_LEFT_OUT = frozenset({"option.model_id", "option.model_dir"})


@dataclass(frozen=True, kw_only=True)
class OptimizationTask:
    """A model of S3, compiled by the image's script, and put below the output location."""

    around: Surroundings
    source: str
    output: str
    _lines: list[str] = field(default_factory=list)

    def set_up(self, root: Path) -> Launch:
        """Download the model and write the properties that the script reads."""
        machine = self.around.prepare(root)
        compiler = self._compiler()
        self.around.download(self.source, root / INPUT)
        settings = self._settings(root)
        (root / PROPERTIES).mkdir(parents=True)
        (root / OUTPUT).mkdir(parents=True)
        (root / PROPERTIES / PROPERTIES_FILE).write_text(_lines_of(settings), encoding="utf-8")
        values = {
            "properties_dir": str(root / PROPERTIES),
            "output_dir": str(root / OUTPUT),
            "model_dir": str(root / INPUT),
            "tensor_parallel_degree": settings.get(
                "option.tensor_parallel_degree", str(machine.gpu_count)
            ),
            "pipeline_parallel_degree": settings.get("option.pipeline_parallel_degree", "1"),
        }
        command = [sys.executable, str(below(root, compiler.script))]
        for argument in compiler.arguments:
            if argument.passes in values:
                command += [argument.flag, values[argument.passes]]
        return Launch(command=tuple(command), environment=self.around.variables(root))

    def say(self, line: str) -> None:
        """Keep the last lines: no log group of these jobs is documented."""
        self._lines.append(line)
        del self._lines[:-LAST_LINES]

    def failure(self, root: Path) -> str:  # noqa: ARG002 - a Task's own form
        """What the script said at the end."""
        return "\n".join(self._lines)

    def finish(self, root: Path) -> None:
        """Write serving.properties into the output, as Neo's script does, and upload it all."""
        settings = {k: v for k, v in self._settings(root).items() if k not in _LEFT_OUT}
        text = "engine=MPI\n" + _lines_of(settings)
        (root / OUTPUT / PROPERTIES_FILE).write_text(text, encoding="utf-8")
        self.around.upload(root / OUTPUT, self.output)

    def _compiler(self) -> Compiler:
        try:
            image = lmi_image(self.around.image)
        except UnknownImageError as error:
            raise InputProblemError(str(error)) from error
        for compiler in image.compilers.values():
            if compiler.has_optimization_jobs:
                return compiler
        raise InputProblemError(f"LMI {image.version} has no script for optimization jobs")

    def _settings(self, root: Path) -> dict[str, str]:
        """The model's own serving.properties over the OPTION_* variables."""
        settings = dict(_options(self.around.environment))
        path = root / INPUT / PROPERTIES_FILE
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        pairs = [line.strip().split("=", 1) for line in lines if "=" in line and line[0] != "#"]
        return {**settings, **dict(pairs)}


def _options(environment: Mapping[str, Any]) -> dict[str, str]:
    names = {name: f"option.{name[7:].lower()}" for name in environment if name[:7] == "OPTION_"}
    spelt = {"option.entrypoint": "option.entryPoint"}
    return {spelt.get(key, key): str(environment[name]) for name, key in names.items()}


def _lines_of(settings: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())
