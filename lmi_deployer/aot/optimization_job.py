"""The CreateOptimizationJob request that compiles an engine, SageMaker's own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.jobs import compilation_of, job_tags
from lmi_deployer.deployment import Target, image_uri
from lmi_deployer.errors import InputError
from lmi_deployer.spec import ResolvedSpec

MAX_VARIABLES = 25
MAX_CHARACTERS = 256
"""Of OverrideEnvironment, of each name and each value. Source: SageMaker API reference."""
OF_THE_SOURCE = frozenset({"option.model_id", "option.revision"})
"""Lines that say where weights come from, which ModelSource does here."""
ANOTHER_RUNNER = "compile.runner: sagemaker, which runs a training job"


def optimization_request(
    spec: ResolvedSpec, engine: Engine, target: Target, properties: str
) -> dict[str, Any]:
    """CreateOptimizationJob for an engine, without OptimizationJobName. It holds no secret.

    `properties` are the lines of serving.properties for compiling; the image reads them from its
    environment. It writes directly below the artifact's folder, where the SageMaker SDK finds the
    output of these jobs as well. Raises InputError with all that such a job cannot do.
    """
    problems = list(_impossible(spec))
    if problems:
        raise InputError(
            f"an optimization job cannot compile {spec.title}: " + "; ".join(problems),
            fix=ANOTHER_RUNNER,
        )
    compilation = compilation_of(spec)
    request: dict[str, Any] = {
        "RoleArn": target.role_arn,
        "ModelSource": {"S3": {"S3Uri": spec.weights.source}},
        # What serves, not what compiles: SageMaker picks the job's machine by it.
        "DeploymentInstanceType": spec.instance.name,
        "OptimizationConfigs": [
            {
                "ModelCompilationConfig": {
                    "Image": image_uri(spec, target.region),
                    "OverrideEnvironment": override_environment(properties),
                }
            }
        ],
        "OutputConfig": {"S3OutputLocation": engine.uri},
        "StoppingCondition": {"MaxRuntimeInSeconds": compilation.max_seconds},
        "Tags": job_tags(spec, engine.key),
    }
    if spec.endpoint.subnets:
        request["VpcConfig"] = {
            "SecurityGroupIds": list(spec.endpoint.security_groups),
            "Subnets": list(spec.endpoint.subnets),
        }
    return request


def _impossible(spec: ResolvedSpec) -> Iterator[str]:
    """What the profile asks for and an optimization job has no place for."""
    compilation = compilation_of(spec)
    if not compilation.compiler.has_optimization_jobs:
        yield f"they do not run the {spec.backend} image of LMI {spec.container.version}"
    if spec.weights.source is None:
        yield "they read weights from S3 alone, and model.source names none"
    if compilation.quality is not None:
        yield "they run the image's own script and no quality gate"
    if compilation.is_spot:
        yield "they take no spot instances"


def override_environment(properties: str) -> dict[str, str]:
    r"""The variables that say what lines of serving.properties say.

    Lines without `option.` are the server's, and are not read while compiling. Raises InputError
    that names every line that does not fit.

    >>> override_environment("engine=MPI\noption.model_id=/x\noption.dtype=fp16\n")
    {'OPTION_DTYPE': 'fp16'}
    """
    variables: dict[str, str] = {}
    problems = []
    for line in properties.splitlines():
        name, _, value = line.partition("=")
        plain = name.removeprefix("option.")
        if line.startswith("#") or plain == name or name in OF_THE_SOURCE:
            continue
        if name != "option.entryPoint" and plain != plain.lower():
            problems.append(f"{name} has capital letters, which a variable's name cannot keep")
        if max(len(plain) + len("OPTION_"), len(value)) > MAX_CHARACTERS:
            problems.append(f"{name} is longer than {MAX_CHARACTERS} characters")
        variables[f"OPTION_{plain.upper()}"] = value
    if len(variables) > MAX_VARIABLES:
        over = ", ".join(sorted(variables)[MAX_VARIABLES:])
        problems.append(f"{len(variables)} options are more than {MAX_VARIABLES}: {over}")
    if problems:
        raise InputError(
            "an optimization job takes its options as environment variables: "
            + "; ".join(problems),
            fix=f"fewer or shorter options, or {ANOTHER_RUNNER}",
        )
    return variables
