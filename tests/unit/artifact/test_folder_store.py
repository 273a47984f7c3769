"""A folder as a store."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmi_deployer.artifact import folder_store
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.local_files import write_all
from lmi_deployer.artifact.store import StoreError
from tests.unit.artifact.store_contract import StoreContract, hash_of


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cache")


class TestContract(StoreContract):
    """A folder does what every store does."""


@pytest.mark.parametrize("path", ["link", "folder/inner"])
def test_a_symbolic_link_is_never_followed(path: str, store: FolderStore, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "inner").write_bytes(b"secret")
    store.write("plain", b"x")
    (tmp_path / "cache" / "link").symlink_to(outside / "inner")
    (tmp_path / "cache" / "folder").symlink_to(outside)
    for use in (
        lambda: store.read(path),
        lambda: store.find(path),
        lambda: store.digest(path),
        lambda: store.write(path, b"x"),
        lambda: store.create(path, b"x"),
        lambda: store.send(outside / "inner", path, hash_of(b"secret")),
        lambda: store.receive(path, tmp_path / "received"),
        lambda: store.delete([path]),
        store.files,
    ):
        with pytest.raises(StoreError, match="symbolic link"):
            use()
    assert (outside / "inner").read_bytes() == b"secret"


def test_the_folder_itself_may_be_reached_through_a_link(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    FolderStore(tmp_path / "link").write("a", b"x")
    assert (tmp_path / "real" / "a").read_bytes() == b"x"


@pytest.mark.parametrize("name", folder_store.OWN)
def test_the_names_that_the_store_needs_cannot_be_used(name: str, store: FolderStore):
    with pytest.raises(StoreError, match="needs itself"):
        store.write(f"{name}/a", b"x")


def test_a_hash_is_forgotten_when_somebody_else_changes_the_file(
    store: FolderStore, tmp_path: Path
):
    (tmp_path / "sent").write_bytes(b"first")
    store.send(tmp_path / "sent", "a", hash_of(b"first"))
    place = tmp_path / "cache" / "a"
    place.write_bytes(b"other")
    os.utime(place, ns=(1, 1))
    found = store.find("a")
    assert found is not None
    assert found.sha256 is None


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store.write("a", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "sent").write_bytes(b"new")
    with pytest.raises(OSError, match="No space left"):
        store.write("a", b"new")
    with pytest.raises(OSError, match="No space left"):
        store.send(tmp_path / "sent", "a", hash_of(b"new"))
    assert store.read("a") == b"old"
    names = {path.name for path in (tmp_path / "cache").iterdir() if path.is_file()}
    assert names == {"a", ".lock"}
    assert not (tmp_path / "cache" / ".partial").exists()


def test_cleaning_drops_what_a_killed_writer_left_below_the_prefix(
    store: FolderStore, tmp_path: Path
):
    for path in ("k1/artifact/big.0000", "k2/artifact/big.0000"):
        left = tmp_path / "cache" / ".partial" / path
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half")
    assert store.files() == {}
    store.clean("k1/")
    remaining = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert remaining == [tmp_path / "cache" / ".partial/k2/artifact/big.0000"]


def test_writers_do_not_get_in_the_way_of_those_that_remove_empty_folders(store, tmp_path):
    (tmp_path / "sent").write_bytes(b"x")

    def come_and_go(number: int) -> None:
        for turn in range(20):
            path = f"k/artifact/{number}/{turn}"
            store.send(tmp_path / "sent", path, hash_of(b"x"))
            store.delete([path])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(8)))
    assert store.files() == {}


def test_what_another_writer_drops_while_it_is_sent_is_told(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "sent").write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", lambda _descriptor: store.clean("k/"))
    with pytest.raises(StoreError, match="another writer has dropped what was sent to k/a"):
        store.send(tmp_path / "sent", "k/a", hash_of(b"x"))
    with pytest.raises(StoreError, match="another writer has dropped"):
        store.write("k/a", b"x")
    assert store.files() == {}


def test_deleting_the_last_file_removes_its_folders(store: FolderStore, tmp_path: Path):
    (tmp_path / "sent").write_bytes(b"x")
    store.send(tmp_path / "sent", "k/artifact/1/a", hash_of(b"x"))
    store.delete(["k/artifact/1/a"])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_stopping_ends_a_copy_that_is_under_way(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(folder_store, "CHUNK_BYTES", 1)
    under_way = threading.Event()

    def stopping(descriptor: int, content: bytes) -> None:
        write_all(descriptor, content)
        under_way.set()
        store.stop()

    monkeypatch.setattr("lmi_deployer.artifact.folder_store.write_all", stopping)
    (tmp_path / "sent").write_bytes(b"long")
    with pytest.raises(StoreError, match="given up"):
        store.send(tmp_path / "sent", "a", hash_of(b"long"))
    assert under_way.is_set()
    assert store.files() == {}
    store.write("b", b"x")
    with pytest.raises(StoreError, match="given up"):
        store.digest("b")
    with pytest.raises(StoreError, match="given up"):
        store.receive("b", tmp_path / "received" / "b")
    assert list((tmp_path / "received").iterdir()) == []
