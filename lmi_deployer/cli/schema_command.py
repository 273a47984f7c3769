"""`lmi-deploy schema`: the JSON Schema of profiles."""

from __future__ import annotations

import click

from lmi_deployer.cli.output import print_json
from lmi_deployer.profile import json_schema


@click.command("schema")
def command() -> int:
    """Print the JSON Schema of the profile file; editors complete and check with it."""
    print_json(json_schema())
    return 0
