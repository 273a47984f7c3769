"""`lmi-deploy drift` against a sandbox in which each kind of drift was really brought about."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.backends import get_backend

from lmi_deployer import api
from lmi_deployer.artifact.committing import commit
from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.compiling.lookup import wanted_engine
from lmi_deployer.sandbox import SandboxSettings
from tests.cli.conftest import Command
from tests.cli.deployed import Account, quick_sandbox
from tests.specs import PROFILE

BUCKET = "sagemaker-us-east-1-123456789012"
TAGS = "    endpoint: {tags: {team: search}}\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    """One for all tests here, which keep out of each other's way by names."""
    with quick_sandbox(describes=0) as settings:
        yield settings


@pytest.fixture
def account(
    sandbox: SandboxSettings, lmi: Command, request: pytest.FixtureRequest
) -> Iterator[Account]:
    name = f"chat-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"
    Path("profiles/chat.yaml").unlink()
    Path(f"profiles/{name}.yaml").write_text(PROFILE.replace("name: chat", f"name: {name}") + TAGS)
    with announced(sandbox):
        account = Account(sandbox, lmi, name)
        account.ask("faults", "DELETE")
        account.ask("calls", "DELETE")
        yield account
    get_backend("sagemaker")[sandbox.account][sandbox.region].reset()


@pytest.fixture
def deployed(account: Account) -> Account:
    account.up()
    return account


def test_what_was_deployed_is_in_sync_and_costs_what_its_machines_cost(deployed: Account):
    row = deployed.drift()
    assert (row["state"], row["is_drift"], row["mend"]) == ("in sync", False, [])
    assert (row["profile"], row["hardware"]) == (deployed.name, "g5")
    assert row["file"] == str(deployed.file)
    assert (row["instances"], row["instance_type"]) == (1, "ml.g5.2xlarge")
    assert row["usd_per_hour"] > 1
    assert deployed("drift", deployed.name, "--exit-code").status == 0


def test_a_profile_that_has_changed_is_behind_with_what_deploying_it_does(deployed: Account):
    deployed.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    row = deployed.drift()
    assert row["state"] == "behind"
    assert row["impact"] == "new-endpoint-config"
    (change,) = row["changes"]
    assert (change["live"], change["wanted"]) == ("ml.g5.2xlarge", "ml.g5.4xlarge")
    assert change["place"] == f"{deployed.file}:9"
    assert deployed("drift", deployed.name, "--exit-code").status == 3
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_a_changed_comment_is_no_drift(deployed: Account):
    deployed.edit(("name: ", "# of the search team\nname: "))
    assert deployed.drift()["state"] == "in sync"


def test_a_tag_that_the_profile_changed_is_behind_and_runs_on(deployed: Account):
    deployed.edit(("team: search", "team: ads"))
    row = deployed.drift()
    assert (row["state"], row["impact"]) == ("behind", "none")
    assert row["reasons"] == ["the tag team would become 'ads'"]
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


@pytest.mark.parametrize("value", ["ads", ""])
def test_a_tag_that_somebody_edited_was_changed_outside(deployed: Account, value: str):
    if value:
        deployed.tag(team=value)
    else:
        arn = deployed.described()["EndpointArn"]
        deployed.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert row["reasons"] == [
        f"its tag team is {repr(value) if value else 'not there'}, and was 'search'"
    ]
    assert row["impact"] == "none"
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_a_tag_that_somebody_added_is_no_drift(deployed: Account):
    deployed.tag(owner="me")
    assert deployed.drift()["state"] == "in sync"


@pytest.mark.parametrize("tag", ["lmi-deploy:deployment", "lmi-deploy:folder"])
def test_a_tag_by_which_lmi_deploy_finds_its_own_is_missed_too(deployed: Account, tag: str):
    deployed.tag(**{tag: "other"})
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert any(tag in reason for reason in row["reasons"])
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_an_endpoint_that_was_given_another_configuration_was_changed_outside(deployed: Account):
    name = deployed.other_config(f"{deployed.name}-by-hand", InstanceType="ml.g5.12xlarge")
    deployed.sagemaker.update_endpoint(EndpointName=deployed.endpoint, EndpointConfigName=name)
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert row["reasons"][0] == f"it runs {name}, which lmi-deploy did not make for it"
    assert row["changes"][0]["live"] == "ml.g5.12xlarge"
    assert (row["impact"], row["instance_type"]) == ("new-endpoint-config", "ml.g5.12xlarge")
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("model/serving.properties", "serving.properties is not what lmi-deploy uploaded"),
        ("model/model.py", "model.py was not uploaded by lmi-deploy"),
        ("manifest.json", "manifest.json is not what lmi-deploy uploaded"),
    ],
)
def test_a_file_that_was_changed_on_s3_was_changed_outside(deployed: Account, path: str, said: str):
    deployed.put(path, b"option.max_rolling_batch_size=1\n")
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert any(said in reason for reason in row["reasons"])
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


