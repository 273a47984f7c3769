"""Saved plans and bundles as one side of a comparison."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer.bundle import archive, make_bundle
from lmi_deployer.diffing.reading_saved import is_bundle, snapshot_of_bundle, snapshot_of_plan
from lmi_deployer.edges.files import write_folder
from lmi_deployer.errors import InputError
from lmi_deployer.impact import UNKNOWN
from lmi_deployer.plan import make_down_plan
from lmi_deployer.plan_file import plan_as_json
from lmi_deployer.render import properties
from lmi_deployer.state import ObservedState
from tests.specs import make_spec
from tests.unit.test_plan_file import DECIDED, SAVED

PACKED = "endpoint={packaging: tar.gz}"


@pytest.mark.parametrize(("overrides", "packaging"), [((), "prefix"), ((PACKED,), "tar.gz")])
def test_a_bundle_tells_its_properties_and_whose_it_is(tmp_path: Path, overrides, packaging):
    spec = make_spec(*overrides)
    write_folder(tmp_path / "bundle", make_bundle(spec).files)
    assert is_bundle(tmp_path / "bundle")
    snapshot = snapshot_of_bundle(tmp_path / "bundle")
    assert (snapshot.profile, snapshot.hardware) == ("chat", "g5")
    assert not snapshot.is_decided
    assert snapshot.deployed is not None
    assert snapshot.deployed.properties == properties(spec)
    assert snapshot.deployed.model == {"packaging": packaging}
    assert snapshot.deployed.endpoint == snapshot.deployed.engine == UNKNOWN
    assert snapshot.deployed.endpoint_config is None


def test_a_bundle_without_our_heading_is_called_after_its_folder(tmp_path: Path):
    folder = tmp_path / "talk" / "p4d"
    write_folder(folder, {"serving.properties": b"engine=MPI\n"})
    snapshot = snapshot_of_bundle(folder)
    assert snapshot.title == "talk / p4d"


def test_a_folder_without_properties_is_no_bundle(tmp_path: Path):
    assert not is_bundle(tmp_path)
    with pytest.raises(InputError, match=r"holds no serving\.properties"):
        snapshot_of_bundle(tmp_path)


def _with_link() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("serving.properties")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        archive({"other": b""}),
        archive({"../serving.properties": b"engine=MPI\n"}),
        archive({"serving.properties": b"x" * 100})[:60],
        archive({"serving.properties": b"#" * 11_000_000}),
        _with_link(),
    ],
    ids=["empty", "text", "without it", "escaping", "cut off", "too large", "a link"],
)
def test_an_archive_that_is_not_ours_is_refused_and_unpacks_nothing(tmp_path: Path, content):
    (tmp_path / "model.tar.gz").write_bytes(content)
    with pytest.raises(InputError):
        snapshot_of_bundle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tar.gz"]


def test_a_saved_plan_tells_what_it_brings_about(tmp_path: Path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan_as_json(DECIDED)))
    assert DECIDED.decided is not None
    assert snapshot_of_plan(path) == DECIDED.decided.snapshot


def test_a_plan_that_removes_has_nothing_to_compare(tmp_path: Path):
    down = replace(SAVED, plan=make_down_plan(SAVED.plan.identity, ObservedState()))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan_as_json(down)))
    with pytest.raises(InputError, match="there is nothing to compare"):
        snapshot_of_plan(path)
