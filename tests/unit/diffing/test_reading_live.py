"""What is wanted and what is live, read in a real sandbox in which it was really deployed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from moto.backends import get_backend

from lmi_deployer import api, live
from lmi_deployer.apply import Clock, apply
from lmi_deployer.artifact import committing
from lmi_deployer.compiling.lookup import wanted_engine
from lmi_deployer.diffing.comparing import Pair, compare
from lmi_deployer.diffing.comparison import ProfileDiff, Unread
from lmi_deployer.diffing.reading_live import LiveReader
from lmi_deployer.diffing.snapshot import RUNNING_INSTANCES, Snapshot
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.errors import InputError, UnreachableError
from lmi_deployer.hardware import load_profile
from lmi_deployer.impact import Impact
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.specs import PROFILE

COMPILES = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-7B-fp16, source: s3://acme-models/chat/}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
profiles:
  g5:
    instance_type: ml.g5.2xlarge
    backend: trtllm
"""
ENGINE_FILES = {
    "config.pbtxt": "name",
    "tokenizer_config.json": "{}",
    "1/config.json": "{}",
    "1/rank0.engine": "engine",
}
"""A repository that the server of 0.25.0 takes for compiled, with an engine for one GPU."""
PINNED = "model.revision=ce5bc45a01ddb4b1c7a86f6a9d5f5b4a3d9c1b2e"
VPC = "endpoint.vpc={subnets: [subnet-1, subnet-2], security_groups: [sg-1]}"
DEPLOYMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "revision": (PROFILE, (PINNED,)),
    "raw options": (PROFILE, ("options.option.max_rolling_batch_prefill_tokens=2048",)),
    "folder": (PROFILE, ("endpoint.artifacts=s3://acme-models/mine/",)),
    "name": (PROFILE, ("endpoint.name=another",)),
    "vllm": (PROFILE, ("backend=vllm",)),
    "deepspeed": (PROFILE, ("backend=deepspeed",)),
    "archive that compiles": (COMPILES, ("endpoint.packaging=tar.gz",)),
}
CHANGES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "nothing": (PROFILE, (), ()),
    "a tag": (PROFILE, (), ("endpoint.tags={team: ads}",)),
    "a line": (PROFILE, (), ("max_rolling_batch_size=7",)),
    "role": (PROFILE, (), ("endpoint.role=arn:aws:iam::123456789012:role/other",)),
    "archive": (PROFILE, (), ("endpoint.packaging=tar.gz",)),
    "out of an archive": (PROFILE, ("endpoint.packaging=tar.gz",), ("max_rolling_batch_size=7",)),
    "machine": (PROFILE, (), ("instance_type=ml.g5.4xlarge",)),
    "count": (PROFILE, (), ("endpoint.instances=2",)),
    "network": (PROFILE, (VPC,), ()),
    "image": (PROFILE, (), ("container.version='0.28.0'",)),
    "backend that compiles": (COMPILES, ("backend=lmi-dist",), ()),
    "engine": (COMPILES, (), ("max_rolling_batch_size=4",)),
    "line that nothing compiles": (COMPILES, (), ("predict_timeout_seconds=77",)),
    "degree": (COMPILES, ("instance_type=ml.g5.12xlarge",), ("tensor_parallel_degree=2",)),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    with running_sandbox(describes=0) as settings:
        yield settings


@pytest.fixture(scope="module")
def aws(sandbox: SandboxSettings) -> Aws:
    aws = Aws(
        AwsSettings(
            region=sandbox.region,
            endpoint_url=sandbox.endpoint_url,
            access_key_id=sandbox.access_key_id,
            secret_access_key=sandbox.secret_access_key,
            role_arn=sandbox.role_arn,
        )
    )
    aws.create_bucket("acme-models")
    aws.calls.call("s3", "PutObject", Bucket="acme-models", Key="chat/config.json", Body=b"{}")
    return aws


