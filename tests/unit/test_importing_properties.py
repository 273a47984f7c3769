"""Whatever valid settings a file holds, importing it loses nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from lmi_deployer import catalog, render
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError, errors_among
from lmi_deployer.importing import Wish, import_profile
from lmi_deployer.lint import lint, make_target
from lmi_deployer.settings.table import Entry, table
from lmi_deployer.written import Written

MODEL = "TheBloke/Llama-2-7B-fp16"
MACHINES = {"neuronx": "ml.inf2.24xlarge"}
ABOUT_THE_MACHINE = {"LMI203", "LMI204", "LMI210"}
"""What only a profile can be wrong about: it knows how large the weights are."""
VERSIONS = catalog.names("containers")
FREE = frozenset({"engine", "option.model_id", "option.rolling_batch", "option.entryPoint"})
"""Keys that the backend decides, or that name the weights."""
TOGETHER = ("option.max_model_len", "option.n_positions", "option.max_seq_len")
"""Limits of prompt and answer together."""


def texts(reading: Mapping[str, Any]) -> st.SearchStrategy[str]:
    """Values of which the container takes nearly all."""
    kind, words = reading["type"], reading.get("choices", ())
    chosen = st.sampled_from(words) if words else st.nothing()
    low = int(reading.get("minimum", 1))
    numbers = st.integers(low, int(reading.get("maximum", low + 4096)))
    by_type: dict[str, st.SearchStrategy[str]] = {
        "choice": st.nothing(),
        "bool": st.sampled_from(["true", "false", "True"]),
        "int": numbers.map(str),
        "int_or_max": numbers.map(str) | st.just("max"),
        "float": st.sampled_from(["0.5", "0.90", "1", "1e-05"]),
        "size": st.sampled_from(["16k", "4096"]),
        "int_list": st.just("128,256"),
        "int_mapping": st.just("image=1"),
        "text_list": st.just('["a","b"]'),
        "float_tuple": st.just("1.0"),
        "json": st.just('{"a": 1}'),
        "literal": st.just("{'a': 1}"),
    }
    return chosen | by_type.get(kind, st.sampled_from(["abc", "x/y", "0.10", "007", "on"]))


def is_writable(key: str, entry: Entry) -> bool:
    reading = entry.readings[-1]
    has_values = reading["type"] != "choice" or bool(reading.get("choices"))
    return key.startswith("option.") and key not in FREE and entry.is_used and has_values


@st.composite
def sources(draw: st.DrawFn) -> tuple[str, str, str, dict[str, str]]:
    """(version, flavor, instance type, properties) for one backend of one version."""
    version = draw(st.sampled_from(VERSIONS))
    backend, support = draw(st.sampled_from(list(catalog.container(version).backends.items())))
    properties = {"option.model_id": MODEL}
    if draw(st.booleans()):
        properties["engine"] = support.engine
    decided = {
        "option.rolling_batch": support.rolling_batch,
        "option.entryPoint": support.entry_point,
    }
    properties |= {key: text for key, text in decided.items() if text is not None}
    entries = table(version).handler(backend).entries
    keys = [key for key, entry in entries.items() if is_writable(key, entry)]
    for key in draw(st.lists(st.sampled_from(keys), max_size=6, unique=True)):
        properties[key] = draw(texts(entries[key].readings[-1]))
    instance = MACHINES.get(support.flavor, "ml.g5.12xlarge")
    return version, support.flavor, instance, properties


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(sources())
@example(
    (
        "0.23.0",
        "deepspeed",
        "ml.g5.12xlarge",
        {
            "engine": "Python",
            "option.model_id": MODEL,
            "option.rolling_batch": "vllm",
            "option.tensor_parallel_degree": "4",
        },
    )
)
@example(
    (
        "0.30.0",
        "tensorrtllm",
        "ml.p4d.24xlarge",
        {
            "engine": "MPI",
            "option.model_id": MODEL,
            "option.rolling_batch": "trtllm",
            "option.tensor_parallel_degree": "8",
        },
    )
)
def test_what_lint_takes_is_imported_and_rendered_as_it_stands(
    source: tuple[str, str, str, dict[str, str]],
):  # fmt: skip
    version, flavor, instance, properties = source
    written = Written(name="serving.properties", properties=properties)
    linted = lint(written, make_target(version, flavor, instance))
    assume(not errors_among(linted.findings))
    assume("1" not in {properties.get(key) for key in TOGETHER})  # no room for both
    assume(linted.handler in catalog.container(version).backends)
    wish = Wish(container=version, flavor=flavor, instance_type=instance)
    try:
        made = import_profile(lambda _facts: written, wish)
    except ProfileError as error:
        if {item.code for item in errors_among(error.findings)} <= ABOUT_THE_MACHINE:
            return
        raise
    assert render.properties(made.spec) == properties
    assert made.left_out == ()


anything = st.text(max_size=12)
keys = st.sampled_from(
    [
        "engine", "option.rolling_batch", "option.entryPoint", "option.model_id", "option.dtype",
        "option.quantize", "option.tensor_parallel_degree", "option.model_loading_timeout",
        "option.max_model_len", "option.max_tokens", "option.revision", "gpu.minWorkers",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.sampled_from(["0.22.1", "0.25.0", "0.28.0", "0.36.0-lmi27"]),
    st.dictionaries(keys | anything, anything | st.sampled_from(["1", MODEL, "-1"]), max_size=5),
    st.dictionaries(anything | st.sampled_from(["HF_MODEL_ID", "OPTION_X"]), anything, max_size=3),
)
def test_whatever_is_imported_the_profile_is_exact_or_refused_with_a_reason(
    version: str, properties: dict[str, str], environment: dict[str, str]
):
    written = Written(
        name="-", properties={"option.model_id": MODEL, **properties}, environment=environment
    )
    wish = Wish(container=version, instance_type="ml.g5.12xlarge", name="x")
    try:
        made = import_profile(lambda _facts: written, wish)
    except InputError:
        return
    gone = {item.name for item in made.left_out}
    kept = {key: text for key, text in written.properties.items() if key not in gone}
    assert kept.items() <= render.properties(made.spec).items()
