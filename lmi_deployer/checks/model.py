"""Rules about the model: its family, weights, quantization, dtype and lengths."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.rules import loads_by_itself
from lmi_deployer.spec import ResolvedSpec

READS_CHECKPOINT = frozenset({"scheduler", "hf-accelerate"})
"""Backends whose library, transformers, goes by the checkpoint's own quantization_config."""


def backend_takes_the_method(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI103: a method that the backend does not know, or one that quantized weights lack."""
    method, facts = spec.weights.quantize, spec.weights.facts
    already = facts.quantization if facts else None
    if method is None:
        if already is not None and not loads_by_itself(spec.support, already):
            problem = f"the checkpoint {spec.weights.model_id} is quantized with {already}"
            fix = f"quantize: {{method: {already}}}"
            severity: Severity = "warning" if spec.backend in READS_CHECKPOINT else "error"
            yield about(spec, "LMI103", problem, key="quantize", fix=fix, severity=severity)
    elif method not in spec.support.quantize:
        able = [name for name, row in spec.container.backends.items() if method in row.quantize]
        problem = f"{spec.backend} on LMI {spec.container.version} does not take {method}"
        fix = f"backend: {' or '.join(able)}" if able else "another method or container version"
        yield about(spec, "LMI103", problem, key="quantize", fix=fix)


def backend_takes_the_dtype(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI105: a dtype that the backend does not take."""
    dtype = spec.weights.dtype
    if spec.weights.quantize is None and dtype not in spec.support.dtypes:
        problem = f"{spec.backend} on LMI {spec.container.version} does not take {dtype}"
        fix = f"one of {', '.join(spec.support.dtypes)}"
        yield about(spec, "LMI105", problem, key="model.dtype", fix=fix)


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


def facts_are_known(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI403: rules that could not be checked, because the catalog does not hold the model."""
    if spec.weights.facts is None:
        problem = (
            f"the catalog does not hold {spec.weights.model_id}: attention heads, positions, "
            "model family and gating were not checked"
        )
        yield about(spec, "LMI403", problem, key="model.id", severity="warning")
