"""The settings of one hardware profile on their way to another version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from lmi_deployer.catalog.rows import Backend, BackendSupport, Container
from lmi_deployer.findings import Finding
from lmi_deployer.hardware import MergedProfile, Origin
from lmi_deployer.migrating.facts import harmless, implied, way_out
from lmi_deployer.migrating.flat import Flat, Path, dotted, nested
from lmi_deployer.migrating.outcome import KeyChange, Note, Refusal
from lmi_deployer.profile import Settings
from lmi_deployer.render import as_text
from lmi_deployer.resolve import resolve
from lmi_deployer.settings.table import Entry, table
from lmi_deployer.spec import ResolvedSpec, Value


@dataclass
class Draft:
    """What a hardware profile is to become; `steps` change it one after the other."""

    merged: MergedProfile
    old: ResolvedSpec
    target: Container
    backend: Backend
    drops: frozenset[str]
    """Keys that the user agrees to lose."""
    wanted: Flat
    found_before: tuple[Finding, ...] = ()
    """What the checks say of it where it is now."""
    found: tuple[Finding, ...] = ()
    """What they say of it at the target."""
    changes: list[KeyChange] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    moved: dict[Path, Path] = field(default_factory=dict)
    """Path afterwards: path before, of what moved."""

    @property
    def support(self) -> BackendSupport:
        """How the target runs the backend."""
        return self.target.backends[self.backend]

    @property
    def where(self) -> str:
        """`vllm on LMI 0.33.0`."""
        return f"{self.backend} on LMI {self.target.version}"

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """The keys that the backend and the server of the target read."""
        return table(self.target.version).handler(self.backend).entries

    @cached_property
    def old_entries(self) -> Mapping[str, Entry]:
        """The keys that the backend and the server read before."""
        return table(self.old.container.version).handler(self.old.backend).entries

    def reads(self, setting: str) -> bool:
        """Whether the backend of the target reads one of our settings."""
        return setting in self.support.property_names

    def decided(self) -> ResolvedSpec:
        """The spec that the draft comes to. Raises ProfileError where it comes to none."""
        settings = Settings.model_validate(nested(self.wanted))
        origins = {}
        for path in self.wanted:
            before = dotted(self.moved.get(path, path))
            own = Origin(f"profiles.{self.merged.hardware}", self.merged.place(before))
            origins[dotted(path)] = self.merged.origins.get(before, own)
        return resolve(replace(self.merged, settings=settings, origins=origins))

    def set(self, path: Path, value: Any, why: str, source: str | None = None) -> None:
        """Write a setting that had another value, or none."""
        before = self.wanted.get(path)
        self.wanted[path] = value
        self._note_change("set", path, why, before=before, after=value, source=source)

    def move(self, path: Path, to: Path, value: Any, why: str) -> None:
        """Write a setting elsewhere, unless it stands there already."""
        before = self.wanted.pop(path)
        if to in self.wanted:
            reason = f"{dotted(to)} is written already"
            self._note_change("drop", path, reason, before=before)
            return
        self.wanted[to] = value
        self.moved[to] = path
        self._note_change("move", path, why, before=before, after=value, to=dotted(to))

    def drop(self, path: Path, why: str, source: str | None = None) -> None:
        """Write a setting no longer."""
        self._note_change("drop", path, why, before=self.wanted.pop(path), source=source)

    def give_up(
        self,
        path: Path,
        *,
        setting: str | None = None,
        key: str | None = None,
        note: str | None = None,
        instead: str | None = None,
    ) -> None:
        """Drop a setting, or a raw key, that nothing reads; refuse where that would do harm.

        `note` says why nothing takes its place, and `instead` what would, by hand.
        """
        value = self.wanted[path]
        name = self.old.support.property_names.get(setting, "") if setting else str(key)
        why = self.harmlessness(value, setting=setting, key=name)
        if why is not None:
            self.drop(path, f"{why} ({note})" if note else why)
        elif dotted(path) in self.drops:
            self.drop(path, f"nothing reads it with {self.where}, and --drop allows it")
        else:
            problem = f"is {as_text(value)}, which nothing reads with {self.where}"
            problem += f": {note}" if note else ""
            instead = instead or way_out(setting or name, value)
            agree = f"--drop {dotted(path)} to go without it"
            self.refuse(dotted(path), problem, f"{instead}; or {agree}" if instead else agree)

    def harmlessness(self, value: Any, *, setting: str | None, key: str) -> str | None:
        """Why a setting can go without changing what is served; None when it cannot."""
        method = self.old.weights.quantize
        row = implied(self.backend, self.target.version, method).get(setting or "")
        if row is not None:
            return f"{self.where} always does so" if row.value == value else None
        known = harmless(setting=setting, key=key, value=value)
        if known is not None:
            return known.why
        entry = self.old_entries.get(key)
        if entry is not None and (entry.default or "").lower() == as_text(value).lower():
            return f"it is what {self.old.backend} did without it"
        return None

    def refuse(self, key: str, problem: str, fix: str | None) -> None:
        """Note why the hardware profile cannot be carried over."""
        hardware = self.merged.hardware
        self.refusals.append(Refusal(hardware=hardware, key=key, problem=problem, fix=fix))

    def _note_change(
        self,
        action: Any,
        path: Path,
        why: str,
        *,
        before: Value | None = None,
        after: Value | None = None,
        to: str | None = None,
        source: str | None = None,
    ) -> None:
        self.changes.append(
            KeyChange(
                action=action,
                key=dotted(path),
                to=to,
                before=before,
                after=after,
                why=why,
                source=source,
            )
        )
