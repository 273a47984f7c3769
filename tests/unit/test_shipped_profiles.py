from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lmi_deployer import render
from lmi_deployer.checks import check
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import find_profile, shipped_profiles
from tests.conftest import GOLDEN, UPDATE
from tests.java_properties import NO_JAVA, has_java, read_with_java

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmi_deployer.spec import ResolvedSpec

SHIPPED = (
    "codellama-34b",
    "falcon-40b",
    "falcon-7b",
    "flan-t5-xxl",
    "gpt-j-6b",
    "gpt-neox-20b",
    "llama2-13b",
    "llama2-70b",
    "llama2-7b",
    "mistral-7b",
)
OTHER_FORMS = ("llama2-70b/p4d/environment", "llama2-70b/p4d/properties.json")
SOURCE = re.compile(r"https://github\.com/deepjavalibrary/djl-serving/blob/(0\.2[56]\.0-dlc)/\S+")


def load(name: str) -> LoadedProfile:
    path = find_profile(name)
    return load_profile(path.read_text(encoding="utf-8"), f"profiles/{path.name}")


PAIRS = tuple((name, hardware) for name in SHIPPED for hardware in load(name).hardware_names)
every_pair = pytest.mark.parametrize(("name", "hardware"), PAIRS, ids="/".join)


def spec_of(name: str, hardware: str) -> ResolvedSpec:
    return resolve(merge(load(name), hardware))


def golden_name(name: str, hardware: str) -> str:
    return f"{name}/{hardware}/{render.PROPERTIES_FILE}"


def split_plainly(text: str) -> dict[str, str]:
    """Read properties as the container's compile scripts do: no escapes, no continuations."""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_these_profiles_are_shipped() -> None:
    assert tuple(shipped_profiles()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_profile_is_named_like_its_file(name: str) -> None:
    assert load(name).profile.name == name


@every_pair
def test_every_shipped_profile_renders_its_golden_file(
    name: str, hardware: str, golden: Callable[[str, str], None]
) -> None:
    golden(golden_name(name, hardware), render.serving_properties(spec_of(name, hardware)))


def test_the_other_forms_render_their_golden_files(golden: Callable[[str, str], None]) -> None:
    spec = spec_of("llama2-70b", "p4d")
    environment, as_json = OTHER_FORMS
    golden(environment, render.as_environment_file(spec))
    golden(as_json, render.as_json(spec))


def test_no_golden_file_is_left_over() -> None:
    wanted = {golden_name(*pair) for pair in PAIRS} | set(OTHER_FORMS)
    ours = {name.partition("/")[0] for name in wanted}
    found = {
        path.relative_to(GOLDEN).as_posix()
        for folder in ours
        for path in (GOLDEN / folder).rglob("*")
        if path.is_file()
    }
    stale = sorted(found - wanted)
    assert not stale, f"remove from tests/golden: {', '.join(stale)}"


@every_pair
def test_every_shipped_profile_is_valid_without_warnings(name: str, hardware: str) -> None:
    findings = check(spec_of(name, hardware))
    assert [str(item) for item in findings if item.severity != "note"] == []


@every_pair
def test_rendering_twice_gives_the_same_text(name: str, hardware: str) -> None:
    first, second = spec_of(name, hardware), spec_of(name, hardware)
    assert render.serving_properties(first) == render.serving_properties(second)


@every_pair
def test_the_compile_scripts_read_the_same_pairs(name: str, hardware: str) -> None:
    spec = spec_of(name, hardware)
    assert split_plainly(render.serving_properties(spec)) == render.properties(spec)


@pytest.mark.skipif(not has_java(), reason=NO_JAVA)
def test_java_reads_the_same_pairs_from_every_golden_file() -> None:
    read = read_with_java([GOLDEN / golden_name(*pair) for pair in PAIRS])
    assert read == [render.properties(spec_of(*pair)) for pair in PAIRS]


@every_pair
def test_every_hardware_profile_says_where_it_is_published(name: str, hardware: str) -> None:
    text = find_profile(name).read_text(encoding="utf-8")
    section = text.partition("\nprofiles:\n")[2]
    above, _, _ = section.partition(f"\n  {hardware}:\n")
    comment = ("\n" + above).rpartition("\n\n")[2]
    assert SOURCE.search(comment), f"no source above {hardware} in {name}.yaml"
    assert all(line.lstrip().startswith("#") for line in comment.strip().splitlines())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_first_line_tells_editors_the_schema(name: str) -> None:
    first = find_profile(name).read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../lmi_deployer/profile.schema.json"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_profile_is_short_plain_ascii(name: str) -> None:
    text = find_profile(name).read_bytes()
    assert text.isascii()
    assert b"\r" not in text
    assert b"\t" not in text
    assert text.endswith(b"\n")


def test_every_backend_and_method_of_the_early_releases_is_shown() -> None:
    specs = [spec_of(*pair) for pair in PAIRS]
    backends = {spec.backend for spec in specs}
    methods = {spec.weights.quantize for spec in specs}
    assert backends >= {"trtllm", "lmi-dist", "vllm", "deepspeed", "hf-accelerate", "neuronx"}
    assert methods >= {None, "smoothquant", "gptq", "awq"}


def test_a_newer_container_is_used_only_where_the_older_one_does_not_serve_the_profile() -> None:
    newer = {
        pair: spec.backend
        for pair in PAIRS
        if (spec := spec_of(*pair)).container.version != "0.25.0"
    }
    assert newer == {
        ("codellama-34b", "p4d"): "trtllm",
        ("gpt-j-6b", "g5-trtllm"): "trtllm",
        ("mistral-7b", "g5-lmi-dist"): "lmi-dist",
        ("mistral-7b", "g5-trtllm"): "trtllm",
    }


@every_pair
def test_no_shipped_profile_needs_a_token(name: str, hardware: str) -> None:
    facts = spec_of(name, hardware).weights.facts
    assert facts is not None
    assert not facts.is_gated


def test_llama2_70b_on_p4d_sets_what_its_users_rely_on() -> None:
    pairs = render.properties(spec_of("llama2-70b", "p4d"))
    assert pairs["engine"] == "MPI"
    assert pairs["option.model_id"] == "TheBloke/Llama-2-70B-fp16"
    assert pairs["option.tensor_parallel_degree"] == "8"
    assert pairs["option.use_custom_all_reduce"] == "true"
    assert pairs["option.max_rolling_batch_size"] == "128"
    assert pairs["option.output_formatter"] == "json"
    assert int(pairs["option.model_loading_timeout"]) == 3300


def test_a_missing_golden_file_comes_with_the_command_that_makes_it(
    golden: Callable[[str, str], None], pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption(UPDATE):
        pytest.skip("it would be made")
    with pytest.raises(pytest.fail.Exception, match=f"pytest {UPDATE} 'tests/unit"):
        golden("no/such/file", "")
