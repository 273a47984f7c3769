"""Training jobs: those that run a program, and those that only say so."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lmi_deployer.sandbox.jobs.surroundings import Surroundings
from lmi_deployer.sandbox.jobs.work import InputProblemError

from .jobs import (
    MACHINE,
    NAME,
    TAG,
    ended,
    log_lines,
    request,
    shown,
    submit,
    until,
)

if TYPE_CHECKING:
    from .conftest import Aws

SLEEPS = """
import os, signal, time
print(os.getpid(), flush=True)
time.sleep(600)
"""
FAILS = """
import pathlib, sys
root = pathlib.Path(sys.argv[2])
(root / "opt/ml/output/failure").write_text("out of GPU memory" + "." * 2000)
sys.exit(3)
"""
TELLS = """
import json, os, pathlib, subprocess, sys
root = pathlib.Path(sys.argv[2])
print(json.dumps({
    "arguments": sys.argv[1:2],
    "inputs": sorted(path.name for path in (root / "opt/ml/input/data/job").iterdir()),
    "variables": dict(os.environ),
    "gpus": subprocess.check_output(["nvidia-smi", "-L"], text=True).splitlines(),
}))
(root / "opt/ml/model/left.txt").write_text("here")
"""


def plain(aws: Aws, name: str = NAME, **more: Any) -> dict[str, Any]:
    """A job whose container is none of ours."""
    algorithm = {"TrainingImage": "an-image", "TrainingInputMode": "File"}
    asked = request(aws, name, AlgorithmSpecification=algorithm, **more)
    aws.sagemaker.create_training_job(**asked)
    return asked


def seen(aws: Aws, describes: int) -> list[tuple[str, str]]:
    """Status and secondary status of so many describe calls."""
    jobs = [shown(aws) for _ in range(describes)]
    return [(job["TrainingJobStatus"], job["SecondaryStatus"]) for job in jobs]


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_job_goes_through_its_statuses_and_is_shown_as_it_was_sent(aws: Aws) -> None:
    asked = plain(aws, Environment={"HF_MODEL_ID": "a/model"}, EnableManagedSpotTraining=True)
    assert seen(aws, 3) == [
        ("InProgress", "Starting"),
        ("InProgress", "Downloading"),
        ("Completed", "Completed"),
    ]
    job = shown(aws)
    assert {key: job[key] for key in asked} == asked
    assert job["TrainingTimeInSeconds"] >= 1
    statuses = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Completed"]


def test_the_container_finds_its_channels_its_gpus_and_the_sandbox(aws: Aws) -> None:
    submit(aws, TELLS, Environment={"OPTION_DTYPE": "fp16"})
    job = ended(aws)
    assert job["TrainingJobStatus"] == "Completed"
    told = json.loads(log_lines(aws)[-1])
    assert told["arguments"] == ["--root"]
    assert told["inputs"] == ["compile.pyz"]
    assert len(told["gpus"]) == 4
    assert "A10G" in told["gpus"][0]
    variables = told["variables"]
    assert variables["OPTION_DTYPE"] == "fp16"
    assert variables["AWS_ENDPOINT_URL"] == aws.settings.endpoint_url
    assert variables["TRAINING_JOB_NAME"] == NAME
    place = job["ModelArtifacts"]["S3ModelArtifacts"].split("/", 3)[3] + "left.txt"
    assert aws.s3.get_object(Bucket=aws.bucket, Key=place)["Body"].read() == b"here"


def test_the_container_gets_none_of_the_users_own_variables(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    with sandbox(describes=0) as aws:
        submit(aws, TELLS)
        assert ended(aws)["TrainingJobStatus"] == "Completed"
        assert "hf_of_the_user" not in "".join(log_lines(aws))


def test_a_failure_is_told_as_sagemaker_tells_it(aws: Aws) -> None:
    submit(aws, FAILS)
    job = ended(aws)
    assert job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: out of GPU memory...")
    assert job["FailureReason"].endswith(", exit code: 3")
    assert len(job["FailureReason"]) == 1024


def test_an_image_that_is_no_lmi_image_cannot_run(aws: Aws) -> None:
    algorithm = request(aws)["AlgorithmSpecification"] | {"TrainingImage": "repository:1.0"}
    submit(aws, SLEEPS, AlgorithmSpecification=algorithm)
    job = ended(aws)
    assert "repository:1.0 is no LMI image" in job["FailureReason"]


def test_a_channel_without_objects_fails_the_job(aws: Aws) -> None:
    aws.sagemaker.create_training_job(**request(aws))
    assert "No objects found under S3 prefix" in ended(aws)["FailureReason"]


def test_stopping_ends_the_process_and_then_the_job(sandbox: Any) -> None:
    with sandbox(describes=0) as aws:
        submit(aws, SLEEPS)
        pid = int(until(lambda: lines_so_far(aws), bool)[0])
        assert is_running(pid)
        assert seen(aws, 1) == [("InProgress", "Training")]
        aws.sagemaker.stop_training_job(TrainingJobName=NAME)
        assert seen(aws, 1) == [("Stopping", "Stopping")]
        assert ended(aws)["SecondaryStatus"] == "Stopped"
        assert not is_running(pid)
        with pytest.raises(ClientError, match="in status Stopped"):
            aws.sagemaker.stop_training_job(TrainingJobName=NAME)


def lines_so_far(aws: Aws) -> list[str]:
    try:
        return log_lines(aws)
    except ClientError:  # no log group yet
        return []


def test_a_job_stops_before_it_has_begun(aws: Aws) -> None:
    submit(aws, SLEEPS)
    aws.sagemaker.stop_training_job(TrainingJobName=NAME)
    assert seen(aws, 2) == [("Stopping", "Stopping"), ("Stopped", "Stopped")]


def test_a_job_that_takes_too_long_is_stopped(sandbox: Any) -> None:
    with sandbox(describes=0) as aws:
        submit(aws, SLEEPS, StoppingCondition={"MaxRuntimeInSeconds": 1})
        job = ended(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.parametrize(
    ("outcome", "more", "statuses", "said"),
    [
        ("fail", {}, ("Failed", "Failed"), "InternalServerError"),
        ("no_capacity", {}, ("Failed", "Failed"), "CapacityError"),
        (
            "no_capacity",
            {"EnableManagedSpotTraining": True},
            ("Stopped", "MaxWaitTimeExceeded"),
            None,
        ),
        ("stop", {}, ("Stopped", "Stopped"), None),
        ("out_of_time", {}, ("Stopped", "MaxRuntimeExceeded"), None),
    ],
)
def test_a_job_can_be_told_how_to_end(
    sandbox: Any, outcome: str, more: Any, statuses: tuple[str, str], said: str | None
) -> None:
    with sandbox(describes=0) as aws:
        aws.fault(job=NAME, outcome=outcome)
        submit(aws, SLEEPS, **more)
        job = ended(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == statuses
    assert said is None or job["FailureReason"].startswith(said)


@pytest.mark.parametrize("outcome", ["spot_interruption", "stop", "out_of_time"])
def test_so_can_a_job_that_runs_nothing(aws: Aws, outcome: str) -> None:
    aws.fault(job="*", outcome=outcome)
    plain(aws)
    job = ended(aws)
    secondary = [item["Status"] for item in job["SecondaryStatusTransitions"]]
    expected = {"spot_interruption": "Interrupted", "stop": "Stopped"}
    assert expected.get(outcome, "MaxRuntimeExceeded") in secondary


def test_the_reason_of_a_failure_can_be_asked_for(aws: Aws) -> None:
    aws.fault(job="another", outcome="fail", reason="not this one")
    aws.fault(job=NAME, outcome="fail", reason="a cosmic ray")
    plain(aws)
    assert ended(aws)["FailureReason"] == "a cosmic ray"


def test_a_name_is_taken_once(aws: Aws) -> None:
    plain(aws)
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        plain(aws)


def test_an_instance_type_that_training_does_not_take_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match=r"ml\.inf2\.xlarge.*resourceConfig\.instanceType"):
        plain(aws, ResourceConfig={"InstanceType": "ml.inf2.xlarge", "InstanceCount": 1})


def test_a_job_that_is_not_there_is_not_found_in_the_apis_own_words(aws: Aws) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        shown(aws)


def test_jobs_are_listed_filtered_in_order_and_in_pages(aws: Aws) -> None:
    aws.http(
        "POST", "/lmi-sandbox/quotas", {"name": f"{MACHINE} for training job usage", "value": 9}
    )
    for name in ("b", "a", "c", "other"):
        plain(aws, name)
    ended(aws, "c")

    def names(**asked: Any) -> list[str]:
        found = aws.sagemaker.list_training_jobs(**asked)
        return [job["TrainingJobName"] for job in found["TrainingJobSummaries"]]

    assert names() == ["b", "a", "c", "other"]
    assert names(SortBy="Name") == ["a", "b", "c", "other"]
    assert names(SortOrder="Descending", MaxResults=2) == ["other", "c"]
    assert names(StatusEquals="Completed") == ["c"]
    assert names(NameContains="the") == ["other"]
    pages = aws.sagemaker.get_paginator("list_training_jobs").paginate(
        PaginationConfig={"PageSize": 3}
    )
    assert [len(page["TrainingJobSummaries"]) for page in pages] == [3, 1]


def test_a_job_that_was_running_starts_anew_with_the_next_sandbox(
    sandbox: Any, tmp_path: Path
) -> None:
    state = tmp_path / "sandbox.state"
    with sandbox(state, describes=0) as aws:
        submit(aws, SLEEPS)
        pid = int(until(lambda: lines_so_far(aws), bool)[0])
    assert not is_running(pid)
    with sandbox(state, describes=0) as aws:
        aws.s3.put_object(Bucket=aws.bucket, Key="lmi-deploy/job/compile.pyz", Body=b"print('2')")
        job = ended(aws)
        assert job["TrainingJobStatus"] == "Completed"
        assert log_lines(aws)[-1] == "2"
        assert TAG in job["AlgorithmSpecification"]["TrainingImage"]


def test_a_job_leaves_no_folder_behind(
    sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with sandbox(describes=0) as aws:
        submit(aws, SLEEPS)
        until(lambda: lines_so_far(aws), bool)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["..", "../../../../escaped", "/tmp/escaped"])
def test_a_channel_cannot_lead_out_of_the_containers_folder(aws: Aws, name: str) -> None:
    channel = request(aws)["InputDataConfig"][0] | {"ChannelName": name}
    submit(aws, TELLS, InputDataConfig=[channel])
    assert "leads out of its folder" in ended(aws)["FailureReason"]


@pytest.mark.parametrize("key", ["../../../../../../escaped", "a/../../../b"])
def test_nor_can_the_name_of_an_object(aws: Aws, key: str) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key=f"lmi-deploy/job/{key}", Body=b"")
    submit(aws, TELLS)
    assert "leads out of its folder" in ended(aws)["FailureReason"]


def test_objects_that_cannot_be_files_side_by_side_fail_the_job(aws: Aws) -> None:
    for key in ("a", "a/b"):
        aws.s3.put_object(Bucket=aws.bucket, Key=f"lmi-deploy/job/{key}", Body=b"")
    submit(aws, TELLS)
    assert ended(aws)["FailureReason"].startswith("ClientError: Data download failed:")


def test_an_end_that_a_list_has_shown_is_not_taken_back(sandbox: Any, tmp_path: Path) -> None:
    state = tmp_path / "sandbox.state"

    def listed(aws: Aws) -> str:
        return aws.sagemaker.list_training_jobs()["TrainingJobSummaries"][0]["TrainingJobStatus"]

    with sandbox(state, describes=0) as aws:
        submit(aws, "print()")
        until(lambda: listed(aws), lambda status: status == "Completed")
    with sandbox(state) as aws:
        assert listed(aws) == "Completed"


def test_jobs_run_where_processes_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around: Any = Surroundings(
        sandbox=Any,  # type: ignore[arg-type]  # it gets no further
        storage=Any,  # type: ignore[arg-type]
        image="",
        instance_type=MACHINE,
        environment={},
        mode=None,
    )
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(InputProblemError, match="Linux and macOS"):
        around.prepare(tmp_path)
