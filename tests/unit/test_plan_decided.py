"""What a saved plan says that it brings about, beside the profile that it was made from."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lmi_deployer import api, live
from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.aot.outlook import Fate, Outlook
from lmi_deployer.compiling import choosing
from lmi_deployer.deployed import deployed_of
from lmi_deployer.diffing.comparing import Pair, compare
from lmi_deployer.diffing.reading_saved import snapshot_of_plan
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.diffing.taking import take
from lmi_deployer.plan_decided import decided
from lmi_deployer.plan_file import Decided, plan_as_json
from tests.specs import PROFILE, TARGET

TRTLLM = ("backend=trtllm", "instance_type=ml.g5.12xlarge")
MIRROR = ("model.source=s3://acme/llama/",)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FATES: tuple[Fate, ...] = ("cached", "compiled first", "made in the container")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "chat.yaml"
    path.write_text(PROFILE)
    return path


def checked_of(profile: Path, *overrides: str) -> api.Checked:
    return api.check(api.read_profile(profile), "g5", overrides)


def proposal_of(checked: api.Checked, fate: Fate | None) -> live.Proposal:
    """As an account would have it, in whose cache somebody has looked."""
    spec = checked.spec
    assert spec is not None
    proposal = live.plan_offline(spec, TARGET.region)
    if fate is None:
        return replace(proposal, target=TARGET, outlook=None)
    digest = None if spec.weights.source is None else "d" * 64
    engine = Engine(inputs=engine_inputs(spec, digest), cache=f"{TARGET.artifacts}engines/")
    outlook = Outlook(spec=spec, fate=fate, engine=engine)
    return replace(proposal, spec=choosing.served(outlook), target=TARGET, outlook=outlook)


def decided_of(profile: Path, fate: Fate | None, *overrides: str) -> tuple[live.Proposal, Decided]:
    checked = checked_of(profile, *overrides)
    proposal = proposal_of(checked, fate)
    return proposal, decided(proposal, checked, profile=profile, overrides=overrides, now=NOW)


def of_profile(profile: Path, *overrides: str) -> Snapshot:
    checked = checked_of(profile, *overrides)
    return take(checked, region="us-east-1", profile="chat", hardware="g5", file=str(profile))


@pytest.mark.parametrize("weights", [(), MIRROR], ids=["hub", "mirror"])
@pytest.mark.parametrize("mode", ["aot", "auto"])
@pytest.mark.parametrize("fate", FATES)
def test_a_plan_does_not_differ_from_the_profile_that_it_was_made_from(
    profile: Path, tmp_path: Path, fate: Fate, mode: str, weights: tuple[str, ...]
):
    overrides = (*TRTLLM, f"compile.mode={mode}", *weights)
    proposal, made = decided_of(profile, fate, *overrides)
    saved = tmp_path / "plan.json"
    saved.write_text(json.dumps(plan_as_json(replace(proposal.saved, decided=made))))
    plan = snapshot_of_plan(saved, beside_a_profile=True)
    other = of_profile(profile, *overrides)
    for before, after in ((plan, other), (other, plan)):
        found = compare(Pair(before=before, after=after))
        assert (found.status, found.changes) == ("equal", ())


@pytest.mark.parametrize("fate", FATES)
def test_beside_what_is_live_a_plan_is_what_it_brings_about(profile: Path, fate: Fate):
    overrides = (*TRTLLM, "compile.mode=auto")
    proposal, made = decided_of(profile, fate, *overrides)
    spec, deployed = proposal.asked, made.snapshot.deployed
    assert deployed == deployed_of(spec, TARGET, outlook=proposal.outlook)
    assert deployed is not None
    assert deployed.is_compiled_ahead == (fate != "made in the container")
    assert deployed.model["role"] == TARGET.role_arn
    assert made.snapshot.values.keys() == of_profile(profile, *overrides).values.keys()
    assert made.snapshot.artifact is not None
    assert made.snapshot.artifact.is_cached is False  # nothing of a hand-made engine is there


def test_what_compiles_nothing_is_the_same_beside_a_profile(profile: Path):
    _, made = decided_of(profile, None)
    assert made.as_asked is None
    found = compare(Pair(before=made.snapshot, after=of_profile(profile)))
    assert found.status == "equal"


def test_a_plan_says_when_it_was_made_and_of_what(profile: Path):
    _, made = decided_of(profile, None, "endpoint.instances=2")
    assert (made.planned_at, made.impact) == ("2026-11-21T12:00:00Z", None)
    assert made.sources.profile == str(profile)
    assert made.sources.overrides == ("endpoint.instances=2",)