@pytest.fixture(autouse=True)
def clean(sandbox: SandboxSettings) -> Iterator[None]:
    yield
    get_backend("sagemaker")[sandbox.account][sandbox.region].reset()
    for name, bucket in get_backend("s3")[sandbox.account]["aws"].buckets.items():
        if name != "acme-models":
            bucket.keys.clear()
    fault(sandbox, "DELETE")


def fault(sandbox: SandboxSettings, method: str = "POST", **body: Any) -> None:
    data = json.dumps(body).encode() if body else None
    url = f"{sandbox.endpoint_url}/lmi-sandbox/faults"
    with urlopen(Request(url, data=data, method=method)):
        pass


def checked(text: str = PROFILE, *overrides: str) -> api.Checked:
    found = api.check(load_profile(text, "chat.yaml"), "g5", overrides)
    assert found.spec is not None, found.findings
    return found


def deploy(aws: Aws, wanted: api.Checked) -> live.Proposal:
    """What `up` does."""
    assert wanted.spec is not None
    proposal = live.plan_up(wanted.spec, aws, verify=False)
    if proposal.saved.missing_bucket is not None:
        aws.create_bucket(proposal.saved.missing_bucket)
    apply(
        proposal.saved.plan,
        aws,
        clock=Clock(pause=lambda _seconds: None),
        compile_engine=lambda _step: None,
        say=lambda _line: None,
        done=lambda _step: None,
    )
    return proposal


def read(aws: Aws, wanted: api.Checked) -> tuple[Snapshot, Snapshot | None, Unread | None]:
    here, there, problem = LiveReader(aws, aws.region).pair(wanted, "chat.yaml")
    assert here is not None
    return here, there, problem


def to_live(aws: Aws, wanted: api.Checked) -> ProfileDiff:
    """The comparison from what is wanted to what is live, where all of it can be read."""
    here, there, problem = read(aws, wanted)
    assert problem is None, problem
    return compare(Pair(before=here, after=there))


def from_live(aws: Aws, wanted: api.Checked) -> ProfileDiff:
    here, there, problem = read(aws, wanted)
    assert problem is None, problem
    return compare(Pair(before=there, after=here))


def commit(aws: Aws, wanted: api.Checked, folder: Path) -> None:
    """Put the engine of a profile into its cache, as a job would."""
    spec = wanted.spec
    assert spec is not None
    assert spec.compilation is not None
    engine = wanted_engine(spec, aws)
    for path, text in ENGINE_FILES.items():
        file = folder / "made" / "tensorrt_llm" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    committing.commit(
        aws.store(engine.cache),
        engine.folder.removeprefix(engine.cache),
        folder / "made",
        inputs=engine.inputs.document(),
        layout=spec.compilation.compiler.layout,
        made={"runner": "sagemaker", "instance_type": "ml.g5.2xlarge"},
        quality=None,
        say=lambda _line: None,
    )


