"""Which engines endpoints serve from, wherever SageMaker lets one say it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from lmi_deployer.caching.used import used_engines
from lmi_deployer.edges.aws import Aws
from lmi_deployer.errors import InputError
from lmi_deployer.state import ObservedEndpoint

CACHE = "s3://acme/engines/"
NAME = "0123456789abcdef"
URI = f"{CACHE}{NAME}/artifact/"
PROPERTIES = f"engine=MPI\noption.model_id={URI}\n".encode()


@dataclass
class Account:
    """One endpoint whose model has this container."""

    container: dict[str, Any]
    contents: dict[str, bytes] = field(default_factory=dict)
    configs: tuple[str, ...] = ("config",)
    models: tuple[str, ...] = ("model",)
    pending: str | None = None

    def deployments(self) -> list[str]:
        return ["chat-g5"]

    def endpoint(self, name: str) -> ObservedEndpoint:
        first = "old" if self.pending else "config"
        return ObservedEndpoint(
            status="InService",
            endpoint_config_name=first,
            pending_config_name=self.pending,
            failure_reason=None,
        )

    def endpoint_config(self, name: str) -> dict[str, Any] | None:
        model = "model" if name == "config" else "plain"
        return {"ProductionVariants": [{"ModelName": model}]} if name in self.configs else None

    def model(self, name: str) -> dict[str, Any] | None:
        container = self.container if name == "model" else {}
        return {"PrimaryContainer": container} if name in self.models else None

    def content(self, uri: str) -> bytes | None:
        return self.contents.get(uri)


def used(account: Account) -> dict[str, list[str]]:
    return used_engines(cast(Aws, account), CACHE)


def folder(uri: str, compression: str = "None") -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": compression}
    return {"ModelDataSource": {"S3DataSource": source}}


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("serving.properties")
        member.size = len(PROPERTIES)
        tar.addfile(member, io.BytesIO(PROPERTIES))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "account",
    [
        Account({"Environment": {"OPTION_MODEL_ID": URI}}),
        Account(folder(URI)),
        Account(folder("s3://a/b/"), {"s3://a/b/serving.properties": PROPERTIES}),
        Account(
            folder("s3://a/b/"),
            {"s3://a/b/serving.properties": PROPERTIES.replace(b"s3:", rb"s3\:")},
        ),
        Account({"ModelDataUrl": "s3://a/b/model.tar.gz"}, {"s3://a/b/model.tar.gz": archive()}),
        Account(folder("s3://a/b/model.tar.gz", "Gzip"), {"s3://a/b/model.tar.gz": archive()}),
        Account(
            {"Environment": {"OPTION_MODEL_ID": URI}},
            configs=("config", "old"),
            models=("model", "plain"),
            pending="config",
        ),
    ],
)
def test_an_engine_is_used_by_the_endpoint_that_names_it(account: Account):
    assert used(account) == {NAME: ["chat-g5"]}


@pytest.mark.parametrize(
    "account",
    [
        Account({}),
        Account({"Environment": {"OPTION_MODEL_ID": "s3://acme/others/0123456789abcdef/"}}),
        Account(folder("s3://a/b/")),
    ],
)
def test_an_endpoint_that_names_none_uses_none(account: Account):
    assert used(account) == {}


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        (Account({}, configs=()), "its configuration config is gone"),
        (Account({}, models=()), "its model model is gone"),
        (Account({"ModelDataUrl": "s3://a/m.tar.gz"}), "s3://a/m.tar.gz is gone"),
        (Account({"ModelDataUrl": "s3://a/m"}, {"s3://a/m": b"x"}), "s3://a/m is no archive"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_not_unused(account: Account, problem: str):
    with pytest.raises(InputError, match=f"endpoint chat-g5 .* cannot be read: {problem}"):
        used(account)
