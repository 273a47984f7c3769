"""What every store does, whatever it keeps its files in."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmi_deployer.artifact.store import Store, StoreError

BAD_PATHS = ("", "/etc/passwd", "../a", "a/../../b", "a//b", "./a", "a/", "a\\b", "a\nb", "a\0b")


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class StoreContract:
    """Subclasses have a fixture `store`, which is empty."""

    def test_what_was_written_is_read_and_listed(self, store: Store):
        store.write("a/b.json", b"one")
        store.write("a/b.json", b"three")
        store.write("ab.json", b"two")
        assert store.read("a/b.json") == b"three"
        assert {path: item.size_bytes for path, item in store.files().items()} == {
            "a/b.json": 5,
            "ab.json": 3,
        }
        assert set(store.files("a/")) == {"a/b.json"}
        assert set(store.files("a")) == {"a/b.json", "ab.json"}
        assert store.files("a/b.json/") == {}

    def test_folders_at_the_root_are_named_without_those_below(self, store: Store):
        assert store.folders() == []
        for path in ("a/b/c", "a/d", "e/f", "g"):
            store.write(path, b"x")
        assert sorted(store.folders()) == ["a", "e"]

    def test_there_is_nothing_where_nothing_was_written(self, store: Store, tmp_path: Path):
        assert (store.files(), store.files("a/")) == ({}, {})
        assert (store.find("a"), store.read("a"), store.digest("a")) == (None, None, None)
        with pytest.raises(StoreError, match="there is no"):
            store.receive("a", tmp_path / "a")
        store.delete(["a", "b/c"])
        store.clean("a/")

    def test_a_sent_file_is_found_with_its_hash_and_comes_back_whole(self, store, tmp_path):
        content = bytes(range(256)) * 100
        (tmp_path / "sent").write_bytes(content)
        store.send(tmp_path / "sent", "x/rank0.engine", hash_of(content))
        found = store.find("x/rank0.engine")
        assert (found.size_bytes, found.sha256) == (len(content), hash_of(content))
        assert store.files()["x/rank0.engine"].version == found.version
        assert store.digest("x/rank0.engine") == hash_of(content)
        store.receive("x/rank0.engine", tmp_path / "received")
        assert (tmp_path / "received").read_bytes() == content
        with pytest.raises(StoreError, match="is there already"):
            store.receive("x/rank0.engine", tmp_path / "received")

    def test_a_changed_file_has_another_version_and_not_the_old_hash(self, store, tmp_path):
        (tmp_path / "sent").write_bytes(b"first")
        store.send(tmp_path / "sent", "a", hash_of(b"first"))
        before = store.find("a")
        store.write("a", b"other")
        after = store.find("a")
        assert after.version != before.version
        assert after.sha256 in {None, hash_of(b"other")}
        assert store.digest("a") == hash_of(b"other")

    def test_only_the_first_creates_a_file(self, store: Store):
        assert store.create("claim", b"mine")
        assert not store.create("claim", b"yours")
        assert store.read("claim") == b"mine"

    def test_of_many_that_create_a_file_at_once_one_does(self, store: Store):
        contents = [f"writer {number}".encode() for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda content: store.create("claim", content), contents))
        assert sorted(results) == [False] * 7 + [True]
        assert store.read("claim") == contents[results.index(True)]

    def test_a_file_is_replaced_only_in_the_version_that_was_seen(self, store: Store):
        assert not store.replace("claim", b"new", "a version")
        store.write("claim", b"first")
        seen = store.find("claim")
        assert seen is not None
        assert store.replace("claim", b"second", seen.version)
        assert not store.replace("claim", b"third", seen.version)
        assert store.read("claim") == b"second"

    def test_of_many_that_replace_a_version_at_once_one_does(self, store: Store):
        store.write("claim", b"old")
        seen = store.find("claim")
        assert seen is not None
        contents = [f"writer {number}".encode() for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            results = list(
                pool.map(lambda content: store.replace("claim", content, seen.version), contents)
            )
        assert sorted(results) == [False] * 7 + [True]
        assert store.read("claim") == contents[results.index(True)]

    def test_deleted_files_are_gone_and_others_stay(self, store: Store):
        for path in ("a/1", "a/2", "b/1"):
            store.write(path, b"x")
        store.delete(["a/1", "a/2", "a/3"])
        assert set(store.files()) == {"b/1"}

    def test_cleaning_leaves_whole_files_alone(self, store: Store):
        store.write("a/1", b"x")
        store.clean("a/")
        assert set(store.files()) == {"a/1"}

    @pytest.mark.parametrize("path", BAD_PATHS)
    def test_a_path_that_leads_out_is_refused(self, store: Store, path: str, tmp_path: Path):
        (tmp_path / "sent").write_bytes(b"x")
        with pytest.raises(StoreError, match="not a path"):
            store.write(path, b"x")
        with pytest.raises(StoreError, match="not a path"):
            store.create(path, b"x")
        with pytest.raises(StoreError, match="not a path"):
            store.send(tmp_path / "sent", path, hash_of(b"x"))
        assert store.files() == {}
