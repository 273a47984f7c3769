"""Looks at one deployment, beside what it should be, and says what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmi_deployer.apply import LOGS
from lmi_deployer.bundle import ARCHIVE_FILE, MANIFEST_FILE
from lmi_deployer.deployment import FOLDER_HASH_CHARACTERS, Deployment, identity_of
from lmi_deployer.diffing.comparing import Pair, compare
from lmi_deployer.diffing.comparison import ProfileDiff
from lmi_deployer.diffing.live_snapshot import cost_of, instances_of
from lmi_deployer.diffing.live_wanted import FOREIGN, deployment_of
from lmi_deployer.diffing.reading_live import LiveReader, Sides
from lmi_deployer.drifting.classification import classify
from lmi_deployer.drifting.mending import mending
from lmi_deployer.drifting.profiles import Subject
from lmi_deployer.drifting.report import Row
from lmi_deployer.drifting.seeing import keys_of, seen_of, with_engine
from lmi_deployer.drifting.states import Drift, LiveFiles, Seen, Verdict
from lmi_deployer.errors import AwsError, CredentialsError, InputError, UnreachableError
from lmi_deployer.findings import errors_among
from lmi_deployer.impact import Impact
from lmi_deployer.importing.looking import Looked
from lmi_deployer.state import ObservedState

if TYPE_CHECKING:
    from lmi_deployer.edges.aws import Aws

BUNDLE = re.compile(rf"s3://.+/[0-9a-f]{{{FOLDER_HASH_CHARACTERS}}}/")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Where deployments are looked at, and how a follow-up command reaches the same place."""

    aws: Aws
    suffix: str

    def unreadable(self, name: str, subject: Subject, error: AwsError) -> Row:
        """A deployment whose endpoint cannot be looked at."""
        reasons = (error.problem, *(() if subject.problem is None else (subject.problem,)))
        return self._row(
            Seen(name=name, status=None),
            subject,
            Verdict(drift=Drift.UNREADABLE, reasons=reasons),
        )

    def missing(self, name: str, subject: Subject) -> Row:
        """A deployment without an endpoint, with what is left of it."""
        seen = Seen(name=name, status=None, unknown=subject.problem)
        spec = subject.checked.spec if subject.checked else None
        if spec is not None:
            identity = identity_of(spec, self.aws.artifacts(spec.endpoint.artifacts))
            try:
                seen = replace(seen, observed=self.aws.observe(identity))
            except (CredentialsError, UnreachableError):
                raise
            except AwsError as error:
                left = f"what is left of it cannot be told: {error.problem}"
                seen = replace(seen, unread=(left,))
        return self._row(seen, subject, classify(seen))

    def compared(self, looked: Looked, subject: Subject) -> Row:
        """An endpoint that is there, beside what `up` would deploy."""
        seen = seen_of(looked, subject)
        if subject.checked is None or subject.checked.spec is None:
            return self._row(seen, subject, classify(seen), looked)
        reader = LiveReader(self.aws, self.aws.region)
        sides = reader.sides(subject.checked, subject.file or "", looked)
        diff = _diff(sides)
        try:
            seen = self._beside(seen, sides, diff)
        except (CredentialsError, UnreachableError):
            raise
        except AwsError as error:
            seen = replace(seen, unread=(*seen.unread, error.problem))
        verdict = classify(seen)
        untold = (item.problem for item in sides.wanted.problems)
        notes = (*verdict.notes, *(text for text in untold if text not in verdict.reasons))
        return self._row(seen, subject, replace(verdict, notes=notes), looked, sides, diff)

    def _beside(self, seen: Seen, sides: Sides, diff: ProfileDiff | None) -> Seen:
        """The same with all of the deployment, and what it should be. Raises AwsError."""
        if sides.wanted.problems and sides.wanted.outlook is None:
            unread = tuple(item.problem for item in sides.wanted.problems)
            return replace(seen, unread=(*seen.unread, *unread))
        wanted = deployment_of(sides.wanted)
        looked = sides.looked
        if isinstance(wanted, str) or looked is None:
            return replace(seen, unknown=wanted if isinstance(wanted, str) else None)
        observed = self.aws.observe(wanted.identity, (looked.endpoint, looked.tags))
        files = self._files(looked, wanted, observed)
        unusable = looked.problems.get("serving.properties")
        if files is not None and isinstance(unusable, InputError):
            # It was read, and is not what was uploaded; its hash says so.
            told = tuple(text for text in seen.unread if text != unusable.problem)
            seen = replace(seen, unread=told)
        seen = replace(
            seen,
            wanted=wanted,
            observed=observed,
            files=files,
            differing=tuple(keys_of(diff)),
        )
        return with_engine(seen, sides, looked)

    def _files(
        self, looked: Looked, wanted: Deployment, observed: ObservedState
    ) -> LiveFiles | None:
        """The bundle that a container starts from; None where it is none of the deployment's."""
        container = looked.live.container if looked.live else {}
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        uri = str(container.get("ModelDataUrl") or source.get("S3Uri") or "")
        folder = uri.removesuffix(ARCHIVE_FILE).removesuffix("model/")
        if not BUNDLE.fullmatch(folder):
            return None
        mark = f"{folder}{MANIFEST_FILE}"
        if mark not in observed.objects:
            return LiveFiles(folder=folder, manifest=None)
        if observed.objects[mark] is None:  # larger than any that lmi-deploy makes
            return LiveFiles(folder=folder, manifest=b"")
        if observed.objects[mark] == wanted.bundle.digest:
            return LiveFiles(folder=folder, manifest=wanted.bundle.manifest)
        return LiveFiles(folder=folder, manifest=self.aws.content(mark))

    def _row(
        self,
        seen: Seen,
        subject: Subject,
        verdict: Verdict,
        looked: Looked | None = None,
        sides: Sides | None = None,
        diff: ProfileDiff | None = None,
    ) -> Row:
        live = looked.live if looked else None
        arn = str(looked.endpoint["EndpointArn"]) if looked else None
        errors = errors_among(sides.wanted.snapshot.findings) if sides else ()
        commands = mending(
            verdict,
            seen,
            subject,
            suffix=self.suffix,
            region=self.aws.region,
            arn=arn,
            is_refused=any(item.code != FOREIGN for item in errors),
        )
        if verdict.drift in {Drift.ROLLED_BACK, Drift.FAILED}:
            reason = f"the log group {LOGS}{seen.name} says more"
            verdict = replace(verdict, notes=(*verdict.notes, reason))
        return Row(
            endpoint=seen.name,
            profile=subject.profile,
            hardware=subject.hardware,
            file=subject.file,
            verdict=verdict,
            status=seen.status,
            config=seen.config,
            instance_type=live.variant.get("InstanceType") if live else None,
            instances=instances_of(looked) if looked else None,
            cost=cost_of(looked, self.aws.region) if looked else None,
            diff=diff,
            impact=_impact(seen, verdict, diff, sides),
            mend=tuple(commands),
            errors=tuple(item.text for item in errors),
            is_own=_is_own(seen),
        )


