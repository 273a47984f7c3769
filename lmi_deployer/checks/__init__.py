"""Every rule about a decided spec, as functions that return findings.

A rule looks at the spec alone: the catalog rows it needs are part of the spec. A rule that cannot
be checked because a fact is missing says so (LMI403); none passes silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lmi_deployer.catalog import region_set
from lmi_deployer.checks import hardware, memory, model, options, settings
from lmi_deployer.checks.about import profile_key
from lmi_deployer.findings import Finding, Severity
from lmi_deployer.spec import ResolvedSpec

__all__ = ["RULES", "Rule", "check", "check_region", "profile_key"]

COMPILING = ("compile.", "quality.")
"""Beginnings of the keys of the profile that are about compiling ahead of time."""
Rule = Callable[[ResolvedSpec], Iterable[Finding]]


def compiling_ahead_works(spec: ResolvedSpec) -> Iterator[Finding]:
    """LMI601 to LMI609, which are all about what somebody wrote."""
    if any(key.startswith(COMPILING) and not spec.origin[key].rule for key in spec.origin):
        from lmi_deployer.checks.compilation import RULES

        for rule in RULES:
            yield from rule(spec)


RULES: tuple[Rule, ...] = (
    options.settings_the_backend_reads,
    options.sections_are_for_the_backend,
    model.backend_takes_the_method,
    model.backend_takes_the_dtype,
    memory.memory_holds_the_model,
    memory.cache_holds_the_batch,
    hardware.weights_fit_on_the_disk,
    hardware.host_can_compile,
    options.raw_options_stand_beside_settings,
    options.properties_read_alike,
    model.lengths_fit_the_model,
    hardware.requests_find_a_slot,
    hardware.answers_come_in_time,
    options.raw_worker_counts,
    model.weights_can_be_downloaded,
    hardware.engine_is_compiled_at_start,
    model.facts_are_known,
    model.the_model_agrees_with_itself,
    compiling_ahead_works,
)


def check(spec: ResolvedSpec) -> tuple[Finding, ...]:
    """Every finding about a spec, errors first, each group in the order of the file."""
    findings = {finding for rule in RULES for finding in rule(spec)}
    wrong = {finding.key for finding in findings if finding.severity == "error"}
    said = {(finding.code, finding.key) for finding in findings}
    findings |= {  # what a key renders to need not be told a second time
        item
        for item in settings.properties_hold(spec)
        if item.key not in wrong and (item.code, item.key) not in said
    }
    order: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
    return tuple(
        sorted(findings, key=lambda item: (order[item.severity], item.place, item.code, str(item)))
    )


def check_region(spec: ResolvedSpec, region: str) -> str | None:
    """Why the image is not to be had in a region, or None when its registry lists it."""
    if region in region_set(spec.image.region_set).missing:
        return f"{spec.image.tag} is not published in {region}"
    return None
