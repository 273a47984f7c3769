from __future__ import annotations

import re
from pathlib import Path

import pytest

from lmi_deployer.checks import check
from lmi_deployer.findings import Finding, ProfileError
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.profile import (
    LATER,
    CompileSection,
    EndpointSection,
    HardwareProfile,
    ModelProfile,
    ModelSection,
    QualitySection,
)
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import find_profile, shipped_profiles
from tests.specs import PROFILE, make_spec

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"
TEXT = PAGE.read_text(encoding="utf-8")


def block(language: str, under: str = "") -> str:
    """The first fenced block of this language, of the page or below one of its headings."""
    text = TEXT.partition(f"## {under}\n")[2] if under else TEXT
    return str(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0])


def example() -> LoadedProfile:
    return load_profile(block("yaml"), "chat.yaml")


@pytest.mark.parametrize("hardware", example().hardware_names)
def test_the_example_is_valid_without_warnings(hardware: str) -> None:
    findings = check(resolve(merge(example(), hardware)))
    assert [str(item) for item in findings if item.severity != "note"] == []


def test_what_the_example_says_about_itself_is_true() -> None:
    specs = {name: resolve(merge(example(), name)) for name in example().hardware_names}
    assert specs["g5"].copies == 2
    assert specs["g5-trtllm"].tensor_parallel_degree == 4
    assert specs["g5-awq"].settings["model_id"] == "TheBloke/Llama-2-13B-AWQ"
    assert {spec.endpoint.instance_count for spec in specs.values()} == {2}


def test_the_error_that_is_shown_is_the_one_that_is_given() -> None:
    lines = block("yaml").splitlines()
    wrong = "    tensor_paralel_degree: 2"
    at = next(number for number, line in enumerate(lines) if "tensor_parallel_degree: 2" in line)
    lines[at] = wrong
    with pytest.raises(ProfileError) as caught:
        load_profile("\n".join(lines), "chat.yaml")
    shown = re.sub(r":\d+:", ":LINE:", block("text"), count=1)
    given = re.sub(r":\d+:", ":LINE:", str(caught.value), count=1)
    assert given == shown.rstrip()


def test_the_lines_about_compiling_do_what_the_page_says() -> None:
    lines = block("yaml", under="Compiling ahead of time")
    text = PROFILE.replace("backend: lmi-dist\n", "backend: trtllm\n") + lines
    spec = resolve(merge(load_profile(text, "chat.yaml"), "g5"))
    assert spec.compilation is not None
    assert spec.compilation.instance.name != spec.instance.name
    assert spec.compilation.quality is not None
    assert [str(item) for item in check(spec) if item.severity == "error"] == []


def test_every_key_is_in_the_tables() -> None:
    keys = set(ModelProfile.model_fields) | set(HardwareProfile.model_fields)
    keys |= {f"model.{name}" for name in ModelSection.model_fields}
    keys |= {f"compile.{name}" for name in CompileSection.model_fields}
    keys |= {f"quality.{name}" for name in QualitySection.model_fields}
    keys |= {f"endpoint.{name}" for name in EndpointSection.model_fields if name != "mode"}
    keys -= {"endpoint", "compile", "quality"}
    tables = "\n".join(line for line in TEXT.splitlines() if line.startswith("|"))
    assert sorted(key for key in keys if f"`{key}`" not in tables) == []


def test_the_overrides_that_are_shown_work() -> None:
    shown = re.findall(r"`--set '?([a-z].*?)'?`", TEXT)
    overrides = [text for text in shown if text != "key=value"]
    assert len(overrides) == 5
    assert 'container.version="0.30"' in overrides
    overrides.remove('container.version="0.30"')
    make_spec("instance_type=ml.g5.12xlarge", *overrides)


def test_the_later_keys_that_are_named_are_refused() -> None:
    for key in ("budget", "autoscaling"):
        assert key in LATER
        with pytest.raises(ProfileError) as caught:
            load_profile(f"{PROFILE}    {key}: 1\n", "p.yaml")
        (finding,) = caught.value.findings
        assert isinstance(finding, Finding)
        assert finding.code == "LMI005"


def test_the_table_of_shipped_profiles_is_complete() -> None:
    table = TEXT.partition("## Profiles that come with")[2]
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", table, re.MULTILINE))
    assert set(rows) == set(shipped_profiles())
    for name, listed in rows.items():
        loaded = load_profile(find_profile(name).read_text(encoding="utf-8"), name)
        assert re.findall(r"`([a-z0-9-]+)`", listed) == list(loaded.hardware_names)
