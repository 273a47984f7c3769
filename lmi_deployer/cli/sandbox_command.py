"""`lmi-deploy sandbox serve`: an AWS emulator that outlives one command."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from lmi_deployer.cli.connection import SANDBOX_REGION
from lmi_deployer.cli.output import say
from lmi_deployer.cli.sandbox_finder import announced


@click.group("sandbox")
def command() -> None:
    """Run an AWS emulator on this machine."""


@command.command("serve")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--region", default=SANDBOX_REGION, show_default=True, help="AWS region it stands for."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep everything in FILE, and start with what is in it.",
)
def serve(port: int, region: str, state: Path | None) -> int:
    """Keep a sandbox running; every command with --sandbox finds it by itself.

    Stop it with Ctrl-C. Other tools reach it through the variables it prints.
    """
    from lmi_deployer.sandbox import running_sandbox

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    with (
        running_sandbox(region=region, port=port, state_file=state) as settings,
        announced(settings),
    ):
        click.echo(f"export AWS_ENDPOINT_URL={settings.endpoint_url}")
        click.echo(f"export AWS_ACCESS_KEY_ID={settings.access_key_id}")
        click.echo(f"export AWS_SECRET_ACCESS_KEY={settings.secret_access_key}")
        click.echo(f"export AWS_REGION={settings.region}")
        click.echo(f"export AWS_DEFAULT_REGION={settings.region}")
        click.echo(f"export LMI_DEPLOY_ROLE={settings.role_arn}")
        say(f"sandbox for {region} at {settings.endpoint_url}; Ctrl-C stops it")
        try:
            stop.wait()
        except KeyboardInterrupt:
            say("stopped")
    return 0
