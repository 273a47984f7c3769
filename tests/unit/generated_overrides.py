"""Overrides of every setting, to be tried on shipped profiles of every version and backend."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

from lmi_deployer import api
from lmi_deployer.decided import LEFT_OUT
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.profile import Settings
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import data_folder
from lmi_deployer.spec import ResolvedSpec
from tests.specs import PROFILE

COMMITS = ("a123456789" * 4, "abcdef0123" * 4)
CANDIDATES = (
    *("true", "false", "auto", "none", "a", "b", "1", "2", "64", "96", "900", "0.5", "0.6"),
    *("fp16", "bf16", "fp32", "json", "jsonlines", "max_utilization", "guaranteed_no_evict"),
    *("balanced", "sequential", "prefix", "tar.gz", "realtime", "aot", "jit", "sagemaker"),
    *("docker", "{min: 2, max: 2}", "[a, b]", "[b, a]", "['a, b']", "s3://acme/a/", "s3://acme/b/"),
    *("ml.g5.12xlarge", "ml.g5.48xlarge", "arn:aws:iam::123456789012:role/other"),
    *("{method: awq}", "{method: bitsandbytes8}", "{method: smoothquant}", *COMMITS),
)
"""Texts of which every setting takes some."""
MORE = (
    "predict_timeout_seconds=240",
    "quantize={method: smoothquant, alpha: 0.5}",
    "quantize={method: smoothquant, alpha: 0.6}",
    "quantize={method: smoothquant, per_token: true}",
    "quantize={method: smoothquant, per_channel: true}",
    "endpoint.vpc={subnets: [a], security_groups: [b]}",
    "endpoint.vpc={subnets: [a, b], security_groups: [b]}",
    "endpoint.vpc={subnets: ['a, b'], security_groups: [b]}",
    "endpoint.tags.team=a",
    "endpoint.tags.team=b",
    "endpoint.tags={cost.center: a}",
    "quality={prompts: [a, b], minimum_agreement: 0.5}",
    "quality={prompts: [a, c], minimum_agreement: 0.5}",
    "quality={prompts: [a, b], reference: [x, y], minimum_agreement: 0.5}",
    "quality={prompts: [a, b], reference: [x, z], minimum_agreement: 0.5}",
    *(
        f"options.{name}={value}"
        for name in ("option.dtype", "option.predict_timeout", "option.foo", "job_queue_size")
        for value in ("null", "1", "true", "'1'", "x", f"'{LEFT_OUT}'", f"'\"{LEFT_OUT}\"'")
    ),
    "options.option.pipeline_parallel_degree=2",
    "options.option.max_rolling_batch_size=7",
    "options.engine=Python",
)


def leaves(section: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted path of every setting of the schema."""
    for name, field in section.model_fields.items():
        kinds = getattr(field.annotation, "__args__", (field.annotation,))
        nested = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        yield ".".join((*path, name))
        for kind in nested:
            yield from leaves(kind, (*path, name))


@cache
def profiles() -> dict[tuple[str, str], tuple[LoadedProfile, str]]:
    """One shipped hardware profile for each version and backend."""
    found: dict[tuple[str, str], tuple[LoadedProfile, str]] = {}
    for path in sorted(data_folder("profiles").glob("*.yaml")):
        loaded = api.read_profile(path)
        for hardware in loaded.hardware_names:
            spec = resolve(merge(loaded, hardware))
            found.setdefault((spec.container.version, spec.backend), (loaded, hardware))
    return found


@cache
def overrides() -> tuple[str, ...]:
    """Overrides of every setting, as far as the schema takes them."""
    loaded = load_profile(PROFILE, "chat.yaml")
    texts = [f"{key}={text}" for key in leaves(Settings) for text in CANDIDATES]
    return tuple(text for text in (*texts, *MORE) if is_accepted(loaded, text))


def is_accepted(loaded: LoadedProfile, override: str) -> bool:
    try:
        merge(loaded, "g5", [override])
    except ProfileError:
        return False
    return True


def decided(loaded: LoadedProfile, hardware: str, *chosen: str) -> ResolvedSpec | None:
    try:
        return resolve(merge(loaded, hardware, chosen))
    except ProfileError:
        return None
