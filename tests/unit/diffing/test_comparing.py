from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer.diffing.comparing import Pair, compare, compare_all
from lmi_deployer.diffing.comparison import ProfileDiff
from lmi_deployer.diffing.snapshot import Item, Snapshot
from lmi_deployer.findings import Finding, Place
from lmi_deployer.hardware import load_profile
from lmi_deployer.impact import UNKNOWN, Deployed, Impact, Part
from lmi_deployer.resources import data_folder
from lmi_deployer.spec import Value
from tests.diffing_samples import CHAT, HUB_TOKEN, shipped, snapshot
from tests.unit.diffing.generated_snapshots import SNAPSHOTS

SHIPPED = sorted(path.stem for path in data_folder("profiles").glob("*.yaml"))
OVERRIDES = (
    (),
    ("max_rolling_batch_size=4",),
    ("traffic.max_output_len=300",),
    ("traffic.concurrency=7",),
    ("endpoint.instances=2",),
    ("endpoint.name=other",),
    ("endpoint.tags.team=chat",),
    ("endpoint.packaging=tar.gz",),
    ("endpoint.role=arn:aws:iam::123456789012:role/serving",),
    ("instance_type=ml.g5.48xlarge",),
    ("model.dtype=bf16",),
    ("model.source=s3://acme-models/weights/",),
    ("container.version=0.26.0",),
    ("compile.mode=aot",),
    ("compile.mode=jit",),
    ("tensor_parallel_degree=1",),
    ("options.option.seed=7",),
    ("model_loading_timeout_seconds=1234",),
)
BASES = (
    ("llama2-70b", "p4d"),
    ("llama2-7b", "g5-trtllm-smoothquant"),
    ("llama2-7b", "g5"),
    ("llama2-7b", "inf2"),
)


@cache
def taken(profile: str, hardware: str, *overrides: str) -> Snapshot:
    return shipped(profile, hardware, *overrides)


def both(before: Snapshot | None, after: Snapshot | None) -> ProfileDiff:
    return compare(Pair(before=before, after=after))


def worst(diff: ProfileDiff) -> Impact:
    return max((change.impact for change in diff.changes), default=Impact.NONE)


def keys(diff: ProfileDiff) -> dict[str, str]:
    return {change.key: change.cause for change in diff.changes}


def subject(finding: Finding) -> tuple[str, str | None, str]:
    return finding.code, finding.key, finding.problem


def assert_mirrored(forth: ProfileDiff, back: ProfileDiff) -> None:
    statuses = {"added": "removed", "removed": "added"}
    assert back.status == statuses.get(forth.status, forth.status)
    turned = [(change.key, change.after, change.before, change.cause) for change in back.changes]
    straight = [(change.key, change.before, change.after, change.cause) for change in forth.changes]
    assert sorted(straight, key=lambda row: row[0]) == sorted(turned, key=lambda row: row[0])
    assert (forth.appeared, forth.gone) == (back.gone, back.appeared)
    if forth.before is not None and forth.after is not None:
        assert set(map(subject, forth.standing)) == set(map(subject, back.standing))
    assert (forth.before, forth.after) == (back.after, back.before)
    if forth.usd_per_hour_delta is None:
        assert back.usd_per_hour_delta is None
    else:
        assert back.usd_per_hour_delta == -forth.usd_per_hour_delta
    signs = str.maketrans("-+", "+-")
    lines = [f"{line[0].translate(signs)}{line[1:]}" for line in back.rendered]
    assert Counter(forth.rendered) == Counter(lines)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_does_not_differ_from_itself(name):
    text = (data_folder("profiles") / f"{name}.yaml").read_text(encoding="utf-8")
    for hardware in load_profile(text, name).hardware_names:
        diff = both(shipped(name, hardware), shipped(name, hardware))
        assert (diff.status, diff.impact, diff.changes) == ("equal", Impact.NONE, ())
        assert (diff.appeared, diff.gone, diff.rendered, diff.notes) == ((), (), (), ())


@given(SNAPSHOTS)
def test_nothing_differs_from_itself(side):
    diff = both(side, side)
    told = (diff.status, diff.impact, diff.changes, diff.appeared, diff.gone, diff.rendered)
    assert told == ("equal", Impact.NONE, (), (), (), ())
    assert not diff.usd_per_hour_delta


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(BASES), st.sampled_from(OVERRIDES), st.sampled_from(OVERRIDES))
def test_real_profiles_mirror_and_their_worst_change_is_the_whole(base, one, other):
    before, after = taken(*base, *one), taken(*base, *other)
    forth = both(before, after)
    assert_mirrored(forth, both(after, before))
    if forth.impact != Impact.INCOMPATIBLE and forth.status != "unknown":
        assert worst(forth) == forth.impact
    explained = {key for key in keys(forth) if ":" in key or key in {"engine", "endpoint"}}
    assert not explained, "what differs is said by no value of the profile"


