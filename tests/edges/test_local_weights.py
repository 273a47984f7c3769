"""Copies of weights: fetched once, gone on with after an interruption, never mixed."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.edges.local_weights import WeightsCopy
from lmi_deployer.errors import InputError

WEIGHTS = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def silent(_line: str) -> None:
    """Nothing."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in WEIGHTS:
        FolderStore(tmp_path / "source").write(name, name.encode())
    return tmp_path / "source"


def test_weights_that_are_here_are_not_fetched_again(source, tmp_path):
    store = Counting(FolderStore(source))
    WeightsCopy(store, tmp_path / "copies", silent).fetch()
    assert sorted(store.received) == sorted(WEIGHTS)
    store.received.clear()
    WeightsCopy(store, tmp_path / "copies", silent).fetch()
    assert store.received == []


def test_weights_that_changed_are_another_copy_as_a_job_may_read_the_first(source, tmp_path):
    first = WeightsCopy(FolderStore(source), tmp_path / "copies", silent)
    first.fetch()
    FolderStore(source).write("tokenizer.json", b'{"new": 1}')
    FolderStore(source).delete(["tokenizer_config.json"])
    changed = WeightsCopy(FolderStore(source), tmp_path / "copies", silent)
    changed.fetch()
    assert (first.files / "tokenizer.json").read_text() == "tokenizer.json"
    assert (changed.files / "tokenizer.json").read_text() == '{"new": 1}'
    assert not (changed.files / "tokenizer_config.json").exists()


def test_weights_that_change_while_they_are_fetched_are_no_copy(source, tmp_path):
    copy = WeightsCopy(Counting(FolderStore(source)), tmp_path / "copies", silent)
    FolderStore(source).write("tokenizer.json", b"tokenizer.jsoN")
    with pytest.raises(InputError, match="changed while it was fetched"):
        copy.fetch()
    assert not copy.files.exists()


def test_two_commands_do_not_write_one_copy_at_once(source, tmp_path):
    said: list[str] = []
    store = Counting(FolderStore(source))
    copy = WeightsCopy(store, tmp_path / "copies", said.append)
    copy.files.mkdir(parents=True)
    with copy.files.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        other = threading.Thread(target=copy.fetch)
        other.start()
        while not said:
            other.join(0.01)
        assert store.received == []
    other.join(60)
    assert "another command on this machine is fetching" in said[0]
    assert sorted(store.received) == sorted(WEIGHTS)


def test_an_interrupted_download_goes_on_where_it_was(source, tmp_path):
    store = Counting(FolderStore(source), fails_at="model.safetensors")
    with pytest.raises(ConnectionError):
        WeightsCopy(store, tmp_path / "copies", silent).fetch()
    done = set(store.received)
    store = Counting(FolderStore(source))
    copy = WeightsCopy(store, tmp_path / "copies", silent)
    copy.fetch()
    assert set(store.received) == set(WEIGHTS) - done
    assert {path.name for path in copy.files.iterdir()} == set(WEIGHTS)


class Counting:
    """A store that remembers what was fetched, and may fail at a file."""

    def __init__(self, store: Any, fails_at: str = "") -> None:
        self._store = store
        self._fails_at = fails_at
        self.root = store.root
        self.received: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def receive(self, path: str, target: Path) -> None:
        if path == self._fails_at:
            raise ConnectionError(path)
        self._store.receive(path, target)
        self.received.append(path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(InputError, match="there are no weights in"):
        WeightsCopy(FolderStore(tmp_path / "nothing"), tmp_path, silent)
