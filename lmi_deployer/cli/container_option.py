"""`--container VERSION` of the commands that look at another container version."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound=Callable[..., Any])


def container_option(meaning: str) -> Callable[[Function], Function]:
    """Add the option, with versions of the catalog to complete it."""
    return click.option(
        "--container", metavar="VERSION", shell_complete=_complete_version, help=meaning
    )


def container_override(version: str) -> str:
    """The `--set` that makes a profile name this version. Raises InputError for an unknown one."""
    from lmi_deployer import catalog

    return f"container.version={json.dumps(catalog.container(version).version)}"


def _complete_version(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from lmi_deployer import catalog

    versions = catalog.names("containers")
    return [CompletionItem(version) for version in versions if version.startswith(incomplete)]
