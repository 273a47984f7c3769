"""render, validate, catalog, schema, completion: what needs no account and no network."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from lmi_deployer import __version__
from lmi_deployer.resources import shipped_profiles
from tests.cli.conftest import Command
from tests.specs import PROFILE


def test_render_prints_the_properties_and_nothing_else(lmi: Command):
    done = lmi("render", "llama2-70b", "-p", "p4d")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[1:] == sorted(lines[1:])
    for line in (
        "engine=MPI",
        "option.tensor_parallel_degree=8",
        "option.use_custom_all_reduce=true",
        "option.max_rolling_batch_size=128",
        "option.output_formatter=json",
        "option.model_loading_timeout=3300",
    ):
        assert line in lines


def test_render_writes_every_file_with_a_manifest_of_hashes(lmi: Command):
    assert lmi("render", "chat", "--out", "bundle").status == 0
    manifest = json.loads(Path("bundle/manifest.json").read_text())
    for path, entry in manifest["files"].items():
        content = Path("bundle", path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert lmi("render", "chat", "--out", "bundle").status == 0  # the same again is fine


def test_render_never_overwrites_a_folder_with_other_files(lmi: Command):
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep")
    refused = lmi("render", "chat", "--out", "mine")
    assert refused.status == 2
    assert "holds other files" in refused.err
    assert Path("mine/notes.txt").read_text() == "keep"


def test_the_same_settings_come_in_other_forms(lmi: Command):
    properties = lmi("render", "chat").out.splitlines()[1:]
    pairs = dict(line.split("=", 1) for line in properties)
    assert json.loads(lmi("render", "chat", "--format", "json").out) == pairs
    lines = lmi("render", "chat", "--format", "env").out.splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert variables.pop("SERVING_LOAD_MODELS") == "model::MPI=/opt/ml/model"
    assert variables.pop("OPTION_ENGINE") == "MPI"
    options = {name: value for name, value in pairs.items() if name != "engine"}
    assert variables == {
        f"OPTION_{name.removeprefix('option.').upper()}": value for name, value in options.items()
    }


def test_a_format_for_printing_is_not_mixed_with_a_folder_to_write(lmi: Command):
    assert lmi("render", "chat", "--format", "env", "--out", "x").status == 2
    assert not Path("x").exists()


def test_validate_takes_names_files_and_folders(lmi: Command):
    for argument in ("chat", "profiles/chat.yaml", "profiles"):
        done = lmi("validate", argument)
        assert done.status == 0
        assert "ok  profiles/chat.yaml  1 hardware profile\n" in done.out


def test_validate_reports_every_problem_of_every_file(lmi: Command):
    Path("profiles/bad.yaml").write_text(PROFILE.replace("backend:", "bakend:"))
    Path("profiles/broken.yaml").write_text("a: [")
    done = lmi("validate")
    assert done.status == 2
    assert "profiles/bad.yaml:10:5: profiles.g5.bakend: is not a known key" in done.out
    assert "fix: did you mean 'backend'?" in done.out
    assert "error[LMI001] profiles/broken.yaml" in done.out
    assert "ok  profiles/chat.yaml" in done.out


def test_validate_says_the_same_to_programs(lmi: Command):
    Path("profiles/bad.yaml").write_text(PROFILE.replace("backend:", "bakend:"))
    document = json.loads(lmi("validate", "-o", "json").out)
    assert document["valid"] is False
    bad = next(item for item in document["files"] if item["file"] == "profiles/bad.yaml")
    assert bad["findings"][0]["code"] == "LMI002"
    assert (bad["findings"][0]["line"], bad["findings"][0]["column"]) == (10, 5)


def test_what_compiles_in_each_version_is_listed_and_told_one_by_one(lmi: Command):
    lines = lmi("catalog", "compilers").out.splitlines()
    assert any(line.split()[:3] == ["0.25.0", "trtllm", "trt_engine"] for line in lines)
    assert any(line.split()[1:4] == ["neuronx", "neuron_graph", "refused"] for line in lines)
    row = json.loads(lmi("catalog", "compilers", "0.29.0/trtllm").out)
    required = [item["flag"] for item in row["arguments"] if item.get("is_required")]
    assert "--pipeline_parallel_degree" in required
    assert row["source"]
    of_version = json.loads(lmi("catalog", "compilers", "0.29.0").out)
    assert of_version["0.29.0/trtllm"] == row
    assert set(of_version) == {"0.29.0/trtllm", "0.29.0/neuronx"}


def test_strict_validation_fails_on_warnings(lmi: Command):
    unknown = PROFILE.replace("TheBloke/Llama-2-7B-fp16}", "acme/own, weights_gib: 12.5}")
    Path("profiles/chat.yaml").write_text(unknown)
    assert lmi("validate").status == 0
    assert lmi("validate", "--strict").status == 2


def test_the_shipped_profiles_are_validated_where_there_are_none_of_ones_own(
    lmi: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = lmi("validate", "-o", "json")
    assert len(json.loads(done.out)["files"]) == len(shipped_profiles())


@pytest.mark.parametrize("kind", ["containers", "instances", "gpus", "models", "regions"])
def test_every_kind_of_fact_is_listed_for_people_and_programs(lmi: Command, kind: str):
    text = lmi("catalog", kind).out
    rows = json.loads(lmi("catalog", kind, "-o", "json").out)[kind]
    assert len(text.splitlines()) == len(rows) + 1
    assert all(row["source"] and row["checked"] for row in rows)


def test_one_fact_is_shown_whole_and_an_unknown_one_with_the_nearest(lmi: Command):
    row = json.loads(lmi("catalog", "instances", "ml.p4d.24xlarge").out)
    assert row["gpu_count"] == 8
    missed = lmi("catalog", "instances", "ml.p4d.24xlarg")
    assert missed.status == 2
    assert "did you mean 'ml.p4d.24xlarge'?" in missed.err


def test_the_schema_in_the_package_is_the_one_the_models_give(lmi: Command):
    committed = Path(__file__).parents[2] / "lmi_deployer" / "profile.schema.json"
    assert lmi("schema").out == committed.read_text(), "run `make catalog`"


def test_the_schema_takes_every_shipped_profile_and_refuses_a_misspelt_key(lmi: Command):
    import yaml

    schema = json.loads(lmi("schema").out)
    for path in shipped_profiles().values():
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    misspelt = yaml.safe_load(PROFILE.replace("backend:", "bakend:"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(misspelt, schema)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_completion_script(lmi: Command, shell: str):
    assert "_LMI_DEPLOY_COMPLETE" in lmi("completion", shell).out


def test_the_shell_completes_models_and_hardware_profiles(monkeypatch: pytest.MonkeyPatch):
    def completed(words: str, current: str) -> list[str]:
        environment = {
            "PATH": "",
            "_LMI_DEPLOY_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": current,
        }
        code = "from lmi_deployer.cli import cli; cli(prog_name='lmi-deploy')"
        process = subprocess.run(  # the shell's own way of asking
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return [line.partition(",")[2] for line in process.stdout.splitlines()]

    assert completed("lmi-deploy render ch", "2") == ["chat"]
    assert completed("lmi-deploy render chat -p ", "4") == ["g5", "all"]
    assert "render" in completed("lmi-deploy ren", "1")


def test_the_version_is_the_package_version(lmi: Command):
    assert __version__ in lmi("--version").out


def test_help_lists_every_command_without_importing_any_of_them():
    code = (
        "import sys; from lmi_deployer.cli import run; run(['--help']);"
        "assert not {'pydantic', 'yaml', 'jinja2', 'boto3'} & set(sys.modules), sys.modules"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "validate" in process.stdout


@pytest.mark.parametrize("arguments", [["render", "chat"], ["validate"], ["catalog", "gpus"]])
def test_what_only_reads_profiles_never_imports_boto3(arguments: list[str]):
    code = (
        f"import sys; from lmi_deployer.cli import run; assert run({arguments!r}) == 0;"
        "assert not {'boto3', 'botocore', 'moto'} & set(sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