@settings(max_examples=300, deadline=None)
@given(SNAPSHOTS, SNAPSHOTS)
def test_any_two_sides_mirror_and_their_worst_change_is_the_whole(before, after):
    forth = both(before, after)
    assert_mirrored(forth, both(after, before))
    assert worst(forth) <= forth.impact
    if forth.impact != Impact.INCOMPATIBLE and forth.status != "unknown":
        assert worst(forth) == forth.impact


@given(SNAPSHOTS)
def test_what_is_added_one_way_is_removed_the_other_way(side):
    assert_mirrored(both(None, side), both(side, None))
    assert both(side, None).impact == Impact.REPLACE_ENDPOINT
    assert both(None, side).impact >= Impact.NEW_ENDPOINT_CONFIG


@pytest.mark.parametrize(
    "text",
    [
        f"# a comment\n\n{CHAT}",
        CHAT.replace(
            "    backend: lmi-dist\n    max_rolling_batch_size: 32\n",
            "    max_rolling_batch_size: 32\n    backend: lmi-dist\n",
        ),
        CHAT.replace("  g5:\n", "  base:\n").replace(
            "    max_rolling_batch_size: 32\n",
            "  g5:\n    extends: base\n    max_rolling_batch_size: 32\n",
        ),
        CHAT.replace("    max_rolling_batch_size: 32\n", "").replace(
            "profiles:", "defaults: {max_rolling_batch_size: 32}\nprofiles:"
        ),
    ],
    ids=["comment", "order", "extends", "defaults"],
)
def test_what_only_moves_lines_is_no_effective_change(text):
    assert both(snapshot(), snapshot(text)).status == "equal"


def test_a_line_that_changed_is_named_on_the_later_side():
    after = f"# one line more\n{CHAT.replace('size: 32', 'size: 16')}"
    diff = both(snapshot(), snapshot(after))
    (change,) = diff.changes
    assert (change.key, change.cause, change.impact) == (
        "max_rolling_batch_size",
        "profile",
        Impact.RESTART,
    )
    assert (change.place, change.place_side) == (Place("profiles/chat.yaml", 12, 29), "after")
    assert change.before is not None
    assert (change.before.value, change.after and change.after.value) == (32, 16)
    assert diff.rendered == (
        "-option.max_rolling_batch_size=32",
        "+option.max_rolling_batch_size=16",
    )


def test_a_line_that_is_gone_is_named_on_the_earlier_side():
    after = CHAT.replace("    max_rolling_batch_size: 32\n", "")
    change = both(snapshot(), snapshot(after)).changes[0]
    assert (change.key, change.cause, change.place_side) == (
        "max_rolling_batch_size",
        "profile",
        "before",
    )
    assert change.place is not None
    assert change.place.line == 11


def test_an_override_is_a_cause_of_its_own_and_what_follows_is_derived():
    diff = both(snapshot(), snapshot(CHAT, "g5", "instance_type=ml.g5.12xlarge"))
    assert keys(diff) == {"instance_type": "override", "tensor_parallel_degree": "derived"}


def _answered(value: Value) -> Snapshot:
    """What a plan holds that another version of lmi-deploy saved: the inputs are the same."""
    now = snapshot()
    item = replace(now.values["tensor_parallel_degree"], value=value)
    assert item.source == "rule"
    return replace(now, values={**now.values, "tensor_parallel_degree": item})


def test_an_answer_that_moved_by_itself_is_the_catalogs():
    diff = both(_answered(2), _answered(1))
    assert keys(diff) == {"tensor_parallel_degree": "catalog"}


def test_an_auto_that_somebody_wrote_is_not_the_catalogs():
    diff = both(snapshot(), snapshot(f"{CHAT}    predict_timeout_seconds: auto\n"))
    (change,) = diff.changes
    assert (change.key, change.cause) == ("predict_timeout_seconds", "derived")
    assert (change.place, change.place_side) == (Place("profiles/chat.yaml", 12, 30), "after")


