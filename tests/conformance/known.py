"""known.yaml, typed: disagreements that are right as they are, and why."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict

from lmi_deployer.catalog.versions import versions_in
from tests.conformance.cases import Case
from tests.conformance.compare import Comparison, Group
from tests.conformance.server_table import load_table

Kind: TypeAlias = tuple[str, str, str, str]
"""Backend, key, what the server does and what lint says."""


class KnownRow(BaseModel):
    """Disagreements of one kind in a range of versions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    versions: str
    backend: str
    key: str
    """A key that every case of the disagreement changes."""
    expected: str
    got: str
    reason: str

    def concerns(self, case: Case) -> bool:
        """Whether a case could show the disagreement."""
        return (
            case.backend == self.backend
            and self.key in case.changes
            and case.version in versions_in(self.versions, load_table().order)
        )

    def covers(self, group: Group, case: Case) -> bool:
        """Whether this row is about a case in a group of disagreements."""
        return (group.expected, group.got) == (self.expected, self.got) and self.concerns(case)


@cache
def known() -> tuple[KnownRow, ...]:
    """The rows of known.yaml."""
    text = Path(__file__).with_name("known.yaml").read_text(encoding="utf-8")
    return tuple(KnownRow.model_validate(row) for row in yaml.safe_load(text))


def without_known(comparison: Comparison) -> Comparison:
    """A comparison without the disagreements that known.yaml explains."""
    left = Comparison(tallies=comparison.tallies)
    for kind, group, case in every(comparison):
        if not any(row.covers(group, case) for row in known()):
            left.groups.setdefault(kind, Group(*kind)).cases[case.version].append(case)
    return left


def every(comparison: Comparison) -> Iterator[tuple[Kind, Group, Case]]:
    """Every case in which lint and the server differ, with the group that it is in."""
    for kind, group in comparison.groups.items():
        for cases in group.cases.values():
            for case in cases:
                yield kind, group, case
