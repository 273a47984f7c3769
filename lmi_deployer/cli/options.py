"""Arguments and options that several commands share."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from lmi_deployer.s3 import FOLDER_FORM, is_folder

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
    def place(self) -> str:
        """What a follow-up command needs to reach the same account."""
        flags = [" --sandbox"] if self.sandbox else []
        state = self.sandbox_state if self.sandbox else None
        for flag, value in (
            ("--sandbox-state", state),
            ("--region", self.region),
            ("--aws-profile", self.aws_profile),
        ):
            flags += [f" {flag} {shlex.quote(str(value))}"] if value else []
        return "".join(flags)

    @property
    def suffix(self) -> str:
        """What a follow-up command needs to mean the same deployment there."""
        flags = [f" --role {shlex.quote(self.role)}"] if self.role else []
        flags += [f" --artifacts {self.artifacts}"] if self.artifacts else []
        return self.place + "".join(flags)


def model_argument(
    function: Function, *, required: bool = True, completes: Callable[..., Any] | None = None
) -> Function:
    """Add MODEL, which is a profile unless `completes` knows others, -p/--profile and --set."""
    return click.argument(
        "model",
        metavar="MODEL" if required else "[MODEL]",
        required=required,
        shell_complete=completes or complete_model,
    )(hardware_options(function))


def hardware_options(function: Function) -> Function:
    """Add -p/--profile and --set."""
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a setting of the hardware profile; repeatable.",
    )(function)
    return click.option(
        "-p",
        "--profile",
        "hardware",
        multiple=True,
        metavar="HARDWARE",
        callback=lambda _context, _option, value: split_names(value),
        shell_complete=_complete_hardware,
        help="Hardware profile: a name, several with commas, or `all`.",
    )(function)


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

    @functools.wraps(function)
    def gathered(*args: Any, **values: Any) -> Any:
        given = {name: values.pop(name) for name in names}
        source = click.get_current_context().get_parameter_source("sandbox_state")
        # On the command line it can mean nothing else; a variable may be set for other commands.
        given["sandbox"] |= source is ParameterSource.COMMANDLINE
        if given["sandbox"] and given["aws_profile"]:
            raise click.UsageError("--aws-profile names a real account; leave it out in a sandbox")
        return function(*args, where=AwsOptions(**given), **values)

    decorated: Any = gathered
    for option in reversed(options):
        decorated = option(decorated)
    result: Function = decorated
    return result


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


def split_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """The names in the values of a repeatable option that takes several with commas."""
    return tuple(name for value in values for name in value.split(",") if name)


def _folder(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    folder = value if value.endswith("/") else f"{value}/"
    if not is_folder(folder):
        raise click.BadParameter(FOLDER_FORM)
    return folder


def complete_model(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The profiles whose names begin so."""
    from click.shell_completion import CompletionItem

    from lmi_deployer.resources import profile_names

    return [CompletionItem(name) for name in profile_names() if name.startswith(incomplete)]


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
