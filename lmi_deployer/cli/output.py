"""What goes to standard output and what to standard error."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from lmi_deployer.paint import Paint, plain


def is_terminal() -> bool:
    """True when a person can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def painter() -> Paint:
    """Colors for a terminal; none where output is piped or NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return plain
    return lambda text, color: click.style(text, fg=color) if color else text


def say(line: str) -> None:
    """A line of progress, on standard error."""
    click.echo(line, err=True)


def print_json(document: Any) -> None:
    """A result for programs, on standard output."""
    click.echo(json.dumps(document, indent=2))
