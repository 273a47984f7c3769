"""One hardware profile as `up` would deploy it now, and as it is live: two snapshots.

Looks at AWS and changes nothing. What one call refuses is named; the rest is compared all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.live_snapshot import live_snapshot
from lmi_deployer.diffing.live_wanted import Wanted, WantedReader, deployment_of, unread
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.errors import (
    AwsError,
    CredentialsError,
    InputError,
    UnreachableError,
)
from lmi_deployer.findings import Finding, Place
from lmi_deployer.importing.looking import Looked, look

if TYPE_CHECKING:
    from lmi_deployer.api import Checked
    from lmi_deployer.edges.aws import Aws

__all__ = ["LiveReader", "Sides", "Wanted", "unread"]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of one hardware profile."""

    wanted: Wanted
    looked: Looked | None
    """None where there is no endpoint of its name, or none that can be described."""
    live: Snapshot | None
    """None where nothing is live, or nothing of it can be compared."""
    problems: tuple[Finding, ...]
    """What of the account could not be read."""


class LiveReader:
    """Reads hardware profiles beside one account."""

    def __init__(self, aws: Aws, region: str) -> None:
        self.aws = aws
        self.region = region

    def pair(
        self, checked: Checked, file: str
    ) -> tuple[Snapshot | None, Snapshot | None, Unread | None]:
        """(as it would be deployed, as it is live, what could not be read).

        The second is None where nothing is live. Raises CredentialsError or UnreachableError
        where there is nobody to ask.
        """
        sides = self._without_edited_file(self.sides(checked, file))
        problem = None
        if checked.spec is None:
            untold = "which endpoint it deploys as cannot be told, since it cannot be decided"
            found = Finding.error("LMI503", untold, place=Place(file), fix=None)
            problem = Unread(name=checked.title, side="after", findings=(found, *checked.findings))
        elif sides.problems:
            name = f"endpoint {checked.spec.endpoint.name}"
            problem = Unread(name=name, side="after", findings=sides.problems)
        return sides.wanted.snapshot, sides.live, problem

    def sides(
        self, checked: Checked, file: str, looked: Looked | Literal["look"] | None = "look"
    ) -> Sides:
        """The same, with what it was made from.

        `looked` is its endpoint, where that has been looked at already.
        """
        spec, problems = checked.spec, []
        if looked == "look":
            looked = None
            if spec is not None:
                try:
                    looked = look(spec.endpoint.name, self.aws)
                except (CredentialsError, UnreachableError):
                    raise
                except AwsError as error:
                    problems.append(unread(spec.endpoint.name, error))
        if looked is not None:
            problems += [unread(looked.name, error) for error in looked.problems.values()]
        wanted = WantedReader(self.aws, self.region).wanted(checked, file, looked)
        return Sides(
            wanted=wanted,
            looked=looked,
            live=None if looked is None else live_snapshot(looked, wanted.snapshot, self.region),
            problems=(*problems, *wanted.problems),
        )

    def _without_edited_file(self, sides: Sides) -> Sides:
        """The same; without serving.properties where that is not the one that was deployed.

        An endpoint that runs the wanted configuration was deployed with the wanted file. `up` puts
        it back and moves nothing, so that no line of another file is a difference of what runs.
        """
        looked, live, wanted = sides.looked, sides.live, sides.wanted.snapshot.deployed
        if looked is None or looked.live is None or live is None or live.deployed is None:
            return sides
        made = deployment_of(sides.wanted)
        if isinstance(made, str) or wanted is None or live.deployed.properties is None:
            return sides
        config = looked.endpoint["EndpointConfigName"]
        if config != made.endpoint_config_name or live.deployed.properties == wanted.properties:
            return sides
        error = InputError(
            f"{looked.live.properties_name} is not the file that was deployed, and which of them "
            "runs cannot be told: a container reads it when it starts",
            fix="`lmi-deploy up` puts it back and moves nothing; `lmi-deploy drift` shows it",
        )
        looked = replace(
            looked,
            live=replace(looked.live, properties=None),
            problems={**looked.problems, "serving.properties": error},
        )
        return replace(
            sides,
            looked=looked,
            live=live_snapshot(looked, sides.wanted.snapshot, self.region),
            problems=(*sides.problems, unread(looked.name, error)),
        )