def test_a_value_that_reaches_nothing_is_a_change_without_impact():
    diff = both(snapshot(), snapshot(CHAT.replace("512}", "512, concurrency: 4}")))
    assert (diff.status, diff.impact) == ("changed", Impact.NONE)
    assert keys(diff)["traffic.concurrency"] == "profile"


def test_the_most_costly_change_comes_first():
    diff = both(snapshot(), snapshot(CHAT.replace("g5.2xlarge", "g5.12xlarge").replace("32", "16")))
    impacts = [change.impact for change in diff.changes]
    assert impacts == sorted(impacts, reverse=True)
    assert diff.changes[0].key == "instance_type"


def test_what_follows_from_no_value_is_told_as_it_is_deployed():
    side = snapshot()
    assert side.deployed is not None
    lines = {**(side.deployed.properties or {}), "option.new": "1"}
    diff = both(side, replace(side, deployed=replace(side.deployed, properties=lines)))
    assert keys(diff) == {"serving.properties:option.new": "catalog"}
    assert diff.impact == Impact.RESTART


def test_an_error_that_appears_makes_it_incompatible():
    diff = both(snapshot(), snapshot(f"{CHAT}    tensor_parallel_degree: 8\n"))
    assert diff.impact == Impact.INCOMPATIBLE
    assert [finding.code for finding in diff.appeared if finding.severity == "error"] == ["LMI201"]


def test_what_was_refused_and_still_is_says_why():
    refused = f"{CHAT}    tensor_parallel_degree: 8\n"
    diff = both(snapshot(refused), snapshot(refused.replace("size: 32", "size: 16")))
    assert diff.impact == Impact.INCOMPATIBLE
    assert [finding.code for finding in diff.standing] == ["LMI201"]
    assert not {finding.severity for finding in (*diff.appeared, *diff.gone)} & {"error"}
    assert both(snapshot(refused), snapshot(f"\n{refused}")).standing == ()


def test_a_warning_that_becomes_an_error_has_appeared():
    place = Place("profiles/chat.yaml", 1)
    error = Finding.error("LMI201", "is 8", place=place, fix=None)
    warning = replace(error, severity="warning")
    diff = both(*(replace(snapshot(), findings=(finding,)) for finding in (warning, error)))
    assert (diff.appeared, diff.gone, diff.standing) == ((error,), (warning,), ())
    assert (diff.status, diff.impact) == ("changed", Impact.INCOMPATIBLE)


def test_what_was_refused_and_is_repaired_is_not_incompatible():
    diff = both(snapshot(f"{CHAT}    tensor_parallel_degree: 8\n"), snapshot())
    assert diff.impact == Impact.RESTART
    assert "LMI201" in {finding.code for finding in diff.gone}


def test_a_finding_whose_line_moved_is_the_same_finding():
    diff = both(snapshot(), snapshot(f"\n\n{CHAT}"))
    assert (diff.appeared, diff.gone) == ((), ())


UNDECIDED = replace(snapshot(), values={}, deployed=None, findings=())


@pytest.mark.parametrize(
    ("before", "after", "impact"),
    [
        (snapshot(), UNDECIDED, Impact.INCOMPATIBLE),
        (UNDECIDED, snapshot(), Impact.NEW_ENDPOINT_CONFIG),
        (replace(UNDECIDED, findings=snapshot().findings), UNDECIDED, Impact.INCOMPATIBLE),
    ],
    ids=["later", "earlier", "both"],
)
def test_a_side_that_cannot_be_decided_leaves_the_whole_unknown(before, after, impact):
    diff = both(before, after)
    assert (diff.status, diff.impact, diff.changes) == ("unknown", impact, ())
    assert any("cannot be decided" in note for note in diff.notes)


def test_an_engine_that_is_compiled_ahead_is_compiled_for_what_is_added():
    side = shipped("llama2-70b", "p4d", "compile.mode=aot")
    assert both(None, side).impact == Impact.RECOMPILE
    assert side.deployed is not None
    ready = replace(side, deployed=replace(side.deployed, is_engine_ready=True))
    assert both(None, ready).impact == Impact.NEW_ENDPOINT_CONFIG
    assert both(None, snapshot()).impact == Impact.NEW_ENDPOINT_CONFIG


def test_what_is_removed_says_that_its_endpoint_stays():
    (note,) = both(snapshot(), None).notes
    assert note == (
        "where endpoint chat-g5 is deployed, it stays and costs until `lmi-deploy down chat-g5`"
    )


