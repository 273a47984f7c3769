"""Finds what a word names in the option catalog: a key, an environment variable or our setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args

from lmi_deployer import catalog
from lmi_deployer.catalog.option_rows import Option, Reading, Replacement, Variable
from lmi_deployer.catalog.typed import typed
from lmi_deployer.catalog.versions import versions_in
from lmi_deployer.checks.about import SETTING_KEYS
from lmi_deployer.profile import Settings
from lmi_deployer.resolve import BACKEND_SECTIONS
from lmi_deployer.resources import PACKAGE

RawRow = Mapping[str, Any]
"""A compiled row of options/*.yaml: what is left at its default is left out."""
Ranged = TypeVar("Ranged", Reading, Replacement, Variable)
PREFIX = "option."
SERVER = "server"


@dataclass(frozen=True, kw_only=True)
class Block:
    """How some readers of one version take a key."""

    readers: tuple[str, ...]
    readings: tuple[Reading, ...]
    """Empty when these readers do not look at the key."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A container version to tell about, out of all of them."""

    name: str
    handlers: tuple[str, ...]
    """What serves models in some image of it."""
    order: tuple[str, ...]
    """Every version, oldest first."""
    server: Mapping[str, Any]
    """Compiled columns of server_rows.Server: how it reads variables, among others."""

    def has(self, expression: str) -> bool:
        """True when a range of versions holds this one."""
        return self.name in versions_in(expression, self.order)


def known_version(name: str) -> Version:
    """A version of the catalog. Raises InputError for an unknown one."""
    from lmi_deployer.settings.table import table

    facts = table(catalog.container(name).version)  # which refuses what is unknown
    return Version(
        name=facts.version,
        handlers=facts.handler_names,
        order=catalog.names("containers"),
        server=facts.server,
    )


def newest_version() -> Version:
    """The newest version of the catalog."""
    return known_version(catalog.names("containers")[-1])


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What one word names: keys of serving.properties, and rows about environment variables."""

    options: tuple[Option, ...]
    variables: tuple[Variable, ...]
    known_variables: tuple[Variable, ...]
    """Every variable of the catalog, for those that stand for an option."""
    newest: Version
    """Whose spelling of variables holds where no version is asked for."""

    @property
    def is_empty(self) -> bool:
        """True when the word names nothing."""
        return not self.options and not self.variables


@cache
def variables() -> tuple[Variable, ...]:
    """Every row about an environment variable; compiled documents have those of one version."""
    from pydantic import TypeAdapter

    from lmi_deployer.catalog.sources import read_yaml

    rows = read_yaml(PACKAGE / "catalog" / "environment.yaml")
    return tuple(TypeAdapter(list[Variable]).validate_python(rows))


def environment_name(key: str, version: Version) -> str | None:
    """The variable that stands for a key, unless the server has none for it.

    OPTION_X is option.x and SERVING_X is x, both in lower case, with the exceptions of
    server_rows.OptionVariables.
    """
    facts = version.server["option_variables"]
    plain = key.removeprefix(PREFIX)
    if key == "engine":
        return "OPTION_ENGINE" if facts["sets_engine"] else None
    if plain == key:
        return f"SERVING_{key.upper()}" if key in version.server["server_variables"] else None
    if not facts["is_read"] or not plain.isidentifier():
        return None
    if plain == plain.lower() or plain in facts["mixed_case"].values():
        return f"OPTION_{plain.upper()}"
    return f"OPTION_{plain}" if facts["keeps_mixed_case"] else None


def find(
    word: str, rows: Mapping[str, RawRow], variables: Sequence[Variable], newest: Version
) -> Topic:
    """Everything that a word names among options, by key, and variables.

    A key spelt out names nothing else. A variable names its key as well, and a setting of ours
    every key that it is written to. Case does not matter: who asks often does not know it.
    """
    wanted = word.lower()
    named = tuple(row for row in variables if row.name.lower() == wanted)
    exact = [key for key in rows if key.lower() == wanted]
    stood_for = {row.key for row in named}
    keys = exact or [
        key
        for key, row in rows.items()
        if key in stood_for or wanted in {name.lower() for name in names(key, row, newest)}
    ]
    options = tuple(typed(Option, rows[key]) for key in keys)
    return Topic(options=options, variables=named, known_variables=tuple(variables), newest=newest)


def variable_names(option: Option, topic: Topic, version: Version | None) -> tuple[str, ...]:
    """The environment variables that set an option, the server's general spelling first."""
    own = environment_name(option.key, version or topic.newest)
    rows = told(topic.known_variables, version or topic.newest)
    others = [row.name for row in rows if row.key == option.key and row.is_read]
    return tuple(dict.fromkeys([own, *others] if own else others))


def names(key: str, row: RawRow, newest: Version) -> Iterator[str]:
    """Every word that an option answers to."""
    yield key
    yield key.removeprefix(PREFIX)
    variable = environment_name(key, newest)
    if variable is not None:
        yield variable
    setting = row.get("setting")
    if setting is not None:
        yield setting
        yield from profile_keys(setting)


@cache
def profile_keys(setting: str) -> tuple[str, ...]:
    """The keys of a profile that decide a setting; the same name may stand in several sections."""
    if setting in SETTING_KEYS:
        return (SETTING_KEYS[setting],)
    if setting in Settings.model_fields:
        return (setting,)
    sections = dict.fromkeys(BACKEND_SECTIONS.values())
    return tuple(f"{name}.{setting}" for name in sections if setting in _fields(name))


def _fields(section: str) -> Iterable[str]:
    (model, *_) = get_args(Settings.model_fields[section].annotation)
    fields: Iterable[str] = model.model_fields
    return fields


def blocks(option: Option, version: Version) -> tuple[Block, ...]:
    """How the server and each handler of a version read a key; alike ones share a block."""
    shared: dict[tuple[int, ...], list[str]] = {}
    for reader in (SERVER, *version.handlers):
        seen = tuple(
            index
            for index, reading in enumerate(option.readings)
            if _reads(reading.readers, reader) and version.has(reading.versions)
        )
        if seen or reader != SERVER:
            shared.setdefault(seen, []).append(reader)
    return tuple(
        Block(readers=tuple(readers), readings=tuple(option.readings[index] for index in seen))
        for seen, readers in sorted(shared.items(), key=lambda item: not item[0])
    )


def _reads(readers: Iterable[str], reader: str) -> bool:
    return reader in readers or (reader != SERVER and "any" in readers)


def told(rows: Iterable[Ranged], version: Version | None) -> tuple[Ranged, ...]:
    """The rows that hold in a version; all of them without one."""
    return tuple(row for row in rows if version is None or version.has(row.versions))
