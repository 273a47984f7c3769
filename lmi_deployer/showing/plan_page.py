"""A saved plan, as somebody reads it before approving or applying it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lmi_deployer.findings import printable
from lmi_deployer.paint import Paint, plain
from lmi_deployer.plan_file import Decided, SavedPlan
from lmi_deployer.secrets import redacted
from lmi_deployer.showing import resolved
from lmi_deployer.showing.resolved import SHOWN_DIGITS
from lmi_deployer.step_lines import plan_text


def page(saved: SavedPlan, changed: Iterable[str], paint: Paint = plain) -> str:
    """The plan, what it was decided from, and what has `changed` of that since."""
    place = f"{saved.title}    account {saved.account} in {saved.region}"
    parts = [place, plan_text(saved.plan, paint)]
    if saved.missing_bucket is not None:
        parts.append(f"The bucket {redacted(saved.missing_bucket)} has to be made first.")
    if saved.decided is not None:
        lines = _decided(saved.decided, changed)
        parts.append("\n".join(printable(redacted(line)) for line in lines))
        parts.append(resolved.page([saved.decided.snapshot]))
    return "\n\n".join(parts)


def _decided(decided: Decided, changed: Iterable[str]) -> Iterator[str]:
    sources = decided.sources
    if decided.impact is not None:
        yield f"Impact   {decided.impact}"
    yield f"Planned  {decided.planned_at}, by lmi-deploy {sources.version}"
    yield f"From     {sources.profile}, sha256 {sources.profile_sha256[:SHOWN_DIGITS]}"
    if sources.lock_sha256 is not None:
        yield f"         the lock beside it, sha256 {sources.lock_sha256[:SHOWN_DIGITS]}"
    for override in sources.overrides:
        yield f"         --set {override}"
    since = list(changed)
    yield f"Since    {'; '.join(since) if since else 'nothing of that has changed'}"
