"""Turns a decided spec into the texts a container reads, through templates/.

serving.properties has two readers that differ: the model server uses java.util.Properties, the
container's compile scripts split each line at the first "=". What they would read differently is
never written (`unreadable`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from lmi_deployer.errors import InputError
from lmi_deployer.resources import load_template
from lmi_deployer.spec import ResolvedSpec, Value

PROPERTIES_FILE = "serving.properties"
_PLAIN_LINE = re.compile(r"[A-Za-z0-9._-]+=[A-Za-z0-9._/-][!-\[\]-~]*\n")
"""A line without anything that either reader gives a meaning of its own."""
DERIVED_PROPERTIES: Mapping[str, str] = {
    "engine": "backend",
    "option.rolling_batch": "backend",
    "option.entryPoint": "backend",
}
"""Properties that follow from the backend: the key of the profile that decides them."""


def properties(spec: ResolvedSpec) -> dict[str, str]:
    """The pairs of serving.properties, sorted by name; raw options come before everything else."""
    support = spec.support
    pairs: dict[str, Value | None] = {
        "engine": support.engine,
        "option.rolling_batch": support.rolling_batch,
        "option.entryPoint": support.entry_point,
        **{
            name: value
            for setting, value in spec.settings.items()
            if setting in support.property_names
            for name in (
                support.property_names[setting],
                *support.same_value.get(setting, ()),
            )
        },
        **spec.options,
    }
    return {name: as_text(value) for name, value in sorted(pairs.items()) if value is not None}


def as_text(value: Value) -> str:
    """A value as both readers expect it: `true` and `false` in lower case, numbers plain."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def serving_properties(spec: ResolvedSpec) -> str:
    """The text of serving.properties: a comment that says where it is from, then sorted pairs."""
    template = load_template("lmi/serving.properties.j2")
    return template.render(
        title=spec.title,
        container=f"LMI {spec.container.version}",
        properties=properties(spec).items(),
    )


def environment(spec: ResolvedSpec) -> dict[str, str]:
    """The same settings as environment variables of the container.

    `option.x` becomes `OPTION_X`; other keys are server-wide `SERVING_*` variables. Older servers
    read the engine only from `SERVING_LOAD_MODELS`, which the catalog says per version. Raises
    InputError for a raw option whose name a variable cannot carry: the server reads lower case.
    """
    variables = {}
    for name, value in properties(spec).items():
        plain = name.removeprefix("option.")
        if name == "engine":
            for item in spec.container.engine_environment:
                variable, _, text = item.partition("=")
                variables[variable] = text.format(engine=value)
        elif name != "option.entryPoint" and (not plain.isidentifier() or plain != plain.lower()):
            problem = f"no environment variable stands for {name}"
            raise InputError(problem, fix="serving.properties, or leave the option out")
        else:
            prefix = "OPTION" if name.startswith("option.") else "SERVING"
            variables[f"{prefix}_{plain.upper()}"] = value
    return dict(sorted(variables.items()))


def as_environment_file(spec: ResolvedSpec) -> str:
    """The environment variables as lines of `NAME=value`."""
    return "".join(f"{name}={value}\n" for name, value in environment(spec).items())


def as_json(spec: ResolvedSpec) -> str:
    """The pairs of serving.properties as a JSON object."""
    return json.dumps(properties(spec), indent=2) + "\n"


def unreadable(spec: ResolvedSpec) -> Iterator[tuple[str, str]]:
    """(property, reason) for each pair that the two readers would not both read as it is meant."""
    for name, value in properties(spec).items():
        line = f"{name}={value}\n"
        if _PLAIN_LINE.fullmatch(line) and "=" not in name:
            continue
        if not line.isascii():
            yield name, "holds characters outside ASCII, which the two readers decode differently"
        elif any(ord(character) < 32 for character in f"{name}{value}"):  # noqa: PLR2004 - controls
            yield name, "holds a line break, a tab or another control character"
        elif not value:
            yield name, "is empty, which later versions skip and earlier ones set"
        elif not _is_read_alike(line, name, value):
            yield name, "holds characters that the server and the compile script read differently"


def _is_read_alike(line: str, name: str, value: str) -> bool:
    import javaproperties  # 20 ms, and nearly every line is plain

    return javaproperties.loads(line) == {name: value} and _split_plainly(line) == (name, value)


def _split_plainly(line: str) -> tuple[str, str]:
    """The pair as the container's compile scripts read a line.

    Source: djl-serving, serving/docker/partition/utils.py: lines that start with "#" are comments,
    and others are split at the first "=".
    """
    name, _, value = line.strip().partition("=")
    return name, value
