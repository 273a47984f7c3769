"""What moving a file to another version comes to: changes with reasons, notes, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lmi_deployer.catalog.migration_rows import Severity
from lmi_deployer.spec import Value

Action = Literal["set", "move", "drop"]


@dataclass(frozen=True, kw_only=True)
class KeyChange:
    """One key of a hardware profile that is another afterwards."""

    action: Action
    key: str
    """Dotted path in the profile, as it is written before, or afterwards for `set`."""
    to: str | None = None
    """Dotted path afterwards, for `move`."""
    before: Value | None = None
    after: Value | None = None
    why: str
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the file does not say and people have to know."""

    severity: Severity
    text: str
    advice: str | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a hardware profile cannot be carried over, and a way out."""

    hardware: str | None
    """None where the file as a whole is wrong."""
    key: str
    """Dotted path of the setting that stands in the way."""
    problem: str
    fix: str | None = None

    def __str__(self) -> str:
        whose = "" if self.hardware is None else f"{self.hardware}: "
        way_out = "" if self.fix is None else f"\n  fix: {self.fix}"
        return f"{whose}{self.key}: {self.problem}{way_out}"


@dataclass(frozen=True, kw_only=True)
class Carried:
    """One hardware profile on its new version."""

    hardware: str
    from_version: str
    from_backend: str
    backend: str
    changes: tuple[KeyChange, ...]
    """Beside the version itself."""
    notes: tuple[Note, ...]
    recompile: str | None
    """Why an engine or a graph is compiled anew; None when it is not."""
    removed: Mapping[str, str]
    """Lines of serving.properties that go, or are others afterwards."""
    added: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What moving one file comes to."""

    name: str
    to_version: str
    before: str
    after: str
    """The same text as before when nothing is to be done, or something was refused."""
    carried: tuple[Carried, ...] = ()
    """The hardware profiles that move; some may be here although others are refused."""
    refusals: tuple[Refusal, ...] = ()

    @property
    def movable(self) -> tuple[str, ...]:
        """The hardware profiles that could move by themselves."""
        return tuple(carried.hardware for carried in self.carried)
