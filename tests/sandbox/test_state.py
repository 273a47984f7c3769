"""The state file: what it keeps, and what it refuses to read."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import stat
import subprocess
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

import moto
import pytest
from botocore.exceptions import ClientError
from moto.core.utils import utcnow
from moto.s3.models import S3Backend

from lmi_deployer.errors import InputError
from lmi_deployer.sandbox import running_sandbox
from lmi_deployer.sandbox.state import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Aws


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "not yet there" / "sandbox.state"


def deploy_everything(aws: Aws) -> None:
    """Something in every service that is kept."""
    aws.serve()
    aws.s3.put_object(Bucket=aws.bucket, Key="a", Body=b"b", ContentType="text/plain")
    aws.s3.create_multipart_upload(Bucket=aws.bucket, Key="unfinished")
    aws.client("sts").get_caller_identity()
    aws.client("logs").create_log_group(logGroupName="/aws/sagemaker/Endpoints/chat")
    aws.client("sns").create_topic(Name="alarms")
    scaling = aws.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/chat/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=2)
    step = {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}
    scaling.put_scaling_policy(
        **target,
        PolicyName="wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [step],
        },
    )
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="wake",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )


def test_the_next_sandbox_takes_up_where_the_last_one_stopped(
    sandbox: Any, state_file: Path
) -> None:
    with sandbox(state_file) as aws:
        deploy_everything(aws)
    with sandbox(state_file) as aws:
        assert aws.statuses(describes=1) == ["InService"]
        shown = aws.sagemaker.describe_endpoint_config(EndpointConfigName="chat-1")
        assert shown["ProductionVariants"][0]["InstanceType"] == "ml.g5.12xlarge"
        assert aws.s3.get_object(Bucket=aws.bucket, Key="a")["Body"].read() == b"b"
        aws.s3.put_object(Bucket=aws.bucket, Key="a", Body=b"c")
        targets = aws.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker"
        )
        assert len(targets["ScalableTargets"]) == 1
        assert len(aws.client("cloudwatch").describe_alarms()["MetricAlarms"]) == 1
        roles = aws.client("iam").list_roles()["Roles"]
        assert [role["Arn"] for role in roles] == [aws.settings.role_arn]


def test_an_endpoint_goes_on_from_the_stage_it_had_reached(sandbox: Any, state_file: Path) -> None:
    with sandbox(state_file) as aws:
        aws.make_model()
        aws.make_config()
        aws.make_endpoint()
        assert aws.statuses(describes=1) == ["Creating"]
    with sandbox(state_file) as aws:
        assert aws.statuses(describes=2) == ["Creating", "InService"]


def test_a_change_is_in_the_file_when_the_call_returns(sandbox: Any, state_file: Path) -> None:
    with sandbox(state_file) as aws:
        aws.make_model()
        killed_now = state_file.read_bytes()
    state_file.write_bytes(killed_now)
    with sandbox(state_file) as aws:
        assert aws.sagemaker.describe_model(ModelName="chat")


def test_a_sandbox_that_is_killed_loses_nothing(sandbox: Any, state_file: Path) -> None:
    program = (
        "import os, pathlib, signal, sys, boto3\n"
        "from lmi_deployer.sandbox import running_sandbox\n"
        "with running_sandbox(state_file=pathlib.Path(sys.argv[1])) as s:\n"
        "    boto3.client('sagemaker', endpoint_url=s.endpoint_url, region_name=s.region,\n"
        "        aws_access_key_id=s.access_key_id, aws_secret_access_key=s.secret_access_key,\n"
        "    ).create_model(ModelName='chat', ExecutionRoleArn=s.role_arn)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, state_file], check=False)
    assert done.returncode == -9
    with sandbox(state_file) as aws:
        assert aws.sagemaker.describe_model(ModelName="chat")


def test_reading_calls_leave_the_file_alone(sandbox: Any, state_file: Path) -> None:
    with sandbox(state_file) as aws:
        aws.make_model()
        written = state_file.stat()
        aws.sagemaker.list_models()
        aws.sagemaker.describe_model(ModelName="chat")
        assert state_file.stat() == written


def test_the_file_is_for_its_owner_only_and_leaves_no_other_behind(
    sandbox: Any, state_file: Path
) -> None:
    with sandbox(state_file):
        pass
    assert stat.S_IMODE(state_file.stat().st_mode) == 0o600
    assert list(state_file.parent.iterdir()) == [state_file]


def test_a_place_that_cannot_be_written_to_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "sandbox.state"
    with pytest.raises(InputError, match=str(path)), running_sandbox(state_file=path):
        pass


def test_a_state_that_can_no_longer_be_saved_is_the_clients_error(
    sandbox: Any, state_file: Path
) -> None:
    with sandbox(state_file) as aws:
        state_file.unlink()
        state_file.parent.rmdir()
        state_file.parent.touch()
        with pytest.raises(ClientError, match=f"cannot write {state_file}") as refused:
            aws.make_model()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 507


class Malicious:
    """Runs a command when it is unpickled by a reader without restrictions."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def state_of(body: bytes, **header: str) -> bytes:
    shown = {
        "format": FORMAT,
        "moto": moto.__version__,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(shown | header).encode() + b"\n" + body


EMPTY = pickle.dumps({})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not a state"),
        (b"\x80\x05whatever", "it is not a state"),
        (b"[]\n", "it is not a state"),
        (state_of(EMPTY, moto="5.0.0"), "it was saved with moto 5.0.0"),
        (state_of(EMPTY)[:-1], "it is damaged"),
        (state_of(b"\x80"), "it is damaged"),
        (state_of(pickle.dumps([1])), "it is damaged"),
        (state_of(pickle.dumps({"sagemaker": {"1": {"nowhere": {}}}})), "it is damaged"),
        (state_of(pickle.dumps({"codebuild": {}})), "it refers to codebuild"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(
    state_file: Path, content: bytes, why: str
) -> None:
    state_file.parent.mkdir()
    state_file.write_bytes(content)
    with pytest.raises(InputError) as refused, running_sandbox(state_file=state_file):
        pass
    assert refused.value.problem.startswith(f"{state_file} cannot be restored: {why}")
    assert f"delete {state_file}" in str(refused.value.fix)
    assert state_file.read_bytes() == content


@pytest.mark.parametrize(
    "malicious",
    [
        Malicious(eval, "1"),
        Malicious(getattr, "a", "upper"),
        Malicious(subprocess.Popen, ["false"]),
        Malicious(__import__, "os"),
        Malicious(os.system, "false"),
        Malicious(utcnow),
        Malicious(random.Random),
    ],
    ids=lambda malicious: malicious.function.__name__,
)
def test_a_file_that_would_run_something_is_refused(state_file: Path, malicious: Malicious) -> None:
    state_file.parent.mkdir()
    state_file.write_bytes(state_of(pickle.dumps({"sagemaker": malicious})))
    with (
        pytest.raises(InputError, match="it refers to"),
        running_sandbox(state_file=state_file),
    ):
        pass


def pickled_class(module: str, name: str) -> bytes:
    words = (word.encode() for word in (module, name))
    return b"".join(b"\x8c" + bytes([len(word)]) + word for word in words) + b"\x93"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("moto.sagemaker.models", "os.system"),  # dotted
        ("moto.sagemaker.models", "datetime"),  # only imported there
        ("moto.core.utils", "utcnow"),  # a function
        ("moto_evil.models", "Model"),
        ("moto.core.base_backend", "BackendDict"),  # registers itself
        ("moto.moto_server.threaded_moto_server", "ThreadedMotoServer"),
        ("builtins", "eval"),
    ],
)
def test_only_plain_values_and_records_are_read(state_file: Path, module: str, name: str) -> None:
    state_file.parent.mkdir()
    state_file.write_bytes(state_of(b"\x80\x04" + pickled_class(module, name) + b"."))
    with (
        pytest.raises(InputError, match=f"it refers to {module}.{name}"),
        running_sandbox(state_file=state_file),
    ):
        pass


def test_a_file_cannot_change_moto_itself(state_file: Path) -> None:
    backend = pickled_class("moto.s3.models", "S3Backend")
    replacement = b"}\x8c\x0clist_buckets" + pickled_class("builtins", "list") + b"s"
    state_file.parent.mkdir()
    state_file.write_bytes(state_of(b"\x80\x04" + backend + b"N" + replacement + b"\x86b."))
    with (
        pytest.raises(InputError, match="it changes S3Backend"),
        running_sandbox(state_file=state_file),
    ):
        pass
    assert isinstance(S3Backend.list_buckets, FunctionType)
