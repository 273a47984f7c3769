"""A cache as it is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer.artifact import claims
from lmi_deployer.caching.entries import read_entries, read_entry
from tests.unit.artifact.artifacts import FILES, INPUTS, KEY, Watched
from tests.unit.caching.caches import DAY, Cache

NOW = 1_800_000_000.0
NAME = KEY[:16]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_a_complete_engine_is_listed_with_its_manifest_and_all_of_its_bytes(cache: Cache):
    cache.add(INPUTS)
    [entry] = read_entries(cache.store)
    assert (entry.name, entry.state, entry.problem) == (NAME, "complete", None)
    assert entry.manifest is not None
    assert entry.manifest.key == KEY
    assert entry.size_bytes > sum(map(len, FILES.values()))


def test_engines_are_listed_oldest_first_with_one_listing_of_each(cache: Cache):
    names = [cache.add({**INPUTS, "dtype": dtype}) for dtype in ("fp16", "bf16", "fp32")]
    for name, days in zip(names, (2, 3, 1), strict=True):
        cache.age(name, days * DAY, NOW)
    watched = Watched(cache.store)
    assert [entry.name for entry in read_entries(watched)] == [names[1], names[0], names[2]]
    assert watched.operations.count("files") == 3
    assert watched.operations.count("read") == 3


def test_what_is_no_engine_is_not_listed(cache: Cache):
    for path in (
        "notes.txt",
        "0123/manifest.json",
        "fedcba9876543210",
        f"{NAME.upper()}0/manifest.json",
        f"{NAME}/precious.doc",
        f"{NAME}/artifact",
        f"{NAME}/work/artifact/1",
        f"{NAME}/job/tool.sh",
    ):
        cache.store.write(path, b"x")
    (cache.folder / "links").mkdir()
    (cache.folder / "links" / "link").symlink_to("/etc")
    assert read_entries(cache.store) == []
    assert read_entry(cache.store, NAME) is None


def test_files_that_somebody_else_put_into_an_engine_s_folder_are_told_apart(cache: Cache):
    cache.add(INPUTS)
    before = read_entries(cache.store)[0]
    cache.store.write(f"{NAME}/precious.doc", b"x")
    cache.store.write(f"{NAME}/artifacts/1", b"x")
    cache.store.write(f"{NAME}/artifact/mine", b"x")
    cache.store.write(f"{NAME}/job/tool.sh", b"x")
    cache.store.write(f"{NAME}/job-output/started.json", b"{}")
    [entry] = read_entries(cache.store)
    assert entry.foreign == ("artifact/mine", "artifacts/1", "job/tool.sh", "precious.doc")
    assert set(entry.files) == {*before.files, "job-output/started.json"}


@pytest.mark.parametrize("place", [f"{NAME}/artifact/link", "0123456789abcdef"])
def test_a_link_damages_the_engine_that_it_is_in_and_no_other(place: str, cache: Cache):
    cache.add(INPUTS)
    other = cache.add({**INPUTS, "dtype": "bf16"})
    (cache.folder / place).symlink_to("/etc")
    entries = {entry.name: entry for entry in read_entries(cache.store)}
    linked = entries[place.partition("/")[0]]
    assert linked.state == "damaged"
    assert (linked.problem or "").endswith(f"{cache.folder / place} is a symbolic link")
    assert entries[other].state == "complete"


@pytest.mark.parametrize(
    ("path", "content", "state", "problem"),
    [
        ("manifest.json", None, "half-written", None),
        ("manifest.json", b"{}", "damaged", "manifest.json is not a manifest"),
        ("artifact/tensorrt_llm/config.pbtxt", None, "damaged", "config.pbtxt is missing"),
        ("artifact/tensorrt_llm/config.pbtxt", b"x", "damaged", "has 1 bytes, not 20"),
    ],
)
def test_what_a_listing_shows_to_be_wrong_is_told(
    path: str, content: bytes | None, state: str, problem: str | None, cache: Cache
):
    cache.add(INPUTS)
    if content is None:
        cache.store.delete([f"{NAME}/{path}"])
    else:
        cache.store.write(f"{NAME}/{path}", content)
    [entry] = read_entries(cache.store)
    assert entry.state == state
    assert (problem or "") in (entry.problem or "")


def test_a_manifest_in_the_folder_of_another_key_is_damage(cache: Cache):
    cache.add(INPUTS)
    (cache.folder / NAME).rename(cache.folder / "0123456789abcdef")
    [entry] = read_entries(cache.store)
    assert entry.problem == f"manifest.json is of another key, {KEY}"


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (b'{"max_seconds": 7200}', 7200),
        (b"{}", 0),
        (b"[]", 0),
        (b"", 0),
        (b'{"max_seconds": "x"}', 0),
    ],
)
def test_of_what_is_under_way_the_claim_and_the_time_of_its_job_are_known(
    job: bytes, seconds: int, cache: Cache
):
    cache.store.write(f"{NAME}/job/job.json", job)
    claim = claims.take(cache.store, f"{NAME}/", "me", NOW, 600)
    [entry] = read_entries(cache.store)
    assert (entry.state, entry.claim, entry.job_seconds) == ("half-written", claim, seconds)


def test_one_engine_can_be_read_again(cache: Cache):
    cache.add(INPUTS)
    assert [read_entry(cache.store, NAME)] == read_entries(cache.store)
    assert read_entry(cache.store, "0123456789abcdef") is None
