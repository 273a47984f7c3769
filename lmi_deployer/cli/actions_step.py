"""The step of GitHub Actions that a command runs in, where it runs in one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from lmi_deployer.errors import InputError
from lmi_deployer.reviewing.step import Quiet, outputs_text, summary_text


@dataclass(kw_only=True)
class Step:
    """What the variables of a process say about the step; outside of Actions it does nothing."""

    variables: Mapping[str, str]
    _quiet: Quiet = field(default_factory=Quiet)

    @property
    def is_there(self) -> bool:
        """True in GitHub Actions."""
        return self.variables.get("GITHUB_ACTIONS") == "true"

    @contextmanager
    def without_commands(self) -> Iterator[None]:
        """A block whose output holds no commands but those of `command_lines`.

        After an error commands stay stopped: its message, which may hold a name out of the
        repository, is still to be printed.
        """
        if not self.is_there:
            yield
            return
        _line(self._quiet.begin)
        yield
        _line(self._quiet.end)

    def command_lines(self, lines: Iterable[str]) -> None:
        """Print lines that the runner is to take for commands."""
        every = list(lines)
        for line in (self._quiet.end, *every, self._quiet.begin) if every else ():
            _line(line)

    def outputs(self, outputs: Mapping[str, str]) -> None:
        """Hand on the outputs of the step."""
        self._append("GITHUB_OUTPUT", lambda _size: outputs_text(outputs))

    def summary(self, text: str) -> None:
        """Add to what the page of the run shows."""
        self._append("GITHUB_STEP_SUMMARY", lambda size: summary_text(text, used_bytes=size))

    def event(self) -> Any:
        """The document about what started the run; None where there is none that can be read."""
        path = self.variables.get("GITHUB_EVENT_PATH")
        try:
            return json.loads(Path(path).read_text(encoding="utf-8")) if path else None
        except (OSError, ValueError, RecursionError):
            return None

    def _append(self, name: str, text: Callable[[int], str]) -> None:
        """Append to the file that a variable names; `text` gets the size that it has."""
        path = self.variables.get(name)
        if not path:
            return
        try:
            with Path(path).open("ab") as stream:
                stream.write(text(stream.tell()).encode())
        except OSError as error:
            raise InputError(f"{name}: {path} cannot be written: {error.strerror}") from error


def _line(text: str) -> None:
    """Print at once: the runner reads standard output and standard error as they come."""
    click.echo(text)
    if sys.stdout is not None:
        sys.stdout.flush()
