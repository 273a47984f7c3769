"""What compilers.yaml records of each script is what the script itself says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer import catalog
from lmi_deployer.aot.commands import compile_properties, script
from lmi_deployer.entry_point.job import OUTPUT_FOLDER
from lmi_deployer.sandbox.stand_in_order import load_properties
from tests.conformance.compilers.cases import Case, cases
from tests.conformance.compilers.scripts import (
    declared,
    real_judge,
    real_parser,
    real_reader,
    script_name,
    source_of,
)
from tests.conformance.compilers.unpacking import imported, unpacked
from tests.conformance.oracle import repository

REPOSITORY = repository()
pytestmark = pytest.mark.skipif(
    REPOSITORY is None, reason="DJL_SERVING_REPOSITORY names no repository of djl-serving"
)


def _source(case: Case) -> str:
    assert REPOSITORY is not None
    return source_of(REPOSITORY, case.version, script_name(case.compiler))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_recorded_arguments_are_those_of_the_script(case: Case):
    real = [item.as_row() for item in declared(_source(case))]
    recorded = [row.model_copy(update={"passes": None}) for row in case.compiler.arguments]
    assert recorded == real


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_script_s_own_parser_takes_every_command_line(case: Case):
    parser = real_parser(_source(case))
    for spec in case.specs():
        _, *arguments = script(case.compiler, spec)
        taken, unknown = parser.parse_known_args(arguments)
        assert not unknown
        given = [str(value) for value in vars(taken).values()]
        values = [item for item in arguments if not item.startswith("--")]
        assert all(value in given for value in values)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_script_s_own_reader_reads_what_is_written(case: Case, tmp_path: Path):
    assert REPOSITORY is not None
    read = real_reader(REPOSITORY, case.version)
    for spec in case.specs():
        text = compile_properties(case.compiler, spec)
        (tmp_path / "serving.properties").write_text(text)
        pairs = [x.partition("=") for x in text.splitlines() if x and not x.startswith("#")]
        written = {name: value for name, _, value in pairs}
        if case.version == "0.22.1":  # leaves `option.` off
            written = {name.partition(".")[2] or name: value for name, value in written.items()}
        assert read(tmp_path) == written


@pytest.mark.parametrize("case", [x for x in cases() if x.backend != "trtllm"], ids=str)
def test_partition_py_finds_nothing_wrong_with_what_it_is_given(case: Case, tmp_path: Path):
    assert REPOSITORY is not None
    judge, parser = real_judge(REPOSITORY, case.version), real_parser(_source(case))
    for spec in case.specs():
        (tmp_path / "serving.properties").write_text(compile_properties(case.compiler, spec))
        _, *arguments = script(case.compiler, spec)
        taken = parser.parse_args(arguments)
        setattr(taken, "model_dir" if case.version == "0.22.1" else "properties_dir", str(tmp_path))
        going_on = {name.removeprefix("option."): text for name, text in judge(taken).items()}
        assert going_on["save_mp_checkpoint_path"] == OUTPUT_FOLDER
        assert going_on["entryPoint"] == case.compiler.properties["option.entryPoint"]
        assert going_on["engine"] == case.compiler.properties["engine"]
        assert int(going_on["tensor_parallel_degree"]) == spec.tensor_parallel_degree
        assert "revision" not in going_on


@pytest.mark.parametrize("case", [x for x in cases() if x.backend != "trtllm"], ids=str)
def test_partition_py_unpacks_every_module_that_its_handler_imports(case: Case):
    assert REPOSITORY is not None
    files = unpacked(REPOSITORY, case.version)
    if files is None:
        return  # all of them
    handler = case.compiler.properties["option.entryPoint"]
    assert handler is not None
    needed = imported(REPOSITORY, case.version, handler)
    assert f"{handler.replace('.', '/')}.py" in needed
    assert needed <= files


@pytest.mark.parametrize("version", ["0.24.0", "0.25.0"])
def test_a_script_that_lacks_modules_of_the_neuron_handler_is_refused(version: str):
    assert REPOSITORY is not None
    files = unpacked(REPOSITORY, version)
    assert files is not None
    assert imported(REPOSITORY, version, "djl_python.transformers_neuronx") - files
    compiler = catalog.compiler(version, "neuronx")
    assert compiler is not None
    assert compiler.refused is not None


@pytest.mark.parametrize("case", [x for x in cases() if x.version != "0.22.1"], ids=str)
def test_the_stand_in_reads_as_the_script_does(case: Case, tmp_path: Path):
    assert REPOSITORY is not None
    lines = "# a comment\n\n option.a = b=c \noption.d=e\n"
    (tmp_path / "serving.properties").write_text(lines)
    read = real_reader(REPOSITORY, case.version)
    assert load_properties(case.version, tmp_path) == read(tmp_path)
