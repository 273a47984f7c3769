"""What `up` would deploy now beside an endpoint that is live, as far as the account tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmi_deployer.deployment import Deployment, Target, identity_of, make_deployment
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    InputError,
    LmiDeployError,
    UnreachableError,
)
from lmi_deployer.findings import Finding, Place
from lmi_deployer.importing.looking import Looked
from lmi_deployer.secrets import redacted
from lmi_deployer.serving import is_compiled

if TYPE_CHECKING:
    from lmi_deployer.aot.outlook import Outlook
    from lmi_deployer.api import Checked
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.spec import ResolvedSpec

FOREIGN = "LMI502"
"""The finding for an endpoint of the same name that was made for something else."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What `up` would deploy now, and what that was decided from."""

    snapshot: Snapshot
    served: ResolvedSpec | None = None
    """From the weights, or from a compiled engine; None where that could not be decided."""
    target: Target | None = None
    """None where nobody names an execution role."""
    outlook: Outlook | None = None
    refusal: str | None = None
    """Why what `up` would deploy cannot be told, as far as the account says it."""
    problems: tuple[Finding, ...] = ()
    """What of the account could not be read."""


class WantedReader:
    """Reads what of an account decides what would be deployed."""

    def __init__(self, aws: Aws, region: str) -> None:
        self.aws = aws
        self.region = region

    def wanted(self, checked: Checked, file: str, looked: Looked | None) -> Wanted:
        """What `up` would deploy now, beside the endpoint as it is live.

        It runs under the execution role of the live model where nobody names another.
        """
        from lmi_deployer.diffing import taking

        profile, _, hardware = checked.title.rpartition(" / ")
        snapshot = taking.take(
            checked, region=self.region, profile=profile, hardware=hardware, file=file
        )
        spec = checked.spec
        if spec is None:
            return Wanted(snapshot=snapshot)
        wanted = Wanted(snapshot=snapshot, served=spec, target=self._target(spec, looked))
        if is_compiled(spec):
            wanted = self._with_engine(wanted, spec, looked)
        wanted = _with_deployed(wanted, spec)
        foreign = self._foreign(spec, looked)
        if foreign is None:
            return wanted
        found = _problem(FOREIGN, spec.endpoint.name, foreign)
        return replace(wanted, snapshot=_with_finding(wanted.snapshot, found))

    def _target(self, spec: ResolvedSpec, looked: Looked | None) -> Target | None:
        live = None if looked is None else looked.live
        role = spec.endpoint.role or (live.model.get("ExecutionRoleArn") if live else None)
        try:
            return self.aws.target(role, spec.endpoint.artifacts)
        except InputError:
            return None

    def _with_engine(self, wanted: Wanted, spec: ResolvedSpec, looked: Looked | None) -> Wanted:
        """The same with what becomes of its engine, by what the cache holds now."""
        from lmi_deployer.compiling import choosing
        from lmi_deployer.diffing import taking

        try:
            outlook = choosing.choose(spec, self.aws)
        except (CredentialsError, UnreachableError):
            raise
        except InputError as error:  # the weights are gone, so `up` has something to say
            return _refused(wanted, spec, error.problem)
        except AwsError as error:
            return replace(wanted, problems=(unread(spec.endpoint.name, error),))
        wanted = replace(
            wanted,
            snapshot=taking.with_outlook(wanted.snapshot, outlook),
            served=choosing.served(outlook),
            outlook=outlook,
        )
        if outlook.untold is None:
            return wanted
        problem = f"the cache of engines could not be looked into: {outlook.untold}"
        wanted = replace(wanted, problems=(_problem("LMI503", spec.endpoint.name, problem),))
        if looked is not None and served_engine(looked) is not None:
            loss = "it serves a compiled engine, and whether it may go on with one cannot be told"
            wanted = _refused(wanted, spec, loss)
        return wanted

    def _foreign(self, spec: ResolvedSpec, looked: Looked | None) -> str | None:
        """Why `up` would not touch the endpoint of that name; None where it would."""
        if looked is None or "tags" in looked.problems:
            return None
        identity = identity_of(spec, self.aws.artifacts(spec.endpoint.artifacts))
        if identity.owns(looked.tags):
            return None
        return f"endpoint {looked.name} exists, and was not made for this hardware profile"


def deployment_of(wanted: Wanted) -> Deployment | str:
    """What `up` would make, or why that cannot be told."""
    untold = "what `up` would deploy cannot be told:"
    if wanted.served is None or wanted.refusal is not None:
        return f"{untold} {wanted.refusal}"
    if wanted.target is None:
        return f"{untold} nobody names an execution role (--role)"
    try:
        return make_deployment(wanted.served, wanted.target)
    except InputError as error:
        return error.problem


def served_engine(looked: Looked) -> str | None:
    """S3 folder of the compiled engine that an endpoint serves; None for one that serves none."""
    from lmi_deployer.serving import ENGINE_LINE

    text = (looked.live.properties if looked.live else None) or b""
    match = ENGINE_LINE.search(text.decode("utf-8", "replace"))
    return match[1] if match else None


def unread(endpoint: str, error: LmiDeployError) -> Finding:
    """The finding for a call that was refused, or whose answer is nothing that profiles have."""
    return _problem("LMI503", endpoint, error.problem, error.fix)


def _with_deployed(wanted: Wanted, spec: ResolvedSpec) -> Wanted:
    """The same with the parts of what would be served, in this account."""
    from lmi_deployer.deployed import deployed_of

    try:
        deployed = deployed_of(spec, wanted.target, outlook=wanted.outlook)
    except InputError as error:  # its folder is one for engines
        return _refused(wanted, spec, error.problem)
    return replace(wanted, snapshot=replace(wanted.snapshot, deployed=deployed))


def _refused(wanted: Wanted, spec: ResolvedSpec, reason: str) -> Wanted:
    """The same, with the reason for which `up` would do nothing."""
    found = _problem("LMI503", spec.endpoint.name, reason)
    return replace(wanted, snapshot=_with_finding(wanted.snapshot, found), refusal=reason)


def _with_finding(snapshot: Snapshot, found: Finding) -> Snapshot:
    return replace(snapshot, findings=(*snapshot.findings, found))


def _problem(code: str, endpoint: str, problem: str, fix: str | None = None) -> Finding:
    place = Place(f"endpoint {endpoint}")
    return Finding.error(
        code, redacted(problem), place=place, fix=None if fix is None else redacted(fix)
    )
