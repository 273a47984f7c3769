"""The text of a starting profile: every key with what it means here, in a line."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from lmi_deployer.profile import API_VERSION
from lmi_deployer.profile_text import values
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.starting.choosing import lengths
from lmi_deployer.starting.subject import Subject

MAX_COLUMNS = 100
SCHEMA_LINE = "# yaml-language-server: $schema=profile.schema.json"


class _Page:
    """Lines, each as long as people read well."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def remark(self, text: str, indent: int = 0) -> None:
        """A comment on lines of its own."""
        pad = " " * indent
        self.lines += textwrap.wrap(
            text,
            MAX_COLUMNS,
            initial_indent=f"{pad}# ",
            subsequent_indent=f"{pad}# ",
            break_long_words=False,
            break_on_hyphens=False,
        )

    def key(self, key: str, value: object, comment: str, indent: int = 0) -> None:
        """A key with its comment: behind it, or above it where the line would be too long."""
        (line,) = values.entry(key, value, indent, 2)
        if len(line) + len(f"  # {comment}") > MAX_COLUMNS:
            self.remark(comment, indent)
            comment = ""
        self.lines.append(f"{line}  # {comment}" if comment else line)

    def example(self, line: str, indent: int = 0) -> None:
        """A key that is left out, with its comment, to take in by removing the sign."""
        self.lines.append(f"{' ' * indent}# {line}")

    def section(self, name: str) -> None:
        """The head of a part of the profile, with a blank line above it."""
        self.lines += ["", f"{name}:"]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def profile_text(
    subject: Subject,
    name: str,
    specs: Mapping[str, ResolvedSpec],
    *,
    is_container_given: bool,
    are_instances_given: bool,
) -> str:
    """The profile of a model; `specs` are its hardware profiles, by their names."""
    page = _Page()
    page.lines.append(SCHEMA_LINE)
    page.remark("A profile to start from. Check it, and see what each value comes to and why:")
    page.lines.append(f"#   lmi-deploy validate {name}")
    page.lines.append(f"#   lmi-deploy explain {name} -p {next(iter(specs))}")
    page.key("apiVersion", API_VERSION, "")
    page.key("kind", "ModelProfile", "")
    page.key("name", name, "endpoints are named after it and the hardware profile")
    _model(page, subject, tuple(specs.values()))
    _container(page, next(iter(specs.values())), is_given=is_container_given)
    _traffic(page, subject)
    _defaults(page, subject)
    page.section("profiles")
    version = next(iter(specs.values())).container.version
    for number, (hardware, spec) in enumerate(specs.items()):
        page.lines += [""] if number else []
        _hardware(page, hardware, spec, version, is_given=are_instances_given)
    return page.text


def _model(page: _Page, subject: Subject, specs: tuple[ResolvedSpec, ...]) -> None:
    page.section("model")
    if subject.facts is None:
        page.remark(
            "The catalog does not hold this model. Its family, attention heads and positions, and "
            "whether it is gated or quantized, are not known here, so nothing checks them.",
            indent=2,
        )
    about_id = "repository on the Hugging Face Hub"
    if subject.is_id_guessed:
        about_id = "from the folder's name; it says which facts apply, nothing is downloaded"
    page.key("id", subject.id, about_id, indent=2)
    if subject.source is not None:
        page.key("source", subject.source, "the container loads the weights from here", indent=2)
    else:
        if all("revision" in spec.support.property_names for spec in specs):
            page.example("revision: <commit>  # pins the weights; the newest commit otherwise", 2)
        page.example("source: s3://bucket/folder/  # a copy of the weights, instead of the hub", 2)
    if subject.weights_gib is not None:
        about_size = "size of the weight files"
        if subject.size_in_name is not None:
            about_size = f"estimated from {subject.size_in_name} in the name, 2 bytes a parameter"
        page.key("weights_gib", subject.weights_gib, about_size, indent=2)
    if subject.settings["model"].get("trust_remote_code"):
        about_code = "runs the Python code that stands beside the weights, which it needs"
        page.key("trust_remote_code", True, about_code, indent=2)
    if subject.settings["quantize"] == "none":
        page.key("dtype", "auto", _about_dtype(specs), indent=2)


