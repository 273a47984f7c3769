"""Rules about what is written: settings that nothing reads, raw options, and their spelling."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.render import DERIVED_PROPERTIES, unreadable
from lmi_deployer.resolve import BACKEND_SECTIONS
from lmi_deployer.spec import ResolvedSpec

WORKER_OPTIONS = frozenset({"minWorkers", "maxWorkers", "load_on_devices"})
"""Last part of `minWorkers`, `gpu.maxWorkers` and their like."""


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
        yield about(spec, "LMI102", problem, key=key, fix=fix)


def sections_are_for_the_backend(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI102: a section of another backend, where nothing but this hardware profile reads it."""
    ours = BACKEND_SECTIONS[spec.backend]
    others = {section for section in BACKEND_SECTIONS.values() if section != ours}
    for key, origin in spec.origin.items():
        section = key.partition(".")[0]
        is_own = origin.reason == f"profiles.{spec.hardware}" or origin.reason.startswith("--set ")
        if section in others and is_own:
            problem = f"is for another backend; this hardware profile runs {spec.backend}"
            yield about(spec, "LMI102", problem, key=key, fix="remove it")


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
            yield about(spec, "LMI302", problem, key=key, fix=f"use {decided_by} instead")
        elif option not in known:
            problem = f"LMI {spec.container.version} does not read {option}"
            fix = did_you_mean(option, known)
            yield about(spec, "LMI301", problem, key=key, fix=fix)
        elif not {"server", "any", spec.backend} & set(known[option]):
            problem = f"{option} is read by {', '.join(known[option])}, not by {spec.backend}"
            yield about(spec, "LMI303", problem, key=key, fix="remove it")


def raw_worker_counts(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI305: memory and timeouts are worked out for the copies that the degree implies."""
    for option in spec.options:
        if option.rpartition(".")[2] in WORKER_OPTIONS:
            problem = (
                f"{option} changes how many copies of the model run; "
                f"memory and timeouts were worked out for {spec.copies}"
            )
            key = f"options.{option}"
            yield about(spec, "LMI305", problem, key=key, severity="warning")


def properties_read_alike(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI304: the server and the compile script have to read the same pairs."""
    ours = {name: setting for setting, name in spec.support.property_names.items()}
    for name, reason in unreadable(spec):
        setting = ours.get(name)
        key = f"options.{name}" if setting is None else profile_key(spec, setting)
        yield about(spec, "LMI304", f"{name} {reason}", key=key, fix="use plain ASCII text")
