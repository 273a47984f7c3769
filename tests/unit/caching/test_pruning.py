"""What goes from a cache and what stays; and that removing it leaves nothing half there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer.artifact import claims
from lmi_deployer.artifact.store import StoreError
from lmi_deployer.caching.entries import read_entries
from lmi_deployer.caching.pages import plan_lines
from lmi_deployer.caching.pruning import TO_TELL, Criteria, decide
from lmi_deployer.caching.removing import remove
from tests.unit.artifact.artifacts import INPUTS, KEY, Killed, Watched
from tests.unit.caching.caches import DAY, Cache

NOW = 1_800_000_000.0
NAME = KEY[:16]
EVERYTHING = Criteria(keep=0)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def going(cache: Cache, criteria: Criteria, **used: list[str]) -> set[str]:
    verdicts = decide(read_entries(cache.store), criteria, used, NOW)
    return {item.entry.name for item in verdicts if item.goes}


def added(cache: Cache, days: float, **inputs: Any) -> str:
    name = cache.add({**INPUTS, **inputs})
    cache.age(name, days * DAY, NOW)
    return name


def test_nothing_complete_goes_unless_asked_for(cache: Cache):
    added(cache, days=400)
    assert going(cache, Criteria()) == set()
    assert going(cache, EVERYTHING) == {NAME}


@pytest.mark.parametrize(("days", "goes"), [(0.9, False), (1.1, True)])
def test_half_written_ones_go_after_a_day_without_a_write(days: float, goes: bool, cache: Cache):
    name = cache.half_written(INPUTS)
    cache.age(name, 30 * DAY, NOW)
    cache.store.write(f"{name}/artifact/newest", b"x")
    cache.age(f"{name}/artifact", days * DAY, NOW)
    assert going(cache, Criteria()) == ({name} if goes else set())


@pytest.mark.parametrize(("days", "goes"), [(2.9, False), (3.1, True)])
def test_a_job_may_be_compiling_for_as_long_as_it_was_given(days: float, goes: bool, cache: Cache):
    cache.store.write(f"{NAME}/job/job.json", b'{"max_seconds": 172800}')
    cache.age(NAME, days * DAY, NOW)
    assert going(cache, EVERYTHING) == ({NAME} if goes else set())


def test_nothing_goes_while_its_claim_is_live(cache: Cache):
    for name in (cache.half_written(INPUTS), cache.add({**INPUTS, "dtype": "bf16"})):
        claims.take(cache.store, f"{name}/", "me", NOW - 10, 600)
        cache.age(name, 30 * DAY, NOW)
    assert going(cache, EVERYTHING) == set()


def test_a_claim_that_ran_out_keeps_nothing(cache: Cache):
    name = cache.half_written(INPUTS)
    claims.take(cache.store, f"{name}/", "me", NOW - 3 * DAY, 600)
    cache.age(name, 3 * DAY, NOW)
    assert going(cache, Criteria()) == {name}


def test_damaged_ones_go_like_half_written_ones(cache: Cache):
    name = cache.add(INPUTS)
    cache.store.delete([f"{name}/artifact/tensorrt_llm/config.pbtxt"])
    cache.age(name, 0.5 * DAY, NOW)
    assert going(cache, Criteria()) == set()
    cache.age(name, 2 * DAY, NOW)
    assert going(cache, Criteria()) == {name}


def test_old_ones_go(cache: Cache):
    added(cache, days=10)
    old = added(cache, days=31, dtype="bf16")
    assert going(cache, Criteria(older_than_seconds=30 * 86_400)) == {old}


def test_of_each_model_the_newest_stay(cache: Cache):
    names = [added(cache, days=days, dtype=f"{days}") for days in (1, 2, 3)]
    other = added(cache, days=9, model_id="another")
    assert going(cache, Criteria(keep=1)) == set(names[1:])
    assert going(cache, Criteria(keep=2)) == {names[2]}
    assert going(cache, Criteria(keep=0)) == {*names, other}


def test_an_engine_has_to_meet_all_that_is_asked(cache: Cache):
    names = [added(cache, days=days, dtype=f"{days}") for days in (10, 20, 40, 50)]
    criteria = Criteria(keep=1, older_than_seconds=30 * 86_400, is_unused=True)
    assert going(cache, criteria, **{names[3]: ["chat-g5"]}) == {names[2]}


def test_what_an_endpoint_serves_from_stays_whatever_is_asked(cache: Cache):
    name = added(cache, days=400)
    [verdict] = decide(read_entries(cache.store), EVERYTHING, {name: ["chat-g5"]}, NOW)
    assert (verdict.goes, verdict.reason) == (False, "used by chat-g5")


@pytest.mark.parametrize("after", [False, True])
def test_a_removal_that_is_killed_leaves_nothing_that_looks_complete(after: bool, tmp_path: Path):
    steps = 1
    while True:
        (tmp_path / str(steps)).mkdir()
        cache = Cache(tmp_path / str(steps))
        cache.add(INPUTS)
        [entry] = read_entries(cache.store)
        dying = Watched(cache.store, dies_at=steps, after=after)
        try:
            remove(dying, entry, lambda _line: None)
        except Killed:
            states = [item.state for item in read_entries(cache.store)]
            has_begun = "delete" in dying.operations[: None if after else -1]
            assert states in ([["half-written"], []] if has_begun else [["complete"]])
            steps += 1
            continue
        assert cache.store.files() == {}
        return


def test_what_was_written_since_the_plan_stays(cache: Cache):
    cache.add(INPUTS)
    [entry] = read_entries(cache.store)
    cache.store.write(f"{NAME}/claim.json", b"x")
    said: list[str] = []
    assert not remove(cache.store, entry, said.append)
    assert said == [f"{NAME} has changed meanwhile, and stays"]
    assert len(read_entries(cache.store)) == 1


def test_what_has_gone_since_the_plan_is_as_good_as_removed(cache: Cache):
    cache.add(INPUTS)
    [entry] = read_entries(cache.store)
    assert remove(cache.store, entry, lambda _line: None)
    assert remove(cache.store, entry, lambda _line: None)


def test_interrupted_uploads_that_may_not_be_listed_keep_nothing_from_being_removed(cache: Cache):
    class Denied(Watched):
        def clean(self, prefix: str) -> None:
            raise StoreError("s3:ListBucketMultipartUploads is denied")

    cache.add(INPUTS)
    [entry] = read_entries(cache.store)
    said: list[str] = []
    assert remove(Denied(cache.store), entry, said.append)
    assert "ListBucketMultipartUploads" in said[0]
    assert cache.store.files() == {}


def test_files_that_lmi_deploy_did_not_write_stay_and_are_named(cache: Cache):
    name = added(cache, days=400)
    cache.store.write(f"{name}/precious.doc", b"x")
    cache.store.write("fedcba9876543210/precious.doc", b"x")
    [entry] = read_entries(cache.store)
    assert plan_lines(decide([entry], EVERYTHING, {}, NOW))[1].endswith(": precious.doc")
    said: list[str] = []
    assert remove(cache.store, entry, said.append)
    assert said == [f"{name}: left alone, as lmi-deploy did not write it: precious.doc"]
    assert set(cache.store.files()) == {f"{name}/precious.doc", "fedcba9876543210/precious.doc"}


def test_a_name_that_would_break_the_line_is_shown_in_quotes(cache: Cache):
    name = added(cache, days=400)
    (cache.folder / name / "a\nb").write_bytes(b"x")
    [entry] = read_entries(cache.store)
    assert plan_lines(decide([entry], EVERYTHING, {}, NOW))[1].endswith(r": 'a\nb'")


def test_what_cannot_be_listed_stays_and_says_why(cache: Cache):
    name = added(cache, days=400)
    (cache.folder / name / "artifact" / "link").symlink_to("/etc")
    [verdict] = decide(read_entries(cache.store), EVERYTHING, {}, NOW)
    assert not verdict.goes
    assert "is a symbolic link" in verdict.reason


def test_what_may_be_a_good_copy_goes_only_if_it_is_asked_for(cache: Cache):
    added(cache, days=400)
    [entry] = read_entries(cache.store)
    problem = "rank0.engine was written again since it was committed"
    copied = replace(entry, problem=problem, is_rewritten=True)
    assert copied.state == "damaged"
    [verdict] = decide([copied], Criteria(), {}, NOW)
    assert (verdict.goes, verdict.reason) == (False, f"{problem}; {TO_TELL}")
    [verdict] = decide([copied], Criteria(older_than_seconds=1), {}, NOW)
    assert verdict.goes
