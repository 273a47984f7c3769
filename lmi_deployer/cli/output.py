"""What goes to standard output and what to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from lmi_deployer.paint import Paint, plain

SCHEMA_VERSION = 1
"""Of every JSON document that a command prints."""


def is_terminal() -> bool:
    """True when a person can answer a question."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def painter() -> Paint:
    """Colors for a terminal; none where output is piped or NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or sys.stdout is None or not sys.stdout.isatty():
        return plain
    return lambda text, color: click.style(text, fg=color) if color else text


def progress(*, quiet: bool) -> Callable[[str], None]:
    """What to do with lines of progress."""
    return (lambda _line: None) if quiet else say


def say(line: str) -> None:
    """A line of progress, on standard error."""
    click.echo(line, err=True)


def print_document(**content: Any) -> None:
    """A result for programs, on standard output."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


def print_json(document: Any) -> None:
    """JSON that is a document by itself: a schema, a row of the catalog."""
    click.echo(json.dumps(document, indent=2))
