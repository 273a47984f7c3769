"""What is served beside what a profile asks for, and from which compiled engines."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER
from lmi_deployer.deployment import KEY_FOLDER, make_deployment
from lmi_deployer.errors import InputError
from lmi_deployer.plan import Plan, make_plan
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.steps import DeleteObjects, UpdateEndpoint

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.spec import ResolvedSpec

ENGINE_LINE = re.compile(
    rf"^option\.model_id=(s3://\S+/{KEY_FOLDER}){ARTIFACT_FOLDER}$", re.MULTILINE
)
"""In serving.properties: that a compiled engine is served, and from which folder."""
ABSENT = "it is not deployed"
GONE = "the configuration or the model that it runs from is gone, or is not of lmi-deploy's kind"
LOOK = "`lmi-deploy plan` shows what differs"


def is_compiled(spec: ResolvedSpec) -> bool:
    """True where something is compiled, ahead or in the container."""
    return spec.compilation is not None or spec.support.compiles_at_load


def engines_used(plan: Plan, aws: Aws) -> tuple[str, ...]:
    """S3 folders of the compiled engines that the bundles which a plan deletes serve."""
    texts = [(aws.content(uri) or b"").decode("ascii", "replace") for uri in _deleted(plan)]
    served = (ENGINE_LINE.search(text) for text in texts)
    return tuple(sorted({match[1] for match in served if match}))


def replaced_engines(plan: Plan, aws: Aws) -> tuple[str, ...] | None:
    """The same of an update; None for a plan that changes no endpoint's files."""
    is_update = any(isinstance(step, UpdateEndpoint) for step in plan.steps)
    return engines_used(plan, aws) if is_update and _deleted(plan) else None


def _deleted(plan: Plan) -> list[str]:
    """Every serving.properties that a plan deletes."""
    return [
        uri
        for step in plan.steps
        if isinstance(step, DeleteObjects)
        for uri in step.uris
        if uri.endswith(f"/model/{PROPERTIES_FILE}")
    ]


def difference(spec: ResolvedSpec, aws: Aws) -> str | None:
    """Why a profile is not what is live; None where nothing would change.

    Whatever the execution role that the live model has.
    """
    role = spec.endpoint.role or aws.live_role(spec.endpoint.name)
    if role is None:
        return ABSENT if aws.endpoint(spec.endpoint.name) is None else GONE
    target = aws.target(role, spec.endpoint.artifacts)
    outlook: Outlook | None = None
    if is_compiled(spec):
        from lmi_deployer.compiling import choosing

        try:
            outlook = choosing.choose(spec, aws)
        except InputError as error:  # the weights are gone, so `up` has something to say
            return error.problem
        if outlook.fate == "compiled first":
            return f"its {outlook.name} is not in the cache: `lmi-deploy up` compiles it first"
        spec = choosing.served(outlook)
    wanted = make_deployment(spec, target)
    plan = make_plan(wanted, aws.observe(wanted.identity), verify=False)
    if not plan.steps:
        return None
    if outlook is None:
        return LOOK
    return _of_engine(replace(outlook, until_now=replaced_engines(plan, aws))) or LOOK


def _of_engine(outlook: Outlook) -> str | None:
    """What differs about the engine; None where it is something else that does."""
    if outlook.until_now is None:
        return None
    if outlook.fate == "cached" and not outlook.until_now:
        return f"a {outlook.name} has been compiled since, and would be served instead of its own"
    if outlook.until_now and (outlook.untold is not None or outlook.engine is not None):
        served = ", ".join(outlook.until_now)
        why = outlook.untold or "the profile needs another one"
        if outlook.fate != "cached" and outlook.untold is None:
            why += ", which is not in the cache"
        return f"it serves the {outlook.name} in {served}; {why}"
    return None
