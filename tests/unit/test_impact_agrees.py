"""That a comparison says what a plan would do: every key, every option, every shipped profile.

The plans are made for an account in which one spec was deployed, as the planner would find it: for
every state that its cache of engines may be in, where nobody has looked into that.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import BaseModel

from lmi_deployer import api
from lmi_deployer.aot.commands import served_from
from lmi_deployer.aot.engine import Engine
from lmi_deployer.aot.inputs import HAS_A_FIELD, reaches_the_artifact
from lmi_deployer.aot.jobs import compile_step
from lmi_deployer.aot.outlook import Fate, Outlook
from lmi_deployer.decided import values_of
from lmi_deployer.deployed import deployed_of
from lmi_deployer.deployment import Deployment, Target, make_deployment
from lmi_deployer.engine_identity import unseen_engine
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import LoadedProfile, merge
from lmi_deployer.impact import Deployed, Impact, changed_parts, impact_of
from lmi_deployer.plan import expected_objects, make_plan
from lmi_deployer.profile import Settings
from lmi_deployer.reaching import reach_of
from lmi_deployer.render import properties
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import shipped_profiles
from lmi_deployer.settings.table import Entry, table
from lmi_deployer.spec import Quality, ResolvedSpec
from lmi_deployer.state import ObservedEndpoint, ObservedState
from lmi_deployer.steps import (
    AddTags,
    CompileEngine,
    CreateEndpoint,
    UpdateEndpoint,
    VerifyEndpoint,
)
from tests.specs import TARGET

AOT = "compile.mode=aot"
GATE = "quality={prompts: [Hello], minimum_agreement: 0.8}"
COPY = "model.source=s3://acme-models/a-copy/"
BASES: tuple[tuple[str, ...], ...] = (
    (), (GATE,), (AOT,), (AOT, GATE), (AOT, COPY), ("compile.mode=jit",),
)  # fmt: skip
"""What is laid over a shipped profile before one key of it is changed."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "model.id": ("TheBloke/Llama-2-13B-fp16", "tiiuae/falcon-7b"),
    "model.revision": ("c" * 40,),
    "model.source": ("s3://acme-models/another/", "s3://acme-models/yet-another/"),
    "model.dtype": ("fp32", "fp16", "bf16", "int8", "auto"),
    "model.trust_remote_code": ("true",),
    "model.weights_gib": ("9",),
    "container.version": ('"0.25.0"', '"0.26.0"', '"0.28.0"', '"0.33.0"'),
    "traffic.max_input_len": ("777",),
    "traffic.max_output_len": ("333",),
    "traffic.concurrency": ("3",),
    "instance_type": (
        "ml.g5.2xlarge",
        "ml.g5.12xlarge",
        "ml.g5.48xlarge",
        "ml.g6.12xlarge",
        "ml.p4d.24xlarge",
        "ml.p4de.24xlarge",
        "ml.inf2.24xlarge",
    ),
    "backend": ("auto", "trtllm", "lmi-dist", "vllm", "deepspeed", "hf-accelerate", "neuronx"),
    "tensor_parallel_degree": ("auto", "1", "2", "4"),
    "max_rolling_batch_size": ("3",),
    "quantize": (
        "none",
        "{method: smoothquant, alpha: 0.7, per_token: true, per_channel: true}",
        "{method: smoothquant, alpha: 0.6}",
        "{method: awq}",
        "{method: gptq}",
    ),
    "output_formatter": ("jsonlines",),
    "model_loading_timeout_seconds": ("1234",),
    "predict_timeout_seconds": ("111", "auto"),
    "endpoint.name": ("another-name",),
    "endpoint.instances": ("3", "{min: 2, max: 2}"),
    "endpoint.role": ("arn:aws:iam::123456789012:role/another",),
    "endpoint.artifacts": ("s3://acme-models/elsewhere/",),
    "endpoint.packaging": ("tar.gz",),
    "endpoint.vpc": ("{subnets: [subnet-1], security_groups: [sg-1, sg-2]}",),
    "endpoint.tags": ("{team: search}", "{team: search, cost-center: a}"),
    "compile.mode": ("aot", "jit", "auto"),
    "compile.runner": ("docker", "native", "optimization"),
    "compile.cache": ("s3://acme-engines/",),
    "compile.instance_type": ("ml.g5.48xlarge",),
    "compile.spot": ("true",),
    "compile.max_seconds": ("7777",),
    "quality": ("{prompts: [Hello], minimum_agreement: 0.7}",),
    "quality.prompts": ("[Other]", "[Hello, Other]"),
    "quality.reference": ("[Hi]",),
    "quality.max_new_tokens": ("5",),
    "quality.minimum_agreement": ("0.5", "0.9"),
}
"""Key of a profile: sensible other values."""
IN_ITS_SECTION: Mapping[str, str] = {
    "bool": "true",
    "int": "17",
    "float": "0.7",
    "batch_scheduler_policy": "guaranteed_no_evict",
    "device_map": "balanced",
    "task": "text-generation",
}
"""A value for the keys of a backend's own section: by the name of the key, or else by its type."""
WITHOUT_CASES = frozenset({"endpoint.mode", "options", "quality"})
"""Keys with one value, and those that are told below."""
SAMPLED = 8
"""One in so many cases is tried by default."""


