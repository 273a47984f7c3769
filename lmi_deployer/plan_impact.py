"""What a plan does to the endpoint that is there, by the same table as `diff`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lmi_deployer.impact import Impact, Part, changed_names, impact_of
from lmi_deployer.profile import RESERVED_TAGS
from lmi_deployer.secrets import redacted
from lmi_deployer.state import IN_FLIGHT
from lmi_deployer.steps import AddTags, CompileEngine, DeleteEndpoint, UpdateEndpoint

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.deployment import Target
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.plan import Plan
    from lmi_deployer.spec import ResolvedSpec
    from lmi_deployer.state import ObservedEndpoint


@dataclass(frozen=True, kw_only=True)
class PlanImpact:
    """What a plan does to an endpoint."""

    impact: Impact
    """At least, where something is `unread`."""
    changed: Mapping[Part, tuple[str, ...]] = field(default_factory=dict)
    """The parts that change, with the names of what differs."""
    unread: tuple[str, ...] = ()
    """What of the endpoint could not be read, each with the reason."""
    is_answering: bool = True
    """Whether the endpoint answers until the plan is applied."""


def impact_on(
    plan: Plan,
    endpoint: ObservedEndpoint | None,
    spec: ResolvedSpec,
    target: Target,
    outlook: Outlook | None,
    aws: Aws,
) -> PlanImpact | None:
    """What a plan does to the endpoint that it was made for; None where there is none.

    Only for a plan that moves the endpoint AWS is asked what is live.
    """
    if endpoint is None or endpoint.status == "Deleting":
        return None
    answers = endpoint.status == "InService" or endpoint.status in IN_FLIGHT - {"Creating"}
    kinds = {type(step) for step in plan.steps}
    least = Impact.RECOMPILE if CompileEngine in kinds else Impact.NONE
    if DeleteEndpoint in kinds:
        return PlanImpact(impact=Impact.REPLACE_ENDPOINT, is_answering=answers)
    if UpdateEndpoint not in kinds:
        return PlanImpact(impact=least, changed=_retagged(plan), is_answering=answers)
    from lmi_deployer.deployed import deployed_of
    from lmi_deployer.diffing.live_snapshot import deployed_as
    from lmi_deployer.importing.looking import look

    looked = look(plan.identity.deployment, aws, endpoint.tags)
    if looked is None:  # it went meanwhile; applying the plan will say so
        return None
    after = deployed_of(spec, target, outlook=outlook)
    changed = changed_names(deployed_as(looked, after), after)
    unread = [f"{what}: {redacted(error.problem)}" for what, error in looked.problems.items()]
    return PlanImpact(
        impact=max(impact_of(changed), Impact.RESTART, least),
        changed=changed,
        unread=tuple(unread),
        is_answering=answers,
    )


def _retagged(plan: Plan) -> dict[Part, tuple[str, ...]]:
    """The profile's own tags that a plan gives to the endpoint."""
    names = {
        name
        for step in plan.steps
        if isinstance(step, AddTags) and step.kind == "endpoint"
        for name in step.tags
        if not name.lower().startswith(RESERVED_TAGS)
    }
    return {Part.TAGS: tuple(sorted(names))} if names else {}
