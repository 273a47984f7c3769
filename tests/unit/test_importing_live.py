from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from lmi_deployer import catalog, render
from lmi_deployer.deployment import Deployment
from lmi_deployer.errors import InputError
from lmi_deployer.importing import Imported, Wish, import_profile
from lmi_deployer.importing.live import Live, completed, describe, differences, image_of
from lmi_deployer.state import ObservedEndpoint
from tests.specs import TARGET, a_deployment, make_spec

NOTHING = Wish(container="", instance_type="")


class Account:
    """What an account says of one endpoint; tests change what they are about."""

    region = TARGET.region

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.config: dict[str, Any] = dict(deployment.endpoint_config)
        self.described: dict[str, Any] = dict(deployment.model)
        self.tags: Mapping[str, str] = deployment.tags
        self.objects = {
            f"{deployment.bundle_folder}{path}": content
            for path, content in deployment.bundle.files.items()
        }

    def artifacts(self) -> str:
        return TARGET.artifacts

    def endpoint(self, name: str) -> ObservedEndpoint | None:
        if name != self.deployment.name:
            return None
        config = self.deployment.endpoint_config_name
        return ObservedEndpoint(status="InService", endpoint_config_name=config)

    def endpoint_config(self, name: str) -> Mapping[str, Any] | None:
        return self.config if name == self.deployment.endpoint_config_name else None

    def model(self, name: str) -> Mapping[str, Any] | None:
        return self.described if name == self.deployment.model_name else None

    def endpoint_tags(self, _name: str) -> Mapping[str, str]:
        return self.tags

    def content(self, uri: str) -> bytes | None:
        return self.objects.get(uri)

    @property
    def variant(self) -> dict[str, Any]:
        (variant,) = self.config["ProductionVariants"]
        return variant  # type: ignore[no-any-return]

    def change(self, **variant: object) -> None:
        """Change fields of the variant; None removes one."""
        changed = {**self.variant, **variant}
        kept = {key: value for key, value in changed.items() if value is not None}
        self.config["ProductionVariants"] = [kept]

    def contain(self, **container: object) -> None:
        """Change fields of the container; None removes one."""
        changed = {**self.described["PrimaryContainer"], **container}
        kept = {key: value for key, value in changed.items() if value is not None}
        self.described["PrimaryContainer"] = kept


@pytest.fixture
def account() -> Account:
    return Account(a_deployment())


def live_of(account: Account) -> Live:
    return describe(account.deployment.name, account)  # type: ignore[arg-type]


def imported(account: Account, wish: Wish = NOTHING) -> Imported:
    live = live_of(account)
    return import_profile(live.written, completed(live, wish))


def test_what_a_profile_deployed_comes_back_as_that_profile(account: Account):
    made = imported(account)
    wanted = replace(made.spec, file="", origin={})
    spec = make_spec("endpoint.role=" + TARGET.role_arn)
    assert wanted == replace(spec, file="", origin={})
    assert list(differences(live_of(account), made.spec)) == []


def test_an_endpoint_that_somebody_else_made_keeps_its_name_its_tags_and_its_network(
    account: Account,
):
    account.tags = {"team": "search"}
    network = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    account.described["VpcConfig"] = network
    account.change(InitialInstanceCount=3)
    made = imported(account)
    endpoint = made.spec.endpoint
    assert made.spec.title == "llama-2-7b-fp16 / g5"
    assert (endpoint.name, endpoint.instance_count) == ("chat-g5", 3)
    assert (endpoint.tags, endpoint.role) == ({"team": "search"}, TARGET.role_arn)
    assert (endpoint.subnets, endpoint.security_groups) == (("subnet-1",), ("sg-1",))


def test_a_folder_of_its_own_is_kept(account: Account):
    account.tags = {**account.tags, "lmi-deploy:folder": "s3://acme-other/x/chat-g5/"}
    assert imported(account).spec.endpoint.artifacts == "s3://acme-other/x/"


def test_the_environment_of_the_container_counts_too(account: Account):
    account.contain(
        ModelDataSource=None,
        Environment={"HF_MODEL_ID": "TheBloke/Llama-2-7B-fp16", "TENSOR_PARALLEL_DEGREE": "1",
                     "OPTION_ROLLING_BATCH": "lmi-dist", "OPTION_ENGINE": "MPI"},
    )  # fmt: skip
    account.contain(Image=a_deployment("container.version='0.28.0'").model["PrimaryContainer"]
                    ["Image"])  # fmt: skip
    made = imported(account)
    assert render.properties(made.spec) == {
        "engine": "MPI",
        "option.model_id": "TheBloke/Llama-2-7B-fp16",
        "option.rolling_batch": "lmi-dist",
        "option.tensor_parallel_degree": "1",
    }


