"""Rules about what is written: settings that nothing reads, raw options, and their spelling."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer.checks import settings
from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding
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
            if spec.compilation is not None:
                fix = f"compile.mode: aot, which compiles that revision; or {fix}"
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


def raw_options_stand_beside_settings(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI302: a raw key that another part of the profile decides.

    A raw value may say what no setting can. It must not change the backend, for which everything
    else was worked out; and a setting that it overrides had better not say something else.
    """
    names = {name: ours for ours, name in spec.support.property_names.items()}
    names |= {name: ours for ours, more in spec.support.same_value.items() for name in more}
    for option, value in spec.options.items():
        key = f"options.{option}"
        if option in DERIVED_PROPERTIES:
            handler = settings.judge(spec).handler
            if handler != spec.backend:
                problem = f"with this the server would run {handler or 'something else'}, while "
                problem += f"everything else is worked out for {spec.backend}"
                fix = f"use {DERIVED_PROPERTIES[option]} instead"
                yield about(spec, "LMI302", problem, key=key, fix=fix)
        elif option in names and value is not None:
            decided_by = profile_key(spec, names[option])
            problem = f"overrides {decided_by}, by which memory, copies and timeouts were reckoned"
            fix = f"use {decided_by} instead, where it can say the same"
            yield about(spec, "LMI302", problem, key=key, fix=fix, severity="warning")


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
