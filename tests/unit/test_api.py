"""Whole files: what is said of them, and what their hardware profiles are to one another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer import api
from lmi_deployer.findings import ProfileError
from lmi_deployer.lockfile import LOCK_NAME, LockedModel, WeightFiles
from lmi_deployer.locking.writing import text_of
from tests.specs import PROFILE

CLASH = PROFILE + "  g5b: {extends: g5}\ndefaults: {endpoint: {name: chat}}\n"


def test_hardware_profiles_that_would_fight_over_one_endpoint_are_lmi501(tmp_path: Path):
    path = tmp_path / "chat.yaml"
    path.write_text(CLASH)
    findings = [finding for item in api.check_file(path) for finding in item.findings]
    (clash,) = [finding for finding in findings if finding.code == "LMI501"]
    assert "g5 and g5b both deploy as chat" in clash.problem
    with pytest.raises(ProfileError, match="LMI501"):
        api.decide(str(path), ["all"])
    assert len(api.decide(str(path), ["g5"])) == 1


def locked(model_id: str, commit: str | None = None) -> LockedModel:
    """A small Llama whose facts came from the hub."""
    config = {"model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632,
              "num_attention_heads": 32, "num_hidden_layers": 22, "num_key_value_heads": 4,
              "vocab_size": 32000, "max_position_embeddings": 2048}  # fmt: skip
    return LockedModel(
        model_id=model_id,
        commit=commit,
        facts_from="hub",
        checked="2026-11-21",
        gated=False,
        config=config,
        parameters={"F16": 1_100_048_384},
        weights={"safetensors": WeightFiles(bytes=2_200_096_768, files=1)},
    )


def checked_beside(folder: Path, profile: str, *models: LockedModel) -> api.Checked:
    """A profile of the folder, with a lock beside it."""
    (folder / LOCK_NAME).write_text(text_of(models))
    path = folder / "chat.yaml"
    path.write_text(profile)
    (checked,) = api.check_file(path)
    return checked


def test_the_lock_knows_models_that_the_catalog_does_not_hold(tmp_path: Path):
    profile = PROFILE.replace("TheBloke/Llama-2-7B-fp16", "acme/small")
    spec = checked_beside(tmp_path, profile, locked("acme/small")).spec
    assert spec is not None
    assert spec.weights.download_bytes == 2_200_096_768
    assert spec.origin["model.weights_gib"].reason.startswith("lmi.lock")
    assert spec.memory is not None
    assert spec.memory.fits


def test_an_open_revision_is_served_at_the_commit_that_is_locked(tmp_path: Path):
    profile = PROFILE.replace("TheBloke/Llama-2-7B-fp16", "acme/small")
    open_lock = checked_beside(tmp_path, profile, locked("acme/small"))
    assert open_lock.spec is not None
    assert "revision" not in open_lock.spec.settings
    assert "LMI107" in {finding.code for finding in open_lock.findings}
    checked = checked_beside(tmp_path, profile, locked("acme/small", "a" * 40))
    assert checked.spec is not None
    assert checked.spec.settings["revision"] == checked.spec.weights.revision == "a" * 40
    origin = checked.spec.origin["model.revision"]
    assert (origin.reason, origin.rule) == ("lock: main as of 2026-11-21", "locked-commit")
    assert not {"LMI107", "LMI411"} & {finding.code for finding in checked.findings}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("backend: lmi-dist", "backend: trtllm\n    compile: {mode: jit}"),
        ("{id: acme/small}", "{id: acme/small, source: s3://acme-models/small/}"),
    ],
    ids=["a backend that reads no revision", "a copy"],
)
def test_a_locked_commit_is_left_out_where_nothing_would_read_it(
    tmp_path: Path, old: str, new: str
):
    profile = PROFILE.replace("TheBloke/Llama-2-7B-fp16", "acme/small").replace(old, new)
    spec = checked_beside(tmp_path, profile, locked("acme/small", "a" * 40)).spec
    assert spec is not None
    assert "revision" not in spec.settings
    assert spec.weights.revision is None


@pytest.mark.parametrize("mode", ["auto", "aot"])
def test_what_is_compiled_ahead_is_compiled_from_the_locked_commit(tmp_path: Path, mode: str):
    profile = PROFILE.replace("TheBloke/Llama-2-7B-fp16", "acme/small")
    lines = f"backend: trtllm\n    compile: {{mode: {mode}}}"
    checked = checked_beside(
        tmp_path, profile.replace("backend: lmi-dist", lines), locked("acme/small", "a" * 40)
    )
    assert checked.spec is not None
    assert checked.spec.weights.revision == "a" * 40
    assert "revision" not in checked.spec.settings  # its server would not read it
    codes = {finding.code for finding in checked.findings}
    assert ("LMI107" in codes) == (mode == "auto")
    assert "LMI606" not in codes


def test_a_locked_model_that_contradicts_itself_is_lmi413(tmp_path: Path):
    profile = PROFILE.replace("TheBloke/Llama-2-7B-fp16", "acme/small")
    cut = replace(locked("acme/small"), parameters={"F16": 500_000_000})
    findings = checked_beside(tmp_path, profile, cut).findings
    (finding,) = [item for item in findings if item.code == "LMI413"]
    assert "0.50 billion parameters, and the configuration comes to 1.10" in finding.problem


def test_an_entry_that_nobody_can_read_any_more_is_lmi414_at_its_line(tmp_path: Path):
    profile = PROFILE.replace("TheBloke/Llama-2-7B-fp16", "acme/gone")
    entry = LockedModel(model_id="acme/gone", facts_from="catalog", checked="2026-11-21")
    (finding,) = checked_beside(tmp_path, profile, entry).findings
    assert finding.code == "LMI414"
    assert str(finding.place).endswith("lmi.lock:5:5")
    assert "holds facts of acme/gone" in finding.problem


def test_a_lock_without_the_model_is_lmi411(tmp_path: Path):
    findings = checked_beside(tmp_path, PROFILE, locked("acme/small")).findings
    (finding,) = [item for item in findings if item.code == "LMI411"]
    assert (finding.severity, finding.key) == ("warning", "model.id")


def test_a_lock_of_another_revision_is_lmi411(tmp_path: Path):
    model = f"{{id: acme/small, revision: {'a' * 40}, weights_gib: 2}}"
    profile = PROFILE.replace("{id: TheBloke/Llama-2-7B-fp16}", model)
    findings = checked_beside(tmp_path, profile, locked("acme/small", "b" * 40)).findings
    (finding,) = [item for item in findings if item.code == "LMI411"]
    assert (finding.severity, finding.key) == ("error", "model.revision")


def test_a_file_that_cannot_be_read_is_a_finding_and_not_the_end(tmp_path: Path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: \xe9")
    (checked,) = api.check_file(path)
    assert [finding.code for finding in checked.findings] == ["LMI001"]