def _about_dtype(specs: tuple[ResolvedSpec, ...]) -> str:
    dtypes = sorted({spec.weights.dtype for spec in specs})
    reason = _reason(specs[0], "model.dtype")
    if len(dtypes) > 1:
        return f"{' or '.join(dtypes)} here, as weights, GPU and backend take it"
    return reason if reason.startswith(dtypes[0]) else f"{dtypes[0]} here: {reason}"


def _container(page: _Page, spec: ResolvedSpec, *, is_given: bool) -> None:
    page.section("container")
    chosen = f"the newest verified LMI version with a backend for it on {spec.gpu.name}"
    page.key("version", spec.container.version, "LMI version" if is_given else chosen, indent=2)


def _traffic(page: _Page, subject: Subject) -> None:
    page.section("traffic")
    longest_input, longest_output = lengths(subject)
    positions = subject.facts.max_position_embeddings if subject.facts else None
    limit = f"; with the answer at most {positions}, the model's positions" if positions else ""
    page.key("max_input_len", longest_input, f"tokens of the longest prompt{limit}", indent=2)
    page.key("max_output_len", longest_output, "tokens of the longest answer", indent=2)
    page.example("concurrency: 16  # requests at once, to check against the rolling batch", 2)


def _defaults(page: _Page, subject: Subject) -> None:
    quantize = subject.settings["quantize"]
    if quantize == "none" and subject.facts is not None:
        return
    if quantize == "none":
        page.lines.append("")
        page.remark("If the weights are quantized already:")
        page.example("defaults:")
        page.example("  quantize: {method: awq}")
        return
    page.section("defaults")
    page.lines.append(f"  quantize: {values.inline(quantize)}  # as the weights are published")


def _hardware(
    page: _Page, hardware: str, spec: ResolvedSpec, version: str, *, is_given: bool
) -> None:
    if not is_given:
        page.remark(
            "The cheapest instance type, by the price table, that the checks have nothing against.",
            indent=2,
        )
    page.lines.append(f"  {hardware}:")
    page.key("instance_type", spec.instance.name, _machine(spec), indent=4)
    if spec.container.version != version:
        page.lines.append("    container:")
        about_version = "the newest verified LMI version with a backend for it here"
        page.key("version", spec.container.version, about_version, indent=6)
    page.key("backend", spec.backend, _reason(spec, "backend"), indent=4)
    degree = f"{spec.tensor_parallel_degree} here: {_reason(spec, 'tensor_parallel_degree')}"
    about_degree = "1 here: there is one GPU" if spec.device_count == 1 else degree
    page.key("tensor_parallel_degree", "auto", about_degree, indent=4)
    if spec.max_rolling_batch_size is not None:
        batch = f"{spec.max_rolling_batch_size} here: {_reason(spec, 'max_rolling_batch_size')}"
        page.key("max_rolling_batch_size", "auto", batch, indent=4)


def _machine(spec: ResolvedSpec) -> str:
    """`1 x A10G; weights take 12.6 of 22.0 GiB on each GPU; $1.41 an hour`."""
    weights = f"{spec.weights_gib_per_gpu:.1f} of {spec.usable_gib_per_gpu:.1f} GiB"
    device = "NeuronCore" if spec.gpu.neuron_cores else "GPU"
    price = f"; ${spec.usd_per_hour:.2f} an hour" if spec.usd_per_hour else ""
    machine = f"{spec.instance.gpu_count} x {spec.gpu.name}"
    return f"{machine}; weights take {weights} on each {device}{price}"


def _reason(spec: ResolvedSpec, key: str) -> str:
    """Why a value was decided so, without the kind of reason it is."""
    reason = spec.origin[key].reason
    return reason.partition(": ")[2] or reason
