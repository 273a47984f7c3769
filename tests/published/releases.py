"""Which models the release tests start, in which image and with which environment.

Up to 0.28 the workflows of `.github/` say so, from 0.28 `tests/integration/tests.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.published.script import UNKNOWN, evaluate

FLAVORS = {
    "lmi": "lmi",
    "deepspeed": "lmi",
    "tensorrt-llm": "tensorrtllm",
    "trtllm": "tensorrtllm",
    "trtllm-sq": "tensorrtllm",
    "fastertransformer": "fastertransformer",
    "pytorch-inf2": "neuronx",
}
"""Name of an image in the release tests: its flavor; `lmi` was `deepspeed` up to 0.27.

FasterTransformer's image is started as `deepspeed` too: the name there is of the machine alone.
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One start of a container: on a model folder, or on the environment alone."""

    builder: str | None
    arguments: tuple[str, ...] = ()
    flavor: str
    environment: dict[str, str] = field(default_factory=dict)


def runs_of_tests(source: str, started: Sequence[str] = ()) -> Iterator[Run]:
    """The runs of tests.py: `with Runner(image, ...)` around a builder and a launch.

    `started` names the classes that count; none for all of them.
    """
    for group in ast.parse(source).body:
        if started and getattr(group, "name", "") not in started:
            continue
        for node in ast.walk(group):
            match node:
                case ast.With(items=[ast.withitem(context_expr=ast.Call() as runner)]):
                    if ast.unparse(runner.func) == "Runner":
                        yield from _runs_of_block(node.body, _flavor(runner.args[0]))


def _flavor(image: ast.expr) -> str | None:
    return FLAVORS.get(str(image.value)) if isinstance(image, ast.Constant) else None


def _runs_of_block(statements: Sequence[ast.stmt], flavor: str | None) -> Iterator[Run]:
    if flavor is None:  # an image without language models
        return
    names: dict[str, Any] = {}
    built: tuple[str, tuple[str, ...]] | None = None
    for statement in _in_order(statements):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            names[statement.targets[0].id] = evaluate(statement.value, names)
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call):
            continue
        called = ast.unparse(call.func)
        if called.startswith("prepare.build"):
            arguments = [evaluate(argument, names) for argument in call.args]
            known = all(isinstance(argument, str) for argument in arguments)
            built = (called.removeprefix("prepare."), tuple(arguments)) if known else None
        elif called.endswith(".launch") and built is not None:
            variables = _launch_variables(call, names)
            yield Run(builder=built[0], arguments=built[1], flavor=flavor, environment=variables)


def _in_order(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        yield statement
        for block in ("body", "orelse", "finalbody"):
            yield from _in_order(getattr(statement, block, ()))


def _launch_variables(call: ast.Call, names: dict[str, Any]) -> dict[str, str]:
    given = [*call.args[:1], *(item.value for item in call.keywords if item.arg == "env_vars")]
    value = evaluate(given[0], names) if given else ""
    if value is UNKNOWN:
        # The one expression used there joins a list: "\n".join(envs)
        value = names.get("envs", "")
    return variables("\n".join(value) if isinstance(value, list) else str(value))


def runs_of_workflow(source: str, handlers: dict[str, str]) -> Iterator[Run]:
    """The runs of a workflow: shell lines that write an environment, build and launch.

    `handlers` tells the function of each name that prepare.py takes on its command line.
    """
    for step in re.split(r"^ +- name:", source, flags=re.MULTILINE):
        environment: dict[str, str] = {}
        built: tuple[str, tuple[str, ...]] | None = None
        for line in step.replace("\\\n", " ").splitlines():
            if written := re.search(r'echo -en? "(.*)" > docker_env', line):
                environment = variables(written[1].replace("\\n", "\n"))
            elif command := re.search(r"prepare\.py (\S+) (\S+)\s*$", line):
                built = (handlers[command[1]], (command[2],)) if command[1] in handlers else None
            elif launch := re.search(r"launch_container\.sh \S+ (\S+) (\S+)", line):
                yield from _launched(launch[1], launch[2], built, environment)


def _launched(
    folder: str,
    platform: str,
    built: tuple[str, tuple[str, ...]] | None,
    environment: dict[str, str],
) -> Iterator[Run]:
    flavor = FLAVORS.get(re.sub(r"-\d+$", "", platform))
    if flavor is not None and folder in {"nocode", "no_code"}:
        yield Run(builder=None, flavor=flavor, environment=environment)
    elif flavor is not None and built is not None:
        yield Run(builder=built[0], arguments=built[1], flavor=flavor, environment=environment)


def variables(text: str) -> dict[str, str]:
    """The variables of `docker run --env-file`: NAME=value lines, nothing quoted."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name.strip(): value for name, value in pairs}
