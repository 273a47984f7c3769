"""`lmi-deploy drift` against a sandbox in which each kind of drift was really brought about."""

from __future__ import annotations

import pytest

from tests.cli.deployed import Account


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


@pytest.mark.parametrize("path", ["manifest.json", "model/serving.properties", "model.tar.gz"])
@pytest.mark.parametrize("body", [b"x" * 1_000_001, b"\xff{"], ids=["large", "garbage"])
def test_a_file_that_was_replaced_by_what_no_bundle_holds_is_put_back(
    account: Account, path: str, body: bytes
):
    if path.endswith(".gz"):
        account.edit(("search}", "search}, packaging: tar.gz"))
    account.up()
    account.put(path, body)
    row = account.drift()
    assert row["state"] == "changed outside"
    assert f"{path} is not what lmi-deploy uploaded" in row["reasons"][0]
    account.mend(row)
    assert account.drift()["state"] == "in sync"


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
