"""Every shipped profile on every version, and back: nothing is lost that was not told."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

import pytest

from lmi_deployer import catalog, checks
from lmi_deployer.findings import errors_among
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.migrating import Migration, migrate
from lmi_deployer.render import properties
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import shipped_profiles

START = "0.25.0"
ORDER = catalog.names("containers")
VERSIONS = ORDER[ORDER.index(START) :]


def rendered(loaded: LoadedProfile, hardware: str) -> dict[str, str]:
    return properties(resolve(merge(loaded, hardware)))


def version(loaded: LoadedProfile, hardware: str) -> object:
    return merge(loaded, hardware).get("container.version")


def carried_as_far_as_possible(text: str, name: str, to: str, only: Collection[str]) -> Migration:
    """The file, or the hardware profiles that can be moved; what is refused names itself."""
    whole = migrate(text, name, to, only=only)
    if not whole.refusals:
        return whole
    assert whole.after == text
    known = load_profile(text, name).hardware_names
    for refusal in whole.refusals:
        assert refusal.hardware in known
        assert refusal.key
        assert refusal.problem
        assert refusal.fix
    if not whole.movable:
        return whole
    part = migrate(text, name, to, only=whole.movable)
    assert not part.refusals
    return part


def assert_sound(migration: Migration) -> LoadedProfile:
    """The new text validates on the new version, and only what was told is other."""
    loaded, before = (
        load_profile(text, migration.name) for text in (migration.after, migration.before)
    )
    moved = {carried.hardware for carried in migration.carried}
    for hardware in loaded.hardware_names:
        if hardware in moved:
            assert version(loaded, hardware) == migration.to_version
            assert not errors_among(checks.check(resolve(merge(loaded, hardware))))
        else:
            assert version(loaded, hardware) == version(before, hardware)
            assert rendered(loaded, hardware) == rendered(before, hardware)
    told = {
        "version",
        "container",
        *(
            part
            for carried in migration.carried
            for change in carried.changes
            for part in f"{change.key}.{change.to}".split(".")
        ),
    }
    lines = (migration.before.splitlines(), migration.after.splitlines())
    for line in list(difflib.unified_diff(*lines, n=0, lineterm=""))[2:]:
        assert line.startswith("@@") or any(f"{key}:" in line for key in told), line
    return loaded


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", shipped_profiles().values(), ids=lambda path: path.stem)
def test_a_shipped_profile_goes_to_every_version_and_back_or_says_why_not(path: Path):
    text, name = path.read_text(encoding="utf-8"), path.name
    start = load_profile(text, name)
    at_start = [item for item in start.hardware_names if version(start, item) == START]
    for target in VERSIONS:
        up = carried_as_far_as_possible(text, name, target, ())
        assert_sound(up)
        assert comments(up.after) == comments(text)
        if not up.carried:
            assert up.after == text
            continue
        moved = [carried.hardware for carried in up.carried]
        down = carried_as_far_as_possible(up.after, name, START, moved)
        back = assert_sound(down)
        assert comments(down.after) == comments(text)
        for hardware in {*at_start} & {carried.hardware for carried in down.carried}:
            changes = [
                change
                for migration in (up, down)
                for carried in migration.carried
                if carried.hardware == hardware
                for change in carried.changes
            ]
            lost = {change.key for change in changes if change.action == "drop"}
            if "backend" in {change.key for change in changes}:
                assert (
                    rendered(back, hardware)["option.tensor_parallel_degree"]
                    == (rendered(start, hardware)["option.tensor_parallel_degree"])
                )
            elif not lost:
                assert rendered(back, hardware) == rendered(start, hardware)


def test_most_hardware_profiles_can_be_moved_to_the_newest_version():
    """So that the test above cannot pass by refusing everything."""
    newest = ORDER[-1]
    moved, all_names = 0, 0
    for path in shipped_profiles().values():
        migration = migrate(path.read_text(encoding="utf-8"), path.name, newest)
        moved += len(migration.carried)
        all_names += len(load_profile(migration.before, path.name).hardware_names)
    assert moved / all_names > 0.8
