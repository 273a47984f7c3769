"""Looks at the deployments of an account, one by one; what one of them refuses hides no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmi_deployer.api import ALL
from lmi_deployer.deployment import HARDWARE_TAG, PROFILE_TAG
from lmi_deployer.drifting.profiles import Held, Profiles, Subject
from lmi_deployer.drifting.report import Row
from lmi_deployer.drifting.rows import Reading
from lmi_deployer.errors import AwsError, CredentialsError, InputError, UnreachableError
from lmi_deployer.findings import ProfileError
from lmi_deployer.importing.looking import look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lmi_deployer.edges.aws import Aws


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
        described = {name: names for name, *names in self.profiles.endpoints()}
        listed = sorted(self.aws.endpoints(), key=lambda item: item.name)
        others = described.keys() - {item.name for item in listed if item.is_ours}
        in_use = self._names_in_use() if others else set()
        for item in listed:
            if item.is_ours and item.tags is not None:
                if not hardware or {ALL, item.tags.get(HARDWARE_TAG, "")} & {*hardware}:
                    yield self._live(item.name, item.tags)
            elif item.problem is not None and item.name in described:
                subject = self.profiles.subject(*described[item.name])
                yield self.reading.unreadable(item.name, subject, item.problem)
            elif item.problem is not None:
                self.notes.append(
                    f"whose endpoint {item.name} is cannot be told: {item.problem.problem}"
                )
            elif item.name in in_use and item.name in described:
                row = self._with_other_tags(item.name, described[item.name], item.tags or {})
                yield from [] if row is None else [row]
        gone = others & in_use - {item.name for item in listed}
        for name in sorted(gone):
            if not hardware or {ALL, described[name][1]} & {*hardware}:
                yield from self._remains(name, described[name])

    def _names_in_use(self) -> set[str]:
        try:
            return self.aws.names_in_use()
        except (CredentialsError, UnreachableError):
            raise
        except AwsError as error:
            what = "whether a deployment has lost its endpoint"
            self.notes.append(f"{what} cannot be told: {error.problem}")
            return set()

    def _live(self, name: str, tags: Mapping[str, str]) -> Row:
        """An endpoint that is ours, by its tags."""
        profile, hardware = tags.get(PROFILE_TAG, ""), tags.get(HARDWARE_TAG, "")
        return self._row(name, self.profiles.subject(profile, hardware), tags)

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

    def _with_other_tags(
        self, name: str, described: Sequence[str], tags: Mapping[str, str]
    ) -> Row | None:
        """An endpoint that runs what was made for it, but is not tagged so; None for others'."""
        row = self._row(name, self.profiles.subject(*described), tags)
        return row if row.is_own else None

    def _remains(self, name: str, described: Sequence[str]) -> Iterator[Row]:
        """What is left of a deployment without its endpoint; nothing where nothing is."""
        row = self._row(name, self.profiles.subject(*described))
        if row.is_own:
            yield row

    def _endpoint(self, name: str) -> Row:
        """What the command line names and no profile is called. Raises InputError for nothing."""
        identity = self.aws.identity(name)
        if identity is None:
            problem = f"there is no profile {name!r} in {self.profiles.where}, and no deployment"
            raise InputError(problem, fix="`lmi-deploy status` lists what is deployed")
        return self._row(name, self.profiles.subject(identity.profile, identity.hardware))

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
    problem = f"{subject.file} deploys {spec.title} as {spec.endpoint.name} now"
    return replace(subject, checked=None, problem=problem)
