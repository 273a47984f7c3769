"""What `lmi-deploy drift` says of updates that failed, endpoints that are gone, and engines."""

from __future__ import annotations

from pathlib import Path

from lmi_deployer import api
from lmi_deployer.artifact.committing import commit
from lmi_deployer.compiling.lookup import wanted_engine
from tests.cli.deployed import Account

BUCKET = "sagemaker-us-east-1-123456789012"


def test_an_update_that_was_rolled_back_is_told_with_its_reason(deployed: Account):
    deployed.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    deployed.ask("faults", endpoint=deployed.endpoint, outcome="roll_back", reason="no ping")
    failed = deployed("up", deployed.name, "-p", "g5", "--yes", "--no-smoke")
    assert failed.status == 6
    row = deployed.drift()
    assert row["state"] == "rolled back"
    assert row["reasons"][0].endswith("did not come up: no ping")
    assert row["instance_type"] == "ml.g5.2xlarge"
    assert row["impact"] == "new-endpoint-config"
    assert "/aws/sagemaker/Endpoints/" in row["notes"][0]
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_what_was_rolled_back_and_is_wanted_no_more_is_in_sync_with_a_note(deployed: Account):
    before = deployed.file.read_text()
    deployed.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    deployed.ask("faults", endpoint=deployed.endpoint, outcome="roll_back", reason="no ping")
    deployed("up", deployed.name, "-p", "g5", "--yes", "--no-smoke")
    deployed.file.write_text(before)
    row = deployed.drift()
    assert row["state"] == "in sync"
    assert row["notes"][0].endswith("was rolled back: no ping")


def test_an_endpoint_that_was_moved_back_by_hand_was_changed_outside(account: Account):
    account.up()
    older = account.config()["EndpointConfigName"]
    account.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    kept = account.config()
    done = account("up", account.name, "-p", "g5", "--yes")
    assert done.status == 0, done.err
    tags = [{"Key": key, "Value": text} for key, text in account.aws.endpoint_tags(
        account.endpoint).items() if not key.endswith("verified")]  # fmt: skip
    variants = [{**kept["ProductionVariants"][0], "ModelName": account.config()
                 ["ProductionVariants"][0]["ModelName"]}]  # fmt: skip
    account.sagemaker.create_endpoint_config(
        EndpointConfigName=older, ProductionVariants=variants, Tags=tags
    )
    account.sagemaker.update_endpoint(EndpointName=account.endpoint, EndpointConfigName=older)
    row = account.drift()
    assert row["state"] == "changed outside"
    assert row["reasons"][0].startswith("it was moved from ")


def test_an_endpoint_that_failed_is_told_with_its_reason(account: Account):
    account.ask("faults", endpoint=account.endpoint, outcome="fail", reason="no capacity")
    assert account("up", account.name, "-p", "g5", "--yes").status == 6
    row = account.drift()
    assert (row["state"], row["status"]) == ("failed", "Failed")
    assert row["reasons"] == ["it is Failed: no capacity"]
    assert account("drift", account.name, "--exit-code").status == 3
    account.mend(row)
    assert account.drift()["state"] == "in sync"


def test_an_endpoint_that_was_deleted_is_missing_with_what_is_left_of_it(deployed: Account):
    deployed.sagemaker.delete_endpoint(EndpointName=deployed.endpoint)
    deployed.described()
    row = deployed.drift()
    assert (row["state"], row["status"], row["usd_per_hour"]) == ("missing", None, None)
    assert row["reasons"][1] == "of it there are 1 endpoint configuration, 1 model, 2 files"
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


ENGINE_FILES = {
    "config.pbtxt": "name",
    "tokenizer_config.json": "{}",
    "1/config.json": "{}",
    "1/rank0.engine": "engine",
}
"""A repository that the server of 0.25.0 takes for compiled, with an engine for one GPU."""


def test_an_engine_compiled_meanwhile_is_wanted_and_one_that_is_gone_is_missed(account: Account):
    account.edit(("lmi-dist", "trtllm"))
    account.up()
    ((spec, _),) = api.decide(str(account.file), ["g5"])
    engine = wanted_engine(spec, account.aws)
    assert spec.compilation is not None
    for path, text in ENGINE_FILES.items():
        file = Path("made/tensorrt_llm") / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    commit(
        account.aws.store(engine.cache),
        engine.folder.removeprefix(engine.cache),
        Path("made"),
        inputs=engine.inputs.document(),
        layout=spec.compilation.compiler.layout,
        made={"runner": "sagemaker"},
        quality=None,
        say=lambda _line: None,
    )
    row = account.drift()
    assert (row["state"], row["impact"]) == ("behind", "restart")
    assert row["reasons"][0] == "a trt_engine has been compiled since, and would be served"
    account.mend(row)
    assert account.drift()["state"] == "in sync"

    found = account.aws.calls.pages("s3", "ListObjectsV2", "Contents", Bucket=BUCKET)
    (rank,) = [item["Key"] for item in found if item["Key"].endswith("rank0.engine")]
    account.aws.delete_objects((f"s3://{BUCKET}/{rank}",))
    row = account.drift()
    assert row["state"] == "changed outside"
    assert row["reasons"][0].startswith(f"the engine that it serves, {engine.folder}, is damaged")
    assert row["impact"] == "recompile"


def test_an_engine_that_has_to_be_there_and_cannot_be_looked_up_is_unreadable(account: Account):
    account.edit(("lmi-dist", "trtllm"))
    account.up()
    account.edit(("backend: trtllm\n", "backend: trtllm\n    compile: {mode: aot}\n"))
    account.refuse("GetObject", "not yours", code="AccessDenied", skip=1)
    row = account.drift(account.name)
    assert row["state"] == "unreadable"
    assert "not yours" in row["reasons"][0]
    assert account.drift(account.name)["impact"] == "recompile"
