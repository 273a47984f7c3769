"""However a commit ends, an artifact is whole or it is none, and a second try finishes it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer.artifact import progress, uploading
from lmi_deployer.artifact.committing import CommitError, adopt, find
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.hashing import sha256_of
from lmi_deployer.artifact.manifest import ManifestError, key_of, meets
from lmi_deployer.artifact.store import Store, StoreError
from lmi_deployer.artifact.verifying import differences
from tests.unit.artifact.artifacts import (
    ARTIFACT,
    FILES,
    INPUTS,
    KEY,
    MADE,
    PREFIX,
    Killed,
    Watched,
    commit_here,
    make_source,
)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cache")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path / "source")


def whole(store: Store) -> bool:
    """True where an artifact is taken for complete; it then has to be."""
    manifest = find(store, PREFIX)
    if manifest is None:
        return False
    assert differences(store, PREFIX, manifest, deep=True) == []
    return True


def test_a_committed_artifact_is_found_with_all_that_is_said_of_it(store, source):
    made = commit_here(store, source, quality={"agreement": 0.98})
    found = find(store, PREFIX)
    assert found == made
    assert found.key == KEY
    assert found.layout == "triton_repository"
    assert found.quality == {"agreement": 0.98}
    assert found.made["runner"] == MADE["runner"]
    assert found.made["seconds"].keys() == {"compile", "upload"}
    assert {item.path: item.size_bytes for item in found.files} == {
        path: len(content) for path, content in FILES.items()
    }
    assert set(store.files()) == {f"{ARTIFACT}{path}" for path in FILES} | {
        f"{PREFIX}manifest.json"
    }


def test_where_nothing_was_committed_there_is_no_artifact(store: FolderStore):
    assert find(store, PREFIX) is None
    store.write(f"{ARTIFACT}config.json", b"{}")
    assert find(store, PREFIX) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"schema_version": 2}', b"\xff", b"null"])
def test_a_corrupt_manifest_is_an_error_that_names_it(content: bytes, store: FolderStore):
    store.write(f"{PREFIX}manifest.json", content)
    with pytest.raises(ManifestError, match=f"{store.root}{PREFIX}manifest.json is "):
        find(store, PREFIX)


def test_what_is_there_already_is_not_sent_again(store: FolderStore, source: Path):
    commit_here(store, source)
    store.delete([f"{PREFIX}manifest.json", f"{ARTIFACT}tensorrt_llm/config.pbtxt"])
    watched = Watched(store)
    commit_here(watched, source)
    assert watched.sent == [f"{ARTIFACT}tensorrt_llm/config.pbtxt"]


def test_files_of_an_earlier_try_do_not_stay_in_the_artifact(store: FolderStore, source: Path):
    store.write(f"{ARTIFACT}tensorrt_llm/1/llama_float16_tp4_rank3.engine", b"of another try")
    store.write(f"{PREFIX}job/job.json", b"{}")
    commit_here(store, source)
    assert whole(store)
    assert set(store.files(ARTIFACT)) == {f"{ARTIFACT}{path}" for path in FILES}
    assert store.read(f"{PREFIX}job/job.json") == b"{}"


def test_an_artifact_that_endpoints_may_be_starting_from_is_left_alone(store, tmp_path, source):
    first = commit_here(store, source)
    other = make_source(tmp_path / "other", {**FILES, "tensorrt_llm/config.pbtxt": b"other"})
    watched = Watched(store)
    assert commit_here(watched, other) == first
    assert watched.sent == []
    assert whole(store)


def test_a_damaged_artifact_is_replaced(store: FolderStore, source: Path):
    commit_here(store, source)
    store.write(f"{ARTIFACT}tensorrt_llm/1/config.json", b"cut")
    watched = Watched(store)
    commit_here(watched, source)
    assert watched.sent == [f"{ARTIFACT}tensorrt_llm/1/config.json"]
    assert whole(store)


def test_a_corrupt_manifest_is_replaced(store: FolderStore, source: Path):
    store.write(f"{PREFIX}manifest.json", b"{")
    commit_here(store, source)
    assert whole(store)


MEASURED = {"prompts": ["Deep learning is"], "minimum": 0.9, "agreement": 0.95}


@pytest.mark.parametrize(
    ("standing", "is_replaced"),
    [
        (None, True),
        ({**MEASURED, "prompts": ["Another"]}, True),
        ({**MEASURED, "agreement": 0.85}, True),
        (MEASURED, False),
        ({**MEASURED, "agreement": 0.9}, False),
    ],
)
def test_an_artifact_without_an_answer_to_the_quality_gate_is_replaced(
    standing: dict[str, Any] | None, is_replaced: bool, store: FolderStore, source: Path
):
    commit_here(store, source, quality=standing)
    watched = Watched(store)
    commit_here(watched, source, quality={**MEASURED, "agreement": 1.0})
    assert watched.sent == []
    found = find(store, PREFIX)
    assert found is not None
    assert found.quality == ({**MEASURED, "agreement": 1.0} if is_replaced else standing)


@pytest.mark.parametrize("agreement", [None, "0.99", [1]])
def test_a_measurement_that_is_no_number_answers_nothing(agreement: Any):
    assert not meets({**MEASURED, "agreement": agreement}, MEASURED)


def test_the_artifact_of_another_key_that_names_the_folder_is_never_written_over(store, source):
    inputs = {**INPUTS, "quantize": "awq"}
    prefix = f"{key_of(inputs)[:16]}/"
    other = commit_here(store, source, inputs=inputs, prefix=prefix)
    before = store.files()
    with pytest.raises(CommitError, match=f"holds the artifact of another key, {other.key}"):
        commit_here(store, source, prefix=prefix)
    assert store.files() == before


def test_a_manifest_that_was_copied_from_the_folder_of_another_key_is_replaced(store, source):
    inputs = {**INPUTS, "quantize": "awq"}
    prefix = f"{key_of(inputs)[:16]}/"
    commit_here(store, source, inputs=inputs, prefix=prefix)
    store.write(f"{PREFIX}manifest.json", store.read(f"{prefix}manifest.json") or b"")
    assert commit_here(store, source).key == KEY
    assert whole(store)


def test_an_artifact_is_replaced_where_that_is_demanded(store, source, tmp_path):
    commit_here(store, source)
    other = make_source(tmp_path / "other", {**FILES, "tensorrt_llm/config.pbtxt": b"other"})
    watched = Watched(store)
    made = commit_here(watched, other, replaces=True)
    assert find(store, PREFIX) == made
    assert watched.sent == [f"{ARTIFACT}tensorrt_llm/config.pbtxt"]
    assert whole(store)


def test_the_artifact_that_is_replaced_is_whole_until_the_first_file_of_the_new_one_is_sent(
    store, source, tmp_path, monkeypatch
):
    one_at_a_time(monkeypatch)
    other = {**FILES, "tensorrt_llm/config.pbtxt": b"other"}
    new = make_source(tmp_path / "other", other)

    def standing(name: str) -> FolderStore:
        cache = FolderStore(tmp_path / name)
        commit_here(cache, source)
        return cache

    counted = Watched(standing("counted"))
    commit_here(counted, new, replaces=True)
    first = counted.operations.index("send") + 1
    assert counted.operations[first - 2] == "delete"
    for number in range(1, len(counted.operations) + 1):
        cache = standing(f"{number}")
        with pytest.raises(Killed):
            commit_here(Watched(cache, dies_at=number, after=True), new, replaces=True)
        assert whole(cache) == (number < first - 1 or number == len(counted.operations)), number


def test_the_manifest_that_another_writer_commits_meanwhile_is_not_deleted(store, source, tmp_path):
    commit_here(store, source)
    theirs = make_source(tmp_path / "theirs", {**FILES, "tensorrt_llm/config.pbtxt": b"theirs"})
    new = make_source(tmp_path / "new", {**FILES, "tensorrt_llm/config.pbtxt": b"new"})

    class Slower(Watched):
        def clean(self, prefix: str) -> None:
            commit_here(store, theirs, replaces=True)

    slower = Slower(store)
    assert commit_here(slower, new, replaces=True) == find(store, PREFIX)
    assert (slower.sent, whole(store)) == ([], True)
    assert store.read(f"{ARTIFACT}tensorrt_llm/config.pbtxt") == b"theirs"


def test_a_file_of_an_earlier_try_does_not_stand_where_a_folder_is_needed(store, source):
    store.write(f"{ARTIFACT}tensorrt_llm", b"a file")
    commit_here(store, source)
    assert whole(store)
    (store_file := source / "added").write_bytes(b"x")
    store.delete([f"{PREFIX}manifest.json"])
    store.write(f"{ARTIFACT}added/within", b"y")
    commit_here(store, source)
    assert whole(store)
    assert store.read(f"{ARTIFACT}added") == store_file.read_bytes()


def test_what_another_writer_commits_meanwhile_is_left_alone_and_taken(
    store, source, tmp_path, monkeypatch
):
    one_at_a_time(monkeypatch)
    theirs = make_source(tmp_path / "theirs", {**FILES, "tensorrt_llm/config.pbtxt": b"theirs"})

    class Slower(Watched):
        def send(self, source: Path, path: str, sha256: str) -> None:
            super().send(source, path, sha256)
            if len(self.sent) == 1:
                commit_here(store, theirs)

    said: list[str] = []
    slower = Slower(store)
    assert commit_here(slower, source, say=said.append) == find(store, PREFIX)
    assert whole(store)
    assert store.read(f"{ARTIFACT}tensorrt_llm/config.pbtxt") == b"theirs"
    assert len(slower.sent) == 1
    assert said[-1] == f"another writer has committed {store.root}{PREFIX} meanwhile"


def test_where_nothing_is_to_be_deleted_no_permission_for_it_is_needed(store, source):
    class Denied(Watched):
        def delete(self, paths: Any) -> None:
            raise StoreError("s3:DeleteObject is denied")

    commit_here(Denied(store), source)
    assert whole(store)


def test_hashing_ends_with_the_upload_that_it_was_for(tmp_path: Path):
    (tmp_path / "engine").write_bytes(b"long")
    with pytest.raises(StoreError, match="given up"):
        sha256_of(tmp_path / "engine", is_over=lambda: True)


# Killed


def operations(store: Store, source: Path) -> list[str]:
    watched = Watched(store)
    commit_here(watched, source)
    return watched.operations


def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same operations in the same order in every run; a dead process runs no threads."""
    monkeypatch.setattr(uploading, "THREADS", 1)


