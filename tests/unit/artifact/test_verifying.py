"""What keeps an artifact from being used is found, and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.manifest import ArtifactFile, Manifest
from lmi_deployer.artifact.verifying import verify
from tests.unit.artifact.artifacts import (
    ARTIFACT,
    FILES,
    INPUTS,
    PREFIX,
    Watched,
    commit_here,
    make_source,
)

ENGINE = "tensorrt_llm/1/llama_float16_tp2_rank1.engine"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cache")


@pytest.fixture
def manifest(store: FolderStore, tmp_path: Path) -> Manifest:
    return commit_here(store, make_source(tmp_path / "source"))


@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_artifact_has_no_problems(deep: bool, store: FolderStore, manifest: Manifest):
    assert verify(store, PREFIX, manifest, deep=deep) == []


def test_a_missing_file_is_named(store: FolderStore, manifest: Manifest):
    store.delete([f"{ARTIFACT}{ENGINE}"])
    assert f"{ENGINE} is missing" in verify(store, PREFIX, manifest, deep=False)


def test_a_file_too_many_is_named(store: FolderStore, manifest: Manifest):
    store.write(f"{ARTIFACT}tensorrt_llm/notes.txt", b"x")
    problems = verify(store, PREFIX, manifest, deep=False)
    assert problems == ["tensorrt_llm/notes.txt is not in the manifest"]


def test_a_truncated_file_is_named_with_both_sizes(store: FolderStore, manifest: Manifest):
    store.write(f"{ARTIFACT}{ENGINE}", FILES[ENGINE][:3])
    problems = verify(store, PREFIX, manifest, deep=False)
    assert problems == [f"{ENGINE} has 3 bytes where the manifest says 16"]


@pytest.mark.parametrize("deep", [False, True])
def test_a_replaced_file_is_named_where_the_store_remembers_its_hash(
    deep: bool, store: FolderStore, manifest: Manifest, tmp_path: Path
):
    from lmi_deployer.artifact.hashing import sha256_of

    other = tmp_path / "other"
    other.write_bytes(b"engine of RANK 1")
    store.send(other, f"{ARTIFACT}{ENGINE}", sha256_of(other))
    [problem] = verify(store, PREFIX, manifest, deep=deep)
    assert problem.startswith(f"{ENGINE} has SHA-256 {sha256_of(other)} where the manifest says ")


def test_a_file_of_a_folder_that_was_written_again_in_its_size_is_read(
    store: FolderStore, manifest: Manifest, tmp_path: Path
):
    place = tmp_path / "cache" / ARTIFACT / ENGINE
    place.write_bytes(b"engine of RANK 1")
    [problem] = verify(store, PREFIX, manifest, deep=False)
    assert problem.startswith(f"{ENGINE} has SHA-256 ")
    place.write_bytes(FILES[ENGINE])
    assert verify(store, PREFIX, manifest, deep=False) == []


@settings(max_examples=15)
@given(place=st.sampled_from(sorted(FILES)), bit=st.integers(0, 8 * 16 - 1))
def test_a_deep_look_finds_any_flipped_bit(
    place: str, bit: int, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("flipped")
    store = FolderStore(folder / "cache")
    manifest = commit_here(store, make_source(folder / "source"))
    content = bytearray(FILES[place])
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    (folder / "cache" / ARTIFACT / place).write_bytes(content)
    problems = verify(store, PREFIX, manifest, deep=True)
    assert any(problem.startswith(f"{place} has SHA-256 ") for problem in problems)


def without_hashes(manifest: Manifest) -> Manifest:
    files = tuple(ArtifactFile(item.path, item.size_bytes, None) for item in manifest.files)
    return replace(manifest, files=files)


def test_a_manifest_without_hashes_is_compared_by_size(store: FolderStore, manifest: Manifest):
    unhashed = without_hashes(manifest)
    assert verify(store, PREFIX, unhashed, deep=True) == []
    store.write(f"{ARTIFACT}{ENGINE}", b"")
    assert f"{ENGINE} has 0 bytes where the manifest says 16" in verify(
        store, PREFIX, unhashed, deep=False
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda: {"inputs": {**INPUTS, "quantize": "awq"}}, "manifest.json is of another key, "),
        (lambda: {"layout": "llm_api_engine"}, "config.json"),
        (lambda: {"layout": "of another age"}, "unknown layout"),
        (lambda: {"inputs": {**INPUTS, "tensor_parallel_degree": 4}}, "ranks 0, 1"),
        (lambda: {"inputs": {**INPUTS, "tensor_parallel_degree": None}}, "no parallel degrees"),
    ],
)
def test_a_manifest_of_something_else_is_noticed(
    change: Callable[[], dict[str, Any]], problem: str, store: FolderStore, manifest: Manifest
):
    problems = verify(store, PREFIX, replace(manifest, **change()), deep=False)
    assert any(problem in found for found in problems), problems


def test_an_interrupted_deep_look_reads_no_further(store, manifest):
    class Interrupted(Watched):
        is_stopped = False

        def digest(self, path: str) -> str | None:
            super().digest(path)
            raise KeyboardInterrupt

        def stop(self) -> None:
            self.is_stopped = True

    interrupted = Interrupted(store)
    with pytest.raises(KeyboardInterrupt):
        verify(interrupted, PREFIX, manifest, deep=True)
    assert interrupted.is_stopped
