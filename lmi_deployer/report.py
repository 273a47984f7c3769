"""Results as text for people and as plain data for programs. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lmi_deployer.findings import Finding, Severity
from lmi_deployer.findings_report import finding_as_json
from lmi_deployer.paint import Paint, plain
from lmi_deployer.plan_file import SavedPlan, plan_as_json
from lmi_deployer.render import PROPERTIES_FILE, properties
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.step_lines import PAGE_COLUMNS

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.plan_impact import PlanImpact
    from lmi_deployer.sizing.memory import Memory

HOURS_PER_MONTH = 730
BAR_CHARACTERS = 20
SHOWN_ORIGINS = (
    "backend",
    "tensor_parallel_degree",
    "max_rolling_batch_size",
    "quantize",
    "model.dtype",
    "model_loading_timeout_seconds",
)


def header(spec: ResolvedSpec, region: str | None, where: str | None) -> str:
    """The first line of a plan: what, where, and on which container."""
    library = {"trtllm": "tensorrt_llm", "lmi-dist": "lmi_dist"}.get(spec.backend, spec.backend)
    parts = [
        f"{library} {spec.image.libraries[library]}" if library in spec.image.libraries else "",
        f"CUDA {spec.image.cuda}" if spec.image.cuda else "",
    ]
    bundled = ", ".join(part for part in parts if part)
    container = f"LMI {spec.container.version}" + (f" ({bundled})" if bundled else "")
    return "    ".join(part for part in (spec.title, region, container, where) if part)


def checks_block(
    spec: ResolvedSpec,
    findings: Sequence[Finding],
    paint: Paint = plain,
    engine: Iterable[tuple[str, str, str]] | None = None,
) -> str:
    """What was checked before planning: the profile, the memory, the rendered file, the engine.

    `engine` has (sign, name, text) of what was looked up; without it, what can be told unseen.
    """
    lines = [
        _check("ok", "profile", f"{spec.file}{_counted(findings)}", paint),
        *_memory_lines(spec, paint),
        _check("ok", "rendered", f"{PROPERTIES_FILE}, {len(properties(spec))} keys", paint),
    ]
    if engine is None and spec.compiles_at_start:
        minutes = spec.endpoint.startup_timeout_seconds // 60
        text = f"compiled in the container at every start, which gets {minutes} min in all"
        engine = [("--", "engine", text)]
    lines += [_check(sign, name, text, paint) for sign, name, text in engine or ()]
    return "\n".join(lines)


def _memory_lines(spec: ResolvedSpec, paint: Paint) -> list[str]:
    """Where the memory of one device goes, and what its cache holds; else the weights alone."""
    machine = f"{spec.device_count} x {spec.gpu.name}"
    machine += f", tensor_parallel_degree {spec.tensor_parallel_degree}"
    memory, setup = spec.memory, spec.setup
    if memory is None or setup is None:
        used, usable = spec.weights_gib_per_gpu, spec.usable_gib_per_gpu
        share = f"per GPU  {used:.1f} of {usable:.1f} GiB  {_bar(used / usable)}"
        return [_check("ok", "weights", machine), _check("", "", share)]
    from lmi_deployer.answering.page import memory_line

    name = {"fits": "fits", "tight": "tight", "does_not_fit": "too large"}[memory.verdict]
    sign = "ok" if memory.verdict == "fits" else "!!"
    if spec.evidence is not None and sign != "ok":
        sign, name = "ok", "published"
    lines = [
        _check(sign, name, machine, paint),
        *_within_page(_check("", "", memory_line(memory, setup))),
    ]
    if memory.kv_cache_tokens:
        low, high = memory.bound.kv_cache_tokens_low, memory.bound.kv_cache_tokens_high
        lengths = f"{setup.max_input_len} + {setup.max_output_len} tokens"
        held = f"cache of {memory.kv_cache_tokens:,} tokens ({low:,} to {high:,}): "
        held += f"{memory.max_sequences:,} sequences of {lengths}"
        lines.append(_check("", "", held))
    if name == "published" and spec.evidence is not None:
        lines.append(_check("", "", f"by this estimate {_doubt(spec, memory)};"))
        lines.append(_check("", "", f"it ran so: {spec.evidence.citation}"))
    return lines


def _doubt(spec: ResolvedSpec, memory: Memory) -> str:
    """What the estimate has against a configuration that a guide ran."""
    if not memory.fits:
        return "it would not start"
    batch = spec.max_rolling_batch_size or 1
    if memory.max_sequences < batch:
        return f"{memory.max_sequences} of {batch} slots can be filled to full length"
    return "it is not sure to start"


def _within_page(line: str) -> tuple[str, ...]:
    """The line, with the sum and its bar on a line of their own where it would be too wide."""
    if len(line) <= PAGE_COLUMNS:
        return (line,)
    figures, _, total = line.partition("  =  ")
    return (figures, _check("", "", f"=  {total}"))


def _check(sign: str, name: str, text: str, paint: Paint = plain) -> str:
    shown = paint(f"{sign:2}", "green") if sign == "ok" else f"{sign:2}"
    return f"  {shown}  {name:<11}  {text}".rstrip()


def _counted(findings: Sequence[Finding]) -> str:
    kinds: tuple[Severity, ...] = ("error", "warning", "note")
    counts = [(kind, sum(item.severity == kind for item in findings)) for kind in kinds]
    shown = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts if count]
    return f"   {', '.join(shown)}" if shown else ""


def _bar(fraction: float) -> str:
    filled = max(0, min(BAR_CHARACTERS, round(fraction * BAR_CHARACTERS)))
    return f"[{'#' * filled}{'-' * (BAR_CHARACTERS - filled)}]"


def cost_text(spec: ResolvedSpec, region: str) -> str:
    """What the endpoint costs in a region, and where and when that price was read."""
    from lmi_deployer import prices

    count = spec.endpoint.instance_count
    quote = prices.known().quote(spec.instance.name, region)
    machines = f"{count} x {spec.instance.name}"
    price = quote.nearest
    if price is None:
        return f"Cost  {machines}: no price is in the catalog"
    hourly = price.usd_per_hour * count
    cost = f"Cost  ${hourly:,.2f} per hour, ${hourly * HOURS_PER_MONTH:,.0f} per {HOURS_PER_MONTH} "
    cost += f"hours for {machines}"
    if quote.price is None:
        return f"{cost}\n      price of {price.region} of {price.as_of}, none for {region} known"
    return f"{cost} ({price.region}, price of {price.as_of})"


def _price_as_json(spec: ResolvedSpec, region: str) -> dict[str, Any]:
    """What the endpoint costs in a region; of another one where that has no price."""
    from lmi_deployer import prices

    price = prices.known().quote(spec.instance.name, region).nearest
    return {
        "usd_per_hour": price and price.usd_per_hour * spec.endpoint.instance_count,
        "price_region": price and price.region,
        "price_as_of": price and price.as_of.isoformat(),
    }


def why_text(spec: ResolvedSpec) -> str:
    """Where the settings that decide most come from."""
    from lmi_deployer.decided import values_of

    values = values_of(spec)
    rows = [
        (f"{key} = {values[key]}", str(spec.origin[key]))
        for key in SHOWN_ORIGINS
        if key in spec.origin and key in values
    ]
    width = max((len(left) for left, _ in rows), default=0)
    lines = [f"{left:<{width}}   {right}" for left, right in rows]
    return "\n".join(
        f"{'Why' if index == 0 else '':<4}  {line}" for index, line in enumerate(lines)
    )


def spec_as_json(spec: ResolvedSpec) -> dict[str, Any]:
    """The decided settings of one hardware profile, with the origin of each."""
    return {
        "profile": spec.name,
        "hardware": spec.hardware,
        "file": spec.file,
        "container_version": spec.container.version,
        "image_tag": spec.image.tag,
        "backend": spec.backend,
        "model_id": spec.weights.model_id,
        "revision": spec.weights.revision,
        "dtype": spec.weights.dtype,
        "quantize": spec.weights.quantize,
        "instance_type": spec.instance.name,
        "instance_count": spec.endpoint.instance_count,
        "gpu": spec.gpu.name,
        "tensor_parallel_degree": spec.tensor_parallel_degree,
        "max_rolling_batch_size": spec.max_rolling_batch_size,
        "weights_gib_per_gpu": round(spec.weights_gib_per_gpu, 3),
        "usable_gib_per_gpu": spec.usable_gib_per_gpu,
        "memory": _memory_as_json(spec),
        "usd_per_hour": spec.usd_per_hour,
        "properties": properties(spec),
        "origin": {key: str(origin) for key, origin in sorted(spec.origin.items())},
    }


def _memory_as_json(spec: ResolvedSpec) -> dict[str, Any] | None:
    """Where the memory goes, as `size -o json` tells it; None where the shape is not known."""
    from lmi_deployer.answering.document import memory_as_json

    memory, evidence = spec.memory, spec.evidence
    if memory is None:
        return None
    return {
        "fits": memory.fits,
        "verdict": memory.verdict,
        **memory_as_json(memory),
        "published": None if evidence is None else evidence.citation,
    }


def saved_plan_as_json(
    saved: SavedPlan,
    spec: ResolvedSpec,
    findings: Iterable[Finding],
    outlook: Outlook | None = None,
    effect: PlanImpact | None = None,
) -> dict[str, Any]:
    """What `plan -o json` prints: the plan as it would be saved, the spec and its findings."""
    return {
        **plan_as_json(saved),
        "impact": None if effect is None else effect.impact.label,
        "changed": {}
        if effect is None
        else {part: [*names] for part, names in effect.changed.items()},
        "unread": [] if effect is None else list(effect.unread),
        "compiled": None if outlook is None else outlook.as_json(),
        "spec": {**spec_as_json(spec), **_price_as_json(spec, saved.region)},
        "findings": [finding_as_json(finding) for finding in findings],
    }
