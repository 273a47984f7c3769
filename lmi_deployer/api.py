"""The library's front door: check, render, plan, apply. Never prints, never exits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer import checks
from lmi_deployer.deployment import Deployment, Target, make_deployment
from lmi_deployer.edges.files import read_text
from lmi_deployer.errors import ApprovalError, InputError
from lmi_deployer.findings import Finding, ProfileError, errors_among
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.invocation import generated_text, request_body
from lmi_deployer.plan import make_down_plan, make_plan
from lmi_deployer.plan_file import SavedPlan
from lmi_deployer.request_check import check_endpoint_requests, check_request
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import find_profile
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.state import ObservedState

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

ALL = "all"
UNKNOWN_ACCOUNT = "000000000000"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What became of one hardware profile: its spec where it could be decided, and findings."""

    title: str
    spec: ResolvedSpec | None
    findings: tuple[Finding, ...]

    @property
    def is_valid(self) -> bool:
        """True when nothing stops a deployment."""
        return not errors_among(self.findings)


def read_profile(path: Path) -> LoadedProfile:
    """The profile in a file. Raises InputError, or ProfileError with all that is wrong with it."""
    return load_profile(read_text(path), str(path))


def check(loaded: LoadedProfile, hardware: str, overrides: Sequence[str] = ()) -> Checked:
    """One hardware profile, decided and checked; problems are findings, not exceptions."""
    title = f"{loaded.profile.name} / {hardware}"
    try:
        spec = resolve(merge(loaded, hardware, overrides))
    except ProfileError as error:
        return Checked(title=title, spec=None, findings=error.findings)
    return Checked(title=title, spec=spec, findings=checks.check(spec))


def check_file(path: Path, overrides: Sequence[str] = ()) -> tuple[Checked, ...]:
    """Every hardware profile of a file; one entry without a spec when the file cannot be read."""
    try:
        loaded = read_profile(path)
    except ProfileError as error:
        return (Checked(title=str(path), spec=None, findings=error.findings),)
    return tuple(check(loaded, hardware, overrides) for hardware in loaded.hardware_names)


def decide(
    model: str, hardware: Iterable[str], overrides: Sequence[str] = ()
) -> list[tuple[ResolvedSpec, tuple[Finding, ...]]]:
    """The specs of the named hardware profiles of a model, with findings that stop nothing.

    `model` is a profile's name or path; `hardware` may hold "all", and may be empty when the
    profile has one only. Raises InputError or ProfileError when any of them has an error.
    """
    loaded = read_profile(find_profile(model))
    checked = [check(loaded, name, overrides) for name in _selected(loaded, hardware)]
    errors = [finding for item in checked for finding in errors_among(item.findings)]
    if errors:
        raise ProfileError(dict.fromkeys(errors))
    return [(item.spec, item.findings) for item in checked if item.spec is not None]


def _selected(loaded: LoadedProfile, hardware: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(hardware))
    if ALL in names:
        return loaded.hardware_names
    if names:
        return names
    if len(loaded.hardware_names) == 1:
        return loaded.hardware_names
    listed = ", ".join(loaded.hardware_names)
    raise InputError(
        f"{loaded.profile.name} has several hardware profiles",
        fix=f"--profile with one of {listed}, or all",
    )


def plan_up(spec: ResolvedSpec, aws: Aws, *, verify: bool = True) -> SavedPlan:
    """The plan that brings a spec to AWS as it is now; changes nothing.

    With `verify`, it ends in one small request to the model. Raises InputError when SageMaker would refuse one of the requests.
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
