"""What `lmi-deploy drift` says where profiles or AWS do not tell what should run, or what runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.deployed import Account


@pytest.mark.parametrize(
    ("change", "said", "mend"),
    [
        (None, "no profile NAME is in profiles", ["import", "down"]),
        (("  g5:", "  g6:"), "FILE has no hardware profile g5", ["import", "down"]),
        (("kind:", "kin:"), "FILE cannot be read: FILE:1:1: ", []),
        (("search}", "search}, name: other-NAME"), "FILE deploys NAME / g5 as other-NAME now",
         ["up", "down"]),
        (("ml.g5.2xlarge", "ml.g5.3xlarge"), "FILE cannot be decided: FILE:9:20: ", []),
    ],
)  # fmt: skip
def test_what_no_profile_describes_is_unknown_and_why(
    deployed: Account, change: tuple[str, str] | None, said: str, mend: list[str]
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
    assert [command.split()[1] for command in row["mend"]] == mend


def test_an_endpoint_whose_name_another_hardware_profile_has_now_is_removed_first(
    deployed: Account,
):
    deployed.edit(("  g5:", "  a10g:"), ("search}", f"search}}, name: {deployed.endpoint}"))
    row = deployed.drift()
    assert row["state"] == "unknown"
    deploys = f"{deployed.file} deploys {deployed.name} / a10g as {deployed.endpoint}"
    assert row["reasons"] == [f"{deployed.file} has no hardware profile g5; {deploys}"]
    (named,) = deployed.report(deployed.name, "-p", "a10g")["deployments"]
    assert (named["state"], named["mend"]) == ("missing", [])  # nobody is told to take it over
    assert f"endpoint {deployed.endpoint} (made for {deployed.name} / g5)" in named["reasons"][0]
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


def test_an_endpoint_of_another_tool_is_left_alone_and_unnamed(account: Account):
    account.up()
    config = account.config()["EndpointConfigName"]
    other = Account(account.settings, account.lmi, f"{account.name}-z")
    tags = [{"Key": "lmi-deploy:deployment", "Value": "another"}]
    account.sagemaker.create_endpoint(
        EndpointName=other.endpoint, EndpointConfigName=config, Tags=tags
    )
    other.file.write_text(account.file.read_text().replace(account.name, other.name))
    assert [row["endpoint"] for row in account.report()["deployments"]] == [account.endpoint]
    row = account.drift(account.name)
    assert row["state"] == "in sync"
    taken = other.drift(other.name)
    assert (taken["state"], taken["status"], taken["mend"]) == ("missing", "InService", [])
    assert taken["reasons"][-1] == "`up` leaves that endpoint as it is"


def test_what_is_left_without_endpoint_and_profile_is_a_note(deployed: Account):
    deployed.sagemaker.delete_endpoint(EndpointName=deployed.endpoint)
    deployed.described()
    text = deployed.file.read_text()
    deployed.file.unlink()
    report = deployed.report()
    assert (report["deployments"], report["drifted"]) == ([], False)
    (note,) = report["notes"]
    assert note.endswith(f"`lmi-deploy down {deployed.endpoint}` removes them")
    (row,) = deployed.report(deployed.endpoint)["deployments"]
    assert (row["state"], row["mend"]) == (
        "missing",
        [f"lmi-deploy down {deployed.endpoint} --sandbox  # removes it"],
    )
    deployed.file.write_text(text.replace("kind:", "kin:"))
    row = deployed.drift()
    assert (row["state"], row["mend"]) == ("missing", [])
    deployed.file.unlink()
    assert deployed("down", deployed.endpoint, "--yes").status == 0
    assert deployed.report()["notes"] == []


HOSTILE = [
    "$(touch hacked); `touch hacked` && touch hacked",
    "<b>@all</b> | ```",
    "x\x1b[31m\n::error::x",
    f"hf_{'a' * 30}",
    "../../etc/passwd",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_tags_that_lie_are_shown_on_one_line_and_stand_in_no_command(deployed: Account, value: str):
    deployed.file.unlink()
    deployed.tag(**{"lmi-deploy:profile": value, "lmi-deploy:hardware": value})
    shown = deployed("drift")
    assert f"{deployed.endpoint}: unknown" in shown.out
    for said in (shown.out, deployed("drift", "-o", "json").out):
        assert "\x1b" not in said
        assert "\n::error" not in said
        assert "hf_a" not in said
    for command in deployed.drift()["mend"]:
        assert value not in command


@pytest.mark.parametrize("tag", ["lmi-deploy:profile", "lmi-deploy:hardware"])
def test_an_ownership_tag_that_says_another_profile_is_told_from_a_renamed_profile(
    deployed: Account, tag: str
):
    deployed.tag(**{tag: "other"})
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert [command.split()[0] for command in row["mend"]] == ["aws", "lmi-deploy"]
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


@pytest.mark.parametrize("folder", ["s3://", " ", "s3://b\x1b[31m/", "s3://UP_er/x/"])
def test_a_tag_that_names_no_folder_hides_nothing(deployed: Account, folder: str):
    deployed.tag(**{"lmi-deploy:folder": folder})
    row = deployed.drift()
    assert row["state"] == "changed outside"
    assert row["reasons"][0].startswith("its tag lmi-deploy:folder is ")
    deployed.mend(row)
    assert deployed.drift()["state"] == "in sync"


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


def test_an_endpoint_whose_tags_name_no_profile_is_unknown(deployed: Account):
    arn = deployed.described()["EndpointArn"]
    deployed.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["lmi-deploy:profile"])
    deployed.file.unlink()
    assert deployed.drift()["reasons"] == ["its tags name no profile"]


@pytest.mark.parametrize("operation", ["ListTags", "ListModels"])
def test_what_could_not_be_looked_for_is_told_and_is_no_success(account: Account, operation: str):
    account.up()
    account.file.unlink()
    account.refuse(operation, times=9)
    report = account.report()
    assert not report["complete"]
    assert any(operation in note for note in report["notes"])
    done = account("drift", "--exit-code")
    assert done.status == 3
    assert "nothing is deployed\n" not in done.out


def test_an_endpoint_that_cannot_be_described_is_not_said_to_be_absent(deployed: Account):
    deployed.refuse("DescribeEndpoint", times=1)
    done = deployed("drift", deployed.name)
    assert "unreadable  not known" in done.out


def test_nothing_that_cannot_be_listed_is_said_to_be_fine(account: Account):
    account.refuse("ListEndpoints", times=1)
    done = account("drift", "--exit-code")
    assert (done.status, done.out) == (1, "")
    assert "ListEndpoints: no (AccessDeniedException)" in done.err