@pytest.mark.parametrize(("text", "overrides"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_what_was_just_deployed_does_not_differ_from_what_is_live(
    aws: Aws, text: str, overrides: tuple[str, ...]
):
    wanted = checked(text, *overrides)
    deploy(aws, wanted)
    here, there, problem = read(aws, wanted)
    assert problem is None
    for pair in (Pair(before=here, after=there), Pair(before=there, after=here)):
        diff = compare(pair)
        assert (diff.status, diff.changes, diff.rendered) == ("equal", (), ())
        assert diff.impact is Impact.NONE
        assert diff.usd_per_hour_delta == 0


@pytest.mark.parametrize(("text", "before", "after"), CHANGES.values(), ids=CHANGES)
def test_a_change_has_the_impact_that_its_plan_has_and_is_gone_once_it_is_applied(
    aws: Aws, text: str, before: tuple[str, ...], after: tuple[str, ...]
):
    deploy(aws, checked(text, *before))
    wanted = checked(text, *before, *after) if after else checked(text)
    diff = from_live(aws, wanted)
    assert diff.impact == deploy(aws, wanted).impact
    assert max((change.impact for change in diff.changes), default=Impact.NONE) == diff.impact
    assert to_live(aws, wanted).status == "equal"


def test_an_engine_in_the_cache_is_wanted_and_then_live(aws: Aws, tmp_path: Path):
    wanted = checked(COMPILES)
    deploy(aws, wanted)
    commit(aws, wanted, tmp_path)
    diff = from_live(aws, wanted)
    assert diff.impact is Impact.RESTART  # it is there already, so nothing is compiled
    assert diff.after is not None
    assert diff.after.artifact is not None
    assert (diff.after.artifact.is_ahead, diff.after.artifact.is_cached) == (True, True)
    assert any(line.startswith("+option.model_id=s3://") for line in diff.rendered)
    assert deploy(aws, wanted).impact is Impact.RESTART
    assert to_live(aws, wanted).status == from_live(aws, wanted).status == "equal"


def test_leaving_an_engine_for_the_container_compiles_again(aws: Aws, tmp_path: Path):
    wanted = checked(COMPILES)
    commit(aws, wanted, tmp_path)
    deploy(aws, wanted)
    jit = checked(COMPILES, "compile.mode=jit")
    diff = from_live(aws, jit)
    assert diff.impact is Impact.RECOMPILE
    assert deploy(aws, jit).impact is Impact.RECOMPILE
    assert to_live(aws, jit).status == "equal"


def test_a_profile_that_compiles_ahead_is_wanted_with_the_engine_that_it_will_have(
    aws: Aws, tmp_path: Path
):
    wanted = checked(COMPILES, "compile.mode=aot")
    deploy(aws, checked(COMPILES, "compile.mode=jit"))
    diff = from_live(aws, wanted)
    assert diff.impact is Impact.RECOMPILE
    commit(aws, wanted, tmp_path)
    diff = from_live(aws, wanted)
    assert diff.impact is Impact.NEW_ENDPOINT_CONFIG  # it starts sooner, and gets less time
    assert deploy(aws, wanted).impact is diff.impact


def test_weights_that_are_gone_are_a_reason_for_which_nothing_can_be_deployed(aws: Aws):
    wanted = checked(COMPILES.replace("acme-models/chat", "acme-models/gone"), "compile.mode=aot")
    here, there, _problem = read(aws, wanted)
    assert there is None
    assert here.is_refused
    assert "there are no weights in s3://acme-models/gone/" in here.findings[-1].problem


def test_the_image_that_runs_is_told_with_its_digest_and_the_machines_with_their_price(aws: Aws):
    wanted = checked()
    deploy(aws, wanted)
    aws.calls.call(
        "sagemaker",
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="chat-g5",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    here, there, _problem = read(aws, wanted)
    assert there is not None
    assert there.image is not None
    assert here.image is not None
    assert there.image.tag == here.image.tag
    assert str(there.image.digest).startswith("sha256:")
    assert there.cost is not None
    assert here.cost is not None
    assert there.cost.usd_per_hour == pytest.approx(here.cost.usd_per_hour)
    assert {key: item.value for key, item in there.values.items()} == {RUNNING_INSTANCES: 3}
    assert (there.memory, there.is_decided) == (None, False)
    assert (there.title, there.file) == ("chat / g5", "chat-g5")


def test_tags_that_others_gave_the_endpoint_are_no_difference(aws: Aws):
    wanted = checked(PROFILE, "endpoint.tags={team: search}")
    deploy(aws, wanted)
    aws.add_tags("endpoint", "chat-g5", {"owner": "me", "aws-internal": "x"})
    assert to_live(aws, wanted).status == "equal"
    aws.add_tags("endpoint", "chat-g5", {"team": "ads"})
    (change,) = from_live(aws, wanted).changes
    assert change.impact is Impact.NONE


def test_an_endpoint_of_somebody_else_would_be_refused(aws: Aws):
    wanted = checked()
    deploy(aws, wanted)
    aws.add_tags("endpoint", "chat-g5", {"lmi-deploy:hardware": "p4d"})
    diff = from_live(aws, wanted)
    assert diff.impact is Impact.INCOMPATIBLE
    assert [item.code for item in diff.appeared] == ["LMI502"]
    assert wanted.spec is not None
    with pytest.raises(InputError, match="not made for this hardware profile"):
        live.plan_up(wanted.spec, aws)


def test_a_profile_that_is_not_deployed_is_beside_nothing(aws: Aws):
    diff = from_live(aws, checked())
    assert (diff.status, diff.before) == ("added", None)


def test_a_profile_that_cannot_be_decided_is_said_to_have_no_other_side(aws: Aws):
    deploy(aws, checked())
    refused = api.check(load_profile(PROFILE, "chat.yaml"), "g5", ["instance_type=ml.g5.3xlarge"])
    here, there, problem = read(aws, refused)
    assert (here.deployed, there) == (None, None)
    assert here.is_refused
    assert problem is not None
    assert problem.name == "chat / g5"
    assert problem.findings[0].problem.startswith("which endpoint it deploys as cannot be told")
    assert problem.findings[1:] == refused.findings


DENIED: dict[str, Any] = {
    "code": "AccessDeniedException",
    "message": "not authorized",
    "status": 400,
}
PARTS = ("properties", "model", "endpoint_config", "tags")


@pytest.mark.parametrize(
    ("operation", "said", "gone"),
    [
        ("ListTags", "ListTags", ()),
        ("DescribeEndpointConfig", "DescribeEndpointConfig", ("properties", "endpoint_config")),
        ("DescribeModel", "DescribeModel", ("properties",)),
        ("GetObject", "GetObject", ("properties",)),
    ],
)
def test_what_one_call_refuses_is_named_and_the_rest_is_compared(
    aws: Aws, sandbox: SandboxSettings, operation: str, said: str, gone: tuple[str, ...]
):
    wanted = checked(PROFILE, "endpoint.tags={team: search}", "endpoint.instances=2")
    deploy(aws, wanted)
    fault(sandbox, operation=operation, **DENIED)
    here, there, problem = read(aws, wanted)
    assert problem is not None
    (finding,) = problem.findings
    assert (finding.code, finding.place.file) == ("LMI503", "endpoint chat-g5")
    assert said in finding.problem
    assert there is not None
    assert there.deployed is not None
    for part in PARTS:
        assert (getattr(there.deployed, part) is None) == (part in gone)
    assert there.image is not None
    diff = compare(Pair(before=here, after=there))
    assert diff.changes == ()
    assert diff.status == ("unknown" if "properties" in gone else "equal")

    more = checked(PROFILE, "endpoint.tags={team: ads}", "endpoint.instances=3")
    fault(sandbox, operation=operation, **DENIED)
    here, there, _problem = read(aws, more)
    keys = {change.key for change in compare(Pair(before=there, after=here)).changes}
    assert ("endpoint_config.InitialInstanceCount" in keys) == ("endpoint_config" not in gone)
    assert any("tag" in key for key in keys) == (operation != "ListTags")


def test_an_endpoint_that_cannot_even_be_described_is_no_pair(aws: Aws, sandbox: SandboxSettings):
    wanted = checked()
    deploy(aws, wanted)
    fault(sandbox, operation="DescribeEndpoint", **DENIED)
    _here, there, problem = read(aws, wanted)
    assert there is None
    assert problem is not None
    assert "DescribeEndpoint chat-g5: not authorized" in problem.findings[0].problem


def remade(aws: Aws, change: Any, **config: Any) -> None:
    """Move the endpoint to a configuration made by hand: `change` edits the variant."""
    name = str(aws.calls.call("sagemaker", "DescribeEndpoint", EndpointName="chat-g5")
               ["EndpointConfigName"])  # fmt: skip
    described = aws.endpoint_config(name)
    assert described is not None
    variants = change(dict(described["ProductionVariants"][0]))
    request = {"EndpointConfigName": "by-hand", "ProductionVariants": variants, **config}
    aws.calls.call("sagemaker", "CreateEndpointConfig", **request)
    aws.update_endpoint("chat-g5", "by-hand", lambda _seconds: None)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("variants", "has several variants"), ("async", "answers asynchronously")],
)
def test_an_endpoint_of_a_kind_that_profiles_lack_is_named_and_not_compared(
    aws: Aws, kind: str, said: str
):
    wanted = checked()
    deploy(aws, wanted)
    if kind == "async":
        output = {"OutputConfig": {"S3OutputPath": "s3://acme-models/out"}}
        remade(aws, lambda variant: [variant], AsyncInferenceConfig=output)
    else:
        remade(aws, lambda variant: [variant, {**variant, "VariantName": "B"}])
    _here, there, problem = read(aws, wanted)
    assert there is None
    assert problem is not None
    assert said in problem.findings[0].problem


def with_container(aws: Aws, **container: Any) -> None:
    """Move the endpoint to a model made by hand; None takes a field away."""

    def change(variant: dict[str, Any]) -> list[dict[str, Any]]:
        model = aws.model(variant["ModelName"])
        assert model is not None
        fields = {**model["PrimaryContainer"], **container}
        kept = {key: value for key, value in fields.items() if value is not None}
        aws.calls.call(
            "sagemaker",
            "CreateModel",
            ModelName="by-hand",
            PrimaryContainer=kept,
            ExecutionRoleArn=model["ExecutionRoleArn"],
        )
        return [{**variant, "ModelName": "by-hand"}]

    remade(aws, change)


def test_an_image_that_is_none_of_lmi_is_compared_by_its_name(aws: Aws):
    wanted = checked()
    deploy(aws, wanted)
    with_container(aws, Image="123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:7")
    diff = from_live(aws, wanted)
    (change,) = [item for item in diff.changes if item.key == "model.image"]
    assert change.before is not None
    assert change.before.value == "7"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (None, "is no archive that can be read"),
        ({}, "holds no serving.properties"),
        (
            {"a": b"x" * 20_000_000, "serving.properties": b"a=1\n"},
            "comes to more than 10,000,000 bytes",
        ),
        ({"./serving.properties": b"engine=Python\n"}, ""),
    ],
)
def test_an_archive_of_somebody_else_is_read_only_as_far_as_it_can_be(
    aws: Aws, members: dict[str, bytes] | None, said: str
):
    wanted = checked(PROFILE, "endpoint.packaging=tar.gz")
    deploy(aws, wanted)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (members or {}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    body = b"no archive" if members is None else buffer.getvalue()
    aws.calls.call("s3", "PutObject", Bucket="acme-models", Key="mine.tar.gz", Body=body)
    with_container(aws, ModelDataUrl="s3://acme-models/mine.tar.gz")
    _here, there, problem = read(aws, wanted)
    assert there is not None
    assert there.deployed is not None
    if said:
        assert problem is not None
        assert said in problem.findings[0].problem
        assert there.deployed.properties is None
    else:
        assert problem is None
        assert there.deployed.properties == {"engine": "Python"}


def test_an_endpoint_that_serves_from_variables_alone_is_compared_by_them(aws: Aws):
    wanted = checked()
    deploy(aws, wanted)
    token = f"hf_{'a' * 30}"
    variables = {"HF_MODEL_ID": "a/model", "HF_TOKEN": token}
    with_container(aws, ModelDataSource=None, Environment=variables)
    diff = from_live(aws, wanted)
    (change,) = [item for item in diff.changes if item.key == "model.environment"]
    assert change.before is not None
    assert "HF_MODEL_ID=a/model" in str(change.before.value)
    assert token not in str(diff)


def test_nobody_to_ask_is_no_finding(aws: Aws):
    nowhere = replace(aws._settings, endpoint_url="http://127.0.0.1:9")
    reader = LiveReader(Aws(nowhere), aws.region)
    with pytest.raises(UnreachableError):
        reader.pair(checked(), "chat.yaml")
