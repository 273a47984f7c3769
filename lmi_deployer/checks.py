"""Every rule about a decided spec, as functions that return findings.

A rule looks at the spec alone: the catalog rows it needs are part of the spec. A rule that cannot
be checked because a fact is missing says so (LMI403); none passes silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lmi_deployer.catalog import region_set
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.loading import disk_bytes
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.profile import Settings
from lmi_deployer.render import DERIVED_PROPERTIES, unreadable
from lmi_deployer.resolve import BACKEND_SECTIONS
from lmi_deployer.spec import ResolvedSpec

Rule = Callable[[ResolvedSpec], Iterable[Finding]]

TIGHT_WEIGHTS_FRACTION = 0.85
"""Above this share of a GPU, weights leave too little for KV cache and activations to be sure."""
SETTING_KEYS = {
    "model_id": "model.id",
    "revision": "model.revision",
    "dtype": "model.dtype",
    "trust_remote_code": "model.trust_remote_code",
    "smoothquant_alpha": "quantize",
    "smoothquant_per_token": "quantize",
    "smoothquant_per_channel": "quantize",
    "model_loading_timeout": "model_loading_timeout_seconds",
    "predict_timeout": "predict_timeout_seconds",
    "max_input_len": "traffic.max_input_len",
    "max_output_len": "traffic.max_output_len",
    "max_tokens": "traffic.max_output_len",
}
"""Our name of a setting in serving.properties: the key of the profile that decides it."""


def check(spec: ResolvedSpec) -> tuple[Finding, ...]:
    """Every finding about a spec, errors first, each group in the order of the file."""
    findings = {finding for rule in RULES for finding in rule(spec)}
    order: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
    return tuple(
        sorted(findings, key=lambda item: (order[item.severity], item.place, item.code, str(item)))
    )


def profile_key(spec: ResolvedSpec, setting: str) -> str:
    """The key of the profile that decides a setting of serving.properties."""
    if setting in SETTING_KEYS:
        return SETTING_KEYS[setting]
    is_shared = setting in Settings.model_fields
    return setting if is_shared else f"{BACKEND_SECTIONS[spec.backend]}.{setting}"


def _finding(
    spec: ResolvedSpec,
    code: str,
    problem: str,
    *,
    key: str,
    fix: str | None = None,
    severity: Severity = "error",
) -> Finding:
    place = spec.place(key)
    return Finding(code=code, severity=severity, problem=problem, place=place, key=key, fix=fix)


def settings_the_backend_reads(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI102: a setting that the chosen image does not read would have no effect."""
    for name in spec.settings:
        if name in spec.support.property_names:
            continue
        key = profile_key(spec, name)
        problem = f"{spec.backend} on LMI {spec.container.version} does not read {name}"
        if name == "revision":
            fix = "copy the revision to S3 and set model.source, or leave the revision out"
        else:
            readers = [
                backend
                for backend, row in spec.container.backends.items()
                if name in row.property_names
            ]
            fix = f"remove it; {', '.join(readers)} would read it" if readers else "remove it"
        yield _finding(spec, "LMI102", problem, key=key, fix=fix)


