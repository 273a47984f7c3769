"""`lmi-deploy cache` as people and programs use it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import botocore.loaders
import botocore.session
import pytest

from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.artifact.manifest import key_of
from lmi_deployer.artifact.s3_store import S3Store
from tests.cli.conftest import Command, Outcome
from tests.specs import make_spec
from tests.unit.artifact.artifacts import commit_here, make_source
from tests.unit.caching.caches import DAY, Cache

TRTLLM = ("chat", "-p", "g5", "--set", "backend=trtllm")
INPUTS = engine_inputs(make_spec("backend=trtllm"), None).document()
NAME = key_of(INPUTS)[:16]
OTHER = {**INPUTS, "quantize": "awq"}
OTHER_NAME = key_of(OTHER)[:16]
ONE_RANK = {
    "tensorrt_llm/config.pbtxt": b"backend",
    "tensorrt_llm/tokenizer_config.json": b"{}",
    "tensorrt_llm/1/llama_float16_tp1_rank0.engine": b"engine",
}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path, ONE_RANK)


@pytest.fixture
def run(lmi: Command, cache: Cache) -> Command:
    """`cache ls --cache FOLDER` for `run("ls")`."""
    return lambda word, *more: lmi("cache", word, *more, "--cache", str(cache.folder))


def documents(outcome: Outcome) -> dict[str, dict[str, Any]]:
    assert outcome.status == 0, outcome.err
    return {item["engine"]: item for item in json.loads(outcome.out)["engines"]}


# ls


def test_an_empty_cache_has_no_engines(run: Command):
    outcome = run("ls")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.endswith("engines/\nthere are no engines\n")


def test_engines_are_listed_with_what_they_are(run: Command, cache: Cache):
    cache.add(INPUTS, quality={"agreement": 0.975})
    cache.half_written(OTHER)
    lines = run("ls").out.splitlines()
    assert lines[0] == f"{cache.folder}/"
    row = next(line for line in lines if NAME in line)
    for word in ("complete", "trt_engine", "0.25.0", "0.5.0", "Ampere 24 GiB", "now", "97.5%"):
        assert word in row
    assert "half-written" in next(line for line in lines if OTHER_NAME in line)
    assert lines[-1].startswith("2 in all, ")


def test_programs_get_the_whole_of_it(run: Command, cache: Cache):
    cache.add(INPUTS)
    listed = documents(run("ls", "-o", "json"))[NAME]
    assert listed["key"] == key_of(INPUTS)
    assert listed["state"] == "complete"
    assert listed["inputs"] == INPUTS
    assert listed["files"] == len(ONE_RANK) + 1


def test_with_a_model_the_engine_that_it_would_use_is_marked(run: Command, cache: Cache):
    cache.add(OTHER)
    cache.add(INPUTS)
    outcome = run("ls", *TRTLLM)
    assert f"> {NAME}" in outcome.out
    assert f"> {OTHER_NAME}" not in outcome.out
    assert outcome.out.endswith(f"chat / g5 needs {NAME}, which is here (>)\n")


def test_without_its_engine_the_nearest_is_named_with_what_differs(run: Command, cache: Cache):
    cache.add(OTHER)
    cache.add({**INPUTS, "quantize": "awq", "gpu_architecture": "Hopper"})
    outcome = run("ls", *TRTLLM)
    assert f"needs {NAME}, which is not here; the nearest is {OTHER_NAME}" in outcome.out
    assert "quantization: the profile needs none, the artifact is awq" in outcome.out
    assert "> " not in outcome.out
    matched = json.loads(run("ls", *TRTLLM, "-o", "json").out)["profiles"]
    assert [item["is_usable"] for item in matched] == [False]


def test_where_nothing_is_of_the_model_that_is_said(run: Command, cache: Cache):
    cache.add({**INPUTS, "model_id": "another/model"})
    assert "and nothing here is of its model" in run("ls", *TRTLLM).out


def test_a_damaged_or_half_written_engine_of_the_right_key_is_not_marked(
    run: Command, cache: Cache
):
    cache.half_written(INPUTS)
    outcome = run("ls", *TRTLLM)
    assert "which is here but of no use\n  it is half-written" in outcome.out


def test_a_profile_that_compiles_nothing_is_refused(run: Command):
    outcome = run("ls", "chat", "-p", "g5")
    assert outcome.status == 2
    assert "nothing of chat / g5 can be compiled ahead of time" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("ls", "-p", "g5"), "need a MODEL"),
        (("ls", "--cache", "no/such/folder"), "there is no folder no/such/folder"),
        (("ls", "--cache", ""), "it names no folder"),
        (("verify", "--record"), "--record needs --deep"),
        (("ls", "--cache", "s3://UPPER/"), "must be of the form"),
        (("ls", "--cache", "http://acme/engines/"), "must be of the form"),
        (("prune", "--older-than", "30"), "is not of the form 30d"),
        (("prune", "--older-than", "d"), "is not of the form 30d"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_told(
    arguments: tuple[str, ...], problem: str, lmi: Command
):
    outcome = lmi("cache", *arguments)
    assert outcome.status == 2
    assert problem in outcome.err


# verify


def test_whole_engines_verify(run: Command, cache: Cache):
    cache.add(INPUTS)
    cache.half_written(OTHER)
    for arguments in ((), ("--deep",), (NAME[:6],), (key_of(INPUTS),)):
        outcome = run("verify", *arguments)
        assert outcome.status == 0, outcome.out
        assert f"{NAME}  ok: 3 files, " in outcome.out
    assert f"{OTHER_NAME}  half-written, not checked" in run("verify").out


def test_a_flipped_bit_is_found_by_a_deep_look(run: Command, cache: Cache):
    cache.add(INPUTS)
    engine = "tensorrt_llm/1/llama_float16_tp1_rank0.engine"
    (cache.folder / NAME / "artifact" / engine).write_bytes(b"Engine")
    outcome = run("verify", "--deep")
    assert outcome.status == 1
    assert f"{NAME}  {engine} has SHA-256 " in outcome.out
    assert f"{NAME}: reading" in outcome.err


def test_each_problem_of_a_damaged_engine_is_named(run: Command, cache: Cache):
    cache.add(INPUTS)
    cache.store.delete([f"{NAME}/artifact/tensorrt_llm/1/llama_float16_tp1_rank0.engine"])
    cache.store.write(f"{NAME}/artifact/tensorrt_llm/config.pbtxt", b"cut")
    outcome = run("verify", "-o", "json")
    assert outcome.status == 1
    [found] = json.loads(outcome.out)["engines"]
    assert found["state"] == "damaged"
    for problem in ("rank0.engine is missing", "config.pbtxt has 3 bytes", "engines of ranks none"):
        assert any(problem in item for item in found["problems"])


def test_a_corrupt_manifest_and_a_half_written_engine_that_is_asked_for_are_problems(
    run: Command, cache: Cache
):
    cache.half_written(INPUTS)
    assert run("verify").status == 0
    assert "it is half-written" in run("verify", NAME).out
    cache.store.write(f"{NAME}/manifest.json", b"{")
    outcome = run("verify")
    assert (outcome.status, "is not a manifest" in outcome.out) == (1, True)


def test_a_key_of_none_or_of_several_is_refused(run: Command, cache: Cache):
    cache.add(INPUTS)
    outcome = run("verify", "zz")
    assert outcome.status == 2
    assert "no engine's key begins with 'zz'" in outcome.err
    assert "fix: lmi-deploy cache ls" in outcome.err
    another = f"{NAME}{'0' * 48}"
    assert f"no engine's key begins with '{another}'" in run("verify", another).err
    cache.add(OTHER)
    several = run("verify", "")
    assert (several.status, "several engines begin with ''" in several.err) == (2, True)


# prune


def test_the_plan_is_shown_and_an_approval_asked_for(run: Command, cache: Cache):
    cache.half_written(INPUTS)
    cache.age(NAME, 2 * DAY, time.time())
    outcome = run("prune")
    assert outcome.status == 5
    assert f"-  {NAME}" in outcome.out
    assert "1 of 1 to remove" in outcome.out
    assert run("prune", "--dry-run").status == 0
    assert NAME in documents(run("ls", "-o", "json"))


def test_approved_it_is_removed_and_the_rest_stays(run: Command, cache: Cache):
    cache.add(OTHER)
    cache.half_written(INPUTS)
    cache.age(NAME, 2 * DAY, time.time())
    outcome = run("prune", "--yes")
    assert outcome.status == 0
    assert outcome.out.endswith("removed 1\n")
    assert set(documents(run("ls", "-o", "json"))) == {OTHER_NAME}
    assert run("prune", "--yes").out.endswith("nothing to remove\n")


def test_old_engines_go_for_programs_too(run: Command, cache: Cache):
    cache.add(OTHER)
    cache.add(INPUTS)
    cache.age(NAME, 31 * DAY, time.time())
    found = documents(run("prune", "--older-than", "30d", "-y", "-o", "json"))
    assert {name: item["removed"] for name, item in found.items()} == {
        NAME: True,
        OTHER_NAME: False,
    }


def test_a_folder_is_used_by_no_endpoint(run: Command, cache: Cache):
    cache.add(INPUTS)
    outcome = run("prune", "--unused", "-y")
    assert outcome.status == 2
    assert "no endpoint serves from a folder" in outcome.err
    assert NAME in documents(run("ls", "-o", "json"))


def test_a_link_in_the_folder_is_damage_and_the_others_are_listed(run: Command, cache: Cache):
    cache.add(INPUTS)
    (cache.folder / "0123456789abcdef").symlink_to("/etc")
    outcome = run("ls")
    assert outcome.status == 0
    assert "0123456789abcdef: it cannot be listed: " in outcome.out
    assert NAME in outcome.out
    assert documents(run("ls", "-o", "json"))["0123456789abcdef"]["modified"] is None
    assert run("verify").status == 1
    assert "nothing to remove" in run("prune", "--keep", "1", "-y").out


def test_a_folder_that_is_no_cache_has_no_engines_whatever_lies_in_it(lmi: Command, cache: Cache):
    (cache.folder / "link").symlink_to("/etc")
    for folder in (cache.folder.parent, Path("/")):
        outcome = lmi("cache", "ls", "--cache", str(folder))
        assert (outcome.status, "there are no engines" in outcome.out) == (0, True), outcome.err


def test_prune_leaves_what_lmi_deploy_never_wrote(run: Command, cache: Cache):
    cache.store.write("0123456789abcdef/precious.doc", b"x")
    cache.half_written(INPUTS)
    cache.store.write(f"{NAME}/notes.txt", b"x")
    for name in ("0123456789abcdef", NAME):
        cache.age(name, 30 * DAY, time.time())
    outcome = run("prune", "--keep", "0", "-y")
    assert outcome.out.endswith("removed 1\n")
    assert f"{NAME}: not of lmi-deploy, left alone: notes.txt" in outcome.out
    assert set(cache.store.files()) == {"0123456789abcdef/precious.doc", f"{NAME}/notes.txt"}


# On S3


@pytest.fixture(scope="module")
def loader() -> Any:
    return botocore.loaders.create_loader()


@pytest.fixture
def account(sandbox_url: str, loader: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The sandbox as an account of the machine's own settings; what clients need for it.

    Every command makes clients of its own; what they read of AWS's models is read once.
    """
    monkeypatch.setattr(botocore.session, "create_loader", lambda _path=None: loader)
    settings = {
        "AWS_ENDPOINT_URL": sandbox_url,
        "AWS_ACCESS_KEY_ID": "LMIDEPLOYSANDBOX0000",
        "AWS_SECRET_ACCESS_KEY": "nothing-secret-in-a-sandbox",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


ENGINES = "s3://sagemaker-us-east-1-123456789012/lmi-deploy/engines/"


def serve(engine: str) -> None:
    """An endpoint of lmi-deploy's that serves from this engine."""
    client = boto3.client("sagemaker")
    image = (
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.25.0-tensorrtllm0.5.0-cu122"
    )
    client.create_model(
        ModelName="chat-g5-00000000",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/lmi-deploy-sandbox",
        PrimaryContainer={
            "Image": image,
            "Environment": {"OPTION_MODEL_ID": f"{ENGINES}{engine}/artifact/"},
        },
    )
    client.create_endpoint_config(
        EndpointConfigName="chat-g5-00000000",
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": "chat-g5-00000000",
                "InstanceType": "ml.g5.2xlarge",
                "InitialInstanceCount": 1,
            }
        ],
    )
    client.create_endpoint(
        EndpointName="chat-g5",
        EndpointConfigName="chat-g5-00000000",
        Tags=[{"Key": "lmi-deploy:deployment", "Value": "chat-g5"}],
    )


