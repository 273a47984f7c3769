"""What a hardware profile comes to, as a snapshot."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import __version__, api, checks
from lmi_deployer.aot.engine import Engine, EngineInputs
from lmi_deployer.aot.inputs import engine_inputs
from lmi_deployer.aot.outlook import Fate, Outlook
from lmi_deployer.artifact.manifest import Manifest
from lmi_deployer.deployed import deployed_of
from lmi_deployer.diffing.comparing import Pair, compare
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.diffing.taking import take, with_outlook
from lmi_deployer.hardware import LoadedProfile, load_profile
from lmi_deployer.impact import Part
from lmi_deployer.reaching import Reach
from lmi_deployer.resources import data_folder
from lmi_deployer.spec import ResolvedSpec
from tests.specs import PROFILE, make_spec
from tests.unit.diffing.refactorings import refactored
from tests.unit.generated_overrides import decided, overrides, profiles
from tests.unit.hand_made_locks import COMMIT, ENTRY, a_lock

SHIPPED = sorted(data_folder("profiles").glob("*.yaml"))
TRTLLM = ("backend=trtllm", "instance_type=ml.g5.12xlarge")


def taken(checked: api.Checked, region: str = "us-east-1") -> Snapshot:
    return take(checked, region=region, profile="chat", hardware="g5", file="profiles/chat.yaml")


def snapshot(*overrides: str, text: str = PROFILE, region: str = "us-east-1") -> Snapshot:
    loaded = load_profile(text, "profiles/chat.yaml")
    return taken(api.check(loaded, "g5", overrides), region)


def of_spec(spec: ResolvedSpec) -> Snapshot:
    return taken(api.Checked(title=spec.title, spec=spec, findings=checks.check(spec)))


def test_a_value_comes_with_its_unit_its_source_and_its_line() -> None:
    values = snapshot("endpoint.instances=2").values
    length, count = values["traffic.max_input_len"], values["endpoint.instances"]
    assert (length.value, length.unit, length.source) == (1024, "tokens", "profile")
    assert str(length.place) == "profiles/chat.yaml:6:26"
    assert (count.value, count.source, count.place) == (2, "override", None)
    assert count.reason == "--set endpoint.instances=2"


def test_what_an_override_leaves_open_is_told_with_its_place() -> None:
    item = snapshot("max_rolling_batch_size=auto").values["max_rolling_batch_size"]
    assert (item.source, str(item.place)) == ("rule", "--set")
    assert snapshot().values["max_rolling_batch_size"].place is None


def test_a_snapshot_says_which_lmi_deploy_decided_it() -> None:
    assert snapshot().version == snapshot("backend=unheard-of").version == __version__


@pytest.mark.parametrize(
    ("key", "unit", "source"),
    [
        ("backend", "", "profile"),
        ("tensor_parallel_degree", "", "rule"),
        ("model.weights_gib", "GiB", "catalog"),
        ("container.image", "", "catalog"),
        ("endpoint.packaging", "", "default"),
        ("endpoint.startup_timeout_seconds", "s", "rule"),
        ("max_rolling_batch_size", "sequences", "rule"),
        ("endpoint.tags.max_tokens", "", "override"),
        ("options.option.max_tokens", "", "override"),
    ],
)
def test_sources_and_units(key: str, unit: str, source: str) -> None:
    item = snapshot("endpoint.tags.max_tokens=a", "options.option.max_tokens=1").values[key]
    assert (item.unit, item.source) == (unit, source)


def test_a_disk_is_in_the_unit_of_sagemaker() -> None:
    on_volume = snapshot("instance_type=ml.g4dn.xlarge", "model.weights_gib=5").values
    units = {key: item.unit for key, item in on_volume.items() if key.endswith("volume_gb")}
    assert set(units.values()) <= {"GB"}


def test_what_a_published_row_says_is_the_catalogs() -> None:
    loaded = api.read_profile(data_folder("profiles") / "llama2-70b.yaml")
    free = ("tensor_parallel_degree=auto", "max_rolling_batch_size=auto")
    item = taken(api.check(loaded, "p4d", free)).values["max_rolling_batch_size"]
    assert item.reason.startswith("published: ")
    assert item.source == "catalog"


def test_what_the_lock_says_has_the_lines_of_the_lock() -> None:
    loaded = replace(load_profile(PROFILE, "profiles/chat.yaml"), lock=a_lock(ENTRY))
    values = taken(api.check(loaded, "g5", ["backend=vllm"])).values
    for key in ("model.commit", "model.weights_gib"):
        assert values[key].source == "lock"
        assert str(values[key].place) == "profiles/lmi.lock:4:5"
    assert values["model.commit"].value == COMMIT
    assert not values["model.commit"].reaches


def test_a_value_reaches_the_parts_that_follow_from_it() -> None:
    values = snapshot("endpoint.tags.team=a").values
    assert values["endpoint.tags.team"].reaches == {Part.TAGS}
    assert Part.FILES in values["model.dtype"].reaches
    assert Part.ENDPOINT_CONFIG in values["instance_type"].reaches


def test_a_line_of_its_own_reaches_the_file() -> None:
    cards = ("instance_type=ml.g4dn.12xlarge", "model.dtype=fp16", "predict_timeout_seconds=auto")
    values = snapshot(*cards).values
    assert Part.FILES in values["serving.properties:option.predict_timeout"].reaches


def test_a_profile_that_cannot_be_decided_is_its_findings() -> None:
    found = snapshot("instance_type=ml.nothing")
    assert found.is_refused
    assert (dict(found.values), found.deployed, found.memory, found.cost) == ({}, None, None, None)
    assert (found.profile, found.hardware, found.file) == ("chat", "g5", "profiles/chat.yaml")


@pytest.mark.parametrize("overrides", [(), TRTLLM, ("instance_type=ml.g5.48xlarge",)])
def test_the_memory_adds_up(overrides: tuple[str, ...]) -> None:
    memory = snapshot(*overrides).memory
    assert memory is not None
    assert memory.verdict == "fits"
    without_cache = memory.weights_gib + memory.other_gib
    assert without_cache + memory.headroom_gib == pytest.approx(memory.usable_gib, abs=0.003)
    assert 0 < memory.kv_cache_gib <= memory.headroom_gib + 0.001
    assert memory.used_gib == pytest.approx(without_cache + memory.kv_cache_gib)
    spec = make_spec(*overrides)
    assert spec.memory is not None
    assert memory.batch_ceiling == spec.memory.max_sequences > 0


def test_what_does_not_fit_has_less_than_no_room() -> None:
    spec = make_spec("model.id=TheBloke/Llama-2-13B-fp16")
    memory = of_spec(spec).memory
    assert memory is not None
    assert spec.memory is not None
    assert memory.verdict == "does_not_fit"
    assert memory.headroom_gib == pytest.approx(-spec.memory.shortage_bytes / 2**30, abs=0.001)
    assert memory.headroom_gib < 0
    assert memory.kv_cache_gib == 0


def test_the_cost_is_of_all_instances_and_says_of_which_region() -> None:
    one, two = snapshot().cost, snapshot("endpoint.instances=2").cost
    far = snapshot(region="ap-south-2").cost
    assert one is not None
    assert two is not None
    assert far is not None
    assert (two.usd_per_hour, one.region) == (2 * one.usd_per_hour, "us-east-1")
    assert far.region != "ap-south-2"
    assert len(far.as_of) == len("2026-08-17")


def test_weights_that_are_loaded_as_they_are_need_no_artifact() -> None:
    assert snapshot().artifact is None
    assert snapshot("backend=vllm").artifact is None


def test_an_engine_of_the_hub_has_the_key_that_the_cache_knows_it_by() -> None:
    artifact = snapshot(*TRTLLM, "compile.mode=aot").artifact
    assert artifact is not None
    assert artifact.key == engine_inputs(make_spec(*TRTLLM, "compile.mode=aot"), None).key
    assert artifact.key.startswith(artifact.identity)
    assert (artifact.name, artifact.is_ahead, artifact.is_cached) == ("trt_engine", True, None)


def test_an_engine_of_weights_that_nobody_has_looked_at_has_no_key() -> None:
    mirror = (*TRTLLM, "model.source=s3://acme/llama/", "compile.mode=aot")
    others = ("model.dtype=fp32", "model.source=s3://acme/other/")
    artifacts = [snapshot(*mirror, *more).artifact for more in ((), *zip(others), ())]
    first, *rest, again = (artifact for artifact in artifacts if artifact is not None)
    assert first.key is None
    assert first == again
    assert [other.identity == first.identity for other in rest] == [False, False]


def test_an_engine_that_only_a_cache_may_hold_has_the_key_that_is_looked_for() -> None:
    artifact = snapshot(*TRTLLM, "compile.mode=auto").artifact
    assert artifact is not None
    assert artifact.key == engine_inputs(make_spec(*TRTLLM), None).key
    assert not artifact.is_ahead
    assert artifact.identity == deployed_of(make_spec(*TRTLLM)).engine


@pytest.mark.parametrize("mode", ["aot", "auto"])
def test_what_an_engine_depends_on_is_worked_out_once(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = []

    def counted(spec: ResolvedSpec, digest: str | None) -> EngineInputs:
        specs.append(spec)
        return engine_inputs(spec, digest)

    monkeypatch.setattr("lmi_deployer.engine_identity.engine_inputs", counted)
    snapshot(*TRTLLM, f"compile.mode={mode}")
    assert len(specs) == 1


def test_an_engine_that_each_start_makes_is_told_by_what_it_is_made_from() -> None:
    spec = make_spec(*TRTLLM, "compile.mode=jit")
    artifact = of_spec(spec).artifact
    assert artifact is not None
    assert (artifact.key, artifact.is_ahead) == (None, False)
    assert artifact.identity == deployed_of(spec).engine


def outlook_of(spec: ResolvedSpec, fate: Fate) -> Outlook:
    engine = Engine(inputs=engine_inputs(spec, None), cache="s3://acme/engines/")
    return Outlook(spec=spec, fate=fate, engine=engine)


@pytest.mark.parametrize(
    ("fate", "is_ahead"), [("compiled first", True), ("made in the container", False)]
)
def test_what_the_cache_holds_is_told_once_somebody_has_looked(fate: Fate, is_ahead: bool) -> None:
    spec = make_spec(*TRTLLM, "compile.mode=aot" if is_ahead else "compile.mode=auto")
    seen = with_outlook(of_spec(spec), outlook_of(spec, fate)).artifact
    assert seen is not None
    assert (seen.is_cached, seen.is_ahead) == (False, is_ahead)
    assert seen.key == engine_inputs(spec, None).key


def test_an_engine_that_is_cached_is_served_ahead_even_where_nobody_insisted() -> None:
    spec = make_spec(*TRTLLM, "compile.mode=auto")
    outlook = outlook_of(spec, "cached")
    assert outlook.engine is not None
    inputs = engine_inputs(spec, None).document()
    manifest = Manifest(inputs=inputs, layout="triton_repository", files=())
    ready = replace(outlook.engine, manifest=manifest)
    before, seen = of_spec(spec), with_outlook(of_spec(spec), replace(outlook, engine=ready))
    assert before.artifact is not None
    assert seen.artifact is not None
    assert (before.artifact.is_ahead, before.artifact.is_cached) == (False, None)
    assert (seen.artifact.is_ahead, seen.artifact.is_cached) == (True, True)
    assert seen.artifact.key == ready.key
    assert ready.key.startswith(seen.artifact.identity)


def test_nothing_is_told_of_a_cache_that_nobody_looked_into() -> None:
    spec = make_spec(*TRTLLM, "compile.mode=aot")
    before = of_spec(spec)
    assert with_outlook(before, outlook_of(spec, "compiled unless cached")) == before


def with_option(name: str, value: str) -> Snapshot:
    return of_spec(replace(make_spec(), options={name: value}))


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("option.hf_token", ("abc", "abd")),
        ("option.foo", ("hf_" + "a" * 30, "hf_" + "b" * 30)),
    ],
)
def test_a_secret_is_not_in_the_values_and_another_one_is_a_change(
    name: str, secrets: tuple[str, str]
) -> None:
    first, again, other = (
        with_option(name, text).values[f"options.{name}"] for text in (*secrets[:1], *secrets)
    )
    assert str(first.value).startswith("*** (")
    assert first.value == again.value != other.value
    assert secrets[0] not in repr(with_option(name, secrets[0]).values)


@cache
def shipped(path: Path) -> tuple[LoadedProfile, dict[str, Snapshot]]:
    loaded = api.read_profile(path)
    return loaded, all_of(loaded)


def all_of(loaded: LoadedProfile) -> dict[str, Snapshot]:
    return {name: taken(api.check(loaded, name)) for name in loaded.hardware_names}


def effective(side: Snapshot) -> tuple[object, ...]:
    """All of a snapshot but the lines and sections that say it."""
    values = {key: (item.value, item.unit, item.reaches) for key, item in side.values.items()}
    findings = {(finding.code, finding.key, finding.problem) for finding in side.findings}
    rest = replace(side, values={}, findings=())
    return values, findings, rest


@given(st.data())
def test_a_refactoring_is_no_effective_change(data: st.DataObject) -> None:
    loaded, before = shipped(data.draw(st.sampled_from(SHIPPED)))
    text = data.draw(refactored(loaded.source.data))
    after = all_of(replace(load_profile(text, loaded.source.name), lock=loaded.lock))
    assert {name: effective(side) for name, side in after.items()} == {
        name: effective(side) for name, side in before.items()
    }


@given(st.data())
def test_what_is_remembered_of_a_kind_of_spec_is_true_of_each(data: st.DataObject) -> None:
    loaded, hardware = data.draw(st.sampled_from(list(profiles().values())))
    chosen = data.draw(st.lists(st.sampled_from(overrides()), max_size=3))
    spec = decided(loaded, hardware, *chosen)
    if spec is not None:
        parts = {key: item.reaches for key, item in of_spec(spec).values.items()}
        fresh = Reach(spec)
        assert parts == {key: fresh[key] for key in parts}


def test_other_facts_in_a_lock_are_the_cause_of_what_follows_from_them() -> None:
    config = {**ENTRY["config"], "num_hidden_layers": 44}  # type: ignore[dict-item]
    sides = []
    for entry in (ENTRY, {**ENTRY, "config": config}):
        loaded = replace(load_profile(PROFILE, "profiles/chat.yaml"), lock=a_lock(entry))
        sides.append(taken(api.check(loaded, "g5")))
    found = compare(Pair(before=sides[0], after=sides[1]))
    causes = {change.key: (change.cause, str(change.place)) for change in found.changes}
    assert sides[0].memory != sides[1].memory
    assert causes["model.shape"] == ("lock", "profiles/lmi.lock:4:5")
    assert "catalog" not in {cause for cause, _ in causes.values()}
