"""What a saved plan holds beside its steps: what it brings about, and what that follows from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lmi_deployer.api import Checked
from lmi_deployer.deployed import deployed_of
from lmi_deployer.diffing.taking import take, with_outlook
from lmi_deployer.live import Proposal
from lmi_deployer.plan_file import Decided
from lmi_deployer.plan_sources import sources_of


def decided(
    proposal: Proposal,
    checked: Checked,
    *,
    profile: Path,
    overrides: Sequence[str],
    now: datetime,
) -> Decided:
    """Of a proposal that was just made from a profile that was `checked`."""
    spec, outlook = proposal.asked, proposal.outlook
    snapshot = take(
        replace(checked, spec=spec),
        region=proposal.saved.region,
        profile=spec.name,
        hardware=spec.hardware,
        file=str(profile),
    )
    deployed = deployed_of(spec, proposal.target)
    as_asked = replace(snapshot, deployed=deployed)
    if outlook is not None:
        deployed = deployed_of(spec, proposal.target, outlook=outlook)
        snapshot = with_outlook(snapshot, outlook)
    return Decided(
        snapshot=replace(snapshot, deployed=deployed),
        as_asked=None if outlook is None else as_asked,
        sources=sources_of(profile, overrides),
        impact=None if proposal.impact is None else proposal.impact.label,
        planned_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
