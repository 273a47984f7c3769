"""The extractor follows scripts and pages; what it records is what they say."""

from __future__ import annotations

import json

import pytest

from tests.conformance.oracle import repository
from tests.published import extract
from tests.published.pages import A_MODEL, shown_on
from tests.published.releases import runs_of_tests, runs_of_workflow
from tests.published.script import CannotTellError, Script

SCRIPT = """
chat_list = {
    "small": {"option.model_id": "org/small", "option.trust_remote_code": True},
    "adapted": {"option.model_id": "org/base", "adapter_ids": ["a"] * 2},
}
aot_list = {"small": {"option.model_id": "s3://bucket/small/", "option.dtype": "fp16"}}

def build_chat_model(model):
    if model not in chat_list.keys():
        raise ValueError(f"{model} is not one of {list(chat_list.keys())}")
    options = chat_list[model]
    options["engine"] = "MPI"
    if "option.dtype" not in options:
        options["option.dtype"] = "fp16"
    adapter_ids = options.pop("adapter_ids", [])
    if len(adapter_ids) == 0:
        build_plain_model(model)
        return
    write_model_artifacts(options, adapter_ids=adapter_ids)

def build_plain_model(model):
    options = chat_list[model]
    for key, value in {"batch_size": 4}.items():
        options[key] = value
    write_model_artifacts(options)
    shutil.copyfile("llm/own.py", "models/test/model.py")

def build_neo_model(model):
    create_neo_input_model(aot_list[model])

def build_measured_model(model):
    options = chat_list[model]
    options["option.dtype"] = args.dtype
    write_model_artifacts(options)
"""


def test_a_script_is_followed_through_conditions_loops_and_calls():
    written = Script(SCRIPT).build("build_chat_model", "small")
    assert written.properties == {
        "option.model_id": "org/small",
        "option.trust_remote_code": "True",
        "engine": "MPI",
        "option.dtype": "fp16",
        "batch_size": "4",
    }
    assert written.other_files == {"model.py"}


def test_what_a_script_takes_out_of_its_table_is_not_in_the_file():
    written = Script(SCRIPT).build("build_chat_model", "adapted")
    assert "adapter_ids" not in written.properties
    assert written.other_files == {"adapters/"}


def test_one_run_of_a_script_leaves_its_tables_as_they_were_for_the_next():
    script = Script(SCRIPT)
    first = script.build("build_chat_model", "adapted")
    assert script.build("build_chat_model", "adapted") == first


def test_a_model_that_is_downloaded_beside_the_file_is_not_named_in_it():
    assert Script(SCRIPT).build("build_neo_model", "small").properties == {"option.dtype": "fp16"}


def test_a_value_of_the_command_line_is_not_made_up():
    with pytest.raises(CannotTellError):
        Script(SCRIPT).build("build_measured_model", "small")


def test_a_model_that_a_table_lacks_cannot_be_built():
    with pytest.raises(CannotTellError):
        Script(SCRIPT).build("build_chat_model", "large")


def test_a_release_test_tells_image_environment_and_model():
    (run,) = runs_of_tests(
        """
def test_chat(self):
    with Runner('tensorrt-llm', 'chat') as r:
        prepare.build_chat_model("small")
        envs = ["A=1", "OPTION_B=x=y"]
        r.launch("\\n".join(envs))
"""
    )
    assert (run.builder, run.arguments) == ("build_chat_model", ("small",))
    assert (run.flavor, run.environment) == ("tensorrtllm", {"A": "1", "OPTION_B": "x=y"})


def test_a_workflow_tells_the_same_in_shell():
    chat, alone = runs_of_workflow(
        """
      - name: chat
        run: |
          echo -en "A=1\\nB=2" > docker_env
          python3 llm/prepare.py chat small
          ./launch_container.sh image:$TAG $PWD/models pytorch-inf2-6 \\
          serve
      - name: alone
        run: |
          echo -en "HF_MODEL_ID=org/small" > docker_env
          ./launch_container.sh image:$TAG nocode deepspeed
""",
        {"chat": "build_chat_model"},
    )
    assert (chat.builder, chat.arguments) == ("build_chat_model", ("small",))
    assert (chat.flavor, chat.environment) == ("neuronx", {"A": "1", "B": "2"})
    assert (alone.builder, alone.environment) == (None, {"HF_MODEL_ID": "org/small"})


def page(block: str, before: str = "ml.g5.2xlarge") -> str:
    return f"# Tuning guide\n\n{before}\n\n```\n{block}\n```\n"


def test_a_block_of_properties_is_named_after_its_heading():
    (shown,) = shown_on(page("# half precision\noption.dtype=fp16\nengine=MPI"))
    assert shown.properties == {"option.dtype": "fp16", "engine": "MPI"}
    assert (shown.name, shown.instance) == ("tuning-guide", "ml.g5.2xlarge")


def test_a_comment_after_a_value_is_part_of_it():
    (shown,) = shown_on(page("option.dtype=fp16  # half precision"))
    assert shown.properties == {"option.dtype": "fp16  # half precision"}


@pytest.mark.parametrize(
    "block",
    [
        "export HF_MODEL_ID=<your model>\nOPTION_DTYPE=fp16",
        "on p4d\n-e HF_MODEL_ID='<your model>' \\\n-e OPTION_DTYPE=fp16",
        'env = {"HF_MODEL_ID": "<your model>", "OPTION_DTYPE": "fp16"}',
    ],
)
def test_variables_of_a_shell_of_docker_and_of_python_are_an_environment(block):
    (shown,) = shown_on(page(block))
    assert shown.environment == {"HF_MODEL_ID": A_MODEL, "OPTION_DTYPE": "fp16"}


@pytest.mark.parametrize(
    "block",
    [
        "option.tool_call_parser=<parser>",
        "docker run image serve",
        "torchvision==0.12.0",
        "option.mapLocation=true\nengine=PyTorch",
    ],
)
def test_what_is_no_configuration_of_an_llm_is_passed_over(block):
    assert list(shown_on(page(block))) == []


def test_what_is_recorded_is_what_the_repository_says():
    found = repository()
    if found is None:
        pytest.skip("needs DJL_SERVING_REPOSITORY")
    assert extract.record(found) == json.loads(extract.RECORDED.read_text("utf-8"))
