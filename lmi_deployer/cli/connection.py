"""The account, or the sandbox, that a command's options name."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmi_deployer.cli.options import AwsOptions
from lmi_deployer.cli.output import say
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.apply import Clock
    from lmi_deployer.edges.aws import Aws
    from lmi_deployer.sandbox import SandboxSettings

SANDBOX_REGION = "us-east-1"
SANDBOX_POLL_SECONDS = 0.05
HOW_TO_KEEP = """\
This sandbox ended with the command. To keep one for several commands:
  lmi-deploy sandbox serve      in another terminal
or the same command with --sandbox-state FILE."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """An account that a command works with, and what to call it in its output."""

    aws: Aws
    clock: Clock
    where: str | None
    """Set in a sandbox: it stands in every output."""
    ends_with_command: bool
    """True for a sandbox that this command started and that leaves nothing behind."""

    def marked(self, line: str) -> str:
        """A line of output that says when it is about a sandbox."""
        return line if self.where is None else f"{line}    {self.where}"


@contextmanager
def connected(options: AwsOptions) -> Iterator[Connection]:
    """The account that the options name, or a sandbox for as long as the block runs."""
    if options.sandbox:
        with _sandbox(options) as connection:
            yield connection
        return
    from lmi_deployer.apply import Clock

    aws = _aws(
        region=options.region,
        aws_profile=options.aws_profile,
        role_arn=options.role,
        artifacts=options.artifacts,
    )
    yield Connection(aws=aws, clock=Clock(), where=None, ends_with_command=False)


def _aws(**settings: str | None) -> Aws:
    """An account. boto3 is imported without the garbage collector, which would find nothing."""
    gc.disable()
    try:
        from lmi_deployer.edges.aws import Aws
        from lmi_deployer.edges.aws_calls import AwsSettings
    finally:
        gc.enable()
    return Aws(AwsSettings(**settings))


@contextmanager
def _sandbox(options: AwsOptions) -> Iterator[Connection]:
    """The sandbox that another command keeps running, or one that lives as long as the block."""
    from lmi_deployer.cli import sandbox_finder
    from lmi_deployer.sandbox import running_sandbox

    kept = None if options.sandbox_state else sandbox_finder.find()
    gone = None if kept or options.sandbox_state else sandbox_finder.find_announced()
    if gone is not None:
        say(f"the sandbox at {gone.endpoint_url} is gone; this command starts one of its own")
    if kept is not None:
        if options.region not in {None, kept.region}:
            raise InputError(
                f"the running sandbox is for {kept.region}, not {options.region}",
                fix=f"--region {kept.region}",
            )
        where = f"sandbox at {kept.endpoint_url}: no AWS, no cost"
        yield _to_sandbox(kept, options, where, ends_with_command=False)
        return
    region = options.region or SANDBOX_REGION
    with running_sandbox(region=region, state_file=options.sandbox_state) as started:
        is_kept = options.sandbox_state is not None
        where = "sandbox: no AWS, no cost"
        yield _to_sandbox(started, options, where, ends_with_command=not is_kept)


def _to_sandbox(
    sandbox: SandboxSettings, options: AwsOptions, where: str, *, ends_with_command: bool
) -> Connection:
    from lmi_deployer.apply import Clock

    aws = _aws(
        region=sandbox.region,
        endpoint_url=sandbox.endpoint_url,
        access_key_id=sandbox.access_key_id,
        secret_access_key=sandbox.secret_access_key,
        role_arn=options.role or sandbox.role_arn,
        artifacts=options.artifacts,
    )
    return Connection(
        aws=aws,
        clock=Clock(poll_seconds=SANDBOX_POLL_SECONDS),
        where=where,
        ends_with_command=ends_with_command,
    )
