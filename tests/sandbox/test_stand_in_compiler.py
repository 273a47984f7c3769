"""The stand-in for a compile script takes, refuses and writes what the script itself does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lmi_deployer.aot.commands import compile_properties, script
from lmi_deployer.artifact.layouts import problems
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.entry_point.job import DOWNLOAD_FOLDER, OUTPUT_FOLDER, PROPERTIES_FOLDER
from lmi_deployer.sandbox.stand_in_compiler import MODE, main
from tests.conformance.compilers.cases import INSTANCES, Case, cases

COMPILING = {str(case): case for case in cases()}
FAILING = ("fail", "out_of_memory")


@dataclass
class Machine:
    """Folders of a container below one of this machine, with a model in them."""

    root: Path
    case: Case
    degree: int

    def __post_init__(self) -> None:
        model = self.below(DOWNLOAD_FOLDER)
        model.mkdir(parents=True)
        (model / "config.json").write_text('{"model_type": "gptj"}')
        (model / "tokenizer.json").write_text("{}")
        (model / "model.safetensors").write_bytes(b"weights")
        spec = self.case.spec(self.degree)
        self.script = script(self.case.compiler, spec)
        self.write(compile_properties(self.case.compiler, spec))

    def below(self, path: str) -> Path:
        return self.root / path[1:]

    @property
    def output(self) -> Path:
        return self.below(OUTPUT_FOLDER)

    @property
    def argv(self) -> list[str]:
        return [str(self.below(x)) if x.startswith("/") else x for x in self.script[1:]]

    def write(self, properties: str) -> None:
        folder = self.below(PROPERTIES_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        for path in (OUTPUT_FOLDER, DOWNLOAD_FOLDER):
            properties = properties.replace(f"={path}", f"={self.below(path)}")
        (folder / "serving.properties").write_text(properties)

    def properties(self) -> str:
        return (self.below(PROPERTIES_FOLDER) / "serving.properties").read_text()

    def run(self, argv: list[str] | None = None) -> int:
        argv = self.argv if argv is None else argv
        return main(version=self.case.version, backend=self.case.backend, argv=argv)

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.output.rglob("*") if path.is_file())
        return {path.relative_to(self.output).as_posix(): path.read_bytes() for path in found}

    def problems(self) -> list[str]:
        files = self.files()
        sizes = {name: len(body) for name, body in files.items()}
        return problems(self.case.compiler.layout, sizes, files.__getitem__, self.degree)


@pytest.fixture
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    case: Case = getattr(request, "param", COMPILING["0.25.0-trtllm"])
    return Machine(tmp_path, case, max(INSTANCES[case.backend]))


every = pytest.mark.parametrize("machine", cases(), ids=str, indirect=True)


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("machine", [COMPILING[name]], ids=str, indirect=True)


@every
def test_what_a_version_writes_is_a_complete_artifact(machine: Machine):
    assert machine.run() == 0
    assert machine.problems() == []


@every
@pytest.mark.parametrize("mode", ["half", "wrong_ranks"])
def test_a_broken_result_is_noticed_though_the_status_is_0(
    machine: Machine, mode: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(MODE, mode)
    assert machine.run() == 0
    assert machine.problems() != []


@pytest.mark.parametrize("mode", FAILING)
def test_a_failing_compiler_ends_with_1_and_says_why(
    machine: Machine, mode: str, monkeypatch, capsys
):
    monkeypatch.setenv(MODE, mode)
    assert machine.run() == 1
    assert "Error" in capsys.readouterr().err
    assert not machine.output.exists()


def test_a_compiler_can_end_with_0_and_leave_nothing(machine: Machine, monkeypatch):
    monkeypatch.setenv(MODE, "nothing")
    assert machine.run() == 0
    assert not machine.output.exists()


def test_a_killed_compiler_leaves_nothing(machine: Machine):
    program = (
        "import sys; from lmi_deployer.sandbox.stand_in_compiler import main;"
        f"main(version='0.25.0', backend='trtllm', argv={machine.argv!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], env={MODE: "killed"}, check=False)
    assert done.returncode == -9
    assert not machine.output.exists()


@every
def test_the_same_order_gives_the_same_bytes_and_another_one_others(machine: Machine):
    machine.run()
    first = machine.files()
    shutil.rmtree(machine.output)
    machine.run()
    assert machine.files() == first
    machine.write(machine.properties() + "option.max_batch_size=3\n")
    shutil.rmtree(machine.output)
    machine.run()
    assert machine.files() != first


@of("0.30.0-trtllm")
def test_a_wrong_command_line_ends_with_2(machine: Machine, capsys):
    with pytest.raises(SystemExit) as ended:
        machine.run([*machine.argv[:4], "--tensor_parallel_degree", "4"])
    assert ended.value.code == 2
    assert "--pipeline_parallel_degree" in capsys.readouterr().err


@of("0.33.0-trtllm")
def test_0_33_keeps_the_properties_but_for_the_model(machine: Machine):
    machine.write("option.model_id=/somewhere\n" + machine.properties())
    machine.run()
    kept = machine.files()["serving.properties"].decode()
    assert "option.max_seq_len" in kept
    assert "option.model_id" not in kept


@of("0.33.0-trtllm")
def test_0_33_fails_without_a_properties_file(machine: Machine):
    shutil.rmtree(machine.below(PROPERTIES_FOLDER))
    assert machine.run() == 1


@pytest.mark.parametrize("machine", [COMPILING["0.25.0-trtllm"]], indirect=True)
@pytest.mark.parametrize("line", ["no equals sign", "option.dtype : fp16"])
def test_a_line_without_an_equals_sign_stops_the_script(machine: Machine, line: str):
    machine.write(machine.properties() + line + "\n")
    assert machine.run() == 1


@of("0.25.0-deepspeed")
@pytest.mark.parametrize("line", ["option.quantize=dynamic_int8", "option.revision=main"])
def test_deepspeed_cannot_load_what_it_made_with_these(machine: Machine, line: str, capsys):
    machine.write(machine.properties() + line + "\n")
    assert machine.run() == 1
    assert "DeepSpeed does not support partitioning" in capsys.readouterr().err


@of("0.26.0-deepspeed")
def test_deepspeed_does_not_unpack_its_rolling_batch(machine: Machine, capsys):
    machine.write(machine.properties() + "option.rolling_batch=deepspeed\n")
    assert machine.run() == 1
    assert "No module named" in capsys.readouterr().err


@of("0.26.0-deepspeed")
def test_bad_properties_end_with_0_and_the_usage(machine: Machine, capsys):
    machine.write(machine.properties().replace("engine=DeepSpeed", "engine=MPI"))
    argv = machine.argv
    del argv[argv.index("--engine") : argv.index("--engine") + 2]
    assert machine.run(argv) == 0
    said = capsys.readouterr().out
    assert "Invalid engine: MPI" in said
    assert "usage:" in said
    assert not machine.output.exists()


@of("0.28.0-neuronx")
def test_without_skip_copy_a_neuron_model_loses_its_own_configuration(machine: Machine):
    machine.run([item for item in machine.argv if item != "--skip-copy"])
    assert any("plain model" in problem for problem in machine.problems())


@of("0.25.0-deepspeed")
def test_deepspeed_names_the_files_of_every_rank(machine: Machine):
    machine.run()
    config = json.loads(machine.files()["ds_inference_config.json"])
    assert config["tp_size"] == machine.degree
    assert {*config["checkpoints"]["tp"], *config["checkpoints"]["non_tp"]} <= set(machine.files())


def test_weights_that_are_no_checkpoint_stop_the_script(machine: Machine):
    (machine.below(DOWNLOAD_FOLDER) / "config.json").unlink()
    assert machine.run() == 1


@pytest.mark.parametrize(("version", "backend"), [("0.25.0", "neuronx"), ("0.30.0", "vllm")])
def test_an_image_without_a_script_that_works_has_no_stand_in(version: str, backend: Backend):
    with pytest.raises(LookupError, match="has no compile script"):
        main(version=version, backend=backend, argv=[])
