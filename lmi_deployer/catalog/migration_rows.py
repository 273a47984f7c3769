"""The shape of migrations.yaml: what moving a profile to another LMI version comes to.

The option catalog says what each version reads. This says the rest: which backend follows one that
ended, which settings may go without harm, and what people have to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from lmi_deployer.catalog.rows import Backend, NonEmpty, QuantizeMethod, Row, SourcedRow
from lmi_deployer.catalog.sources import by_name, read_yaml
from lmi_deployer.catalog.versions import versions_in

Severity = Literal["break", "change", "info"]
"""`break`: something fails, or is silently wrong, unless somebody acts. `change`: it behaves
differently. `info`: worth knowing."""


class Successor(SourcedRow):
    """What serves instead of a backend, in versions that do not have it."""

    backend: Backend
    versions: NonEmpty
    to: tuple[Backend, ...]
    """In the order in which they are tried; empty where nothing takes its place."""
    why: NonEmpty
    instead: str | None = None
    """The way out where nothing takes its place."""


class Renamed(SourcedRow):
    """Quantization methods of one backend that are the same thing under different names."""

    backend: Backend
    names: Annotated[tuple[QuantizeMethod, ...], Field(min_length=2)]


class Implied(SourcedRow):
    """What a backend always does in versions that have no setting for it."""

    backend: Backend
    versions: NonEmpty
    setting: NonEmpty
    value: bool | int | float | str
    only_with: QuantizeMethod | None = None
    """The quantization method without which it means nothing; null where it always does."""


class Harmless(SourcedRow):
    """Settings and raw keys that may be dropped: they only tuned what is no longer there."""

    settings: tuple[NonEmpty, ...] = ()
    """Our names, as in rows.BackendSupport.property_names."""
    keys: tuple[NonEmpty, ...] = ()
    """Raw keys of serving.properties."""
    values: tuple[NonEmpty, ...] | None = None
    """The values that do no harm; null for all of them."""
    why: NonEmpty


class WayOut(SourcedRow):
    """What to do about a setting that cannot be dropped without changing what is served."""

    setting: NonEmpty
    values: tuple[NonEmpty, ...] | None = None
    """The values it is for; null for all of them."""
    instead: NonEmpty


class Pin(SourcedRow):
    """A key whose old default is written down when its default changes on the way."""

    key: NonEmpty
    backends: tuple[Backend, ...]
    with_quantize: tuple[QuantizeMethod, ...] = ()
    """Only with one of these methods; empty where it does not depend on that."""
    with_key: str | None = None
    """Only beside this raw key; null where it does not depend on one."""
    why: NonEmpty


class State(Row):
    """What holds in some versions, for some backends."""

    versions: NonEmpty
    backends: tuple[Backend, ...] | None = None
    text: NonEmpty


class Topic(SourcedRow):
    """Something that no key says and that differs between versions.

    It is told when the first state that fits the old version and backend is not the one that fits
    the new; so it holds in both directions, and what came and went on the way is not told.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    subject: NonEmpty
    """What the states are about: the beginning of `<subject>: <state>`."""
    severity: Severity
    when: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Rendered keys, one of which must be there with one of these values; no values: any value."""
    unless: tuple[str, ...] = ()
    """Rendered keys that settle it, so that nothing is told."""
    states: Annotated[tuple[State, ...], Field(min_length=1)]
    advice: str | None = None


class Migrations(Row):
    """Everything in migrations.yaml."""

    successors: tuple[Successor, ...]
    renamed: tuple[Renamed, ...]
    implied: tuple[Implied, ...]
    harmless: tuple[Harmless, ...]
    ways_out: tuple[WayOut, ...]
    pins: tuple[Pin, ...]
    topics: tuple[Topic, ...]


def compile_migrations(folder: Path, order: Sequence[str]) -> dict[str, Any]:
    """The document of a catalog folder's migrations.yaml; `order` holds every version.

    Raises ValueError when a row is incomplete, names an unknown version, or two have one name.
    """
    rows = TypeAdapter(Migrations).validate_python(read_yaml(folder / "migrations.yaml"))
    by_name("migrations.yaml", ((topic.name, topic) for topic in rows.topics))
    for expression in _ranges(rows):
        versions_in(expression, order)
    return rows.model_dump(mode="json", exclude_defaults=True)


def _ranges(rows: Migrations) -> Iterator[str]:
    """Every range of versions that the rows name."""
    yield from (row.versions for row in rows.successors)
    yield from (row.versions for row in rows.implied)
    yield from (state.versions for topic in rows.topics for state in topic.states)
