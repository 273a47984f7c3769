"""Engines compiled ahead of time and deployed, as their users do it, against the sandbox.

The job runs the real entry point as a process, around a stand-in for the compile script.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.loaders import create_loader
from botocore.session import Session

from lmi_deployer import api, live
from lmi_deployer.artifact.committing import commit
from lmi_deployer.cli import connection
from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.compiling.lookup import wanted_engine
from lmi_deployer.compiling.runner import JobState
from lmi_deployer.edges import aws_calls
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.aws_s3 import AwsStorage
from lmi_deployer.errors import InputError
from lmi_deployer.plan import Plan
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine, Step
from tests.cli.conftest import Command, Outcome

PROFILE = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: NAME
model: {id: TheBloke/Llama-2-7B-fp16, source: s3://acme-models/NAME/}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
profiles:
  g5:
    instance_type: ml.g5.2xlarge
    backend: trtllm
    endpoint: {artifacts: s3://sagemaker-us-east-1-123456789012/NAME/}
"""
FILES = {
    "config.pbtxt": "name",
    "tokenizer_config.json": "{}",
    "1/config.json": "{}",
    "1/rank0.engine": "engine",
}
"""A repository that the server of 0.25.0 takes for compiled, with an engine for one GPU."""
JOB_POLL_SECONDS = 0.2
"""Each look takes the processor from the job that it looks at."""
AOT = ("--set", "compile.mode=aot")
STOP = "--set=compile.mode=aot --sandbox --stop` stops it"
BUCKET = "sagemaker-us-east-1-123456789012"


