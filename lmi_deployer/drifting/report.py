"""What became of every deployment that was looked at, as text and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lmi_deployer.columns import table
from lmi_deployer.diffing import wording
from lmi_deployer.diffing.comparison import HOURS_PER_MONTH, ProfileDiff
from lmi_deployer.diffing.snapshot import Cost
from lmi_deployer.drifting.states import Drift, Verdict
from lmi_deployer.impact import Impact
from lmi_deployer.paint import Paint, plain
from lmi_deployer.secrets import redacted

COLORS = {
    Drift.IN_SYNC: "green",
    Drift.UPDATING: "cyan",
    Drift.BEHIND: "yellow",
}
"""Of all others: red."""
MOST_CHANGES = 12
"""Values that the text lists of one deployment; data has all."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One deployment."""

    endpoint: str
    profile: str
    hardware: str
    file: str | None
    """The profile file; None where none describes it."""
    verdict: Verdict
    status: str | None = None
    """SageMaker's own word; None where there is no endpoint."""
    config: str | None = None
    instance_type: str | None = None
    instances: int | None = None
    cost: Cost | None = None
    diff: ProfileDiff | None = None
    """From what is live to what `up` would deploy; None where they could not be compared."""
    impact: Impact | None = None
    """What `up` would do to it; None where nothing is known of that, or there is nothing to do."""
    mend: tuple[str, ...] = ()
    """The commands that make it as the profile says, or take it away."""
    errors: tuple[str, ...] = ()
    """What keeps `up` from doing anything."""
    is_own: bool = True
    """False where nothing of the account was made for the hardware profile."""

    @property
    def title(self) -> str:
        """`llama2-70b / p4d`."""
        return f"{self.profile} / {self.hardware}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """All deployments of one look."""

    region: str
    profiles: str
    """What they were compared with, in words."""
    revision: str | None
    """The commit, where one was asked for."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    is_complete: bool = True
    """False where a call was refused that could have told of another deployment."""

    @property
    def has_drifted(self) -> bool:
        """True where anything needs somebody."""
        return any(row.verdict.drift.is_drift for row in self.rows)


def as_json(report: Report) -> dict[str, Any]:
    """The report for programs, without its schema version."""
    counts = Counter(row.verdict.drift.value for row in report.rows)
    return {
        "region": report.region,
        "profiles": report.profiles,
        "revision": report.revision,
        "drifted": report.has_drifted,
        "complete": report.is_complete,
        "counts": {drift.value: counts[drift.value] for drift in Drift},
        "usd_per_hour": sum(row.cost.usd_per_hour for row in report.rows if row.cost),
        "deployments": [_row_as_json(row) for row in report.rows],
        "notes": [wording.safe(note) for note in report.notes],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "endpoint": row.endpoint,
        "profile": redacted(row.profile),
        "hardware": redacted(row.hardware),
        "file": row.file,
        "state": row.verdict.drift.value,
        "is_drift": row.verdict.drift.is_drift,
        "reasons": [wording.safe(text) for text in row.verdict.reasons],
        "notes": [wording.safe(text) for text in row.verdict.notes],
        "errors": [wording.safe(text) for text in row.errors],
        "status": row.status,
        "endpoint_config": row.config,
        "instance_type": row.instance_type,
        "instances": row.instances,
        "usd_per_hour": row.cost and row.cost.usd_per_hour,
        "price": row.cost and {"region": row.cost.region, "as_of": row.cost.as_of},
        "impact": None if row.impact is None else row.impact.label,
        "changes": [
            {
                "key": wording.safe(change.key),
                "live": wording.shown(change.before, change.key),
                "wanted": wording.shown(change.after, change.key),
                "impact": change.impact.label,
                "place": wording.place(change.place) or None,
            }
            for change in (row.diff.changes if row.diff else ())
        ],
        "mend": list(row.mend),
    }


def as_text(report: Report, place: str | None, paint: Paint = plain) -> str:
    """The report for people; `place` says where it is about a sandbox."""
    head = f"{report.region}, compared with {wording.safe(report.profiles)}"
    lines = [head if place is None else f"{head}    {place}"]
    lines += [f"note: {wording.safe(note)}" for note in report.notes]
    if not report.rows:
        as_far = "" if report.is_complete else ", as far as it could be read"
        return "\n".join([*lines, f"nothing is deployed{as_far}"])
    lines += ["", _table(report.rows)]
    for row in report.rows:
        if row.verdict.drift is not Drift.IN_SYNC or row.verdict.notes or row.errors:
            lines += ["", *_told(row, paint)]
    return "\n".join([*lines, "", _totals(report)])


def _table(rows: Sequence[Row]) -> str:
    heading = ("ENDPOINT", "PROFILE", "STATE", "STATUS", "INSTANCES", "USD/HOUR")
    body = [
        (
            row.endpoint,
            wording.safe(row.title),
            row.verdict.drift.value,
            row.status or ("absent" if row.verdict.drift is Drift.MISSING else "not known"),
            f"{row.instances} x {row.instance_type}" if row.instance_type else "",
            "" if row.cost is None else f"{row.cost.usd_per_hour:,.2f}",
        )
        for row in rows
    ]
    return table([heading, *body])


def _told(row: Row, paint: Paint) -> Iterator[str]:
    drift = row.verdict.drift
    yield f"{row.endpoint}: {paint(drift.value, COLORS.get(drift, 'red'))}"
    yield from (f"  {wording.safe(text)}" for text in row.verdict.reasons)
    yield from (f"  error: {wording.safe(text)}" for text in row.errors)
    changes = row.diff.changes if row.diff else ()
    for change in changes[:MOST_CHANGES]:
        before, after = wording.shown_values(change)
        yield f"    {wording.safe(change.key)}  {before} -> {after}"
    if len(changes) > MOST_CHANGES:
        yield f"    and {len(changes) - MOST_CHANGES} more; -o json has all"
    if row.impact is not None:
        yield f"  `up` does to it: {wording.impact_title(row.impact).lower()}"
    for effect in wording.effects(row.diff) if row.diff and row.impact else ():
        yield f"    {effect.label}: {effect.text}"
    yield from (f"  note: {wording.safe(text)}" for text in row.verdict.notes)
    yield from (f"  mend: {wording.safe(command)}" for command in row.mend)


def _totals(report: Report) -> str:
    counts = Counter(row.verdict.drift for row in report.rows)
    counted = ", ".join(f"{counts[drift]} {drift.value}" for drift in Drift if counts[drift])
    costs = [row.cost for row in report.rows if row.cost is not None]
    text = f"{wording.counted(len(report.rows), 'deployment')}: {counted}"
    if not costs:
        return text
    usd = sum(cost.usd_per_hour for cost in costs)
    dated = ", ".join(sorted({f"{cost.region}, price of {cost.as_of}" for cost in costs}))
    monthly = f"${usd * HOURS_PER_MONTH:,.0f} per {HOURS_PER_MONTH} hours"
    return f"{text}\n${usd:,.2f} per hour, {monthly} ({dated})"