def test_the_cache_of_the_account_is_listed_verified_and_pruned(
    lmi: Command, account: dict[str, str], tmp_path: Path
):
    store = S3Store(boto3.client("s3"), ENGINES)
    source = make_source(tmp_path / "source", ONE_RANK)
    for inputs in (INPUTS, OTHER):
        commit_here(store, source, inputs=inputs, prefix=f"{key_of(inputs)[:16]}/")
    listed = lmi("cache", "ls", *TRTLLM).out
    assert f"> {NAME}" in listed
    assert OTHER_NAME in listed
    assert lmi("cache", "verify", "--deep").status == 0
    serve(NAME)
    kept = documents(lmi("cache", "prune", "--keep", "0", "--dry-run", "-o", "json"))[NAME]
    assert (kept["goes"], kept["reason"]) == (False, "used by chat-g5")
    outcome = lmi("cache", "prune", "--unused", "-y")
    assert outcome.out.endswith("removed 1\n")
    assert f"{NAME}/manifest.json" in store.files()
    assert all(path.startswith(NAME) for path in store.files())


def in_one_part(client: Any, bucket: str, key: str, content: bytes) -> None:
    """Upload it so that its ETag is not that of the same bytes put whole."""
    at = {"Bucket": bucket, "Key": key}
    at["UploadId"] = client.create_multipart_upload(**at)["UploadId"]
    part = client.upload_part(**at, PartNumber=1, Body=content)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    client.complete_multipart_upload(**at, MultipartUpload=parts)