def test_loading_gets_the_time_that_the_endpoint_gives_where_the_file_says_nothing(
    account: Account,
):
    (uri,) = account.objects
    lines = account.objects[uri].splitlines(keepends=True)
    account.objects[uri] = b"".join(line for line in lines if b"loading_timeout" not in line)
    account.change(ContainerStartupHealthCheckTimeoutInSeconds=2100)
    made = imported(account)
    assert made.spec.endpoint.startup_timeout_seconds == 2100
    assert "model_loading_timeout_seconds: 1800  # what the endpoint allows" in made.text
    assert "option.model_loading_timeout" not in render.properties(made.spec)


def test_what_the_profile_would_change_about_the_endpoint_is_told(account: Account):
    account.change(ModelDataDownloadTimeoutInSeconds=1800, RoutingConfig=None)
    account.config["DataCaptureConfig"] = {"EnableCapture": True}
    account.described["EnableNetworkIsolation"] = True
    made = imported(account)
    assert set(differences(live_of(account), made.spec)) == {
        "ModelDataDownloadTimeoutInSeconds is 1800, and would be 600",
        'RoutingConfig is left out, and would be {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}',
        'DataCaptureConfig is {"EnableCapture": true}, and would be left out',
        "EnableNetworkIsolation is True, and would be left out",
    }


def test_an_archive_is_known_for_what_it_is(account: Account):
    assert not live_of(account).is_archive
    account.contain(ModelDataSource=None, ModelDataUrl="s3://acme-models/x/model.tar.gz")
    live = live_of(account)
    assert live.is_archive
    assert live.properties is None
    assert live.section("chat-g5")["packaging"] == "tar.gz"


@pytest.mark.parametrize(
    ("variant", "problem"),
    [
        ({"ServerlessConfig": {"MaxConcurrency": 1}}, "is serverless"),
        ({"ModelName": None}, "runs inference components"),
        ({"ModelName": "gone"}, "the model of endpoint chat-g5, gone, is gone"),
    ],
)
def test_an_endpoint_of_another_kind_is_refused(
    account: Account, variant: dict[str, object], problem: str
):
    account.change(**variant)
    with pytest.raises(InputError, match=problem):
        live_of(account)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"AsyncInferenceConfig": {}}, "answers asynchronously"),
        ({"ShadowProductionVariants": [{}]}, "has several variants"),
        ({"ProductionVariants": []}, "has several variants"),
    ],
)
def test_a_configuration_of_another_kind_is_refused(
    account: Account, config: dict[str, object], problem: str
):
    account.config |= config
    with pytest.raises(InputError, match=problem):
        live_of(account)


def test_an_endpoint_that_is_not_there_is_refused(account: Account):
    with pytest.raises(InputError, match="there is no endpoint other in us-east-1"):
        describe("other", account)  # type: ignore[arg-type]


def test_several_containers_in_a_row_are_refused(account: Account):
    container = account.described.pop("PrimaryContainer")
    account.described["Containers"] = [container]
    assert live_of(account).container == container
    account.described["Containers"] = [container, container]
    with pytest.raises(InputError, match="no single container image"):
        live_of(account)


IMAGES = [
    (version, flavor, image.tag)
    for version in catalog.names("containers")
    for flavor, image in catalog.container(version).flavors.items()
]


@pytest.mark.parametrize(("version", "flavor", "tag"), IMAGES, ids=[tag for *_, tag in IMAGES])
@pytest.mark.parametrize("ending", ["", "-v1.2", "@sha256:" + "0" * 64])
def test_every_image_of_the_catalog_is_known_by_its_tag(
    version: str, flavor: str, tag: str, ending: str
):
    host = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
    assert image_of(f"{host}/djl-inference:{tag}{ending}") == (version, flavor)


@pytest.mark.parametrize("uri", ["x/djl-inference:0.25.0", "x/djl-inference", "x:5000/other", ""])
def test_another_image_is_refused_unless_its_version_is_told(account: Account, uri: str):
    with pytest.raises(InputError, match="--container and --flavor"):
        image_of(uri)
    account.contain(Image=uri or "x")
    told = imported(account, replace(NOTHING, container="0.25.0", flavor="deepspeed"))
    assert told.spec.container.version == "0.25.0"
    assert any(line.startswith("Image is ") for line in differences(live_of(account), told.spec))
