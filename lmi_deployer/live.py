"""The library's front door to an account: plan, compare, invoke.

`apply.py` runs what was planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmi_deployer.deployment import Deployment, Target, make_deployment
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


def plan_up(spec: ResolvedSpec, aws: Aws, *, verify: bool = True) -> SavedPlan:
    """The plan that brings a spec to AWS as it is now; changes nothing.

    With `verify`, it ends in one small request to the model. Raises InputError when SageMaker
    would refuse one of the requests.
    """
    target = aws.target(spec.endpoint.role, spec.endpoint.artifacts)
    wanted = _checked_deployment(spec, target)
    observed = aws.observe(wanted.name, wanted.folder)
    return SavedPlan(
        plan=make_plan(wanted, observed, verify=verify),
        title=spec.title,
        region=aws.region,
        account=aws.account,
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


def plan_down(spec: ResolvedSpec, aws: Aws) -> SavedPlan:
    """The plan that removes all that was made for a spec; changes nothing."""
    name = spec.endpoint.name
    folder = f"{spec.endpoint.artifacts or aws.artifacts}{name}/"
    return SavedPlan(
        plan=make_down_plan(name, folder, aws.observe(name, folder)),
        title=spec.title,
        region=aws.region,
        account=aws.account,
    )


def refuse_stale(saved: SavedPlan, aws: Aws) -> None:
    """Raise ApprovalError unless AWS is still as it was when the plan was made."""
    if (saved.region, saved.account) != (aws.region, aws.account):
        raise ApprovalError(
            f"the plan is for account {saved.account} in {saved.region}; "
            f"the credentials are for {aws.account} in {aws.region}",
            fix="other credentials, or a new plan",
        )
    observed = aws.observe(saved.plan.deployment, saved.plan.folder)
    if observed.digest != saved.plan.observed_digest:
        raise ApprovalError(
            f"{saved.title} has changed on AWS since the plan was made",
            fix="make a new plan and look at it",
        )


def plan_offline(spec: ResolvedSpec, region: str) -> SavedPlan:
    """The plan for an account that nothing is known about, as if nothing were there yet.

    The requests are checked all the same. Names that depend on the account are not the real ones.
    """
    unknown = Target(
        region=region,
        partition="aws",
        account=UNKNOWN_ACCOUNT,
        role_arn=f"arn:aws:iam::{UNKNOWN_ACCOUNT}:role/unknown",
        artifacts=f"s3://sagemaker-{region}-{UNKNOWN_ACCOUNT}/lmi-deploy/",
    )
    wanted = _checked_deployment(spec, unknown)
    return SavedPlan(
        plan=make_plan(wanted, ObservedState()),
        title=spec.title,
        region=region,
        account=UNKNOWN_ACCOUNT,
    )


def invoke(endpoint: str, prompt: str, max_new_tokens: int, aws: Aws) -> str:
    """The text that an endpoint generates for a prompt."""
    return generated_text(aws.invoke(endpoint, request_body(prompt, max_new_tokens=max_new_tokens)))