@dataclass(frozen=True)
class Account:
    """A sandbox that all commands find, looked at from outside."""

    settings: SandboxSettings
    lmi: Command
    name: str
    """Of the profile, and of the folders that nothing else here uses."""

    @property
    def weights(self) -> str:
        return f"s3://acme-models/{self.name}/"

    @property
    def engines(self) -> str:
        """Where compiled engines go."""
        return f"s3://{BUCKET}/{self.name}/engines/"

    @property
    def title(self) -> str:
        return f"{self.name} / g5"

    def __call__(self, *arguments: str) -> Outcome:
        return self.lmi(*arguments, "--sandbox")

    @property
    def aws(self) -> Aws:
        return Aws(
            AwsSettings(
                region=self.settings.region,
                endpoint_url=self.settings.endpoint_url,
                access_key_id=self.settings.access_key_id,
                secret_access_key=self.settings.secret_access_key,
                role_arn=self.settings.role_arn,
            )
        )

    def up(self, *more: str) -> Outcome:
        return self("up", self.name, "-p", "g5", "--yes", *more)

    def commit(self) -> None:
        """Put an engine of the profile into its cache, as a job would."""
        spec = self.spec()
        assert spec.compilation is not None
        engine = wanted_engine(spec, self.aws)
        source = Path("made/tensorrt_llm")
        (source / "1").mkdir(parents=True)
        for path, text in FILES.items():
            (source / path).write_text(text)
        commit(
            self.aws.store(engine.cache),
            engine.folder.removeprefix(engine.cache),
            source.parent,
            inputs=engine.inputs.document(),
            layout=spec.compilation.compiler.layout,
            made={"runner": "sagemaker", "instance_type": "ml.g5.2xlarge"},
            quality=None,
            say=lambda _line: None,
        )

    def spec(self, *overrides: str) -> ResolvedSpec:
        ((spec, _),) = api.decide(self.name, ["g5"], overrides)
        return spec

    def shown(self, *more: str) -> str:
        """The plan for people."""
        done = self("plan", self.name, "-p", "g5", *more)
        assert done.status == 0, done.err
        return done.out

    def plan(self, *more: str) -> dict[str, Any]:
        done = self("plan", self.name, "-p", "g5", "-o", "json", *more)
        assert done.status == 0, done.err
        (plan,) = json.loads(done.out)["plans"]
        return dict(plan)

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.settings.endpoint_url,
            region_name=self.settings.region,
            aws_access_key_id=self.settings.access_key_id,
            aws_secret_access_key=self.settings.secret_access_key,
        )

    def status(self, *more: str) -> dict[str, Any]:
        (row,) = json.loads(self("status", self.name, "-o", "json", *more).out)["deployments"]
        return dict(row)

    def ask(self, path: str, method: str = "GET", **body: Any) -> Any:
        """What a route of the sandbox's own answers."""
        url = f"{self.settings.endpoint_url}/lmi-sandbox/{path}"
        data = json.dumps(body).encode() if body else None
        with urlopen(Request(url, data=data, method="POST" if body else method)) as answer:
            return json.load(answer)

    def jobs(self) -> int:
        """Jobs started since the test began."""
        return sum("CreateTrainingJob" in call for call in self.ask("calls"))

    def engine_files(self) -> dict[str, int]:
        prefix = self.engines.removeprefix(f"s3://{BUCKET}/")
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"]: item["Size"] for item in listed.get("Contents", ())}

    def an_artifact_file(self, suffix: str) -> str:
        return next(key for key in self.engine_files() if key.endswith(suffix))

    def served_model(self) -> str:
        """option.model_id of what the endpoint serves."""
        client = self.client("sagemaker")
        endpoint = client.describe_endpoint(EndpointName=f"{self.name}-g5")
        config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        model = client.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        source = model["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]["S3Uri"]
        key = f"{source.removeprefix(f's3://{BUCKET}/')}serving.properties"
        text = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return str(lines["option.model_id"])


@dataclass
class Instantly:
    """A runner whose job is over, its engine committed, as soon as it is started."""

    account: Account
    meanwhile: Callable[[], None] = lambda: None
    started: int = 0
    can_detach = True

    def of_any_step(
        self, *_arguments: object, say: Callable[[str], None] | None = None
    ) -> Instantly:
        assert say is not None, "a runner of this machine has much to say"
        return self

    def find(self, _step: CompileEngine) -> None:
        return None

    def start(self, _step: CompileEngine) -> str:
        self.started += 1
        self.meanwhile()
        self.account.commit()
        return "lmi-compile-1"

    def look(self, job: str) -> JobState:
        return JobState(name=job, phase="done")

    def collect(self, _step: CompileEngine, _job: str) -> None:
        pass


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    """One for all tests here, which keep out of each other's way by names."""
    with running_sandbox(describes=0) as settings, pytest.MonkeyPatch.context() as patched:
        # Each command connects anew, and would parse the same service models each time.
        isolated, parsed = aws_calls._isolated, create_loader()

        def with_parsed_models() -> Session:
            session = isolated()
            session.register_component("data_loader", parsed)
            return session

        patched.setattr(aws_calls, "_isolated", with_parsed_models)
        patched.setattr(connection, "SANDBOX_POLL_SECONDS", JOB_POLL_SECONDS)
        Account(settings, _no_command, "").client("s3").create_bucket(Bucket="acme-models")
        yield settings


def _no_command(*_arguments: str) -> Outcome:
    raise AssertionError


@pytest.fixture
def account(
    sandbox: SandboxSettings, lmi: Command, request: pytest.FixtureRequest
) -> Iterator[Account]:
    name = f"chat-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    Path(f"profiles/{name}.yaml").write_text(PROFILE.replace("NAME", name))
    with announced(sandbox):
        account = Account(sandbox, lmi, name)
        # Weights of their own make engines, and so jobs, of their own.
        weights = {"Bucket": "acme-models", "Key": f"{name}/config.json"}
        account.client("s3").put_object(**weights, Body=name.encode())
        account.ask("faults", "DELETE")
        account.ask("calls", "DELETE")
        yield account


def test_up_compiles_first_deploys_from_the_cache_and_does_neither_again(account: Account):
    done = account.up(*AOT)
    assert done.status == 0, done.err
    assert "--  trt_engine   not in cache (" in done.out
    assert "compile on ml.g5.2xlarge" in done.out
    assert f"+ trt_engine        {account.engines}" in done.out
    assert f"{account.title} is InService as endpoint {account.name}-g5" in done.out
    served = account.served_model()
    assert served.startswith(account.engines)
    assert served.endswith("/artifact/")
    assert account.jobs() == 1

    again = account.up(*AOT)
    assert again.out.startswith(f"{account.title} is up to date (InService)")
    assert account("status", account.name, *AOT, "--exit-code").status == 0
    assert account.jobs() == 1

    removed = account("down", account.name, "-p", "g5", "--yes", "-o", "json")
    folder = served.removesuffix("artifact/")
    assert f"{folder} stays, since others may use it" in removed.err
    (row,) = json.loads(removed.out)["deployments"]
    assert row["engines_left"] == [folder]
    assert account.engine_files()
    cached = account.shown(*AOT)
    assert "ok  trt_engine   cached (" in cached
    assert "compiled today on ml.g5.2xlarge" in cached


def test_what_was_compiled_is_used_without_being_asked_for_and_said_to_come(account: Account):
    before = account.up()
    assert "compiled in the container at every start" in before.out
    assert "each start and scale-out compiles for 1 to " in before.out
    assert f"`lmi-deploy compile {account.name} -p g5 --sandbox` compiles ahead" in before.out
    assert account.served_model() == account.weights
    assert account.status()["difference"] is None

    account.commit()
    told = account("status", account.name, "--exit-code")
    assert told.status == 3
    assert "a trt_engine has been compiled since, and would be served" in told.out
    moved = account.up()
    assert "Plan: 3 to create, 1 to change, 3 to delete" in moved.out
    assert "until then the endpoint's container makes its own at every start" in moved.out
    assert "/engines/" in account.served_model()
    assert account.status()["up_to_date"]


def test_an_endpoint_loses_its_engine_only_where_the_plan_says_so(account: Account):
    account.commit()
    assert account.up("--no-smoke").status == 0
    folder = account.served_model().removesuffix("artifact/")
    other = ("--set", "max_rolling_batch_size=4")
    shown = account.shown(*other)
    assert "compiled in the container at every start" in shown
    assert f"the endpoint serves {folder} until then" in shown
    difference = f"it serves the trt_engine in {folder}; the profile needs another one, which is"
    assert account.status(*other)["difference"].startswith(difference)
    jit = account.shown("--set", "compile.mode=jit")
    assert f"the endpoint serves {folder} until then" in jit
    assert account.status(*AOT, *other)["difference"] == (
        "its trt_engine is not in the cache: `lmi-deploy up` compiles it first"
    )

    # The first read is that of the manifest.
    denied = {"code": "AccessDenied", "message": "no", "status": 403, "times": 1}
    account.ask("faults", "POST", operation="GetObject", **denied)
    refused = account.up()
    assert refused.status == 2, refused.out
    assert f"serves the compiled engine in {folder}" in refused.err
    assert "cannot be told: reading" in refused.err
    assert account.served_model() == f"{folder}artifact/"


def test_another_setting_of_the_engine_is_another_engine(account: Account):
    account.commit()
    ready = account.plan()["compiled"]
    assert (ready["fate"], ready["is_cached"]) == ("cached", True)
    other = account.plan("--set", "max_rolling_batch_size=4")["compiled"]
    assert (other["fate"], other["is_cached"]) == ("made in the container", False)
    assert other["key"] != ready["key"]
    only_served = account.plan("--set", "predict_timeout_seconds=77")["compiled"]
    assert only_served["key"] == ready["key"]


def test_a_damaged_artifact_is_named_and_never_used(account: Account):
    account.commit()
    engine = account.an_artifact_file(".engine")
    account.client("s3").put_object(Bucket=BUCKET, Key=engine, Body=b"half")
    auto = account.shown()
    assert "!!  trt_engine   what lies in the cache (" in auto
    assert f"{Path(engine).name} has 4 bytes where the manifest says" in auto
    assert "compiled in the container at every start" in auto
    mended = account.up(*AOT)
    assert "!!  trt_engine   what lies in the cache (" in mended.out
    assert mended.status == 0, mended.err
    assert account.engine_files()[engine] != 4
    assert account.jobs() == 1


def test_an_upload_that_was_cut_short_is_no_artifact(account: Account):
    account.commit()
    mark = account.an_artifact_file("/manifest.json")
    account.client("s3").delete_object(Bucket=BUCKET, Key=mark)
    shown = account.shown()
    assert "artifact: half-written: " in shown
    assert "and no manifest.json that says they are all" in shown


def test_a_saved_plan_compiles_too_and_needs_no_second_approval_of_what_appeared(account: Account):
    account.shown(*AOT, "--out", "chat.plan")
    account.commit()  # somebody else was faster
    done = account("apply", "chat.plan", "--yes")
    assert done.status == 0, done.err
    assert f"is in {account.engines} already" in done.err
    assert account.jobs() == 0


def test_a_saved_plan_is_stale_once_the_engine_that_it_relies_on_has_changed(account: Account):
    account.commit()
    account.shown("--out", "chat.plan")
    engine = account.an_artifact_file(".engine")
    account.client("s3").delete_object(Bucket=BUCKET, Key=engine)
    stale = account("apply", "chat.plan", "--yes")
    assert stale.status == 5
    assert "has changed since the plan was made" in stale.err
    assert f"{Path(engine).name} is missing" in stale.err
    assert account.status()["status"] == "absent"


def test_a_saved_plan_without_an_engine_is_stale_once_there_is_one(account: Account):
    account.shown("--out", "chat.plan")
    account.commit()
    stale = account("apply", "chat.plan", "--yes")
    assert stale.status == 5
    assert "the engine in it was not there, and is there (manifest " in stale.err


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("AlgorithmError: out of host memory", 6),
        ("AlgorithmError: the quality gate failed: agreement 0.1 is below 0.9", 4),
    ],
)
def test_a_job_that_fails_deploys_nothing(account: Account, reason: str, status: int):
    account.ask("faults", job="*", outcome="fail", reason=reason)
    failed = account.up(*AOT)
    assert failed.status == status
    assert reason.partition(": ")[2] in failed.err
    assert "costing money" not in failed.err  # it has ended
    assert account.status()["status"] == "absent"
    assert account.plan(*AOT)["steps"][0]["step"] == "CompileEngine"  # tried again


