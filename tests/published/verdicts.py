"""What `lint` says of the recorded configurations, and which of its findings are known to be right.

`linted` is the one place that calls the linter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lmi_deployer import catalog
from lmi_deployer.catalog.versions import versions_in
from lmi_deployer.lint import Target, judge_settings, make_target
from lmi_deployer.settings.view import Issue

HERE = Path(__file__).parent
ENTRY_POINT = "option.entryPoint"
MATTERS = frozenset({"error", "warning"})
"""A published configuration may well have notes."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One configuration of one version."""

    version: str
    name: str
    source: str
    flavor: str
    properties: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    other_files: tuple[str, ...] = ()
    """What lies beside serving.properties."""
    instance: str | None = None
    is_tested: bool = False
    """True when the server's release tests start it."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One finding about one configuration."""

    published: Published
    issue: Issue

    def __str__(self) -> str:
        of, issue = self.published, self.issue
        text = f"{of.version} {of.flavor} {of.name}: {issue.severity}[{issue.code}] {issue.key}"
        return f"{text} {issue.problem}"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A row of expected.yaml: findings that are right, and why."""

    versions: str
    code: str
    key: str
    reason: str
    name: str = "*"
    """Pattern of names; `*` and `?` stand for any text and any character."""

    def covers(self, found: Found) -> bool:
        """Whether it is the excuse for a finding."""
        of = found.published
        return (
            of.version in span(self.versions)
            and (self.code, self.key) == (found.issue.code, found.issue.key)
            and fnmatchcase(of.name, self.name)
        )


@cache
def span(versions: str) -> tuple[str, ...]:
    """The versions of an expression, oldest first."""
    return versions_in(versions, catalog.names(catalog.CONTAINERS))


@cache
def recorded() -> dict[str, list[Published]]:
    """Version: what it publishes."""
    found: dict[str, list[Published]] = {}
    for row in json.loads((HERE / "recorded.json").read_text("utf-8")):
        for version in span(row.pop("versions")):
            files = tuple(row.get("other_files", ()))
            found.setdefault(version, []).append(
                Published(version=version, **(row | {"other_files": files}))
            )
    return found


@cache
def expected() -> tuple[Expected, ...]:
    """The rows of expected.yaml."""
    rows: list[dict[str, Any]] = yaml.safe_load((HERE / "expected.yaml").read_text("utf-8"))
    return tuple(Expected(**row) for row in rows)


@cache
def findings(version: str) -> tuple[Found, ...]:
    """The errors and warnings about everything that a version publishes."""
    return tuple(
        Found(published=published, issue=issue)
        for published in recorded()[version]
        for issue in linted(published)
        if issue.severity in MATTERS
    )


def linted(published: Published) -> Iterator[Issue]:
    """What the linter says of one configuration.

    A model.py is what the server loads where no entry point is named.
    """
    target = _target(published.version, published.flavor, published.instance)
    properties = published.properties
    if "model.py" in published.other_files:
        properties = {ENTRY_POINT: "model.py", **properties}
    yield from judge_settings(target, properties, published.environment).issues


@cache
def _target(version: str, flavor: str, instance: str | None) -> Target:
    return make_target(version, flavor, instance)
