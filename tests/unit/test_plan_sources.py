"""What a plan was decided from, and what of that has changed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer.errors import InputError
from lmi_deployer.plan_sources import Sources, catalog_sha256, changed_since, sources_of
from tests.specs import PROFILE


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "chat.yaml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def sources(profile: Path) -> Sources:
    return sources_of(profile, ["backend=vllm"])


def test_nothing_has_changed_right_after(sources: Sources):
    assert list(changed_since(sources)) == []
    assert sources.overrides == ("backend=vllm",)


def test_another_profile_is_named(sources: Sources, profile: Path):
    profile.write_text(f"{PROFILE}# a comment\n")
    assert list(changed_since(sources)) == [f"{profile} has changed"]


def test_a_lock_that_is_new_changed_or_gone_is_named(sources: Sources, profile: Path):
    lock = profile.parent / "lmi.lock"
    lock.write_text("{}")
    assert list(changed_since(sources)) == [f"{lock} has changed"]
    with_lock = sources_of(profile)
    assert list(changed_since(with_lock)) == []
    lock.unlink()
    assert list(changed_since(with_lock)) == [f"{lock} has changed"]


def test_a_profile_that_is_not_here_cannot_be_compared(sources: Sources, profile: Path):
    profile.unlink()
    assert list(changed_since(sources)) == [f"{profile} is not here to compare with"]


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/stdin", "-", "a\0b", "a\x1b[2J", "x" * 5000])
def test_a_plan_that_names_no_file_is_told_so_and_nothing_is_read(sources: Sources, name: str):
    (told,) = changed_since(replace(sources, profile=name))
    assert told.endswith("is not here to compare with")
    assert told.isprintable()


def test_a_lock_that_cannot_be_read_is_told(sources: Sources, profile: Path):
    (profile.parent / "lmi.lock").write_bytes(b" " * 5_000_000)
    (told,) = changed_since(sources)
    assert "lmi.lock is larger than" in told


def test_another_version_or_catalog_is_named(sources: Sources):
    older = replace(sources, version="0.0.1", catalog_sha256="0" * 64)
    assert next(changed_since(older)).startswith("it was made by lmi-deploy 0.0.1")
    edited = replace(sources, catalog_sha256="0" * 64)
    assert list(changed_since(edited)) == ["the catalog of lmi-deploy has changed"]


def test_a_profile_that_cannot_be_read_has_no_sources(tmp_path: Path):
    with pytest.raises(InputError):
        sources_of(tmp_path / "missing.yaml")


def test_the_hash_of_the_catalog_is_stable():
    assert catalog_sha256() == catalog_sha256()
    assert len(catalog_sha256()) == 64
