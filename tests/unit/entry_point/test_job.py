"""The job document, the result document, and where things lie."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer.entry_point import weights
from lmi_deployer.entry_point.job import (
    DOWNLOAD_FOLDER,
    MODEL_FOLDER,
    ModelInput,
    QualityGate,
    as_json,
    parse,
)
from lmi_deployer.entry_point.places import Places, empty
from lmi_deployer.entry_point.result import Result, read_result, write_result
from tests.edges.entry_point_container import JOB, with_model

GATE = QualityGate(prompts=("a",), max_new_tokens=4, minimum_agreement=0.5, reference=("b",))


@pytest.mark.parametrize(
    "job", [JOB, replace(JOB, quality=GATE, cache="s3://bucket/engines/", is_forced=True)]
)
def test_a_job_is_read_as_it_was_written(job):
    assert parse(as_json(job)) == job


def test_an_unknown_member_is_refused():
    document = {**json.loads(as_json(JOB)), "surprise": 1}
    with pytest.raises(ValueError, match="surprise"):
        parse(json.dumps(document).encode())


def test_weights_lie_where_they_are_mounted_or_downloaded():
    assert ModelInput("a/b", is_mounted=True).folder == MODEL_FOLDER
    assert ModelInput("a/b").folder == DOWNLOAD_FOLDER


def test_a_result_is_read_as_it_was_written(tmp_path):
    result = Result(key="k", made={"seconds": {"compile": 1.5}}, files={"a": 1}, quality=None)
    write_result(tmp_path / "checkpoints" / "result.json", result)
    assert read_result(tmp_path / "checkpoints" / "result.json") == result


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema_version": 1}'])
def test_what_is_no_result_is_none(tmp_path, content):
    path = tmp_path / "result.json"
    path.write_text(content)
    assert read_result(path) is None
    assert read_result(tmp_path / "missing.json") is None


def test_only_the_job_s_own_folders_move_below_a_root():
    places = Places(Path("/root"))
    assert places.in_text("/opt/ml/checkpoints/output") == "/root/opt/ml/checkpoints/output"
    assert places.in_text("/usr/lib/python3") == "/usr/lib/python3"
    assert places.in_text("fp16") == "fp16"
    assert Places().in_text("/opt/ml/model") == "/opt/ml/model"


def test_weights_are_downloaded_to_where_there_is_most_room(tmp_path, monkeypatch):
    places = Places(tmp_path)
    on_volume = places.below("/opt/ml/checkpoints/model-files")
    monkeypatch.setattr(weights, "free_bytes", lambda folder: 5)
    assert weights._roomiest(with_model(JOB), places) != on_volume
    monkeypatch.setattr(weights, "free_bytes", lambda folder: folder == on_volume)
    assert weights._roomiest(with_model(JOB), places) == on_volume


def test_emptying_a_folder_keeps_the_folder_and_what_links_lead_to(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(kept, target_is_directory=True)
    before = folder.stat().st_ino
    empty(folder)
    assert list(folder.iterdir()) == []
    assert folder.stat().st_ino == before
    assert (kept / "file").exists()
