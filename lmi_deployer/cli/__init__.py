"""The command line: `main` is the one place that turns an error into an exit status.

Each command lives in a module of its own, imported when it is called: `--version` must not pay
for YAML, pydantic or AWS.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

import click

from lmi_deployer import __version__
from lmi_deployer.errors import InputError, LmiDeployError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

INTERRUPTED = 130
COMMANDS: Mapping[str, str] = {
    "up": "Deploy a model: check, plan, ask, apply, wait, verify. The default command.",
    "compile": "Compile an engine ahead of time, in Docker or as a SageMaker job.",
    "down": "Remove everything that `up` made.",
    "plan": "Show what `up` would do; change nothing.",
    "apply": "Run exactly a saved plan, unless AWS has changed since.",
    "diff": "Compare profiles by what they come to, and say what each difference costs.",
    "show": "Print what a saved plan, a bundle or a profile comes to, as plain text.",
    "drift": "Say where what is live is not what the profiles say.",
    "review": "Validate and diff a pull request: annotations, a summary and one comment.",
    "render": "Print serving.properties, or write the files that would be uploaded.",
    "validate": "Check profiles without any network.",
    "lint": "Say what a container makes of a hand-written serving.properties or environment.",
    "explain": "Explain a finding, an option of the container, or the values of a profile.",
    "size": "Say whether a model fits a machine, and how much memory is left for requests.",
    "recommend": "Rank what to serve a model on: instance types, backends, degrees, quantization.",
    "cache": "List, verify and prune the cache of compiled engines.",
    "status": "Show what is deployed, and whether it is up to date.",
    "invoke": "Send one prompt to an endpoint.",
    "catalog": "List containers, options, instance types, prices, GPUs, models and regions.",
    "lock": "Keep the facts of every model beside the profiles, at fixed commits.",
    "init": "Write a profile to start from, for a model of the hub or on S3.",
    "migrate": "Take profiles to another LMI version, and say why each line changes.",
    "import": "Write the profile that says what a file, an environment or an endpoint says.",
    "schema": "Print the JSON Schema of profiles, for editors.",
    "sandbox": "Run an AWS emulator on this machine.",
    "completion": "Print the completion script of a shell.",
}
"""Command: its one-line help, so that `--help` need not import it."""


class LazyGroup(click.Group):
    """A group whose commands are imported when called; a first word that is none means `up`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = _imported(f"lmi_deployer.cli.{cmd_name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and models, since a bare model is deployed."""
        from click.shell_completion import CompletionItem

        from lmi_deployer.resources import profile_names

        models = [name for name in profile_names() if name.startswith(incomplete)]
        return [*super().shell_complete(ctx, incomplete), *map(CompletionItem, models)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `lmi-deploy MODEL ...` as `lmi-deploy up MODEL ...`."""
        own = {"--help", "-h", "--version"}
        if args and args[0] not in COMMANDS and args[0] not in own:
            _refuse_misspelt(args[0])
            args = ["up", *args]
        return super().parse_args(ctx, args)


def _refuse_misspelt(word: str) -> None:
    """Raise InputError for a word that is no profile, but nearly a command."""
    from lmi_deployer.nearest import nearest
    from lmi_deployer.resources import find_profile

    near = nearest(word, COMMANDS, cutoff=0.75)
    if near is not None:
        try:
            find_profile(word)
        except InputError as error:
            raise InputError(
                f"there is no command or profile {word!r}", fix=f"did you mean {near!r}?"
            ) from error


def _imported(name: str) -> ModuleType:
    """The module, imported without the two things that make start-up slow for no use.

    pydantic looks through all installed packages for plugins, and the garbage collector goes
    through the many objects of the imports, none of which is garbage. It leaves them alone from
    then on, too, which is a sixth of the time of `render`; what the command makes itself it
    collects as ever, however long it runs.
    """
    if name in sys.modules:  # what is there by now may be garbage, and must not be kept
        return sys.modules[name]
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="lmi-deploy")
def cli() -> None:
    """Plan, check and deploy large language models to Amazon SageMaker LMI containers.

    `lmi-deploy MODEL -p HARDWARE` deploys a model profile, after showing the plan and asking.
    MODEL is the name of a profile (in ./profiles, or one that comes with lmi-deploy) or a path.
    Add --sandbox to try it without an AWS account.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a status of docs/commands.md."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    if sys.stdout is None:
        sys.stdout = ClosedOutput()  # else results would be dropped without a word
    sys.exit(run(arguments))


class ClosedOutput(io.TextIOBase):
    """Standard output that was closed before we began: whatever is written to it fails."""

    encoding = "utf-8"

    def write(self, _text: str) -> int:
        """Raise what the closed descriptor would have raised."""
        raise OSError(errno.EBADF, "standard output is closed")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A cancelled CI job or a closed terminal is Ctrl-C from somebody else."""
    raise KeyboardInterrupt


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit status of one call; errors that a user can act on are printed, without traceback."""
    try:
        status = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="lmi-deploy",
            standalone_mode=False,
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except LmiDeployError as error:
        _print_error(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\ninterrupted; the same command goes on", err=True)
        return INTERRUPTED
    except OSError as error:
        if sys.stdout is not None and error.filename is not None:
            raise  # a bug: every file that a user names is read and written in edges/files.py
        # The reader of our output has gone, as `head` does, or the disk it goes to is full.
        if error.errno != errno.EPIPE:
            sys.stderr.write(f"error: the output cannot be written: {error.strerror}\n")
        sys.stdout = None
        return 1
    return status if isinstance(status, int) else 0


def _print_error(error: LmiDeployError) -> None:
    text = str(error)
    has_label = text.startswith(("error[", "warning["))
    label = "" if has_label else click.style("error: ", fg="red")
    click.echo(f"{label}{text}", err=True)