@dataclass(frozen=True)
class Side:
    """A spec, as an account holds it once it is deployed."""

    spec: ResolvedSpec
    target: Target
    looked_for: Engine | None
    """The one that is served where the cache holds it."""
    engine: Engine | None
    """The one that it is served from."""
    step: CompileEngine | None
    """What makes it."""
    served: ResolvedSpec
    wanted: Deployment

    @property
    def mode(self) -> str:
        return self.spec.compilation.mode if self.spec.compilation else "jit"


def side_of(spec: ResolvedSpec) -> Side:
    """Raises InputError for a spec that lmi-deploy would refuse to deploy."""
    target = replace(
        TARGET,
        role_arn=spec.endpoint.role or TARGET.role_arn,
        artifacts=spec.endpoint.artifacts or TARGET.artifacts,
    )
    looked_for = unseen_engine(spec, target.artifacts)
    side = Side(spec, target, looked_for, None, None, spec, make_deployment(spec, target))
    return served_from_engine(side) if side.mode == "aot" else side


def served_from_engine(side: Side) -> Side:
    engine = side.looked_for
    assert engine is not None
    served = served_from(side.spec, engine.uri)
    step = compile_step(side.spec, engine, side.target) if side.mode == "aot" else None
    return replace(
        side,
        engine=engine,
        step=step,
        served=served,
        wanted=make_deployment(served, side.target),
    )


Cache = tuple[Side, ...]
"""The sides whose engines a cache holds, as each of them asked for its own."""


def caches(before: Side, after: Side) -> Iterator[Cache]:
    """What the caches may hold; what was deployed ahead of time was compiled for that."""
    made = (before,) if before.mode == "aot" else ()
    yield made
    if "auto" in {before.mode, after.mode}:
        named = [side for side in (before, after) if side.looked_for and side not in made]
        yield from ((*made, side) for side in named)
        yield (*made, *named)
        yield (*named[::-1], *made)


def as_deployed(side: Side, cache: Cache) -> Side:
    """The side as it is served beside such a cache."""
    is_chosen = side.mode == "auto" and is_cached(cache, side)
    return served_from_engine(side) if is_chosen else side


def account_with(side: Side) -> ObservedState:
    """What the planner finds where a spec was deployed and nothing else."""
    wanted = side.wanted
    return ObservedState(
        endpoint=ObservedEndpoint(
            status="InService",
            endpoint_config_name=wanted.endpoint_config_name,
            tags=wanted.tags,
        ),
        endpoint_configs={wanted.endpoint_config_name: wanted.tags},
        models={wanted.model_name: wanted.tags},
        objects=expected_objects(wanted),
    )


def is_cached(cache: Cache, side: Side) -> bool:
    """Whether the cache holds an engine that will do; each just passed the gate of its own side."""
    engine = side.looked_for
    if engine is None:
        return False
    held = (other for other in cache if other.looked_for and other.looked_for.uri == engine.uri)
    found = next(held, None)  # one folder holds one engine
    return found is not None and is_passed(gate_of(found.spec), gate_of(side.spec))