@pytest.mark.parametrize("path", ["model/serving.properties", "manifest.json"])
def test_a_file_that_is_gone_from_s3_was_changed_outside(deployed: Account, path: str):
    deployed.remove(path)
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert any(f"{path} is gone" in reason for reason in row["reasons"])
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_a_file_of_an_older_bundle_that_was_changed_is_told_beside_the_profile(deployed: Account):
    deployed.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    deployed.put("model/serving.properties", b"option.max_rolling_batch_size=1\n")
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert any("is not what lmi-deploy uploaded" in reason for reason in row["reasons"])
    assert any("`up` would change" in reason for reason in row["reasons"])


def test_instances_that_were_added_by_hand_are_counted_paid_and_taken_back(deployed: Account):
    before = deployed.drift()["usd_per_hour"]
    deployed.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=deployed.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert "it runs 3 x its instance type where its configuration says 1" in row["reasons"][0]
    assert (row["instances"], row["usd_per_hour"]) == (3, pytest.approx(3 * before))
    assert row["impact"] is None
    assert [command.split()[0] for command in row["mend"]] == ["aws"]
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_a_model_that_was_deleted_under_its_endpoint_was_changed_outside(deployed: Account):
    message = 'Could not find model "arn".'
    deployed.refuse("DescribeModel", message, code="ValidationException")
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert "is gone" in row["reasons"][0]


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


def test_a_profile_that_was_never_deployed_is_missing_only_where_it_is_named(account: Account):
    assert account.endpoint not in {row["endpoint"] for row in account.report()["deployments"]}
    row = account.drift(account.name)
    assert (row["state"], row["reasons"]) == (
        "missing",
        [f"there is no endpoint {account.endpoint}"],
    )
    assert account("drift", account.name, "-p", "g5", "--exit-code").status == 3


def test_of_a_named_profile_only_what_is_deployed_counts_unless_the_hardware_is_named(
    deployed: Account,
):
    deployed.edit(
        ("profiles:\n", "profiles:\n  large: {extends: g5, instance_type: ml.g5.12xlarge}\n")
    )
    (row,) = deployed.report(deployed.name)["deployments"]
    assert row["endpoint"] == deployed.endpoint
    rows = deployed.report(deployed.name, "-p", "all")["deployments"]
    assert [row["state"] for row in rows] == ["missing", "in sync"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, "no profile NAME is in profiles"),
        (("  g5:", "  g6:"), "FILE has no hardware profile g5"),
        (("kind:", "kin:"), "FILE cannot be read: FILE:1:1: "),
        (("search}", "search}, name: other-NAME"), "FILE deploys NAME / g5 as other-NAME now"),
        (("ml.g5.2xlarge", "ml.g5.3xlarge"), "FILE cannot be decided: FILE:9:20: "),
    ],
)
def test_what_no_profile_describes_is_unknown_and_why(
    deployed: Account, change: tuple[str, str] | None, said: str
):
    if change is None:
        deployed.file.unlink()
    else:
        deployed.edit((change[0], change[1].replace("NAME", deployed.name)))
    row = deployed.drift()
    assert row["state"] == "unknown"
    wanted = said.replace("NAME", deployed.name).replace("FILE", str(deployed.file))
    assert row["reasons"][0].startswith(wanted)
    assert row["usd_per_hour"] > 1
    assert [command.split()[1] for command in row["mend"]] == ["import", "down"]


@pytest.mark.parametrize("operation", ["DescribeEndpointConfig", "DescribeModel", "ListModels"])
def test_an_endpoint_that_cannot_be_read_hides_no_other(
    account: Account, tmp_path: Path, operation: str
):
    account.up()
    other = Account(account.settings, account.lmi, f"{account.name}-z")
    other.file.write_text(
        account.file.read_text().replace(f"name: {account.name}", f"name: {other.name}")
    )
    other.up()
    account.file.write_text(account.file.read_text())
    names = [account.name, other.name]
    account.refuse(operation, "User: me is not authorized")
    first, second = account.report(*names)["deployments"]
    assert (first["state"], second["state"]) == ("unreadable", "in sync")
    assert operation in first["reasons"][0]
    assert "not authorized" in first["reasons"][0]
    assert account("drift", *names, "--exit-code").status == 0  # the fault is over


