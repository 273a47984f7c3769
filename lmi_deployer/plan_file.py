"""A plan as a file: exactly what was decided, and a hash of what was seen when it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from lmi_deployer import __version__, steps
from lmi_deployer.bundle import bundle_from_json
from lmi_deployer.deployment import Identity
from lmi_deployer.errors import InputError
from lmi_deployer.impact import Impact
from lmi_deployer.plan import Plan
from lmi_deployer.state import ObservedEngine
from lmi_deployer.step_lines import step_line
from lmi_deployer.steps import Step

if TYPE_CHECKING:
    from lmi_deployer.diffing.snapshot import Snapshot
    from lmi_deployer.plan_sources import Sources

T = TypeVar("T")

SCHEMA_VERSION = 3
SHOWN_CHARACTERS = 20
"""Of a version that a file names."""
STEP_TYPES: Mapping[str, type[Step]] = {
    kind.__name__: kind
    for kind in (
        steps.CompileEngine,
        steps.UploadBundle,
        steps.CreateModel,
        steps.CreateEndpointConfig,
        steps.CreateEndpoint,
        steps.UpdateEndpoint,
        steps.AddTags,
        steps.SettleEndpoint,
        steps.AwaitEndpoint,
        steps.VerifyEndpoint,
        steps.DeleteEndpoint,
        steps.DeleteEndpointConfig,
        steps.DeleteModel,
        steps.DeleteObjects,
    )
}


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a plan brings about, and what that was decided from."""

    snapshot: Snapshot
    """The hardware profile as it will be deployed."""
    as_asked: Snapshot | None
    """As it was before anybody looked for its engine, which is what a profile on its own can be
    compared with; None where nothing is compiled."""
    sources: Sources
    impact: str | None
    """Label of an Impact; None where nothing is there yet."""
    planned_at: str
    """UTC, as YYYY-MM-DDTHH:MM:SSZ."""


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """A plan, and the place it was made for."""

    plan: Plan
    title: str
    region: str
    account: str
    missing_bucket: str | None = None
    """The bucket that has to be made before the plan can be applied."""
    decided: Decided | None = None
    """None for a plan that removes, and for one that is not saved."""


def plan_as_json(saved: SavedPlan) -> dict[str, Any]:
    """The document that `plan --out` writes and `-o json` prints."""
    plan = saved.plan
    document = {
        "schema_version": SCHEMA_VERSION,
        "title": saved.title,
        "region": saved.region,
        "account": saved.account,
        "missing_bucket": saved.missing_bucket,
        "identity": asdict(plan.identity),
        "observed": plan.observed_digest,
        "engine": None if plan.engine is None else asdict(plan.engine),
        "steps": [{"step": type(step).__name__, **asdict(step)} for step in plan.steps],
        "bundle": plan.bundle.as_json(),
        "decided": None if saved.decided is None else _decided_as_json(saved.decided),
    }
    return {**document, "digest": _digest(document)}


def _decided_as_json(decided: Decided) -> dict[str, Any]:
    from lmi_deployer.diffing import snapshot_file

    as_asked = decided.as_asked
    return {
        "snapshot": snapshot_file.as_json(decided.snapshot),
        "as_asked": None if as_asked is None else snapshot_file.as_json(as_asked),
        "sources": asdict(decided.sources),
        "impact": decided.impact,
        "planned_at": decided.planned_at,
    }


def _digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of a plan: what was approved is what is applied, not what somebody made of it."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parse_plan(text: str, file: str) -> SavedPlan:
    """The plan in a file. Raises InputError for a file that is not one, or of another version."""
    fix = "make a new one with `lmi-deploy plan MODEL -p HARDWARE --out FILE`"
    try:
        document = json.loads(text)
        version, digest = document["schema_version"], document.pop("digest", None)
        is_as_saved = digest == _digest(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{file} is not a plan that lmi-deploy has saved", fix=fix) from error
    if type(version) is not int or version != SCHEMA_VERSION:
        told = f"{file} is a plan of schema version {str(version)[:SHOWN_CHARACTERS]!r}"
        raise InputError(f"{told}; this lmi-deploy reads {SCHEMA_VERSION}", fix=fix)
    if not is_as_saved:
        raise InputError(f"{file} has been changed since lmi-deploy saved it", fix=fix)
    try:
        return _saved(document)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        other = f"{file} is not a plan as lmi-deploy {__version__} saves it"
        raise InputError(f"{other}{_made_by(document)}", fix=fix) from error


def _saved(document: Mapping[str, Any]) -> SavedPlan:
    """Raises one of many errors for what `plan_as_json` did not write."""
    missing = document["missing_bucket"]
    return SavedPlan(
        plan=Plan(
            identity=_checked(Identity, document["identity"]),
            bundle=bundle_from_json(document["bundle"]),
            steps=tuple(_step(item) for item in document["steps"]),
            observed_digest=_checked(str, document["observed"]),
            engine=_engine(document["engine"]),
        ),
        title=_name(document["title"]),
        region=_name(document["region"]),
        account=_name(document["account"]),
        missing_bucket=None if missing is None else _name(missing),
        decided=_decided(document["decided"]),
    )


def _made_by(document: Mapping[str, Any]) -> str:
    """Which other lmi-deploy says that it has saved a plan; nothing where none does."""
    try:
        version = document["decided"]["sources"]["version"]
    except (KeyError, TypeError):
        return ""
    if not isinstance(version, str) or version == __version__:
        return ""
    return f": it says that {version[:SHOWN_CHARACTERS]!r} has saved it"


def _engine(item: Any) -> ObservedEngine | None:
    return None if item is None else _checked(ObservedEngine, item)


def _decided(item: Any) -> Decided | None:
    if item is None:
        return None
    from lmi_deployer.diffing import snapshot_file
    from lmi_deployer.plan_sources import Sources

    impact, planned_at, as_asked = item["impact"], item["planned_at"], item["as_asked"]
    if impact is not None and impact not in {each.label for each in Impact}:
        raise ValueError(f"there is no impact {impact!r}")
    return Decided(
        snapshot=snapshot_file.from_json(item["snapshot"]),
        as_asked=None if as_asked is None else snapshot_file.from_json(as_asked),
        sources=_checked(Sources, item["sources"]),
        impact=impact,
        planned_at=_name(planned_at),
    )


def _step(item: Mapping[str, Any]) -> Step:
    fields = {key: value for key, value in item.items() if key != "step"}
    step = _checked(STEP_TYPES[item["step"]], fields)
    step_line(step)  # what cannot be shown, nobody can approve
    return step


def _name(item: Any) -> str:
    """A text that can be shown as it is."""
    text = _checked(str, item)
    if not text.isprintable():
        raise ValueError("a name with control characters")
    return text


def _checked(kind: type[T], fields: Any) -> T:
    try:
        return TypeAdapter(kind).validate_python(fields)
    except ValidationError as error:
        raise ValueError(f"{kind.__name__} with other fields") from error