# Dead before an operation is dead after the one before it.


@pytest.mark.parametrize("changes", [False, True], ids=["same", "changed"])
def test_killed_after_any_operation_it_is_no_artifact_and_a_second_try_finishes_it(
    changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one_at_a_time(monkeypatch)
    source = make_source(tmp_path / "source")
    changed = {**FILES, "tensorrt_llm/1/config.json": b"{}", "tensorrt_llm/new": b"n"}
    del changed["tensorrt_llm/1/llama_float16_tp2_rank1.engine"]
    second = make_source(tmp_path / "second", changed) if changes else source
    files = changed if changes else FILES
    steps = operations(FolderStore(tmp_path / "counted"), source)
    for number in range(1, len(steps) + 1):
        store = FolderStore(tmp_path / f"{number}")
        dying = Watched(store, dies_at=number, after=True)
        with pytest.raises(Killed):
            commit_here(dying, source)
        is_committed = number == len(steps)
        assert whole(store) == is_committed, steps[number - 1]
        again = Watched(store)
        commit_here(again, second)
        assert whole(store)
        kept = FILES if is_committed else files
        assert set(store.files(ARTIFACT)) == {f"{ARTIFACT}{path}" for path in kept}
        done = {f"{ARTIFACT}{path}" for path in FILES if kept.get(path) == FILES[path]}
        assert not set(again.sent) & set(dying.sent) & done


@settings(max_examples=15)
@given(deaths=st.lists(st.integers(1, 30), max_size=4), after=st.booleans())
def test_killed_again_and_again_it_is_sent_once_and_whole_in_the_end(
    deaths: list[int], after: bool, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("killed")
    store, source = FolderStore(folder / "cache"), make_source(folder / "source")
    tries = [Watched(store, dies_at=number, after=after) for number in deaths]
    for dying in tries:
        try:
            commit_here(dying, source)
        except Killed:
            whole(store)
    last = Watched(store)
    commit_here(last, source)
    assert whole(store)
    sent = Counter(path for one in [*tries, last] for path in one.sent)
    assert sent == {f"{ARTIFACT}{path}": 1 for path in FILES}


def test_killed_while_it_replaces_a_damaged_artifact_it_is_none_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one_at_a_time(monkeypatch)
    source = make_source(tmp_path / "source")

    def damaged(name: str) -> FolderStore:
        store = FolderStore(tmp_path / name)
        commit_here(store, source)
        store.write(f"{ARTIFACT}tensorrt_llm/1/config.json", b"cut")
        return store

    steps = operations(damaged("counted"), source)
    deleted = steps.index("delete") + 1
    for number in range(deleted, len(steps) + 1):
        store = damaged(f"{number}")
        with pytest.raises(Killed):
            commit_here(Watched(store, dies_at=number, after=True), source)
        assert whole(store) == (number == len(steps))
        commit_here(store, source)
        assert whole(store)


def test_a_failing_send_ends_the_others_and_is_what_is_raised(store, source):
    class Failing(Watched):
        def send(self, source: Path, path: str, sha256: str) -> None:
            raise StoreError("the disk is full")

        def stop(self) -> None:
            store.stop()

    with pytest.raises(StoreError, match="the disk is full"):
        commit_here(Failing(store), source)
    assert not whole(store)


# What is not committed


def test_another_writer_is_noticed_before_the_manifest_is_written(store, source):
    class Raced(Watched):
        def delete(self, paths: Any) -> None:
            super().delete(paths)

        def send(self, source: Path, path: str, sha256: str) -> None:
            super().send(source, path, sha256)
            if path.endswith("rank0.engine"):
                store.write(f"{ARTIFACT}of-another", b"x")
                store.write(path, b"engine of RANK 0")

    with pytest.raises(CommitError) as caught:
        commit_here(Raced(store), source)
    assert "changed while it was written" in str(caught.value)
    assert "of-another is not in the manifest" in str(caught.value)
    assert not whole(store)


def test_a_file_that_changes_while_it_is_sent_is_not_committed(store, source):
    class Slow(Watched):
        def send(self, source: Path, path: str, sha256: str) -> None:
            super().send(source, path, sha256)
            source.write_bytes(b"written further")

    with pytest.raises(CommitError, match="was changed while it was sent"):
        commit_here(Slow(store), source)
    assert not whole(store)


def test_an_empty_folder_is_no_artifact(store: FolderStore, tmp_path: Path):
    (tmp_path / "source" / "empty").mkdir(parents=True)
    with pytest.raises(CommitError, match="holds no files"):
        commit_here(store, tmp_path / "source")
    with pytest.raises(CommitError, match="cannot be read"):
        commit_here(store, tmp_path / "nowhere")


def link_to_a_file(source: Path, outside: Path) -> None:
    (source / "link").symlink_to(outside)


def link_to_a_folder(source: Path, outside: Path) -> None:
    (source / "link").symlink_to(outside.parent)


def link_to_nothing(source: Path, outside: Path) -> None:
    (source / "link").symlink_to(source / "nothing")


def pipe(source: Path, outside: Path) -> None:
    os.mkfifo(source / "link")


@pytest.mark.parametrize("make", [link_to_a_file, link_to_a_folder, link_to_nothing, pipe])
def test_what_leads_out_of_the_folder_is_refused(
    make: Callable[[Path, Path], None], store: FolderStore, source: Path, tmp_path: Path
):
    (tmp_path / "secret").write_bytes(b"of the host")
    make(source, tmp_path / "secret")
    with pytest.raises(CommitError, match="link is not a file of"):
        commit_here(store, source)
    assert store.files() == {}


def test_a_link_within_the_folder_is_stored_as_what_it_leads_to(store, source):
    (source / "tokenizer.json").symlink_to(source / "tensorrt_llm" / "tokenizer_config.json")
    commit_here(store, source)
    assert store.read(f"{ARTIFACT}tokenizer.json") == b"{}"
    assert whole(store)


# What it says


def test_progress_is_said_for_every_gib_and_at_the_end(store, source, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(progress, "GIB", 20)
    commit_here(store, source, say=said.append)
    assert said[-1].startswith("5 of 5 files, 4.80 of 4.80 GiB are there; sent at ")
    assert 2 <= len(said) < 5
    store.delete([f"{PREFIX}manifest.json"])
    commit_here(store, source, say=said.append)
    assert said[-1] == "5 of 5 files, 4.80 of 4.80 GiB are there (5 were already)"


def test_interrupted_uploads_that_may_not_be_listed_are_said_and_nothing_more(store, source):
    class Denied(Watched):
        def clean(self, prefix: str) -> None:
            raise StoreError("s3:ListBucketMultipartUploads is denied")

    said: list[str] = []
    commit_here(Denied(store), source, say=said.append)
    assert "ListBucketMultipartUploads" in said[0]
    assert whole(store)


# What somebody else has written


def test_what_an_optimization_job_wrote_is_committed_without_hashes_of_its_own(store):
    for path, content in FILES.items():
        store.write(f"{ARTIFACT}{path}", content)
    manifest = adopt(store, PREFIX, inputs=INPUTS, layout="llm_api_engine", made=MADE, quality=None)
    assert find(store, PREFIX) == manifest
    assert {item.sha256 for item in manifest.files} == {None}
    assert whole(store)


def test_an_optimization_job_that_wrote_nothing_is_not_committed(store: FolderStore):
    with pytest.raises(CommitError, match="holds no files"):
        adopt(store, PREFIX, inputs=INPUTS, layout="llm_api_engine", made=MADE, quality=None)
