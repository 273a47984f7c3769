"""What there is to say of one deployment, out of what was read of it; asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lmi_deployer.diffing.comparison import ProfileDiff
from lmi_deployer.diffing.live_wanted import served_engine
from lmi_deployer.diffing.reading_live import Sides
from lmi_deployer.diffing.snapshot import RUNNING_INSTANCES
from lmi_deployer.drifting.profiles import Subject
from lmi_deployer.drifting.states import Counts, Seen
from lmi_deployer.impact import Part
from lmi_deployer.importing.looking import GoneError, Looked
from lmi_deployer.state import ObservedEndpoint


def seen_of(looked: Looked, subject: Subject) -> Seen:
    """What the endpoint says of itself."""
    from lmi_deployer.edges.aws_reading import observed_endpoint

    endpoint: ObservedEndpoint = observed_endpoint(looked.endpoint)
    gone = [item for item in looked.problems.values() if isinstance(item, GoneError)]
    unread = [item for item in looked.problems.values() if item not in gone]
    return Seen(
        name=looked.name,
        status=endpoint.status,
        config=endpoint.endpoint_config_name,
        pending=endpoint.pending_config_name,
        failure=endpoint.failure_reason,
        tags=looked.tags,
        counts=_counts(looked),
        unknown=subject.problem,
        gone=tuple(item.problem for item in gone),
        unread=tuple(item.problem for item in unread),
    )


def _counts(looked: Looked) -> Counts | None:
    configured = looked.live.variant.get("InitialInstanceCount") if looked.live else None
    current = looked.variant.get("CurrentInstanceCount")
    if configured is None or current is None:
        return None
    desired = looked.variant.get("DesiredInstanceCount", current)
    return Counts(configured=int(configured), current=int(current), desired=int(desired))


def keys_of(diff: ProfileDiff | None) -> Iterator[str]:
    """What differs beside tags and the number of instances, which are told by themselves."""
    for change in diff.changes if diff else ():
        if change.key == RUNNING_INSTANCES:
            continue
        item = change.after or change.before
        if item is not None and item.reaches != {Part.TAGS}:
            yield change.key


def with_engine(seen: Seen, sides: Sides, looked: Looked) -> Seen:
    """The same with what there is to say of a compiled engine."""
    outlook, folder = sides.wanted.outlook, served_engine(looked)
    if outlook is None:
        return seen
    wanted = outlook.engine.folder if outlook.engine else None
    if folder is None:
        if outlook.fate == "cached":
            reason = f"a {outlook.name} has been compiled since, and would be served"
            return replace(seen, engine_reason=reason)
        return seen
    if folder == wanted:
        return replace(seen, engine=outlook.seen)
    reason = f"it serves the {outlook.name} in {folder}; the profile needs another one"
    if outlook.fate != "cached":
        reason += ", which is not in the cache"
    return replace(seen, engine_reason=outlook.untold or reason)
