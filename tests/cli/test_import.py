"""import, as people run it: on files without an account, and on endpoints of the sandbox."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from lmi_deployer.cli import run
from lmi_deployer.edges.files import MAX_FILE_BYTES
from tests.cli.conftest import Command

LINES = {
    "engine": "MPI",
    "option.model_id": "TheBloke/Llama-2-7B-fp16",
    "option.rolling_batch": "lmi-dist",
    "option.tensor_parallel_degree": "1",
    "option.max_rolling_batch_size": "64",
}
PLACE = ("--container", "0.25.0", "--instance", "ml.g5.2xlarge")


@pytest.fixture(autouse=True)
def a_file_to_import() -> None:
    Path("serving.properties").write_text(text_of(LINES))


def text_of(lines: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def rendered(lmi: Command, model: str) -> dict[str, str]:
    done = lmi("render", model, "--format", "json")
    assert done.status == 0, done.err
    pairs: dict[str, str] = json.loads(done.out)
    return pairs


def test_a_file_becomes_a_profile_that_validates_and_renders_it(lmi: Command):
    done = lmi("import", "serving.properties", *PLACE)
    assert (done.status, done.out) == (0, "")
    assert "Wrote profiles/llama-2-7b-fp16.yaml. Next:\n" in done.err
    assert "  lmi-deploy render llama-2-7b-fp16\n" in done.err
    assert lmi("validate", "llama-2-7b-fp16", "--strict").status == 0
    assert rendered(lmi, "llama-2-7b-fp16") == LINES


def test_the_profile_goes_where_it_is_told_and_never_over_another(lmi: Command):
    done = lmi("import", "serving.properties", *PLACE, "--out", "my own.yaml", "--name", "chat2")
    assert done.status == 0
    assert "lmi-deploy validate 'my own.yaml'" in done.err
    assert yaml.safe_load(Path("my own.yaml").read_text())["name"] == "chat2"
    again = lmi("import", "serving.properties", *PLACE, "--out", "my own.yaml")
    assert again.status == 2
    assert "my own.yaml is there already" in again.err
    forced = lmi("import", "serving.properties", *PLACE, "--out", "my own.yaml", "--force")
    assert forced.status == 0
    assert yaml.safe_load(Path("my own.yaml").read_text())["name"] == "llama-2-7b-fp16"


def test_the_profile_can_go_to_standard_output_alone(lmi: Command):
    done = lmi("import", "serving.properties", *PLACE, "--out", "-")
    assert yaml.safe_load(done.out)["profiles"]["g5"]["backend"] == "lmi-dist"
    assert "Wrote" not in done.err
    assert not list(Path("profiles").glob("llama*"))


@pytest.mark.parametrize(
    "content", [text_of(LINES), '{"HF_MODEL_ID": "TheBloke/Llama-2-7B-fp16"}'], ids=["file", "json"]
)
def test_a_file_can_come_from_standard_input(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, content: str
):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    done = lmi("import", "-", *PLACE, "--flavor", "deepspeed", "--out", "-")
    assert done.status == 0, done.err
    assert "# Imported from standard input as LMI 0.25.0" in done.out
    assert yaml.safe_load(done.out)["model"]["id"] == "TheBloke/Llama-2-7B-fp16"


def test_an_environment_file_is_imported_too(lmi: Command):
    Path("container.env").write_text(
        "HF_MODEL_ID=TheBloke/Llama-2-7B-fp16\nOPTION_ROLLING_BATCH=vllm\n"
        "TENSOR_PARALLEL_DEGREE=1\nNCCL_DEBUG=INFO\n"
    )
    place = ("--container", "0.28.0", "--instance", "ml.g5.2xlarge")
    done = lmi("import", "container.env", *place, "--name", "env")
    assert done.status == 0
    assert "left out: NCCL_DEBUG\n  a profile has no place for it" in done.err
    assert "comes out under another name: HF_MODEL_ID, TENSOR_PARALLEL_DEGREE" in done.err
    assert rendered(lmi, "env") == {
        "option.model_id": "TheBloke/Llama-2-7B-fp16",
        "option.rolling_batch": "vllm",
        "option.tensor_parallel_degree": "1",
    }
    strict = lmi("import", "container.env", *place, "--name", "env2", "--strict")
    assert strict.status == 2
    assert not Path("profiles/env2.yaml").exists()


def test_a_folder_with_both_is_imported_as_the_server_lays_them_over_each_other(lmi: Command):
    Path("model").mkdir()
    Path("model/serving.properties").write_text(text_of(LINES))
    Path("model/environment").write_text("OPTION_OUTPUT_FORMATTER=jsonlines\n")
    assert lmi("import", "model", *PLACE, "--name", "both").status == 0
    assert rendered(lmi, "both") == {**LINES, "option.output_formatter": "jsonlines"}


def test_what_has_no_effect_is_listed_and_refused_when_strict(lmi: Command):
    Path("serving.properties").write_text(text_of({**LINES, "option.tensor_paralel_degree": "4"}))
    done = lmi("import", "serving.properties", *PLACE)
    assert done.status == 0
    assert "left out: option.tensor_paralel_degree\n  it has no effect" in done.err
    assert "error[LMI301] serving.properties:6: option.tensor_paralel_degree" in done.err
    assert rendered(lmi, "llama-2-7b-fp16") == LINES
    strict = lmi("import", "serving.properties", *PLACE, "--strict", "--name", "strict")
    assert strict.status == 2
    assert not Path("profiles/strict.yaml").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("option.dtype=fp17", "option.dtype: is fp17"),
        ("option.hf_token=hf_" + "a" * 30, "error[LMI006] serving.properties:6"),
    ],
)
def test_what_would_not_serve_is_refused_and_nothing_is_written(lmi: Command, line: str, said: str):
    with Path("serving.properties").open("a") as stream:
        stream.write(f"{line}\n")
    done = lmi("import", "serving.properties", *PLACE)
    assert done.status == 2
    assert said in done.err
    assert "a" * 30 not in done.err
    assert not list(Path("profiles").glob("llama*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a FILE, or --endpoint NAME"),
        (("serving.properties",), "--container is missing"),
        (("serving.properties", *PLACE[:2]), "--instance is missing"),
        (("nowhere.properties", *PLACE), "nowhere.properties cannot be read"),
        (("serving.properties", *PLACE, "--flavor", "gpu"), "has no image 'gpu'"),
    ],
)
def test_what_is_missing_is_said(lmi: Command, arguments: tuple[str, ...], said: str):
    done = lmi("import", *arguments)
    assert done.status == 2
    assert said in done.err


def test_a_file_that_is_too_large_is_refused(lmi: Command):
    Path("serving.properties").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    assert lmi("import", "serving.properties", *PLACE).status == 2


# Endpoints


@pytest.mark.parametrize("hardware", ["g5", "g5-smoothquant"])
def test_what_was_deployed_is_imported_and_planning_it_again_changes_nothing(
    kept: Command, lmi: Command, hardware: str
):
    name = f"llama2-7b-{hardware}"
    assert kept("up", "llama2-7b", "-p", hardware, "--yes", "--no-smoke").status == 0
    shipped = json.loads(lmi("render", "llama2-7b", "-p", hardware, "--format", "json").out)
    done = kept("import", "--endpoint", name)
    assert done.status == 0, done.err
    assert "not as on" not in done.err
    profile = Path("profiles/llama2-7b.yaml")  # stands before the one that comes with lmi-deploy
    assert list(yaml.safe_load(profile.read_text())["profiles"]) == [hardware]
    assert rendered(lmi, "llama2-7b") == shipped
    planned = json.loads(kept("plan", "llama2-7b", "-o", "json", "--no-smoke").out)
    assert planned["plans"][0]["steps"] == []


def test_an_endpoint_that_somebody_else_made_is_imported_with_its_own_name(
    lmi: Command, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
):
    reach(monkeypatch, sandbox_url)
    somebody_deploys("acme-chat", sandbox_url)
    done = lmi("import", "--endpoint", "acme-chat")
    assert done.status == 0, done.err
    assert "left out: SAGEMAKER_CONTAINER_LOG_LEVEL\n" in done.err
    assert "not as on acme-chat: RoutingConfig is left out" in done.err
    profile = yaml.safe_load(Path("profiles/llama-2-7b-fp16.yaml").read_text())
    assert profile["container"] == {"version": "0.28.0"}
    assert profile["profiles"]["g5"]["endpoint"] == {
        "name": "acme-chat",
        "role": "arn:aws:iam::123456789012:role/acme",
        "tags": {"team": "search"},
    }
    assert rendered(lmi, "llama-2-7b-fp16") == {
        "option.model_id": "TheBloke/Llama-2-7B-fp16",
        "option.rolling_batch": "vllm",
        "option.tensor_parallel_degree": "max",
    }


def test_an_archive_has_to_be_unpacked_and_its_file_given(
    lmi: Command, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
):
    reach(monkeypatch, sandbox_url)
    somebody_deploys(
        "acme-chat",
        sandbox_url,
        ModelDataUrl="s3://acme-models/x/model.tar.gz",
        Environment={},
    )
    refused = lmi("import", "--endpoint", "acme-chat")
    assert refused.status == 2
    assert "is inside an archive on S3" in refused.err
    assert "beside --endpoint" in refused.err
    done = lmi("import", "serving.properties", "--endpoint", "acme-chat", "--name", "unpacked")
    assert done.status == 0, done.err
    assert rendered(lmi, "unpacked") == LINES


def test_an_endpoint_that_is_not_there_is_refused(kept: Command):
    refused = kept("import", "--endpoint", "nothing")
    assert (refused.status, "there is no endpoint nothing" in refused.err) == (2, True)


def reach(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let commands without --sandbox reach it as they reach an account."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def somebody_deploys(name: str, url: str, **container: Any) -> None:
    """An endpoint as the SageMaker SDK makes one: settings in the environment of its model."""
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    sagemaker: Any = session.client("sagemaker", endpoint_url=url)
    host = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/acme",
        PrimaryContainer={
            "Image": f"{host}/djl-inference:0.28.0-lmi10.0.0-cu124",
            "Environment": {
                "HF_MODEL_ID": "TheBloke/Llama-2-7B-fp16",
                "OPTION_ROLLING_BATCH": "vllm",
                "TENSOR_PARALLEL_DEGREE": "max",
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            },
            **container,
        },
    )
    variant = {"VariantName": "main", "ModelName": name, "InstanceType": "ml.g5.2xlarge",
               "InitialInstanceCount": 1}  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    tags = [{"Key": "team", "Value": "search"}]
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)


def test_help_names_what_can_be_imported(capsys: pytest.CaptureFixture[str]):
    assert run(["import", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("FILE", "--endpoint", "--strict", "--model-id", "--sandbox"):
        assert word in text
