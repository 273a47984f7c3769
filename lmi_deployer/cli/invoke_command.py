"""`lmi-deploy invoke`: one prompt to a real-time endpoint."""

from __future__ import annotations

import click

from lmi_deployer import live
from lmi_deployer.cli.connection import connected
from lmi_deployer.cli.options import AwsOptions, aws_options, output_option
from lmi_deployer.cli.output import print_document, say
from lmi_deployer.invocation import SMOKE_PROMPT


@click.command("invoke")
@click.argument("endpoint", metavar="ENDPOINT")
@aws_options
@output_option
@click.option("--prompt", default=SMOKE_PROMPT, show_default=True, help="Text to go on from.")
@click.option(
    "--max-new-tokens",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Longest answer, in tokens.",
)
def command(endpoint: str, where: AwsOptions, output: str, prompt: str, max_new_tokens: int) -> int:
    """Send one prompt to ENDPOINT and print what it generates.

    The request is sent once: a slow model is never asked the same thing twice.
    """
    with connected(where) as connection:
        text = live.invoke(endpoint, prompt, max_new_tokens, connection.aws)
        if connection.where and output == "text":
            say(connection.where)
    if output == "json":
        print_document(sandbox=where.sandbox, endpoint=endpoint, generated_text=text)
    else:
        click.echo(text)
    return 0
