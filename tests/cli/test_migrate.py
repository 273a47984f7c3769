"""`migrate`: what it prints, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from lmi_deployer.cli import cli
from tests.cli.conftest import Command

FILE = Path("profiles/chat.yaml")
BOTH = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: both
model: {id: TheBloke/Llama-2-13B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
profiles:
  gpu:  # the cheap one
    instance_type: ml.g5.12xlarge
    backend: vllm
  neuron:
    instance_type: ml.inf2.24xlarge
    backend: neuronx
"""
OTHER = Path("profiles/both.yaml")


def test_migrate_writes_the_file_and_tells_every_change_with_its_reason(lmi: Command):
    before = FILE.read_text()
    done = lmi("migrate", str(FILE), "--to", "0.33.0")
    assert done.status == 0
    assert "backend: lmi-dist -> vllm" in done.out
    assert "LMI-Dist ended with 0.32.0" in done.out
    assert "-option.rolling_batch=lmi-dist" in done.out
    assert "to know" in done.out
    assert done.err == f"Wrote {FILE}.\n"
    assert FILE.read_text() != before
    assert lmi("validate", str(FILE), "--strict").status == 0


def test_migrating_again_has_nothing_to_do_and_writes_nothing(lmi: Command):
    lmi("migrate", str(FILE), "--to", "0.33.0")
    written = FILE.stat().st_mtime_ns
    done = lmi("migrate", str(FILE), "--to", "0.33.0")
    assert (done.status, done.err) == (0, "")
    assert "nothing to do" in done.out
    assert FILE.stat().st_mtime_ns == written


def test_a_dry_run_shows_the_diff_and_writes_nothing(lmi: Command):
    before = FILE.read_text()
    shown = lmi("migrate", str(FILE), "--to", "0.33.0", "--dry-run")
    assert (shown.status, shown.err) == (0, "")
    assert FILE.read_text() == before
    assert f"--- {FILE}\n+++ {FILE}\n" in shown.out
    assert '-container: {version: "0.25.0"}\n+container: {version: "0.33.0"}\n' in shown.out
    assert "-    backend: lmi-dist\n+    backend: vllm\n" in shown.out


def test_a_name_and_a_folder_stand_for_files(lmi: Command):
    assert lmi("migrate", "chat", "--to", "0.26.0").status == 0
    assert '"0.26.0"' in FILE.read_text()
    assert lmi("migrate", "profiles", "--to", "0.27.0").status == 0
    assert '"0.27.0"' in FILE.read_text()


def test_a_profile_that_came_with_lmi_deploy_is_not_rewritten(lmi: Command):
    done = lmi("migrate", "falcon-7b", "--to", "0.26.0")
    assert done.status == 2
    assert "comes with lmi-deploy" in done.err
    assert "cp " in done.err


def test_what_cannot_be_moved_is_refused_and_nothing_at_all_is_written(lmi: Command):
    OTHER.write_text(BOTH)
    before = FILE.read_text()
    done = lmi("migrate", "profiles", "--to", "0.33.0")
    assert done.status == 2
    assert "error: profiles/both.yaml: neuron: backend: LMI 0.33.0 has no neuronx" in done.err
    assert "Nothing was written." in done.err
    assert "lmi-deploy migrate profiles/chat.yaml --to 0.33.0" in done.err
    assert "lmi-deploy migrate profiles/both.yaml -p gpu --to 0.33.0" in done.err
    assert (FILE.read_text(), OTHER.read_text()) == (before, BOTH)


def test_the_part_that_can_be_moved_moves_alone(lmi: Command):
    OTHER.write_text(BOTH)
    assert lmi("migrate", str(OTHER), "-p", "gpu,", "--to", "0.33.0").status == 0
    after = OTHER.read_text()
    assert after.startswith(BOTH[: BOTH.index("profiles:")])
    assert "  gpu:  # the cheap one\n" in after
    assert after.endswith(BOTH[BOTH.index("  neuron:") :])
    assert lmi("validate", str(OTHER)).status == 0


