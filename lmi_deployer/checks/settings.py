"""The container's verdict on what a profile renders to, told in the profile's own words.

`lint` judges hand-written files by the same rules; here each issue is put at the key that decided
the property.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lmi_deployer.checks.about import about, profile_key
from lmi_deployer.findings import Finding
from lmi_deployer.lint import Judged, Target, judge_settings
from lmi_deployer.model_facts import ModelFacts, from_catalog
from lmi_deployer.render import DERIVED_PROPERTIES, properties
from lmi_deployer.server.facts import facts_for
from lmi_deployer.settings.opening import CONTAINER
from lmi_deployer.settings.table import table
from lmi_deployer.spec import ResolvedSpec

SAID_OTHERWISE = frozenset({"LMI209", "LMI402"})
"""Codes of rules that know more of a profile than its properties tell."""


def properties_hold(spec: ResolvedSpec) -> Iterator[Finding]:
    """Every issue of the rendered properties, on the profile's image, machine and model."""
    judged = judge(spec)
    keys = _keys(spec)
    for issue in judged.issues:
        if issue.code in SAID_OTHERWISE:
            continue
        key = keys.get(issue.key, f"options.{issue.key}")
        yield about(
            spec, issue.code, issue.problem, key=key, fix=issue.fix, severity=issue.severity
        )


def judge(spec: ResolvedSpec) -> Judged:
    """What the server of a spec's image makes of the spec's properties."""
    known = table(spec.container.version)
    flavor = spec.support.flavor
    facts = spec.weights.facts
    target = Target(
        container=spec.container,
        flavor=flavor,
        image=spec.image,
        table=known,
        facts=facts_for(spec.container.version, flavor, known.server, known.variables),
        instance=spec.instance,
        gpu=spec.gpu,
        model=ModelFacts() if facts is None else from_catalog(facts),
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
