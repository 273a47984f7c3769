"""Rules about the model: its family, weights, quantization, dtype and lengths."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer import rules
from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.shapes.believing import LOOK
from lmi_deployer.spec import ResolvedSpec

READS_CHECKPOINT = frozenset({"scheduler", "hf-accelerate"})
"""Backends whose library, transformers, goes by the checkpoint's own quantization_config."""


def backend_takes_the_method(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI103: a method that the backend does not know, or one that quantized weights lack."""
    method, facts = spec.weights.quantize, spec.weights.facts
    already = facts.quantization if facts else None
    if method is None:
        if already is not None and not rules.loads_by_itself(spec.support, already):
            problem = f"the checkpoint {spec.weights.model_id} is quantized with {already}"
            fix = "another container version, or a copy with plain weights"
            if already in rules.MILDEST_FIRST:
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
    elif not rules.starts_in(spec.support, spec.weights.facts, dtype):
        family = spec.weights.facts.model_type if spec.weights.facts else "this family"
        problem = f"{spec.backend} on LMI {spec.container.version} refuses {family} in {dtype}"
        fix = "bf16 on a GPU that computes in it, or fp32"
        yield about(spec, "LMI105", problem, key="model.dtype", fix=fix)


def lengths_fit_the_model(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI401: prompt and answer together have to fit the positions the model was trained on."""
    facts = spec.weights.facts
    positions = facts.max_position_embeddings if facts else None
    longest = spec.max_input_len + spec.max_output_len
    if rules.has_encoder(facts):
        yield from _lengths_on_both_sides(spec, positions)
    elif positions is not None and longest > positions:
        problem = f"prompt and answer may take {longest} tokens; the model has {positions}"
        fix = f"at most {positions} together"
        yield about(spec, "LMI401", problem, key=_too_long(spec, positions), fix=fix)
    for name in ("n_positions", "max_model_len"):
        limit = spec.settings.get(name)
        if isinstance(limit, int) and limit < longest:
            problem = f"is {limit}, but prompt and answer may take {longest} tokens"
            key = profile_key(spec, name)
            yield about(spec, "LMI401", problem, key=key, fix="leave it out")


def _too_long(spec: ResolvedSpec, positions: int) -> str:
    """The key to blame: the prompt where it is too long by itself or was overridden alone."""
    prompt, answer = "traffic.max_input_len", "traffic.max_output_len"
    is_overridden = not spec.place(prompt).is_file and spec.place(answer).is_file
    return prompt if spec.max_input_len >= positions or is_overridden else answer


def _lengths_on_both_sides(spec: ResolvedSpec, positions: int | None) -> Iterator[Finding]:
    """Longer than such a model was trained with, which its relative positions allow.

    Source: n_positions of T5's config.json, which modeling_t5.py of transformers does not read.
    """
    for key, length in (
        ("traffic.max_input_len", spec.max_input_len),
        ("traffic.max_output_len", spec.max_output_len),
    ):
        if positions is not None and length > positions:
            problem = f"is {length}; the model was trained with {positions} tokens"
            yield about(spec, "LMI401", problem, key=key, severity="warning")


def weights_can_be_downloaded(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI402, LMI404: gated weights need a copy on S3; code beside weights must not change."""
    weights = spec.weights
    if weights.source is not None:
        return
    compilation = spec.compilation
    is_ahead = compilation is not None and compilation.mode == "aot"
    if weights.facts and weights.facts.is_gated:
        fix = "copy the weights to S3 and set model.source"
        if compilation is not None and is_ahead and compilation.is_local:
            problem = f"{weights.model_id} is gated; compiling here needs a token that may read it"
            fix = f"HF_TOKEN, or `hf auth login`; or {fix}"
            yield about(spec, "LMI402", problem, key="model.id", fix=fix, severity="warning")
        else:
            what = f"{weights.model_id} is gated; the container cannot download it without a token"
            yield about(spec, "LMI402", what, key="model.id", fix=fix)
    is_read = "revision" in spec.support.property_names
    if weights.revision is not None and (is_read or is_ahead):
        return
    fix = "point model.source at a copy on S3"
    if is_read:
        fix = f"`lmi-deploy lock`, or set model.revision to a commit, or {fix}"
    if spec.settings.get("trust_remote_code"):
        problem = "the model runs Python code from the hub, from whatever commit is newest"
        key = "model.trust_remote_code"
        yield about(spec, "LMI404", problem, key=key, fix=fix, severity="warning")
    elif not is_ahead:  # LMI606 says it then
        problem = "the container downloads whatever commit is newest when it starts"
        yield about(spec, "LMI107", problem, key="model.id", fix=fix, severity="note")


def facts_are_known(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI403: rules that could not be checked, because nobody knows the model, or not all of it."""
    if spec.weights.facts is None:
        problem = (
            f"the catalog does not hold {spec.weights.model_id}: attention heads, positions, "
            "model family, gating and memory beside the weights were not checked"
        )
        yield about(spec, "LMI403", problem, key="model.id", severity="warning")
        return
    facts = spec.weights.facts
    if facts.shape is None and not facts.impossible:  # LMI413 says it there
        why = facts.shape_problem or "its architecture is not known"
        problem = f"the memory was not worked out: {why}"
        yield about(spec, "LMI403", problem, key="model.id", severity="warning")
    elif facts.shape is not None and facts.shape.doubts:
        problem = f"the memory rests on assumptions: {'; '.join(facts.shape.doubts)}"
        yield about(spec, "LMI403", problem, key="model.id", severity="note")


def the_model_agrees_with_itself(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI413: a config.json that cannot be true, or not of these weights."""
    facts = spec.weights.facts
    if facts is None:
        return
    key = "model.source" if spec.weights.source else "model.id"
    for wrong in facts.impossible:
        problem = f"config.json: {wrong}, which no model has"
        yield about(spec, "LMI413", problem, key=key, fix=LOOK)
    for problem in facts.shape.contradictions if facts.shape else ():
        fix = "look at the checkpoint, which may be cut off or have another model's config.json"
        yield about(spec, "LMI413", problem, key=key, fix=fix, severity="warning")