def _diff(sides: Sides) -> ProfileDiff | None:
    if sides.live is None:
        return None
    return compare(Pair(before=sides.live, after=sides.wanted.snapshot))


def _impact(
    seen: Seen, verdict: Verdict, diff: ProfileDiff | None, sides: Sides | None
) -> Impact | None:
    """What `up` would do to what runs: nothing, unless it compiles or moves the endpoint."""
    if not verdict.needs_up or diff is None or sides is None:
        return None
    if verdict.drift is Drift.FAILED:
        return Impact.REPLACE_ENDPOINT
    outlook = sides.wanted.outlook
    is_compiled_first = outlook is not None and outlook.fate == "compiled first"
    least = Impact.RECOMPILE if is_compiled_first else Impact.NONE
    if seen.wanted is not None and seen.config == seen.wanted.endpoint_config_name:
        return Impact.INCOMPATIBLE if diff.impact is Impact.INCOMPATIBLE else least
    return max(diff.impact, Impact.RESTART, least)


def _is_own(seen: Seen) -> bool:
    """True where anything of the account was made for the hardware profile."""
    observed = seen.observed
    if observed is None:
        return seen.status is not None
    if seen.status is None:
        return bool(observed.endpoint_configs or observed.models or observed.objects)
    return observed.endpoint is not None or seen.config in observed.endpoint_configs