def is_passed(passed: Quality | None, asked: Quality | None) -> bool:
    if asked is None or passed == asked:
        return True
    if passed is None or passed.minimum_agreement < asked.minimum_agreement:
        return False
    return replace(passed, minimum_agreement=asked.minimum_agreement) == asked


def gate_of(spec: ResolvedSpec) -> Quality | None:
    return spec.compilation.quality if spec.compilation else None


def planned(before: Side, after: Side, cache: Cache) -> Impact:
    """What the plan that deploys one side over the other does, by its steps."""
    step = None if is_cached(cache, after) else after.step
    is_another = before.wanted.name != after.wanted.name
    seen = ObservedState() if is_another else account_with(before)
    plan = make_plan(after.wanted, seen, compiling=step)
    kinds = {type(each) for each in plan.steps}
    assert (CreateEndpoint in kinds) == is_another
    if is_another:
        return Impact.REPLACE_ENDPOINT
    if CompileEngine in kinds:
        return Impact.RECOMPILE
    if UpdateEndpoint not in kinds:
        assert kinds <= {AddTags, VerifyEndpoint}
        return Impact.NONE
    if after.engine is None and compiled_at_start(after) not in (None, compiled_at_start(before)):
        return Impact.RECOMPILE
    is_other = machines(before.wanted) != machines(after.wanted)
    return Impact.NEW_ENDPOINT_CONFIG if is_other else Impact.RESTART


def machines(wanted: Deployment) -> dict[str, Any]:
    variant = wanted.endpoint_config["ProductionVariants"][0]
    return {name: value for name, value in variant.items() if name != "ModelName"}


def compiled_at_start(side: Side) -> object:
    """All that a container compiles from; None where it compiles nothing."""
    spec = side.served
    if not spec.support.compiles_at_load or side.engine is not None:
        return None
    entries = table(spec.container.version).handler(spec.backend).entries
    lines = {
        name: text
        for name, text in properties(spec).items()
        if name in HAS_A_FIELD or reaches_the_artifact(entries.get(name))
    }
    gpu = spec.gpu
    return spec.image.tag, gpu.architecture, gpu.compute_capability, gpu.memory_gib, lines


def agrees(before: Side, after: Side) -> None:
    """That the comparison of two sides is what the plan does, and its changes tell all of it.

    Where nobody has looked into the cache, it is the worst that a plan may do; where a profile no
    longer insists on the engine that it has, that its lines are served otherwise may be told too.
    """
    parts = changed_parts(deployed_of(before.spec), deployed_of(after.spec))
    told = impact_of(parts)
    assert impact_of(parts & reached(before.spec, after.spec)) == told, parts
    worst = Impact.NONE
    for cache in caches(before, after):
        sides = as_deployed(before, cache), as_deployed(after, cache)
        done = planned(*sides, cache)
        in_the_account = live(sides[0]), wanted_now(sides[1], cache)
        assert impact_of(changed_parts(*in_the_account)) == done
        worst = max(worst, done)
    assert told >= worst, parts
    is_let_go = (before.mode, after.mode) == ("aot", "auto")
    assert told == worst or (is_let_go and told <= Impact.RESTART), parts


def live(side: Side) -> Deployed:
    return deployed_of(side.spec, side.target, outlook=outlook_of(side, is_ready=True))


def wanted_now(side: Side, cache: Cache) -> Deployed:
    outlook = outlook_of(side, is_ready=is_cached(cache, side))
    return deployed_of(side.spec, side.target, outlook=outlook)


def outlook_of(side: Side, *, is_ready: bool) -> Outlook:
    """What somebody who looked into the cache would say."""
    if side.engine is None:
        return Outlook(spec=side.spec, fate="made in the container")
    fate: Fate = "cached" if is_ready else "compiled first"
    return Outlook(spec=side.spec, fate=fate, engine=side.engine)


def reached(before: ResolvedSpec, after: ResolvedSpec) -> frozenset[Any]:
    """The parts that follow from the values that differ."""
    values = values_of(before), values_of(after)
    keys = [key for key in {**values[0], **values[1]} if values[0].get(key) != values[1].get(key)]
    found = frozenset[Any]()
    for spec, known in zip((before, after), values, strict=True):
        found = found.union(*(reach_of(spec)[key] for key in keys if key in known))
    return found


