"""Which container and instance type a starting profile gets: the first that the checks let by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from lmi_deployer import api, catalog
from lmi_deployer.catalog.rows import InstanceType
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, errors_among
from lmi_deployer.hardware import LoadedProfile, load_profile
from lmi_deployer.profile import API_VERSION
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.starting.subject import Subject

MAX_INPUT_LEN, MAX_OUTPUT_LEN = 1024, 512
"""Tokens, where the model has positions enough for both."""
_DRAFT = "draft"
_ABOUT_THE_MACHINE = "LMI2"
"""How the codes of findings about memory, GPUs, disk and host begin."""


def lengths(subject: Subject) -> tuple[int, int]:
    """Longest prompt and longest answer, in tokens, which the model's positions hold together."""
    positions = subject.facts.max_position_embeddings if subject.facts else None
    if positions is None or positions >= MAX_INPUT_LEN + MAX_OUTPUT_LEN:
        return MAX_INPUT_LEN, MAX_OUTPUT_LEN
    answer = positions // 4
    return positions - answer, answer


def choose(
    subject: Subject, instances: Sequence[str], container: str | None
) -> tuple[ResolvedSpec, ...]:
    """One decided spec for each instance type; of the cheapest that will do when none is named.

    Without a version, the newest whose facts are verified and that serves the model there; the
    version of the first instance type is tried first for the others. Raises InputError for an
    unknown name and, with the reasons, where nothing serves the model.
    """
    draft = _draft(subject)
    versions = [catalog.container(container).version] if container else _verified_versions()
    if not instances:
        return (_cheapest(draft, versions),)
    specs: list[ResolvedSpec] = []
    for name in dict.fromkeys(instances):
        specs.append(_newest(draft, catalog.instance_type(name), versions))
        first = specs[0].container.version
        versions = [first, *(version for version in versions if version != first)]
    return tuple(specs)


def refusal(title: str, findings: Iterable[Finding]) -> InputError:
    """The error for a model that cannot be served so, with all reasons and the first way out."""
    errors = errors_among(findings)
    reasons = "".join(
        f"\n  [{item.code}] {item.key or 'profile'}: {item.problem}" for item in errors
    )
    fixes = [item.fix for item in errors if item.fix and item.key != "backend"]  # chosen here
    return InputError(f"{title}:{reasons}", fix=fixes[0] if fixes else None)


def _draft(subject: Subject) -> LoadedProfile:
    """A profile of the model alone; container and instance type are laid over it."""
    longest_input, longest_output = lengths(subject)
    content = {
        "apiVersion": API_VERSION,
        "kind": "ModelProfile",
        "name": _DRAFT,
        "model": subject.settings["model"],
        "container": {},
        "traffic": {"max_input_len": longest_input, "max_output_len": longest_output},
        "profiles": {_DRAFT: {"quantize": subject.settings["quantize"]}},
    }
    return load_profile(json.dumps(content), _DRAFT)  # JSON is YAML


def _verified_versions() -> list[str]:
    """From the newest to the oldest."""
    versions = reversed(catalog.names("containers"))
    return [name for name in versions if catalog.container(name).is_verified]


def _attempt(draft: LoadedProfile, version: str, instance: InstanceType) -> api.Checked:
    overrides = [f'container.version="{version}"', f"instance_type={instance.name}"]
    return api.check(draft, _DRAFT, overrides)


def _newest(draft: LoadedProfile, instance: InstanceType, versions: Sequence[str]) -> ResolvedSpec:
    reasons: tuple[Finding, ...] = ()
    for version in versions:
        checked = _attempt(draft, version, instance)
        if checked.spec is not None and not errors_among(checked.findings):
            return checked.spec
        reasons = reasons or checked.findings
    raise refusal(f"nothing serves it on {instance.name}; with LMI {versions[0]}", reasons)


def _cheapest(draft: LoadedProfile, versions: Sequence[str]) -> ResolvedSpec:
    """The first version, and on it the cheapest machine that no check has anything against."""
    reasons: tuple[Finding, ...] = ()
    for version in versions:
        for instance in _candidates():
            checked = _attempt(draft, version, instance)
            if checked.spec is not None and not any(map(_stands_against, checked.findings)):
                return checked.spec
            if version == versions[0]:
                reasons = checked.findings
    raise refusal(f"no instance type serves it; with LMI {versions[0]} on the largest", reasons)


def _stands_against(finding: Finding) -> bool:
    """True for errors, and for warnings about the machine: memory that barely holds the weights."""
    is_machine = finding.code.startswith(_ABOUT_THE_MACHINE)
    return finding.severity == "error" or (finding.severity == "warning" and is_machine)


def _candidates() -> Iterator[InstanceType]:
    """GPU instance types that may host, the cheapest first; those without a price, last by size.

    Neuron is left to those who ask for it: what runs there is compiled for its shapes first.
    """
    rows = [catalog.instance_type(name) for name in catalog.names("instances")]
    usable = [row for row in rows if row.hosting and catalog.gpu(row.gpu).vendor == "nvidia"]
    return iter(sorted(usable, key=_cost))


def _cost(row: InstanceType) -> tuple[float, float]:
    memory = row.gpu_count * catalog.gpu(row.gpu).memory_gib
    return (row.price.usd_per_hour if row.price else float("inf"), memory)
