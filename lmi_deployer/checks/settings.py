"""The container's verdict on what a profile renders to, told in the profile's own words.

`lint` judges hand-written files by the same rules; here each issue is put at the key that decided
the property.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding
from lmi_deployer.lint import Judged, Target, judge_settings
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.render import DERIVED_PROPERTIES, properties
from lmi_deployer.server.facts import Facts, facts_for
from lmi_deployer.settings.opening import CONTAINER
from lmi_deployer.settings.table import Table, table
from lmi_deployer.spec import ResolvedSpec

SAID_OTHERWISE = frozenset({"LMI209", "LMI402"})
"""Codes of rules that know more of a profile than its properties tell."""
MEMORY = "LMI203"
"""Said by the whole account of the memory, where there is one."""
ASSIGNMENT = re.compile(r"(option\.\w+)=([\w.-]+)")


def properties_hold(spec: ResolvedSpec) -> Iterator[Finding]:
    """Every issue of the rendered properties, on the profile's image, machine and model."""
    judged = judge(spec)
    yield from _server_runs_the_backend(spec, judged.handler)
    keys = _keys(spec)
    said = SAID_OTHERWISE if spec.memory is None else SAID_OTHERWISE | {MEMORY}
    for issue in judged.issues:
        if issue.code in said:
            continue
        key = keys.get(issue.key, f"options.{issue.key}")
        fix = _in_words_of_the_profile(issue.fix, keys)
        yield about(spec, issue.code, issue.problem, key=key, fix=fix, severity=issue.severity)


def _server_runs_the_backend(spec: ResolvedSpec, handler: str | None) -> Iterator[Finding]:
    """LMI104: a server that picks another handler for the model than the one that is meant.

    Where no line names the backend, the server goes by the model's architecture.
    """
    if handler == spec.backend or DERIVED_PROPERTIES.keys() & spec.options.keys():
        return  # a raw line that says so is LMI302
    problem = f"for {spec.weights.model_id} the server runs {handler or 'something else'}, "
    problem += f"not {spec.backend}"
    is_known = handler in spec.container.backends
    fix = f"backend: {handler}" if is_known else "another backend or container version"
    yield about(spec, "LMI104", problem, key="backend", fix=fix)


def _in_words_of_the_profile(fix: str | None, keys: Mapping[str, str]) -> str | None:
    """`option.dtype=fp16` as `model.dtype: fp16`, where a profile has a key for the property."""

    def as_setting(found: re.Match[str]) -> str:
        key, value = keys.get(found[1]), found[2]
        if key is None or key.startswith("options."):
            return found[0]
        return f"quantize: {{method: {value}}}" if key == "quantize" else f"{key}: {value}"

    return None if fix is None else ASSIGNMENT.sub(as_setting, fix)


@cache
def _of_image(version: str, flavor: str) -> tuple[Table, Facts]:
    known = table(version)
    return known, facts_for(version, flavor, known.server, known.variables)


def judge(spec: ResolvedSpec) -> Judged:
    """What the server of a spec's image makes of the spec's properties."""
    flavor = spec.support.flavor
    known, server = _of_image(spec.container.version, flavor)
    facts = spec.weights.facts
    target = Target(
        container=spec.container,
        flavor=flavor,
        image=spec.image,
        table=known,
        facts=server,
        instance=spec.instance,
        gpu=spec.gpu,
        model=facts or ModelFacts(),
        inference_ami=spec.image.inference_ami,
        weight_bytes=spec.weights.gpu_bytes,
    )
    return judge_settings(target, properties(spec), {})


def _keys(spec: ResolvedSpec) -> Mapping[str, str]:
    """Property: the key of the profile that decides it."""
    support = spec.support
    names = {name: setting for setting, name in support.property_names.items()}
    names |= {name: setting for setting, more in support.same_value.items() for name in more}
    keys = {name: profile_key(spec, setting) for name, setting in names.items()}
    raw = {name: f"options.{name}" for name in spec.options}
    own = {"instance_type": "instance_type", CONTAINER: CONTAINER}
    return {**own, **DERIVED_PROPERTIES, **keys, **raw}
