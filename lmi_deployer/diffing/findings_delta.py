"""Which findings appear and which disappear."""

from __future__ import annotations

from collections.abc import Iterable

from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.findings import Finding, errors_among


def findings_delta(
    before: Snapshot, after: Snapshot
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """(appeared, gone), each once. A finding whose line moved is the same finding.

    What is read back from a bundle or an endpoint is not checked like a profile, so beside it only
    errors tell something: that what runs could not be deployed again.
    """
    sides = before.findings, after.findings
    if not (before.is_decided and after.is_decided):
        sides = errors_among(before.findings), errors_among(after.findings)
    return _without(sides[1], sides[0]), _without(sides[0], sides[1])


def _without(findings: Iterable[Finding], others: Iterable[Finding]) -> tuple[Finding, ...]:
    known = {_same(finding) for finding in others}
    found: dict[tuple[str, str | None, str], Finding] = {}
    for finding in findings:
        if _same(finding) not in known:
            found.setdefault(_same(finding), finding)
    return tuple(found.values())


def _same(finding: Finding) -> tuple[str, str | None, str]:
    return finding.code, finding.key, finding.problem
