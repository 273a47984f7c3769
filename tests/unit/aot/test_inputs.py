"""What is in the key of an engine, over every option of every version that compiles."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.aot.commands import DECIDED, refusal
from lmi_deployer.aot.inputs import HAS_A_FIELD, LIBRARIES, engine_inputs
from lmi_deployer.artifact.manifest import key_of
from lmi_deployer.catalog.build import HERE
from lmi_deployer.catalog.by_version import AtVersion
from lmi_deployer.catalog.option_rows import Reading
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.catalog.sources import read_sources
from lmi_deployer.errors import InputError
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.render import properties
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec
from tests.specs import make_spec

RowT = TypeVar("RowT")
SOURCES = read_sources(HERE)
COMPILING: tuple[Backend, ...] = ("trtllm", "deepspeed", "neuronx")
MACHINES = {"neuronx": "ml.inf2.8xlarge"}
RUNTIME_ONLY = (
    "job_queue_size",
    "max_idle_time",
    "log_request_metric",
    "option.predict_timeout",
    "option.model_loading_timeout",
    "option.output_formatter",
    "option.kv_cache_free_gpu_mem_fraction",
    "option.batch_scheduler_policy",
    "option.enable_trt_overlap",
)
"""What TensorRT-LLM of LMI 0.27.0 reads while it serves, written down apart from the catalog."""
BUILT_IN = (
    "option.dtype",
    "option.quantize",
    "option.smoothquant_alpha",
    "option.max_input_len",
    "option.max_output_len",
    "option.max_num_tokens",
    "option.max_rolling_batch_size",
    "option.max_num_sequences",
    "option.tokens_per_block",
    "option.use_custom_all_reduce",
    "option.multi_query_mode",
    "option.calib_size",
    "option.q_format",
    "option.enable_kv_cache_reuse",
    "option.trust_remote_code",
)
"""What it is built with. Source: serving/docs/lmi/user_guides/trt_llm_user_guide.md, 0.28.0."""


def compiling() -> Iterator[tuple[str, Backend]]:
    """Every version and backend that compiles ahead of time."""
    for version in catalog.names("containers"):
        for backend in COMPILING:
            row = catalog.compiler(version, backend)
            if row is not None and row.refused is None:
                yield version, backend


CASES = tuple(compiling())


@cache
def base(version: str, backend: Backend) -> ResolvedSpec:
    spec = make_spec(
        f'container.version="{version}"',
        f"backend={backend}",
        f"instance_type={MACHINES.get(backend, 'ml.g5.12xlarge')}",
        "model.id=EleutherAI/gpt-j-6b",
    )
    assert spec.compilation is not None
    return spec


def key(spec: ResolvedSpec, digest: str | None = None) -> str:
    return engine_inputs(spec, digest).key


def with_option(spec: ResolvedSpec, name: str, value: str) -> ResolvedSpec:
    return replace(spec, options={**spec.options, name: value})


def changed(row: RowT, **facts: object) -> RowT:
    """A copy of a catalog row with other facts."""
    twin = copy(row)
    vars(twin).update(facts)
    return twin


def readings(version: str, backend: Backend) -> dict[str, tuple[Reading, ...]]:
    """As the YAML has it: what the backend, and the server before it, reads of each key."""
    tables = AtVersion(SOURCES, version).readings
    own, server = tables[backend], tables["server"]
    return {
        name: tuple(table[name] for table in (server, own) if name in table)
        for name in {*own, *server}
    }


def is_built_in(found: tuple[Reading, ...]) -> bool:
    return any(reading.is_build_time and reading.effect == "used" for reading in found)


def test_there_is_every_kind_of_artifact_among_the_cases() -> None:
    kinds = {engine_inputs(base(*case), None).kind for case in CASES}
    assert kinds == set(LIBRARIES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_exactly_the_options_that_are_compiled_in_change_the_key(
    case: tuple[str, Backend],
) -> None:
    spec = base(*case)
    compilation = spec.compilation
    assert compilation is not None
    known, before = readings(*case), key(spec)
    wrong = []
    for name in SOURCES.options:
        if name in compilation.compiler.properties and name not in HAS_A_FIELD:
            continue  # compiling lays its own value over it
        keys = {key(with_option(spec, name, text)) for text in ("2", "other")}
        does_change = len(keys | {before}) == 3
        does_nothing = keys == {before}
        must_change = name not in known or is_built_in(known[name])
        if name == "option.pipeline_parallel_degree":
            assert key(with_option(spec, name, "2")) != before
        elif name in DECIDED:  # refused as a raw option, so the fields say it
            assert refusal(compilation.compiler, with_option(spec, name, "2")) is not None
        elif not (does_change if must_change else does_nothing):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("name", RUNTIME_ONLY)
def test_what_only_the_runtime_reads_does_not_change_the_key(name: str) -> None:
    spec = base("0.27.0", "trtllm")
    assert key(with_option(spec, name, "7")) == key(spec)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_the_engine_is_built_with_changes_the_key(name: str) -> None:
    spec = base("0.27.0", "trtllm")
    assert key(with_option(spec, name, "7")) != key(spec)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_line_that_nobody_knows_counts(case: tuple[str, Backend]) -> None:
    spec = base(*case)
    assert key(with_option(spec, "option.use_some_new_plugin", "true")) != key(spec)


@pytest.mark.parametrize("case", [item for item in CASES if item[1] != "deepspeed"], ids=str)
@pytest.mark.parametrize("name", ["max_input_len", "max_output_len"])
def test_longer_requests_change_the_key_where_lengths_are_compiled_in(
    case: tuple[str, Backend], name: str
) -> None:
    """They reach the compiler as they are, or as their sum; parts of weights have no lengths."""
    version, backend = case
    longer = make_spec(
        f'container.version="{version}"',
        f"backend={backend}",
        f"instance_type={MACHINES.get(backend, 'ml.g5.12xlarge')}",
        "model.id=EleutherAI/gpt-j-6b",
        f"max_rolling_batch_size={base(*case).max_rolling_batch_size}",
        f"traffic.{name}=480",
    )
    assert key(longer) != key(base(*case))


def other_specs(spec: ResolvedSpec) -> dict[str, ResolvedSpec]:
    """The spec with each thing changed that is no line of serving.properties."""
    weights, gpu, image = spec.weights, spec.gpu, spec.image
    library = next(iter(engine_inputs(spec, None).libraries))
    capability = (gpu.compute_capability or 0) + 1
    return {
        "model": replace(spec, weights=replace(weights, model_id="acme/other")),
        "revision": replace(spec, weights=replace(weights, revision="a" * 40)),
        "dtype": replace(spec, weights=replace(weights, dtype="other")),
        "quantization": replace(spec, weights=replace(weights, quantize="awq")),
        "degree": replace(spec, tensor_parallel_degree=spec.tensor_parallel_degree * 2),
        "image": replace(spec, image=changed(image, tag="other")),
        "library": replace(spec, image=changed(image, libraries={**image.libraries, library: "0"})),
        "GPU architecture": replace(spec, gpu=changed(gpu, architecture="Other")),
        "compute capability": replace(spec, gpu=changed(gpu, compute_capability=capability)),
        "memory class": replace(spec, gpu=changed(gpu, memory_gib=gpu.memory_gib * 2)),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_machine_image_weights_and_degrees_each_change_the_key(case: tuple[str, Backend]) -> None:
    spec = base(*case)
    keys = {"as it is": key(spec)} | {name: key(item) for name, item in other_specs(spec).items()}
    assert len(set(keys.values())) == len(keys), keys


PINNED = (
    ("llama2-70b", "p4d"),
    ("llama2-7b", "g5-trtllm-smoothquant"),
)
"""Shipped profiles, with weights as they are and quantized on the way: their keys are held."""


def test_upgrading_lmi_deploy_leaves_the_keys_of_shipped_profiles_as_they_were(
    golden: Callable[[str, str], None],
) -> None:
    """A difference here compiles every engine of every user again: is it worth INPUTS_VERSION?"""
    held = {}
    for name, hardware in PINNED:
        path = Path("profiles") / f"{name}.yaml"
        spec = resolve(merge(load_profile(path.read_text(), str(path)), hardware))
        digest = None if spec.weights.source is None else "of the objects"
        inputs = engine_inputs(spec, digest)
        held[spec.title] = {"key": inputs.key, "inputs": inputs.document()}
    golden("keys.json", json.dumps(held, indent=2, sort_keys=True) + "\n")


def test_weights_on_s3_are_known_by_their_content() -> None:
    spec = base("0.25.0", "trtllm")
    moved = replace(spec, weights=replace(spec.weights, source="s3://acme/gpt-j/"))
    copied = replace(spec, weights=replace(spec.weights, source="s3://other/copy/"))
    assert key(moved, "one") != key(moved, "two")
    assert key(moved, "one") == key(copied, "one")
    with pytest.raises(InputError, match="s3://acme/gpt-j/"):
        key(moved)


def test_a_spec_that_compiles_nothing_has_no_key() -> None:
    with pytest.raises(ValueError, match="chat / g5 compiles nothing"):
        key(make_spec())


def test_endpoint_name_mode_runner_and_gate_are_no_part_of_it() -> None:
    spec = base("0.25.0", "trtllm")
    compilation = spec.compilation
    assert compilation is not None
    others = (
        replace(spec, name="other", hardware="other", concurrency=7),
        replace(spec, endpoint=replace(spec.endpoint, name="other", instance_count=3)),
        replace(spec, compilation=replace(compilation, mode="aot", runner="docker", is_spot=True)),
    )
    assert {key(item) for item in others} == {key(spec)}


def test_what_one_mode_compiles_another_finds() -> None:
    specs = [make_spec("backend=trtllm", f"compile.mode={mode}") for mode in ("auto", "aot")]
    assert specs[0].settings != specs[1].settings  # such as the time that loading may take
    assert key(specs[0]) == key(specs[1])


def test_the_same_gpus_in_a_larger_machine_have_the_same_engine() -> None:
    spec = base("0.25.0", "trtllm")
    larger = make_spec(
        "backend=trtllm",
        "instance_type=ml.g5.24xlarge",
        "model.id=EleutherAI/gpt-j-6b",
        f"tensor_parallel_degree={spec.tensor_parallel_degree}",
        f"max_rolling_batch_size={spec.max_rolling_batch_size}",
    )
    assert larger.instance != spec.instance
    assert key(larger) == key(spec)


def test_the_settings_are_the_lines_as_they_are_rendered() -> None:
    spec = base("0.25.0", "trtllm")
    settings = engine_inputs(spec, None).settings
    assert settings.items() <= properties(spec).items()
    assert list(settings) == sorted(settings)


def test_what_compiling_itself_decides_counts_as_it_compiles() -> None:
    """The profile may serve with another loader; the graphs are those of Transformers NeuronX."""
    spec = base("0.28.0", "neuronx")
    assert engine_inputs(spec, None).settings["option.model_loader"] == "tnx"
    assert key(with_option(spec, "option.model_loader", "optimum")) == key(spec)


LINES = st.dictionaries(
    st.sampled_from(["option.max_beam_width", "option.q_format", "option.calib_size", "option.x"]),
    st.text("ab=1", min_size=1, max_size=3),
)


@given(one=LINES, other=LINES)
def test_two_sets_of_lines_have_one_key_only_where_they_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    spec = base("0.27.0", "trtllm")
    keys = [key(replace(spec, options=options)) for options in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


@given(lines=LINES, seed=st.integers(0, 99))
def test_the_order_of_lines_and_of_the_document_never_matters(
    lines: dict[str, Any], seed: int
) -> None:
    spec = base("0.27.0", "trtllm")
    inputs = engine_inputs(replace(spec, options=lines), None)

    def shuffled(document: dict[str, Any]) -> dict[str, Any]:
        pairs = [
            (name, shuffled(value) if isinstance(value, dict) else value)
            for name, value in document.items()
        ]
        random.Random(seed).shuffle(pairs)
        return dict(pairs)

    assert key(replace(spec, options=shuffled(lines))) == inputs.key
    assert key_of(shuffled(inputs.document())) == inputs.key
