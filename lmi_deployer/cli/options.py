"""Arguments and options that several commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class AwsOptions:
    """What the command line says about the account to use."""

    region: str | None
    aws_profile: str | None
    role: str | None
    artifacts: str | None
    sandbox: bool
    sandbox_state: Path | None

    @property
    def suffix(self) -> str:
        """What a follow-up command needs to reach the same place."""
        flags = [" --sandbox"] if self.sandbox else []
        if self.sandbox and self.sandbox_state:
            flags.append(f" --sandbox-state {shlex.quote(str(self.sandbox_state))}")
        flags += [f" --region {self.region}"] if self.region else []
        flags += [f" --aws-profile {shlex.quote(self.aws_profile)}"] if self.aws_profile else []
        return "".join(flags)


def model_argument(function: Function) -> Function:
    """Add MODEL, -p/--profile and --set."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a setting of the hardware profile; repeatable.",
    )(function)
    function = click.option(
        "-p",
        "--profile",
        "hardware",
        multiple=True,
        metavar="HARDWARE",
        callback=lambda _context, _option, value: _split(value),
        shell_complete=_complete_hardware,
        help="Hardware profile: a name, several with commas, or `all`.",
    )(function)
    return click.argument("model", metavar="MODEL", shell_complete=_complete_model)(function)


def aws_options(function: Function) -> Function:
    """Add the options that say which account to use; the command gets them as `where`."""
    options = (
        click.option("--region", metavar="REGION", envvar="LMI_DEPLOY_REGION", help="AWS region."),
        click.option(
            "--aws-profile",
            metavar="NAME",
            envvar="LMI_DEPLOY_AWS_PROFILE",
            help="Credentials of ~/.aws to use.",
        ),
        click.option(
            "--role",
            metavar="ARN",
            envvar="LMI_DEPLOY_ROLE",
            help="Execution role of the endpoint.",
        ),
        click.option(
            "--artifacts",
            metavar="S3_URI",
            envvar="LMI_DEPLOY_ARTIFACTS",
            callback=_folder,
            help="S3 folder for the rendered files.",
        ),
        click.option(
            "--sandbox",
            is_flag=True,
            envvar="LMI_DEPLOY_SANDBOX",
            help="Use an AWS emulator on this machine: no account, no cost.",
        ),
        click.option(
            "--sandbox-state",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="LMI_DEPLOY_SANDBOX_STATE",
            help="File in which the sandbox keeps its state from one command to the next.",
        ),
    )
    names = ("region", "aws_profile", "role", "artifacts", "sandbox", "sandbox_state")

    def gathered(*args: Any, **values: Any) -> Any:
        where = AwsOptions(**{name: values.pop(name) for name in names})
        return function(*args, where=where, **values)

    gathered.__name__, gathered.__doc__ = function.__name__, function.__doc__
    gathered.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(options):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the result on standard output.",
)
yes_option = click.option(
    "-y", "--yes", is_flag=True, envvar="LMI_DEPLOY_YES", help="Do not ask before changing things."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on standard error.")


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for value in values for name in value.split(",") if name)


def _folder(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not value.startswith("s3://") or len(value) == len("s3://"):
        raise click.BadParameter("must be of the form s3://bucket/prefix/")
    return value if value.endswith("/") else f"{value}/"


def _complete_model(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from lmi_deployer.resources import shipped_profiles

    names = {*shipped_profiles(), *(path.stem for path in Path("profiles").glob("*.yaml"))}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _complete_hardware(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from lmi_deployer import api
    from lmi_deployer.errors import LmiDeployError
    from lmi_deployer.resources import find_profile

    # click parses nothing of a line that ends in "-p", so MODEL is looked for in the words.
    for word in os.environ.get("COMP_WORDS", "").split()[1:]:
        try:
            loaded = api.read_profile(find_profile(word))
        except LmiDeployError:
            continue
        names = (*loaded.hardware_names, api.ALL)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []
