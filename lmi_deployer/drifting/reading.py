"""Looks at the deployments of an account, one by one; what one of them refuses hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lmi_deployer.api import ALL
from lmi_deployer.deployment import DEPLOYMENT_TAG, HARDWARE_TAG, PROFILE_TAG
from lmi_deployer.drifting.profiles import Held, Profiles, Subject
from lmi_deployer.drifting.report import Row
from lmi_deployer.drifting.rows import Reading
from lmi_deployer.errors import AwsError, CredentialsError, InputError, UnreachableError
from lmi_deployer.findings import ProfileError
from lmi_deployer.importing.looking import look
from lmi_deployer.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.edges.aws_listing import Listed


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line named."""

    names: tuple[str, ...] = ()
    """Profiles, or endpoints; empty for all that is deployed."""
    hardware: tuple[str, ...] = ()


class DriftReader:
    """Reads what is live beside the profiles that it should be of."""

    def __init__(self, aws: Aws, profiles: Profiles, suffix: str) -> None:
        self.aws = aws
        self.profiles = profiles
        self.reading = Reading(aws=aws, suffix=suffix)
        self.notes: list[str] = []
        """What was seen that is nobody's: read it once the rows are there."""
        self.is_complete = True
        """False where a call was refused that could have told of another deployment."""

    def rows(self, asked: Asked) -> Iterator[Row]:
        """Every deployment that was asked for.

        Raises CredentialsError or UnreachableError where there is nobody to ask, AwsError where
        the endpoints cannot be listed, and InputError for a name that is none.
        """
        if not asked.names:
            yield from self._everything(asked.hardware)
        for name in asked.names:
            held = self.profiles.named(name)
            if held is None:
                yield self._endpoint(name)
            else:
                yield from self._profile(held, asked.hardware)

    def _everything(self, hardware: Sequence[str]) -> Iterator[Row]:
        """All endpoints by their tags, and what is left of the others that profiles describe."""
        listed = sorted(self.aws.endpoints(), key=lambda item: item.name)
        self._refuse_unknown(hardware, listed)
        in_use = self._names_in_use()
        asked = frozenset(() if ALL in hardware else hardware)
        for item in listed:
            if not asked or self._hardware_of(item) in {None, *asked}:
                yield from self._of_listed(item, in_use)
        for name in sorted(in_use.keys() - {item.name for item in listed}):
            for row in self._without_endpoint(name, in_use[name]):
                if not asked or row.hardware in asked:
                    yield row

    @cached_property
    def _described(self) -> dict[str, tuple[str, str]]:
        """Endpoint: (profile, hardware) that deploys as it."""
        return {name: (profile, at) for name, profile, at in self.profiles.endpoints()}

    def _hardware_of(self, item: Listed) -> str | None:
        """None where that cannot be told."""
        if item.is_ours and item.tags is not None:
            return item.tags.get(HARDWARE_TAG, "")
        described = self._described.get(item.name)
        return described and described[1]

    def _refuse_unknown(self, hardware: Sequence[str], listed: Sequence[Listed]) -> None:
        """Raise InputError for a hardware profile that nothing has."""
        known = {at for _, at in self._described.values()}
        known |= {item.tags.get(HARDWARE_TAG, "") for item in listed if item.is_ours and item.tags}
        for name in hardware:
            if name not in known | {ALL}:
                where = f"in {self.profiles.where}, and none is deployed"
                raise InputError(
                    f"no hardware profile {name!r} is {where}",
                    fix=did_you_mean(name, known) if known else None,
                )

    def _of_listed(self, item: Listed, in_use: Mapping[str, str]) -> Iterator[Row]:
        """An endpoint of the region; nothing for one of others."""
        described = self._described.get(item.name)
        if item.problem is not None:
            if described is not None:
                subject = self.profiles.subject(*described)
                yield self.reading.unreadable(item.name, subject, item.problem)
            else:
                self._untold(f"whose endpoint {item.name} is", item.problem)
        elif item.is_ours:
            yield self._live(item.name, item.tags or {}, item.tags)
        elif item.name in in_use and described is not None:
            # It may run what was made for it, and be tagged otherwise.
            row = self._row(item.name, self.profiles.subject(*described), item.tags)
            yield from [row] if row.is_own else []

    def _live(
        self, name: str, whose: Mapping[str, str], tags: Mapping[str, str] | None = None
    ) -> Row:
        """What lmi-deploy made, by the tags in `whose`, which somebody may have edited.

        `tags` are all of the endpoint, where they are known.
        """
        subject = self._tagged(name, whose)
        if subject.heir is not None:
            row = self._row(name, subject.heir, tags)
            if row.is_own:
                return row
        return self._row(name, subject, tags)

    def _without_endpoint(self, name: str, arn: str) -> Iterator[Row]:
        """What is left of a deployment without its endpoint; nothing where nothing is.

        `arn` is of a model or a configuration that could be of it.
        """
        described = self._described.get(name)
        if described is not None:
            row = self._row(name, self.profiles.subject(*described))
            yield from [row] if row.is_own else []
            return
        try:
            tags = self.aws.tags(arn)
        except (CredentialsError, UnreachableError):
            raise
        except AwsError as error:
            self._untold(f"whose {name} was", error)
            return
        if tags.get(DEPLOYMENT_TAG) != name:
            return
        subject = _named(self._tagged(name, tags), name)
        if subject.problem is None or subject.is_broken:
            yield self._row(name, subject)
        else:
            left = f"models and configurations of {name} are left: its endpoint is gone, and"
            self.notes.append(f"{left} {subject.problem}; `lmi-deploy down {name}` removes them")

    def _names_in_use(self) -> Mapping[str, str]:
        try:
            return self.aws.names_in_use()
        except (CredentialsError, UnreachableError):
            raise
        except AwsError as error:
            self._untold("whether a deployment has lost its endpoint", error)
            return {}

    def _untold(self, what: str, error: AwsError) -> None:
        self.notes.append(f"{what} cannot be told: {error.problem}")
        self.is_complete = False

    def _tagged(self, name: str, tags: Mapping[str, str]) -> Subject:
        """The hardware profile that tags name, and the one that deploys under the name now."""
        profile, hardware = tags.get(PROFILE_TAG, ""), tags.get(HARDWARE_TAG, "")
        subject = self.profiles.subject(profile, hardware)
        now = self._described.get(name)
        if subject.problem is None or subject.is_broken or now in {None, (profile, hardware)}:
            return subject
        heir = self.profiles.subject(*now)
        problem = f"{subject.problem}; {heir.file} deploys {heir.title} as {name}"
        return replace(subject, problem=problem, heir=heir)

    def _row(self, name: str, subject: Subject, tags: Mapping[str, str] | None = None) -> Row:
        """One deployment, whatever is refused meanwhile."""
        subject = _named(subject, name)
        try:
            looked = look(name, self.aws, tags)
            if looked is None:
                return self.reading.missing(name, subject)
            return self.reading.compared(looked, subject)
        except (CredentialsError, UnreachableError):
            raise
        except AwsError as error:
            return self.reading.unreadable(name, subject, error)

    def _endpoint(self, name: str) -> Row:
        """What the command line names and no profile is called. Raises InputError for nothing."""
        identity = self.aws.identity(name)
        if identity is None:
            problem = f"there is no profile {name!r} in {self.profiles.where}, and no deployment"
            raise InputError(problem, fix="`lmi-deploy status` lists what is deployed")
        whose = {PROFILE_TAG: identity.profile, HARDWARE_TAG: identity.hardware}
        return self._live(name, whose)

    def _profile(self, held: Held, hardware: Sequence[str]) -> Iterator[Row]:
        """The hardware profiles of a named profile.

        Without -p, those of which there is anything; all where there is nothing of any.
        """
        if held.loaded is None:
            raise ProfileError(held.findings)
        names = held.loaded.hardware_names
        wanted = names if not hardware or ALL in hardware else tuple(hardware)
        rows = []
        for name in wanted:
            subject = self.profiles.subject(held.name, name)
            endpoint = held.endpoint(name)
            if endpoint is None:
                raise InputError(subject.problem or f"{held.file}: {name} cannot be decided")
            rows.append(self._row(endpoint, subject))
        found = rows if hardware else [row for row in rows if row.is_own]
        yield from found or rows


def _named(subject: Subject, endpoint: str) -> Subject:
    """The same; without the hardware profile where that deploys under another name now."""
    spec = subject.checked.spec if subject.checked else None
    if spec is None or spec.endpoint.name == endpoint:
        return subject
    now = spec.endpoint.name
    problem = f"{subject.file} deploys {spec.title} as {now} now"
    return replace(subject, checked=None, problem=problem, moved_to=now)
