"""Runs the steps of a composite action as the runner of GitHub Actions does, on this machine.

What it does with files and lines is what actions/runner does, in ActionCommandManager.cs and
FileCommandManager.cs of src/Runner.Worker. A step that uses another action is left
out; its outputs are given.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

COMMANDS = frozenset(
    {"add-mask", "add-path", "debug", "echo", "endgroup", "error", "group", "notice"}
    | {"save-state", "set-env", "set-output", "stop-commands", "warning", "add-matcher"}
)
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMPARED = re.compile(r"([\w.-]+) != ''")


@dataclass(frozen=True)
class Command:
    """A line of output that the runner took for a command."""

    name: str
    properties: Mapping[str, str]
    data: str


@dataclass
class Step:
    """What became of one step."""

    status: int
    out: str
    err: str
    outputs: dict[str, str]
    summary: str
    commands: list[Command]


@dataclass
class Job:
    """A run of an action: its inputs over their defaults, and what the steps left."""

    action: Mapping[str, Any]
    contexts: dict[str, str]
    """`runner.temp`, `github.token`: what expressions may ask for, besides inputs and outputs."""
    environment: Mapping[str, str]
    folder: Path
    """The workspace."""
    files: Path
    """For what GITHUB_OUTPUT and the like point to."""
    steps: dict[str, Step] = field(default_factory=dict)

    def value(self, text: object) -> str:
        """A text of the action with its expressions replaced."""
        return _EXPRESSION.sub(lambda found: self._of(found[1]), str(text))

    def _of(self, name: str) -> str:
        return self.contexts.get(name, "") if name in self.contexts else self._known(name)

    def _known(self, name: str) -> str:
        kind, _, rest = name.partition(".")
        if kind == "inputs":
            return self.value(self.action["inputs"][rest].get("default", ""))
        step, _, output = rest.partition(".outputs.")
        assert kind == "steps", f"an expression that this runner does not know: {name}"
        return self.steps[step].outputs.get(output, "") if step in self.steps else ""

    def outputs(self) -> dict[str, str]:
        """What the action as a whole puts out."""
        return {name: self.value(item["value"]) for name, item in self.action["outputs"].items()}

    def run(self, step: Mapping[str, Any]) -> Step:
        """Run a `run:` step with its shell, and take in what it left."""
        assert step["shell"] == "bash"
        made = {
            name: self.files / f"{name}-{len(self.steps)}"
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")
        }
        for path in made.values():
            path.write_text("")
        script = self.files / f"script-{len(self.steps)}.sh"
        script.write_text(self.value(step["run"]))
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.folder / self.value(step.get("working-directory", ".")),
            env={
                **self.environment,
                **{name: str(path) for name, path in made.items()},
                **{name: self.value(text) for name, text in step.get("env", {}).items()},
            },
            capture_output=True,
            check=False,
        )
        assert made["GITHUB_ENV"].read_text() == made["GITHUB_PATH"].read_text() == ""
        out, err = done.stdout.decode(), done.stderr.decode()
        result = Step(
            status=done.returncode,
            out=out,
            err=err,
            outputs=file_commands(made["GITHUB_OUTPUT"].read_bytes().decode()),
            summary=made["GITHUB_STEP_SUMMARY"].read_text(),
            commands=commands(out + err),
        )
        self.steps[step.get("id", step["name"])] = result
        return result


def read_action(path: Path) -> Mapping[str, Any]:
    """The action in a file."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def file_commands(text: str) -> dict[str, str]:
    """The pairs in GITHUB_OUTPUT: `name=value`, or between `name<<DELIMITER` and its like."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = line.partition("=")
            found[name] = value
            continue
        name, marker, delimiter = line.partition("<<")
        assert marker, f"invalid format: {line!r}"
        assert name, line
        assert delimiter, line
        value_lines = []
        for inner in lines:
            if inner == delimiter:
                break
            value_lines.append(inner)
        else:
            raise AssertionError(f"no end of {name}")
        found[name] = "\n".join(value_lines)
    return found


def commands(text: str) -> list[Command]:
    """What the runner does of these lines: every command outside of a stretch without them."""
    found: list[Command] = []
    stopped: str | None = None
    for line in re.split(r"\r\n|\r|\n", text):
        known = COMMANDS | ({stopped} if stopped else frozenset())
        command = _of_start(line, known) or _of_anywhere(line, known)
        if command is None:
            continue
        if stopped is not None:
            if command.name == stopped:
                stopped = None
        elif command.name == "stop-commands":
            stopped = command.data
        else:
            found.append(command)
    return found


def _of_start(line: str, known: frozenset[str]) -> Command | None:
    """`::name key=value::data`, after any space."""
    rest = line.lstrip()
    end = rest.find("::", 2) if rest.startswith("::") else -1
    return None if end < 0 else _command(rest[2:end], rest[end + 2 :], ",", known)


def _of_anywhere(line: str, known: frozenset[str]) -> Command | None:
    """`##[name key=value]data`, wherever it stands in a line."""
    start = line.find("##[")
    end = line.find("]", start) if start >= 0 else -1
    return None if end < 0 else _command(line[start + 3 : end], line[end + 1 :], ";", known)


def _command(info: str, data: str, between: str, known: frozenset[str]) -> Command | None:
    name, _, rest = info.partition(" ")
    if name.lower() not in known:
        return None
    pairs = (part.partition("=") for part in rest.strip().split(between) if part)
    properties = {key: _plain(value) for key, _, value in pairs if value}
    return Command(name.lower(), properties, _plain(data))


def _plain(text: str) -> str:
    for escaped, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        text = text.replace(escaped, character)
    return text.replace("%25", "%")


def wanted(job: Job, step: Mapping[str, Any]) -> bool:
    """Whether a step's `if` lets it run."""
    condition = step.get("if")
    if condition is None:
        return True
    found = _COMPARED.fullmatch(str(condition))
    assert found, f"a condition that this runner does not know: {condition}"
    return job.value("${{ " + found[1] + " }}") != ""
