"""The verdict on hand-written settings: what one LMI image makes of a file and an environment.

Pure, but for what reads the files a user names; `settings/` holds the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Container, FlavorImage, Gpu, InstanceType
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place, Severity
from lmi_deployer.model_facts import ModelFacts, from_catalog
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.secrets import FIX, is_secret, redacted
from lmi_deployer.server.facts import Facts, facts_for
from lmi_deployer.server.merged import Merged
from lmi_deployer.server.merging import merge
from lmi_deployer.server.selection import select
from lmi_deployer.settings import opening
from lmi_deployer.settings.judge import effective, judge
from lmi_deployer.settings.table import Table, table
from lmi_deployer.settings.unasked import unasked
from lmi_deployer.settings.view import Issue, View
from lmi_deployer.written import Written

MODEL_ID = "option.model_id"
MODEL_FOLDER = "/opt/ml/model"
"""Where SageMaker puts a model's files. Source: SageMaker developer guide, inference code."""
HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Variables that huggingface_hub takes a token from. Source: huggingface_hub/constants.py."""
RANKS: Mapping[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the settings are for: an image, and the machine and model where they are known."""

    container: Container
    flavor: str
    image: FlavorImage
    table: Table
    facts: Facts
    instance: InstanceType | None = None
    gpu: Gpu | None = None
    model: ModelFacts | None = None
    """Facts of the model that is served, whatever `option.model_id` names."""
    inference_ami: str | None = None
    weight_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is wrong with settings, and what holds of them."""

    issues: list[Issue]
    effective: dict[str, str]
    merged: Merged
    handler: str | None
    model: ModelFacts | None
    """The facts that were used: given, or the catalog's."""


@dataclass(frozen=True, kw_only=True)
class Linted:
    """The verdict on one file or folder."""

    name: str
    handler: str | None
    findings: tuple[Finding, ...]
    effective: Mapping[str, str]


def make_target(
    version: str,
    flavor: str | None,
    instance_type: str | None = None,
    model: ModelFacts | None = None,
) -> Target:
    """What to lint for. Raises InputError for an unknown version, flavor or instance type.

    The flavor may be left out where the version has one image.
    """
    container = catalog.container(version)
    flavors: Mapping[Any, FlavorImage] = container.flavors
    if flavor is None:
        if len(flavors) > 1:
            names = ", ".join(flavors)
            raise InputError(f"LMI {version} has several images", fix=f"--flavor, one of {names}")
        flavor = next(iter(flavors))
    if flavor not in flavors:
        problem = f"LMI {version} has no image {flavor!r}"
        raise InputError(problem, fix=did_you_mean(flavor, flavors))
    instance = None if instance_type is None else catalog.instance_type(instance_type)
    known = table(container.version)
    return Target(
        container=container,
        flavor=flavor,
        image=flavors[flavor],
        table=known,
        facts=facts_for(container.version, flavor, known.server, known.variables),
        instance=instance,
        gpu=None if instance is None else catalog.gpu(instance.gpu),
        model=model,
    )


def judge_settings(
    target: Target, properties: Mapping[str, str], environment: Mapping[str, str]
) -> Judged:
    """Everything that is wrong with settings whose texts have been read already."""
    merged = merge(target.facts, properties, environment)
    model = target.model or _model_named(
        merged.texts.get(MODEL_ID), is_newest="option.revision" not in merged.texts
    )
    selection = select(target.facts, merged.texts, model, merged.late)
    issues = [*opening.merging_issues(target.table, merged), *opening.selection_issues(selection)]
    if selection.handler is None and MODEL_ID not in merged.texts:
        # The model's own folder decides; what is written is judged as for one of LMI's handlers.
        assumed = {**merged.texts, MODEL_ID: MODEL_FOLDER}
        selection = select(target.facts, assumed, model, merged.late)
        issues += opening.selection_issues(selection)
    issues += opening.image_issues(target.container, target.flavor, selection)
    view = View(
        table=target.table,
        container=target.container,
        image=target.image,
        handler=selection.handler,
        engine=selection.engine,
        runs_python=selection.runs_python,
        is_mpi=bool(selection.is_mpi),
        rolling_batch=selection.rolling_batch,
        settings=merged.texts,
        written=selection.written,
        model=model,
        instance=target.instance,
        gpu=target.gpu,
        inference_ami=target.inference_ami,
        weight_bytes=target.weight_bytes,
        has_hub_token=any(environment.get(name) for name in HUB_TOKENS),
    )
    said = {issue.key for issue in issues if issue.severity == "error"}
    issues += [issue for issue in judge(view) if issue.key not in said]
    return Judged(
        issues=list(dict.fromkeys(issues)),
        effective={**effective(view), **selection.written},
        merged=merged,
        handler=selection.handler,
        model=model,
    )


@lru_cache(maxsize=256)
def _model_named(model_id: str | None, *, is_newest: bool) -> ModelFacts | None:
    """The catalog's facts; an older revision may call the same family otherwise, as Falcon's do."""
    known = None if model_id is None else catalog.find_model(model_id)
    if known is None:
        return None
    facts = from_catalog(known)
    return facts if is_newest else replace(facts, model_type=None, architectures=None)


def lint(written: Written, target: Target) -> Linted:
    """The verdict on settings that somebody wrote."""
    judged = judge_settings(target, written.properties, written.environment)
    findings = {
        *written.findings,
        *_findings(judged, written),
        *_secret_variables(written),
        *_not_checked(judged, written, target),
    }
    order = sorted(findings, key=lambda item: (RANKS[item.severity], item.place, str(item)))
    return Linted(
        name=written.name,
        handler=judged.handler,
        findings=tuple(order),
        effective={
            key: "***" if is_secret(key, text) else text for key, text in judged.effective.items()
        },
    )


def _not_checked(judged: Judged, written: Written, target: Target) -> Iterator[Finding]:
    """LMI403: the rules that what is known did not allow to ask."""
    found = unasked(judged.handler, judged.model, target.instance)
    if found is not None:
        problem, fix = found
        place = Place(written.name)
        yield Finding(code="LMI403", severity="note", problem=problem, place=place, fix=fix)


def _secret_variables(written: Written) -> Iterator[Finding]:
    """LMI006: variables beside the settings; SageMaker shows a container's to all who may look."""
    for name, text in written.environment.items():
        if is_secret(name, text):
            place = written.places.get(name, Place(written.name))
            problem = "holds a secret in plain text"
            yield Finding.error("LMI006", problem, place=place, key=redacted(name), fix=FIX)


def _findings(judged: Judged, written: Written) -> Iterator[Finding]:
    """Issues at the places where their keys were written, under the names used there."""
    settings = judged.merged.settings
    for issue in judged.issues:
        setting = settings.get(issue.key)
        name = redacted(issue.key if setting is None else setting.name)
        yield Finding(
            code=issue.code,
            severity=issue.severity,
            problem=redacted(issue.problem),
            place=written.places.get(name, Place(written.name)),
            key=name,
            fix=issue.fix,
        )
