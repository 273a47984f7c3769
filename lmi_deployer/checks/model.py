"""Rules about the model: its family, weights, quantization, dtype and lengths."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding
from lmi_deployer.rules import BF16_COMPUTE_CAPABILITY
from lmi_deployer.spec import ResolvedSpec


def quantization_goes_together(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI103: method, backend, checkpoint, dtype, model family and GPU have to agree."""
    method, facts = spec.weights.quantize, spec.weights.facts
    already = facts.quantization if facts else None
    if method is None:
        if already is not None:
            problem = f"the checkpoint {spec.weights.model_id} is quantized with {already}"
            yield about(
                spec, "LMI103", problem, key="quantize", fix=f"quantize: {{method: {already}}}"
            )
        return
    row = spec.support.quantize.get(method)
    if row is None:
        able = [name for name, item in spec.container.backends.items() if method in item.quantize]
        problem = f"{spec.backend} on LMI {spec.container.version} does not take {method}"
        fix = f"backend: {' or '.join(able)}" if able else "another method or container version"
        yield about(spec, "LMI103", problem, key="quantize", fix=fix)
        return
    if row.needs_quantized_checkpoint and facts and already != method:
        problem = f"{method} needs a checkpoint quantized with it; {facts.id} is not one"
        fix = f"a model.id with {method} weights"
        yield about(spec, "LMI103", problem, key="quantize", fix=fix)
    if not row.needs_quantized_checkpoint and already is not None:
        problem = f"{method} quantizes plain weights; {spec.weights.model_id} has {already} already"
        yield about(spec, "LMI103", problem, key="quantize", fix="a model.id with fp16 weights")
    if "dtype" in spec.settings and spec.settings["dtype"] not in row.dtypes:
        problem = f"{method} on {spec.backend} does not go with dtype {spec.settings['dtype']}"
        fix = f"model.dtype: {row.dtypes[0]}" if row.dtypes else "leave model.dtype out"
        yield about(spec, "LMI103", problem, key="model.dtype", fix=fix)
    if row.model_types is not None and facts and facts.model_type not in row.model_types:
        problem = f"{method} on {spec.backend} serves {', '.join(row.model_types)}"
        yield about(spec, "LMI103", f"{problem}; not {facts.model_type}", key="quantize")
    has, needs = spec.gpu.compute_capability, row.min_compute_capability
    if needs is not None and has is not None and has < needs:
        problem = f"{method} needs compute capability {needs}; {spec.gpu.name} has {has}"
        yield about(spec, "LMI103", problem, key="quantize", fix="a newer GPU")


def backend_serves_the_model(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI104: a family that the image cannot build or load fails after the GPUs are paid for."""
    families, facts = spec.support.model_types, spec.weights.facts
    if families is None or facts is None or facts.model_type in families:
        return
    able = [
        name
        for name, row in spec.container.backends.items()
        if row.model_types is None or facts.model_type in row.model_types
    ]
    problem = (
        f"{spec.backend} on LMI {spec.container.version} serves {', '.join(families)}; "
        f"{spec.weights.model_id} is {facts.model_type}"
    )
    yield about(spec, "LMI104", problem, key="backend", fix=f"one of {', '.join(able)}")


def dtype_goes_together(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI105: a dtype that the backend does not take, or that the GPU cannot compute in."""
    dtype = spec.weights.dtype
    if spec.weights.quantize is None and dtype not in spec.support.dtypes:
        problem = f"{spec.backend} on LMI {spec.container.version} does not take {dtype}"
        fix = f"one of {', '.join(spec.support.dtypes)}"
        yield about(spec, "LMI105", problem, key="model.dtype", fix=fix)
    capability = spec.gpu.compute_capability
    needed = BF16_COMPUTE_CAPABILITY
    if dtype == "bf16" and capability is not None and capability < needed:
        problem = f"bf16 needs compute capability {needed}; {spec.gpu.name} has {capability}"
        yield about(spec, "LMI105", problem, key="model.dtype", fix="model.dtype: fp16")


def lengths_fit_the_model(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI401: prompt and answer together have to fit the positions the model was trained on."""
    facts = spec.weights.facts
    positions = facts.max_position_embeddings if facts else None
    longest = spec.max_input_len + spec.max_output_len
    if positions is not None and longest > positions:
        problem = f"prompt and answer may take {longest} tokens; the model has {positions}"
        key = "traffic.max_output_len"
        fix = f"at most {positions} together"
        yield about(spec, "LMI401", problem, key=key, fix=fix)
    for name in ("n_positions", "max_model_len"):
        limit = spec.settings.get(name)
        if isinstance(limit, int) and limit < longest:
            problem = f"is {limit}, but prompt and answer may take {longest} tokens"
            key = profile_key(spec, name)
            yield about(spec, "LMI401", problem, key=key, fix="leave it out")


def weights_can_be_downloaded(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI402, LMI404: gated weights need a copy on S3; code beside weights must not change."""
    weights = spec.weights
    if weights.source is not None:
        return
    if weights.facts and weights.facts.is_gated:
        problem = f"{weights.model_id} is gated; the container cannot download it without a token"
        fix = "copy the weights to S3 and set model.source"
        yield about(spec, "LMI402", problem, key="model.id", fix=fix)
    if weights.revision is not None:
        return
    fix = "point model.source at a copy on S3"
    if "revision" in spec.support.property_names:
        fix = f"set model.revision to a commit, or {fix}"
    if spec.settings.get("trust_remote_code"):
        problem = "the model runs Python code from the hub, from whatever commit is newest"
        key = "model.trust_remote_code"
        yield about(spec, "LMI404", problem, key=key, fix=fix, severity="warning")
    else:
        problem = "the container downloads whatever commit is newest when it starts"
        yield about(spec, "LMI107", problem, key="model.id", fix=fix, severity="note")


def own_code_is_allowed(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI404: a checkpoint that brings its own code does not load unless that is allowed."""
    facts = spec.weights.facts
    if facts and facts.needs_remote_code and not spec.settings.get("trust_remote_code"):
        problem = f"{facts.id} runs Python code that stands beside its weights"
        key = "model.trust_remote_code"
        yield about(spec, "LMI404", problem, key=key, fix="model.trust_remote_code: true")


def facts_are_known(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI403: rules that could not be checked, because the catalog does not hold the model."""
    if spec.weights.facts is None:
        problem = (
            f"the catalog does not hold {spec.weights.model_id}: attention heads, positions, "
            "model family and gating were not checked"
        )
        yield about(spec, "LMI403", problem, key="model.id", severity="warning")
