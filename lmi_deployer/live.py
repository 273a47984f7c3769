"""The library's front door to an account: plan, compare, invoke.

`apply.py` runs what was planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.deployment import Deployment, Identity, Target, identity_of, make_deployment
from lmi_deployer.errors import ApprovalError, InputError
from lmi_deployer.invocation import generated_text, request_body
from lmi_deployer.plan import make_down_plan, make_plan
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.request_check import check_endpoint_requests, check_request
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.state import ObservedState

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

UNKNOWN_ACCOUNT = "000000000000"
"""Stands for an account that nothing is known about."""


def plan_up(spec: ResolvedSpec, aws: Aws, *, verify: bool = True) -> SavedPlan:
    """The plan that brings a spec to AWS as it is now; changes nothing.

    With `verify`, it ends in one small request to the model. Raises InputError when SageMaker
    would refuse one of the requests.
    """
    target = aws.target(spec.endpoint.role, spec.endpoint.artifacts)
    wanted = _checked_deployment(spec, target)
    observed = aws.observe(wanted.identity)
    return SavedPlan(
        plan=make_plan(wanted, observed, verify=verify),
        title=spec.title,
        region=aws.region,
        account=aws.account,
        missing_bucket=observed.missing_bucket,
    )


def plan_offline(
    spec: ResolvedSpec,
    region: str,
    *,
    role: str | None = None,
    artifacts: str | None = None,
    verify: bool = True,
) -> SavedPlan:
    """The plan for an account that nothing is known about, as if nothing were there yet.

    The requests are checked all the same. `role` and `artifacts` come before the profile's own;
    what neither names, and names that depend on the account, are stand-ins.
    """
    unknown = Target(
        region=region,
        role_arn=role or spec.endpoint.role or f"arn:aws:iam::{UNKNOWN_ACCOUNT}:role/unknown",
        artifacts=artifacts
        or spec.endpoint.artifacts
        or f"s3://sagemaker-{region}-{UNKNOWN_ACCOUNT}/lmi-deploy/",
    )
    wanted = _checked_deployment(spec, unknown)
    return SavedPlan(
        plan=make_plan(wanted, ObservedState(), verify=verify),
        title=spec.title,
        region=region,
        account=UNKNOWN_ACCOUNT,
    )


def _checked_deployment(spec: ResolvedSpec, target: Target) -> Deployment:
    wanted = make_deployment(spec, target)
    problems = [
        *check_request("sagemaker", "CreateModel", wanted.model),
        *check_request("sagemaker", "CreateEndpointConfig", wanted.endpoint_config),
        *check_request("sagemaker", "CreateEndpoint", wanted.endpoint),
        *check_endpoint_requests(wanted.model, wanted.endpoint_config),
    ]
    if problems:
        raise InputError("SageMaker would refuse this:\n" + "\n".join(map(str, problems)))
    return wanted


def is_up_to_date(spec: ResolvedSpec, aws: Aws) -> bool:
    """True when nothing would change, whatever the execution role that the live model has."""
    role = spec.endpoint.role or aws.live_role(spec.endpoint.name)
    if role is None:
        return False
    target = aws.target(role, spec.endpoint.artifacts)
    wanted = make_deployment(spec, target)
    return not make_plan(wanted, aws.observe(wanted.identity), verify=False).steps


def plan_down(identity: Identity, title: str, aws: Aws) -> SavedPlan:
    """The plan that removes all that was made for a deployment; changes nothing."""
    return SavedPlan(
        plan=make_down_plan(identity, aws.observe(identity)),
        title=title,
        region=aws.region,
        account=aws.account,
    )


def identity_for(spec: ResolvedSpec, aws: Aws) -> Identity:
    """Whose everything made for a spec in this account is."""
    return identity_of(spec, aws.artifacts(spec.endpoint.artifacts))


def refuse_stale(saved: SavedPlan, aws: Aws) -> None:
    """Raise ApprovalError unless AWS is still as it was when the plan was made."""
    if (saved.region, saved.account) != (aws.region, aws.account):
        raise ApprovalError(
            f"the plan is for account {saved.account} in {saved.region}; "
            f"the credentials are for {aws.account} in {aws.region}",
            fix="other credentials, or a new plan",
        )
    observed = aws.observe(saved.plan.identity)
    if observed.digest != saved.plan.observed_digest:
        raise ApprovalError(
            f"{saved.title} has changed on AWS since the plan was made",
            fix="make a new plan and look at it",
        )


def invoke(endpoint: str, prompt: str, max_new_tokens: int, aws: Aws) -> str:
    """The text that an endpoint generates for a prompt."""
    return generated_text(aws.invoke(endpoint, request_body(prompt, max_new_tokens=max_new_tokens)))
