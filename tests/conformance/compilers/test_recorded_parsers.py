"""Every command line that compiles is one that the recorded parser of that version takes."""

from __future__ import annotations

import pytest

from lmi_deployer import catalog
from lmi_deployer.aot.commands import compile_properties, script
from lmi_deployer.entry_point.job import (
    DOWNLOAD_FOLDER,
    MODEL_FOLDER,
    OUTPUT_FOLDER,
    PROPERTIES_FOLDER,
)
from lmi_deployer.errors import InputError
from lmi_deployer.sandbox.stand_in_compiler import parser_of
from lmi_deployer.spec import ResolvedSpec
from tests.conformance.compilers.cases import Case, cases


def _weights_of(spec: ResolvedSpec) -> str:
    return DOWNLOAD_FOLDER if spec.weights.source is None else MODEL_FOLDER


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_recorded_parser_takes_every_command_line(case: Case):
    parser = parser_of(case.compiler)
    for spec in case.specs():
        path, *arguments = script(case.compiler, spec)
        assert path == case.compiler.script
        taken = vars(parser.parse_args(arguments))
        lines = compile_properties(case.compiler, spec).splitlines()
        given = [str(value) for value in taken.values()]
        given += [line.partition("=")[2] for line in lines]
        degree = spec.tensor_parallel_degree
        for needed in (OUTPUT_FOLDER, PROPERTIES_FOLDER, str(degree), _weights_of(spec)):
            assert needed in given


@pytest.mark.parametrize("case", cases(refused=True), ids=str)
def test_a_version_without_a_working_script_is_refused_with_the_reason(case: Case):
    spec = case.spec(2)
    assert case.compiler.refused is not None
    with pytest.raises(InputError, match="Neuron image holds no compile script"):
        script(case.compiler, spec)


def test_every_version_with_tensorrt_llm_compiles():
    with_it = {
        version
        for version in catalog.names(catalog.CONTAINERS)
        if "trtllm" in catalog.container(version).backends
    }
    assert {case.version for case in cases() if case.backend == "trtllm"} == with_it


def test_a_missing_pipeline_degree_is_what_newer_scripts_end_with_status_2_for():
    compiler = catalog.compiler("0.30.0", "trtllm")
    assert compiler is not None
    with pytest.raises(SystemExit) as ended:
        parser_of(compiler).parse_args(
            ["--properties_dir", "a", "--trt_llm_model_repo", "b", "--tensor_parallel_degree", "4"]
        )
    assert ended.value.code == 2