def test_ctrl_c_while_compiling_names_the_job_that_goes_on(
    account: Account, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("lmi_deployer.edges.training_jobs.TrainingJobs.look", interrupt)
        patched.setattr("sys.argv", ["lmi-deploy", "up", account.name])
        stopped = account.up(*AOT)
    assert stopped.status == 130
    assert "goes on by itself" in stopped.err
    assert f"go on with `lmi-deploy up {account.name}`; nothing is compiled twice" in stopped.err
    assert "may be running and costing money; it ends by itself, after " in stopped.err
    assert STOP in stopped.err
    assert account.up(*AOT, "--no-smoke").status == 0
    assert account.jobs() == 1


def test_ctrl_c_after_the_last_step_is_no_crash(account: Account, monkeypatch: pytest.MonkeyPatch):
    def late(plan: Plan, *_arguments: object, done: Callable[[Step], None], **_options: object):
        for step in plan.steps:
            done(step)
        raise KeyboardInterrupt

    monkeypatch.setattr("lmi_deployer.cli.running.apply", late)
    stopped = account.up("--set", "compile.mode=jit")
    assert stopped.status == 130
    assert f"Endpoint {account.name}-g5 may be running and costing money" in stopped.err


def test_what_changed_on_aws_while_it_compiled_is_not_deployed_over(
    account: Account, monkeypatch: pytest.MonkeyPatch
):
    def meanwhile() -> None:
        assert account.up("--set", "compile.mode=jit", "--no-smoke").status == 0  # somebody else

    runner = Instantly(account, meanwhile)
    monkeypatch.setattr("lmi_deployer.compiling.runners.runner_for", runner.of_any_step)
    stale = account.up(*AOT)
    assert stale.status == 5
    assert f"{account.title} has changed on AWS since the plan was made" in stale.err
    assert f"What was compiled stays in {account.engines}" in stale.err
    assert "somebody else may have deployed it" in stale.err
    assert "shows what is left to do" in stale.err
    assert "costing money" not in stale.err
    assert account.served_model() == account.weights


def test_an_engine_that_one_profile_compiles_is_used_by_all_that_are_deployed_with_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
):
    runner = Instantly(account)
    monkeypatch.setattr("lmi_deployer.compiling.runners.runner_for", runner.of_any_step)
    path = Path(f"profiles/{account.name}.yaml")
    late = "  late: {extends: g5, compile: {mode: aot}, endpoint: {instances: 2}}\n"
    path.write_text(path.read_text() + late)
    done = account("up", account.name, "-p", "all", "--yes", "--no-smoke", "-o", "json")
    assert done.status == 0, done.err
    first, second = json.loads(done.out)["deployments"]
    assert first["compiled"]["uri"] == second["compiled"]["uri"] == account.served_model()
    assert runner.started == 1


