"""A profile out of what serves already: hand-written settings, or an endpoint.

What the profile renders is what the source says, line by line; what nothing reads is left out and
reported. Nothing is repaired on the way: settings that would not serve are refused with reasons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lmi_deployer import api, catalog, render
from lmi_deployer.catalog.rows import BackendSupport, Container, InstanceType
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, ProfileError, errors_among
from lmi_deployer.hardware import load_profile
from lmi_deployer.importing import exact, wording
from lmi_deployer.importing.draft import make_draft
from lmi_deployer.importing.model import facts_of, find_subject
from lmi_deployer.importing.source import LeftOut, Source, read_source, refuse_secrets
from lmi_deployer.lint import Target, judge_settings, make_target
from lmi_deployer.server.facts import Facts
from lmi_deployer.server.merging import merge
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.written import Written

__all__ = ["Imported", "LeftOut", "Wish", "import_profile"]

Read = Callable[[Facts], Written]
"""Reads the source for one image: what its compile scripts make of a file differs."""
MAX_NAME_CHARACTERS = 30


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a profile needs besides the settings themselves."""

    container: str
    """LMI version."""
    instance_type: str
    flavor: str | None = None
    """The image; found by trying where only one of them serves with the settings."""
    name: str | None = None
    """Of the profile; made from the model's where left out."""
    hardware: str | None = None
    """Of the hardware profile; the instance type's family where left out."""
    model_id: str | None = None
    """The repository that weights on S3 are a copy of."""
    weights_gib: float | None = None
    endpoint: Callable[[str], Mapping[str, Any]] | None = None
    """The endpoint section, where the source is an endpoint, given its name without one."""
    startup_seconds: int | None = None
    """What the endpoint allows until it has to answer."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A profile that is valid, and renders what its source says."""

    text: str
    spec: ResolvedSpec
    source_findings: tuple[Finding, ...]
    """What lint says about the source."""
    findings: tuple[Finding, ...]
    """Warnings and notes about the profile."""
    left_out: tuple[LeftOut, ...]
    respelt: tuple[str, ...]
    """Variables whose setting the profile renders as another variable, or several as one."""


def import_profile(read: Read, wish: Wish) -> Imported:
    """The profile that says what the settings say.

    Raises ProfileError for settings that hold a secret or would not serve, and for a profile that
    the checks refuse; InputError for what a profile cannot be made of.
    """
    container = catalog.container(wish.container)
    instance = catalog.instance_type(wish.instance_type)
    targets = _targets(container, instance, wish.flavor)
    written = read(targets[0].facts)
    refuse_secrets(written)
    merged = merge(targets[0].facts, written.properties, written.environment)
    subject = find_subject(merged.texts, wish.model_id, wish.weights_gib)
    target = _fitting([replace(item, model=facts_of(subject)) for item in targets], written)
    source = read_source(read(target.facts), target)
    draft = make_draft(source, subject, instance, wish.startup_seconds)
    name = wish.name or slug(subject.id)
    hardware = wish.hardware or instance.family
    if wish.endpoint is not None:
        draft.hardware["endpoint"] = wish.endpoint(f"{name}-{hardware}")
    data = exact.content(draft, name, hardware, container.version)
    draft.hardware["options"] = exact.options(exact.decide(data, hardware), source.lines)
    text = wording.profile_text(draft, source, name=name, hardware=hardware)
    spec, findings = _checked(text, name, hardware, source)
    return Imported(
        text=text,
        spec=spec,
        source_findings=source.findings,
        findings=findings,
        left_out=source.left_out,
        respelt=_respelt(spec, source),
    )


def _targets(container: Container, instance: InstanceType, flavor: str | None) -> list[Target]:
    """The images of a version that could be meant, as `up` would start them."""
    accelerator = "neuron" if catalog.gpu(instance.gpu).vendor == "aws" else "gpu"
    flavors: list[str] = [
        name for name, image in container.flavors.items() if image.accelerator == accelerator
    ]
    targets = [
        make_target(container.version, name, instance.name)
        for name in ([flavor] if flavor else flavors or container.flavors)
    ]
    return [replace(item, inference_ami=item.image.inference_ami) for item in targets]


def _fitting(targets: Sequence[Target], written: Written) -> Target:
    """The image that serves best with the settings. Raises InputError where that is open.

    Where none of them does, one of them is given all the same, to say why.
    """
    if len(targets) == 1:
        return targets[0]
    ranks = [_rank(target, written) for target in targets]
    best = [target for target, rank in zip(targets, ranks, strict=True) if rank == min(ranks)]
    does_any_serve = min(ranks)[0] == 0
    if len(best) > 1 and does_any_serve:
        names = ", ".join(target.flavor for target in best)
        problem = f"several images of LMI {best[0].container.version} serve with these settings"
        raise InputError(problem, fix=f"--flavor, one of {names}")
    return best[0]


def _rank(target: Target, written: Written) -> tuple[int, int]:
    """0 where profiles run what serves in this image, else 1; then the number of errors."""
    judged = judge_settings(target, written.properties, written.environment)
    backends: Mapping[Any, BackendSupport] = target.container.backends
    support = backends.get(judged.handler)
    is_elsewhere = support is None or support.flavor != target.flavor
    return int(is_elsewhere), sum(issue.severity == "error" for issue in judged.issues)


def slug(model_id: str) -> str:
    """A profile's name out of a model's: `meta-llama/Llama-3.1-8B` gives `llama-3-1-8b`."""
    words = re.sub(r"[^a-z0-9]+", "-", model_id.rpartition("/")[2].lower())
    return words.strip("-")[:MAX_NAME_CHARACTERS].strip("-")


def _checked(
    text: str, name: str, hardware: str, source: Source
) -> tuple[ResolvedSpec, tuple[Finding, ...]]:
    """The finished profile, decided, and what the checks say. Raises ProfileError for errors."""
    checked = api.check(load_profile(text, f"{name}.yaml"), hardware)
    errors = errors_among(checked.findings)
    if errors or checked.spec is None:
        raise ProfileError(errors or checked.findings)
    rendered = render.properties(checked.spec)
    if rendered != source.lines:
        names = sorted(dict(rendered.items() ^ source.lines.items()))
        raise AssertionError(f"{name} renders {', '.join(names)} otherwise than its source")
    return checked.spec, tuple(item for item in checked.findings if item.severity == "warning")


def _respelt(spec: ResolvedSpec, source: Source) -> tuple[str, ...]:
    """Variables that the environment of the profile says under another name."""
    environment = source.written.environment
    if not environment:
        return ()
    try:
        rendered = render.environment(spec)
    except InputError:  # a key that no variable can carry, which came from a file beside it
        rendered = {}
    gone = {item.name for item in source.left_out}
    return tuple(
        name
        for name, value in environment.items()
        if name not in gone and rendered.get(name) != value
    )
