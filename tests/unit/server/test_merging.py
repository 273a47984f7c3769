"""What serving.properties and the environment come to, by version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.server.merged import Merged
from lmi_deployer.server.merging import merge
from tests.unit.server.images import ORDER, flavors_of, image

LAST = ORDER[-1]
NO_FILE: dict[str, str] = {}


def merged(
    version: str, properties: dict[str, str], /, flavor: str = "", **environment: str
) -> Merged:
    return merge(image(version, flavor or flavors_of(version)[0]), properties, environment)


def from_environment(version: str, /, flavor: str = "", **environment: str) -> dict[str, str]:
    return dict(merged(version, NO_FILE, flavor, **environment).texts)


def unread(found: Merged) -> dict[str, str | None]:
    return {item.name: item.instead for item in found.unread}


@pytest.mark.parametrize("version", ORDER)
def test_keys_of_the_file_are_settings_as_they_stand(version):
    file = {"engine": "Python", "option.model_id": "a/b", "option.dtype": "fp16"}
    found = merged(version, file)
    assert found.texts == file
    assert not found.unread
    assert not found.overridden
    assert {item.name for item in found.settings.values()} == set(file)


def test_handlers_see_a_key_without_its_prefix():
    assert merged(LAST, {"dtype": "fp16"}).texts == {"option.dtype": "fp16"}
    assert merged(LAST, {"dtype": "fp16"}).settings["option.dtype"].name == "dtype"


def test_a_key_that_the_server_itself_reads_needs_its_prefix():
    assert merged(LAST, {"tensor_parallel_degree": "2"}).texts == {"tensor_parallel_degree": "2"}
    assert merged("0.27.0", {"rolling_batch": "auto"}).texts == {"option.rolling_batch": "auto"}
    assert merged("0.28.0", {"rolling_batch": "auto"}).texts == {"rolling_batch": "auto"}


@pytest.mark.parametrize("keys", [("dtype", "option.dtype"), ("option.dtype", "dtype")])
def test_the_prefixed_key_beats_the_bare_one(keys):
    found = merged(LAST, {key: key for key in keys})
    assert found.texts == {"option.dtype": "option.dtype"}
    assert [(item.name, item.by) for item in found.overridden] == [("dtype", "option.dtype")]


def test_workers_may_be_written_with_the_prefix_from_0_23_on():
    assert merged("0.23.0", {"option.maxWorkers": "1"}).texts == {"maxWorkers": "1"}
    assert merged("0.22.1", {"option.maxWorkers": "1"}).texts == {"option.maxWorkers": "1"}


def test_a_setting_of_the_whole_server_is_not_read_from_the_file():
    found = merged(LAST, {"chunked_read_timeout": "9"})
    assert not found.texts
    assert unread(found) == {
        "chunked_read_timeout": "the environment variable SERVING_CHUNKED_READ_TIMEOUT"
    }


def test_an_option_variable_sets_what_the_file_leaves_out():
    found = merged(LAST, {"option.dtype": "fp16"}, OPTION_QUANTIZE="awq", OPTION_DTYPE="bf16")
    assert found.texts == {"option.dtype": "fp16", "option.quantize": "awq"}
    assert found.settings["option.quantize"] == ("awq", "OPTION_QUANTIZE", True)
    assert found.overridden == (("option.dtype", "OPTION_DTYPE", "bf16", "option.dtype"),)


def test_an_option_variable_beats_a_key_without_prefix():
    found = merged(LAST, {"dtype": "fp16"}, OPTION_DTYPE="bf16")
    assert found.texts == {"option.dtype": "bf16"}
    assert found.overridden == (("option.dtype", "dtype", "fp16", "OPTION_DTYPE"),)


def test_0_22_1_reads_no_option_variables():
    found = merged("0.22.1", NO_FILE, OPTION_DTYPE="fp16")
    assert not found.texts
    assert unread(found) == {"OPTION_DTYPE": "write option.dtype in serving.properties"}


def test_an_empty_option_variable_counts_up_to_0_24():
    assert from_environment("0.24.0", OPTION_DTYPE="") == {"option.dtype": ""}
    assert from_environment("0.25.0", OPTION_DTYPE="") == {}
    assert unread(merged("0.25.0", NO_FILE, OPTION_DTYPE="")) == {"OPTION_DTYPE": None}


def test_mixed_case_names_keep_their_case_from_0_28_on():
    assert from_environment("0.27.0", OPTION_modelName="x") == {"option.modelname": "x"}
    assert from_environment("0.28.0", OPTION_modelName="x") == {"option.modelName": "x"}


def test_the_entry_point_can_be_an_option_variable_from_0_24_on():
    assert from_environment("0.24.0", OPTION_ENTRYPOINT="a") == {"option.entryPoint": "a"}
    found = merged("0.23.0", NO_FILE, OPTION_ENTRYPOINT="a")
    assert unread(found) == {"OPTION_ENTRYPOINT": "DJL_ENTRY_POINT"}
    assert from_environment("0.23.0", DJL_ENTRY_POINT="a") == {"option.entryPoint": "a"}


def test_the_engine_can_be_an_option_variable_from_0_27_on():
    assert from_environment("0.27.0", OPTION_ENGINE="MPI") == {"engine": "MPI"}
    assert from_environment("0.26.0", OPTION_ENGINE="MPI") == {"option.engine": "MPI"}


@pytest.mark.parametrize("version", ORDER[1:])
def test_a_key_of_the_server_alone_is_no_option_variable(version):
    found = merged(version, NO_FILE, OPTION_JOB_QUEUE_SIZE="9")
    assert unread(found) == {"OPTION_JOB_QUEUE_SIZE": "SERVING_JOB_QUEUE_SIZE"}
    assert not found.texts


def test_argument_variables_set_bare_keys_from_0_28_on():
    assert from_environment("0.28.0", ARGS_maxWorkers="1") == {"maxWorkers": "1"}
    assert unread(merged("0.27.0", NO_FILE, ARGS_maxWorkers="1")) == {"ARGS_maxWorkers": None}


def test_an_unknown_option_is_left_to_the_option_catalog():
    assert from_environment(LAST, OPTION_ROLLING_BACK="x") == {"option.rolling_back": "x"}


NAMES = st.one_of(
    st.sampled_from(["OPTION_", "SERVING_", "ARGS_", "DJL_", "HF_MODEL_ID", "SM_NUM_GPUS", ""]),
    st.text(max_size=8),
)


@given(
    st.sampled_from(ORDER),
    st.dictionaries(st.text(max_size=12), st.text(max_size=6), max_size=6),
    st.dictionaries(st.tuples(NAMES, NAMES).map("".join), st.text(max_size=6), max_size=6),
)
def test_nothing_that_was_given_is_forgotten(version, properties, environment):
    found = merge(image(version, "neuronx" if version < "0.31" else "lmi"), properties, environment)
    told = {item.name for item in found.settings.values()}
    told |= {item.name for item in found.overridden} | {item.name for item in found.unread}
    assert set(properties) <= told
    assert found.texts == {key: setting.value for key, setting in found.settings.items()}
