"""What runs the compile script of a version, and how what it makes is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer import render
from lmi_deployer.entry_point.job import OUTPUT_FOLDER, PROPERTIES_FOLDER, ModelInput
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.catalog.compiler_rows import Compiler
    from lmi_deployer.spec import ResolvedSpec

DECIDED: Mapping[str, str] = {
    "option.model_id": "model.id",
    "option.revision": "model.revision",
    "option.tensor_parallel_degree": "tensor_parallel_degree",
}
"""Lines that the compile script gets as arguments: the keys of the profile that decide them."""
JUST_IN_TIME = "compile.mode: jit"


def refusal(compiler: Compiler, spec: ResolvedSpec) -> str | None:
    """Why this version compiles nothing for a spec; None where it does."""
    if compiler.refused is not None:
        return compiler.refused
    raw = overridden(spec)
    if raw is not None:
        return f"what is compiled follows {DECIDED[raw]}, and {raw} would be served"
    where = f"{spec.backend} on LMI {spec.container.version}"
    if spec.weights.quantize is not None and not compiler.quantizes:
        return f"{where} loads no artifact of weights that are quantized while it is made"
    facts, types = spec.weights.facts, compiler.model_types
    if facts is not None and types is not None and facts.model_type not in types:
        return f"{where} makes an artifact of {', '.join(types)} only, not of {facts.model_type}"
    return None


def overridden(spec: ResolvedSpec) -> str | None:
    """A raw option that says otherwise than the profile what is compiled; None for none."""
    return next((name for name in DECIDED if name in spec.options), None)


def script(compiler: Compiler, spec: ResolvedSpec) -> tuple[str, ...]:
    """The compile script's path in the image, and its arguments there.

    Raises InputError for a spec that this version does not compile.
    """
    problem = refusal(compiler, spec)
    if problem is not None:
        raise InputError(f"{spec.title} cannot be compiled: {problem}", fix=JUST_IN_TIME)
    values = _values(compiler, spec)
    arguments: list[str] = []
    for argument in compiler.arguments:
        if argument.passes is not None:
            arguments.append(argument.flag)
            if argument.type != "flag":
                arguments.append(values[argument.passes])
    return (compiler.script, *arguments)


def compile_properties(compiler: Compiler, spec: ResolvedSpec) -> str:
    """The text of serving.properties for the compile script.

    The entry point puts option.model_id before it. Raises InputError for a line that the script
    would read otherwise than it is meant.
    """
    values = _values(compiler, spec)
    changes = {
        name: None if text is None else text.format(**values)
        for name, text in compiler.properties.items()
    }
    changed = replace(spec, options={**spec.options, **changes})
    for name, reason in render.unreadable(changed):
        raise InputError(f"{name} {reason}", fix="another value, or leave the option out")
    return render.serving_properties(changed)


def served_from(spec: ResolvedSpec, uri: str) -> ResolvedSpec:
    """The spec that serves an artifact at `uri` instead of the weights it was made from.

    What is known of the weights stays, as it holds for the artifact too. Raises ValueError for a
    spec that compiles nothing.
    """
    if spec.compilation is None:
        raise ValueError(f"{spec.title} compiles nothing")
    settings = {name: value for name, value in spec.settings.items() if name != "revision"}
    return replace(
        spec,
        settings={**settings, "model_id": uri},
        options={**spec.options, **spec.compilation.compiler.serving},
    )


def _values(compiler: Compiler, spec: ResolvedSpec) -> Mapping[str, str]:
    """What each ArgumentValue is; folders are those of the container."""
    weights = ModelInput(spec.weights.model_id, is_mounted=spec.weights.source is not None)
    return {
        "properties_dir": PROPERTIES_FOLDER,
        "output_dir": OUTPUT_FOLDER,
        "model_dir": weights.folder,
        "tensor_parallel_degree": str(spec.tensor_parallel_degree),
        "pipeline_parallel_degree": str(spec.pipeline_parallel_degree),
        "engine": compiler.properties.get("engine") or spec.support.engine,
    }