def test_a_file_that_was_written_again_is_named_until_it_is_recorded(lmi, account, tmp_path):
    client = boto3.client("s3")
    store = S3Store(client, ENGINES)
    source = make_source(tmp_path / "source", ONE_RANK)
    commit_here(store, source, inputs=INPUTS, prefix=f"{NAME}/")
    engine = "tensorrt_llm/1/llama_float16_tp1_rank0.engine"
    bucket, _, folder = ENGINES.removeprefix("s3://").partition("/")
    key = f"{folder}{NAME}/artifact/{engine}"
    rewritten = f"{engine} was written again since it was committed"
    client.put_object(Bucket=bucket, Key=key, Body=b"Engine")
    outcome = lmi("cache", "verify")
    assert (outcome.status, f"{NAME}  {rewritten}" in outcome.out) == (1, True)
    assert f"{NAME}: {rewritten}" in lmi("cache", "ls").out
    assert lmi("cache", "verify", "--deep", "--record").status == 1
    in_one_part(client, bucket, key, ONE_RANK[engine])
    assert f"{rewritten}, with the same bytes" in lmi("cache", "verify", "--deep").out
    recorded = lmi("cache", "verify", "--deep", "--record", "-o", "json")
    [engine_told] = json.loads(recorded.out)["engines"]
    assert (recorded.status, engine_told["state"], engine_told["problems"]) == (0, "complete", [])
    assert lmi("cache", "verify").status == 0