def test_what_is_not_deployed_is_no_endpoint_that_stays():
    for pair in (
        Pair(before=snapshot(), after=None, is_missing_live=True),
        Pair(before=None, after=snapshot(), is_missing_live=True),
    ):
        diff = compare(pair)
        assert diff.impact == Impact.NEW_ENDPOINT_CONFIG
        assert diff.notes == ("endpoint chat-g5 is not deployed",)


def test_another_endpoint_is_a_new_one_beside_the_old():
    diff = both(snapshot(), snapshot(CHAT, "g5", "endpoint.name=chat"))
    assert diff.impact == Impact.REPLACE_ENDPOINT
    (note,) = diff.notes
    assert note == (
        "chat is a new endpoint; where chat-g5 is deployed, it stays, and both cost until "
        "`lmi-deploy down chat-g5`"
    )


def test_an_endpoint_that_another_hardware_profile_has_is_refused():
    named = f"{CHAT}    endpoint: {{name: chat}}\n"
    diff = both(snapshot(named), snapshot(named.replace("  g5:", "  small:"), "small"))
    assert (diff.status, diff.impact) == ("changed", Impact.INCOMPATIBLE)
    assert diff.file_before == "profiles/chat.yaml#g5"
    assert "refuses to take it over" in diff.notes[0]


def test_an_endpoint_that_goes_from_one_pair_to_another_is_refused():
    one = snapshot(CHAT, "g5", "endpoint.name=first")
    moved = snapshot(CHAT.replace("name: chat", "name: other"), "g5", "endpoint.name=first")
    pairs = [Pair(before=one, after=None), Pair(before=None, after=moved)]
    for order in (pairs, pairs[::-1]):
        found = compare_all(order, before="a", after="b")
        impacts = {diff.status: diff.impact for diff in found.profiles}
        assert impacts == {"removed": Impact.REPLACE_ENDPOINT, "added": Impact.INCOMPATIBLE}


# What is read back from SageMaker.


def live(**parts: object) -> Snapshot:
    side = snapshot()
    assert side.deployed is not None
    deployed = replace(side.deployed, **parts)  # type: ignore[arg-type]
    return replace(side, values={}, findings=(), memory=None, deployed=deployed, is_decided=False)


def lines(**changed: str) -> dict[str, str]:
    side = snapshot()
    assert side.deployed is not None
    names = {f"option.{name}": text for name, text in changed.items()}
    return {**(side.deployed.properties or {}), **names}


def test_what_is_live_as_wanted_does_not_differ_in_either_direction():
    there = live(tags={"owner": "somebody", "cost-center": "7"})
    for diff in (both(there, snapshot()), both(snapshot(), there)):
        assert (diff.status, diff.impact, diff.changes) == ("equal", Impact.NONE, ())


def test_what_somebody_did_to_an_endpoint_is_told_with_the_line_that_says_otherwise():
    diff = both(live(properties=lines(max_rolling_batch_size="64")), snapshot())
    (change,) = diff.changes
    assert (change.key, change.cause) == (
        "serving.properties:option.max_rolling_batch_size",
        "deployed",
    )
    assert change.place == Place("profiles/chat.yaml", 11, 29)
    assert change.before == Item(
        value="64", source="deployed", reason="as deployed", reaches=frozenset({Part.FILES})
    )
    assert diff.impact == Impact.RESTART


def test_a_tag_counts_only_where_the_profile_wants_it():
    wanted = snapshot(CHAT, "g5", "endpoint.tags.team=chat")
    for diff in (both(live(), wanted), both(wanted, live())):
        assert [change.key for change in diff.changes] == ["tags.team"]
        assert diff.impact == Impact.NONE


def test_the_impact_beside_an_endpoint_is_that_of_bringing_it_to_the_profile():
    side = shipped("llama2-70b", "p4d", "compile.mode=aot")
    assert side.deployed is not None
    other = replace(side.deployed, engine=None, is_compiled_ahead=False)
    there = replace(side, deployed=other, is_decided=False)
    assert both(there, side).impact == both(side, there).impact == Impact.RECOMPILE


