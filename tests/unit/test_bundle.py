from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.bundle import (
    ARCHIVE_FILE,
    MANIFEST_VERSION,
    Bundle,
    archive,
    bundle_from_json,
    make_bundle,
)
from lmi_deployer.render import serving_properties
from tests.specs import make_spec

SPEC = make_spec()
PACKED = make_spec("endpoint.packaging=tar.gz")
FILES = {"b.txt": b"two", "a/serving.properties": b"one\n"}

paths = st.text("abc/._-", min_size=1, max_size=20).filter(lambda path: path.strip("/") == path)
files = st.dictionaries(paths, st.binary(max_size=200), max_size=5)


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        found = {}
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
        return found


def test_loose_files_stand_under_model() -> None:
    assert make_bundle(SPEC).files == {
        "model/serving.properties": serving_properties(SPEC).encode("ascii")
    }


def test_an_archive_holds_the_files_at_its_top() -> None:
    bundle = make_bundle(PACKED)
    assert set(bundle.files) == {ARCHIVE_FILE}
    assert unpacked(bundle.files[ARCHIVE_FILE]) == {
        "serving.properties": serving_properties(PACKED).encode("ascii")
    }


@pytest.mark.parametrize("packaging", ["prefix", "tar.gz"])
def test_the_same_spec_gives_the_same_bytes(packaging: str) -> None:
    first, second = (make_bundle(make_spec(f"endpoint.packaging={packaging}")) for _ in range(2))
    assert first == second
    assert first.digest == second.digest


def test_another_setting_gives_another_digest() -> None:
    assert make_bundle(make_spec("max_rolling_batch_size=24")).digest != make_bundle(SPEC).digest


def test_an_archive_does_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    before = archive(FILES)
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    assert archive(FILES) == before


def test_an_archive_does_not_depend_on_the_order_of_its_files() -> None:
    assert archive(dict(reversed(FILES.items()))) == archive(FILES)


def test_an_archive_says_nothing_about_who_made_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(FILES)), mode="r:gz") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(FILES)
    for member in members:
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert (member.mtime, member.mode, member.isfile()) == (0, 0o644, True)


@given(files)
def test_an_archive_is_read_back(files: dict[str, bytes]) -> None:
    assert unpacked(archive(files)) == files


@given(files)
def test_the_manifest_lists_the_hash_and_size_of_every_file(files: dict[str, bytes]) -> None:
    bundle = Bundle(files)
    manifest = json.loads(bundle.manifest)
    assert manifest["schema_version"] == MANIFEST_VERSION
    assert manifest["files"] == {
        path: {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        for path, content in files.items()
    }
    assert bundle.digest == hashlib.sha256(bundle.manifest).hexdigest()
    assert bundle.size_bytes == sum(map(len, files.values()))


@given(files)
def test_the_manifest_does_not_depend_on_the_order_of_the_files(files: dict[str, bytes]) -> None:
    assert Bundle(dict(reversed(files.items()))).manifest == Bundle(files).manifest


@given(files)
def test_a_bundle_survives_json(files: dict[str, bytes]) -> None:
    document = json.loads(json.dumps(Bundle(files).as_json()))
    assert bundle_from_json(document) == Bundle(files)


@pytest.mark.parametrize("text", ["?", "YQ", "Y Q==", "é"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)base64|ascii|padding|padded"):
        bundle_from_json({"a": text})
