"""Which findings appear, which disappear, and which errors stay."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.findings import Finding, errors_among


class FindingsDelta(NamedTuple):
    """The findings of two sides beside each other, each once."""

    appeared: tuple[Finding, ...]
    """Only on the later side."""
    gone: tuple[Finding, ...]
    """Only on the earlier side."""
    standing: tuple[Finding, ...]
    """Errors of both sides."""


def findings_delta(before: Snapshot, after: Snapshot) -> FindingsDelta:
    """What became of the findings. One whose line moved is the same finding.

    What is read back from a bundle or an endpoint is not checked like a profile, so beside it only
    errors tell something: that what runs could not be deployed again.
    """
    earlier, later = before.findings, after.findings
    if not (before.is_decided and after.is_decided):
        earlier, later = errors_among(earlier), errors_among(later)
    appeared = _without(later, earlier)
    return FindingsDelta(
        appeared=appeared,
        gone=_without(earlier, later),
        standing=_without(errors_among(later), appeared),
    )


def _without(findings: Iterable[Finding], others: Iterable[Finding]) -> tuple[Finding, ...]:
    known = set(map(_same, others))
    found: dict[Hashable, Finding] = {}
    for finding in findings:
        if _same(finding) not in known:
            found.setdefault(_same(finding), finding)
    return tuple(found.values())


def _same(finding: Finding) -> Hashable:
    return finding.code, finding.severity, finding.key, finding.problem
