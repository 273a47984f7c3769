"""What a saved plan holds beside its steps: what it brings about, and what that follows from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lmi_deployer import lockfile
from lmi_deployer.api import Checked
from lmi_deployer.diffing.taking import take, with_outlook
from lmi_deployer.findings import Finding
from lmi_deployer.live import Proposal
from lmi_deployer.plan_file import Decided
from lmi_deployer.plan_sources import sources_of


def decided(
    proposal: Proposal,
    findings: Sequence[Finding],
    *,
    profile: Path,
    overrides: Sequence[str],
    now: datetime,
) -> Decided:
    """Of a proposal that was just made from a profile and the lock beside it."""
    spec, outlook = proposal.spec, proposal.outlook
    checked = Checked(
        title=spec.title,
        spec=spec,
        findings=tuple(findings),
        lock=lockfile.read_beside(profile),
    )
    snapshot = take(
        checked,
        region=proposal.saved.region,
        profile=spec.name,
        hardware=spec.hardware,
        file=str(profile),
    )
    return Decided(
        snapshot=snapshot if outlook is None else with_outlook(snapshot, outlook),
        sources=sources_of(profile, overrides),
        impact=None if proposal.impact is None else proposal.impact.label,
        planned_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
