"""The AWS that `--sandbox` talks to: an HTTP server on this machine, nothing beyond it.

It is moto plus the SageMaker behaviour that moto lacks and a deployment depends on. Importing this
package costs nothing; moto and Flask are imported when a sandbox starts.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lmi_deployer.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the sandbox extra brings, by import names; py_partiql_parser is moto[s3]'s.
EXTRA = ("boto3", "moto", "py_partiql_parser", "flask", "flask_cors")

__all__ = ["SandboxSettings", "running_sandbox"]


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """What a client needs in order to work against a running sandbox."""

    endpoint_url: str
    region: str
    account: str
    role_arn: str
    artifacts: str
    access_key_id: str
    secret_access_key: str


@contextmanager
def running_sandbox(
    *,
    region: str = "us-east-1",
    port: int = 0,
    state_file: Path | None = None,
    describes: int = 2,
) -> Iterator[SandboxSettings]:
    """Sandbox that answers on 127.0.0.1 for as long as the block runs.

    Port 0 takes a free one. With a `state_file`, what an earlier sandbox left there is restored,
    and every change is in the file before the call that made it is answered. `describes` is how
    many DescribeEndpoint calls still show Creating or Updating.

    moto keeps its state per process, so one process runs one sandbox at a time: a second one
    meanwhile raises RuntimeError. An in-process `mock_aws` would share that state too.

    Raises InputError for an unknown region, a port that is taken, or a state file it cannot use,
    and MissingExtraError when the sandbox extra is not installed.
    """
    _require_extra()
    from lmi_deployer.sandbox.emulator import emulated_aws
    from lmi_deployer.sandbox.server import listening_socket, serving, url_of

    with (
        listening_socket(port) as listener,
        emulated_aws(
            region=region,
            endpoint_url=url_of(listener),
            state_file=state_file,
            describes=describes,
        ) as aws,
        serving(aws.app, listener),
    ):
        yield SandboxSettings(
            endpoint_url=url_of(listener),
            region=region,
            account=aws.seed.account,
            role_arn=aws.seed.role_arn,
            artifacts=aws.seed.artifacts,
            access_key_id=aws.seed.access_key_id,
            secret_access_key=aws.seed.secret_access_key,
        )


def _require_extra() -> None:
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the sandbox needs {', '.join(missing)}, which is not installed",
            fix="pip install 'lmi-deploy[sandbox]'",
        )