def test_nothing_is_paid_for_where_the_quota_is_too_small(account: Account):
    quota = "ml.g5.2xlarge for training job usage"
    before = account.ask("quotas")[quota]
    account.ask("quotas", name=quota, value=0)
    refused = account.up(*AOT)
    account.ask("quotas", name=quota, value=before)
    assert refused.status == 2
    assert quota in refused.err
    assert account.jobs() == 0


def test_nothing_is_paid_for_where_a_job_would_read_another_region(account: Account):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(AwsStorage, "is_elsewhere", lambda _self, _bucket: "eu-west-1")
        refused = account.up(*AOT)
        account.commit()
        shown = account.shown("--set", f"compile.cache={account.engines}")
    assert refused.status == 2
    assert f"{account.engines} is in eu-west-1, and a job in us-east-1 reads its" in refused.err
    assert "it comes from eu-west-1 at each start, which AWS bills by the byte" in shown
    assert account.jobs() == 0


def test_an_endpoint_cannot_have_the_folder_of_the_engines(account: Account):
    refused = account.up("--set", "endpoint.name=engines")
    assert refused.status == 2
    assert f"{account.engines} is for compiled engines" in refused.err


def test_weights_that_nobody_can_look_at_leave_it_to_the_container(account: Account):
    key = f"{account.name}/config.json"
    account.client("s3").delete_object(Bucket="acme-models", Key=key)
    proposal = live.plan_up(account.spec(), account.aws)
    assert proposal.outlook is not None
    assert proposal.outlook.fate == "made in the container"
    assert proposal.outlook.untold == f"there are no weights in {account.weights}"
    with pytest.raises(InputError, match="there are no weights in"):
        live.plan_up(account.spec("compile.mode=aot"), account.aws)


