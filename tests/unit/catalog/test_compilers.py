"""What compilers.yaml says of each version that compiles ahead of time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.by_version import AtVersion
from lmi_deployer.catalog.compiler_rows import Compiler
from lmi_deployer.catalog.sources import Sources, read_sources
from lmi_deployer.settings.table import table
from tests.conformance.compilers.cases import Case, cases

EVERY = [*cases(), *cases(refused=True)]


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(Path(catalog.__file__).parent)


def compiler(version: str, backend: str) -> Compiler:
    found = catalog.compiler(version, backend)
    assert found is not None
    return found


@pytest.mark.parametrize("version", ["0.29.0", "0.30.0", "0.32.0", "0.33.0"])
def test_scripts_since_0_29_must_be_told_the_pipeline_degree(version: str):
    passed = {row.flag: row for row in compiler(version, "trtllm").arguments}
    assert passed["--pipeline_parallel_degree"].is_required
    assert passed["--pipeline_parallel_degree"].passes == "pipeline_parallel_degree"


@pytest.mark.parametrize("version", ["0.25.0", "0.26.0", "0.27.0", "0.28.0"])
def test_scripts_before_0_29_do_not_know_a_pipeline_degree(version: str):
    flags = {row.flag for row in compiler(version, "trtllm").arguments}
    assert "--pipeline_parallel_degree" not in flags


def test_optimization_jobs_run_where_their_script_reads_variables_and_has_its_library():
    able = {str(case) for case in cases() if case.compiler.has_optimization_jobs}
    assert able == {"0.29.0-trtllm", "0.30.0-trtllm", "0.32.0-trtllm"}


def test_only_what_the_llm_api_saves_can_be_built_without_the_image():
    able = [case for case in EVERY if case.compiler.builds_natively]
    assert [case.compiler.layout for case in able] == ["llm_api_engine"]


def test_nothing_is_said_of_backends_that_load_weights_as_they_are():
    assert catalog.compiler("0.30.0", "vllm") is None
    assert catalog.compiler("0.31.0", "trtllm") is None


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_every_option_of_a_row_is_one_that_the_version_reads(case: Case):
    known = {"engine", *catalog.container(case.version).options}
    written = {name for name, value in case.compiler.properties.items() if value is not None}
    assert {*written, *case.compiler.serving} - known == set()


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_compiling_never_names_the_weights_by_where_they_came_from(case: Case):
    if case.compiler.refused is None:
        dropped = case.compiler.properties
        assert dropped["option.revision"] is None
        assert dropped["option.model_id"] in {None, "{model_dir}"}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_only_models_that_the_backend_serves_are_compiled(case: Case):
    served = catalog.container(case.version).backends[case.backend].model_types
    if case.compiler.model_types is not None:
        assert served is not None
        assert set(case.compiler.model_types) <= set(served)


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_the_python_of_an_image_can_run_the_entry_point(case: Case):
    major, minor = case.compiler.python.split(".")
    assert (int(major), int(minor)) >= (3, 8)


def test_two_rows_for_one_backend_of_a_version_are_refused(sources: Sources):
    twice = replace(sources, compilers=(*sources.compilers, sources.compilers[0]))
    with pytest.raises(ValueError, match=r"0\.25\.0: compilers.yaml has trtllm twice"):
        assert AtVersion(twice, "0.25.0").compilers


def test_a_row_for_a_backend_that_the_version_lacks_is_refused(sources: Sources):
    row = sources.compilers[0].model_copy(update={"versions": "0.31.0"})
    with pytest.raises(ValueError, match=r"0\.31\.0: there is no trtllm to compile for"):
        assert AtVersion(replace(sources, compilers=(row,)), "0.31.0").compilers


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_lines_that_serve_an_artifact_are_ones_that_the_reader_takes(case: Case):
    entries = table(case.version).handler(case.backend).entries
    for name, text in case.compiler.serving.items():
        assert name in entries, text