def other_values(entry: Entry, now: str | None) -> Iterator[str]:
    """Values of an option that its readers take and that it does not have."""
    reading = entry.readings[-1]
    choices = [choice for choice in reading.get("choices", ()) if choice != now]
    samples = {
        "int": ["17"],
        "float": ["0.3"],
        "bool": ["false" if now == "true" else "true"],
        "int_list": ["128,256"],
        "int_mapping": ["image=1"],
        "int_or_max": ["2", "max"],
        "size": ["16k"],
        "text_list": ['["a","b"]'],
        "float_tuple": ["(0.1,0.2)"],
        "json": ['{"a":1}'],
        "literal": ["{'a':1}"],
        "path": ["/opt/other"],
    }.get(reading["type"], ["other"])
    yield from choices or (text for text in samples if text != now)


def cases_of(spec: ResolvedSpec) -> Iterator[str]:
    """A `--set` for every other value of every key and every option that is read."""
    for key, values in {**FIELDS, **sections()}.items():
        yield from (f"{key}={value}" for value in values)
    lines = properties(spec)
    for name, entry in table(spec.container.version).handler(spec.backend).entries.items():
        now = lines.get(name)
        if entry.is_used:
            yield from (f"options.{name}={text!r}" for text in other_values(entry, now))
    yield from (f"options.{name}=null" for name in lines)


def sections() -> dict[str, tuple[str, ...]]:
    """The keys of the sections that one backend reads."""
    return {
        f"{section}.{name}": (IN_ITS_SECTION.get(name) or IN_ITS_SECTION[kind],)
        for section, name, kind in fields_of_sections()
    }


def fields_of_sections() -> Iterator[tuple[str, str, str]]:
    for section in ("trtllm", "lmi_dist", "vllm", "deepspeed", "huggingface", "neuronx"):
        for key, field in fields(Settings, ""):
            if key.startswith(f"{section}."):
                text = str(field.annotation)
                kind = next((kind for kind in ("bool", "int", "float") if kind in text), "")
                yield section, key.removeprefix(f"{section}."), kind


def fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    """Every key of a section and of those below it."""
    for name, field in model.model_fields.items():
        inner = [
            kind
            for kind in getattr(field.annotation, "__args__", ())
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if inner and f"{prefix}{name}" not in FIELDS:
            yield from fields(inner[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


PROFILES = {name: api.read_profile(path) for name, path in shipped_profiles().items()}
PAIRS = [(name, each) for name, loaded in PROFILES.items() for each in loaded.hardware_names]
every_pair = pytest.mark.parametrize(("name", "hardware"), PAIRS, ids=map("/".join, PAIRS))


def resolved(loaded: LoadedProfile, hardware: str, overrides: tuple[str, ...]) -> Side | None:
    """The deployed spec; None where it cannot be decided, or nobody could deploy it."""
    try:
        return side_of(resolve(merge(loaded, hardware, overrides)))
    except (ProfileError, InputError):
        return None


def check(name: str, hardware: str, *, one_in: int) -> int:
    """Compare and plan one in so many of the cases of a hardware profile, both ways."""
    loaded, tried = PROFILES[name], 0
    for base in BASES:
        before = resolved(loaded, hardware, base)
        if before is None or (base and before.spec.compilation is None):
            continue
        for change in cases_of(before.spec):
            label = f"{name}/{hardware} {' '.join(base)}: {change}"
            if zlib.crc32(label.encode()) % one_in:
                continue
            after = resolved(loaded, hardware, (*base, change))
            if after is None:
                continue
            for sides in itertools.permutations((before, after)):
                try:
                    agrees(*sides)
                except AssertionError as error:
                    raise AssertionError(f"{label}: {error}") from error
                tried += 1
    return tried


@every_pair
def test_what_a_comparison_says_is_what_the_plan_does(name: str, hardware: str):
    assert check(name, hardware, one_in=SAMPLED) >= 0


@pytest.mark.exhaustive
@every_pair
def test_of_every_key_and_option_what_a_comparison_says_is_what_the_plan_does(
    name: str, hardware: str
):
    assert check(name, hardware, one_in=1) > 100


def test_every_key_of_a_profile_has_a_case():
    keys = {key for key, _ in fields(Settings, "")} - WITHOUT_CASES
    assert keys <= {*FIELDS, *sections()}