def test_a_sandbox_has_weights_wherever_a_profile_says_that_they_are(account: Account):
    assert account.plan(*AOT, "--set", "model.source=s3://nobodys/else/")["steps"]


def test_an_offline_plan_compiles_unless_the_cache_has_it(lmi: Command):
    Path("profiles/chat.yaml").write_text(PROFILE.replace("NAME", "chat"))
    shown = lmi("plan", "chat", "-p", "g5", *AOT, "--offline")
    assert shown.status == 0
    assert "--  trt_engine   compile unless cached (<key>): on ml.g5.2xlarge" in shown.out
    assert "/engines/<key>/" in shown.out
    document = json.loads(lmi("plan", "chat", "-p", "g5", *AOT, "--offline", "-o", "json").out)
    (plan,) = document["plans"]
    assert plan["steps"][0]["step"] == "CompileEngine"
    assert plan["compiled"]["fate"] == "compiled unless cached"
    assert plan["compiled"]["estimate"]["minutes_low"] >= 0


def test_an_offline_plan_says_that_no_cache_was_looked_into(lmi: Command):
    Path("profiles/chat.yaml").write_text(PROFILE.replace("NAME", "chat"))
    auto = lmi("plan", "chat", "-p", "g5", "--offline").out
    assert "--  trt_engine   the cache was not looked into: no account was asked" in auto
    jit = lmi("plan", "chat", "-p", "g5", "--offline", "--set", "compile.mode=jit").out
    assert "looked into" not in jit