def quantization_goes_together(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI103: method, backend, checkpoint, dtype, model family and GPU have to agree."""
    method, facts = spec.weights.quantize, spec.weights.facts
    already = facts.quantization if facts else None
    if method is None:
        if already is not None:
            problem = f"the checkpoint {spec.weights.model_id} is quantized with {already}"
            yield _finding(
                spec, "LMI103", problem, key="quantize", fix=f"quantize: {{method: {already}}}"
            )
        return
    row = spec.support.quantize.get(method)
    if row is None:
        able = [name for name, item in spec.container.backends.items() if method in item.quantize]
        problem = f"{spec.backend} on LMI {spec.container.version} does not take {method}"
        fix = f"backend: {' or '.join(able)}" if able else "another method or container version"
        yield _finding(spec, "LMI103", problem, key="quantize", fix=fix)
        return
    if row.needs_quantized_checkpoint and facts and already != method:
        problem = f"{method} needs a checkpoint quantized with it; {facts.id} is not one"
        fix = f"a model.id with {method} weights"
        yield _finding(spec, "LMI103", problem, key="quantize", fix=fix)
    if not row.needs_quantized_checkpoint and already is not None:
        problem = f"{method} quantizes plain weights; {spec.weights.model_id} has {already} already"
        yield _finding(spec, "LMI103", problem, key="quantize", fix="a model.id with fp16 weights")
    if "dtype" in spec.settings and spec.settings["dtype"] not in row.dtypes:
        problem = f"{method} on {spec.backend} does not go with dtype {spec.settings['dtype']}"
        fix = f"model.dtype: {row.dtypes[0]}" if row.dtypes else "leave model.dtype out"
        yield _finding(spec, "LMI103", problem, key="model.dtype", fix=fix)
    if row.model_types is not None and facts and facts.model_type not in row.model_types:
        problem = f"{method} on {spec.backend} serves {', '.join(row.model_types)}"
        yield _finding(spec, "LMI103", f"{problem}; not {facts.model_type}", key="quantize")
    has, needs = spec.gpu.compute_capability, row.min_compute_capability
    if needs is not None and has is not None and has < needs:
        problem = f"{method} needs compute capability {needs}; {spec.gpu.name} has {has}"
        yield _finding(spec, "LMI103", problem, key="quantize", fix="a newer GPU")


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
    yield _finding(spec, "LMI104", problem, key="backend", fix=f"one of {', '.join(able)}")


def dtype_goes_together(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI105: a dtype that the backend does not take, or that the GPU cannot compute in."""
    dtype = spec.weights.dtype
    if spec.weights.quantize is None and dtype not in spec.support.dtypes:
        problem = f"{spec.backend} on LMI {spec.container.version} does not take {dtype}"
        fix = f"one of {', '.join(spec.support.dtypes)}"
        yield _finding(spec, "LMI105", problem, key="model.dtype", fix=fix)
    capability = spec.gpu.compute_capability
    if dtype == "bf16" and capability is not None and capability < 8:  # noqa: PLR2004 - Ampere
        problem = f"bf16 needs compute capability 8.0; {spec.gpu.name} has {capability}"
        yield _finding(spec, "LMI105", problem, key="model.dtype", fix="model.dtype: fp16")


def degree_fits_the_instance(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI201, LMI202, LMI207: the degree against devices and heads, and the copies it implies."""
    degree, devices = spec.tensor_parallel_degree, spec.device_count
    key = "tensor_parallel_degree"
    kind = "GPUs" if spec.gpu.vendor == "nvidia" else "NeuronCores"
    if degree > devices:
        fitting = [str(item) for item in range(1, devices + 1) if devices % item == 0]
        problem = f"is {degree}, but {spec.instance.name} has {devices} {kind}"
        fix = f"{', '.join(fitting)} here, or an instance type with {degree} {kind}"
        yield _finding(spec, "LMI201", problem, key=key, fix=fix)
    elif devices % degree:
        problem = f"leaves {devices % degree} of {devices} {kind} idle"
        yield _finding(spec, "LMI201", problem, key=key, severity="warning")
    elif spec.copies > 1:
        problem = (
            f"makes {spec.copies} copies of the model on {devices} {kind}; "
            "the rolling batch counts for each of them"
        )
        yield _finding(spec, "LMI207", problem, key=key, severity="note")
    facts = spec.weights.facts
    if facts is not None and facts.num_attention_heads % degree:
        heads = facts.num_attention_heads
        fitting = [str(item) for item in range(1, devices + 1) if heads % item == 0]
        problem = f"is {degree}, which does not divide the {heads} attention heads"
        yield _finding(spec, "LMI202", problem, key=key, fix=f"one of {', '.join(fitting)}")


def weights_fit(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI203, LMI204: the weights against the memory of each GPU, and against the disk."""
    needed, usable = spec.weights_gib_per_gpu, spec.usable_gib_per_gpu
    if needed >= usable:
        problem = (
            f"the weights take {needed:.1f} GiB on each of {spec.tensor_parallel_degree} devices; "
            f"{spec.gpu.name} has {usable:.1f}"
        )
        fix = "a higher tensor_parallel_degree, a larger instance type, or quantized weights"
        yield _finding(spec, "LMI203", problem, key="instance_type", fix=fix)
    elif needed > TIGHT_WEIGHTS_FRACTION * usable:
        problem = (
            f"the weights take {needed:.1f} of {usable:.1f} GiB on each device; "
            "little is left for KV cache and activations"
        )
        yield _finding(spec, "LMI203", problem, key="instance_type", severity="warning")
    disk_gb = spec.instance.local_disk_gb or spec.endpoint.volume_gb or 0
    needed_gb = disk_bytes(spec.weights, compiles=spec.support.compiles_at_load) / 1e9
    if needed_gb > disk_gb:
        problem = f"loading takes about {needed_gb:.0f} GB of disk; there are {disk_gb:.0f}"
        yield _finding(spec, "LMI204", problem, key="instance_type", fix="a larger instance type")


def instance_can_host(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI205: SageMaker must offer the type for hosting, with the accelerator the image needs."""
    if not spec.instance.hosting:
        problem = f"SageMaker does not offer {spec.instance.name} for hosting"
        yield _finding(spec, "LMI205", problem, key="instance_type")
    is_neuron = spec.gpu.vendor == "aws"
    if is_neuron != (spec.image.accelerator == "neuron"):
        problem = f"{spec.backend} needs {spec.image.accelerator} devices; {spec.instance.name} has"
        yield _finding(
            spec, "LMI205", f"{problem} {spec.gpu.name}", key="instance_type", fix="another type"
        )


def all_reduce_has_links(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI206: TensorRT-LLM's own all-reduce works over NVLink only."""
    wanted = spec.settings.get("use_custom_all_reduce")
    if wanted is True and spec.instance.gpu_link not in {"nvlink", "nvswitch"}:
        problem = f"the GPUs of {spec.instance.name} are joined by {spec.instance.gpu_link}"
        key = "trtllm.use_custom_all_reduce"
        yield _finding(spec, "LMI206", problem, key=key, fix="use_custom_all_reduce: auto")


def raw_options_are_known(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI301, LMI302, LMI303: a raw key has to be one that the image reads and nobody else sets."""
    known = spec.container.options
    names = {name: ours for ours, name in spec.support.property_names.items()}
    names |= {name: ours for ours, more in spec.support.same_value.items() for name in more}
    for option in spec.options:
        key = f"options.{option}"
        if option in DERIVED_PROPERTIES or option in names:
            decided_by = DERIVED_PROPERTIES.get(option) or profile_key(spec, names[option])
            problem = f"the profile decides {option} itself"
            yield _finding(spec, "LMI302", problem, key=key, fix=f"use {decided_by} instead")
        elif option not in known:
            problem = f"LMI {spec.container.version} does not read {option}"
            fix = did_you_mean(option, known)
            yield _finding(spec, "LMI301", problem, key=key, fix=fix)
        elif not {"server", "any", spec.backend} & set(known[option]):
            problem = f"{option} is read by {', '.join(known[option])}, not by {spec.backend}"
            yield _finding(spec, "LMI303", problem, key=key, fix="remove it")


def properties_read_alike(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI304: the server and the compile script have to read the same pairs."""
    ours = {name: setting for setting, name in spec.support.property_names.items()}
    for name, reason in unreadable(spec):
        setting = ours.get(name)
        key = f"options.{name}" if setting is None else profile_key(spec, setting)
        yield _finding(spec, "LMI304", f"{name} {reason}", key=key, fix="use plain ASCII text")


def lengths_fit_the_model(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI401: prompt and answer together have to fit the positions the model was trained on."""
    facts = spec.weights.facts
    positions = facts.max_position_embeddings if facts else None
    longest = spec.max_input_len + spec.max_output_len
    if positions is not None and longest > positions:
        problem = f"prompt and answer may take {longest} tokens; the model has {positions}"
        key = "traffic.max_output_len"
        fix = f"at most {positions} together"
        yield _finding(spec, "LMI401", problem, key=key, fix=fix)
    for name in ("n_positions", "max_model_len"):
        limit = spec.settings.get(name)
        if isinstance(limit, int) and limit < longest:
            problem = f"is {limit}, but prompt and answer may take {longest} tokens"
            key = profile_key(spec, name)
            yield _finding(spec, "LMI401", problem, key=key, fix="leave it out")


def sections_are_for_the_backend(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI102: a section of another backend, where nothing but this hardware profile reads it."""
    ours = BACKEND_SECTIONS[spec.backend]
    others = {section for section in BACKEND_SECTIONS.values() if section != ours}
    for key, origin in spec.origin.items():
        section = key.partition(".")[0]
        is_own = origin.reason == f"profiles.{spec.hardware}" or origin.reason.startswith("--set ")
        if section in others and is_own:
            problem = f"is for another backend; this hardware profile runs {spec.backend}"
            yield _finding(spec, "LMI102", problem, key=key, fix="remove it")


def requests_find_a_slot(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI208: requests beyond the rolling batches of all copies wait in the server's queue."""
    if spec.concurrency is None or spec.max_rolling_batch_size is None:
        return
    slots = spec.max_rolling_batch_size * spec.copies * spec.endpoint.instance_count
    if spec.concurrency > slots:
        problem = f"is {spec.concurrency}, but {slots} sequences run at once; the rest will wait"
        yield _finding(spec, "LMI208", problem, key="traffic.concurrency", severity="note")


def weights_can_be_downloaded(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI402, LMI404: gated weights need a copy on S3; code beside weights must not change."""
    weights = spec.weights
    if weights.source is not None:
        return
    if weights.facts and weights.facts.is_gated:
        problem = f"{weights.model_id} is gated; the container cannot download it without a token"
        fix = "copy the weights to S3 and set model.source"
        yield _finding(spec, "LMI402", problem, key="model.id", fix=fix)
    if weights.revision is not None:
        return
    fix = "point model.source at a copy on S3"
    if "revision" in spec.support.property_names:
        fix = f"set model.revision to a commit, or {fix}"
    if spec.settings.get("trust_remote_code"):
        problem = "the model runs Python code from the hub, from whatever commit is newest"
        key = "model.trust_remote_code"
        yield _finding(spec, "LMI404", problem, key=key, fix=fix, severity="warning")
    else:
        problem = "the container downloads whatever commit is newest when it starts"
        yield _finding(spec, "LMI107", problem, key="model.id", fix=fix, severity="note")


def own_code_is_allowed(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI404: a checkpoint that brings its own code does not load unless that is allowed."""
    facts = spec.weights.facts
    if facts and facts.needs_remote_code and not spec.settings.get("trust_remote_code"):
        problem = f"{facts.id} runs Python code that stands beside its weights"
        key = "model.trust_remote_code"
        yield _finding(spec, "LMI404", problem, key=key, fix="model.trust_remote_code: true")


def engine_is_compiled_at_start(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI106: every start and every scale-out waits for the compilation."""
    if spec.support.compiles_at_load:
        minutes = spec.endpoint.model_loading_timeout_seconds // 60
        problem = f"each start compiles the model first; it gets {minutes} minutes in all"
        yield _finding(spec, "LMI106", problem, key="backend", severity="note")


def facts_are_known(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI403: rules that could not be checked, because the catalog does not hold the model."""
    if spec.weights.facts is None:
        problem = (
            f"the catalog does not hold {spec.weights.model_id}: attention heads, positions, "
            "model family and gating were not checked"
        )
        yield _finding(spec, "LMI403", problem, key="model.id", severity="warning")


RULES: tuple[Rule, ...] = (
    settings_the_backend_reads,
    sections_are_for_the_backend,
    quantization_goes_together,
    backend_serves_the_model,
    dtype_goes_together,
    degree_fits_the_instance,
    weights_fit,
    instance_can_host,
    all_reduce_has_links,
    raw_options_are_known,
    properties_read_alike,
    lengths_fit_the_model,
    requests_find_a_slot,
    weights_can_be_downloaded,
    own_code_is_allowed,
    engine_is_compiled_at_start,
    facts_are_known,
)


def check_region(spec: ResolvedSpec, region: str) -> str | None:
    """Why the image is not to be had in a region, or None when its registry lists it."""
    if region in region_set(spec.image.region_set).missing:
        return f"{spec.image.tag} is not published in {region}"
    return None
