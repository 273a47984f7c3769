"""The shape of backends.yaml and handlers.yaml: what serves a model, by range of versions."""

from __future__ import annotations

from pydantic import Field

from lmi_deployer.catalog.option_rows import Handler, Parser
from lmi_deployer.catalog.rows import Backend, BackendFacts, Flavor, NonEmpty, SourcedRow


class BackendRow(BackendFacts, SourcedRow):
    """One backend of profiles in a range of container versions."""

    backend: Backend
    versions: NonEmpty
    parser: Parser
    """Who parses its keys, unless a reading of the option catalog says otherwise."""
    setting_keys: dict[str, str | None] = Field(default_factory=dict)
    """Settings whose key is not the one that the option catalog names; null where there is none,
    because that key means something else here, or nothing to the handler that is chosen."""


class HandlerRow(SourcedRow):
    """A handler that only hand-written files choose, in a range of container versions."""

    handler: Handler
    versions: NonEmpty
    flavor: Flavor
    parser: Parser
