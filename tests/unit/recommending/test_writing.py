"""What is written: a hardware profile that validates, and nothing else of the file changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer import api
from lmi_deployer.errors import InputError
from lmi_deployer.findings import errors_among
from lmi_deployer.hardware import load_profile
from lmi_deployer.recommending import Outcome, of_model, of_profile
from lmi_deployer.recommending.writing import Writing, default_name, diff, write_up
from lmi_deployer.resources import shipped_profiles
from tests.unit.recommending.asking import MISTRAL, ask, llama, mistral


def written(outcome: Outcome, rank: int = 1, name: str | None = None) -> Writing:
    return write_up(outcome, outcome.recommended[rank - 1], name)


def added_lines(writing: Writing) -> list[str]:
    before = (writing.before or "").splitlines()
    lines = diff(writing).splitlines()[2:]
    assert [line for line in lines if line.startswith("-")] == []
    assert len(before) + len([line for line in lines if line.startswith("+")]) == len(
        writing.after.splitlines()
    )
    return [line[1:] for line in lines if line.startswith("+")]


@pytest.mark.parametrize("path", shipped_profiles().values(), ids=lambda path: path.stem)
@pytest.mark.parametrize("goal", ["cost", "latency"])
def test_every_recommended_row_becomes_a_hardware_profile_without_errors(path: Path, goal: str):
    outcome = ask(of_profile(path), goal=goal, top=4)
    assert outcome.recommended
    for item in outcome.recommended:
        writing = write_up(outcome, item, None)
        checked = api.check(load_profile(writing.after, "x.yaml"), writing.hardware)
        assert errors_among(checked.findings) == ()
        assert checked.spec is not None
        assert checked.spec.tensor_parallel_degree == item.fit.candidate.tensor_parallel_degree
        assert checked.spec.backend == item.fit.candidate.backend
        assert checked.spec.weights.quantize == item.fit.candidate.method


def test_only_lines_of_the_new_hardware_profile_are_added_and_comments_stay():
    writing = written(ask(), name="chosen")
    lines = added_lines(writing)
    assert "  chosen:" in lines
    assert any(line.startswith("  # Recommended for cost at 1024 + 512 tokens") for line in lines)
    assert all(line.startswith("  ") for line in lines if line)


def test_the_new_hardware_profile_says_only_what_the_profile_does_not():
    section = ask().recommended[0].section
    assert set(section) == {
        "instance_type",
        "backend",
        "tensor_parallel_degree",
        "max_rolling_batch_size",
    }


def test_lengths_and_requests_that_were_asked_for_are_written_down():
    outcome = ask(max_input_len=2000, limits={"concurrency": 3})
    assert outcome.recommended[0].section["traffic"] == {"max_input_len": 2000, "concurrency": 3}


def test_another_container_version_is_written_down():
    outcome = ask(containers=("0.30.0",))
    assert outcome.recommended[0].section["container"] == {"version": "0.30.0"}


def test_a_dtype_that_does_not_go_with_the_method_is_taken_back():
    outcome = ask(methods=("bitsandbytes8",), limits={"backends": ("lmi-dist",)}, top=50)
    item = next(item for item in outcome.recommended if item.fit.candidate.method)
    assert item.section["model"] == {"dtype": "auto"}
    assert item.section["quantize"] == {"method": "bitsandbytes8"}


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(InputError, match="'p4d' already"):
        written(ask(), name="p4d")


@pytest.mark.parametrize("name", ["P4D", "a b", "-x", "x" * 24, ""])
def test_what_is_no_name_is_refused(name: str):
    outcome = ask()
    if not name:
        assert written(outcome, name=name).hardware == default_name(outcome.recommended[0])
        return
    with pytest.raises(InputError, match="no name"):
        written(outcome, name=name)


def test_a_bare_model_gets_a_profile_file_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    outcome = ask(mistral(), max_output_len=256)
    writing = written(outcome)
    assert writing.path == Path("profiles/mistral-7b-v0-1.yaml")
    loaded = load_profile(writing.after, str(writing.path))
    checked = api.check(loaded, writing.hardware)
    assert errors_among(checked.findings) == ()
    assert checked.spec is not None
    item = outcome.recommended[0]
    assert checked.spec.instance.name == item.fit.candidate.instance.name
    assert checked.spec.max_rolling_batch_size == item.fit.batch
    assert checked.spec.max_output_len == 256
    assert checked.spec.weights.model_id == MISTRAL


def test_a_new_profile_says_nothing_twice(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    outcome = ask(of_model("TheBloke/Llama-2-70B-AWQ"), limits={"concurrency": 8})
    text = write_up(outcome, outcome.recommended[0], None).after
    assert text.count("concurrency:") == 1
    assert text.count("awq}") + text.count("method: awq\n") == 1


def test_weights_of_a_format_that_no_setting_names_are_written_without_one(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    outcome = ask(of_model("openai/gpt-oss-20b"))
    stored = outcome.recommended[0].fit.setup.shape.stored
    assert stored is not None
    assert stored.method == "mxfp4"
    assert "quantize" not in outcome.recommended[0].section
    assert "quantize" not in write_up(outcome, outcome.recommended[0], None).after


def test_a_file_that_is_there_is_not_overwritten(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mistral-7b-v0-1.yaml").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        written(ask(mistral()))


def test_a_gated_model_is_recommended_for_and_written_only_with_a_copy(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    gated = "meta-llama/Llama-2-13b-hf"
    outcome = ask(of_model(gated), containers=("0.30.0",))
    with pytest.raises(InputError, match="gated"):
        written(outcome)
    source = "s3://acme/llama/"
    outcome = ask(of_model(gated, source), containers=("0.30.0",))
    writing = write_up(outcome, outcome.recommended[0], None, source=source)
    assert f"source: {source}" in writing.after


def test_a_model_that_nobody_knows_is_refused_with_the_way_to_know_it():
    with pytest.raises(InputError, match="nor a lock knows") as caught:
        of_model("acme/never-seen-7b")
    assert "lmi-deploy lock" in str(caught.value.fix)


def test_defaults_that_quantize_are_taken_back_for_plain_rows(tmp_path):
    text = Path(llama().file).read_text()
    text = text.replace("  tensor_parallel_degree: 8\n", "  quantize: {method: bitsandbytes8}\n")
    path = tmp_path / "chat.yaml"
    path.write_text(text)
    outcome = ask(of_profile(path), limits={"instances": ("ml.p4d.24xlarge",)}, top=50)
    plain = [item for item in outcome.recommended if item.fit.candidate.method is None]
    assert plain
    assert all(item.section["quantize"] == "none" for item in plain)