def test_an_endpoint_of_a_kind_that_profiles_lack_is_unreadable(deployed: Account):
    config = deployed.config()
    (variant,) = config["ProductionVariants"]
    name = f"{deployed.name}-two"
    deployed.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant, {**variant, "VariantName": "Shadow"}],
    )
    deployed.sagemaker.update_endpoint(EndpointName=deployed.endpoint, EndpointConfigName=name)
    row = deployed.drift()
    assert row["state"] == "unreadable"
    assert "has several variants" in row["reasons"][0]


def test_tags_that_cannot_be_read_are_told_and_hide_nothing(deployed: Account):
    deployed.refuse("ListTags", times=1)
    report = deployed.report()
    states = [row["state"] for row in report["deployments"]]
    told = [note for note in report["notes"] if "cannot be told" in note]
    assert len(told) + states.count("unreadable") == 1


def test_a_deployment_can_be_named_by_its_endpoint(deployed: Account):
    (row,) = deployed.report(deployed.endpoint)["deployments"]
    assert row["state"] == "in sync"
    refused = deployed("drift", "nowhere")
    assert refused.status == 2
    assert "there is no profile 'nowhere' in profiles, and no deployment" in refused.err


def test_a_folder_of_profiles_is_compared_with_everything(deployed: Account):
    Path("elsewhere").mkdir()
    shutil.move(deployed.file, "elsewhere/x.yaml")
    assert deployed.drift()["state"] == "unknown"
    row = deployed.drift("elsewhere/")
    assert (row["state"], row["file"]) == ("in sync", "elsewhere/x.yaml")
    assert deployed.drift("elsewhere/x.yaml")["state"] == "in sync"


def git(*arguments: str) -> None:
    who = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    env = {**os.environ, **dict.fromkeys(who, "a@b.c")}
    subprocess.run(["git", *arguments], check=True, capture_output=True, env=env)


def test_live_is_compared_with_the_profiles_at_a_revision(
    deployed: Account, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    deployed.edit(("ml.g5.2xlarge", "ml.g5.4xlarge"))
    assert deployed.drift()["state"] == "behind"
    row = deployed.drift("--rev", "main")
    assert row["state"] == "in sync"
    report = deployed.report("--rev", "main")
    assert report["profiles"].startswith("profiles at main (")
    assert len(report["revision"]) == 40
    assert not any("check main out" in note for note in report["notes"])
    deployed.tag(team="ads")
    assert any("check main out" in note for note in deployed.report("--rev", "main")["notes"])
    deployed.tag(team="search")
    git("rm", "-q", "-f", str(deployed.file))
    assert deployed.drift("--rev", "HEAD", str(deployed.file))["state"] == "in sync"
    wrong = deployed("drift", "--rev", "nowhere")
    assert wrong.status == 2
    assert "there is no git revision 'nowhere'" in wrong.err


def test_a_folder_that_is_no_repository_has_no_revisions(account: Account):
    done = account("drift", "--rev", "main")
    assert done.status == 2
    assert "is not inside a git repository" in done.err


def test_the_text_says_the_same_and_no_secret(deployed: Account):
    deployed.tag(team=f"hf_{'a' * 30}")
    done = deployed("drift", deployed.name)
    assert done.status == 0
    assert f"{deployed.endpoint}: changed outside" in done.out
    assert "its tag team is '***', and was 'search'" in done.out
    assert f"mend: lmi-deploy up {deployed.name} -p g5 --sandbox" in done.out
    assert "1 deployment: 1 changed outside" in done.out
    assert "hf_" not in done.out
    assert "hf_" not in json.dumps(deployed.drift())


def test_without_credentials_nothing_is_said_and_the_status_is_one(lmi: Command):
    done = lmi("drift", "--region", "us-east-1")
    assert (done.status, done.out) == (1, "")
    assert "there are no AWS credentials" in done.err


def test_one_endpoint_takes_a_bounded_number_of_calls_and_changes_nothing(deployed: Account):
    deployed.ask("calls", "DELETE")
    deployed.report(deployed.name)
    calls = deployed.ask("calls")
    assert len(calls) <= 14, calls
    changing = ("Create", "Update", "Delete", "Put", "Add")
    assert not [name for _, name in calls if name.startswith(changing)]


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


def test_an_endpoint_whose_tags_name_no_profile_is_unknown(deployed: Account):
    arn = deployed.described()["EndpointArn"]
    deployed.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["lmi-deploy:profile"])
    assert deployed.drift()["reasons"] == ["its tags name no profile"]
