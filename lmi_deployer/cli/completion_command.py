"""`lmi-deploy completion`: the script that makes a shell complete commands and profiles."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of SHELL.

    For bash, in ~/.bashrc: eval "$(lmi-deploy completion bash)"
    """
    from click.shell_completion import get_completion_class

    from lmi_deployer.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None  # click ships all three
    script = kind(cli, {}, "lmi-deploy", "_LMI_DEPLOY_COMPLETE")
    click.echo(script.source())
    return 0
