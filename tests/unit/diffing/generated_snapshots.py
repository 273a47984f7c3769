"""Snapshots that hypothesis makes up, for what has to hold of any two."""

from __future__ import annotations

from hypothesis import strategies as st

from lmi_deployer.diffing.snapshot import (
    CompiledArtifact,
    Cost,
    Image,
    Item,
    MemoryShare,
    Snapshot,
)
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import UNKNOWN, Deployed, Part

KEYS = ("instance_type", "quantize", "max_rolling_batch_size", "traffic.concurrency", "options.a.b")
WORDS = st.sampled_from(["", "a", "b", "true", "64", "a b", "\u00e9\n", "x" * 300])
VALUES = st.one_of(WORDS, st.booleans(), st.integers(-2, 20_000), st.floats(allow_nan=False))
PLACES = st.one_of(st.none(), st.builds(Place, st.just("profiles/a.yaml"), st.integers(1, 9)))
PAIRS = st.dictionaries(st.sampled_from(["a", "b", "option.api_token"]), WORDS, max_size=3)

ITEMS = st.builds(
    Item,
    value=VALUES,
    unit=st.sampled_from(["", "GiB"]),
    source=st.sampled_from(
        ["profile", "override", "lock", "catalog", "rule", "default", "deployed"]
    ),
    reason=WORDS,
    place=PLACES,
    reaches=st.frozensets(st.sampled_from(list(Part)), max_size=3),
)
DEPLOYED = st.builds(
    Deployed,
    endpoint=st.sampled_from(["chat", "other", UNKNOWN]),
    properties=st.one_of(st.none(), PAIRS),
    model=PAIRS,
    endpoint_config=st.one_of(
        st.none(),
        st.fixed_dictionaries({"InstanceType": WORDS, "InitialInstanceCount": WORDS}),
    ),
    tags=PAIRS,
    engine=st.sampled_from([None, "1" * 64, "2" * 64, UNKNOWN]),
    is_compiled_ahead=st.booleans(),
    is_engine_ready=st.sampled_from([None, True, False]),
)
FINDINGS = st.builds(
    Finding,
    code=st.sampled_from(["LMI201", "LMI609"]),
    severity=st.sampled_from(["error", "warning", "note"]),
    problem=st.sampled_from(["is 8", "is 4"]),
    place=st.builds(Place, st.just("profiles/a.yaml"), st.integers(0, 9)),
    key=st.sampled_from([None, "a"]),
    fix=st.sampled_from([None, "4"]),
)
FIGURES = st.floats(-100, 100).map(lambda figure: round(figure, 3))
SNAPSHOTS = st.builds(
    Snapshot,
    profile=st.sampled_from(["chat", "other"]),
    hardware=st.sampled_from(["g5", "p4d"]),
    file=st.sampled_from(["profiles/a.yaml", "b.yaml"]),
    values=st.dictionaries(st.sampled_from(KEYS), ITEMS),
    deployed=st.one_of(st.none(), DEPLOYED, DEPLOYED, DEPLOYED),
    memory=st.one_of(
        st.none(),
        st.builds(
            MemoryShare,
            weights_gib=FIGURES,
            kv_cache_gib=FIGURES,
            other_gib=FIGURES,
            usable_gib=FIGURES,
            headroom_gib=FIGURES,
            batch_ceiling=st.integers(0, 300),
            kv_cache_tokens=st.integers(0, 90_000),
            verdict=st.sampled_from(["fits", "tight", "does_not_fit"]),
        ),
    ),
    artifact=st.one_of(
        st.none(),
        st.builds(
            CompiledArtifact,
            name=st.sampled_from(["trt_engine", "graph"]),
            key=st.sampled_from([None, "1" * 64, "2" * 64]),
            identity=st.sampled_from(["1" * 64, "2" * 64]),
            is_ahead=st.booleans(),
            is_cached=st.sampled_from([None, True, False]),
        ),
    ),
    cost=st.one_of(
        st.none(),
        st.builds(
            Cost,
            usd_per_hour=st.floats(0, 300),
            region=st.sampled_from(["us-east-1", "us-west-2"]),
            as_of=st.sampled_from(["2026-08-17", "2026-09-01"]),
        ),
    ),
    image=st.one_of(
        st.none(),
        st.builds(Image, tag=WORDS, digest=st.sampled_from([None, "sha256:" + "a" * 64])),
    ),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    is_decided=st.booleans(),
)
SIDES = st.tuples(SNAPSHOTS, SNAPSHOTS)