def test_of_an_engine_stands_its_key_and_only_what_else_differs():
    def engine(key: str | None, **others: Any) -> Snapshot:
        assert side.deployed is not None
        deployed = replace(side.deployed, engine=key, is_compiled_ahead=True, **others)
        return replace(side, deployed=deployed, is_decided=False)

    def values(before: Snapshot, after: Snapshot) -> tuple[object, object]:
        (found,) = both(before, after).changes
        return found.before and found.before.value, found.after and found.after.value

    side = snapshot()
    cache = {"engine_cache": "s3://acme/engines/"}
    before, after = engine("1" * 40, **cache), engine("2" * 40, **cache, is_engine_ready=False)
    assert values(before, after) == ("1" * 16, f"{'2' * 16}, not in the cache")
    moved = engine("1" * 40, engine_cache="s3://other/")
    assert values(before, moved)[1] == f"{'1' * 16}, cache s3://other/"
    ahead = f"{'2' * 16}, compiled ahead of time"
    assert values(engine(None), engine("2" * 40)) == (None, ahead)


def test_lines_that_could_not_be_read_leave_the_rest_to_compare():
    diff = both(live(properties=None), snapshot())
    assert (diff.status, diff.impact, diff.rendered) == ("unknown", Impact.NONE, ())
    assert diff.notes == ("not known, and not compared, on the earlier side: serving.properties",)
    assert both(live(properties=None, tags={}), snapshot(CHAT, "g5", "endpoint.tags.a=b")).changes


def test_a_bundle_is_compared_by_what_it_holds():
    side = snapshot().deployed
    assert side is not None
    bundle = Deployed(
        endpoint=UNKNOWN,
        properties=side.properties,
        model={"packaging": "prefix"},
        endpoint_config=None,
        engine=UNKNOWN,
    )
    there = Snapshot(profile="chat", hardware="g5", file="out", deployed=bundle, is_decided=False)
    diff = both(there, snapshot())
    assert (diff.status, diff.changes) == ("equal", ())
    (note,) = diff.notes
    assert note == (
        "not known, and not compared, on the earlier side: the endpoint, machines and limits of "
        "time, model.image"
    )


# All of them together.


def test_pairs_are_walked_once_and_what_is_equal_is_not_kept():
    def pairs() -> Iterator[Pair]:
        yield Pair(before=snapshot(), after=snapshot())
        yield Pair(before=snapshot(), after=snapshot(CHAT.replace("32", "16")))

    found = compare_all(pairs(), before="a", after="b", unchanged_files=2, notes=["x", "x"])
    assert [diff.status for diff in found.profiles] == ["equal", "changed"]
    assert (found.profiles[0].before, found.profiles[0].after) == (None, None)
    assert found.profiles[1].after is not None
    assert (found.usd_per_hour_delta, found.notes, found.unchanged_files) == (0.0, ("x",), 2)


def test_costs_do_not_differ_without_a_price_where_the_machines_do_not():
    before, after = (replace(taken("llama2-7b", "g5", *over), cost=None) for over in OVERRIDES[:2])
    assert both(before, after).usd_per_hour_delta == 0
    more = replace(taken("llama2-7b", "g5", "endpoint.instances=2"), cost=None)
    assert both(before, more).usd_per_hour_delta is None


def test_a_side_that_is_not_known_is_not_taken_for_one_that_costs_nothing():
    diff = both(None, snapshot())
    assert diff.usd_per_hour_delta == 1.515
    for sides in ({"before": None}, {"after": None, "before": diff.after}):
        unknown = replace(diff, status="unknown", **sides)
        assert unknown.usd_per_hour_delta is None


def test_no_secret_is_left_in_what_is_compared():
    side = snapshot()
    assert side.deployed is not None
    secret = Item(value="sesame", source="profile", reason=f"because {HUB_TOKEN}")
    values = {
        **side.values,
        "options.option.api_token": secret,
        f"a.{HUB_TOKEN}": replace(secret, value=1),
    }
    deployed = replace(
        side.deployed,
        endpoint=HUB_TOKEN,
        properties=lines(api_token="sesame", x=HUB_TOKEN),
        endpoint_config={"KmsKeyId": HUB_TOKEN},
        tags={"a": HUB_TOKEN},
        engine_cache=f"s3://bucket/{HUB_TOKEN}/",
    )
    other = replace(
        side,
        values=values,
        deployed=deployed,
        profile=HUB_TOKEN,
        hardware=HUB_TOKEN,
        file=HUB_TOKEN,
    )
    for pair in (Pair(before=side, after=other), Pair(before=None, after=other)):
        found = repr(compare_all([pair], before=HUB_TOKEN, after="b", notes=[HUB_TOKEN]))
        assert "***" in found
        assert HUB_TOKEN not in found.replace("***", "")
        assert repr("sesame") not in found
        assert "=sesame" not in found
