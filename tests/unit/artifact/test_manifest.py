"""The document that says an artifact is whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.artifact.manifest import (
    ArtifactFile,
    Manifest,
    ManifestError,
    as_json,
    folder_of,
    key_of,
    parse,
)
from tests.unit.artifact.artifacts import INPUTS, KEY, MADE
from tests.unit.artifact.store_contract import BAD_PATHS

FILE = ArtifactFile("1/rank0.engine", 12, "ab" * 32)
MANIFEST = Manifest(inputs=INPUTS, layout="triton_repository", files=(FILE,), made=MADE)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
names = st.text(st.characters(categories=["L", "N"]), min_size=1)
manifests = st.builds(
    Manifest,
    inputs=st.dictionaries(st.text(), plain),
    layout=st.text(),
    files=st.lists(
        st.builds(
            ArtifactFile,
            path=st.lists(names, min_size=1).map("/".join),
            size_bytes=st.integers(0, 2**50),
            sha256=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
            etag=st.none() | st.text(min_size=1),
        ),
        unique_by=lambda item: item.path,
    ).map(lambda files: tuple(sorted(files, key=lambda item: item.path))),
    made=st.dictionaries(st.text(), plain),
    quality=st.none() | st.dictionaries(st.text(), plain),
)


@given(manifest=manifests)
def test_what_is_written_is_read_as_it_was(manifest: Manifest):
    assert parse(as_json(manifest)) == manifest


def test_the_key_does_not_depend_on_the_order_of_the_inputs():
    assert key_of(dict(reversed(INPUTS.items()))) == KEY


@pytest.mark.parametrize("name", INPUTS)
def test_the_key_depends_on_every_input(name: str):
    assert key_of({**INPUTS, name: "something else"}) != KEY


def test_sixteen_characters_of_the_key_name_the_folder():
    assert folder_of("s3://acme/engines/", KEY) == f"s3://acme/engines/{KEY[:16]}/"


def test_the_size_is_that_of_all_files():
    files = (FILE, ArtifactFile("a", 30, None))
    assert Manifest(inputs={}, layout="", files=files).size_bytes == 42


def changed(**members: Any) -> bytes:
    return json.dumps({**json.loads(as_json(MANIFEST)), **members}).encode()


def file_with(**members: Any) -> list[dict[str, Any]]:
    return [{"path": "a", "size_bytes": 1, "sha256": None, **members}]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (changed(inputs={**INPUTS, "quantize": "awq"}), "its key is not that of its inputs"),
        (changed(schema_version=2), "schema version 2"),
        (changed(files=file_with(size_bytes=-1)), "a size of -1"),
        (changed(files=file_with(size_bytes="1")), "a size of '1'"),
        (changed(files=file_with(sha256="AB" * 32)), "a hash of"),
        (changed(files=file_with(sha256=5)), "a hash of 5"),
        (changed(files=file_with(etag="")), "an ETag of ''"),
        (changed(files=file_with(etag=5)), "an ETag of 5"),
        (changed(files=[*file_with(), *file_with()]), "a file twice"),
        (changed(files=file_with(path=5)), "names a file 5"),
        *((changed(files=file_with(path=path)), "names a file") for path in BAD_PATHS),
        (changed(files=5), "not a manifest"),
        (changed(quality=5), "not a manifest"),
        (changed(inputs=5), "not a manifest"),
        (as_json(MANIFEST)[:-10], "not a manifest"),
        (b"[" * 100_000, "not a manifest"),
    ],
)
def test_what_was_changed_by_hand_or_cut_is_refused(content: bytes, problem: str):
    with pytest.raises(ManifestError, match=problem):
        parse(content)


def test_a_manifest_from_before_etags_were_recorded_is_read():
    [document] = json.loads(as_json(MANIFEST))["files"]
    assert document.keys() == {"path", "size_bytes", "sha256"}
    assert parse(as_json(MANIFEST)).files == (FILE,)
