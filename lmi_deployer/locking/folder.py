"""The lock of one folder of profiles: what its profiles name, and bringing the lock up to that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lmi_deployer.edges.files import read_text
from lmi_deployer.edges.lock_files import rewrite
from lmi_deployer.findings import Finding, Place, ProfileError
from lmi_deployer.hardware import load_profile
from lmi_deployer.lockfile import LOCK_NAME, Key, Lock, LockedModel, read
from lmi_deployer.locking.checks import CODE, FIX, staleness
from lmi_deployer.locking.updating import Outcome, update
from lmi_deployer.locking.wanted import Wanted, wanted_by


@dataclass(frozen=True, kw_only=True)
class ProfileFolder:
    """Some or all of the profiles of one folder, and the models that they name."""

    path: Path
    is_whole: bool
    """True where nothing but these profiles names a model in the folder's lock."""
    wanted: dict[Key, Wanted]

    @property
    def lock_path(self) -> Path:
        """Where its lock is, or would be."""
        return self.path / LOCK_NAME

    def lock(self) -> Lock | None:
        """Its lock, or None where there is none. Raises ProfileError for an unusable one."""
        return read(self.lock_path)

    def staleness(self) -> tuple[Finding, ...]:
        """What the lock lacks or has too much of; nothing is asked for."""
        lock = self.lock()
        if lock is None:
            problem = f"there is no {LOCK_NAME} beside these profiles"
            return (Finding.error(CODE, problem, place=Place(str(self.lock_path)), fix=FIX),)
        return tuple(staleness(lock, self.wanted, is_whole_folder=self.is_whole))

    def update(
        self,
        *,
        ask: Callable[[Wanted], LockedModel],
        is_asked_again: Callable[[LockedModel], bool],
    ) -> tuple[Outcome, bool]:
        """What became of every model, and whether the lock was written anew."""
        outcome = update(
            self.wanted,
            self.lock(),
            ask=ask,
            is_asked_again=is_asked_again,
            is_whole_folder=self.is_whole,
        )
        is_same = all(change.kind == "kept" for change in outcome.changes)
        if is_same and (outcome.failures or self.lock_path.exists()):
            return outcome, False
        return outcome, rewrite(self.lock_path, outcome.applied_to)


def profile_folders(files: Iterable[tuple[Path, bool]]) -> tuple[ProfileFolder, ...]:
    """The folders of these profile files; with each file, whether its whole folder was named.

    Raises ProfileError with everything that is wrong with any of them.
    """
    groups: dict[Path, dict[Path, bool]] = {}
    for path, is_whole in files:
        groups.setdefault(path.parent, {})[path] = is_whole
    findings: list[Finding] = []
    folders = []
    for folder, members in groups.items():
        loaded = []
        for path in members:
            try:
                loaded.append(load_profile(read_text(path), str(path)))
            except ProfileError as error:
                findings += error.findings
        found = ProfileFolder(path=folder, is_whole=any(members.values()), wanted=wanted_by(loaded))
        folders.append(found)
    if findings:
        raise ProfileError(findings)
    return tuple(folders)
