"""The library's front door to an account: plan, compare, invoke.

`apply.py` runs what was planned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmi_deployer.deployment import Deployment, Identity, Target, identity_of, make_deployment
from lmi_deployer.errors import ApprovalError, InputError
from lmi_deployer.invocation import generated_text, request_body
from lmi_deployer.plan import make_down_plan, make_plan
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.plan_impact import PlanImpact, impact_on
from lmi_deployer.request_check import check_endpoint_requests, check_request
from lmi_deployer.s3 import bucket_and_key
from lmi_deployer.serving import is_compiled, replaced_engines
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.state import ObservedState

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.impact import Impact

UNKNOWN_ACCOUNT = "000000000000"
"""Stands for an account that nothing is known about."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A plan, and what it was made from."""

    saved: SavedPlan
    spec: ResolvedSpec
    """As it will be deployed: from the weights, or from a compiled engine."""
    target: Target
    """Where to; a stand-in where no account was asked."""
    outlook: Outlook | None
    """None where nothing is compiled, neither ahead nor in the container."""
    effect: PlanImpact | None = None
    """What the plan does to the endpoint; None where there is none, or nobody has looked."""

    @property
    def asked(self) -> ResolvedSpec:
        """The spec as the profile says it, whatever it is served from."""
        return self.spec if self.outlook is None else self.outlook.spec

    @property
    def impact(self) -> Impact | None:
        """The worst of that."""
        return None if self.effect is None else self.effect.impact


def plan_up(spec: ResolvedSpec, aws: Aws, *, verify: bool = True) -> Proposal:
    """The plan that brings a spec to AWS as it is now; changes nothing.

    With `verify`, it ends in one small request to the model. Raises InputError when SageMaker
    would refuse one of the requests, and where an endpoint that serves a compiled engine would
    lose it only because the cache cannot be looked into.
    """
    target = aws.target(spec.endpoint.role, spec.endpoint.artifacts)
    outlook, served, compiling = None, spec, None
    if is_compiled(spec):
        from lmi_deployer.compiling import choosing

        outlook = choosing.choose(spec, aws)
        served, compiling = choosing.served(outlook), choosing.compiling(outlook, target)
    wanted = _checked_deployment(served, target)
    observed = _observed(wanted.identity, outlook, aws)
    plan = make_plan(wanted, observed, verify=verify, compiling=compiling)
    if outlook is not None:
        outlook = replace(outlook, until_now=replaced_engines(plan, aws))
        _refuse_unseen_loss(outlook)
    missing = observed.missing_bucket
    if missing is None and outlook is not None and compiling is not None:
        bucket, _ = bucket_and_key(compiling.cache)
        if aws.has_bucket(bucket):
            outlook = choosing.preflighted(outlook, compiling, aws)
        else:
            missing = bucket
    saved = SavedPlan(
        plan=plan,
        title=spec.title,
        region=aws.region,
        account=aws.account,
        missing_bucket=missing,
    )
    effect = impact_on(plan, observed.endpoint, spec, target, outlook, aws)
    return Proposal(saved=saved, spec=served, target=target, outlook=outlook, effect=effect)


def plan_each(
    specs: Sequence[ResolvedSpec], plan: Callable[[ResolvedSpec], Proposal]
) -> list[Proposal]:
    """The plans of several specs, to be applied together; `plan` makes one.

    What one of them compiles is used by all: a spec that would leave the same engine to its
    container waits for it, instead of being out of date as soon as it is deployed.
    """
    proposals = [plan(spec) for spec in specs]
    outlooks = [proposal.outlook for proposal in proposals if proposal.outlook is not None]
    compiled = {
        item.engine.folder for item in outlooks if item.engine and item.fate == "compiled first"
    }
    return [
        plan(_compiled_ahead(spec)) if _engine_left_out(proposal) in compiled else proposal
        for spec, proposal in zip(specs, proposals, strict=True)
    ]


def _engine_left_out(proposal: Proposal) -> str | None:
    """Folder of the engine that a plan would use if it were there; None where it is used."""
    outlook = proposal.outlook
    if outlook is None or outlook.engine is None or outlook.fate != "made in the container":
        return None
    return outlook.engine.folder


def _compiled_ahead(spec: ResolvedSpec) -> ResolvedSpec:
    if spec.compilation is None:
        return spec
    return replace(spec, compilation=replace(spec.compilation, mode="aot"))


def _refuse_unseen_loss(outlook: Outlook) -> None:
    if outlook.untold is not None and outlook.until_now:
        raise InputError(
            f"{outlook.spec.title} serves the compiled engine in {', '.join(outlook.until_now)}, "
            f"and whether it may go on with one cannot be told: {outlook.untold}",
            fix="what that asks for; or compile.mode: jit, which leaves it to the container",
        )


def plan_offline(
    spec: ResolvedSpec,
    region: str,
    *,
    role: str | None = None,
    artifacts: str | None = None,
    verify: bool = True,
) -> Proposal:
    """The plan for an account that nothing is known about, as if nothing were there yet.

    The requests are checked all the same. `role` and `artifacts` come before the profile's own;
    what neither names, and names that depend on the account, are stand-ins.
    """
    target = Target(
        region=region,
        role_arn=role or spec.endpoint.role or f"arn:aws:iam::{UNKNOWN_ACCOUNT}:role/unknown",
        artifacts=artifacts
        or spec.endpoint.artifacts
        or f"s3://sagemaker-{region}-{UNKNOWN_ACCOUNT}/lmi-deploy/",
    )
    outlook, served, compiling = None, spec, None
    if is_compiled(spec):
        from lmi_deployer.compiling import choosing

        outlook = choosing.choose_unseen(spec, target)
        served, compiling = choosing.served(outlook), choosing.compiling(outlook, target)
    wanted = _checked_deployment(served, target)
    saved = SavedPlan(
        plan=make_plan(wanted, ObservedState(), verify=verify, compiling=compiling),
        title=spec.title,
        region=region,
        account=UNKNOWN_ACCOUNT,
    )
    return Proposal(saved=saved, spec=served, target=target, outlook=outlook)


def _observed(identity: Identity, outlook: Outlook | None, aws: Aws) -> ObservedState:
    """What is there, with the engine where the plan would be another one without it, or with it.

    A plan that compiles leads to the same whether the engine has appeared meanwhile or not.
    """
    observed = aws.observe(identity)
    if outlook is None or outlook.fate == "compiled first":
        return observed
    return replace(observed, engine=outlook.seen)


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


def plan_down(identity: Identity, title: str, aws: Aws) -> SavedPlan:
    """The plan that removes all that was made for a deployment; changes nothing.

    Compiled engines stay: they are no deployment's own.
    """
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
    engine = saved.plan.engine
    if engine is not None:
        from lmi_deployer.compiling.lookup import look_into

        found = look_into(engine.folder, aws.store(engine.folder)).observed
        if found != engine:
            raise ApprovalError(
                f"{engine.folder} has changed since the plan was made: "
                f"the engine in it was {engine}, and is {found}",
                fix="make a new plan and look at it",
            )
        observed = replace(observed, engine=found)
    if observed.digest != saved.plan.observed_digest:
        raise ApprovalError(
            f"{saved.title} has changed on AWS since the plan was made",
            fix="make a new plan and look at it",
        )


def invoke(endpoint: str, prompt: str, max_new_tokens: int, aws: Aws) -> str:
    """The text that an endpoint generates for a prompt."""
    return generated_text(aws.invoke(endpoint, request_body(prompt, max_new_tokens=max_new_tokens)))
