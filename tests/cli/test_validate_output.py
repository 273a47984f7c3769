"""validate as text, JSON, SARIF and annotations, and against another container version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer import catalog
from tests.cli.conftest import Command
from tests.specs import PROFILE

BAD = PROFILE.replace("backend:", "bakend:")
TRTLLM = PROFILE.replace("lmi-dist", "trtllm")
TOO_MANY = "tensor_parallel_degree=8"


@pytest.fixture(autouse=True)
def no_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a CI run that these tests may be part of."""
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)


def results(text: str) -> list[dict[str, Any]]:
    """The results of a SARIF report's only run."""
    (run,) = json.loads(text)["runs"]
    return list(run["results"])


def address(result: dict[str, Any]) -> str:
    (location,) = result["locations"]
    return str(location["physicalLocation"]["artifactLocation"]["uri"])


def test_a_sarif_report_is_the_only_output_and_the_status_stays(lmi: Command):
    Path("profiles/bad.yaml").write_text(BAD)
    done = lmi("validate", "-o", "sarif")
    assert (done.status, done.err) == (2, "")
    found = [(item["ruleId"], item["level"], address(item)) for item in results(done.out)]
    assert found == [
        ("LMI002", "error", "profiles/bad.yaml"),
        ("LMI107", "note", "profiles/chat.yaml"),
    ]
    assert lmi("validate", "chat", "-o", "sarif").status == 0


def test_annotations_are_the_only_output_and_the_status_stays(lmi: Command):
    Path("profiles/bad.yaml").write_text(BAD)
    done = lmi("validate", "-o", "github")
    assert (done.status, done.err) == (2, "")
    first, second = done.out.splitlines()
    assert first.startswith("::error file=profiles/bad.yaml,line=10,col=5,title=LMI002::")
    assert second.startswith("::notice file=profiles/chat.yaml,line=4,col=13,title=LMI107::")


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_strict_counts_warnings_in_every_form(lmi: Command, form: str):
    unknown = PROFILE.replace("TheBloke/Llama-2-7B-fp16}", "acme/own, weights_gib: 12.5}")
    Path("profiles/chat.yaml").write_text(unknown)
    assert lmi("validate", "-o", form).status == 0
    assert lmi("validate", "--strict", "-o", form).status == 2


def test_nothing_found_is_no_annotation(lmi: Command):
    pinned = PROFILE.replace("fp16}", 'fp16, source: "s3://acme-models/llama/"}')
    Path("profiles/chat.yaml").write_text(pinned)
    assert lmi("validate", "-o", "github").out == ""
    assert results(lmi("validate", "-o", "sarif").out) == []


def test_files_are_told_from_the_root_of_the_repository(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    root = Path.cwd()
    (root / ".git").mkdir()
    monkeypatch.chdir(root / "profiles")
    for argument in ("chat.yaml", "../profiles/chat.yaml", str(root / "profiles/chat.yaml")):
        (result,) = results(lmi("validate", argument, "-o", "sarif").out)
        assert address(result) == "profiles/chat.yaml"
        assert "file=profiles/chat.yaml," in lmi("validate", argument, "-o", "github").out


def test_in_actions_the_root_is_the_workspace(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd().parent))
    assert "file=work/profiles/chat.yaml," in lmi("validate", "-o", "github").out


def test_a_file_outside_the_repository_keeps_its_whole_path(lmi: Command, tmp_path: Path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(PROFILE)
    (result,) = results(lmi("validate", str(outside), "-o", "sarif").out)
    assert address(result) == outside.as_uri()
    assert f"file={outside.as_posix()}," in lmi("validate", str(outside), "-o", "github").out


def test_what_an_override_breaks_is_told_at_the_file_that_it_was_checked_with(lmi: Command):
    done = lmi("validate", "--set", "tensor_paralel_degree=8", "-o", "sarif")
    (result,) = results(done.out)
    assert (result["ruleId"], address(result)) == ("LMI002", "profiles/chat.yaml")
    line = lmi("validate", "--set", TOO_MANY, "-o", "github").out.splitlines()[0]
    assert line.startswith("::error file=profiles/chat.yaml,title=LMI201::")


def test_a_finding_of_two_hardware_profiles_is_reported_once(lmi: Command):
    twin = PROFILE + "  g6:\n    instance_type: ml.g6.2xlarge\n    backend: lmi-dist\n"
    Path("profiles/chat.yaml").write_text(twin)
    found = [(item["ruleId"], str(item)) for item in results(lmi("validate", "-o", "sarif").out)]
    assert len(found) == len(set(found))
    assert [code for code, _ in found].count("LMI107") == 1


def test_profiles_are_checked_as_if_they_named_another_container(lmi: Command):
    Path("profiles/chat.yaml").write_text(TRTLLM.replace("0.25.0", "0.26.0"))
    same = lmi("validate", "--container", "0.26.0")
    assert (same.status, same.out) == (0, lmi("validate").out)
    older = json.loads(lmi("validate", "--container", "0.24.0", "-o", "json").out)
    (finding,) = older["files"][0]["findings"]
    assert finding["code"] == "LMI101"
    assert "0.24.0" in finding["message"]


def test_one_argument_that_names_nothing_leaves_the_others_checked(lmi: Command):
    done = lmi("validate", "no-such", "profiles/chat.yaml", "-o", "json")
    assert done.status == 2
    missing, found = json.loads(done.out)["files"]
    assert missing["findings"][0]["code"] == "LMI001"
    assert found["valid"]
    assert lmi("validate", "no-such").out == ""


def test_every_container_of_the_catalog_can_be_named(lmi: Command):
    for version in catalog.names("containers"):
        done = lmi("validate", "--container", version)
        assert done.err == ""
        assert "LMI003" not in done.out
        assert "LMI007" not in done.out


def test_an_unknown_container_is_refused_once_before_anything_is_checked(lmi: Command):
    done = lmi("validate", "--container", "0.25")
    assert (done.status, done.out) == (2, "")
    assert "unknown container version '0.25'" in done.err
    assert "fix: " in done.err


def test_the_stated_container_wins_over_an_override(lmi: Command):
    Path("profiles/chat.yaml").write_text(TRTLLM)
    version = 'container.version="0.24.0"'
    assert lmi("validate", "--set", version).status == 2
    assert lmi("validate", "--set", version, "--container", "0.25.0").status == 0