def test_where_endpoints_cannot_be_read_nothing_is_taken_for_unused(
    lmi: Command, account: dict[str, str], tmp_path: Path
):
    store = S3Store(boto3.client("s3"), ENGINES)
    source = make_source(tmp_path / "source", ONE_RANK)
    commit_here(store, source, inputs=INPUTS, prefix=f"{NAME}/")
    fault = {"operation": "ListEndpoints", "code": "AccessDeniedException", "times": 3}
    faults = f"{account['AWS_ENDPOINT_URL']}/lmi-sandbox/faults"
    with urlopen(Request(faults, data=json.dumps(fault).encode())) as answer:
        assert answer.status == 201
    for option in ("--unused", "--keep=0"):
        outcome = lmi("cache", "prune", option, "-y")
        assert outcome.status == 2
        assert "what endpoints serve from is not known: ListEndpoints" in outcome.err
    assert "warning: engines that endpoints" in lmi("cache", "prune", "--dry-run").err
    assert f"{NAME}/manifest.json" in store.files()


def test_a_default_bucket_that_does_not_exist_is_an_empty_cache(lmi, account):
    boto3.client("s3").delete_bucket(Bucket="sagemaker-us-east-1-123456789012")
    assert "there are no engines" in lmi("cache", "ls").out
    outcome = lmi("cache", "ls", "--cache", "s3://there-is-no-such-bucket/engines")
    assert outcome.status == 1
    assert "NoSuchBucket" in outcome.err


def test_without_an_account_a_folder_is_listed_and_s3_is_not(run: Command, lmi: Command):
    assert run("ls").status == 0
    outcome = lmi("cache", "ls", "--cache", "s3://acme/engines/", "--region", "us-east-1")
    assert outcome.status == 1
    assert "credentials" in outcome.err


def test_a_sandbox_says_that_it_is_one(kept: Command):
    outcome = kept("cache", "ls")
    assert outcome.status == 0, outcome.err
    assert "sandbox: no AWS, no cost" in outcome.out
