"""What is fuzzed: functions that take any bytes and raise nothing unless something is broken.

`tests/fuzz/test_*.py`, the replayed regressions and coverage-guided fuzzing all call these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from lmi_deployer import api, catalog, lint
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import load_profile
from lmi_deployer.model_facts import ModelFacts, from_config
from lmi_deployer.settings.table import table
from lmi_deployer.settings.values import canonical, checker
from lmi_deployer.written import make_written
from tests.fuzz.demands import BrokenDemandError, check_effective, check_findings, check_text

IMAGES = (
    ("0.22.1", "deepspeed"),
    ("0.25.0", "deepspeed"),
    ("0.25.0", "tensorrtllm"),
    ("0.28.0", "neuronx"),
    ("0.30.0", "tensorrtllm"),
    ("0.36.0-lmi27", "lmi"),
)
"""Images that read in different ways: variables, scripts, defaults and handlers differ."""
INSTANCES = (None, "ml.g5.12xlarge", "ml.inf2.24xlarge")
HARDWARE_AT_MOST = 4
"""Hardware profiles of one file that are decided; what more of them cost is tested apart."""
_VLLM = b"""\
engine=Python
option.rolling_batch=vllm
option.model_id=a/b
option.tensor_parallel_degree=7
option.max_model_len=9000
option.quantize=awq
"""
_LMI_DIST = b"""\
engine=MPI
option.rolling_batch=lmi-dist
option.model_id=a/b
option.tensor_parallel_degree=max
option.max_input_len=9
option.max_output_len=9
"""
_AUTO = b"option.rolling_batch=auto\noption.model_id=a/b\noption.trust_remote_code=true\n"
SAMPLES = (_VLLM, _LMI_DIST, _AUTO)
"""Settings that ask about the model."""


@cache
def target_of(version: str, flavor: str, instance: str | None = None) -> lint.Target:
    """What to lint for, without a model."""
    return lint.make_target(version, flavor, instance)


def check_settings(
    properties: bytes | None, environment: bytes | None, target: lint.Target
) -> lint.Linted:
    """Lint settings for one image, and refuse a verdict that cannot be shown."""
    written = make_written(
        "serving.properties", target.facts, properties=properties, environment=environment
    )
    result = lint.lint(written, target)
    check_findings(result.findings)
    check_effective(result.effective)
    return result


def properties(data: bytes) -> None:
    """A serving.properties, for each image."""
    for image in IMAGES:
        check_settings(data, None, target_of(*image))


def environment(data: bytes) -> None:
    """An environment file, for each image."""
    for image in IMAGES:
        check_settings(None, data, target_of(*image))


def folder(data: bytes) -> None:
    """A file and an environment together; the first line with `---` parts them."""
    file, _, variables = data.partition(b"---\n")
    for image in IMAGES:
        check_settings(file, variables, target_of(*image, INSTANCES[1]))


def profile(data: bytes) -> None:
    """A profile: refused with findings, or decided and checked for its hardware profiles."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    try:
        loaded = load_profile(text, "profile.yaml")
    except ProfileError as error:
        check_findings(error.findings)
        return
    for hardware in loaded.hardware_names[:HARDWARE_AT_MOST]:
        check_findings(api.check(loaded, hardware).findings)


def model_facts(data: bytes) -> None:
    """A config.json, and what several settings make of that model."""
    try:
        model = from_config(json.loads(data))
    except (InputError, ValueError, RecursionError):
        return
    for image in IMAGES[1:]:
        for instance in INSTANCES:
            for_model(model, *image, instance)


def for_model(model: ModelFacts, version: str, flavor: str, instance: str | None) -> None:
    """Lint the sample settings for a model on one image and machine."""
    target = lint.make_target(version, flavor, instance, model)
    for sample in SAMPLES:
        check_settings(sample, None, target)


@cache
def readings() -> tuple[Mapping[str, Any], ...]:
    """Every way in which some version reads some value, each once."""
    found: dict[str, Mapping[str, Any]] = {}
    for version in catalog.names(catalog.CONTAINERS):
        known = table(version)
        for name in ("server", *known.handler_names):
            for entry in known.handler(name).entries.values():
                for reading in entry.readings:
                    found.setdefault(json.dumps(reading, sort_keys=True), reading)
    return tuple(found.values())


@cache
def _checkers() -> tuple[Any, ...]:
    return tuple((reading, checker(reading)) for reading in readings())


def values(data: bytes) -> None:
    """A value, as each way of reading takes it."""
    text = data.decode("utf-8", "surrogateescape")
    for reading, find in _checkers():
        fault = find(text)
        for part in () if fault is None else (fault.problem, fault.allowed, fault.replacement):
            check_text(f"fault of {reading['type']}", part)
        spelt = canonical(reading, text)
        if canonical(reading, spelt) != spelt:
            raise BrokenDemandError(f"canonical {reading['type']} is not stable", text)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "properties": properties,
    "environment": environment,
    "folder": folder,
    "profile": profile,
    "model_facts": model_facts,
    "values": values,
}
"""Name, which is also that of its folder of regressions: the function."""


def regressions(folder: Any) -> Iterator[tuple[str, bytes]]:
    """Each target's name with an input that once broke it."""
    for name in TARGETS:
        for path in sorted((folder / name).glob("*")):
            yield name, path.read_bytes()