def test_several_files_go_without_hardware_profiles(lmi: Command):
    OTHER.write_text(BOTH)
    done = lmi("migrate", "profiles", "-p", "gpu", "--to", "0.26.0")
    assert done.status == 2
    assert "single file" in done.err


@pytest.mark.parametrize("form", [[], ["--dry-run"]])
def test_a_program_gets_one_document(lmi: Command, form: list[str]):
    done = lmi("migrate", str(FILE), "--to", "0.33.0", "-o", "json", *form)
    document = json.loads(done.out)
    assert document["schema_version"] == 1
    assert document["written"] == ([] if form else [str(FILE)])
    (file,) = document["files"]
    assert (file["status"], file["refusals"]) == ("migrated", [])
    (hardware,) = file["hardware"]
    assert hardware["backend"] == {"before": "lmi-dist", "after": "vllm"}
    assert {"action", "key", "to", "before", "after", "why", "source"} == set(
        hardware["changes"][0]
    )
    assert hardware["properties"]["added"]["option.rolling_batch"] == "vllm"
    assert file["diff"].startswith("--- ")


def test_a_program_gets_the_reasons_of_a_refusal(lmi: Command):
    OTHER.write_text(BOTH)
    done = lmi("migrate", str(OTHER), "--to", "0.33.0", "-o", "json")
    assert done.status == 2
    document = json.loads(done.out)
    assert document["refused"]
    assert document["written"] == []
    (refusal,) = document["files"][0]["refusals"]
    assert (refusal["hardware"], refusal["key"]) == ("neuron", "backend")
    assert refusal["fix"]


def test_a_loss_can_be_agreed_to(lmi: Command):
    text = BOTH.replace("    backend: vllm", "    backend: vllm\n    vllm: {max_model_len: 2048}")
    OTHER.write_text(text.replace("0.25.0", "0.27.0"))
    refused = lmi("migrate", str(OTHER), "-p", "gpu", "--to", "0.25.0")
    assert refused.status == 2
    assert "--drop vllm.max_model_len" in refused.err
    done = lmi("migrate", str(OTHER), "-p", "gpu", "--to", "0.25.0", "--drop", "vllm.max_model_len")
    assert done.status == 0
    assert "max_model_len" not in OTHER.read_text()


def test_rights_line_ends_and_links_survive(lmi: Command):
    target = Path("elsewhere.yaml")
    target.write_bytes(FILE.read_bytes().replace(b"\n", b"\r\n"))
    target.chmod(0o640)
    FILE.unlink()
    FILE.symlink_to(target.absolute())
    assert lmi("migrate", str(FILE), "--to", "0.26.0").status == 0
    assert FILE.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.read_bytes().count(b"\r\n") == target.read_bytes().count(b"\n")
    assert b"0.26.0" in target.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["profiles/chat.yaml", "--to", "0.99.0"], "unknown container version"),
        (["profiles/chat.yaml", "--to", "0.26.0", "-p", "g6"], "no hardware profile 'g6'"),
        (["nowhere.yaml", "--to", "0.26.0"], "there is no file nowhere.yaml"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(lmi: Command, arguments: list[str], words: str):
    before = FILE.read_text()
    done = lmi("migrate", *arguments)
    assert done.status == 2
    assert words in done.err
    assert FILE.read_text() == before


def test_a_file_that_is_no_profile_is_refused_with_its_findings(lmi: Command):
    FILE.write_text("kind: ModelProfile\n")
    done = lmi("migrate", str(FILE), "--to", "0.26.0")
    assert done.status == 2
    assert f"{FILE}:1:1)" in done.err
    assert "LMI004" in done.err or "LMI003" in done.err


def test_versions_are_completed():
    complete = ShellComplete(cli, {}, "lmi-deploy", "_LMI_DEPLOY_COMPLETE")
    names = [item.value for item in complete.get_completions(["migrate", "--to"], "0.3")]
    assert "0.33.0" in names
    assert "0.25.0" not in names
