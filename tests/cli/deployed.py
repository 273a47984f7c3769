"""A sandbox in which profiles are deployed and then changed behind lmi-deploy's back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.loaders import create_loader
from botocore.session import Session

from lmi_deployer.cli import connection
from lmi_deployer.edges import aws_calls
from lmi_deployer.edges.aws import Aws
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.cli.conftest import Command, Outcome

POLL_SECONDS = 0.01


@contextmanager
def quick_sandbox(*, is_shared: bool = True, **options: Any) -> Iterator[SandboxSettings]:
    """A sandbox whose clients parse the models of the services once, and poll without a pause.

    With `is_shared` all commands have one connection, which knows the account after the first.
    """
    with running_sandbox(**options) as settings, pytest.MonkeyPatch.context() as patched:
        isolated, parsed = aws_calls._isolated, create_loader()

        def with_parsed_models() -> Session:
            session = isolated()
            session.register_component("data_loader", parsed)
            return session

        patched.setattr(aws_calls, "_isolated", with_parsed_models)
        patched.setattr(connection, "SANDBOX_POLL_SECONDS", POLL_SECONDS)
        if is_shared:
            patched.setattr(connection, "_aws", cache(connection._aws))
        yield settings


@dataclass(frozen=True)
class Account:
    """A sandbox that all commands find, looked at from outside, and one profile in it."""

    settings: SandboxSettings
    lmi: Command
    name: str
    """Of the profile, which nothing else in the sandbox has."""

    @property
    def endpoint(self) -> str:
        return f"{self.name}-g5"

    @property
    def file(self) -> Path:
        return Path(f"profiles/{self.name}.yaml")

    def __call__(self, *arguments: str) -> Outcome:
        return self.lmi(*arguments, "--sandbox")

    @cached_property
    def aws(self) -> Aws:
        return connection._aws(
            region=self.settings.region,
            endpoint_url=self.settings.endpoint_url,
            access_key_id=self.settings.access_key_id,
            secret_access_key=self.settings.secret_access_key,
            role_arn=self.settings.role_arn,
            artifacts=None,
        )

    def client(self, service: str) -> Any:
        return self.aws.calls.client(service)

    @property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    def ask(self, path: str, method: str = "GET", **body: Any) -> Any:
        """What a route of the sandbox's own answers."""
        url = f"{self.settings.endpoint_url}/lmi-sandbox/{path}"
        data = json.dumps(body).encode() if body else None
        with urlopen(Request(url, data=data, method="POST" if body else method)) as answer:
            return json.load(answer)

    def refuse(self, operation: str, message: str = "no", **more: Any) -> None:
        """The next call of an operation is denied."""
        self.ask(
            "faults",
            operation=operation,
            code=more.pop("code", "AccessDeniedException"),
            message=message,
            status=400,
            **more,
        )

    def up(self, *more: str) -> Outcome:
        """Deploy the profile as it stands in its file."""
        done = self("up", str(self.file), "-p", "g5", "--yes", "--no-smoke", *more)
        assert done.status == 0, done.err
        return done

    def edit(self, *changes: tuple[str, str]) -> None:
        """Change the profile's file."""
        text = self.file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def described(self) -> dict[str, Any]:
        return dict(self.sagemaker.describe_endpoint(EndpointName=self.endpoint))

    def config(self) -> dict[str, Any]:
        """The configuration that the endpoint runs."""
        name = self.described()["EndpointConfigName"]
        return dict(self.sagemaker.describe_endpoint_config(EndpointConfigName=name))

    def tag(self, **tags: str) -> None:
        """Give the endpoint tags; `__` in a name stands for what Python allows in none."""
        listed = [{"Key": key.replace("__", ":"), "Value": text} for key, text in tags.items()]
        self.sagemaker.add_tags(ResourceArn=self.described()["EndpointArn"], Tags=listed)

    def files(self) -> dict[str, str]:
        """Path below the bundle's folder: key of the object."""
        client, bucket = self.client("s3"), f"sagemaker-us-east-1-{self.settings.account}"
        prefix = f"lmi-deploy/{self.endpoint}/"
        listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        keys = [item["Key"] for item in listed]
        return {key.removeprefix(prefix).partition("/")[2]: key for key in keys}

    def put(self, path: str, body: bytes) -> None:
        """Change a file of the bundle, or add one."""
        bucket = f"sagemaker-us-east-1-{self.settings.account}"
        files = self.files()
        folder = files["manifest.json"].removesuffix("manifest.json")
        self.client("s3").put_object(Bucket=bucket, Key=f"{folder}{path}", Body=body)

    def remove(self, path: str) -> None:
        bucket = f"sagemaker-us-east-1-{self.settings.account}"
        self.client("s3").delete_object(Bucket=bucket, Key=self.files()[path])

    def other_config(self, name: str, **variant: Any) -> str:
        """Make a configuration by hand, like the one that runs but for some fields."""
        config = self.config()
        (now,) = config["ProductionVariants"]
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**now, **variant}]
        )
        return name

    def report(self, *arguments: str) -> dict[str, Any]:
        """What `drift -o json` says."""
        done = self("drift", *arguments, "-o", "json")
        assert done.status == 0, done.err
        return dict(json.loads(done.out))

    def drift(self, *arguments: str) -> dict[str, Any]:
        """What `drift` says of this one endpoint, beside all others."""
        rows = self.report(*arguments)["deployments"]
        (row,) = [row for row in rows if row["endpoint"] == self.endpoint]
        return dict(row)

    def mend(self, row: Mapping[str, Any]) -> None:
        """Run the commands that `drift` offers, as a user would."""
        assert row["mend"]
        for command in row["mend"]:
            words = shlex.split(command, comments=True)
            if words[0] == "lmi-deploy":
                more = ("--yes", "--no-smoke") if words[1] == "up" else ("--yes",)
                done = self.lmi(*words[1:], *more)
                assert done.status == 0, done.err
            else:
                self._aws_command(words)

    def _aws_command(self, words: list[str]) -> None:
        """The two commands of the AWS command line that `drift` offers."""
        options = dict(zip(words[3::2], words[4::2], strict=False))
        pairs = [dict(item.split("=", 1) for item in text.split(",")) for text in words[-1:]]
        if words[:3] == ["aws", "sagemaker", "add-tags"]:
            tags = words[words.index("--tags") + 1 :]
            pairs = [dict(part.split("=", 1) for part in text.split(",", 1)) for text in tags]
            self.sagemaker.add_tags(ResourceArn=options["--resource-arn"], Tags=pairs)
            return
        assert words[:3] == ["aws", "sagemaker", "update-endpoint-weights-and-capacities"]
        (pair,) = pairs
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=options["--endpoint-name"],
            DesiredWeightsAndCapacities=[
                {**pair, "DesiredInstanceCount": int(pair["DesiredInstanceCount"])}
            ],
        )
        self.described()
