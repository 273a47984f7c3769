"""Compile jobs with tensorrt-llm on this machine: the real entry point, a stand-in library."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lmi_deployer import catalog
from lmi_deployer.artifact import claims, committing
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.verifying import verify
from lmi_deployer.compiling.native_build import CALIBRATION, QUANTIZATION, read_properties, taken
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.edges.native_jobs import NativeJobs
from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.steps import CompileEngine
from tests.edges.compile_jobs import LocalWeights, step_of

LIBRARY = Path(__file__).with_name("stand_in_tensorrt_llm.py")
MODULES = {
    "llmapi": "LLM, BuildConfig, CalibConfig, QuantAlgo, QuantConfig",
    "commands/build": "parse_arguments",
    "models/modeling_utils": "SpeculativeDecodingMode",
    "plugin": "PluginConfig",
    "auto_parallel": "infer_cluster_config",
}
GPU = "0, GPU-a, NVIDIA L4, 8.9, 23034"


@dataclass
class Machine:
    """A machine with GPUs, tensorrt-llm, weights and a cache."""

    folder: Path
    site: Path
    said: list[str] = field(default_factory=list)

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.folder / "cache")

    def jobs(self) -> NativeJobs:
        copies = {"aws": LocalWeights(self.folder / "weights"), "source": LocalWeights.source}
        return NativeJobs(self.store, folder=self.folder / "work", say=self.said.append, **copies)  # type: ignore[arg-type]

    def step(self, **changes: Any) -> CompileEngine:
        return step_of(f"{self.folder}/cache/", weights_digest="d", **changes)

    def install(self, version: str) -> None:
        shutil.rmtree(self.site, ignore_errors=True)
        package = self.site / "tensorrt_llm"
        package.mkdir(parents=True)
        shutil.copyfile(LIBRARY, package / "__init__.py")
        for module, listed in MODULES.items():
            path = package / f"{module}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"from tensorrt_llm import {listed}\n")
        info = self.site / f"tensorrt_llm-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: tensorrt-llm\nVersion: {version}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = Machine(tmp_path, tmp_path / "site")
    found.install("0.21.0rc1")
    monkeypatch.syspath_prepend(str(found.site))
    monkeypatch.setenv("PYTHONPATH", str(found.site))
    with_gpus(found, monkeypatch, GPU)
    return found


def with_gpus(machine: Machine, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """An nvidia-smi that answers this runner's question, and the entry point's, with `-i`."""
    program = machine.folder / "bin" / "nvidia-smi"
    program.parent.mkdir(exist_ok=True)
    (program.parent / "lines").write_text("\n".join(lines))
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = -i ]; then grep -F "$2" {program.parent}/lines'
        " | awk -F', ' '{print $3 \", \" $5 \", 550.1, \" $4}'\n"
        f"else cat {program.parent}/lines; fi\n"
    )
    program.chmod(0o755)
    path = os.environ["PATH"]
    if str(program.parent) not in path:
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{path}")


def sleeping(machine: Machine) -> None:
    """Builds that take their time."""
    init = machine.site / "tensorrt_llm" / "__init__.py"
    init.write_text("import time\ntime.sleep(600)\n" + init.read_text().replace("from __f", "#"))


def ended(jobs: NativeJobs, job: str) -> JobState:
    jobs._running[job].process.wait(60)
    return jobs.look(job)


def compiled(machine: Machine, step: CompileEngine) -> dict[str, Any]:
    """What the library was called with."""
    jobs = machine.jobs()
    job = jobs.start(step)
    state = ended(jobs, job)
    assert state.phase == "done", state
    jobs.collect(step, job)
    prefix = f"{step.key[:16]}/"
    manifest = committing.find(machine.store, prefix)
    assert manifest is not None
    assert verify(machine.store, prefix, manifest, deep=True) == []
    return dict(json.loads(machine.store.read(f"{prefix}artifact/calls.json") or b""))


def test_an_engine_is_built_and_committed_as_the_image_would(machine):
    step = machine.step()
    calls = compiled(machine, step)
    assert calls["model"].endswith("/opt/ml/input/data/model")
    assert (calls["tensor_parallel_size"], calls["pipeline_parallel_size"]) == (1, 1)
    assert calls["build_config"]["max_batch_size"] == 8  # option.max_rolling_batch_size
    assert calls["build_config"]["strongly_typed"] is True
    assert calls["build_config"]["speculative_decoding_mode"] == "none"
    assert calls["build_config"]["auto_parallel_config"]["cluster_key"] == "L4"
    assert (calls["quant_config"], calls["calib_config"], calls["others"]) == (None, None, {})
    assert not (machine.folder / "work/jobs" / f"lmi-compile-{step.key[:16]}-native").exists()


def test_every_kind_of_option_reaches_the_part_of_the_library_that_reads_it(machine):
    lines = (
        "option.quant_algo=w4a16_awq",
        "option.group_size=64",
        "option.calib_batches=16",
        "option.dtype=float16",
        "option.trust_remote_code=true",
        "option.max_input_len=2048",
        "option.gemm_plugin=auto",
        "option.kv_cache_type=paged",
        "option.unheard_of=1",
    )
    step = replace(machine.step(), properties="\n".join(lines) + "\n")
    calls = compiled(machine, step)
    assert calls["quant_config"] == {"quant_algo": "W4A16_AWQ", "group_size": 64}
    assert calls["calib_config"] == {"calib_batches": 16}
    assert calls["others"] == {"dtype": "float16", "trust_remote_code": "true"}
    assert calls["build_config"]["max_input_len"] == 2048
    assert calls["build_config"]["plugin_config"] == {"gemm_plugin": "auto"}
    assert calls["build_config"]["kv_cache_type"] == "paged"


def test_another_version_of_the_library_is_refused_with_both_named(machine):
    machine.install("0.21.0")
    both = r"tensorrt-llm 0.21.0rc1, installed here is 0.21.0;"
    with pytest.raises(InputError, match=both) as told:
        machine.jobs().start(machine.step())
    assert "pip install 'lmi-deploy[trtllm]', which has 0.21.0rc1" in str(told.value.fix)


def test_the_extra_has_the_version_of_every_image_that_it_builds_for():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    for version in catalog.names(catalog.CONTAINERS):
        compiler = catalog.compiler(version, "trtllm")
        if compiler is not None and compiler.builds_natively:
            found = catalog.container(version)
            flavor = found.flavors[found.backends["trtllm"].flavor]
            assert f'"tensorrt-llm=={flavor.libraries["tensorrt_llm"]}; ' in text


def test_without_the_library_the_way_to_it_is_told(machine):
    shutil.rmtree(machine.site)
    with pytest.raises(MissingExtraError, match=r"lmi-deploy\[trtllm\]"):
        machine.jobs().start(machine.step())


def test_versions_whose_images_build_otherwise_are_refused(machine):
    step = machine.step(image="0.30.0-tensorrtllm0.12.0-cu125")
    with pytest.raises(InputError, match=r"LMI 0.30.0 does not build its engines"):
        machine.jobs().start(step)


def test_another_gpu_is_refused_with_both_named(machine, monkeypatch):
    with_gpus(machine, monkeypatch, "0, GPU-a, NVIDIA T4, 7.5, 15360")
    with pytest.raises(InputError, match=r"compute capability 8.9 .* here: 1 x NVIDIA T4 \(7.5"):
        machine.jobs().start(machine.step())


def test_only_the_gpus_that_fit_are_used(machine, monkeypatch):
    with_gpus(machine, monkeypatch, "0, GPU-t, NVIDIA T4, 7.5, 15360", GPU.replace("0,", "1,"))
    compiled(machine, machine.step())


def test_a_build_that_fails_says_why_and_can_be_run_again(machine):
    step = replace(machine.step(), properties="option.max_input_len=many\n")
    jobs = machine.jobs()
    job = jobs.start(step)
    state = ended(jobs, job)
    assert state.phase == "failed"
    assert "invalid int value: 'many'" in str(state.reason)
    found = machine.jobs().find(step)
    assert found is not None
    assert found.phase == "failed"
    compiled(machine, machine.step())


def test_an_interrupted_build_leaves_no_process(machine):
    sleeping(machine)
    jobs, step = machine.jobs(), machine.step()
    job = jobs.start(step)
    assert jobs.look(job).phase == "running"
    process = jobs._running[job].process
    assert (NativeJobs.can_detach, NativeJobs.survives_interrupt) == (False, False)
    jobs.stop(job)
    assert process.poll() is not None
    assert jobs.look(job).phase == "stopped"
    assert_nothing_is_left(machine, step)


def assert_nothing_is_left(machine: Machine, step: CompileEngine) -> None:
    found = claims.look(machine.store, f"{step.key[:16]}/")
    assert found is not None
    assert not found.is_live(1.0)
    left = {path.name for path in (machine.folder / "work/jobs").glob("*/*")}
    assert left <= {"log.txt", "ended.json"}


def test_stopping_a_build_that_nobody_collected_frees_its_claim(machine):
    jobs, step = machine.jobs(), replace(machine.step(), properties="wrong\n")
    job = jobs.start(step)
    jobs._running[job].process.wait(60)
    jobs.stop(job)
    assert_nothing_is_left(machine, step)


def test_a_start_that_breaks_off_leaves_nothing(machine, monkeypatch):
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lmi_deployer.edges.native_jobs.furnish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.jobs().start(machine.step())
    assert_nothing_is_left(machine, machine.step())


def test_whatever_ends_the_command_ends_its_builds(machine, monkeypatch):
    ends: list[Any] = []
    monkeypatch.setattr("atexit.register", lambda *call: ends.append(call))
    sleeping(machine)
    jobs = machine.jobs()
    job = jobs.start(machine.step())
    process = jobs._running[job].process
    ((stop, name),) = ends
    stop(name)
    assert process.poll() is not None


def test_builds_for_two_caches_use_two_folders(machine):
    jobs, step = machine.jobs(), machine.step()
    other = NativeJobs(FolderStore(machine.folder / "other"), folder=machine.folder / "work")
    assert jobs._job_folder("job").root != other._job_folder("job").root
    assert jobs._job_folder(step.key) == machine.jobs()._job_folder(step.key)


def test_a_second_machine_waits_for_the_first(machine):
    jobs, step = machine.jobs(), machine.step()
    job = jobs.start(step)
    other = machine.jobs()
    waiting = other.start(step)
    assert other.look(waiting).phase == "waiting"
    assert ended(jobs, job).phase == "done"
    jobs.collect(step, job)
    assert other.look(waiting).phase == "done"


def test_a_line_without_an_equals_sign_stops_the_build(tmp_path):
    (tmp_path / "serving.properties").write_text("# comment\n\noption.a = 1\nwrong\n")
    with pytest.raises(SystemExit, match="'wrong' has no '='"):
        read_properties(tmp_path)


def test_quantization_options_are_read_as_the_image_reads_them():
    options = {
        "kv_cache_quant_algo": "fp8",
        "clamp_val": "[1.0, 2.0]",
        "has_zero_point": "True",
        "smoothquant_val": "0.5",
        "calib_dataset": "cnn_dailymail",
        "max_seq_len": "4096",
    }
    fields = {**QUANTIZATION, "kv_cache_quant_algo": str.upper}
    assert taken(options, fields) == {
        "kv_cache_quant_algo": "FP8",
        "clamp_val": [1.0, 2.0],
        "has_zero_point": True,
        "smoothquant_val": 0.5,
    }
    assert taken(options, CALIBRATION) == {"calib_dataset": "cnn_dailymail"}
    assert options == {"max_seq_len": "4096"}
