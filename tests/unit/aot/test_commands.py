"""What a compile script is given, and what serves what it has made."""

from __future__ import annotations

from dataclasses import replace

import javaproperties
import pytest

from lmi_deployer import render
from lmi_deployer.aot.commands import compile_properties, refusal, script, served_from
from lmi_deployer.errors import InputError
from lmi_deployer.sandbox.stand_in_order import load_properties
from lmi_deployer.spec import Compilation, ResolvedSpec
from tests.conformance.compilers.cases import INSTANCES, Case, cases

URI = "s3://acme-models/engines/0123456789abcdef/artifact/"
COMPILING = {str(case): case for case in cases()}


def with_compiler(case: Case, spec: ResolvedSpec) -> ResolvedSpec:
    """The spec as one that is compiled, whatever its profile says of that."""
    compilation = Compilation(
        mode="aot",
        runner="docker",
        compiler=case.compiler,
        cache=None,
        instance=spec.instance,
        is_spot=False,
        max_seconds=3600,
        volume_gb=None,
        quality=None,
    )
    return replace(spec, compilation=compilation)


def served(case: Case, spec: ResolvedSpec) -> dict[str, str]:
    return render.properties(served_from(with_compiler(case, spec), URI))


def lines_of(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_both_readers_read_the_properties_alike(case: Case, tmp_path):
    for spec in case.specs():
        text = compile_properties(case.compiler, spec)
        (tmp_path / "serving.properties").write_text(text)
        script_reads = load_properties(case.version, tmp_path)
        assert script_reads == javaproperties.loads(text) == lines_of(text)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_artifact_is_served_from_its_folder_and_by_no_revision(case: Case):
    spec = case.spec(min(INSTANCES[case.backend]), more='model.revision="' + "a" * 40 + '"')
    assert "option.model_id" in render.properties(spec)
    lines = served(case, spec)
    assert lines["option.model_id"] == URI
    assert "option.revision" not in lines
    assert case.compiler.serving.items() <= lines.items()


@pytest.mark.parametrize("case", cases(), ids=str)
def test_serving_an_artifact_changes_nothing_but_where_it_is_and_how_it_is_read(case: Case):
    spec = case.spec(min(INSTANCES[case.backend]))
    before, after = render.properties(spec), served(case, spec)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed - {"option.revision"} == {"option.model_id", *case.compiler.serving}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_compiling_reads_the_lines_that_serving_reads(case: Case):
    spec = case.spec(min(INSTANCES[case.backend]))
    before = render.properties(spec)
    lines = lines_of(compile_properties(case.compiler, spec))
    changed = {name for name in {*before, *lines} if before.get(name) != lines.get(name)}
    assert changed <= {"option.model_id", *case.compiler.properties}


def test_the_pipeline_degree_is_the_profile_s_own():
    case = COMPILING["0.30.0-trtllm"]
    arguments = script(case.compiler, case.spec(4, stages=2))
    assert arguments[arguments.index("--pipeline_parallel_degree") + 1] == "2"


def test_weights_on_s3_are_where_they_are_mounted():
    case = COMPILING["0.33.0-trtllm"]
    mounted = script(case.compiler, case.spec(4, source="s3://acme-models/llama/"))
    downloaded = script(case.compiler, case.spec(4))
    assert "/opt/ml/input/data/model" in mounted
    assert "/tmp/lmi-deploy/model" in downloaded


@pytest.mark.parametrize("version", ["0.25.0", "0.27.0"])
def test_deepspeed_splits_with_its_own_engine_and_serves_with_the_backend_s(version: str):
    case = COMPILING[f"{version}-deepspeed"]
    spec = case.spec(4)
    lines = lines_of(compile_properties(case.compiler, spec))
    assert lines["engine"] == "DeepSpeed"
    assert "option.rolling_batch" not in lines
    assert lines["option.dtype"] == "fp16"  # a checkpoint is not loaded without one
    serving = served(case, spec)
    assert serving["engine"] == "MPI"
    assert serving["option.rolling_batch"] == "deepspeed"
    assert serving["option.checkpoint"] == "ds_inference_config.json"


def test_a_neuron_model_is_compiled_for_the_batching_that_serves_it():
    case = COMPILING["0.28.0-neuronx"]
    spec = case.spec(2)
    lines = lines_of(compile_properties(case.compiler, spec))
    assert lines["option.rolling_batch"] == render.properties(spec)["option.rolling_batch"]
    assert "--skip-copy" in script(case.compiler, spec)


def test_quantizing_is_refused_where_no_checkpoint_of_it_loads():
    case = COMPILING["0.25.0-deepspeed"]
    spec = case.spec(4, more='quantize={"method": "dynamic_int8"}')
    reason = refusal(case.compiler, spec)
    assert reason is not None
    assert "quantized" in reason
    with pytest.raises(InputError, match=r"cannot be compiled: deepspeed on LMI 0\.25\.0"):
        script(case.compiler, spec)


def test_a_model_that_the_library_does_not_split_is_refused():
    case = COMPILING["0.25.0-deepspeed"]
    with pytest.raises(InputError, match="not of gpt2"):
        script(case.compiler, case.spec(1, model="openai-community/gpt2"))


def test_a_line_that_the_two_readers_would_read_differently_is_refused():
    case = COMPILING["0.25.0-trtllm"]
    spec = replace(case.spec(4), options={"option.note": "trailing "})
    with pytest.raises(InputError, match=r"option\.note"):
        compile_properties(case.compiler, spec)


def test_what_is_never_compiled_is_served_from_no_artifact():
    spec = replace(COMPILING["0.25.0-trtllm"].spec(4), compilation=None)
    with pytest.raises(ValueError, match="compiles nothing"):
        served_from(spec, URI)
